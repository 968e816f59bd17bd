//! The assistant as a language model works it: it reads the conversation,
//! calls tools and answers. What the tools find is numbered evidence; what
//! they would change becomes a proposal that only the customer's button
//! confirms. The loop is bounded in steps, calls and time, and whatever the
//! model gets wrong costs its words alone: the evidence is then said as the
//! shop's own records and documents have it.

pub(super) mod figures;
mod instructions;
mod personal_data;
mod sentences;
mod toolbox;
mod verification;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use corpus::Pseudonyms;
use serde_json::{Value, json};
use shop::Role;

pub use sentences::SentenceSplitter;

use super::chat_model::{Chat, ChatError, ChatTurn, Message, Sentence, ToolCall, ToolSpec};
use super::grounding::Statement;
use super::pipeline::{CandidateResponse, Turn};
use super::response_assembly::ResponseWriter;
use super::response_templates::ResponseTemplate;
use super::tools::{Refusal, Refused, Tool, hand_over};
use super::{Citation, Proposal, ToolRun};

/// How often the model may call or answer for one message.
const MOST_STEPS: usize = 6;
/// How many calls of one step are carried out.
const MOST_CALLS: usize = 8;

/// Something that was found, as the model reads it and as it is said.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct EvidenceItem {
    /// What the model reads, and what its sentences are held against.
    pub text: String,
    /// What a sentence that rests on it cites.
    pub citation: Citation,
    /// The same in words of ours.
    pub statements: Vec<Statement>,
}

/// What came of a call.
#[derive(Debug, Default)]
struct Outcome {
    /// For the model.
    content: Value,
    /// What is said where the model says nothing of it.
    statements: Vec<Statement>,
    /// What is said instead where the model finds no answer in it.
    declined: Vec<Statement>,
    abstained: bool,
    confidence: f64,
    route: &'static str,
}

/// One message on its way through the loop.
struct Agent<'t, 'a> {
    turn: &'t mut Turn<'a>,
    chat: Chat<'a>,
    pseudonyms: Option<Pseudonyms>,
    messages: Vec<Message>,
    evidence: Vec<EvidenceItem>,
    outcomes: Vec<Outcome>,
    called: BTreeSet<String>,
    refusals: BTreeMap<Tool, Refusal>,
    proposals: Vec<Proposal>,
    actions: Vec<ToolRun>,
    hand_over: Option<super::HandOver>,
    has_answered: bool,
}

impl<'a> Turn<'a> {
    /// Lets the model answer. Sentences that hold are said at once; what is
    /// returned is what remains to be said.
    ///
    /// # Errors
    /// Where nothing came of it.
    pub(super) fn converse(
        &mut self,
        chat: Chat<'a>,
        writer: &mut ResponseWriter<'_, '_>,
    ) -> Result<CandidateResponse, ChatError> {
        let pseudonyms = chat.model.is_remote().then(|| self.personal_data());
        let mut agent = Agent {
            turn: self,
            chat,
            pseudonyms,
            messages: Vec::new(),
            evidence: Vec::new(),
            outcomes: Vec::new(),
            called: BTreeSet::new(),
            refusals: BTreeMap::new(),
            proposals: Vec::new(),
            actions: Vec::new(),
            hand_over: None,
            has_answered: false,
        };
        agent.open();
        let failure = agent.steps(writer).err();
        // Neither a tool nor a sentence that holds: answered without the model,
        // there may be more to say.
        let is_idle = agent.is_idle() && writer.is_empty();
        let nothing = || ChatError::Unreadable("no tool, and nothing that holds".to_owned());
        let failure = failure.or_else(|| is_idle.then(nothing));
        if let Some(error) = failure {
            let model = chat.model.name();
            tracing::warn!(%error, model, "the language model failed");
            agent.turn.stages.degrade(error.stage());
            if is_idle {
                return Err(error);
            }
        }
        Ok(agent.rest(writer))
    }
}

impl Agent<'_, '_> {
    /// Whether nothing has come of it so far.
    fn is_idle(&self) -> bool {
        self.outcomes.is_empty()
            && self.proposals.is_empty()
            && self.refusals.is_empty()
            && self.hand_over.is_none()
    }

    /// What the model reads first.
    fn open(&mut self) {
        let system = instructions::of(self.turn);
        self.messages.push(Message::System(system));
        let (now, request) = (self.turn.message.clone(), self.turn.request);
        for (role, text) in &request.conversation {
            let text = self.hidden(text);
            self.messages.push(match role {
                Role::Customer => Message::Customer(text),
                Role::Agent => Message::Assistant {
                    text,
                    calls: Vec::new(),
                },
                Role::Tool => continue,
            });
        }
        let now = self.hidden(&now);
        self.messages.push(Message::Customer(now));
    }

    fn hidden(&mut self, text: &str) -> String {
        match &mut self.pseudonyms {
            Some(pseudonyms) => pseudonyms.hide(text),
            None => text.to_owned(),
        }
    }

    fn restored(&self, text: &str) -> String {
        match &self.pseudonyms {
            Some(pseudonyms) => pseudonyms.restore(text),
            None => text.to_owned(),
        }
    }

    /// Steps until the model has answered, or may not go on.
    fn steps(&mut self, writer: &mut ResponseWriter<'_, '_>) -> Result<(), ChatError> {
        // Orders do not change while a message is answered.
        let tools = self.specs();
        for _ in 0..MOST_STEPS {
            if (self.chat.is_interrupted)() {
                return Ok(());
            }
            match self.step(&tools, writer)? {
                ChatTurn::Answer(_) => {
                    self.has_answered = true;
                    return Ok(());
                }
                ChatTurn::Calls(calls) => self.call_all(calls),
            }
            if self.hand_over.is_some() {
                return Ok(());
            }
        }
        self.turn.stages.degrade("chat_model_out_of_steps");
        Ok(())
    }

