//! A bare model at work on one answer, on a thread that may wait.

use std::time::Duration;

use models::constrain::Constraint;
use models::engine::{Finish, Output, Request};
use models::stop::StopWatch;
use models::tool_calls::{CallReader, Said, begun_arguments, begun_call};
use models::{ModelError, Sampling};
use serde_json::Value;
use tokio::sync::mpsc;

use super::answer::{FinishReason, Usage};
use super::request::{Expected, Task};
use crate::app::Decoder;
use crate::http::error::ApiError;

/// How often a reader is looked for while no token comes.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// A piece of an answer.
#[derive(Debug)]
pub enum Piece {
    /// The model has taken the conversation in.
    Begun,
    /// Of the text.
    Text(String),
    /// A call of this tool begins.
    Call(String),
    /// Of the arguments of the last call.
    Arguments(String),
    /// All is said.
    End(FinishReason, Usage),
    /// It came to nothing.
    Failed(ApiError),
}

/// Nobody reads any more.
struct Gone;

/// Writes one answer into `pieces`, and stops early when nobody reads them.
pub fn write(decoder: &Decoder, task: &Task, pieces: &mpsc::Sender<Piece>) {
    let writing = Writing {
        decoder,
        task,
        pieces,
    };
    let written = match &task.expected {
        Expected::Text(tools) => writing.text(tools),
        Expected::Json(schema) => writing.json(schema),
        Expected::Call(functions) => writing.call(functions),
    };
    let last = match written {
        Ok(Ok((finish, usage))) => Piece::End(finish, usage),
        Ok(Err(Gone)) => return,
        Err(error) => Piece::Failed(error),
    };
    // A reader who has left hears no end.
    let _ = pieces.blocking_send(last);
}

struct Writing<'a> {
    decoder: &'a Decoder,
    task: &'a Task,
    pieces: &'a mpsc::Sender<Piece>,
}

/// How an answer ended, unless its reader left before.
type Written = Result<Result<(FinishReason, Usage), Gone>, ApiError>;

