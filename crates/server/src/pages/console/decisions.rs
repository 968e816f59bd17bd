use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};
use serde_json::Value;
use shop::{DecisionRecord, Id, Service};
use store::Snapshot;

use super::live::short;
use super::stages;
use crate::app::App;
use crate::http::decisions::latest;
use crate::pages::visitor::{Visitor, encode};
use crate::pages::{layout, words};
use locale::Locale;

const PATH: &str = "/console/decisions";

/// `GET /console/decisions`.
pub async fn list(State(app): State<Arc<App>>, visitor: Visitor) -> Response {
    let text = visitor.text();
    app.flush().await;
    let mut decisions = latest(&app, None, 60);
    for decision in &mut decisions {
        // A customer's own words are kept with the reasons.
        if decision.service == Service::Support
            && let Ok(Some(found)) = app.store.decision(&decision.id).await
        {
            *decision = Arc::new(found.decision);
        }
    }
    let content = html! {
        @if decisions.is_empty() { p class="empty" { (text.nothing_yet) } }
        @else {
            div class="pane scroll" {
                table {
                    thead { tr { th { (text.time) } th { (text.service) } th { (text.request) } th { (text.who) } th class="number" { (text.shown) } } }
                    tbody { @for decision in &decisions { (row(text, decision)) } }
                }
            }
        }
    };
    let page = layout::console(&visitor, PATH, text.decisions, content);
    visitor.respond(page)
}

fn row(text: &Locale, decision: &DecisionRecord) -> Markup {
    html! {
        tr {
            td class="soft small" { (text.date_time(decision.time)) }
            td { (words::of_service(text, decision.service)) }
            td { a href=(format!("{PATH}/{}", encode(decision.id.as_str()))) { (asked(decision)) } }
            td { (decision.customer_id.as_ref().map_or("–", Id::as_str)) }
            td class="number" { (decision.shown.len()) }
        }
    }
}

/// The request in a few words.
fn asked(decision: &DecisionRecord) -> String {
    let request = &decision.explanation["request"];
    let words: Vec<&str> = ["q", "message", "scenario", "product"]
        .into_iter()
        .filter_map(|field| request[field].as_str())
        .filter(|word| !word.is_empty())
        .collect();
    if words.is_empty() {
        "…".to_owned()
    } else {
        crate::pages::chart::shortened(&words.join(" · "), 70)
    }
}

/// `GET /console/decisions/{id}`.
pub async fn one(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Path(id): Path<String>,
) -> Response {
    let text = visitor.text();
    app.flush().await;
    let snapshot = app.snapshot();
    let decision = match Id::new(&id) {
        Ok(id) => {
            let found = app.store.decision(&id).await.ok().flatten();
            found.map(|found| found.decision)
        }
        Err(_) => None,
    };
    let content = html! {
        p { a href=(PATH) { "← " (text.decisions) } }
        @match &decision {
            Some(decision) => (explained(text, &snapshot, decision)),
            None => p class="empty" { (text.nothing_yet) },
        }
    };
    let page = layout::console(&visitor, PATH, text.why_title, content);
    let mut response = visitor.respond(page);
    if decision.is_none() {
        *response.status_mut() = StatusCode::NOT_FOUND;
    }
    response
}

fn explained(text: &Locale, snapshot: &Snapshot, decision: &DecisionRecord) -> Markup {
    let explanation = &decision.explanation;
    let pretty = |value: &Value| serde_json::to_string_pretty(value).unwrap_or_default();
    let thumbs = snapshot
        .thumbs
        .get(&decision.id)
        .copied()
        .unwrap_or_default();
    html! {
        dl class="facts" {
            dt { (text.time) } dd { (text.date_time(decision.time)) }
            dt { (text.service) } dd { (words::of_service(text, decision.service)) }
            dt { (text.customer) } dd { (decision.customer_id.as_ref().map_or("–", Id::as_str)) }
            dt { (text.models) } dd {
                @for model in &decision.models { code { (model.service.name()) "/" (short(Some(&model.version))) } " " }
            }
            @if thumbs != 0 { dt { (text.feedback) } dd { (format!("{thumbs:+}")) } }
        }
        h2 { (text.stages) }
        (stages(text, &decision.stages))
        h2 { (text.request) }
        pre { (pretty(&explanation["request"])) }
        @if let Some(answer) = explanation["answer"].as_str() {
            h2 { (text.role_agent) }
            p { (answer) }
        }
        @if !decision.shown.is_empty() { (shown_products(text, snapshot, decision)) }
        @if let Some(citations) = explanation["citations"].as_array() {
            h2 { (text.source) }
            @for citation in citations {
                blockquote {
                    (citation["quote"].as_str().unwrap_or_default())
                    div class="small" { code { (citation["source"].as_str().unwrap_or_default()) } }
                }
            }
        }
    }
}

fn shown_products(text: &Locale, snapshot: &Snapshot, decision: &DecisionRecord) -> Markup {
    let reasons = decision.explanation["reasons"].as_array();
    let reason_of = |id: &Id| {
        reasons?
            .iter()
            .find(|reason| reason["id"].as_str() == Some(id.as_str()))
            .cloned()
    };
    html! {
        h2 { (text.shown) }
        div class="pane scroll" {
            table {
                thead { tr { th { "#" } th { (text.product) } th { (text.reasons) } th class="number" { (text.score) } } }
                tbody {
                    @for (place, id) in (1..).zip(&decision.shown) {
                        @let reason = reason_of(id).unwrap_or_default();
                        tr {
                            td { (place) }
                            td {
                                a href=(format!("/products/{}", encode(id.as_str()))) {
                                    (snapshot.catalogue.by_id(id).map_or(id.as_str(), |product| product.title.as_str()))
                                }
                            }
                            td class="small" { (reasons_in_words(text, &reason["reasons"])) }
                            td class="number" { (format!("{:.3}", reason["score"].as_f64().unwrap_or_default())) }
                        }
                    }
                }
            }
        }
    }
}

/// Reasons as the record keeps them: of a recommendation or of a search.
fn reasons_in_words(text: &Locale, reasons: &Value) -> String {
    let one = |reason: &Value| {
        if let Ok(reason) = serde_json::from_value::<serve::recommend::Reason>(reason.clone()) {
            return reason.text(text);
        }
        match serde_json::from_value(reason.clone()) {
            Ok(reason) => words::of_reason(text, &reason),
            Err(_) => reason.to_string(),
        }
    };
    let all = reasons.as_array().map(Vec::as_slice).unwrap_or_default();
    all.iter().map(one).collect::<Vec<_>>().join(" · ")
}
