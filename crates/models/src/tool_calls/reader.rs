//! The calls in what a model says.

use serde_json::{Value, json};

use super::{CLOSING, OPENING, Said, ToolCall};

/// Before and after code, and calls of models that have seen much of it.
const FENCE: &str = "```";

/// Finds the calls in a text that comes piece by piece. It holds back what
/// could still become a call; what turns out to be none is text.
#[derive(Debug, Clone, Default)]
pub struct CallReader {
    tools: Vec<String>,
    held: String,
    place: Place,
    called: bool,
    spoken: bool,
}

/// Where in the text the reader is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Place {
    #[default]
    Text,
    /// Behind `<tool_call>`.
    Tags,
    /// Behind a fence that may hold a call.
    Fence,
    /// In an object that begins a text, or follows a call.
    Bare,
}

impl Place {
    fn borders(self) -> (&'static str, &'static str) {
        match self {
            Place::Text | Place::Bare => ("", ""),
            Place::Tags => (OPENING, CLOSING),
            Place::Fence => (FENCE, FENCE),
        }
    }
}

impl CallReader {
    /// A reader of calls of these tools.
    pub fn new(tools: Vec<String>) -> CallReader {
        CallReader {
            tools,
            ..CallReader::default()
        }
    }

    /// Takes in the next piece of the text.
    pub fn push(&mut self, piece: &str) -> Vec<Said> {
        self.held.push_str(piece);
        let mut said = Vec::new();
        while self.step(&mut said) {}
        said
    }

    /// Whether what is held back has begun to be a call, so that nothing but a
    /// call is to be expected.
    pub fn has_begun_call(&self) -> bool {
        match self.place {
            Place::Text => false,
            Place::Tags => true,
            Place::Fence => object_in_fence(&self.held).is_some_and(names_itself),
            Place::Bare => names_itself(&self.held),
        }
    }

    /// What was held back, when the text has ended.
    pub fn finish(mut self) -> Vec<Said> {
        let mut said = Vec::new();
        let held = std::mem::take(&mut self.held);
        match self.place {
            Place::Text => self.say(held, &mut said),
            _ => self.read(&held, "", &mut said),
        }
        said
    }

    /// Takes as much of what is held as is decided; whether there may be more.
    fn step(&mut self, said: &mut Vec<Said>) -> bool {
        match self.place {
            Place::Text => self.step_in_text(said),
            Place::Tags => self.close(said),
            Place::Fence => {
                let may_be_call = object_in_fence(&self.held).is_none_or(may_name_itself);
                if may_be_call {
                    return self.close(said);
                }
                self.give_up(said)
            }
            Place::Bare => match whole_object(&self.held) {
                Some(length) => {
                    let rest = self.held.split_off(length);
                    let object = std::mem::replace(&mut self.held, rest);
                    self.read(&object, "", said);
                    self.place = Place::Text;
                    true
                }
                None if may_name_itself(&self.held) => false,
                None => self.give_up(said),
            },
        }
    }

    /// What opens first; what stands before it is text.
    fn step_in_text(&mut self, said: &mut Vec<Said>) -> bool {
        let openings = [(OPENING, Place::Tags), (FENCE, Place::Fence)];
        let found = openings.into_iter().filter_map(|(opening, place)| {
            let start = self.held.find(opening)?;
            Some((start, opening.len(), place))
        });
        let found = found.min_by_key(|(start, ..)| *start);
        let begun = found.map_or(self.held.as_str(), |(start, ..)| &self.held[..start]);
        if !self.spoken
            && begun.trim_start().starts_with('{')
            && may_name_itself(begun.trim_start())
        {
            let object = self.held.split_off(begun.len() - begun.trim_start().len());
            let spaces = std::mem::replace(&mut self.held, object);
            self.say(spaces, said);
            self.place = Place::Bare;
            return true;
        }
        let Some((start, length, place)) = found else {
            self.say_decided(said);
            return false;
        };
        let rest = self.held.split_off(start + length);
        let mut before = std::mem::replace(&mut self.held, rest);
        before.truncate(start);
        self.say(before, said);
        self.place = place;
        true
    }

