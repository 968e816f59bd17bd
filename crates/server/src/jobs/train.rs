use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use ::train::{Job, Size, TrainError, Trained};
use anyhow::Context;
use corpus::Corpus;
use evaluate::gate::{Verdict, judge};
use serde::Serialize;
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
        /// What the gate says.
        verdict: Verdict,
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
const ORDER: [Service; 4] = [
    Service::Insight,
    Service::Search,
    Service::Recommend,
    Service::Support,
];

/// Prepares the corpus and trains on it. A service without data is skipped
/// when it was not asked for by name, and an error when it was.
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
                outcomes.push(keep(store, service, trained, request.promote).await?);
                // The checkpoint has served its purpose; failing to delete it
                // costs only disk.
                let _ = std::fs::remove_dir_all(&folder);
            }
            Err(TrainError::NoData { reason, .. }) if request.services.is_empty() => {
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
        match service {
            Service::Support => ::train::support::train(&corpus, &job),
            Service::Search => ::train::search::train(&corpus, &job),
            Service::Recommend => ::train::recommend::train(&corpus, &job),
            Service::Insight => ::train::insight::train(&corpus, &job),
        }
    })
    .await?)
}

/// Stores what was trained, writes it to the log and asks the gate.
async fn keep(
    store: &Store,
    service: Service,
    trained: Trained,
    may_promote: bool,
) -> anyhow::Result<Outcome> {
    let metrics = serde_json::to_value(&trained.metrics)?;
    let version = store
        .put_artifact(service.name(), trained.files, metrics.clone())
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
    let verdict = judge(&trained.metrics);
    let promoted = may_promote && verdict == Verdict::Passed;
    if promoted {
        promote(store, service, &version).await?;
    }
    Ok(Outcome::Trained {
        service,
        version,
        metrics: trained.metrics,
        verdict,
        promoted,
    })
}
