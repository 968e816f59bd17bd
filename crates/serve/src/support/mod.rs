//! Customer service. A question is routed to a tool (orders, products, a
//! person) or answered from what the shop wrote: passages are retrieved, the
//! shop's language model and a calibration say how well each answers, and
//! only stretches of a source, facts read from a record and fixed phrases are
//! ever said. What no source supports is declined, with a person offered.

mod action_requests;
mod agent;
mod cart;
mod catalogue;
mod catalogue_terms;
mod chat_model;
mod clauses;
mod cues;
mod dense_retrieval;
mod dialogue_act;
mod grounding;
pub mod improvements;
mod knowledge;
mod model;
mod order_numbers;
mod pipeline;
mod policy;
mod product_search;
mod proposal;
mod question;
mod response_assembly;
mod response_templates;
mod score;
pub mod tools;
mod wishes;

use std::ops::ControlFlow;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shop::{Id, Role};

pub use agent::SentenceSplitter;
pub use catalogue::Selection;
pub use chat_model::{
    Chat, ChatError, ChatModel, ChatTurn, Message, Sentence, Sink, ToolCall, ToolSpec,
};
pub use grounding::{Evidence, Reference, Statement, is_supported};
pub use knowledge::Knowledge;
pub use model::Model;
pub use pipeline::{Dependencies, answer, answer_with};
pub use policy::{ActedUpon, Approver, DEFAULT_POLICY, Grounding, Limits, Policy, RefundTo, Rule};
pub use proposal::{Open, Proposal, Proposals};
pub use response_templates::{FactTemplate, ResponseTemplate};
pub use tools::HandOver;

/// What a customer says, and what is known about them.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct SupportRequest {
    /// What they say now.
    pub message: String,
    /// What was said before, oldest first.
    pub conversation: Vec<(Role, String)>,
    /// Who is signed in; never taken from the message.
    pub customer: Option<Id>,
    /// The visit.
    pub session: Option<Id>,
    /// The language to answer in; that of the message when absent.
    pub language: Option<String>,
    /// The language that the customer's browser prefers: the answer's where
    /// neither the message nor anything before it tells one.
    pub accepted_language: Option<String>,
    /// The decisions behind the earlier answers of this conversation: a
    /// source with a thumb down on one of them sinks.
    pub decisions: Vec<Id>,
    /// How many points the customer has; the ledger knows, this crate does not.
    pub points: Option<i64>,
    /// The shop's rules for what may be done.
    #[serde(skip)]
    pub policy: Arc<Policy>,
}

/// Where a sentence of an answer comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Citation {
    /// As `document:returns`, `order:1001`, `product:B00X`, `conversation:7`.
    pub source: String,
    /// The source's headline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Where the customer can read it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The words taken from it.
    pub quote: String,
    /// First character of the quote in the source's text (in Unicode
    /// characters); 0 for facts of a record.
    pub start: usize,
    /// One past the last character.
    pub end: usize,
}

impl Citation {
    /// Of a record, which has no place in a text.
    pub(crate) fn of_record(source: String, quote: &str) -> Self {
        Self {
            source,
            title: None,
            url: None,
            quote: quote.to_owned(),
            start: 0,
            end: 0,
        }
    }
}

/// A tool that ran for the answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ToolRun {
    /// As `order_status`.
    pub tool: String,
    /// What it was asked.
    pub arguments: Value,
    /// What it answered.
    pub result: Value,
}

/// What a message was taken to want.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ReadIntent {
    /// As the shop's conversations name it, or as the assistant's acts are called.
    pub name: String,
    /// Its calibrated probability.
    pub probability: f32,
    /// Whether that was enough to act upon it.
    pub sure: bool,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Reply {
    /// What is said.
    pub text: String,
    /// In this language.
    pub language: String,
    /// What it rests on.
    pub citations: Vec<Citation>,
    /// The tools that ran.
    pub actions: Vec<ToolRun>,
    /// Writes that wait for the customer's confirmation; the program hands
    /// out their tokens.
    #[serde(skip)]
    pub proposals: Vec<Proposal>,
    /// Whether the conversation goes to a person now.
    pub handoff: bool,
    /// Why it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handoff_reason: Option<String>,
    /// Whether nothing supported an answer.
    pub abstained: bool,
    /// How likely the answer is right, by the calibration.
    pub confidence: f64,
    /// How the message was read: `question`, `orders`, `product`, …
    pub route: String,
    /// What the customer wants, by the shop's own names, where it has some.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intent: Option<ReadIntent>,
    /// What the clauses of the message were taken to ask for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub acts: Vec<ReadIntent>,
    /// The language model that took part, by its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chat_model: Option<String>,
    /// Sentences that the checker refused to let out; 0 unless there is a fault.
    pub refused: usize,
    /// What was said, with what supports it.
    #[serde(skip)]
    pub statements: Vec<Statement>,
}

impl Reply {
    /// What the decision's record keeps; a later thumb on the decision is
    /// traced to its sources through this.
    pub fn explanation(&self) -> Value {
        let sources: Vec<Value> = self
            .citations
            .iter()
            .map(|citation| json!({"source": citation.source, "quote": citation.quote}))
            .collect();
        json!({
            "route": self.route,
            "confidence": self.confidence,
            "abstained": self.abstained,
            "handoff": self.handoff,
            "intent": self.intent,
            "acts": self.acts,
            "chat_model": self.chat_model,
            "citations": sources,
        })
    }
}

/// What a client hears while the answer is made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", content = "data", rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum SupportEvent {
    Token(String),
    Citation(Citation),
    Action(ToolRun),
    Proposal(Box<Proposal>),
    Handoff(HandOver),
    Done,
}

/// Sends events until the client has gone.
pub(crate) struct Stream<'a> {
    emit: &'a mut dyn FnMut(SupportEvent) -> ControlFlow<()>,
    open: bool,
}

impl<'a> Stream<'a> {
    pub(crate) fn new(emit: &'a mut dyn FnMut(SupportEvent) -> ControlFlow<()>) -> Self {
        Self { emit, open: true }
    }

    pub(crate) fn send(&mut self, event: SupportEvent) {
        if self.open {
            self.open = (self.emit)(event).is_continue();
        }
    }

    /// The text word by word, Chinese character by character.
    pub(crate) fn say(&mut self, text: &str) {
        let mut piece = String::new();
        for character in text.chars() {
            piece.push(character);
            if character.is_whitespace() || corpus::support::is_han(character) {
                self.send(SupportEvent::Token(std::mem::take(&mut piece)));
            }
        }
        if !piece.is_empty() {
            self.send(SupportEvent::Token(piece));
        }
    }
}