    /// Says all that cannot be the beginning of a call.
    fn say_decided(&mut self, said: &mut Vec<Said>) {
        let begins = |opening: &str| {
            let lengths = (1..opening.len()).rev();
            let found = lengths
                .into_iter()
                .find(|length| self.held.ends_with(&opening[..*length]));
            found.unwrap_or(0)
        };
        let undecided = begins(OPENING).max(begins(FENCE));
        let kept = self.held.split_off(self.held.len() - undecided);
        let text = std::mem::replace(&mut self.held, kept);
        self.say(text, said);
    }

    /// Reads what stands before the border that closes, once it is there.
    fn close(&mut self, said: &mut Vec<Said>) -> bool {
        let (_, closing) = self.place.borders();
        let Some(start) = self.held.find(closing) else {
            return false;
        };
        let rest = self.held.split_off(start + closing.len());
        let mut inside = std::mem::replace(&mut self.held, rest);
        inside.truncate(start);
        self.read(&inside, closing, said);
        self.place = Place::Text;
        true
    }

    /// What is held is no call: it is text up to here.
    fn give_up(&mut self, said: &mut Vec<Said>) -> bool {
        let (opening, _) = self.place.borders();
        self.place = Place::Text;
        self.spoken = true;
        said.push(Said::Text(opening.to_owned()));
        said.retain(|one| *one != Said::Text(String::new()));
        true
    }

    /// White space after a call is only its form.
    fn say(&mut self, mut text: String, said: &mut Vec<Said>) {
        if self.called && !self.spoken {
            let begins = text.len() - text.trim_start().len();
            text.drain(..begins);
        }
        if !text.is_empty() {
            self.spoken |= !text.trim().is_empty();
            said.push(Said::Text(text));
        }
    }

    /// The calls in a text, or the text as it was written.
    fn read(&mut self, text: &str, closing: &str, said: &mut Vec<Said>) {
        let object = match self.place {
            Place::Fence => object_in_fence(text).unwrap_or_default(),
            _ => text,
        };
        let values = serde_json::Deserializer::from_str(object).into_iter::<Value>();
        let calls: Option<Vec<ToolCall>> = values.map(|value| self.call(value.ok()?)).collect();
        match calls.filter(|calls| !calls.is_empty()) {
            Some(calls) => {
                (self.called, self.spoken) = (true, false);
                said.extend(calls.into_iter().map(Said::Call));
            }
            None => {
                self.spoken = true;
                let (opening, _) = self.place.borders();
                said.push(Said::Text(format!("{opening}{text}{closing}")));
            }
        }
    }

    /// A call of one of the tools.
    fn call(&self, mut value: Value) -> Option<ToolCall> {
        let name = value["name"].as_str()?.to_owned();
        let arguments = match value.get_mut("arguments") {
            Some(arguments) => arguments.take(),
            None => json!({}),
        };
        let known = self.tools.contains(&name);
        known.then_some(ToolCall { name, arguments })
    }
}

/// What stands in a fence behind its language; `None` while that is written.
fn object_in_fence(text: &str) -> Option<&str> {
    let language = text.find(|letter: char| !letter.is_ascii_alphanumeric())?;
    Some(text[language..].trim_start())
}

/// An object whose first field is a name.
fn names_itself(text: &str) -> bool {
    let rest = text.trim_start().strip_prefix('{');
    rest.is_some_and(|rest| rest.trim_start().starts_with("\"name\""))
}

/// Whether more text may make this an object whose first field is a name.
fn may_name_itself(text: &str) -> bool {
    let Some(rest) = text.trim_start().strip_prefix('{') else {
        return text.trim_start().is_empty();
    };
    let rest = rest.trim_start();
    "\"name\"".starts_with(rest) || rest.starts_with("\"name\"")
}

