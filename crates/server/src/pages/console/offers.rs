use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use maud::{Markup, html};
use shop::{CouponState, Discount};

use crate::app::App;
use crate::pages::layout;
use crate::pages::visitor::Visitor;
use locale::Locale;

/// `GET /console/offers`.
pub async fn page(State(app): State<Arc<App>>, visitor: Visitor) -> Response {
    let text = visitor.text();
    let content = match app.store.coupons().await {
        Ok(coupons) => content(text, &coupons),
        Err(error) => html! { p class="empty" { (error) } },
    };
    let page = layout::console(&visitor, "/console/offers", text.offers, content);
    visitor.respond(page)
}

fn content(text: &Locale, coupons: &[CouponState]) -> Markup {
    html! {
        div class="panes" {
            section class="pane scroll" {
                h2 { (text.coupon) }
                @if coupons.is_empty() { p class="soft" { (text.nothing_yet) } }
                @else {
                    table {
                        thead { tr { th { (text.code) } th { (text.discount) } th class="number" { (text.redeemed) } th class="number" { (text.limit) } th class="number" { (text.limit_per_customer) } } }
                        tbody { @for state in coupons { (row(text, state)) } }
                    }
                }
            }
            section class="pane" {
                h2 { (text.define_coupon) }
                form id="coupon-form" {
                    p { label for="code" { (text.code) } br; input id="code" name="code" required maxlength="60"; }
                    p { label for="percent" { (text.percent) } br; input id="percent" name="percent" type="number" min="0.01" max="100" step="0.01" required; }
                    p { label for="limit" { (text.limit) } br; input id="limit" name="limit" type="number" min="1"; }
                    p { label for="per" { (text.limit_per_customer) } br; input id="per" name="limit_per_customer" type="number" min="1"; }
                    button class="primary" { (text.define_coupon) }
                }
            }
        }
    }
}

fn row(text: &Locale, state: &CouponState) -> Markup {
    let coupon = &state.coupon;
    let limit = |limit: Option<u64>| {
        limit.map_or_else(
            || "∞".to_owned(),
            |limit| text.integer(i64::try_from(limit).unwrap_or(i64::MAX)),
        )
    };
    html! {
        tr {
            td { code { (coupon.code) } }
            td {
                @match &coupon.discount {
                    Discount::Percent { basis_points, .. } => (text.share(text.decimal(f64::from(*basis_points) / 100.0, if basis_points % 100 == 0 { 0 } else { 2 }))),
                    Discount::Amount { off } => (text.money(*off)),
                }
                @if let Some(minimum) = coupon.minimum { div class="soft small" { "≥ " (text.money(minimum)) } }
            }
            td class="number" { (state.redeemed) }
            td class="number" { (limit(coupon.limit)) }
            td class="number" { (limit(coupon.limit_per_customer)) }
        }
    }
}
