//! Models: `train`, `evaluate`, `promote`, `rollback`, `models`.

use std::collections::BTreeSet;
use std::sync::Arc;

use ::shop::{Id, Metric, Service};
use anyhow::{Context, bail};
use evaluate::gate::{Report, Serving, judge};
use serde_json::{Value, json};
use store::Snapshot;

use super::{Done, Setting};
use crate::cli::TrainArguments;
use server::app::{App, fresh_id, now};
use server::jobs::{self, Outcome, TrainRequest};
use server::{bases, table};

pub async fn train(setting: &Setting, arguments: &TrainArguments) -> anyhow::Result<Done> {
    let config = setting.config()?;
    let store = setting.existing_store().await?;
    if arguments.base.is_some() && arguments.services != [Service::Support] {
        bail!("only support starts from a base: say `shopkeeper train support --base MODEL`");
    }
    let base = arguments.base.as_deref();
    let base = base.map(|base| bases::find(&setting.folder, base));
    let request = TrainRequest {
        base: base.transpose()?,
        services: arguments.services.clone(),
        size: arguments.size.map_or(config.size, Into::into),
        seed: config.seed,
        threads: config.training_threads(),
        resume: arguments.resume,
        promote: !arguments.no_promote,
    };
    let (stop, progress) = (setting.stop_flag(), setting.progress());
    let task = begin_task(setting)?;
    let trained = jobs::train(&store, &request, stop, progress).await;
    if let Some((app, id)) = task {
        let outcome = match &trained {
            Ok(outcomes) => Ok(json!({"outcomes": outcomes})),
            Err(error) => Err(format!("{error:#}")),
        };
        app.tasks.finish(&id, outcome, now());
    }
    let outcomes = trained?;
    setting.note(table::outcomes(&outcomes));
    for outcome in &outcomes {
        match outcome {
            Outcome::Trained {
                service,
                version,
                gate,
                ..
            } => setting.note(format!("{}/{version} {}", service.name(), gate.sentence())),
            Outcome::Skipped { service, reason } => {
                setting.note(format!("{} was not trained: {reason}", service.name()));
            }
        }
    }
    Ok(Done::with(json!({"outcomes": outcomes})))
}

/// In a server a training stands alone, and the console shows it.
fn begin_task(setting: &Setting) -> anyhow::Result<Option<(Arc<App>, Id)>> {
    let Some(app) = setting.server() else {
        return Ok(None);
    };
    let id = fresh_id();
    app.tasks
        .begin(id.clone(), "train", true, now())
        .context("the server is training already: wait until that is done")?;
    Ok(Some((app.clone(), id)))
}

/// One trained version as the registry keeps it.
struct Candidate<'a> {
    service: Service,
    version: &'a str,
    metrics: Vec<Metric>,
}

fn candidates(snapshot: &Snapshot) -> anyhow::Result<Vec<Candidate<'_>>> {
    snapshot
        .trained
        .iter()
        .map(|(service, version, metrics)| {
            let metrics = serde_json::from_value(metrics.clone())
                .with_context(|| format!("the figures of {} {version}", service.name()))?;
            Ok(Candidate {
                service: *service,
                version,
                metrics,
            })
        })
        .collect()
}

/// Reads SERVICE or SERVICE/VERSION.
pub(super) fn parse_model(model: &str) -> anyhow::Result<(Service, Option<&str>)> {
    let (name, version) = match model.split_once('/') {
        Some((name, version)) => (name, Some(version)),
        None => (model, None),
    };
    let service = Service::from_name(name)
        .with_context(|| format!("{name:?} is not a service; write as in recommend/1a2b3c"))?;
    Ok((service, version))
}

