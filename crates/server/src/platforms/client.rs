//! Questions to a platform over HTTP, asked again when that may help: on 429 and
//! 503 after the time that the platform names, on what broke off after a pause
//! that grows. A redirect is not followed, since it would carry the credentials
//! to another host.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::bail;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use ureq::http::header::{LOCATION, RETRY_AFTER};
use ureq::http::{HeaderMap, StatusCode};

/// The longest answer that is read.
const MOST_BYTES: u64 = 32 << 20;
/// The first pause before another try; each is twice the one before.
const PAUSE: Duration = Duration::from_millis(500);
/// The longest pause that a platform may ask for.
const LONGEST_PAUSE: Duration = Duration::from_secs(120);
/// While it waits it looks so often whether it should stop.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Who asks.
pub(super) struct Client {
    agent: ureq::Agent,
    tries: u32,
    stop: Arc<AtomicBool>,
}

/// A question.
pub(super) struct Question<'a> {
    pub(super) address: &'a str,
    /// The header that shows who asks, and its value.
    pub(super) credential: (&'static str, SecretString),
    /// A body to post; without one it is a GET.
    pub(super) body: Option<&'a Value>,
    /// What the statuses 401 and 403 mean, and what to do.
    pub(super) refused: &'static str,
}

/// What came back.
pub(super) struct Answer {
    pub(super) headers: HeaderMap,
    pub(super) body: Value,
}

/// What was asked for is not there.
#[derive(Debug, thiserror::Error)]
#[error("{0}: 404: there is no such shop, or not this version of its interface")]
pub(super) struct NotThere(String);

/// Whether an answer will do.
pub(super) enum Verdict {
    Good,
    /// It says: later.
    Later(Duration),
    /// It says what is wrong.
    Wrong(String),
}

/// Why a try brought nothing, and how long to wait where it was said.
type Failure = (String, Option<Duration>);

impl Client {
    /// Waits so long for an answer and tries so often.
    pub(super) fn new(timeout: Duration, tries: u32, stop: Arc<AtomicBool>) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_global(Some(timeout))
            .user_agent(concat!("shopkeeper/", env!("CARGO_PKG_VERSION")))
            .build();
        Self {
            agent: config.into(),
            tries,
            stop,
        }
    }

    /// The answer to a question, if `judge` finds it good.
    pub(super) fn ask(
        &self,
        question: &Question<'_>,
        judge: impl Fn(&Value) -> Verdict,
    ) -> anyhow::Result<Answer> {
        let mut pause = PAUSE;
        let mut tries = 0;
        loop {
            self.check_stop()?;
            let (failure, wait) = match self.once(question)? {
                Err(failure) => failure,
                Ok(answer) => match judge(&answer.body) {
                    Verdict::Good => return Ok(answer),
                    Verdict::Wrong(reason) => bail!("{}: {reason}", question.address),
                    Verdict::Later(wait) => ("it asks for fewer questions".into(), Some(wait)),
                },
            };
            tries += 1;
            if tries >= self.tries {
                bail!(
                    "{}: {failure}, {tries} times in a row; what was received is kept, run the \
                     same command again to go on",
                    question.address
                );
            }
            tracing::warn!(
                address = question.address,
                failure,
                "asked again in a moment"
            );
            self.sleep(wait.unwrap_or(pause).min(LONGEST_PAUSE))?;
            pause *= 2;
        }
    }

    /// One try: an answer, or why another may help. What no other try helps
    /// against is an error.
    fn once(&self, question: &Question<'_>) -> anyhow::Result<Result<Answer, Failure>> {
        let (name, value) = &question.credential;
        let value = value.expose_secret();
        let sent = match question.body {
            Some(body) => self
                .agent
                .post(question.address)
                .header("content-type", "application/json")
                .header(*name, value)
                .send(body.to_string()),
            None => self.agent.get(question.address).header(*name, value).call(),
        };
        let mut response = match sent {
            Ok(response) => response,
            Err(error) => return Ok(Err((error.to_string(), None))),
        };
        let status = response.status();
        if status == StatusCode::TOO_MANY_REQUESTS
            || status == StatusCode::REQUEST_TIMEOUT
            || status.is_server_error()
        {
            return Ok(Err((status.to_string(), wait_of(response.headers()))));
        }
        if let Some(place) = response
            .headers()
            .get(LOCATION)
            .filter(|_| status.is_redirection())
        {
            let place = String::from_utf8_lossy(place.as_bytes()).into_owned();
            bail!("{} leads to {place}: name that address", question.address);
        }
        if status == StatusCode::NOT_FOUND {
            return Err(NotThere(question.address.to_owned()).into());
        }
        if !status.is_success() {
            let advice = match status {
                StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => question.refused,
                _ => "the platform refuses",
            };
            bail!("{}: {status}: {advice}", question.address);
        }
        let headers = response.headers().clone();
        let body = response.body_mut().with_config().limit(MOST_BYTES);
        let text = match body.read_to_string() {
            Ok(text) => text,
            Err(error) => return Ok(Err((format!("the answer broke off: {error}"), None))),
        };
        match serde_json::from_str(&text) {
            Ok(body) => Ok(Ok(Answer { headers, body })),
            Err(error) => bail!("{} does not answer in JSON: {error}", question.address),
        }
    }

    /// Waits, unless it should stop.
    pub(super) fn sleep(&self, pause: Duration) -> anyhow::Result<()> {
        let until = std::time::Instant::now() + pause;
        loop {
            self.check_stop()?;
            let left = until.saturating_duration_since(std::time::Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            std::thread::sleep(left.min(LOOK_EVERY));
        }
    }

    fn check_stop(&self) -> anyhow::Result<()> {
        if self.stop.load(Ordering::Relaxed) {
            bail!("stopped; what was received is kept, run the same command again to go on");
        }
        Ok(())
    }
}

/// `Retry-After` in seconds; Shopify writes `2.0`.
fn wait_of(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?;
    let seconds: f64 = text.trim().parse().ok()?;
    Duration::try_from_secs_f64(seconds.min(LONGEST_PAUSE.as_secs_f64())).ok()
}
