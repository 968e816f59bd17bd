//! A model of this machine as the assistant's language model. It speaks freely,
//! and as soon as it begins a call it decides under a constraint: which tool,
//! then arguments that keep to the tool's schema. Each decision goes on from
//! the same prompt, whose keys and values the engine has kept.

#[cfg(test)]
mod tests;

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use models::constrain::Constraint;
use models::engine::{Finish, Output, Request};
use models::published::Role;
use models::tool_calls::{self, CallReader, Said, Turn, begun_arguments, begun_call, written_call};
use models::{ModelError, Precision, Sampling};
use serde_json::{Value, json};
use serve::support::{
    ChatError, ChatModel, ChatTurn, Message, Sentence, SentenceSplitter, Sink, ToolCall, ToolSpec,
};

use super::Decoder;

/// How often it is looked whether anybody still waits, while no token comes.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Tokens of one answer at most.
const MOST_SPOKEN_TOKENS: usize = 600;
/// Tokens of one call's arguments at most.
const MOST_ARGUMENT_TOKENS: usize = 256;
/// Tokens in which another call begins.
const MOST_DECIDING_TOKENS: usize = 8;
/// Calls of one turn at most.
const MOST_CALLS: usize = 4;

/// A model of this machine.
pub struct LocalModel {
    name: String,
    decoder: Arc<Decoder>,
}

impl LocalModel {
    /// Loads a published model: a folder or a GGUF file.
    ///
    /// # Errors
    /// Where it cannot be read, or is none that converses.
    pub fn load(path: &Path) -> anyhow::Result<Self> {
        let chat = models::ChatModel::published(path, Precision::AsStored)?;
        // Sorted now: the first customer would wait for it.
        chat.vocabulary()?;
        Ok(Self {
            name: crate::bases::name_of(path)?,
            decoder: Arc::new(Decoder::start(chat)?),
        })
    }

    /// What computes, for whoever else asks for the same model.
    pub fn decoder(&self) -> &Decoder {
        &self.decoder
    }
}

impl ChatModel for LocalModel {
    fn reply(
        &self,
        messages: &[Message],
        tools: &[ToolSpec],
        until: Instant,
        sink: &mut Sink<'_>,
    ) -> Result<ChatTurn, ChatError> {
        let writing = Writing::new(&self.decoder, messages, tools, until)?;
        let mut listener = Listener {
            sink,
            splitter: SentenceSplitter::default(),
            sentences: Vec::new(),
        };
        match writing.turn(&mut listener) {
            Err(Stopped::Failed(error)) => Err(error),
            Ok(calls) if !calls.is_empty() => Ok(ChatTurn::Calls(calls)),
            // What was said before nobody listened any more is the answer.
            Ok(_) | Err(Stopped::Unheard) => Ok(ChatTurn::Answer(listener.sentences)),
        }
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn is_remote(&self) -> bool {
        false
    }
}

/// Why a turn came to no end of its own.
enum Stopped {
    /// Nobody listens any more.
    Unheard,
    Failed(ChatError),
}

impl From<ModelError> for Stopped {
    fn from(error: ModelError) -> Self {
        Self::Failed(refused(error))
    }
}

fn refused(error: ModelError) -> ChatError {
    match error {
        ModelError::Busy(_) => ChatError::Unreachable(error.to_string()),
        error => ChatError::Unreadable(error.to_string()),
    }
}

/// Who hears the sentences.
struct Listener<'s, 'f> {
    sink: &'s mut Sink<'f>,
    splitter: SentenceSplitter,
    sentences: Vec<Sentence>,
}

impl Listener<'_, '_> {
    /// Takes a piece of text in; a break where nobody listens, or the model has
    /// begun to repeat itself.
    fn hear(&mut self, text: &str) -> ControlFlow<()> {
        for sentence in self.splitter.push(text) {
            self.say(sentence)?;
        }
        ControlFlow::Continue(())
    }

    /// What is left when nothing follows.
    fn finish(&mut self) -> ControlFlow<()> {
        for sentence in std::mem::take(&mut self.splitter).finish() {
            self.say(sentence)?;
        }
        ControlFlow::Continue(())
    }

    fn say(&mut self, sentence: Sentence) -> ControlFlow<()> {
        if self.sentences.contains(&sentence) {
            return ControlFlow::Break(());
        }
        self.sentences.push(sentence.clone());
        (self.sink)(sentence)
    }

    /// Whether anybody listens while nothing is said.
    fn listens(&mut self) -> Result<(), Stopped> {
        match (self.sink)(Sentence::default()) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(Stopped::Unheard),
        }
    }
}

/// One turn on its way.
struct Writing<'a> {
    decoder: &'a Decoder,
    tools: &'a [ToolSpec],
    /// The conversation up to where the model goes on.
    prompt: Vec<u32>,
    until: Instant,
}

