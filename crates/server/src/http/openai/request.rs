//! What `POST /v1/chat/completions` takes, in OpenAI's words, and what a bare
//! model is to make of it.

use models::Sampling;
use models::published::Role;
use models::tool_calls::{ToolCall, Turn};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::http::error::ApiError;

/// Tokens of an answer where the request sets no limit: a model that does not
/// find its end would write until its context is full.
const MOST_TOKENS: u32 = 2_048;
/// What clients send along and no answer depends on.
const HARMLESS: [&str; 9] = [
    "metadata",
    "parallel_tool_calls",
    "prediction",
    "prompt_cache_key",
    "prompt_cache_retention",
    "safety_identifier",
    "service_tier",
    "store",
    "user",
];

/// A conversation, in OpenAI's words.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(
    rename = "ChatCompletionRequest",
    extend("examples" = [{"messages": [{"role": "user", "content": "How do I return something?"}]}]),
)]
pub struct Completion {
    /// One of `GET /v1/models`. `assistant`, which answers where none is
    /// named, speaks by the shop's sources alone: only `messages`, `stream`
    /// and `stream_options` change what it does. The others need a key of the
    /// scope `write`.
    #[serde(default)]
    pub model: Option<String>,
    #[schemars(
        length(min = 1),
        extend("contains" = {"properties": {
            "role": {"const": "user"},
            "content": {"anyOf": [
                {"type": "string", "pattern": "[^\\s]"},
                {"type": "array", "contains": {
                    "type": "object",
                    "properties": {"text": {"type": "string", "pattern": "[^\\s]"}},
                    "required": ["text"],
                }},
            ]},
        }, "required": ["role", "content"]}),
    )]
    pub messages: Vec<Message>,
    /// Whether the answer comes in pieces.
    #[serde(default)]
    pub stream: Option<bool>,
    #[serde(default)]
    pub stream_options: Option<StreamOptions>,
    /// 0 takes the likeliest token; 1 where it is absent.
    #[schemars(range(min = 0.0, max = 2.0))]
    #[serde(default)]
    pub temperature: Option<f32>,
    /// Only the likeliest tokens that together hold this probability.
    #[schemars(range(min = 0.0, max = 1.0))]
    #[serde(default)]
    pub top_p: Option<f32>,
    /// The same seed gives the same text.
    #[serde(default)]
    pub seed: Option<i64>,
    /// The older name of `max_completion_tokens`.
    #[schemars(range(min = 1))]
    #[serde(default)]
    pub max_tokens: Option<u32>,
    /// The most tokens of the answer; 2,048 where it is absent.
    #[schemars(range(min = 1))]
    #[serde(default)]
    pub max_completion_tokens: Option<u32>,
    /// Taken off a token's logit once if it was seen.
    #[schemars(range(min = -2.0, max = 2.0))]
    #[serde(default)]
    pub presence_penalty: Option<f32>,
    /// Taken off a token's logit for each time that it was seen.
    #[schemars(range(min = -2.0, max = 2.0))]
    #[serde(default)]
    pub frequency_penalty: Option<f32>,
    /// Ends the text before any of these.
    #[serde(default)]
    pub stop: Option<Stop>,
    /// What the text has to be.
    #[serde(default)]
    pub response_format: Option<ResponseFormat>,
    /// What the model may call.
    #[schemars(length(max = 128))]
    #[serde(default)]
    pub tools: Option<Vec<Tool>>,
    /// Whether it calls them.
    #[serde(default)]
    pub tool_choice: Option<ToolChoice>,
    /// A bare model refuses what is not known here, but for what no answer
    /// depends on.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// A turn, in OpenAI's words.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "ChatCompletionMessage")]
pub struct Message {
    /// `system`, `developer`, `user`, `assistant` or `tool`.
    pub role: String,
    /// A text, or parts of which those with a `text` are read.
    #[serde(default)]
    content: Value,
    /// The calls of the assistant.
    #[serde(default)]
    tool_calls: Option<Vec<MessageToolCall>>,
}

/// A call that the assistant made, in OpenAI's words.
#[derive(Debug, Deserialize, JsonSchema)]
struct MessageToolCall {
    function: CalledFunction,
}

/// What was called.
#[derive(Debug, Deserialize, JsonSchema)]
struct CalledFunction {
    name: String,
    /// An object, written as JSON.
    arguments: String,
}

/// What a stream tells beside the text.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct StreamOptions {
    /// Whether its last piece counts the tokens.
    #[serde(default)]
    pub include_usage: Option<bool>,
}

/// Strings that end a text.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Stop {
    /// One.
    One(#[schemars(length(min = 1))] String),
    /// Several.
    Several(#[schemars(length(max = 16), inner(length(min = 1)))] Vec<String>),
}

/// What a text has to be.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ResponseFormat {
    /// Anything.
    Text,
    /// An object of JSON.
    JsonObject,
    /// JSON of a schema.
    JsonSchema {
        /// The schema with its name.
        json_schema: NamedSchema,
    },
}

