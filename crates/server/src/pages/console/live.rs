//! The figures of the overview, which the page asks for again and again.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use shop::{EventKind, Kind, Service};

use crate::app::{App, Status};

/// All figures of the overview.
#[derive(Debug, Serialize)]
pub struct Figures {
    /// Entries of the log.
    pub sequence: u64,
    /// Records by kind.
    pub records: BTreeMap<&'static str, u64>,
    /// Texts that can be learned from.
    pub texts: u64,
    /// Versions trained.
    pub trained: usize,
    /// The versions that serve, shortened, by service.
    pub serving: BTreeMap<&'static str, String>,
    /// Answers by service.
    pub decisions: BTreeMap<&'static str, u64>,
    /// Answers in all.
    pub answers: u64,
    /// Events by what happened.
    pub events: BTreeMap<String, u64>,
    /// Events in all.
    pub feedback: u64,
    /// How our answers fared, over all models.
    pub outcomes: store::Outcomes,
    /// What is being done now.
    pub task: String,
}

/// `GET /console/live`.
pub async fn figures(State(app): State<Arc<App>>) -> Json<Figures> {
    Json(Figures::of(&app))
}

impl Figures {
    /// The figures as they are now.
    pub fn of(app: &App) -> Self {
        let snapshot = app.snapshot();
        let loaded = app.loaded();
        let counts = &snapshot.counts;
        let record = |kind: Kind| counts.records.get(&kind).copied().unwrap_or_default();
        let event = |kind: EventKind| counts.events.get(&kind).copied().unwrap_or_default();
        let mut outcomes = store::Outcomes::default();
        for one in snapshot.outcomes.values() {
            outcomes.decisions += one.decisions;
            outcomes.clicks += one.clicks;
            outcomes.carts += one.carts;
            outcomes.purchases += one.purchases;
            outcomes.thumbs_up += one.thumbs_up;
            outcomes.thumbs_down += one.thumbs_down;
        }
        let shown = [
            ("search", EventKind::Search),
            ("click", EventKind::Click),
            ("view", EventKind::View),
            ("add_to_cart", EventKind::AddToCart),
            ("purchase", EventKind::Purchase),
            ("hide", EventKind::Hide),
            ("message", EventKind::Message),
            ("feedback", EventKind::Feedback),
        ];
        Self {
            sequence: snapshot.sequence,
            records: Kind::ALL
                .into_iter()
                .map(|kind| (kind.name(), record(kind)))
                .collect(),
            texts: [
                Kind::Documents,
                Kind::Reviews,
                Kind::Conversations,
                Kind::Products,
            ]
            .into_iter()
            .map(record)
            .sum(),
            trained: snapshot.trained.len(),
            serving: Service::ALL
                .into_iter()
                .map(|service| (service.name(), short(loaded.version(service).as_deref())))
                .collect(),
            decisions: Service::ALL
                .into_iter()
                .map(|service| {
                    (
                        service.name(),
                        counts.decisions.get(&service).copied().unwrap_or_default(),
                    )
                })
                .collect(),
            answers: counts.decisions.values().sum(),
            events: shown
                .into_iter()
                .map(|(name, kind)| (name.to_owned(), event(kind)))
                .collect(),
            feedback: counts.events.values().sum(),
            outcomes,
            task: running(app),
        }
    }
}

/// The beginning of a version, which is enough to tell it from others.
pub fn short(version: Option<&str>) -> String {
    version.map_or_else(
        || "–".to_owned(),
        |version| version.chars().take(8).collect(),
    )
}

fn running(app: &App) -> String {
    app.tasks
        .recent(20)
        .into_iter()
        .find(|task| task.status == Status::Running)
        .map_or_else(
            || "–".to_owned(),
            |task| format!("{}: {}", task.kind, task.progress.unwrap_or_default()),
        )
}
