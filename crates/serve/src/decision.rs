use std::time::Instant;

use schemars::JsonSchema;
use serde::Serialize;
use shop::{Id, ModelVersion, Stage, StageOutcome, Timestamp};
use store::Snapshot;

/// What every request is answered from.
#[derive(Debug, Clone)]
pub struct Context<'a> {
    /// The shop as it is now.
    pub snapshot: &'a Snapshot,
    /// The id that the decision will carry.
    pub decision_id: Id,
    /// The time of the request.
    pub now: Timestamp,
    /// Decides wherever chance takes part.
    pub seed: u64,
}

/// An answer and what led to it.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Decision<T> {
    /// The id that events carry back.
    pub decision_id: Id,
    /// The answer itself.
    #[serde(flatten)]
    pub content: T,
    /// The models that took part.
    pub models: Vec<ModelVersion>,
    /// The stages that really ran.
    pub stages: Vec<Stage>,
    /// The probability with which this answer was chosen, where chance took part.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub propensity: Option<f64>,
}

/// Collects the stages of one answer with their times.
#[derive(Debug, Default)]
pub struct Stages(Vec<Stage>);

impl Stages {
    /// Runs `work` as the stage `name`.
    pub fn run<T>(&mut self, name: &str, work: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let result = work();
        self.push(name, start, StageOutcome::Ok);
        result
    }

    /// Runs `work`; `None` means that the answer goes on without it.
    pub fn try_run<T>(&mut self, name: &str, work: impl FnOnce() -> Option<T>) -> Option<T> {
        let start = Instant::now();
        let result = work();
        let outcome = if result.is_some() {
            StageOutcome::Ok
        } else {
            StageOutcome::Degraded
        };
        self.push(name, start, outcome);
        result
    }

    /// Notes a stage that was not needed or has no model.
    pub fn skip(&mut self, name: &str) {
        self.0.push(Stage {
            name: name.to_owned(),
            milliseconds: 0.0,
            outcome: StageOutcome::Skipped,
        });
    }

    /// Notes that something the answer could do without was lacking.
    pub fn degrade(&mut self, name: &str) {
        self.push(name, Instant::now(), StageOutcome::Degraded);
    }

    fn push(&mut self, name: &str, start: Instant, outcome: StageOutcome) {
        let milliseconds = start.elapsed().as_secs_f64() * 1_000.0;
        self.0.push(Stage {
            name: name.to_owned(),
            milliseconds,
            outcome,
        });
    }

    /// The stages in the order in which they ran.
    pub fn into_vec(self) -> Vec<Stage> {
        self.0
    }
}