impl<'a> Writing<'a> {
    fn new(
        decoder: &'a Decoder,
        messages: &[Message],
        tools: &'a [ToolSpec],
        until: Instant,
    ) -> Result<Self, ChatError> {
        let turns: Vec<Turn> = messages.iter().map(turn).collect();
        let described = tools
            .iter()
            .map(|tool| json!({"type": "function", "function": tool}));
        let described: Vec<Value> = described.collect();
        let begun = decoder.chat.begun_without_thinking();
        let prompt = decoder.chat.prompt(&turns, &described, begun);
        Ok(Self {
            decoder,
            tools,
            prompt: prompt.map_err(refused)?,
            until,
        })
    }

    /// The calls of this turn; none where the model has answered.
    fn turn(&self, listener: &mut Listener<'_, '_>) -> Result<Vec<ToolCall>, Stopped> {
        // Where there is one tool alone, nothing else is an answer.
        if self.tools.len() != 1 && !self.speak(listener)? {
            return Ok(Vec::new());
        }
        let mut calls: Vec<ToolCall> = Vec::new();
        let mut written = String::new();
        loop {
            let (tool, arguments) = self.call(&written, listener)?;
            written.push_str(&written_call(&tool.name, &arguments));
            let call = ToolCall {
                id: format!("call-{}", calls.len()),
                name: tool.name.clone(),
                arguments: read(&arguments)?,
            };
            let same =
                |one: &ToolCall| (&one.name, &one.arguments) == (&call.name, &call.arguments);
            let repeats = calls.iter().any(same);
            if !repeats {
                calls.push(call);
            }
            let is_full = repeats || self.tools.len() == 1 || calls.len() == MOST_CALLS;
            if is_full || !self.calls_again(&written, listener)? {
                return Ok(calls);
            }
        }
    }

    /// Lets the model speak until its turn ends, or it begins a call: whether
    /// it does.
    fn speak(&self, listener: &mut Listener<'_, '_>) -> Result<bool, Stopped> {
        let names = self.tools.iter().map(|tool| tool.name.clone()).collect();
        let mut reader = CallReader::new(names);
        let mut calls = false;
        let ended = self.run("", None, MOST_SPOKEN_TOKENS, |text| {
            if text.is_empty() {
                return listener.listens();
            }
            for said in reader.push(text) {
                match said {
                    Said::Call(_) => calls = true,
                    Said::Text(text) if listener.hear(&text).is_break() => {
                        return Err(Stopped::Unheard);
                    }
                    Said::Text(_) => {}
                }
            }
            calls |= reader.has_begun_call();
            // What follows is decided under a constraint.
            if calls {
                Err(Stopped::Unheard)
            } else {
                listener.listens()
            }
        });
        if calls {
            return Ok(true);
        }
        ended?;
        for said in reader.finish() {
            if let Said::Text(text) = said
                && listener.hear(&text).is_break()
            {
                return Err(Stopped::Unheard);
            }
        }
        match listener.finish() {
            ControlFlow::Break(()) => Err(Stopped::Unheard),
            ControlFlow::Continue(()) if listener.sentences.is_empty() => {
                let nothing = ChatError::Unreadable("it says nothing".to_owned());
                Err(Stopped::Failed(nothing))
            }
            ControlFlow::Continue(()) => Ok(false),
        }
    }

    /// The next call: a tool that there is, and arguments of its schema as the
    /// model writes them.
    fn call(
        &self,
        written: &str,
        listener: &mut Listener<'_, '_>,
    ) -> Result<(&'a ToolSpec, String), Stopped> {
        let tool = match self.tools {
            [only] => only,
            tools => self.chosen(tools, written, listener)?,
        };
        let vocabulary = self.decoder.chat.vocabulary()?;
        let schema = writable(&tool.parameters);
        let constraint = Constraint::json_schema(&schema, vocabulary)?;
        let begun = format!("{written}{}", begun_arguments(&tool.name));
        let arguments = self.collect(&begun, Some(constraint), MOST_ARGUMENT_TOKENS, listener)?;
        Ok((tool, arguments))
    }

