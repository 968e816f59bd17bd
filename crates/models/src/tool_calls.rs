//! Tools: how a model hears of them, how its calls are written and how they
//! are found in what it says. The form is that of Qwen and Hermes: JSON
//! between `<tool_call>` and `</tool_call>`. Small models that have learnt more
//! code than calls write the same JSON into a fence or bare: that is read too,
//! where the name is that of a tool.

mod reader;

use std::io;

use serde::Serialize;
use serde_json::{Value, json};

use crate::published::Role;

/// Before a call.
const OPENING: &str = "<tool_call>";
/// After a call.
const CLOSING: &str = "</tool_call>";

/// A call of a tool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolCall {
    /// Which tool.
    pub name: String,
    /// With what, mostly an object.
    pub arguments: Value,
}

/// A turn of a conversation in which tools may be called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// Who speaks.
    pub role: Role,
    /// What they say. Nothing in it is a special token.
    pub content: String,
    /// The tools that the assistant calls.
    pub calls: Vec<ToolCall>,
}

impl Turn {
    /// A turn without calls.
    pub fn said(role: Role, content: &str) -> Turn {
        Turn {
            role,
            content: content.to_owned(),
            calls: Vec::new(),
        }
    }
}

/// What a call begins with, up to the name of its tool.
pub fn begun_call() -> String {
    format!("{OPENING}\n{{\"name\": \"")
}

/// What a call of this tool begins with, up to its arguments.
pub fn begun_arguments(name: &str) -> String {
    format!("{}{name}\", \"arguments\": ", begun_call())
}

/// A whole call as a model writes it, with the arguments as they are written.
pub fn written_call(name: &str, arguments: &str) -> String {
    format!("{}{arguments}}}\n{CLOSING}", begun_arguments(name))
}

/// JSON with a space after each comma and colon, as Python writes it.
pub(crate) fn spaced_json(value: &Value) -> String {
    let mut bytes = Vec::new();
    let mut serializer = serde_json::Serializer::with_formatter(&mut bytes, Spaced);
    // A value of JSON has no keys but texts, and a vector takes all bytes.
    let _ = value.serialize(&mut serializer);
    String::from_utf8(bytes).unwrap_or_default()
}

struct Spaced;

impl Spaced {
    fn separate<W: ?Sized + io::Write>(writer: &mut W, first: bool) -> io::Result<()> {
        writer.write_all(if first { b"" } else { b", " })
    }
}

impl serde_json::ser::Formatter for Spaced {
    fn begin_array_value<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        Spaced::separate(writer, first)
    }

    fn begin_object_key<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        Spaced::separate(writer, first)
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b": ")
    }
}

/// A conversation for a model whose template knows nothing of tools: they are
/// described by the system, calls stand in the text, and results are told by
/// the user.
pub(crate) fn in_words(turns: &[Turn], tools: &[Value]) -> Vec<(Role, String)> {
    let mut words: Vec<(Role, String)> = Vec::new();
    for (index, turn) in turns.iter().enumerate() {
        let mut content = turn.content.clone();
        for call in &turn.calls {
            let call = json!({"name": call.name, "arguments": call.arguments});
            if !content.is_empty() {
                content.push('\n');
            }
            content.push_str(&format!("{OPENING}\n{}\n{CLOSING}", spaced_json(&call)));
        }
        if turn.role != Role::Tool {
            words.push((turn.role, content));
            continue;
        }
        let content = format!("<tool_response>\n{content}\n</tool_response>");
        let follows = index > 0 && turns[index - 1].role == Role::Tool;
        // Results of one turn are one turn: many templates want them to alternate.
        match words.last_mut().filter(|_| follows) {
            Some((_, results)) => results.push_str(&format!("\n{content}")),
            None => words.push((Role::User, content)),
        }
    }
    if !tools.is_empty() {
        let described = described(tools);
        match words.first_mut().filter(|(role, _)| *role == Role::System) {
            Some((_, system)) => system.push_str(&format!("\n\n{described}")),
            None => words.insert(0, (Role::System, described)),
        }
    }
    words
}

fn described(tools: &[Value]) -> String {
    let tools: Vec<String> = tools.iter().map(spaced_json).collect();
    format!(
        "# Tools\n\nYou may call one or more functions to assist with the user query.\n\n\
         You are provided with function signatures within <tools></tools> XML tags:\n<tools>\n{}\n\
         </tools>\n\nFor each function call, return a json object with function name and arguments \
         within {OPENING}{CLOSING} XML tags:\n{OPENING}\n{{\"name\": <function-name>, \
         \"arguments\": <args-json-object>}}\n{CLOSING}",
        tools.join("\n")
    )
}

/// A piece of what a model says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// To whoever asked.
    Text(String),
    /// To a tool.
    Call(ToolCall),
}

pub use reader::CallReader;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_words_tools_are_described_and_results_are_one_turn() {
        let turns = [
            Turn::said(Role::User, "hot?"),
            Turn {
                calls: vec![ToolCall {
                    name: "weather".to_owned(),
                    arguments: json!({"city": "Paris", "days": [1, 2]}),
                }],
                ..Turn::said(Role::Assistant, "")
            },
            Turn::said(Role::Tool, "21"),
            Turn::said(Role::Tool, "22"),
        ];
        let words = in_words(&turns, &[json!({"name": "weather"})]);
        assert_eq!(words[0].0, Role::System);
        assert!(
            words[0]
                .1
                .contains("<tools>\n{\"name\": \"weather\"}\n</tools>")
        );
        let called = "<tool_call>\n{\"name\": \"weather\", \"arguments\": \
                      {\"city\": \"Paris\", \"days\": [1, 2]}}\n</tool_call>";
        let told = "<tool_response>\n21\n</tool_response>\n<tool_response>\n22\n</tool_response>";
        let expected = [
            (Role::User, "hot?".to_owned()),
            (Role::Assistant, called.to_owned()),
            (Role::User, told.to_owned()),
        ];
        assert_eq!(words[1..], expected);
        assert_eq!(in_words(&turns[..1], &[]).len(), 1);
    }
}