impl Writing<'_> {
    /// Text, in which calls of these tools are found.
    fn text(&self, tools: &[String]) -> Written {
        let prompt = self.prompt("")?;
        let length = prompt.len();
        let mut reader = CallReader::new(tools.to_vec());
        let mut called = false;
        let mut say = |said: Vec<Said>| {
            said.into_iter().try_for_each(|one| match one {
                Said::Text(text) => self.send(Piece::Text(text)),
                Said::Call(call) => {
                    called = true;
                    self.send(Piece::Call(call.name))?;
                    let arguments = match call.arguments {
                        Value::String(text) => text,
                        arguments => arguments.to_string(),
                    };
                    self.send(Piece::Arguments(arguments))
                }
            })
        };
        let ended = self.run(prompt, None, &self.task.stop, |text| match tools {
            [] => say(vec![Said::Text(text)]),
            _ => say(reader.push(&text)),
        })?;
        let Ok((mut finish, produced)) = ended else {
            return Ok(Err(Gone));
        };
        if say(reader.finish()).is_err() {
            return Ok(Err(Gone));
        }
        if called && finish == FinishReason::Stop {
            finish = FinishReason::ToolCalls;
        }
        Ok(Ok((finish, Usage::new(length, produced))))
    }

    /// JSON of a schema.
    fn json(&self, schema: &Value) -> Written {
        let constraint = self.constraint("response_format", schema)?;
        let prompt = self.prompt("")?;
        let length = prompt.len();
        let ended = self.run(prompt, Some(constraint), &self.task.stop, |text| {
            self.send(Piece::Text(text))
        })?;
        Ok(ended.map(|(finish, produced)| (finish, Usage::new(length, produced))))
    }

    /// A call of one of these functions. The model chooses among their names,
    /// then writes arguments that keep to the schema of the one it chose.
    fn call(&self, functions: &[(String, Value)]) -> Written {
        let length = self.prompt("")?.len();
        // All of them, before anything is said: a schema that cannot be kept to
        // is the caller's mistake, whichever is chosen.
        let constraints = functions
            .iter()
            .map(|(_, schema)| self.constraint("tools", schema));
        let mut constraints = constraints.collect::<Result<Vec<_>, _>>()?;
        let chosen = match functions {
            [_] => 0,
            _ => match self.chosen(functions)? {
                Ok(chosen) => chosen,
                Err(gone) => return Ok(Err(gone)),
            },
        };
        let (name, constraint) = (&functions[chosen].0, constraints.swap_remove(chosen));
        let prompt = self.prompt(&begun_arguments(name))?;
        // What was begun for the model is a part of its answer.
        let begun = prompt.len() - length;
        let mut named = false;
        let ended = self.run(prompt, Some(constraint), &[], |text| {
            if !named {
                named = true;
                self.send(Piece::Call(name.clone()))?;
            }
            self.send(Piece::Arguments(text))
        })?;
        Ok(ended.map(|(finish, produced)| {
            let finish = match finish {
                FinishReason::Length => FinishReason::Length,
                FinishReason::Stop | FinishReason::ToolCalls => FinishReason::ToolCalls,
            };
            (finish, Usage::new(length, begun + produced))
        }))
    }

    /// Which of several functions the model calls.
    fn chosen(&self, functions: &[(String, Value)]) -> Result<Result<usize, Gone>, ApiError> {
        // The quote ends a name that another one begins with.
        let names: Vec<String> = functions
            .iter()
            .map(|(name, _)| format!("{name}\""))
            .collect();
        let allowed: Vec<&str> = names.iter().map(String::as_str).collect();
        let vocabulary = self.decoder.chat.vocabulary().map_err(refused)?;
        let constraint = Constraint::allowed_strings(&allowed, vocabulary).map_err(refused)?;
        let mut chosen = String::new();
        let prompt = self.prompt(&begun_call())?;
        let ended = self.run(prompt, Some(constraint), &[], |text| {
            chosen.push_str(&text);
            Ok(())
        })?;
        if ended.is_err() {
            return Ok(Err(Gone));
        }
        let found = names.iter().position(|name| *name == chosen);
        match found {
            Some(index) => Ok(Ok(index)),
            None => Err(ApiError::field(
                "max_completion_tokens",
                "they do not suffice for the name of a tool",
            )),
        }
    }

    fn constraint(&self, param: &str, schema: &Value) -> Result<Constraint, ApiError> {
        let vocabulary = self.decoder.chat.vocabulary().map_err(refused)?;
        Constraint::json_schema(schema, vocabulary)
            .map_err(|error| ApiError::field(param, error.to_string()))
    }

    fn prompt(&self, begun: &str) -> Result<Vec<u32>, ApiError> {
        let (turns, tools) = (&self.task.turns, &self.task.tools);
        let prompt = self.decoder.chat.prompt(turns, tools, begun);
        prompt.map_err(refused)
    }

    fn send(&self, piece: Piece) -> Result<(), Gone> {
        let empty = matches!(&piece, Piece::Text(text) | Piece::Arguments(text) if text.is_empty());
        if empty {
            return Ok(());
        }
        self.pieces.blocking_send(piece).map_err(|_| Gone)
    }

    /// Runs one stream of the engine: its text, how it ended and how many
    /// tokens it took.
    fn run(
        &self,
        prompt: Vec<u32>,
        constraint: Option<Constraint>,
        stop: &[String],
        mut say: impl FnMut(String) -> Result<(), Gone>,
    ) -> Result<Result<(FinishReason, usize), Gone>, ApiError> {
        let chat = &self.decoder.chat;
        let request = Request {
            prompt,
            sampling: Sampling {
                stop: chat.ends.clone(),
                ..self.task.sampling.clone()
            },
            constraint,
        };
        let mut reply = self.decoder.engine.submit(request).map_err(refused)?;
        if self.send(Piece::Begun).is_err() {
            return Ok(Err(Gone));
        }
        let mut words = chat.tokenizer.stream();
        let mut watch = StopWatch::new(stop);
        let mut produced = 0;
        let finish = loop {
            let Ok(output) = reply.next_output_within(LOOK_EVERY) else {
                if self.pieces.is_closed() {
                    return Ok(Err(Gone));
                }
                continue;
            };
            match output {
                Some(Output::Token(token)) => {
                    produced += 1;
                    let (text, ended) = watch.push(&words.push(token));
                    if say(text).is_err() {
                        return Ok(Err(Gone));
                    }
                    if ended {
                        return Ok(Ok((FinishReason::Stop, produced)));
                    }
                }
                Some(Output::Finished(Finish::Stop)) => break FinishReason::Stop,
                Some(Output::Finished(Finish::Length)) => break FinishReason::Length,
                Some(Output::Finished(Finish::Failed(error))) => return Err(refused(error)),
                None => return Err(ApiError::internal("an engine stopped in the middle")),
            }
        };
        let (mut rest, ended) = watch.push(&words.finish());
        if !ended {
            rest.push_str(&watch.finish());
        }
        let finish = if ended { FinishReason::Stop } else { finish };
        Ok(say(rest).map(|()| (finish, produced)))
    }
}

/// What the engine refuses is what was asked of it, unless it is busy.
fn refused(error: ModelError) -> ApiError {
    match error {
        ModelError::Busy(_) => ApiError::overloaded("completions"),
        error => ApiError::field("messages", error.to_string()),
    }
}
