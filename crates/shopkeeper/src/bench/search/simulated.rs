//! Search on a simulated shop, where it is known what answers a query.

use std::collections::BTreeMap;

use anyhow::bail;
use corpus::PrepareOptions;
use evaluate::metrics;
use evaluate::simulator::{Simulation, simulate};
use serde_json::{Value, json};
use serve::search::Index;
use shop::{Id, Judgement, Record, Records};
use store::{Entry, LogEntry, Snapshot};

use super::{Judged, Part, SEED, Shop, Stage, ask, mean, train, train_on};

/// How far down what was meant may stand to count as found.
const DEPTH: usize = 100;

/// The figures of some queries.
#[derive(Default)]
struct Figures {
    ndcg: Vec<f64>,
    /// Of the best products that share no word with the query: how many of
    /// those that fit are in the first [`DEPTH`].
    paraphrase: Vec<f64>,
}

pub(super) fn run(products: usize) -> anyhow::Result<Value> {
    if products == 0 {
        bail!("--simulated is at least 1");
    }
    let simulated = simulate(&Simulation {
        seed: SEED,
        products,
        ..Simulation::default()
    });
    let records = simulated.records;
    let judged: Vec<Judged> = simulated
        .truth
        .relevant
        .into_iter()
        .map(|(query, grades)| Judged {
            query,
            grades: grades
                .into_iter()
                .map(|(id, grade)| (id, f64::from(grade)))
                .collect(),
        })
        .collect();
    let mut result = json!({"products": products, "queries": judged.len()});
    let mut table = crate::table::with_headings(&[
        "trained on",
        "stage",
        "ndcg@10 en",
        "zh",
        "recall@100, no word shared, en",
        "zh",
    ]);
    let options = PrepareOptions::default();
    for (name, with_log) in [("catalogue", false), ("log", true)] {
        let model = if with_log {
            train_on(&corpus::prepare(&records, &options))?
        } else {
            train(&records.products, Vec::<Judgement>::new())?
        };
        let snapshot = snapshot_of(&records, with_log);
        let index = Index::build_for(&snapshot.catalogue, Some(&model))?;
        let shop = Shop {
            snapshot,
            parts: vec![Part { index, model }],
            train_seconds: 0.0,
        };
        for stage in Stage::ALL {
            let [english, chinese] = measure(&shop, stage, &judged)?;
            let cell = |values: &[f64]| format!("{:.4} ({})", mean(values), values.len());
            table.add_row([
                name.to_owned(),
                stage.name().to_owned(),
                cell(&english.ndcg),
                cell(&chinese.ndcg),
                cell(&english.paraphrase),
                cell(&chinese.paraphrase),
            ]);
            result[name][stage.name()] = json!({
                "ndcg@10_en": mean(&english.ndcg),
                "ndcg@10_zh": mean(&chinese.ndcg),
                "paraphrase_recall@100_en": mean(&english.paraphrase),
                "paraphrase_recall@100_zh": mean(&chinese.paraphrase),
            });
        }
    }
    eprintln!("{table}");
    Ok(result)
}

fn snapshot_of(records: &Records, with_log: bool) -> Snapshot {
    let products = records.products.iter().cloned().map(Record::Product);
    let customers = records.customers.iter().cloned().map(Record::Customer);
    let orders = records.orders.iter().cloned().map(Record::Order);
    let events = records.events.iter().cloned().map(Record::Event);
    let log = customers.chain(orders).chain(events);
    let log = log.take(if with_log { usize::MAX } else { 0 });
    let entries: Vec<LogEntry> = (1..)
        .zip(products.chain(log))
        .map(|(sequence, record)| LogEntry {
            sequence,
            id: sequence.to_string(),
            entry: Entry::Record(record),
        })
        .collect();
    let mut snapshot = Snapshot::default();
    snapshot.extend(&entries);
    snapshot
}

/// The figures of the English and of the Chinese queries.
fn measure(shop: &Shop, stage: Stage, judged: &[Judged]) -> anyhow::Result<[Figures; 2]> {
    let mut both = [Figures::default(), Figures::default()];
    for one in judged {
        let figures = &mut both[usize::from(is_chinese(&one.query))];
        let answer = ask(shop, stage, &one.query, DEPTH)?;
        let gains: Vec<f64> = answer
            .iter()
            .map(|id| one.grades.get(id).copied().unwrap_or_default())
            .collect();
        let all: Vec<f64> = one.grades.values().copied().collect();
        figures.ndcg.extend(metrics::ndcg(&gains, &all, 10));
        let apart = paraphrased(shop, one);
        if !apart.is_empty() {
            let found = answer.iter().filter(|id| apart.contains_key(id)).count();
            let share = found as f64 / apart.len().min(DEPTH) as f64;
            figures.paraphrase.push(share);
        }
    }
    Ok(both)
}

/// The products that are just what a query asks for and share no word with it.
fn paraphrased<'a>(shop: &Shop, judged: &'a Judged) -> BTreeMap<&'a Id, ()> {
    let collection = shop.parts[0].index.collection();
    let words = corpus::search::Query::interpret(collection, &judged.query, None);
    let terms: Vec<_> = (words.words.iter())
        .flat_map(|word| &word.alternatives)
        .filter(|one| one.origin == corpus::search::Origin::Exact)
        .flat_map(|one| &one.terms)
        .collect();
    let mut numbers: Vec<&Id> = (shop.snapshot.catalogue.iter())
        .map(|(_, product)| &product.id)
        .collect();
    numbers.sort_unstable();
    let shares_none = |id: &Id| {
        let number = numbers.binary_search(&id).unwrap_or(usize::MAX);
        let document = collection.documents().get(number);
        document.is_some_and(|one| terms.iter().all(|term| one.count(**term) == 0))
    };
    let best = judged.grades.iter().filter(|(_, grade)| **grade >= 2.0);
    best.filter(|(id, _)| shares_none(id))
        .map(|(id, _)| (id, ()))
        .collect()
}

fn is_chinese(query: &str) -> bool {
    query.contains(|c| ('\u{4e00}'..='\u{9fff}').contains(&c))
}