/// A schema with its name.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct NamedSchema {
    /// JSON Schema; any object where it is absent.
    #[serde(default)]
    schema: Option<Map<String, Value>>,
}

/// Something that the model may call.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Tool {
    /// A function of the caller's.
    Function {
        /// What the model hears of it.
        function: Function,
    },
}

/// A function of the caller's.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub struct Function {
    #[schemars(regex(pattern = "^[a-zA-Z0-9_-]{1,64}$"))]
    name: String,
    /// What it does, for the model.
    #[serde(default)]
    description: Option<String>,
    /// JSON Schema of its arguments; none where it is absent.
    #[serde(default)]
    parameters: Option<Map<String, Value>>,
}

/// Whether the model calls tools.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum ToolChoice {
    /// As it likes, never or always.
    Mode(ToolChoiceMode),
    /// This one.
    Named(Tool),
}

/// Whether the model calls tools.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ToolChoiceMode {
    /// It does not.
    None,
    /// As it likes.
    Auto,
    /// It calls one.
    Required,
}

/// What a bare model is asked for.
#[derive(Debug, Clone)]
pub struct Task {
    /// What was said so far.
    pub turns: Vec<Turn>,
    /// The tools that it hears of, in OpenAI's words.
    pub tools: Vec<Value>,
    /// What its answer may be.
    pub expected: Expected,
    /// How its tokens are chosen.
    pub sampling: Sampling,
    /// Strings that end its text.
    pub stop: Vec<String>,
}

/// What an answer may be.
#[derive(Debug, Clone, PartialEq)]
pub enum Expected {
    /// Text, and calls of the tools with these names.
    Text(Vec<String>),
    /// JSON of a schema.
    Json(Value),
    /// A call of one of these functions, by name and schema of the arguments.
    Call(Vec<(String, Value)>),
}

impl Message {
    /// The text, in one piece or in parts.
    pub fn text(&self) -> String {
        match &self.content {
            Value::String(text) => text.clone(),
            Value::Array(parts) => {
                let texts = parts.iter().filter_map(|part| part["text"].as_str());
                texts.collect::<Vec<_>>().join("\n")
            }
            _ => String::new(),
        }
    }

    /// As a model reads it; `name` is what the message is called.
    fn turn(&self, name: &str) -> Result<Turn, ApiError> {
        let role = match self.role.as_str() {
            "system" | "developer" => Role::System,
            "user" => Role::User,
            "assistant" => Role::Assistant,
            "tool" => Role::Tool,
            other => {
                let message = format!(
                    "{other:?} is none of `system`, `developer`, `user`, `assistant` and `tool`"
                );
                return Err(ApiError::field(&format!("{name}.role"), message));
            }
        };
        let parts = self.content.as_array().into_iter().flatten();
        for (index, part) in parts.enumerate() {
            if part["type"] != "text" || !part["text"].is_string() {
                let param = format!("{name}.content[{index}]");
                return Err(ApiError::field(
                    &param,
                    "only parts of the type `text` are read",
                ));
            }
        }
        if !(self.content.is_string() || self.content.is_array() || self.content.is_null()) {
            let param = format!("{name}.content");
            return Err(ApiError::field(
                &param,
                "it is neither a text nor a list of parts",
            ));
        }
        let calls = self.tool_calls.iter().flatten().map(|call| ToolCall {
            name: call.function.name.clone(),
            // What is no JSON was written by some model: it is shown as it is.
            arguments: serde_json::from_str(&call.function.arguments)
                .unwrap_or_else(|_| json!(call.function.arguments)),
        });
        Ok(Turn {
            role,
            content: self.text(),
            calls: calls.collect(),
        })
    }
}

impl Function {
    /// The schema of its arguments.
    fn arguments(&self) -> Value {
        match &self.parameters {
            Some(parameters) if !parameters.is_empty() => json!(parameters),
            _ => json!({"type": "object", "properties": {}, "additionalProperties": false}),
        }
    }

    /// As templates want it.
    fn described(&self) -> Value {
        let mut function = json!({"name": self.name});
        if let Some(description) = &self.description {
            function["description"] = json!(description);
        }
        function["parameters"] = self.arguments();
        json!({"type": "function", "function": function})
    }
}

impl Completion {
    /// Whether the answer comes in pieces.
    pub fn streams(&self) -> bool {
        self.stream == Some(true)
    }

    /// Whether the last piece of a stream counts the tokens.
    pub fn counts_usage(&self) -> bool {
        let options = self.stream_options.as_ref();
        options.is_some_and(|options| options.include_usage == Some(true))
    }

