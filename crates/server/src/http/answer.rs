//! How every service is asked: a place for the decision first, then the work
//! in its queue, then the decision on its way to the log.

use std::sync::Arc;

use serde_json::Value;
use serve::{Context, Decision, ServeError};
use shop::{Id, Service, Timestamp};

use super::error::ApiError;
use super::{queue_error, serve_error};
use crate::app::{App, BoundedQueue, DecisionPermit, decision_record, fresh_id, now, seed_of};

/// For whom an answer is.
#[derive(Debug, Clone, Default)]
pub struct Audience {
    /// The customer, when known.
    pub customer: Option<Id>,
    /// The visit.
    pub session: Option<Id>,
}

/// An answer with what is needed to record it.
pub struct Made<T> {
    /// The answer.
    pub decision: Decision<T>,
    service: Service,
    place: DecisionPermit,
    time: Timestamp,
}

fn lane_of(app: &App, service: Service) -> &BoundedQueue {
    match service {
        Service::Support => &app.queues.support,
        Service::Search => &app.queues.search,
        Service::Recommend => &app.queues.recommend,
        Service::Insight => &app.queues.insight,
    }
}

/// Runs `work` on the present snapshot in the queue of its service, for answers
/// that are not worth a record. Refused at once when too much is waiting.
pub async fn look<T: Send + 'static>(
    app: &Arc<App>,
    service: Service,
    work: impl FnOnce(&Context<'_>) -> Result<T, ServeError> + Send + 'static,
) -> Result<T, ApiError> {
    let queue = lane_of(app, service);
    let snapshot = app.snapshot();
    let decision_id = fresh_id();
    let context_now = now();
    queue
        .run(move || {
            let seed = seed_of(&decision_id);
            work(&Context {
                snapshot: &snapshot,
                decision_id,
                now: context_now,
                seed,
            })
        })
        .await
        .map_err(|error| queue_error(queue.name(), error))?
        .map_err(serve_error)
}

/// Runs `work` like [`look`] and holds a place in the log for its decision.
/// `version` is that of the model which `work` uses.
pub async fn make<T: Send + 'static>(
    app: &Arc<App>,
    service: Service,
    version: Option<String>,
    work: impl FnOnce(&Context<'_>) -> Result<Decision<T>, ServeError> + Send + 'static,
) -> Result<Made<T>, ApiError> {
    let place = app
        .reserve_decision()
        .ok_or_else(|| ApiError::overloaded("decisions"))?;
    let time = now();
    let mut decision = look(app, service, work).await?;
    // The version that answered, which during a swap is not yet or no longer
    // the one that the snapshot names.
    for model in &mut decision.models {
        if let (true, Some(version)) = (model.service == service, &version) {
            model.version.clone_from(version);
        }
    }
    Ok(Made {
        decision,
        service,
        place,
        time,
    })
}

impl<T> Made<T> {
    /// Sends the record on its way and gives the answer out.
    pub fn record(self, audience: Audience, shown: Vec<Id>, explanation: Value) -> Decision<T> {
        let decision = self.decision;
        let mut record = decision_record(decision.decision_id.clone(), self.time, self.service);
        record.customer_id = audience.customer;
        record.session_id = audience.session;
        record.shown = shown;
        record.propensity = decision.propensity;
        record.models = decision.models.clone();
        record.stages = decision.stages.clone();
        record.explanation = explanation;
        self.place.record(record);
        decision
    }
}
