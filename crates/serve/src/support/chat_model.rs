//! What the assistant asks of a language model: to read a conversation, to
//! call tools, and to answer in sentences that cite what the tools found. An
//! engine here and a server elsewhere that speaks OpenAI's protocol do it
//! alike.

use std::ops::ControlFlow;
use std::time::Instant;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Something that the model reads.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub enum Message {
    System(String),
    Customer(String),
    Assistant {
        text: String,
        calls: Vec<ToolCall>,
    },
    /// What came of a call.
    ToolResult {
        call: String,
        content: String,
    },
}

/// A tool as it is described to the model.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ToolSpec {
    /// As `cancel_order`.
    pub name: String,
    /// What it does, in a sentence.
    pub description: String,
    /// The JSON Schema of its arguments. Where only some values make sense for
    /// this customer, they are enumerated.
    pub parameters: Value,
}

/// A call that the model makes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ToolCall {
    /// Joins it with its result.
    pub id: String,
    /// The tool's name.
    pub name: String,
    /// As the model wrote them: nothing about them is sure.
    pub arguments: Value,
}

/// A sentence of an answer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sentence {
    /// The words, without the numbers of the evidence.
    pub text: String,
    /// The numbers of what it rests on.
    pub evidence: Vec<usize>,
}

/// What the model does next.
#[derive(Debug, Clone, PartialEq)]
pub enum ChatTurn {
    /// It calls these, in this order.
    Calls(Vec<ToolCall>),
    /// It has answered, in these sentences. None at all leaves the words to
    /// the evidence.
    Answer(Vec<Sentence>),
}

/// Hears sentences as they are complete, and may hear empty ones while none is;
/// a break ends the reply.
pub type Sink<'a> = dyn FnMut(Sentence) -> ControlFlow<()> + 'a;

/// A language model that converses.
pub trait ChatModel: Send + Sync {
    /// The next turn, which ends before `until`. Sentences are heard while they
    /// are written, and come back whole.
    ///
    /// # Errors
    /// Why there is none. Nothing that was heard before is taken back.
    fn reply(
        &self,
        messages: &[Message],
        tools: &[ToolSpec],
        until: Instant,
        sink: &mut Sink<'_>,
    ) -> Result<ChatTurn, ChatError>;

    /// Its name, as decisions tell it.
    fn name(&self) -> &str;

    /// Whether what it reads leaves the machine, so that personal data is
    /// replaced before.
    fn is_remote(&self) -> bool;
}

/// Why a model gave no turn.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChatError {
    /// The day's tokens are spent.
    #[error("the day's tokens are spent")]
    OverBudget,
    /// The time is up.
    #[error("no answer in time")]
    TimedOut,
    /// No connection came about, or it broke.
    #[error("not reached: {0}")]
    Unreachable(String),
    /// It answered with this status.
    #[error("it answered with status {0}")]
    Refused(u16),
    /// What it said makes no sense.
    #[error("not to be read: {0}")]
    Unreadable(String),
}

impl ChatError {
    /// The stage that shows it.
    pub fn stage(&self) -> &'static str {
        match self {
            Self::OverBudget => "chat_model_over_budget",
            Self::TimedOut => "chat_model_timed_out",
            Self::Unreachable(_) => "chat_model_unreachable",
            Self::Refused(_) => "chat_model_refused",
            Self::Unreadable(_) => "chat_model_unreadable",
        }
    }
}

/// The model of one answer and what it may take.
#[derive(Clone, Copy)]
pub struct Chat<'a> {
    /// The model.
    pub model: &'a dyn ChatModel,
    /// When the whole answer has to stand.
    pub until: Instant,
    /// Asked between steps: whether nobody waits for the answer any more,
    /// because the customer wrote again or a person took over.
    pub is_interrupted: &'a (dyn Fn() -> bool + Sync),
}
