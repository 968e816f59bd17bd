//! What an OpenAI-compatible server answers: a whole JSON object, or pieces of
//! one as server-sent events; sentences, calls of tools, or both.

use std::collections::BTreeMap;

use serde_json::Value;
use serve::support::{ChatError, ChatTurn, Sentence, SentenceSplitter, Sink, ToolCall};

/// Calls beyond so many are not read.
const MOST_CALLS: usize = 32;

/// What has been heard so far.
pub(super) struct Reply<'s, 'f> {
    sink: &'s mut Sink<'f>,
    splitter: SentenceSplitter,
    sentences: Vec<Sentence>,
    calls: BTreeMap<usize, WrittenCall>,
    /// Lines that are no events: an answer in one piece.
    plain: String,
    has_ended: bool,
}

/// A call as far as it is written.
#[derive(Debug, Default)]
struct WrittenCall {
    id: String,
    name: String,
    arguments: String,
}

impl<'s, 'f> Reply<'s, 'f> {
    pub(super) fn new(sink: &'s mut Sink<'f>) -> Self {
        Self {
            sink,
            splitter: SentenceSplitter::default(),
            sentences: Vec::new(),
            calls: BTreeMap::new(),
            plain: String::new(),
            has_ended: false,
        }
    }

    /// Takes one line of the body.
    pub(super) fn hear(&mut self, line: &str) {
        let line = line.trim();
        match line.strip_prefix("data:").map(str::trim) {
            Some("[DONE]") => self.has_ended = true,
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
        if let Some(text) = message["content"].as_str() {
            for sentence in self.splitter.push(text) {
                self.say(sentence);
            }
        }
        let pieces = message["tool_calls"].as_array().into_iter().flatten();
        for (place, piece) in pieces.enumerate() {
            // Pieces of a stream say which call they belong to.
            let index = piece["index"].as_u64();
            let index = index.and_then(|index| usize::try_from(index).ok());
            let index = index.unwrap_or(place);
            if index >= MOST_CALLS {
                continue;
            }
            let call = self.calls.entry(index).or_default();
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            call.id.push_str(&text(&piece["id"]));
            call.name.push_str(&text(&piece["function"]["name"]));
            call.arguments
                .push_str(&text(&piece["function"]["arguments"]));
        }
    }

    fn say(&mut self, sentence: Sentence) {
        if (self.sink)(sentence.clone()).is_break() {
            self.has_ended = true;
        }
        self.sentences.push(sentence);
    }

    /// Whether nothing more has to be waited for.
    pub(super) fn is_ended(&self) -> bool {
        self.has_ended
    }

    /// Whether a sentence has gone out already.
    pub(super) fn is_heard(&self) -> bool {
        !self.sentences.is_empty()
    }

    /// The turn, now that the body has ended. What was said beside calls is
    /// kept back: it rests on nothing yet.
    pub(super) fn turn(mut self) -> Result<ChatTurn, ChatError> {
        if !self.plain.is_empty() {
            let whole: Value = serde_json::from_str(&self.plain)
                .map_err(|error| ChatError::Unreadable(format!("no JSON: {error}")))?;
            self.take(&whole["choices"][0]["message"]);
        }
        if !self.calls.is_empty() {
            let calls = std::mem::take(&mut self.calls).into_iter();
            let calls: Result<Vec<ToolCall>, ChatError> = calls.map(whole_call).collect();
            return calls.map(ChatTurn::Calls);
        }
        for sentence in std::mem::take(&mut self.splitter).finish() {
            self.say(sentence);
        }
        if self.sentences.is_empty() {
            return Err(ChatError::Unreadable("it says nothing".to_owned()));
        }
        Ok(ChatTurn::Answer(self.sentences))
    }
}

fn whole_call((index, call): (usize, WrittenCall)) -> Result<ToolCall, ChatError> {
    let arguments = match call.arguments.trim() {
        "" => Ok(Value::Object(serde_json::Map::new())),
        text => serde_json::from_str(text),
    };
    let arguments = arguments.map_err(|error| {
        ChatError::Unreadable(format!("the arguments of {:?}: {error}", call.name))
    })?;
    let id = match call.id.as_str() {
        "" => format!("call-{index}"),
        id => id.to_owned(),
    };
    Ok(ToolCall {
        id,
        name: call.name,
        arguments,
    })
}
