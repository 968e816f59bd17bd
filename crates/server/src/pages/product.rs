//! One product with all that is known about it.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};
use shop::{Id, Product, Review};
use store::Snapshot;

use super::cards::{items, price, stars};
use super::layout;
use super::lists::{self, Scenario};
use super::storefront::ROW;
use super::tile::tile;
use super::variants::{attribute, axes, choice, variants_of};
use super::visitor::{Visitor, encode};
use super::words;
use crate::app::App;
use crate::http::extract::Parameters;
use locale::Locale;

/// Reviews on the page.
const SHOWN_REVIEWS: usize = 20;

/// `GET /products/{id}`.
pub async fn page(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Path(id): Path<String>,
    parameters: Parameters,
) -> Response {
    let snapshot = app.snapshot();
    let product = Id::new(&id)
        .ok()
        .and_then(|id| snapshot.catalogue.by_id(&id).cloned());
    let Some(product) = product else {
        return missing(&app, visitor);
    };
    let text = visitor.text();
    let variants = variants_of(&snapshot, &product);
    let main = html! {
        main id="main"
            data-product=(product.id)
            data-title=(product.title)
            data-amount=[product.price.map(|price| price.amount)]
            data-currency=[product.price.map(|price| price.currency)]
            data-decision=[parameters.text("decision")]
            data-position=[parameters.text("position")]
            data-query=[parameters.text("q")] {
            (crumbs(text, &product))
            div class="product" {
                div class="tile" { (tile(&product)) }
                (facts(text, &product, &choice(&axes(&product, &variants), &followed(&parameters))))
            }
            (row(&app, &visitor, Scenario::Similar, &product.id, text.similar).await)
            (row(&app, &visitor, Scenario::BoughtTogether, &product.id, text.bought_together).await)
            (reviews(&app, &snapshot, text, &product.id))
        }
    };
    let page = layout::storefront(&app, &visitor, &product.title, "", main);
    visitor.respond(page)
}

/// The page that is not there.
pub fn missing(app: &App, visitor: Visitor) -> Response {
    let text = visitor.text();
    let main = html! {
        main id="main" { p class="empty" { (text.not_found) " " a href="/" { (text.home) } } }
    };
    let page = layout::storefront(app, &visitor, text.not_found, "", main);
    let mut response = visitor.respond(page);
    *response.status_mut() = StatusCode::NOT_FOUND;
    response
}

fn crumbs(text: &Locale, product: &Product) -> Markup {
    html! {
        nav class="crumbs" aria-label=(text.category) {
            a href="/" { (text.home) }
            @for part in &product.category {
                " › " a href=(format!("/?category={}", encode(part))) { (part) }
            }
        }
    }
}

/// What led to the page, for the pages of the other variants.
fn followed(parameters: &Parameters) -> String {
    let mut followed = String::new();
    for name in ["decision", "position", "q"] {
        if let Some(value) = parameters.text(name) {
            let mark = if followed.is_empty() { '?' } else { '&' };
            followed.push_str(&format!("{mark}{name}={}", encode(value)));
        }
    }
    followed
}

fn facts(text: &Locale, product: &Product, choice: &Markup) -> Markup {
    let orderable = product.availability.can_be_ordered();
    html! {
        div {
            h1 lang=[product.language.as_deref()] { (product.title) }
            p { (stars(text, product)) }
            p { (price(text, product.price, product.list_price)) }
            @if let Some(description) = &product.description { p lang=[product.language.as_deref()] { (description) } }
            (choice)
            dl class="facts" {
                dt { (text.availability) }
                dd {
                    @if orderable { span class="badge good" { (text.in_stock) } }
                    @else { span class="badge warm" { (text.out_of_stock) } }
                }
                @if let Some(brand) = &product.brand { dt { (text.brand) } dd { (brand) } }
                @for (name, value) in &product.attributes {
                    dt lang=[product.language.as_deref()] { (name) } dd lang=[product.language.as_deref()] { (attribute(value)) }
                }
            }
            div class="actions" {
                button type="button" class="primary" data-event="add_to_cart" data-said=(text.added) disabled[!orderable] { (text.add_to_cart) }
                button type="button" data-event="wishlist" data-said=(text.remembered) { "♡ " (text.wishlist) }
                button type="button" class="quiet" data-event="hide" data-said=(text.hidden) { (text.hide) }
            }
        }
    }
}

async fn row(
    app: &Arc<App>,
    visitor: &Visitor,
    scenario: Scenario,
    product: &Id,
    title: &str,
) -> Markup {
    let cards = lists::cards(app, visitor, scenario, Some(product.clone()), ROW).await;
    let fragment = format!(
        "/fragments/{}?product={}",
        scenario.name(),
        encode(product.as_str())
    );
    html! {
        @if !cards.is_empty() {
            section aria-label=(title) {
                div class="section-head" { h2 { (title) } }
                ul class="row" data-fragment=(fragment) { (items(visitor.text(), &cards)) }
            }
        }
    }
}

fn reviews(app: &App, snapshot: &Snapshot, text: &Locale, product: &Id) -> Markup {
    let mut reviews: Vec<Arc<Review>> = snapshot
        .reviews_of
        .get(product)
        .into_iter()
        .flat_map(|ids| ids.iter())
        .filter_map(|id| snapshot.reviews.get(id).cloned())
        .collect();
    reviews.sort_by(|left, right| (right.time, &right.id).cmp(&(left.time, &left.id)));
    let loaded = app.loaded();
    html! {
        section {
            div class="section-head" { h2 { (text.reviews) } span class="soft" { (text.integer(reviews.len() as i64)) } }
            @if reviews.is_empty() { p class="soft" { (text.no_reviews) } }
            @for review in reviews.iter().take(SHOWN_REVIEWS) {
                article class="review" lang=[review.language.as_deref()] {
                    div {
                        @if let Some(rating) = review.rating {
                            span class="stars" { "★ " (rating) } " "
                        }
                        @if let Some(part) = &loaded.insight {
                            (words::polarity_badge(text, words::polarity_of(part, &review.id)))
                        }
                        @if let Some(time) = review.time { span class="soft small" { " " (text.date(time)) } }
                    }
                    @if let Some(title) = &review.title { strong { (title) } }
                    p { (review.text) }
                }
            }
        }
    }
}
