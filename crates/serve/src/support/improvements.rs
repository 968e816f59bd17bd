//! What people's replies teach: where a person said something that the
//! assistant did not, a question with its answer, or a sentence of a document
//! to be changed, is put to a person, who accepts or rejects it. Nothing is
//! learnt from a conversation that somebody did not accept.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use shop::{Conversation, Id, Message, Role};
use store::Snapshot;

use super::dialogue_act::{DialogueAct, DialogueActs};

/// A person's reply holds this beside who wrote it.
const BY: &str = "by";
/// In a conversation's properties: the turns that were decided upon.
pub const DECIDED: &str = "improvements";
const SHORTEST_ANSWER_CHARACTERS: usize = 12;

/// What might become part of what support knows.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Improvement {
    /// The conversation that it comes from …
    pub conversation: Id,
    /// … and the place of the person's reply in it.
    pub turn: usize,
    /// What the customer asked, without what identifies them.
    pub question: String,
    /// What the person answered, without what identifies anybody.
    pub answer: String,
    /// Whether the conversation was resolved by it, as the customer said.
    pub resolved: bool,
    /// What would change.
    pub change: Change,
}

/// What would change.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Change {
    /// A new document of a question and its answer.
    NewAnswer,
    /// The assistant quoted this of a document, and the person corrected it.
    ChangedDocument {
        /// The document.
        document: Id,
        /// The words that would go.
        quote: String,
    },
}

/// What nobody has decided upon yet, in the order of the conversations.
pub fn improvements(snapshot: &Snapshot) -> Vec<Improvement> {
    let conversations = snapshot.conversations.values();
    conversations
        .flat_map(|conversation| of_conversation(conversation, snapshot))
        .collect()
}

/// Whether a message surely asks for no answer: it calls a person, greets or thanks.
fn asks_nothing(message: &str) -> bool {
    let heard = DialogueActs::by_words().map(|acts| acts.hear(message, None));
    heard.is_some_and(|heard| {
        let acts = [
            DialogueAct::HandOver,
            DialogueAct::Greeting,
            DialogueAct::Thanks,
        ];
        heard.is_sure && acts.contains(&heard.act)
    })
}

/// As [`improvements`], of one conversation.
pub fn of_conversation(conversation: &Conversation, snapshot: &Snapshot) -> Vec<Improvement> {
    let decided = conversation.properties.get(DECIDED);
    let is_decided =
        |turn: usize| decided.is_some_and(|decided| decided.get(turn.to_string()).is_some());
    let turns = conversation.messages.iter().enumerate();
    turns
        .filter(|(turn, message)| is_persons(message) && !is_decided(*turn))
        .filter_map(|(turn, message)| {
            let (asked, question) = question_before(conversation, turn)?;
            let answer = corpus::redact(&message.text).text;
            let known = answer.chars().count() < SHORTEST_ANSWER_CHARACTERS
                || snapshot
                    .documents
                    .values()
                    .any(|document| document.text.contains(&answer));
            (!known).then(|| Improvement {
                conversation: conversation.id.clone(),
                turn,
                question: corpus::redact(question).text,
                answer,
                resolved: conversation.resolved == Some(true),
                change: change(conversation, asked, turn, snapshot),
            })
        })
        .collect()
}

fn is_persons(message: &Message) -> bool {
    message.role == Role::Agent && message.properties.contains_key(BY)
}

/// The customer's last question before a turn; a call for a person is none.
fn question_before(conversation: &Conversation, turn: usize) -> Option<(usize, &str)> {
    let before = conversation.messages[..turn].iter().enumerate().rev();
    before
        .filter(|(_, message)| message.role == Role::Customer)
        .map(|(place, message)| (place, message.text.trim()))
        .find(|(_, text)| {
            let says = corpus::support::terms(text).iter().any(|term| term.content);
            says && !asks_nothing(text)
        })
}

/// A document changes where the assistant answered the same question in its
/// words before the person did.
fn change(conversation: &Conversation, asked: usize, turn: usize, snapshot: &Snapshot) -> Change {
    let between = conversation.messages[asked..turn].iter();
    let quoted = between
        .filter(|message| message.role == Role::Agent && !is_persons(message))
        .filter_map(|message| {
            let id = Id::new(message.properties.get("decision_id")?.as_str()?).ok()?;
            first_quote(&snapshot.decisions.get(&id)?.explanation)
        })
        .find(|(document, quote)| {
            let document = snapshot.documents.get(document);
            document.is_some_and(|document| document.text.contains(quote.as_str()))
        });
    match quoted {
        Some((document, quote)) => Change::ChangedDocument { document, quote },
        None => Change::NewAnswer,
    }
}

fn first_quote(explanation: &Value) -> Option<(Id, String)> {
    let citation = explanation["citations"].get(0)?;
    let id = citation["source"].as_str()?.strip_prefix("document:")?;
    let quote = citation["quote"].as_str()?.to_owned();
    Some((Id::new(id).ok()?, quote))
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use shop::{Kind, Record, Timestamp};
    use store::{Entry, LogEntry};

    use super::*;

    fn snapshot(rows: Vec<(Kind, Value)>) -> Snapshot {
        let now = Timestamp::from_seconds(0);
        let entries: Vec<LogEntry> = (1..)
            .zip(rows)
            .map(|(sequence, (kind, row))| {
                let row = row.as_object().cloned().unwrap();
                let record = Record::from_json(kind, row, now).unwrap();
                LogEntry {
                    sequence,
                    id: sequence.to_string(),
                    entry: Entry::Record(record),
                }
            })
            .collect();
        Snapshot::default().apply(&entries)
    }

    fn talk(properties: Value) -> Value {
        json!({"id": "c", "resolved": true, "improvements": properties, "messages": [
            {"role": "customer", "text": "Do you repair watches? I am at ann@example.com"},
            {"role": "agent", "text": "I am sorry, I found nothing."},
            {"role": "customer", "text": "I want to talk to a human"},
            {"role": "agent", "text": "Yes, we repair watches within two weeks.", "by": "Kim"},
        ]})
    }

    #[test]
    fn a_persons_reply_becomes_a_question_with_its_answer() {
        let found = improvements(&snapshot(vec![(Kind::Conversations, talk(json!({})))]));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].turn, 3);
        assert!(found[0].question.starts_with("Do you repair"), "{found:?}");
        assert!(!found[0].question.contains("ann@example.com"), "{found:?}");
        assert_eq!(found[0].change, Change::NewAnswer);
        assert!(found[0].resolved);
    }

    #[test]
    fn what_was_decided_or_is_known_is_not_proposed_again() {
        let decided = talk(json!({"3": {"accepted": false}}));
        assert!(improvements(&snapshot(vec![(Kind::Conversations, decided)])).is_empty());
        let text = "Yes, we repair watches within two weeks. Ask us.";
        let document = json!({"id": "d", "text": text});
        let known = vec![
            (Kind::Documents, document),
            (Kind::Conversations, talk(json!({}))),
        ];
        assert!(improvements(&snapshot(known)).is_empty());
    }
}
