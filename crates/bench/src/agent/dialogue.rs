//! Scripted customers, made from each task's scenario, talk to the local
//! assistant: the same `serve::support::answer` that stands behind
//! `POST /v1/chat`, with the same proposals and confirmations, on a shop in
//! memory. Nothing of the expected calls is used but the end state, and who
//! the customer is.
//!
//! A scripted customer says what the scenario says, turned into the first
//! person, in one of four manners (all at once, sentence by sentence, politely
//! wrapped, with what they know about themselves first), confirms whatever is
//! proposed, and does not think: what the scenario leaves to the customer's
//! judgement goes wrong here.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use serde_json::{Value, json};
use serve::support::tools::Tool;
use serve::support::{ChatModel, Dependencies, Knowledge, Reply, SupportRequest, answer_with};
use shop::{Id, Role};
use store::Snapshot;

use super::desk::Desk;
use super::replay::{same, translated};
use super::{Task, database, reference};
use crate::chat_model;
use crate::watched::watched;

/// The manners of speaking; one dialogue of each task in each.
pub const MANNERS: usize = 4;

/// What came of the dialogues.
#[derive(Debug, Default)]
pub struct Talked {
    /// Ended in the right state, of all dialogues.
    pub right: usize,
    /// Dialogues.
    pub total: usize,
    /// Tasks whose every dialogue ended in the right state.
    pub always_right: usize,
    /// Tasks.
    pub tasks: usize,
    /// Tasks that expect no change, so that saying little is right.
    pub nothing_expected: usize,
    /// Of the others: tasks whose every dialogue ended in the right state.
    pub always_right_with_changes: usize,
    /// Of the others: right dialogues.
    pub right_with_changes: usize,
    /// How the others ended, by kind.
    pub failures: BTreeMap<&'static str, usize>,
    /// Tasks by kind of failure of their first dialogue.
    pub failed: BTreeMap<&'static str, Vec<String>>,
}

/// Holds every dialogue.
pub fn run(whole: &Value, tasks: &[Task], model: Option<&dyn ChatModel>) -> anyhow::Result<Talked> {
    let shop = database::snapshot(whole)?;
    let knowledge = Knowledge::build(&shop, None);
    let mut found = Talked::default();
    for task in watched("hold the dialogues", tasks.iter()) {
        let expected = expected(whole, task)?;
        let idle = same(&expected, &shop);
        found.tasks += 1;
        found.nothing_expected += usize::from(idle);
        let mut right = 0;
        for manner in 0..MANNERS {
            let (end, done) = talk(&shop, &knowledge, task, &script(task, manner), model)?;
            found.total += 1;
            if same(&end, &expected) {
                right += 1;
            } else {
                let kind = kind_of(task, &done);
                *found.failures.entry(kind).or_default() += 1;
                if manner == 0 {
                    found.failed.entry(kind).or_default().push(task.id.clone());
                }
            }
        }
        found.right += right;
        found.always_right += usize::from(right == MANNERS);
        if !idle {
            found.right_with_changes += right;
            found.always_right_with_changes += usize::from(right == MANNERS);
        }
    }
    Ok(found)
}

/// The shop as it should be after a task.
fn expected(whole: &Value, task: &Task) -> anyhow::Result<Snapshot> {
    let mut expected = whole.clone();
    for call in &task.calls {
        // What tau2 itself refuses changes nothing there either.
        let _ = reference::call(&mut expected, &call.name, &call.arguments);
    }
    database::snapshot(&expected)
}

/// The expected calls of each task, made by a model behind this address, one
/// message for each write: how many end in the right state, and which do not.
pub fn replay(whole: &Value, tasks: &[Task], url: &str) -> anyhow::Result<(usize, Vec<String>)> {
    let shop = database::snapshot(whole)?;
    let knowledge = Knowledge::build(&shop, None);
    let mut failed = Vec::new();
    for (place, task) in watched("replay through the loop", tasks.iter()).enumerate() {
        let writes = task.calls.iter().filter_map(translated);
        let writes = writes.filter(|(tool, _)| tool.writes()).count();
        let messages = vec!["Could you see to the next thing, please?".to_owned(); writes + 1];
        let model = chat_model::backend(url, &place.to_string())?;
        let (end, _) = talk(&shop, &knowledge, task, &messages, Some(&model))?;
        if !same(&end, &expected(whole, task)?) {
            failed.push(task.id.clone());
        }
    }
    Ok((tasks.len() - failed.len(), failed))
}

/// What went wrong, from what was done and what should have been.
fn kind_of(task: &Task, done: &[(Tool, Value)]) -> &'static str {
    let expected: Vec<(Tool, Value)> = task
        .calls
        .iter()
        .filter_map(translated)
        .filter(|(tool, _)| tool.writes())
        .collect();
    let order = |arguments: &Value| arguments["order"].as_str().map(str::to_owned);
    let meant = |(tool, arguments): &(Tool, Value)| {
        expected
            .iter()
            .any(|(other, wanted)| other == tool && order(wanted) == order(arguments))
    };
    if done.is_empty() {
        "nothing was done"
    } else if expected.is_empty() {
        "something was done where nothing was expected"
    } else if !done.iter().all(meant) {
        "something else was done"
    } else if done.len() < expected.len() {
        "a part was done"
    } else {
        "the right deed with other items or payment"
    }
}

