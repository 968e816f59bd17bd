//! `bench requests`: what customers ask to have done, in a message of their
//! own, held against what a person says they meant: what each clause asks for,
//! and what is proposed with which order, items, option, address or payment.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use clap::Args;
use models::SentenceEncoder;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use serve::support::{Dependencies, Knowledge, Reply, SupportRequest, answer_with};
use shop::{Id, Kind, Record, Timestamp};
use store::{Entry, LogEntry, Snapshot};

use crate::support::read_text;
use crate::watched::watched;

/// What `bench requests` takes.
#[derive(Debug, Args)]
pub struct RequestsArguments {
    /// A folder with products.jsonl, customers.jsonl and orders.jsonl; the
    /// first customer speaks.
    #[arg(long, value_name = "FOLDER")]
    records: Option<PathBuf>,
    /// Messages as JSON Lines: `message` with `labels` (what its clauses ask
    /// for) or `expected` (what should be proposed: `tool` and arguments).
    #[arg(long, value_name = "FILE")]
    cases: PathBuf,
    /// A published sentence encoder (a Hugging Face folder).
    #[arg(long, value_name = "FOLDER")]
    encoder: Option<PathBuf>,
    /// Shows what came out otherwise.
    #[arg(long)]
    misses: bool,
}

#[derive(Debug, Deserialize)]
struct Case {
    #[serde(alias = "text")]
    message: String,
    labels: Option<Vec<String>>,
    expected: Option<Vec<Map<String, Value>>>,
}

/// Runs the measurement.
///
/// * `acts_right`: messages whose clauses are told rightly, in order, of those
///   with labels.
/// * `proposals_right`: messages of which exactly what was meant is proposed, of
///   those that want something done.
/// * `proposals_part`: of those the ones of which a part is proposed and nothing else.
/// * `proposals_wrong`: messages of which anything else is proposed, of all with
///   `expected`.
pub fn run(arguments: &RequestsArguments) -> anyhow::Result<Value> {
    let cases = cases(&arguments.cases)?;
    let (snapshot, customer) = match &arguments.records {
        Some(folder) => shop(folder)?,
        None => (Snapshot::default(), None),
    };
    let mut knowledge = Knowledge::build(&snapshot, None);
    if let Some(folder) = &arguments.encoder {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let encoder = SentenceEncoder::load(folder, models::Precision::Full, threads)?;
        knowledge = knowledge.with_encoder(Arc::new(encoder));
        knowledge.wait();
    }
    let mut found = Found::default();
    for case in watched("requests", cases.iter()) {
        let reply = asked(&case.message, &snapshot, customer.as_ref(), &knowledge)?;
        if std::env::var_os("DBG").is_some() {
            eprintln!("{:?}", reply.acts);
        }
        let (acts, proposals) = (acts(&reply), proposals(&reply));
        let is_right = found.count(case, &acts, &proposals);
        if arguments.misses && !is_right {
            eprintln!(
                "{}\n  {acts:?}\n  {proposals:?}\n  {}",
                case.message,
                reply.text.replace('\n', " ")
            );
        }
    }
    Ok(found.keys())
}

#[derive(Debug, Default)]
struct Found {
    labelled: usize,
    acts_right: usize,
    wanting: usize,
    expecting: usize,
    right: usize,
    part: usize,
    wrong: usize,
}

impl Found {
    fn count(&mut self, case: &Case, acts: &[String], proposals: &BTreeSet<String>) -> bool {
        let mut is_right = true;
        if let Some(labels) = &case.labels {
            self.labelled += 1;
            is_right = labels == acts;
            self.acts_right += usize::from(is_right);
        }
        if let Some(expected) = &case.expected {
            let expected: BTreeSet<String> = expected.iter().map(written).collect();
            self.expecting += 1;
            self.wanting += usize::from(!expected.is_empty());
            is_right = expected == *proposals;
            self.right += usize::from(is_right && !expected.is_empty());
            let is_part = !is_right && !proposals.is_empty() && proposals.is_subset(&expected);
            self.part += usize::from(is_part);
            self.wrong += usize::from(!proposals.is_subset(&expected));
        }
        is_right
    }

    fn keys(&self) -> Value {
        let share = |some: usize, all: usize| (all > 0).then(|| some as f64 / all as f64);
        eprintln!(
            "acts {} of {}; proposals right {}, in part {} of {}; wrong ones for {} of {}",
            self.acts_right,
            self.labelled,
            self.right,
            self.part,
            self.wanting,
            self.wrong,
            self.expecting
        );
        json!({
            "acts_right": share(self.acts_right, self.labelled),
            "proposals_right": share(self.right, self.wanting),
            "proposals_part": share(self.part, self.wanting),
            "proposals_wrong": share(self.wrong, self.expecting),
            "messages": self.labelled.max(self.expecting),
        })
    }
}

