//! What an OpenAI-compatible server answers: a whole JSON object, or pieces of
//! one as server-sent events; in the content or as a tool's arguments.

use serde_json::Value;
use serve::support::RerankFailure;

/// What has been heard so far.
#[derive(Debug, Default)]
pub(super) struct Answer {
    /// What was said: the content, or the arguments of the tool.
    said: String,
    /// Lines that are no events: an answer in one piece.
    plain: String,
    ended: bool,
}

impl Answer {
    /// Takes one line of the body.
    pub(super) fn hear(&mut self, line: &str) {
        let line = line.trim();
        match line.strip_prefix("data:").map(str::trim) {
            Some("[DONE]") => self.ended = true,
            Some(data) => {
                if let Ok(piece) = serde_json::from_str::<Value>(data) {
                    self.take(&piece["choices"][0]["delta"]);
                    self.take(&piece["choices"][0]["message"]);
                }
            }
            // Comments and names of events say nothing.
            None if line.starts_with(':') || line.starts_with("event:") => {}
            None => self.plain.push_str(line),
        }
    }

    fn take(&mut self, message: &Value) {
        let arguments = &message["tool_calls"][0]["function"]["arguments"];
        for part in [&message["content"], arguments] {
            self.said.push_str(part.as_str().unwrap_or_default());
        }
    }

    /// Whether nothing more has to be waited for.
    pub(super) fn is_whole(&self) -> bool {
        self.ended || numbers(&self.said).is_ok()
    }

    /// The numbers in the answer.
    pub(super) fn chosen(mut self) -> Result<Vec<usize>, RerankFailure> {
        if !self.plain.is_empty() {
            let whole: Value = serde_json::from_str(&self.plain)
                .map_err(|error| RerankFailure::Unreadable(format!("no JSON: {error}")))?;
            self.take(&whole["choices"][0]["message"]);
        }
        numbers(&self.said).map_err(RerankFailure::Unreadable)
    }
}

fn numbers(said: &str) -> Result<Vec<usize>, String> {
    let chosen: Value = serde_json::from_str(said.trim())
        .map_err(|error| format!("what it says is no JSON: {error}"))?;
    let numbers = chosen["chosen"].as_array().ok_or("no list of numbers")?;
    numbers
        .iter()
        .map(|number| {
            let number = number
                .as_u64()
                .and_then(|number| usize::try_from(number).ok());
            number.ok_or_else(|| "a number that is none".to_owned())
        })
        .collect()
}