pub async fn evaluate(setting: &Setting, model: Option<&str>) -> anyhow::Result<Done> {
    let wanted = model.map(parse_model).transpose()?;
    let store = setting.existing_store().await?;
    let snapshot = store.snapshot();
    let mut seen = BTreeSet::new();
    let mut chosen: Vec<_> = candidates(&snapshot)?
        .into_iter()
        .rev()
        .filter(|candidate| match wanted {
            None => true,
            Some((service, version)) => {
                candidate.service == service
                    && version.is_none_or(|version| candidate.version == version)
            }
        })
        // The newest of each service, unless a version was named.
        .filter(|candidate| seen.insert(candidate.service))
        .collect();
    chosen.sort_by_key(|candidate| candidate.service);
    if chosen.is_empty() {
        bail!("no such model: `shopkeeper models` lists them, `shopkeeper train` makes them");
    }
    let reports = jobs::gate_reports(&store).await;
    let headings = [
        "model",
        "figure",
        "value",
        "serving",
        "baseline",
        "baseline is",
    ];
    let mut shown = table::with_headings(&headings);
    let mut judged = Vec::new();
    for candidate in &chosen {
        let name = format!("{}/{}", candidate.service.name(), candidate.version);
        // Of what was trained before the gate kept its reports the baseline is known.
        let stored = reports.get(&(candidate.service, candidate.version.to_owned()));
        let report = stored
            .cloned()
            .unwrap_or_else(|| judge(candidate.service, &candidate.metrics, &Serving::None));
        for one in &report.comparisons {
            shown.add_row([
                &name,
                &one.name,
                &table::figure(one.candidate),
                &one.serving.map_or_else(|| "-".to_owned(), table::figure),
                &table::figure(one.baseline),
                &one.baseline_name,
            ]);
        }
        setting.say(format!(
            "{name} {}\n  measured on {}",
            report.sentence(),
            report.measured_on
        ));
        judged.push(json!({"model": name, "metrics": candidate.metrics, "gate": report}));
    }
    setting.say(shown);
    Ok(Done::with(json!({"models": judged})))
}

pub async fn promote(setting: &Setting, model: &str) -> anyhow::Result<Done> {
    let (service, version) = parse_model(model)?;
    let version = version.context("name the version too, as in recommend/1a2b3c")?;
    let store = setting.existing_store().await?;
    jobs::promote(&store, service, version).await?;
    setting.say(format!("{}/{version} serves", service.name()));
    Ok(Done::with(json!({"service": service, "version": version})))
}

pub async fn rollback(setting: &Setting, service: Service) -> anyhow::Result<Done> {
    let store = setting.existing_store().await?;
    let version = jobs::rollback(&store, service).await?;
    setting.say(format!("{}/{version} serves again", service.name()));
    Ok(Done::with(json!({"service": service, "version": version})))
}

pub async fn models(setting: &Setting) -> anyhow::Result<Done> {
    let store = setting.existing_store().await?;
    let snapshot = store.snapshot();
    let reports = jobs::gate_reports(&store).await;
    let headings = [
        "model",
        "serves",
        "main figure",
        "value",
        "baseline",
        "gate",
    ];
    let mut shown = table::with_headings(&headings);
    let mut listed: Vec<Value> = Vec::new();
    for candidate in candidates(&snapshot)? {
        let serves = snapshot
            .serving
            .get(&candidate.service)
            .is_some_and(|version| version == candidate.version);
        let main = candidate.metrics.first();
        let report = reports.get(&(candidate.service, candidate.version.to_owned()));
        shown.add_row([
            format!("{}/{}", candidate.service.name(), candidate.version),
            if serves { "yes" } else { "" }.to_owned(),
            main.map_or("-".to_owned(), |metric| metric.name.clone()),
            main.map_or("-".to_owned(), |metric| table::figure(metric.value)),
            main.map_or("-".to_owned(), |metric| table::figure(metric.baseline)),
            report.map_or("-".to_owned(), Report::sentence),
        ]);
        listed.push(json!({
            "service": candidate.service,
            "version": candidate.version,
            "serves": serves,
            "metrics": candidate.metrics,
            "gate": report,
        }));
    }
    setting.say(shown);
    let bases = bases::list(&setting.folder);
    for base in &bases {
        let millions = base.parameters as f64 / 1e6;
        setting.say(format!(
            "base {}: {}, {millions:.0} million weights, from {}",
            base.name, base.family, base.source
        ));
    }
    Ok(Done::with(json!({"models": listed, "bases": bases})))
}
