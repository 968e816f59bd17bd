use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use maud::{Markup, PreEscaped, html};
use serve::Decision;
use serve::search::{Hit, SearchRequest, SearchResults};

use super::stages;
use crate::app::App;
use crate::http::extract::Parameters;
use crate::http::search::search;
use crate::pages::visitor::{Visitor, encode};
use crate::pages::{layout, words};
use locale::Locale;

/// `GET /console/search`: what a search answers, and why.
pub async fn page(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    parameters: Parameters,
) -> Response {
    let text = visitor.text();
    let query = parameters.text("q").unwrap_or_default().to_owned();
    let customer = parameters.id("customer").ok().flatten();
    let request = SearchRequest {
        q: query.clone(),
        limit: 15,
        customer: customer.clone(),
        explain: true,
        ..SearchRequest::default()
    };
    let found = search(&app, request).await;
    let content = html! {
        form class="inline-form" method="get" role="search" {
            label class="visually-hidden" for="q" { (text.search) }
            input id="q" type="search" name="q" value=(query) placeholder=(text.search_placeholder);
            label class="visually-hidden" for="customer" { (text.customer) }
            input id="customer" name="customer" value=[customer.as_ref()] placeholder=(text.customer);
            button class="primary" { (text.search) }
        }
        @match &found {
            Ok(found) => (results(text, found)),
            Err(error) => p class="empty" { (error.message) },
        }
    };
    let page = layout::console(&visitor, "/console/search", text.search_preview, content);
    visitor.respond(page)
}

fn results(text: &Locale, found: &Decision<SearchResults>) -> Markup {
    let results = &found.content;
    html! {
        p class="soft" {
            (text.results(results.total)) " · "
            a href=(format!("/console/decisions/{}", encode(found.decision_id.as_str()))) { (text.why_title) }
        }
        (stages(text, &found.stages))
        div class="pane scroll" {
            table {
                thead { tr { th { "#" } th { (text.product) } th { (text.reasons) } th class="number" { (text.score) } } }
                tbody {
                    @for (place, hit) in (1..).zip(&results.hits) { (row(text, place, hit)) }
                }
            }
        }
    }
}

fn row(text: &Locale, place: usize, hit: &Hit) -> Markup {
    let title = hit.highlight.get(&corpus::search::Field::Title);
    html! {
        tr {
            td { (place) }
            td {
                a href=(format!("/products/{}", encode(hit.id.as_str()))) {
                    @match title { Some(marked) => (PreEscaped(marked)), None => (hit.product.title) }
                }
                div class="soft small" { (hit.product.category.join(" › ")) }
            }
            td {
                @for reason in &hit.reasons { span class="badge" { (words::of_reason(text, reason)) } " " }
                @if let Some(parts) = &hit.explanation {
                    div class="soft small" {
                        @for (feature, part) in parts.iter().filter(|(_, part)| part.abs() > 0.005) {
                            (feature) " " (format!("{part:+.2}")) "  "
                        }
                    }
                }
            }
            td class="number" { (format!("{:.3}", hit.score)) }
        }
    }
}