fn acts(reply: &Reply) -> Vec<String> {
    reply.acts.iter().map(|act| act.name.clone()).collect()
}

/// What is proposed, each as one text that is compared.
fn proposals(reply: &Reply) -> BTreeSet<String> {
    let proposals = reply.proposals.iter().filter_map(|proposal| {
        let Value::Object(mut call) = proposal.arguments.clone() else {
            return None;
        };
        call.insert("tool".to_owned(), json!(proposal.tool.name()));
        Some(written(&call))
    });
    proposals.collect()
}

/// A call with what decides whether it is the one meant: how money goes back and
/// why an order is cancelled are not told in most messages.
fn written(call: &Map<String, Value>) -> String {
    let tool = call.get("tool").and_then(Value::as_str).unwrap_or_default();
    let mut text = tool.to_owned();
    let ids = |name: &str| -> Vec<String> {
        let list = call.get(name).and_then(Value::as_array);
        let mut ids: Vec<String> = list.into_iter().flatten().map(Value::to_string).collect();
        ids.sort();
        ids
    };
    if let Some(order) = call.get("order") {
        text.push_str(&format!(" {order}"));
    }
    if tool.contains("items") {
        text.push_str(&format!(" {:?} {:?}", ids("items"), ids("new_items")));
    }
    if tool.contains("payment") {
        text.push_str(&format!(
            " {}",
            call.get("payment_method").unwrap_or(&Value::Null)
        ));
    }
    if let Some(address) = call.get("address") {
        let part = |names: [&str; 2]| {
            let found = names.iter().find_map(|name| address[*name].as_str());
            let letters = found
                .unwrap_or_default()
                .chars()
                .filter(|c| c.is_alphanumeric());
            letters.flat_map(char::to_lowercase).collect::<String>()
        };
        for names in [
            ["line1", "address1"],
            ["city", "city"],
            ["postal_code", "zip"],
        ] {
            text.push_str(&format!(" {}", part(names)));
        }
    }
    text
}

fn asked(
    message: &str,
    snapshot: &Snapshot,
    customer: Option<&Id>,
    knowledge: &Knowledge,
) -> anyhow::Result<Reply> {
    let context = serve::Context {
        snapshot,
        decision_id: Id::new("bench")?,
        now: now(),
        seed: 1,
    };
    let request = SupportRequest {
        message: message.to_owned(),
        customer: customer.cloned(),
        ..SupportRequest::default()
    };
    let decision = answer_with(
        &context,
        knowledge,
        None,
        Dependencies::default(),
        &request,
        &mut |_| ControlFlow::Continue(()),
    )?;
    Ok(decision.content)
}

/// When the customer speaks.
fn now() -> Timestamp {
    Timestamp::from_seconds(1_795_000_000)
}

fn cases(file: &Path) -> anyhow::Result<Vec<Case>> {
    let text = read_text(file)?;
    let lines = text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(number, line)| {
            let case: Case = serde_json::from_str(line)
                .with_context(|| format!("{}: line {}", file.display(), number + 1))?;
            if case.labels.is_none() && case.expected.is_none() {
                bail!(
                    "{}: line {}: neither labels nor expected",
                    file.display(),
                    number + 1
                );
            }
            Ok(case)
        })
        .collect()
}

/// The records of a folder, and the customer who speaks.
fn shop(folder: &Path) -> anyhow::Result<(Snapshot, Option<Id>)> {
    let mut entries = Vec::new();
    let mut customer = None;
    for kind in [Kind::Products, Kind::Customers, Kind::Orders] {
        let file = folder.join(format!("{}.jsonl", kind.name()));
        for line in read_text(&file)?.lines() {
            let row = serde_json::from_str(line).with_context(|| file.display().to_string())?;
            let record = Record::from_json(kind, row, now())?;
            if let Record::Customer(one) = &record {
                customer.get_or_insert_with(|| one.id.clone());
            }
            let sequence = entries.len() as u64 + 1;
            entries.push(LogEntry {
                sequence,
                id: sequence.to_string(),
                entry: Entry::Record(record),
            });
        }
    }
    Ok((Snapshot::default().apply(&entries), customer))
}
