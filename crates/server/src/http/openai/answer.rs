//! What `POST /v1/chat/completions` answers, in OpenAI's words: whole, or in
//! pieces.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

/// A whole answer.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ChatCompletion {
    /// The decision of the assistant, or a name for this answer.
    pub id: String,
    /// Always `chat.completion`.
    pub object: &'static str,
    /// When, in seconds of Unix time.
    pub created: i64,
    /// Which model answered.
    pub model: String,
    /// Always one.
    pub choices: Vec<Choice>,
    pub usage: Usage,
    /// What the protocol has no words for; the assistant alone has it.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub extension: Option<Extension>,
}

/// What the assistant says beside the text.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Extension {
    /// The sources that it cites.
    pub citations: Value,
    /// The stages that ran.
    pub stages: Value,
    /// Proposals with their tokens, and in which conversation a person goes on.
    pub shopkeeper: Value,
}

/// One answer.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Choice {
    /// Always 0.
    pub index: usize,
    pub message: AnswerMessage,
    pub finish_reason: FinishReason,
}

/// What was said.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub struct AnswerMessage {
    /// Always `assistant`.
    pub role: &'static str,
    /// Absent where tools are called without a word.
    pub content: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tool_calls: Vec<AnswerToolCall>,
}

/// A call of a tool.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct AnswerToolCall {
    /// What its result is told by.
    pub id: String,
    /// Always `function`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    pub function: AnswerFunction,
}

/// What is called.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct AnswerFunction {
    pub name: String,
    /// JSON.
    pub arguments: String,
}

/// Why an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FinishReason {
    /// It is whole.
    Stop,
    /// It reached the most tokens, or the end of the context.
    Length,
    /// It calls tools.
    ToolCalls,
}

/// The tokens of a request and its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, JsonSchema)]
pub struct Usage {
    prompt_tokens: usize,
    completion_tokens: usize,
    total_tokens: usize,
}

impl Usage {
    /// Of so many tokens.
    pub fn new(prompt_tokens: usize, completion_tokens: usize) -> Self {
        Self {
            prompt_tokens,
            completion_tokens,
            total_tokens: prompt_tokens + completion_tokens,
        }
    }
}

/// What all pieces of one stream say of themselves.
#[derive(Debug, Clone)]
pub struct Chunks {
    pub id: String,
    pub created: i64,
    pub model: String,
}

impl Chunks {
    /// A piece of the answer, or its end.
    pub fn piece(&self, delta: &Value, finish: Option<FinishReason>) -> Value {
        self.chunk(&json!([{"index": 0, "delta": delta, "finish_reason": finish}]))
    }

    /// The last piece, for who asked for it.
    pub fn usage(&self, usage: Usage) -> Value {
        let mut chunk = self.chunk(&json!([]));
        chunk["usage"] = json!(usage);
        chunk
    }

    fn chunk(&self, choices: &Value) -> Value {
        json!({
            "id": self.id, "object": "chat.completion.chunk", "created": self.created,
            "model": self.model, "choices": choices,
        })
    }
}
