//! The storefront's first page: lists for this visitor, or what was found.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use serve::Decision;
use serve::search::{SearchRequest, SearchResults};
use shop::{Event, EventKind, Filter, Record};
use store::{Entry, NewEntry};

use super::cards::{Card, items};
use super::layout;
use super::lists::{self, Scenario};
use super::visitor::{Visitor, encode};
use super::words;
use crate::app::{App, now};
use crate::http::extract::Parameters;
use crate::http::search::search;
use locale::Locale;

/// Products on one page of results.
const PAGE: usize = 24;

/// Products in one row.
pub const ROW: usize = 12;

/// What the visitor looks for.
struct Looking {
    query: String,
    category: Option<String>,
    page: usize,
}

impl Looking {
    fn of(parameters: &Parameters) -> Self {
        Self {
            query: parameters
                .text("q")
                .unwrap_or_default()
                .chars()
                .take(200)
                .collect(),
            category: parameters.text("category").map(str::to_owned),
            page: parameters.number("page", 1, 1..=200).unwrap_or(1),
        }
    }

    fn is_anything(&self) -> bool {
        !self.query.is_empty() || self.category.is_some() || self.page > 1
    }

    fn link(&self, category: Option<&str>, page: usize) -> String {
        let mut link = format!("/?q={}", encode(&self.query));
        if let Some(category) = category {
            link.push_str(&format!("&category={}", encode(category)));
        }
        if page > 1 {
            link.push_str(&format!("&page={page}"));
        }
        link
    }
}

/// `GET /`.
pub async fn home(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    parameters: Parameters,
) -> Response {
    let looking = Looking::of(&parameters);
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
                Ok(found) => (results(text, &looking, found)),
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
    looking: &Looking,
) -> Result<Decision<SearchResults>, String> {
    let request = SearchRequest {
        q: looking.query.clone(),
        limit: PAGE,
        offset: (looking.page - 1) * PAGE,
        filter: Filter {
            category: looking.category.clone().into_iter().collect(),
            ..Filter::default()
        },
        facets: vec!["category".to_owned()],
        customer: visitor.customer.clone(),
        session: Some(visitor.session.clone()),
        ..SearchRequest::default()
    };
    let found = search(app, request).await.map_err(|error| error.message)?;
    if !looking.query.is_empty() && looking.page == 1 {
        remember(app, visitor, looking, &found);
    }
    Ok(found)
}

/// Writes the search down beside the answer; the page does not wait for it.
fn remember(app: &Arc<App>, visitor: &Visitor, looking: &Looking, found: &Decision<SearchResults>) {
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

fn results(text: &Locale, looking: &Looking, found: &Decision<SearchResults>) -> Markup {
    let results = &found.content;
    let cards: Vec<Card> = results
        .hits
        .iter()
        .zip((looking.page - 1) * PAGE + 1..)
        .map(|(hit, position)| Card {
            product: hit.product.clone(),
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
            (categories(text, looking, results))
            @if cards.is_empty() {
                p class="empty" { (text.no_results) }
            } @else {
                ul class="grid" { (items(text, &cards)) }
            }
            (pages(looking, results.total))
            @if !results.related.is_empty() {
                ul class="chips" aria-label=(text.related) {
                    @for query in &results.related { li { a href=(format!("/?q={}", encode(query))) { (query) } } }
                }
            }
        }
    }
}

fn categories(text: &Locale, looking: &Looking, results: &SearchResults) -> Markup {
    let facets = results
        .facets
        .get("category")
        .map(Vec::as_slice)
        .unwrap_or_default();
    html! {
        @if !facets.is_empty() || looking.category.is_some() {
            ul class="chips" {
                li { a href=(looking.link(None, 1)) aria-current=[looking.category.is_none().then_some("true")] { (text.all) } }
                @for facet in facets.iter().take(24) {
                    @let chosen = looking.category.as_deref() == Some(&facet.value);
                    li {
                        a href=(looking.link(Some(&facet.value), 1)) aria-current=[chosen.then_some("true")] {
                            (facet.value) span class="count" { (facet.count) }
                        }
                    }
                }
            }
        }
    }
}

fn pages(looking: &Looking, total: usize) -> Markup {
    let last = total.div_ceil(PAGE).max(1);
    let category = looking.category.as_deref();
    html! {
        @if last > 1 {
            p class="back" {
                @if looking.page > 1 { a class="button" href=(looking.link(category, looking.page - 1)) rel="prev" { "←" } " " }
                (looking.page) " / " (last) " "
                @if looking.page < last { a class="button" href=(looking.link(category, looking.page + 1)) rel="next" { "→" } }
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
