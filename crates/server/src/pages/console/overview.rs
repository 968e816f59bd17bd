use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use maud::{Markup, html};

use super::live::Figures;
use crate::app::App;
use crate::pages::layout;
use crate::pages::visitor::Visitor;
use locale::Locale;

/// A figure that the page renews: its path in [`Figures`], its name, its value.
struct Live<'a>(String, &'a str, String);

/// `GET /console`.
pub async fn page(State(app): State<Arc<App>>, visitor: Visitor) -> Response {
    let text = visitor.text();
    let content = content(text, &Figures::of(&app));
    let page = layout::console(&visitor, "/console", text.overview_title, content);
    visitor.respond(page)
}

fn content(text: &Locale, figures: &Figures) -> Markup {
    let whole = |number: u64| text.integer(i64::try_from(number).unwrap_or(i64::MAX));
    let record = |path: &'static str, name| {
        let value = figures.records.get(path).copied().unwrap_or_default();
        Live(format!("records.{path}"), name, whole(value))
    };
    let data = [
        record("products", text.products),
        record("customers", text.customers),
        record("orders", text.orders),
        record("events", text.events_received),
    ];
    let corpus = [
        record("documents", text.documents),
        record("reviews", text.reviews),
        record("conversations", text.conversations),
    ];
    let serving = figures
        .serving
        .iter()
        .map(|(service, version)| Live(format!("serving.{service}"), service, version.clone()));
    let answers = figures
        .decisions
        .iter()
        .map(|(service, count)| Live(format!("decisions.{service}"), service, whole(*count)));
    let outcome =
        |path: &str, name, value: u64| Live(format!("outcomes.{path}"), name, whole(value));
    let feedback = [
        outcome("clicks", text.clicks, figures.outcomes.clicks),
        outcome("carts", text.carts, figures.outcomes.carts),
        outcome("purchases", text.purchases, figures.outcomes.purchases),
        outcome("thumbs_up", text.thumbs_up, figures.outcomes.thumbs_up),
        outcome(
            "thumbs_down",
            text.thumbs_down,
            figures.outcomes.thumbs_down,
        ),
    ];
    html! {
        @if figures.records.get("products").is_none_or(|count| *count == 0) {
            p { a class="button primary" href="/console/import" { (text.import_first) } }
        }
        p class="soft" { (text.overview_about) }
        ol class="loop" {
            (station(text.data, "sequence", whole(figures.sequence), text.log_entries, data))
            (station(text.corpus, "texts", whole(figures.texts), text.texts_to_learn_from, corpus))
            (station(text.training, "trained", whole(figures.trained as u64), text.versions_trained, serving))
            (station(text.service, "answers", whole(figures.answers), text.answers_given, answers))
            (station(text.feedback, "feedback", whole(figures.feedback), text.events_received, feedback))
        }
        p class="back" { (text.loop_back) }
        div class="panes" {
            section class="pane" {
                h2 { (text.training) }
                p class="soft" data-live="task" { (figures.task) }
                button type="button" class="primary" data-post="/v1/train" { (text.train_now) }
            }
            section class="pane" {
                h2 { (text.feedback) }
                table {
                    tbody {
                        @for (name, count) in &figures.events {
                            tr { td { code { (name) } } td class="number" data-live=(format!("events.{name}")) { (whole(*count)) } }
                        }
                    }
                }
            }
        }
    }
}

fn station<'a>(
    title: &str,
    path: &str,
    figure: String,
    unit: &str,
    rows: impl IntoIterator<Item = Live<'a>>,
) -> Markup {
    html! {
        li {
            h2 { (title) }
            div class="figure" data-live=(path) { (figure) }
            div class="soft small" { (unit) }
            dl {
                @for Live(path, name, value) in rows {
                    dt { (name) }
                    dd data-live=(path) { (value) }
                }
            }
        }
    }
}