    /// What a bare model is to do. `seed` is for who names none.
    ///
    /// # Errors
    /// Where it could not do all that is asked for.
    pub fn task(&self, seed: u64) -> Result<Task, ApiError> {
        refuse_unknown(&self.rest)?;
        let turns = self.messages.iter().enumerate();
        let turns = turns.map(|(index, message)| message.turn(&format!("messages[{index}]")));
        let functions: Vec<Function> = self.tools.iter().flatten().cloned().map(function).collect();
        let expected = self.expected(&functions)?;
        let hears = match &self.tool_choice {
            Some(ToolChoice::Mode(ToolChoiceMode::None)) => false,
            None | Some(ToolChoice::Mode(_) | ToolChoice::Named(_)) => true,
        };
        let tools = functions.iter().filter(|_| hears).map(Function::described);
        let stop = match &self.stop {
            None => Vec::new(),
            Some(Stop::One(stop)) => vec![stop.clone()],
            Some(Stop::Several(stop)) => stop.clone(),
        };
        let most = self.max_completion_tokens.or(self.max_tokens);
        Ok(Task {
            turns: turns.collect::<Result<_, _>>()?,
            tools: tools.collect(),
            expected,
            sampling: Sampling {
                temperature: self.temperature.unwrap_or(1.0),
                top_p: self.top_p.unwrap_or(1.0),
                presence_penalty: self.presence_penalty.unwrap_or_default(),
                frequency_penalty: self.frequency_penalty.unwrap_or_default(),
                maximum_tokens: most.unwrap_or(MOST_TOKENS) as usize,
                seed: self.seed.map_or(seed, i64::cast_unsigned),
                ..Sampling::default()
            },
            stop,
        })
    }

    fn expected(&self, functions: &[Function]) -> Result<Expected, ApiError> {
        let schema = match &self.response_format {
            None | Some(ResponseFormat::Text) => None,
            Some(ResponseFormat::JsonObject) => Some(json!({"type": "object"})),
            Some(ResponseFormat::JsonSchema { json_schema }) => Some(match &json_schema.schema {
                Some(schema) => json!(schema),
                None => json!({"type": "object"}),
            }),
        };
        let called = |function: &Function| (function.name.clone(), function.arguments());
        let choice = match (&self.tool_choice, functions) {
            (Some(ToolChoice::Named(tool)), _) => {
                let Function { name, .. } = function(tool.clone());
                let found = functions.iter().find(|function| function.name == name);
                let Some(found) = found else {
                    let message = format!("`tools` has no function {name:?}");
                    return Err(ApiError::field("tool_choice", message));
                };
                return Ok(Expected::Call(vec![called(found)]));
            }
            (Some(ToolChoice::Mode(ToolChoiceMode::Required)), []) => {
                return Err(ApiError::field(
                    "tool_choice",
                    "there are no `tools` to call",
                ));
            }
            (Some(ToolChoice::Mode(mode)), _) => *mode,
            (None, _) => ToolChoiceMode::Auto,
        };
        Ok(match (choice, schema) {
            (ToolChoiceMode::Required, _) => Expected::Call(functions.iter().map(called).collect()),
            (ToolChoiceMode::Auto, Some(_)) if !functions.is_empty() => {
                let message = "it cannot be kept to where the model may call tools; set \
                               `tool_choice` to `none` or leave one of them out";
                return Err(ApiError::field("response_format", message));
            }
            (_, Some(schema)) => Expected::Json(schema),
            (ToolChoiceMode::None, None) => Expected::Text(Vec::new()),
            (ToolChoiceMode::Auto, None) => {
                Expected::Text(functions.iter().map(|one| one.name.clone()).collect())
            }
        })
    }
}

fn function(tool: Tool) -> Function {
    let Tool::Function { function } = tool;
    function
}