/// The length of the object that a text begins with, where it is whole.
fn whole_object(text: &str) -> Option<usize> {
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<Value>();
    let value = values.next()?.ok()?;
    value.is_object().then(|| values.byte_offset())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(arguments: Value) -> Said {
        Said::Call(ToolCall {
            name: "weather".to_owned(),
            arguments,
        })
    }

    fn text(text: &str) -> Said {
        Said::Text(text.to_owned())
    }

    /// In one piece and letter by letter, with pieces of text put together.
    fn check(written: &str, expected: &[Said]) {
        let whole = vec![written.to_owned()];
        let letters = written.chars().map(String::from).collect();
        for pieces in [whole, letters] {
            let mut reader = CallReader::new(vec!["weather".to_owned()]);
            let mut said: Vec<Said> = Vec::new();
            let mut found: Vec<Said> = pieces.iter().flat_map(|one| reader.push(one)).collect();
            found.extend(reader.finish());
            for one in found {
                match (said.last_mut(), one) {
                    (Some(Said::Text(before)), Said::Text(more)) => before.push_str(&more),
                    (_, one) => said.push(one),
                }
            }
            assert_eq!(said, expected, "{written}");
        }
    }

    #[test]
    fn calls_are_found_and_the_rest_is_text() {
        let paris = r#"{"name": "weather", "arguments": {"city": "Paris <b>"}}"#;
        let given = call(json!({"city": "Paris <b>"}));
        check("It is < 5 degrees.", &[text("It is < 5 degrees.")]);
        check(
            &format!(
                "I look.\n<tool_call>\n{paris}\n</tool_call>\n<tool_call>{paris}</tool_call>\n"
            ),
            &[text("I look.\n"), given.clone(), given.clone()],
        );
        check(&format!("<tool_call>{paris}"), &[given]);
        check(
            r#"<tool_call>{"name": "weather"}</tool_call>"#,
            &[call(json!({}))],
        );
        for none in [
            "<tool_call>",
            "<tool_ca",
            "<tool_call>{\"name\": \"weath",
            "<tool_call>{\"name\": \"other\"}</tool_call> and so on",
            "<tool_call>weather</tool_call>",
        ] {
            check(none, &[text(none)]);
        }
    }

    #[test]
    fn json_in_a_fence_or_alone_is_a_call_of_a_tool_that_there_is() {
        let paris = r#"{"name": "weather", "arguments": {"city": "Paris"}}"#;
        let given = call(json!({"city": "Paris"}));
        let spread =
            "{\n  \"name\": \"weather\",\n  \"arguments\": {\n    \"city\": \"Paris\"\n  }\n}";
        for written in [
            paris.to_owned(),
            format!("{spread}\n"),
            format!("```json\n{spread}\n```"),
            format!("```\n{paris}\n```\n"),
            format!("```json\n{paris}"),
        ] {
            check(&written, std::slice::from_ref(&given));
        }
        check(
            &format!("I look.\n```json\n{paris}\n{paris}\n```"),
            &[text("I look.\n"), given.clone(), given.clone()],
        );
        check(
            &format!("{paris}\n{paris}\nNow you know."),
            &[given.clone(), given.clone(), text("Now you know.")],
        );
        for none in [
            "```json\n{\"name\": \"other\", \"arguments\": {}}\n``` so",
            "```rust\nfn main() {}\n```\nand ``` too",
            "```json\n{\"city\": \"Paris\"}\n```",
            "{\"name\": \"other\"}",
            "{\"city\": 1}",
            "{\"name\": \"weather\", \"argum",
            "``",
            "```json",
        ] {
            check(none, &[text(none)]);
        }
        let quoted = format!("It is like {paris}");
        check(&quoted, &[text(&quoted)]);
    }

    #[test]
    fn a_call_is_known_as_one_before_it_is_whole() {
        for (written, begun) in [
            ("Good day", false),
            ("<tool_call>", true),
            ("```json\n", false),
            ("```json\n{\"name\"", true),
            ("{", false),
            ("{\"name\": \"wea", true),
            ("Say {\"name\": \"wea", false),
        ] {
            let mut reader = CallReader::new(vec!["weather".to_owned()]);
            reader.push(written);
            assert_eq!(reader.has_begun_call(), begun, "{written}");
        }
    }
}
