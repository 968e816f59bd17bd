use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Id, Timestamp};

/// What shopkeeper does for a shop.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Service {
    Support,
    Search,
    Recommend,
    Insight,
}

impl Service {
    /// Every service.
    pub const ALL: [Self; 4] = [Self::Support, Self::Search, Self::Recommend, Self::Insight];

    /// The name in paths and options.
    pub fn name(self) -> &'static str {
        match self {
            Self::Support => "support",
            Self::Search => "search",
            Self::Recommend => "recommend",
            Self::Insight => "insight",
        }
    }

    /// The service with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|service| service.name() == name)
    }
}

/// Which trained artifact took part in an answer.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct ModelVersion {
    /// The service that it was trained for.
    pub service: Service,
    /// The hash of its files.
    pub version: String,
}

/// A figure of a model on data that training has not seen, beside that of a
/// simple method on the same data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Metric {
    /// As `recall@10`, `accuracy`, `bits_per_byte`.
    pub name: String,
    /// The model's.
    pub value: f64,
    /// The name of the simple method beside it.
    pub baseline_name: String,
    /// That method's figure.
    pub baseline: f64,
    /// Whether more is better.
    pub higher_is_better: bool,
}

impl Metric {
    /// Whether the model is at least as good as its baseline. A figure that is
    /// not a number is never good enough.
    pub fn beats_baseline(&self) -> bool {
        if self.higher_is_better {
            self.value >= self.baseline
        } else {
            self.value <= self.baseline
        }
    }
}

/// How a stage of an answer went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StageOutcome {
    /// It ran as meant.
    Ok,
    /// It was not needed, or there is no model for it.
    Skipped,
    /// It failed or ran out of time; the answer went on without it.
    Degraded,
}

/// One step that really ran on the way to an answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Stage {
    /// What it does.
    pub name: String,
    /// How long it took.
    pub milliseconds: f64,
    /// How it went.
    pub outcome: StageOutcome,
}

/// An answer of ours, as the log keeps it: what was shown, to whom, by what.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DecisionRecord {
    /// The decision's id, which events carry back.
    pub id: Id,
    /// When it was made.
    pub time: Timestamp,
    /// By which service.
    pub service: Service,
    /// For whom, when known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer_id: Option<Id>,
    /// In which visit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_id: Option<Id>,
    /// The products shown, first place first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shown: Vec<Id>,
    /// The probability with which this list was chosen, where chance took part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub propensity: Option<f64>,
    /// The models that took part.
    #[serde(default)]
    pub models: Vec<ModelVersion>,
    /// The stages that ran.
    #[serde(default)]
    pub stages: Vec<Stage>,
    /// The request and the reasons, for whoever asks why.
    #[serde(default)]
    pub explanation: Value,
}
impl DecisionRecord {
    /// The decision without the reasons for each thing shown: they are most of
    /// it, and whoever asks for them reads the log.
    pub fn without_reasons(&self) -> Self {
        let mut short = self.clone();
        if let Some(explanation) = short.explanation.as_object_mut() {
            explanation.remove("reasons");
        }
        short
    }
}