/// Refuses what cannot be honoured, unless it asks for what is done anyway.
fn refuse_unknown(fields: &Map<String, Value>) -> Result<(), ApiError> {
    let asks = |(field, value): &(&String, &Value)| match (field.as_str(), *value) {
        (field, _) if HARMLESS.contains(&field) => false,
        (_, Value::Null | Value::Bool(false)) => false,
        ("n", value) => *value != 1,
        ("top_logprobs", value) => *value != 0,
        ("logit_bias", Value::Object(bias)) => !bias.is_empty(),
        ("modalities", value) => *value != json!(["text"]),
        _ => true,
    };
    match fields.iter().find(asks) {
        Some((field, value)) => {
            let message = format!("{field} = {value} cannot be honoured here; leave it out");
            Err(ApiError::field(field, message))
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::extract::parse_json;

    fn read(fields: Value) -> Result<Task, ApiError> {
        let mut body = json!({"messages": [{"role": "user", "content": "hot?"}]});
        for (field, value) in fields.as_object().unwrap() {
            body[field] = value.clone();
        }
        parse_json::<Completion>(body.to_string().as_bytes())?.task(7)
    }

    fn weather() -> Value {
        json!({"type": "function", "function": {
            "name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
        }})
    }

    fn named(name: &str) -> Value {
        json!({"type": "function", "function": {"name": name}})
    }

    #[test]
    fn what_cannot_be_honoured_is_refused_by_the_name_of_its_field() {
        let schema = json!({"type": "json_schema", "json_schema": {"name": "n", "schema": {}}});
        for (fields, param) in [
            (json!({"n": 2}), "n"),
            (json!({"logprobs": true}), "logprobs"),
            (json!({"logit_bias": {"5": 1}}), "logit_bias"),
            (json!({"modalities": ["text", "audio"]}), "modalities"),
            (json!({"functions": []}), "functions"),
            (json!({"temperature": 3}), "temperature"),
            (json!({"stop": [""]}), "stop"),
            (json!({"tool_choice": "required"}), "tool_choice"),
            (
                json!({"tools": [weather()], "tool_choice": named("x")}),
                "tool_choice",
            ),
            (json!({"tools": [{"type": "custom"}]}), "tools"),
            (
                json!({"tools": [weather()], "response_format": schema}),
                "response_format",
            ),
            (
                json!({"messages": [{"role": "user", "content": "a"}, {"role": "x"}]}),
                "messages[1].role",
            ),
            (
                json!({"messages": [{"role": "user", "content": [
                    {"type": "text", "text": "a"}, {"type": "image_url", "image_url": {"url": "b"}},
                ]}]}),
                "messages[0].content[1]",
            ),
        ] {
            let error = read(fields.clone()).expect_err("refused");
            let found = error.param.clone().unwrap_or_default();
            assert!(found.starts_with(param), "{fields}: {error:?}");
        }
        let harmless = json!({
            "user": "u", "metadata": {"a": "b"}, "store": true, "parallel_tool_calls": false, "n": 1,
            "logprobs": false, "top_logprobs": null, "logit_bias": {}, "modalities": ["text"],
            "presence_penalty": 0, "frequency_penalty": 0, "stream": null, "service_tier": "auto",
        });
        read(harmless).unwrap();
    }

    #[test]
    fn tools_and_formats_say_what_is_expected() {
        let tools = json!([weather(), {"type": "function", "function": {"name": "now"}}]);
        let with = |choice: Value| read(json!({"tools": tools, "tool_choice": choice})).unwrap();
        let names = vec!["weather".to_owned(), "now".to_owned()];
        assert_eq!(with(json!("auto")).expected, Expected::Text(names.clone()));
        assert_eq!(with(Value::Null).expected, Expected::Text(names));
        let none = with(json!("none"));
        assert!(none.tools.is_empty() && none.expected == Expected::Text(Vec::new()));
        let Expected::Call(functions) = with(json!("required")).expected else {
            panic!("a call is required");
        };
        assert_eq!(functions.len(), 2);
        let Expected::Call(functions) = with(named("now")).expected else {
            panic!("a call is required");
        };
        assert_eq!(functions[0].0, "now");
        assert_eq!(functions[0].1["additionalProperties"], false);
        let object = read(json!({"response_format": {"type": "json_object"}})).unwrap();
        assert_eq!(object.expected, Expected::Json(json!({"type": "object"})));
    }

    #[test]
    fn a_round_of_tools_is_read() {
        let call = json!({"id": "1", "type": "function", "function": {
            "name": "weather", "arguments": "{\"city\": \"Paris\"}",
        }});
        let task = read(json!({"max_tokens": 5, "seed": -1, "stop": "x", "messages": [
            {"role": "developer", "content": [{"type": "text", "text": "be"}, {"type": "text", "text": "brief"}]},
            {"role": "user", "content": "hot?"},
            {"role": "assistant", "content": null, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "1", "content": "21"},
        ]}))
        .unwrap();
        let called = ToolCall {
            name: "weather".to_owned(),
            arguments: json!({"city": "Paris"}),
        };
        let expected = [
            Turn::said(Role::System, "be\nbrief"),
            Turn::said(Role::User, "hot?"),
            Turn {
                calls: vec![called],
                ..Turn::said(Role::Assistant, "")
            },
            Turn::said(Role::Tool, "21"),
        ];
        assert_eq!(task.turns, expected);
        assert_eq!(
            (task.sampling.maximum_tokens, task.stop),
            (5, vec!["x".to_owned()])
        );
        assert_eq!(
            (task.sampling.seed, task.sampling.temperature),
            (u64::MAX, 1.0)
        );
        assert_eq!(read(json!({})).unwrap().sampling.seed, 7);
    }
}
