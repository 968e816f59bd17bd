//! `bench agent`: tau2's retail tasks at our own tools.

pub mod database;
mod desk;
mod dialogue;
mod reference;
mod replay;
mod scripted_model;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::Args;
use serde::Deserialize;
use serde_json::{Value, json};
use shop::Id;

use crate::chat_model::ChatModelArguments;
use scripted_model::ScriptedModel;

/// What `bench agent` takes.
#[derive(Debug, Args)]
pub struct AgentArguments {
    /// tau2's retail database (db.json), plain, gz or zst.
    #[arg(long)]
    database: PathBuf,
    /// tau2's tasks (tasks.json), plain, gz or zst.
    #[arg(long)]
    tasks: PathBuf,
    #[command(flatten)]
    chat_model: ChatModelArguments,
}

/// What the scripted model's process takes.
#[derive(Debug, Args)]
pub struct ScriptedModelArguments {
    #[arg(long)]
    database: PathBuf,
    #[arg(long)]
    tasks: PathBuf,
}

/// The process of the scripted model.
pub fn serve_script(arguments: &ScriptedModelArguments) -> anyhow::Result<Value> {
    scripted_model::serve(&arguments.database, &arguments.tasks)
}

/// One call that a task expects, by tau2's name.
#[derive(Debug, Clone, Deserialize)]
pub struct Call {
    /// The tool.
    pub name: String,
    /// Its arguments.
    pub arguments: Value,
}

/// A task.
#[derive(Debug, Clone)]
pub struct Task {
    /// Its name.
    pub id: String,
    /// Who calls; `None` when the task does not tell.
    pub customer: Option<Id>,
    /// What is expected.
    pub calls: Vec<Call>,
    /// What the caller wants, knows and does not know.
    pub scenario: Scenario,
}

/// What a scripted customer goes by.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
#[allow(missing_docs)]
pub struct Scenario {
    pub reason_for_call: Option<String>,
    pub known_info: Option<String>,
    pub unknown_info: Option<String>,
    pub task_instructions: Option<String>,
}

/// Runs the measurement.
pub fn run(arguments: &AgentArguments) -> anyhow::Result<Value> {
    let whole = database::read(&arguments.database)?;
    let tasks = read_tasks(&arguments.tasks, &whole)?;
    let replayed = replay::run(&whole, &tasks)?;
    print_table(&replayed);
    let (through_loop, failed_in_loop) = {
        let server = ScriptedModel::start(arguments)?;
        dialogue::replay(&whole, &tasks, &server.url)?
    };
    eprintln!(
        "through the assistant's loop: {through_loop} of {} tasks end as expected",
        tasks.len()
    );
    for failed in &failed_in_loop {
        eprintln!("  {failed}");
    }
    let model = arguments.chat_model.load()?;
    let talked = dialogue::run(&whole, &tasks, model.as_deref())?;
    let mut keys = dialogue::keys(&talked);
    eprintln!("scripted customers: {keys:#}");
    let replay = json!({
        "replay_passed": replayed.passed,
        "replay_total": replayed.total,
        "replay_failed": replayed.failed,
        "unauthorised_refused": replayed.refused,
        "unauthorised_total": replayed.attempts,
        "unauthorised_slipped": replayed.slipped,
        "refused_because": replayed.reasons,
        "loop_replay_passed": through_loop,
        "loop_replay_total": tasks.len(),
        "loop_replay_failed": failed_in_loop,
    });
    if let (Some(keys), Value::Object(replay)) = (keys.as_object_mut(), replay) {
        keys.extend(replay);
    }
    Ok(keys)
}

fn print_table(replayed: &replay::Replayed) {
    eprintln!(
        "replay: {} of {} tasks end as expected",
        replayed.passed, replayed.total
    );
    for failed in &replayed.failed {
        eprintln!("  {failed}");
    }
    let mut table = server::table::with_headings(&["attempt", "refused because", "times"]);
    for (kind, reasons) in &replayed.reasons {
        for (reason, times) in reasons {
            table.add_row([(*kind).to_owned(), reason.clone(), times.to_string()]);
        }
    }
    eprintln!("{table}");
    eprintln!(
        "unauthorised: {} of {} refused",
        replayed.refused, replayed.attempts
    );
    for (kind, names) in &replayed.slipped {
        eprintln!("  went through, {kind}: {}", names.join(", "));
    }
}

fn read_tasks(file: &Path, whole: &Value) -> anyhow::Result<Vec<Task>> {
    let place = || file.display().to_string();
    let text = super::support::read_text(file)?;
    let rows: Vec<Value> = serde_json::from_str(&text).with_context(place)?;
    let mut tasks = Vec::new();
    for row in &rows {
        let actions = &row["evaluation_criteria"]["actions"];
        let calls = if actions.is_null() {
            Vec::new()
        } else {
            Vec::<Call>::deserialize(actions).with_context(place)?
        };
        let instructions = &row["user_scenario"]["instructions"];
        let scenario = Scenario::deserialize(instructions).unwrap_or_else(|_| Scenario {
            reason_for_call: instructions.as_str().map(str::to_owned),
            ..Scenario::default()
        });
        let customer = caller(whole, &calls, &scenario);
        let id = row["id"].as_str().map(str::to_owned);
        tasks.push(Task {
            id: id.unwrap_or_else(|| row["id"].to_string()),
            customer: customer.and_then(|id| Id::new(&id).ok()),
            calls,
            scenario,
        });
    }
    if tasks.is_empty() {
        bail!("{}: no tasks in it", place());
    }
    Ok(tasks)
}

/// Who calls: whom the expected calls look up, else whose order they name,
/// else who the scenario says they are.
fn caller(whole: &Value, calls: &[Call], scenario: &Scenario) -> Option<String> {
    let users = whole["users"].as_object()?;
    let is = |user: &Value, arguments: &Value| {
        let same = |one: &Value, other: &Value| match (one.as_str(), other.as_str()) {
            (Some(one), Some(other)) => one.eq_ignore_ascii_case(other),
            _ => false,
        };
        same(&user["email"], &arguments["email"])
            || (same(&user["name"]["first_name"], &arguments["first_name"])
                && same(&user["name"]["last_name"], &arguments["last_name"])
                && same(&user["address"]["zip"], &arguments["zip"]))
    };
    let found = calls.iter().find_map(|call| {
        let given = &call.arguments;
        if let Some(id) = given["user_id"]
            .as_str()
            .filter(|id| users.contains_key(*id))
        {
            return Some(id.to_owned());
        }
        if call.name.starts_with("find_user") {
            let found = users.iter().find(|(_, user)| is(user, given));
            return found.map(|(id, _)| id.clone());
        }
        let order = given["order_id"].as_str()?;
        whole["orders"][order]["user_id"]
            .as_str()
            .map(str::to_owned)
    });
    let text = scenario
        .known_info
        .clone()
        .unwrap_or_default()
        .to_lowercase();
    let said = || {
        let says = |part: &Value| {
            let part = part.as_str().unwrap_or_default().to_lowercase();
            !part.is_empty() && text.contains(&part)
        };
        let named = |user: &Value| {
            says(&user["email"])
                || says(&user["user_id"])
                || (says(&user["name"]["first_name"]) && says(&user["address"]["zip"]))
        };
        let found = users.iter().find(|(_, user)| named(user));
        found.map(|(id, _)| id.clone())
    };
    found.or_else(said)
}