/// One dialogue: the shop afterwards and what was done.
fn talk(
    shop: &Snapshot,
    knowledge: &Knowledge,
    task: &Task,
    messages: &[String],
    model: Option<&dyn ChatModel>,
) -> anyhow::Result<(Snapshot, Vec<(Tool, Value)>)> {
    let mut desk = Desk::new(shop.clone());
    let mut conversation: Vec<(Role, String)> = Vec::new();
    let mut done = Vec::new();
    for line in messages {
        let reply = say(&desk, (knowledge, model), task, &conversation, line)?;
        conversation.push((Role::Customer, line.clone()));
        conversation.push((Role::Agent, reply.text.clone()));
        for proposal in reply.proposals {
            let (tool, arguments) = (proposal.tool, proposal.arguments.clone());
            let confirmed = desk
                .propose(tool, task.customer.as_ref(), &arguments)
                .and_then(|token| desk.confirm(&token, task.customer.as_ref()));
            if confirmed.is_ok() {
                done.push((tool, arguments));
            }
        }
        if reply.handoff {
            break;
        }
    }
    Ok((desk.snapshot, done))
}

fn say(
    desk: &Desk,
    (knowledge, model): (&Knowledge, Option<&dyn ChatModel>),
    task: &Task,
    conversation: &[(Role, String)],
    line: &str,
) -> anyhow::Result<Reply> {
    let context = serve::Context {
        snapshot: &desk.snapshot,
        decision_id: Id::new(&format!("turn-{}", conversation.len()))?,
        now: Desk::now(),
        seed: 1,
    };
    let request = SupportRequest {
        message: line.to_owned(),
        conversation: conversation.to_vec(),
        customer: task.customer.clone(),
        ..SupportRequest::default()
    };
    let dependencies = Dependencies {
        chat: model.map(chat_model::chat),
        ..Dependencies::default()
    };
    let mut go_on = |_| ControlFlow::Continue(());
    let decision = answer_with(
        &context,
        knowledge,
        None,
        dependencies,
        &request,
        &mut go_on,
    )?;
    Ok(decision.content)
}

/// What the customer says, turn by turn.
fn script(task: &Task, manner: usize) -> Vec<String> {
    let reason = first_person(task.scenario.reason_for_call.as_deref().unwrap_or_default());
    let known = first_person(task.scenario.known_info.as_deref().unwrap_or_default());
    match manner {
        0 => vec![reason, known],
        1 => {
            let sentences = reason
                .split_inclusive(". ")
                .map(|part| part.trim().to_owned());
            sentences.filter(|part| !part.is_empty()).collect()
        }
        2 => vec![
            "Hello!".to_owned(),
            format!("Hi there, I hope you are well. {reason} Thank you so much."),
        ],
        _ => vec![known, reason],
    }
}

/// `You want to return your lamp` as `I want to return my lamp`.
fn first_person(text: &str) -> String {
    let mut said: Vec<String> = Vec::new();
    for word in text.split(' ') {
        let (bare, tail) = match word.find(|c: char| !c.is_alphanumeric() && c != '\'') {
            Some(at) => word.split_at(at),
            None => (word, ""),
        };
        let spoken = match bare.to_lowercase().as_str() {
            "you" => "I",
            "your" => "my",
            "yours" => "mine",
            "yourself" => "myself",
            "you'd" => "I'd",
            "you're" => "I'm",
            "you've" => "I've",
            "are" if said.last().is_some_and(|last| last == "I") => "am",
            _ => bare,
        };
        said.push(format!("{spoken}{tail}"));
    }
    said.join(" ")
}

/// The keys of the measurement.
pub fn keys(talked: &Talked) -> Value {
    let share = |part: usize, whole: usize| part as f64 / whole.max(1) as f64;
    let changing = talked.tasks - talked.nothing_expected;
    json!({
        "dialogue_pass_1": share(talked.right, talked.total),
        "dialogue_pass_4": share(talked.always_right, talked.tasks),
        "dialogue_tasks": talked.tasks,
        "dialogue_nothing_expected": talked.nothing_expected,
        "dialogue_pass_1_with_changes": share(talked.right_with_changes, changing * MANNERS),
        "dialogue_pass_4_with_changes": share(talked.always_right_with_changes, changing),
        "dialogue_failures": talked.failures,
        "dialogue_failed_tasks": talked.failed,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scenarios_are_said_in_the_first_person() {
        for (text, said) in [
            ("You want to return your lamp.", "I want to return my lamp."),
            ("You are sure, you'd say", "I am sure, I'd say"),
        ] {
            assert_eq!(first_person(text), said);
        }
    }
}
