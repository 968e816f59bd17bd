//! One task for each webhook: reads the log from where the webhook is, sends
//! what it is told of one after another, and waits longer after each failure.

use std::collections::VecDeque;
use std::io::Read;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use serde_json::json;
use shop::Timestamp;
use store::Entry;
use ureq::http::{Response, StatusCode};
use ureq::unversioned::resolver::DefaultResolver;
use ureq::unversioned::transport::DefaultConnector;

use super::address::GuardedResolver;
use super::event_type::{EventType, data_of};
use super::{DeliveryRecord, DeliveryStatus, Position, Webhook, Webhooks, delivery_id, sign};
use crate::app::{App, now};

/// How often it is looked whether there is anything to do.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How many entries are read at once; so many at most are repeated after a crash.
const BATCH: usize = 100;
/// Where nothing of the log is for a webhook, its place is written down once in
/// so many entries.
const SKIPPED: u64 = 10_000;
/// How long a receiver may take for its answer.
const TIMEOUT: Duration = Duration::from_secs(10);
/// As much of an answer is read, so that the connection can be used again.
const LONGEST_ANSWER: u64 = 4 << 10;
/// Whoever takes nothing for so long is disabled, in seconds.
const GIVE_UP_SECONDS: i64 = 3 * 24 * 3_600;

/// What is sent.
struct Message {
    sequence: u64,
    event_type: EventType,
    entry: Entry,
}

/// Why a delivery was not taken.
struct Failure {
    status: Option<StatusCode>,
    reason: String,
}

impl Failure {
    fn unanswered(reason: impl ToString) -> Self {
        Self {
            status: None,
            reason: reason.to_string(),
        }
    }
}

/// What a step was for.
enum Step {
    /// There may be more to do at once.
    Again,
    /// There is nothing to do for a moment.
    Rest,
    /// The webhook or the server is gone.
    End,
}

/// How far a task is.
#[derive(Default)]
struct Progress {
    /// As the disk has it, but for entries that it is not told of.
    position: Option<Position>,
    /// What is on the disk.
    written: u64,
    /// The last entry that was read.
    read: u64,
    /// What was read and is not acknowledged.
    waiting: VecDeque<Message>,
    failures: usize,
    not_before: Option<Instant>,
}

/// Delivers to one webhook until it or the server is gone.
pub(super) async fn deliver(app: Weak<App>, id: String) {
    let mut progress = Progress::default();
    loop {
        match step(&app, &id, &mut progress).await {
            Step::Again => {}
            Step::Rest => tokio::time::sleep(LOOK_EVERY).await,
            Step::End => return,
        }
    }
}

async fn step(app: &Weak<App>, id: &str, progress: &mut Progress) -> Step {
    let Some(running) = app.upgrade() else {
        return Step::End;
    };
    let webhooks = running.webhooks.clone();
    let Some(webhook) = webhooks.get(id) else {
        return Step::End;
    };
    let mut position = progress.follow(webhooks.position(&webhook));
    if running.is_stopping() {
        write(&webhooks, &webhook, &position).await;
        return Step::End;
    }
    if position.disabled.is_some() {
        return Step::Rest;
    }
    if progress.waiting.is_empty() {
        return read(&running, &webhook, progress, position).await;
    }
    // While it is sent, the server may end.
    drop(running);
    if progress.not_before.is_some_and(|end| Instant::now() < end) {
        return Step::Rest;
    }
    let Some(message) = progress.waiting.front() else {
        return Step::Again;
    };
    let sent = send(&webhooks, &webhook, message).await;
    match sent {
        Ok(()) => {
            position.acknowledged = message.sequence;
            let was_failing = position.failing_since.take().is_some();
            progress.waiting.pop_front();
            (progress.failures, progress.not_before) = (0, None);
            if progress.waiting.is_empty() {
                position.acknowledged = progress.read;
            }
            if was_failing || progress.waiting.is_empty() {
                progress.written = position.acknowledged;
                write(&webhooks, &webhook, &position).await;
            }
            progress.position = Some(position);
            Step::Again
        }
        Err(failure) => {
            let pauses = &webhooks.pauses;
            let pause = pauses.get(progress.failures).or(pauses.last());
            let pause = pause.copied().unwrap_or(LOOK_EVERY);
            progress.failures += 1;
            progress.not_before = Some(Instant::now() + pause);
            position.fail(&webhook, &failure, now());
            progress.written = position.acknowledged;
            write(&webhooks, &webhook, &position).await;
            progress.position = Some(position);
            Step::Rest
        }
    }
}

impl Progress {
    /// Where it is: as it was left, unless the place was moved by hand.
    fn follow(&mut self, stands: Position) -> Position {
        match &self.position {
            Some(own) if own.replays == stands.replays => Position {
                failing_since: stands.failing_since,
                disabled: stands.disabled,
                ..own.clone()
            },
            _ => {
                *self = Self {
                    read: stands.acknowledged,
                    written: stands.acknowledged,
                    position: Some(stands.clone()),
                    ..Self::default()
                };
                stands
            }
        }
    }
}

impl Position {
    /// Notes that nothing was taken, and disables what is to be disabled.
    fn fail(&mut self, webhook: &Webhook, failure: &Failure, now: Timestamp) {
        let since = *self.failing_since.get_or_insert(now);
        let reason = match failure.status {
            Some(StatusCode::GONE) => "it answered 410: it is gone for good".to_owned(),
            _ if now.as_seconds() - since.as_seconds() >= GIVE_UP_SECONDS => {
                format!(
                    "it took nothing for three days; at last: {}",
                    failure.reason
                )
            }
            _ => {
                tracing::warn!(
                    webhook = webhook.id,
                    url = webhook.url,
                    reason = failure.reason,
                    "a webhook did not take a delivery"
                );
                return;
            }
        };
        tracing::error!(
            webhook = webhook.id,
            url = webhook.url,
            reason,
            "a webhook is disabled: POST /v1/webhooks/{{id}}/replay lets it go on"
        );
        self.disabled = Some(reason);
    }
}

