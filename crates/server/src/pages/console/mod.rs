//! The console: what the shop does, why, and how well.

mod conversations;
mod curation;
mod decisions;
mod imports;
mod inbox;
mod insight;
mod live;
mod models;
mod offers;
mod overview;
mod search;

use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use locale::Locale;
use maud::{Markup, html};
use shop::{Stage, StageOutcome};

use crate::app::App;

/// The pages behind the console's door.
pub fn router() -> Router<Arc<App>> {
    Router::new()
        .route("/console", get(overview::page))
        .route("/console/live", get(live::figures))
        .route("/console/import", get(imports::page))
        .route("/console/search", get(search::page))
        .route("/console/rules", get(curation::page))
        .route("/console/conversations", get(conversations::list))
        .route("/console/conversations/{id}", get(conversations::one))
        .route("/console/inbox", get(inbox::list))
        .route("/console/inbox/{id}", get(inbox::one))
        .route("/console/insight", get(insight::page))
        .route("/console/models", get(models::page))
        .route("/console/offers", get(offers::page))
        .route("/console/decisions", get(decisions::list))
        .route("/console/decisions/{id}", get(decisions::one))
}

/// The stages of an answer with their times.
fn stages(text: &Locale, stages: &[Stage]) -> Markup {
    html! {
        ul class="stages" {
            @for stage in stages {
                li class=(outcome(stage.outcome)) {
                    (stage.name) " " span class="soft" { (format!("{} ms", text.decimal(stage.milliseconds, 2))) }
                    @match stage.outcome {
                        StageOutcome::Ok => {}
                        StageOutcome::Skipped => { " · " (text.outcome_skipped) }
                        StageOutcome::Degraded => { " · " (text.outcome_degraded) }
                    }
                }
            }
        }
    }
}

fn outcome(outcome: StageOutcome) -> &'static str {
    match outcome {
        StageOutcome::Ok => "ok",
        StageOutcome::Skipped => "skipped",
        StageOutcome::Degraded => "degraded",
    }
}
