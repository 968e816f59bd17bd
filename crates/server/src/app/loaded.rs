use std::collections::BTreeMap;
use std::sync::Arc;

use serve::support::{Chat, Dependencies};
use shop::Service;
use store::Snapshot;

/// A trained model with the version of its artifact.
pub struct Versioned<T> {
    /// The hash of its files.
    pub version: String,
    /// What was loaded from them.
    pub model: Arc<T>,
}

impl<T> Clone for Versioned<T> {
    fn clone(&self) -> Self {
        Self {
            version: self.version.clone(),
            model: self.model.clone(),
        }
    }
}

/// The catalogue's index and the ranker, which search can do without.
#[derive(Clone)]
pub struct SearchPart {
    /// The products as terms.
    pub index: Arc<serve::search::Index>,
    /// The trained ranker.
    pub model: Option<Versioned<serve::search::Model>>,
}

/// What support may say and the language model, which it can do without.
#[derive(Clone)]
pub struct SupportPart {
    /// The passages.
    pub knowledge: Arc<serve::support::Knowledge>,
    /// The trained language model with its calibration.
    pub model: Option<Versioned<serve::support::Model>>,
}

/// The polarity model with what it says of each review.
#[derive(Clone)]
pub struct InsightPart {
    /// The trained classifier.
    pub model: Versioned<serve::insight::Model>,
    /// What it says of each review, worked out once.
    pub scores: Arc<serve::insight::Scores>,
    /// The shop that the scores were worked out from.
    pub snapshot: Arc<Snapshot>,
}

/// Everything that serves at one moment. A request takes one and keeps it to
/// its end; the next one takes its place as a whole.
#[derive(Clone, Default)]
pub struct Loaded {
    /// Search.
    pub search: Option<SearchPart>,
    /// Recommendations.
    pub recommend: Option<Versioned<serve::recommend::Model>>,
    /// Support.
    pub support: Option<SupportPart>,
    /// Insight.
    pub insight: Option<InsightPart>,
    /// Versions that could not be loaded, with the reason; they are not tried
    /// again.
    pub damaged: BTreeMap<(Service, String), String>,
}

impl Loaded {
    /// What support may ask beside its own sources.
    pub fn dependencies<'a>(&'a self, chat: Option<Chat<'a>>) -> Dependencies<'a> {
        Dependencies {
            chat,
            search: self.search.as_ref().map(|part| {
                let model = part.model.as_ref().map(|model| &*model.model);
                (&*part.index, model)
            }),
            recommend: self.recommend.as_ref().map(|model| &*model.model),
        }
    }

    /// Why a version could not be loaded; `None` where it was not tried or was.
    pub fn damage(&self, service: Service, version: &str) -> Option<&str> {
        let reason = self.damaged.get(&(service, version.to_owned()));
        reason.map(String::as_str)
    }

    /// What is wrong with the models, in sentences for the shop's people.
    pub fn alarms(&self, snapshot: &Snapshot) -> Vec<String> {
        let alarm = |(service, version): (&Service, &String)| {
            let reason = self.damage(*service, version)?;
            let name = service.name();
            let instead = match self.version(*service) {
                Some(other) => format!("{other} serves in its place"),
                None => "no intact version is left, so none serves".to_owned(),
            };
            Some(format!(
                "{name}/{version} should serve and cannot be loaded ({reason}); {instead}. Run \
                 `shopkeeper train {name}`, promote another version, or restore its files from a \
                 backup and start the server again."
            ))
        };
        snapshot.serving.iter().filter_map(alarm).collect()
    }

    /// The version of the model that serves.
    pub fn version(&self, service: Service) -> Option<String> {
        match service {
            Service::Support => Some(self.support.as_ref()?.model.as_ref()?.version.clone()),
            Service::Search => Some(self.search.as_ref()?.model.as_ref()?.version.clone()),
            Service::Recommend => Some(self.recommend.as_ref()?.version.clone()),
            Service::Insight => Some(self.insight.as_ref()?.model.version.clone()),
        }
    }
}
