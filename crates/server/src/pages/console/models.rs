use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use evaluate::gate::{Report, Verdict};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::{Value, json};
use shop::{Metric, Service};
use store::{Outcomes, Snapshot};

use super::live::short;
use crate::app::{App, Loaded, Status, Task};
use crate::jobs::{GateReports, gate_reports};
use crate::pages::layout;
use crate::pages::visitor::Visitor;
use crate::pages::words::of_service;
use locale::Locale;

/// `GET /console/models`.
pub async fn page(State(app): State<Arc<App>>, visitor: Visitor) -> Response {
    let text = visitor.text();
    let snapshot = app.snapshot();
    let registry = Registry {
        loaded: app.loaded(),
        reports: gate_reports(&app.store).await,
        snapshot,
    };
    let content = html! {
        (training(text, app.tasks.last("train").as_ref()))
        (published(text, &app))
        @for service in Service::ALL { (section(text, &registry, service)) }
    };
    let page = layout::console(&visitor, "/console/models", text.models, content);
    visitor.respond(page)
}

/// The training that runs, which the page's script follows; or what the last
/// one did not do.
fn training(text: &Locale, last: Option<&Task>) -> Markup {
    let running = last.filter(|task| task.status == Status::Running);
    let skipped = last
        .and_then(|task| task.result.as_ref()?["outcomes"].as_array())
        .into_iter()
        .flatten()
        .filter_map(|outcome| Skipped::deserialize(outcome).ok());
    html! {
        p { button type="button" class="primary" data-post="/v1/train" disabled[running.is_some()] { (text.train_now) } }
        section id="training" data-task=[running.map(|task| task.id.as_str())] hidden[running.is_none()] {
            h2 { (text.training_now) }
            progress max="1" {}
            p role="status" { @if let Some(task) = running { (task.progress.as_deref().unwrap_or("…")) } }
        }
        @if let Some(error) = last.and_then(|task| task.error.as_deref()) {
            p class="alarm" role="alert" { (text.training_failed) " " (error) }
        }
        @for one in skipped {
            p class="soft" { (of_service(text, one.service)) ": " (text.training_left_out) " " (one.reason) }
        }
    }
}

/// The published models that the assistant works with, and how to bring those
/// that are missing.
fn published(text: &Locale, app: &App) -> Markup {
    let config = &app.config;
    let chat = app.chat_model.as_ref().map(|model| model.name());
    let set = [
        (
            text.sentence_encoder,
            "support_encoder",
            Some(config.support_encoder.as_str()),
        ),
        (text.chat_model, "support_model", chat),
    ]
    .map(|(what, key, name)| (what, key, name.filter(|name| !name.is_empty())));
    html! {
        section class="pane scroll" id="published" {
            h2 { (text.published_models) }
            table { tbody {
                @for (what, key, name) in set {
                    tr {
                        td { (what) div class="soft small" { code { (key) } } }
                        td { @match name {
                            Some(name) => strong { (name) },
                            None => span class="soft" { (text.no_published_model) },
                        } }
                    }
                }
            } }
            @if set.iter().any(|(_, _, name)| name.is_none()) {
                p class="small soft" { (text.pull_recommended) " " code { "shopkeeper models pull recommended" } }
            }
        }
    }
}

/// A service that the last training left out.
#[derive(Deserialize)]
struct Skipped {
    service: Service,
    reason: String,
}

/// What the page shows: what was trained, what serves, what the gate said.
struct Registry {
    snapshot: Arc<Snapshot>,
    loaded: Arc<Loaded>,
    reports: GateReports,
}

fn section(text: &Locale, registry: &Registry, service: Service) -> Markup {
    let snapshot = &registry.snapshot;
    let versions: Vec<_> = snapshot
        .trained
        .iter()
        .rev()
        .filter(|(of, ..)| *of == service)
        .collect();
    let can_roll_back = snapshot
        .promoted
        .get(&service)
        .is_some_and(|versions| versions.len() > 1);
    html! {
        section id=(service.name()) {
            div class="section-head" {
                h2 { (of_service(text, service)) }
                @if can_roll_back {
                    button type="button" data-post=(format!("/v1/registry/{}/rollback", service.name())) { (text.rollback) }
                }
            }
            @if versions.is_empty() { p class="empty" { (text.did_not_train) } }
            div class="panes" {
                @for (_, version, metrics) in versions.into_iter().take(6) {
                    (version_pane(text, registry, service, version, metrics))
                }
            }
        }
    }
}

