use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use ::train::{Job, Size, TrainError, Trained};
use anyhow::Context;
use corpus::Corpus;
use evaluate::gate::{self, Report, Serving, Verdict};
use serde::{Deserialize, Serialize};
use shop::Progress;
use shop::{Metric, Service};
use store::{Entry, NewEntry, RegistryEntry, Store};

use super::registry::promote;

/// What to train and how.
#[derive(Debug, Clone)]
pub struct TrainRequest {
    /// Which models; empty for all that there is data for.
    pub services: Vec<Service>,
    /// How much effort.
    pub size: Size,
    /// Seed of data order, initial weights and sampling.
    pub seed: u64,
    /// A published model that support starts from.
    pub base: Option<PathBuf>,
    /// Threads to compute with.
    pub threads: usize,
    /// Whether to go on from checkpoints.
    pub resume: bool,
    /// Whether a model that passes the gate serves at once.
    pub promote: bool,
}

/// How training one service ended.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// There is a new version.
    Trained {
        /// For which service.
        service: Service,
        /// The hash of its files.
        version: String,
        /// Its figures beside its baselines'.
        metrics: Vec<Metric>,
        /// What the gate says, and what it rests on.
        gate: Report,
        /// Whether it serves now.
        promoted: bool,
    },
    /// There was nothing to train on.
    Skipped {
        /// For which service.
        service: Service,
        /// What is missing and how to bring it.
        reason: String,
    },
}

/// The order in which services train: what is quick first, so that a shop is
/// useful early.
pub(super) const ORDER: [Service; 4] = [
    Service::Insight,
    Service::Search,
    Service::Recommend,
    Service::Support,
];

/// Prepares the corpus and trains on it. A service without data is skipped and
/// says what it lacks: a shop without customers has not failed.
pub async fn train(
    store: &Store,
    request: &TrainRequest,
    stop: Arc<AtomicBool>,
    progress: Arc<dyn Progress + Send + Sync>,
) -> anyhow::Result<Vec<Outcome>> {
    let (corpus, corpus_version) = super::prepare(store, request.seed, &*progress).await?;
    let mut outcomes = Vec::new();
    for service in ORDER {
        if !request.services.is_empty() && !request.services.contains(&service) {
            continue;
        }
        let folder = store
            .folder()
            .join("work")
            .join(service.name())
            .join(&corpus_version);
        let trained =
            train_one(service, &corpus, request, folder.clone(), &stop, &progress).await?;
        match trained {
            Ok(trained) => {
                let serving =
                    measure_serving(store, service, &corpus, request, &folder, &stop).await?;
                outcomes.push(keep(store, service, trained, &serving, request.promote).await?);
                // The checkpoint has served its purpose; failing to delete it
                // costs only disk.
                let _ = std::fs::remove_dir_all(&folder);
            }
            Err(TrainError::NoData { reason, .. }) => {
                outcomes.push(Outcome::Skipped { service, reason });
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(outcomes)
}

async fn train_one(
    service: Service,
    corpus: &Arc<Corpus>,
    request: &TrainRequest,
    folder: PathBuf,
    stop: &Arc<AtomicBool>,
    progress: &Arc<dyn Progress + Send + Sync>,
) -> anyhow::Result<Result<Trained, TrainError>> {
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("cannot make the folder {}", folder.display()))?;
    let (corpus, stop, progress) = (corpus.clone(), stop.clone(), progress.clone());
    let (size, seed, threads, resume) =
        (request.size, request.seed, request.threads, request.resume);
    let base = (request.base.clone()).filter(|_| service == Service::Support);
    Ok(tokio::task::spawn_blocking(move || {
        let job = Job {
            size,
            seed,
            base: base.as_deref(),
            threads,
            folder: &folder,
            resume,
            stop: &stop,
            progress: &*progress,
        };
        ::train::train(service, &corpus, &job)
    })
    .await?)
}

/// Measures the version that serves on the held-out part of the same corpus.
async fn measure_serving(
    store: &Store,
    service: Service,
    corpus: &Arc<Corpus>,
    request: &TrainRequest,
    folder: &Path,
    stop: &Arc<AtomicBool>,
) -> anyhow::Result<Serving> {
    let Some(version) = store.snapshot().serving.get(&service).cloned() else {
        return Ok(Serving::None);
    };
    let unmeasured = |version: String, reason: String| {
        tracing::warn!(
            service = service.name(),
            version,
            reason,
            "the serving version cannot be measured; the candidate is compared with its baseline"
        );
        Serving::Unmeasured { version, reason }
    };
    let files = match store.get_artifact(service.name(), &version).await {
        Ok(files) => files,
        Err(error) => return Ok(unmeasured(version, error.to_string())),
    };
    let (corpus, stop, folder) = (corpus.clone(), stop.clone(), folder.to_owned());
    let (size, seed, threads) = (request.size, request.seed, request.threads);
    let measured = tokio::task::spawn_blocking(move || {
        let job = Job {
            size,
            seed,
            base: None,
            threads,
            folder: &folder,
            resume: false,
            stop: &stop,
            progress: &Silent,
        };
        ::train::evaluate(service, &corpus, &files, &job)
    });
    Ok(match measured.await? {
        Ok(metrics) => Serving::Measured { version, metrics },
        Err(TrainError::Stopped) => return Err(TrainError::Stopped.into()),
        Err(error) => unmeasured(version, error.to_string()),
    })
}

/// Measuring shows no bars of its own.
struct Silent;

impl Progress for Silent {
    fn begin(&self, _: &str, _: u64) {}
    fn advance(&self, _: u64, _: &str) {}
    fn end(&self, _: &str) {}
}

/// What the manifest of a model says of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Card {
    metrics: Vec<Metric>,
    gate: Report,
}

/// What the gate said, by service and version.
pub type GateReports = BTreeMap<(Service, String), Report>;

/// What the gate said of each version that is on the disk; nothing of those that
/// were trained before the gate kept its reports.
pub async fn gate_reports(store: &Store) -> GateReports {
    let mut reports = GateReports::new();
    for service in Service::ALL {
        // A listing that fails says nothing about what serves.
        let manifests = store.artifacts(service.name()).await.unwrap_or_default();
        reports.extend(manifests.into_iter().filter_map(|manifest| {
            let card: Card = serde_json::from_value(manifest.card).ok()?;
            Some(((service, manifest.version), card.gate))
        }));
    }
    reports
}

/// Asks the gate, stores what was trained with what the gate says, and writes it
/// to the log.
async fn keep(
    store: &Store,
    service: Service,
    trained: Trained,
    serving: &Serving,
    may_promote: bool,
) -> anyhow::Result<Outcome> {
    let gate = gate::judge(service, &trained.metrics, serving);
    let metrics = serde_json::to_value(&trained.metrics)?;
    let card = serde_json::to_value(Card {
        metrics: trained.metrics.clone(),
        gate: gate.clone(),
    })?;
    let version = store
        .put_artifact(service.name(), trained.files, card)
        .await?;
    let entry = RegistryEntry::Trained {
        service,
        version: version.clone(),
        metrics,
    };
    store
        .append(vec![NewEntry {
            id: None,
            entry: Entry::Registry(entry),
        }])
        .await?;
    let promoted = may_promote && gate.verdict == Verdict::Passed;
    if promoted {
        promote(store, service, &version).await?;
    }
    Ok(Outcome::Trained {
        service,
        version,
        metrics: trained.metrics,
        gate,
        promoted,
    })
}
