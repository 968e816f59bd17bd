use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shop::Role;
use store::Snapshot;

use super::super::SupportRequest;
use super::{Action, Refusal, Session};

/// What it is about.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {
    summary: String,
}

/// The longest summary, in characters.
const LONGEST_SUMMARY: usize = 1_000;

/// Precondition: none; anybody may ask for a person.
pub(super) fn plan(
    _snapshot: &Snapshot,
    _session: Session<'_>,
    arguments: Arguments,
) -> Result<Vec<Action>, Refusal> {
    let summary = arguments.summary.chars().take(LONGEST_SUMMARY).collect();
    Ok(vec![Action::HandOver { summary }])
}

/// What the person who takes over gets to see first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HandOver {
    /// Why: `asked` for a person, `upset`, `intent` (surely wants one), `unsure`
    /// (the answer would have been), or what a tool gave.
    pub reason: String,
    /// The customer's own last messages, oldest first.
    pub messages: Vec<String>,
}

/// The customer's last messages handed over with the conversation.
const MESSAGES: usize = 5;

/// Prepares the hand-over; the program carries it out.
pub fn hand_over(request: &SupportRequest, reason: &str) -> HandOver {
    let mut messages: Vec<String> = request
        .conversation
        .iter()
        .filter(|(role, _)| *role == Role::Customer)
        .map(|(_, text)| text.clone())
        .collect();
    messages.push(request.message.clone());
    let skip = messages.len().saturating_sub(MESSAGES);
    HandOver {
        reason: reason.to_owned(),
        messages: messages.split_off(skip),
    }
}
