//! The storefront's first page: lists for this visitor, or what was found.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use serve::Decision;
use serve::search::{SearchRequest, SearchResults};
use shop::{Event, EventKind, Record};
use store::{Entry, NewEntry, Snapshot};

use super::cards::{Card, items};
use super::layout;
use super::lists::{self, Scenario};
use super::refinement::{PAGE, Refinement};
use super::variants::orderable;
use super::visitor::{Visitor, encode};
use super::words;
use crate::app::{App, now};
use crate::http::extract::Parameters;
use crate::http::search::search;
use locale::Locale;

/// Products in one row.
pub const ROW: usize = 12;

/// `GET /`.
pub async fn home(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    parameters: Parameters,
) -> Response {
    let looking = Refinement::of(&parameters);
    let text = visitor.text();
    let found = find(&app, &visitor, &looking).await;
    if let Ok(found) = &found
        && let Some(address) = &found.content.redirect
    {
        return Redirect::to(address).into_response();
    }
    let rows = if looking.is_anything() {
        html! {}
    } else {
        html! {
            (row(&app, &visitor, Scenario::ForYou, text.for_you).await)
            (row(&app, &visitor, Scenario::Trending, text.trending).await)
        }
    };
    let main = html! {
        main id="main" {
            (rows)
            @match &found {
                Ok(found) => (results(text, &app.snapshot(), &looking, found)),
                Err(message) => p class="empty" { (message) },
            }
        }
    };
    let page = layout::storefront(&app, &visitor, text.shop_name, &looking.query, main);
    visitor.respond(page)
}

/// Searches or browses, and remembers what was searched for.
async fn find(
    app: &Arc<App>,
    visitor: &Visitor,
    looking: &Refinement,
) -> Result<Decision<SearchResults>, String> {
    let request = SearchRequest {
        customer: visitor.customer.clone(),
        session: Some(visitor.session.clone()),
        ..looking.request(app.config.currency)
    };
    let found = search(app, request).await.map_err(|error| error.message)?;
    if !looking.query.is_empty() && looking.page == 1 {
        remember(app, visitor, looking, &found);
    }
    Ok(found)
}

/// Writes the search down beside the answer; the page does not wait for it.
fn remember(
    app: &Arc<App>,
    visitor: &Visitor,
    looking: &Refinement,
    found: &Decision<SearchResults>,
) {
    let mut event = Event::new(EventKind::Search, now());
    event.customer_id.clone_from(&visitor.customer);
    event.session_id = Some(visitor.session.clone());
    event.query = Some(looking.query.clone());
    event.decision_id = Some(found.decision_id.clone());
    let store = app.store.clone();
    tokio::spawn(async move {
        let entry = Entry::Record(Record::Event(event));
        if let Err(error) = store.append(vec![NewEntry { id: None, entry }]).await {
            tracing::error!(%error, "a search could not be written to the log");
        }
    });
}

async fn row(app: &Arc<App>, visitor: &Visitor, scenario: Scenario, title: &str) -> Markup {
    let cards = lists::cards(app, visitor, scenario, None, ROW).await;
    html! {
        @if !cards.is_empty() {
            section aria-label=(title) {
                div class="section-head" { h2 { (title) } }
                ul class="row" data-fragment=(format!("/fragments/{}", scenario.name())) {
                    (items(visitor.text(), &cards))
                }
            }
        }
    }
}

fn results(
    text: &Locale,
    snapshot: &Snapshot,
    looking: &Refinement,
    found: &Decision<SearchResults>,
) -> Markup {
    let results = &found.content;
    let cards: Vec<Card> = results
        .hits
        .iter()
        .zip((looking.page - 1) * PAGE + 1..)
        .map(|(hit, position)| Card {
            product: orderable(snapshot, &hit.product),
            title_html: hit.highlight.get(&corpus::search::Field::Title).cloned(),
            reason: hit
                .reasons
                .iter()
                .find_map(|reason| words::telling(text, reason)),
            decision_id: Some(found.decision_id.clone()),
            position,
            query: (!looking.query.is_empty()).then(|| looking.query.clone()),
        })
        .collect();
    html! {
        section {
            div class="section-head" {
                h2 {
                    @if looking.query.is_empty() { (text.browse) }
                    @else { "“" (looking.query) "”" }
                }
                span class="soft" { (text.results(results.total)) }
                @if let Some(corrected) = &results.corrected {
                    span { (text.corrected) " " strong { (corrected) } }
                }
            }
            @for banner in &results.banners { p class="pane" { (banner) } }
            @if results.interpreted.nearest && !cards.is_empty() { p class="soft" { (text.nearest) } }
            (looking.categories(text, results))
            (looking.form(text, results))
            (looking.chosen(text))
            @if cards.is_empty() {
                p class="empty" { (text.no_results) }
            } @else {
                ul class="grid" { (items(text, &cards)) }
            }
            (looking.pages(results.total))
            @if !results.related.is_empty() {
                ul class="chips" aria-label=(text.related) {
                    @for query in &results.related { li { a href=(format!("/?q={}", encode(query))) { (query) } } }
                }
            }
        }
    }
}

/// `GET /fragments/{scenario}`: the items of a row, as they are now.
pub async fn fragment(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Path(scenario): Path<String>,
    parameters: Parameters,
) -> Response {
    let Some(scenario) = Scenario::from_name(&scenario) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let product = parameters.id("product").ok().flatten();
    let cards = lists::cards(&app, &visitor, scenario, product, ROW).await;
    let content = items(visitor.text(), &cards);
    visitor.respond(content)
}