fn version_pane(
    text: &Locale,
    registry: &Registry,
    service: Service,
    version: &str,
    metrics: &Value,
) -> Markup {
    let snapshot = &registry.snapshot;
    // What was promoted may still be loading, or be damaged.
    let serves = registry.loaded.version(service).as_deref() == Some(version);
    let promoted = snapshot.serving.get(&service).map(String::as_str) == Some(version);
    let damage = registry.loaded.damage(service, version);
    let report = registry.reports.get(&(service, version.to_owned()));
    let metrics: Vec<Metric> = serde_json::from_value(metrics.clone()).unwrap_or_default();
    let outcomes = snapshot
        .outcomes
        .get(&(service, version.to_owned()))
        .copied()
        .unwrap_or_default();
    html! {
        article class=(if serves { "pane serves" } else { "pane" }) {
            h3 title=(version) {
                code { (short(Some(version))) } " "
                @if serves { span class="badge good" { (text.serves) } }
            }
            @if let Some(reason) = damage { p class="alarm" { (reason) } }
            @if let Some(report) = report { (gate_line(report)) }
            @if !metrics.is_empty() {
                div class="scroll" {
                    table {
                        thead { tr { th { (text.metric) } th class="number" { (text.model) } th class="number" { (text.baseline) } } }
                        tbody { @for metric in &metrics { (metric_row(metric)) } }
                    }
                }
            }
            (outcome_line(text, &outcomes))
            @if !promoted {
                button type="button" data-post=(format!("/v1/registry/{}/promote", service.name()))
                       data-body=(json!({"version": version})) { (text.serve_this) }
            }
        }
    }
}

/// The gate's report: the verdict, and on request all that it rests on.
fn gate_line(report: &Report) -> Markup {
    let sentence = report.sentence();
    let class = match report.verdict {
        Verdict::Passed => "badge good",
        Verdict::Refused { .. } => "badge bad",
    };
    html! {
        details class="gate" {
            summary { span class=(class) { (sentence) } }
            p class="small soft" { (report.measured_on) }
            @if let Some(reason) = &report.serving_unmeasured { p class="small soft" { (reason) } }
            ul class="small" {
                @for one in report.comparisons.iter().filter(|one| one.decides) {
                    li {
                        (one.name) ": " strong { (figure(one.candidate)) }
                        @if let (Some(version), Some(value)) = (&report.serving, one.serving) {
                            " · " code { (short(Some(version))) } " " (figure(value))
                        }
                        " · " (one.baseline_name) " " (figure(one.baseline))
                    }
                }
            }
        }
    }
}

fn metric_row(metric: &Metric) -> Markup {
    let class = if metric.beats_baseline() {
        "badge good"
    } else {
        "badge bad"
    };
    html! {
        tr {
            td { (metric.name) }
            td class="number" { span class=(class) { (figure(metric.value)) } }
            td class="number" { (figure(metric.baseline)) div class="soft small" { (metric.baseline_name) } }
        }
    }
}

fn figure(value: f64) -> String {
    if value.abs() >= 100.0 {
        format!("{value:.0}")
    } else {
        format!("{value:.3}")
    }
}

fn outcome_line(text: &Locale, outcomes: &Outcomes) -> Markup {
    let parts = [
        text.answers_counted(outcomes.decisions),
        text.clicks_counted(outcomes.clicks),
        text.carts_counted(outcomes.carts),
        text.purchases_counted(outcomes.purchases),
        text.thumbs_up_counted(outcomes.thumbs_up),
        text.thumbs_down_counted(outcomes.thumbs_down),
    ];
    html! {
        p class="small soft" {
            (parts.join(" · "))
        }
    }
}
