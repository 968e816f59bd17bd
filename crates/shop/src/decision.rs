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
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<ModelVersion>,
    /// The stages that ran.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stages: Vec<Stage>,
    /// The request and the reasons, for whoever asks why.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub explanation: Value,
}

impl DecisionRecord {
    /// What joins, counts and lists need of it for as long as the log stands:
    /// without the stages that ran and the reasons for each thing shown, which
    /// are most of it. Of the explanation stay a search's query, filter and
    /// total, and the passages that an answer cites.
    pub fn compact(&self) -> Self {
        let mut compact = self.clone();
        compact.stages = Vec::new();
        compact.explanation = compact_explanation(&self.explanation);
        compact
    }
}

/// The parts of a request that stay; a customer's own words are not among them.
const KEPT_OF_REQUESTS: [&str; 4] = ["q", "filter", "scenario", "product"];

/// The parts of an explanation that stay beside the request; what was once
/// written there of actions and confirmations is no explanation.
const KEPT: [&str; 5] = [
    "total",
    "citations",
    "audit",
    "open_proposal",
    "declined_proposal",
];

fn compact_explanation(explanation: &Value) -> Value {
    let Some(object) = explanation.as_object() else {
        return Value::Null;
    };
    let kept = |object: &serde_json::Map<String, Value>, names: &[&str]| {
        let named = names.iter().filter_map(|name| object.get_key_value(*name));
        let some = named.filter(|(_, value)| !is_nothing(value));
        some.map(|(name, value)| (name.clone(), value.clone()))
            .collect::<serde_json::Map<_, _>>()
    };
    let mut compact = kept(object, &KEPT);
    if let Some(request) = object.get("request").and_then(Value::as_object) {
        let request = kept(request, &KEPT_OF_REQUESTS);
        if !request.is_empty() {
            compact.insert("request".to_owned(), Value::Object(request));
        }
    }
    if compact.is_empty() {
        return Value::Null;
    }
    Value::Object(compact)
}

/// Whether a value says nothing, as each part of an empty filter does.
fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.values().all(is_nothing),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_compact_form_is_short_and_stays_what_it_is() {
        let reasons: Vec<_> = (0..24)
            .map(|number| json!({"id": number, "score": 0.5, "reasons": ["matched title"]}))
            .collect();
        let stage = |name: &str| Stage {
            name: name.into(),
            milliseconds: 0.5,
            outcome: StageOutcome::Ok,
        };
        let whole = DecisionRecord {
            id: Id::new("d").unwrap(),
            time: Timestamp::from_seconds(1),
            service: Service::Search,
            customer_id: None,
            session_id: None,
            shown: vec![Id::new("p").unwrap()],
            propensity: Some(0.5),
            models: Vec::new(),
            stages: vec![stage("gather"), stage("rank")],
            explanation: json!({
                "request": {"q": "tea", "limit": 24, "message": "my address is", "filter": {"brand": [], "price": null}},
                "total": 0,
                "reasons": reasons,
            }),
        };
        let compact = whole.compact();
        assert_eq!(
            compact.explanation,
            json!({"request": {"q": "tea"}, "total": 0})
        );
        assert_eq!(
            (&compact.shown, compact.propensity),
            (&whole.shown, whole.propensity)
        );
        assert_eq!(compact.compact(), compact);
        let length = |record: &DecisionRecord| json!(record).to_string().len();
        assert!(
            6 * length(&compact) < length(&whole),
            "{}",
            length(&compact)
        );
    }
}