/// Reads on in the log, and passes over what the webhook is not told of.
async fn read(
    app: &App,
    webhook: &Webhook,
    progress: &mut Progress,
    mut position: Position,
) -> Step {
    if app.snapshot().sequence <= progress.read {
        return Step::Rest;
    }
    let entries = match app.store.read(progress.read, BATCH).await {
        Ok(entries) => entries,
        Err(error) => {
            tracing::warn!(%error, webhook = webhook.id, "the log is read again in a moment");
            return Step::Rest;
        }
    };
    let Some(last) = entries.last() else {
        return Step::Rest;
    };
    progress.read = last.sequence;
    for one in entries {
        let event_type = EventType::of(&one.entry);
        if let Some(event_type) = event_type.filter(|known| webhook.types.contains(known)) {
            progress.waiting.push_back(Message {
                sequence: one.sequence,
                event_type,
                entry: one.entry,
            });
        }
    }
    if progress.waiting.is_empty() {
        position.acknowledged = progress.read;
        if position.acknowledged - progress.written.min(position.acknowledged) >= SKIPPED {
            progress.written = position.acknowledged;
            write(&app.webhooks, webhook, &position).await;
        }
        progress.position = Some(position);
    }
    Step::Again
}

/// Writes down where a webhook is. What the disk does not take is repeated after
/// a crash; it is written with what comes next.
async fn write(webhooks: &Arc<Webhooks>, webhook: &Webhook, position: &Position) {
    let (webhooks, webhook, position) = (webhooks.clone(), webhook.clone(), position.clone());
    let written = tokio::task::spawn_blocking(move || webhooks.settle(&webhook, position)).await;
    match written {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::error!(
            error = format!("{error:#}"),
            "where a webhook is cannot be written down"
        ),
        Err(error) => tracing::error!(%error, "where a webhook is was not written down"),
    }
}

/// Sends a message once, and notes what came of it.
async fn send(
    webhooks: &Arc<Webhooks>,
    webhook: &Webhook,
    message: &Message,
) -> Result<(), Failure> {
    let id = delivery_id(&webhook.id, message.sequence);
    let time = now();
    let body = json!({
        "type": message.event_type,
        "id": id,
        "timestamp": time,
        "data": data_of(&message.entry),
    });
    let body = body.to_string();
    let answer = webhooks.sender.post(webhook, &id, time, body).await;
    let (http_status, failure) = match &answer {
        Ok(status) => (Some(*status), None),
        Err(failure) => (failure.status, Some(failure.reason.clone())),
    };
    let record = DeliveryRecord {
        id,
        sequence: message.sequence,
        event_type: message.event_type.clone(),
        status: match &failure {
            None => DeliveryStatus::Delivered,
            Some(_) => DeliveryStatus::Failed,
        },
        attempts: 1,
        attempted_at: time,
        http_status: http_status.map(|status| status.as_u16()),
        error: failure,
    };
    // It may have been deleted meanwhile.
    if webhooks.get(&webhook.id).is_some() {
        webhooks.note(&webhook.id, record);
    }
    answer.map(|_| ())
}

/// Sends over HTTP.
pub(super) struct Sender(ureq::Agent);

impl Sender {
    /// `local`: this server listens to its own machine alone.
    pub(super) fn new(local: bool) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            // A proxy would look names up by itself.
            .proxy(None)
            .timeout_global(Some(TIMEOUT))
            .user_agent(concat!("shopkeeper/", env!("CARGO_PKG_VERSION")))
            .build();
        let resolver = GuardedResolver {
            local,
            inner: DefaultResolver::default(),
        };
        let connector = DefaultConnector::default();
        Self(ureq::Agent::with_parts(config, connector, resolver))
    }

    /// One attempt. It has a thread of its own, for which the end of the server
    /// does not wait: what is not acknowledged then is sent again.
    async fn post(
        &self,
        webhook: &Webhook,
        id: &str,
        time: Timestamp,
        body: String,
    ) -> Result<StatusCode, Failure> {
        let seconds = time.as_seconds();
        let signature =
            sign::signature(&webhook.secret, id, seconds, &body).map_err(Failure::unanswered)?;
        let request = self
            .0
            .post(&webhook.url)
            .header("content-type", "application/json")
            .header("webhook-id", id)
            .header("webhook-timestamp", seconds.to_string())
            .header("webhook-signature", signature);
        let (tell, told) = tokio::sync::oneshot::channel();
        std::thread::Builder::new()
            .name("webhook".to_owned())
            .spawn(move || {
                let status = request.send(body).map(read_status);
                // Nobody listens where the server has ended.
                let _ = tell.send(status);
            })
            .map_err(Failure::unanswered)?;
        let status = told
            .await
            .map_err(|_| Failure::unanswered("sending it failed: see the log of the server"))?
            .map_err(Failure::unanswered)?;
        if status.is_success() {
            return Ok(status);
        }
        let reason = match status.is_redirection() {
            true => format!("it answered {status}: webhooks follow no redirect, change the URL"),
            false => format!("it answered {status}"),
        };
        Err(Failure {
            status: Some(status),
            reason,
        })
    }
}

/// The status of an answer, the rest of which says nothing.
fn read_status(response: Response<ureq::Body>) -> StatusCode {
    let status = response.status();
    let mut rest = response.into_body().into_reader().take(LONGEST_ANSWER);
    // The status counts, whatever becomes of the rest.
    let _ = std::io::copy(&mut rest, &mut std::io::sink());
    status
}