    /// Which of several tools is called.
    fn chosen(
        &self,
        tools: &'a [ToolSpec],
        written: &str,
        listener: &mut Listener<'_, '_>,
    ) -> Result<&'a ToolSpec, Stopped> {
        // The quote ends a name that another one begins with.
        let names = tools.iter().map(|tool| format!("{}\"", tool.name));
        let names: Vec<String> = names.collect();
        let allowed: Vec<&str> = names.iter().map(String::as_str).collect();
        let vocabulary = self.decoder.chat.vocabulary()?;
        let constraint = Constraint::allowed_strings(&allowed, vocabulary)?;
        let begun = format!("{written}{}", begun_call());
        let name = self.collect(&begun, Some(constraint), MOST_ARGUMENT_TOKENS, listener)?;
        let place = names.iter().position(|one| *one == name);
        place.map(|place| &tools[place]).ok_or_else(|| {
            let unknown = ChatError::Unreadable(format!("it calls {name:?}"));
            Stopped::Failed(unknown)
        })
    }

    /// Whether another call follows those that are written.
    fn calls_again(&self, written: &str, listener: &mut Listener<'_, '_>) -> Result<bool, Stopped> {
        let next = self.collect(written, None, MOST_DECIDING_TOKENS, listener)?;
        let opening = begun_call();
        let opening = opening.trim_end_matches(|letter| letter != '>');
        Ok(next.trim_start().starts_with(opening))
    }

    fn collect(
        &self,
        begun: &str,
        constraint: Option<Constraint>,
        most: usize,
        listener: &mut Listener<'_, '_>,
    ) -> Result<String, Stopped> {
        let mut all = String::new();
        self.run(begun, constraint, most, |text| {
            all.push_str(text);
            listener.listens()
        })?;
        Ok(all)
    }

    /// Runs one stream of the engine; `hear` gets its text piece by piece, and
    /// nothing now and then while it waits.
    fn run(
        &self,
        begun: &str,
        constraint: Option<Constraint>,
        most: usize,
        mut hear: impl FnMut(&str) -> Result<(), Stopped>,
    ) -> Result<(), Stopped> {
        let chat = &self.decoder.chat;
        let mut tokens = self.prompt.clone();
        tokens.extend(chat.tokenizer.encode_with_special(begun));
        let prompt = tokens.len();
        let sampling = Sampling {
            maximum_tokens: most,
            stop: chat.ends.clone(),
            ..Sampling::default()
        };
        let mut reply = self.decoder.engine.submit(Request {
            prompt: tokens,
            sampling,
            constraint,
        })?;
        let mut words = chat.tokenizer.stream();
        let (begun_at, mut produced) = (Instant::now(), 0);
        loop {
            let left = self.until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(Stopped::Failed(ChatError::TimedOut));
            }
            match reply.next_output_within(left.min(LOOK_EVERY)) {
                Err(_) => hear("")?,
                Ok(Some(Output::Token(token))) => {
                    if produced == 0 {
                        tracing::debug!(prompt, begun, first = ?begun_at.elapsed(), "a stream");
                    }
                    produced += 1;
                    let text = words.push(token);
                    tracing::trace!(text);
                    hear(&text)?;
                }
                Ok(Some(Output::Finished(Finish::Failed(error)))) => return Err(error.into()),
                Ok(Some(Output::Finished(Finish::Stop | Finish::Length))) => {
                    return hear(&words.finish());
                }
                Ok(None) => {
                    let gone = ChatError::Unreachable("the engine stopped".to_owned());
                    return Err(Stopped::Failed(gone));
                }
            }
        }
    }
}

/// A schema as arguments are written by it. An id may come as a number from
/// programs, with the bounds of all numbers there are; a model writes it as the
/// text that it is.
fn writable(schema: &Value) -> Value {
    match schema {
        Value::Array(list) => list.iter().map(writable).collect(),
        Value::Object(fields) => {
            let types = fields.get("type").and_then(Value::as_array);
            let has = |name: &str| types.is_some_and(|types| types.contains(&json!(name)));
            if has("string") && has("integer") {
                let longest = fields.get("maxLength").cloned().unwrap_or(json!(256));
                return json!({"type": "string", "minLength": 1, "maxLength": longest});
            }
            // A tool without arguments has no properties at all.
            let fields = fields.iter().filter(|(_, value)| !value.is_null());
            fields
                .map(|(name, value)| (name.clone(), writable(value)))
                .collect()
        }
        other => other.clone(),
    }
}

fn read(arguments: &str) -> Result<Value, Stopped> {
    serde_json::from_str(arguments).map_err(|error| {
        let cut = format!("arguments that are no JSON: {error}");
        Stopped::Failed(ChatError::Unreadable(cut))
    })
}

/// A message as the engine's models read it.
fn turn(message: &Message) -> Turn {
    match message {
        Message::System(text) => Turn::said(Role::System, text),
        Message::Customer(text) => Turn::said(Role::User, text),
        Message::ToolResult { content, .. } => Turn::said(Role::Tool, content),
        Message::Assistant { text, calls } => {
            let calls = calls.iter().map(|call| tool_calls::ToolCall {
                name: call.name.clone(),
                arguments: call.arguments.clone(),
            });
            Turn {
                calls: calls.collect(),
                ..Turn::said(Role::Assistant, text)
            }
        }
    }
}