    /// One turn of the model. Its sentences are said as far as they hold.
    fn step(
        &mut self,
        tools: &[ToolSpec],
        writer: &mut ResponseWriter<'_, '_>,
    ) -> Result<ChatTurn, ChatError> {
        let Chat {
            model,
            until,
            is_interrupted,
        } = self.chat;
        let messages = std::mem::take(&mut self.messages);
        let mut stages = std::mem::take(&mut self.turn.stages);
        let mut failure = None;
        let next = stages.try_run("chat_model", || {
            let mut sink = |sentence: Sentence| {
                if is_interrupted() {
                    return ControlFlow::Break(());
                }
                if !sentence.text.is_empty() {
                    self.say(&sentence, writer);
                }
                ControlFlow::Continue(())
            };
            let reply = model.reply(&messages, tools, until, &mut sink);
            reply.map_err(|error| failure = Some(error)).ok()
        });
        self.turn.stages = stages;
        self.messages = messages;
        next.ok_or_else(|| failure.unwrap_or(ChatError::TimedOut))
    }

    /// Says a sentence, or in its place what it cites; nothing where it cites
    /// nothing and does not ask.
    fn say(&mut self, sentence: &Sentence, writer: &mut ResponseWriter<'_, '_>) {
        let sentence = Sentence {
            text: self.restored(&sentence.text),
            evidence: sentence.evidence.clone(),
        };
        for statement in self.verified(&sentence) {
            writer.say(statement, self.turn);
        }
    }

    fn call_all(&mut self, calls: Vec<ToolCall>) {
        let mut results = Vec::new();
        let mut carried_out = Vec::new();
        for call in calls.into_iter().take(MOST_CALLS) {
            let arguments = self.with_restored(&call.arguments);
            let is_new = self.called.insert(format!("{} {arguments}", call.name));
            let content = if is_new {
                self.call(&call.name, arguments)
            } else {
                json!({"error": "this was called before with the same arguments; answer now"})
            };
            let content = self.hidden(&content.to_string());
            results.push(Message::ToolResult {
                call: call.id.clone(),
                content,
            });
            carried_out.push(call);
        }
        self.messages.push(Message::Assistant {
            text: String::new(),
            calls: carried_out,
        });
        self.messages.extend(results);
    }

    /// Arguments with what stands behind the placeholders in them.
    fn with_restored(&self, arguments: &Value) -> Value {
        match arguments {
            Value::String(text) => json!(self.restored(text)),
            Value::Array(list) => list.iter().map(|one| self.with_restored(one)).collect(),
            Value::Object(fields) => fields
                .iter()
                .map(|(name, value)| (name.clone(), self.with_restored(value)))
                .collect(),
            Value::Null | Value::Bool(_) | Value::Number(_) => arguments.clone(),
        }
    }

    /// Takes up what was found, numbered; what the model reads of it.
    fn take_up(&mut self, items: Vec<EvidenceItem>) -> Value {
        let first = self.evidence.len() + 1;
        let numbered: Vec<Value> = (first..)
            .zip(&items)
            .map(|(number, item)| json!({"number": number, "text": item.text}))
            .collect();
        self.evidence.extend(items);
        json!({ "evidence": numbered })
    }

    /// What remains to be said: what waits for the customer's word, why
    /// something is not done, and what was found where the model said nothing.
    fn rest(self, writer: &ResponseWriter<'_, '_>) -> CandidateResponse {
        let language = &self.turn.language;
        let template = |one| Statement::template(one, language);
        let mut draft = CandidateResponse {
            confidence: 1.0,
            route: "assistant",
            ..CandidateResponse::default()
        };
        let is_silent = writer.is_empty();
        let has_deeds = !self.proposals.is_empty() || !self.refusals.is_empty();
        for proposal in &self.proposals {
            draft.statements.extend(self.turn.said_of(proposal));
        }
        if !self.proposals.is_empty() {
            draft
                .statements
                .push(template(ResponseTemplate::PleaseConfirm));
        }
        for refusal in self.refusals.values() {
            let said = template(ResponseTemplate::Refused(refusal.reason));
            if !draft.statements.contains(&said) {
                draft.statements.push(said);
            }
        }
        if is_silent && !has_deeds {
            for outcome in &self.outcomes {
                let finds_nothing = self.has_answered && !outcome.declined.is_empty();
                let said = match finds_nothing {
                    true => &outcome.declined,
                    false => &outcome.statements,
                };
                draft.statements.extend(said.iter().cloned());
                draft.abstained |= outcome.abstained || finds_nothing;
                draft.confidence = draft.confidence.min(outcome.confidence);
                draft.route = outcome.route;
            }
        }
        let needs_person = |refusal: &Refusal| refusal.reason == Refused::NeedsPerson;
        draft.handoff = self.hand_over.or_else(|| {
            let by_policy = self.refusals.values().any(needs_person);
            by_policy.then(|| hand_over(self.turn.request, "policy"))
        });
        if draft.handoff.is_some() {
            draft
                .statements
                .push(template(ResponseTemplate::HandedOver));
        }
        draft.actions = self.actions;
        draft.proposals = self.proposals;
        draft
    }
}
