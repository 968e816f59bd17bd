//! Any OpenAI-compatible server as the assistant's language model, with or
//! without TLS: asked once, once more when that may help and nothing was heard
//! yet, and given up at the time that the whole answer has.

mod reply;
#[cfg(test)]
mod tests;

use std::io::{BufRead, BufReader, Read};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use serve::support::{ChatError, ChatModel, ChatTurn, Message, Sink, ToolCall, ToolSpec};
use ureq::http::header::{AUTHORIZATION, CONTENT_TYPE};

use super::now;
use crate::config::Config;
use reply::Reply;

/// The longest answer that is read, in bytes.
const LONGEST_ANSWER: u64 = 256 * 1024;
const TRIES: usize = 2;
const DAY: i64 = 86_400;
const MOST_NEW_TOKENS: u64 = 600;
const CHARACTERS_PER_TOKEN: u64 = 4;

/// A server and how it is asked.
#[derive(Debug)]
pub struct Backend {
    agent: ureq::Agent,
    address: String,
    model: String,
    key: SecretString,
    /// What one answer may take in all.
    pub(crate) timeout: Duration,
    tokens_per_day: u64,
    /// The day and the tokens used in it.
    used: Mutex<(i64, u64)>,
}

impl Backend {
    /// The server that is configured; `None` when there is none.
    pub fn of(config: &Config) -> Option<Self> {
        let address = config.backend_url.trim_end_matches('/');
        if address.is_empty() {
            return None;
        }
        if !address.starts_with("http://") && !address.starts_with("https://") {
            tracing::error!(
                url = config.backend_url,
                "backend_url has to begin with http:// or https://, as in \
                 https://host/v1. Answers come without it"
            );
            return None;
        }
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .user_agent(concat!("shopkeeper/", env!("CARGO_PKG_VERSION")))
            .build();
        Some(Self {
            agent: agent.into(),
            address: format!("{address}/chat/completions"),
            model: config.backend_model.clone(),
            key: config.backend_key.clone(),
            timeout: Duration::from_millis(config.backend_timeout_ms),
            tokens_per_day: config.backend_tokens_per_day,
            used: Mutex::default(),
        })
    }

    /// Takes tokens off the day's budget.
    fn spend(&self, tokens: u64) -> Result<(), ChatError> {
        let today = now().as_seconds() / DAY;
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        if used.0 != today {
            *used = (today, 0);
        }
        if used.1 + tokens > self.tokens_per_day {
            return Err(ChatError::OverBudget);
        }
        used.1 += tokens;
        Ok(())
    }

    fn body(&self, messages: &[Message], tools: &[ToolSpec]) -> Value {
        let tools: Vec<Value> = tools
            .iter()
            .map(|tool| json!({"type": "function", "function": tool}))
            .collect();
        // Where there is one tool alone, nothing else is an answer.
        let choice = match tools.as_slice() {
            [only] => json!({"type": "function", "function": {"name": only["function"]["name"]}}),
            _ => json!("auto"),
        };
        let messages: Vec<Value> = messages.iter().map(written).collect();
        let mut body = json!({
            "model": self.model,
            "temperature": 0,
            "max_tokens": MOST_NEW_TOKENS,
            "stream": true,
            "messages": messages,
        });
        if !tools.is_empty() {
            body["tools"] = json!(tools);
            body["tool_choice"] = choice;
        }
        body
    }

    /// One request within what is left of the time; whether anything was heard.
    fn ask(
        &self,
        body: &Value,
        until: Instant,
        sink: &mut Sink<'_>,
    ) -> (Result<ChatTurn, ChatError>, bool) {
        let mut reply = Reply::new(sink);
        let turn = self.hear(body, until, &mut reply);
        let is_heard = reply.is_heard();
        (turn.and_then(|()| reply.turn()), is_heard)
    }

    fn hear(
        &self,
        body: &Value,
        until: Instant,
        reply: &mut Reply<'_, '_>,
    ) -> Result<(), ChatError> {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(ChatError::TimedOut);
        }
        let mut request = self
            .agent
            .post(&self.address)
            .config()
            .timeout_global(Some(left))
            .build()
            .header(CONTENT_TYPE, "application/json");
        let key = self.key.expose_secret();
        if !key.is_empty() {
            request = request.header(AUTHORIZATION, format!("Bearer {key}"));
        }
        let response = request.send(body.to_string()).map_err(failure)?;
        let status = response.status();
        if !status.is_success() {
            return Err(ChatError::Refused(status.as_u16()));
        }
        let body = response.into_body().into_reader().take(LONGEST_ANSWER);
        let mut lines = BufReader::new(body);
        let mut line = Vec::new();
        loop {
            line.clear();
            let read = lines.read_until(b'\n', &mut line);
            // A stream that trickles on is not waited for beyond the time.
            if Instant::now() >= until {
                return Err(ChatError::TimedOut);
            }
            match read {
                Ok(0) => return Ok(()),
                Ok(_) => reply.hear(&String::from_utf8_lossy(&line)),
                Err(error) if error.kind() == std::io::ErrorKind::TimedOut => {
                    return Err(ChatError::TimedOut);
                }
                Err(error) => return Err(ChatError::Unreachable(error.to_string())),
            }
            if reply.is_ended() {
                return Ok(());
            }
        }
    }
}

/// A message in OpenAI's words.
fn written(message: &Message) -> Value {
    match message {
        Message::System(text) => json!({"role": "system", "content": text}),
        Message::Customer(text) => json!({"role": "user", "content": text}),
        Message::Assistant { text, calls } if calls.is_empty() => {
            json!({"role": "assistant", "content": text})
        }
        Message::Assistant { text, calls } => {
            let called = |call: &ToolCall| {
                json!({"id": call.id, "type": "function", "function": {
                    "name": call.name, "arguments": call.arguments.to_string(),
                }})
            };
            let calls: Vec<Value> = calls.iter().map(called).collect();
            json!({"role": "assistant", "content": text, "tool_calls": calls})
        }
        Message::ToolResult { call, content } => {
            json!({"role": "tool", "tool_call_id": call, "content": content})
        }
    }
}

fn failure(error: ureq::Error) -> ChatError {
    match error {
        ureq::Error::Timeout(_) => ChatError::TimedOut,
        ureq::Error::Io(error) if error.kind() == std::io::ErrorKind::TimedOut => {
            ChatError::TimedOut
        }
        other => ChatError::Unreachable(other.to_string()),
    }
}

impl ChatModel for Backend {
    fn reply(
        &self,
        messages: &[Message],
        tools: &[ToolSpec],
        until: Instant,
        sink: &mut Sink<'_>,
    ) -> Result<ChatTurn, ChatError> {
        let body = self.body(messages, tools);
        let prompt = body.to_string().chars().count() as u64;
        let tokens = prompt / CHARACTERS_PER_TOKEN + MOST_NEW_TOKENS;
        let mut tries = 0;
        loop {
            self.spend(tokens)?;
            tries += 1;
            let (turn, is_heard) = self.ask(&body, until, sink);
            let again = match &turn {
                Err(ChatError::Refused(status)) => *status >= 500 || *status == 429,
                Err(ChatError::Unreachable(_)) => !is_heard,
                Err(ChatError::TimedOut | ChatError::OverBudget | ChatError::Unreadable(_))
                | Ok(_) => false,
            };
            if !again || tries >= TRIES {
                return turn;
            }
        }
    }

    fn name(&self) -> &str {
        &self.model
    }

    fn is_remote(&self) -> bool {
        true
    }
}
