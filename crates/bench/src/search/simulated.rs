//! Search on a simulated shop, where it is known what answers a query.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, bail};
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

/// The figures of one query.
struct Figures {
    ndcg: Option<f64>,
    /// Of the best products that share no word with the query: how many of
    /// those that fit are in the first [`DEPTH`].
    paraphrase: Option<f64>,
}

/// The figures of the queries of one language.
#[derive(Default)]
struct Collected {
    ndcg: Vec<f64>,
    paraphrase: Vec<f64>,
}

pub(super) fn run(products: usize, details: Option<&Path>) -> anyhow::Result<Value> {
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
    let mut table = server::table::with_headings(&[
        "trained on",
        "stage",
        "ndcg@10 en",
        "zh",
        "recall@100, no word shared, en",
        "zh",
    ]);
    let options = PrepareOptions::default();
    let mut lines = String::new();
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
            parts: vec![Part {
                index: Arc::new(index),
                model,
            }],
            train_seconds: 0.0,
        };
        for stage in Stage::ALL {
            let called = format!("{name}, {}: queries", stage.name());
            let of_each = measure(&shop, stage, &judged, &called)?;
            let asked = &shop.snapshot.query_clicks;
            for (one, figures) in judged.iter().zip(&of_each) {
                let line = json!({
                    "measure": format!("{name} {}", stage.name()),
                    "query": one.query,
                    "asked_in_the_log": asked.contains_key(&corpus::search::query_key(&one.query)),
                    "ndcg@10": figures.ndcg,
                    "recall@100_no_word_shared": figures.paraphrase,
                });
                lines.push_str(&line.to_string());
                lines.push('\n');
            }
            let [english, chinese] = by_language(&judged, &of_each);
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
    if let Some(file) = details {
        std::fs::write(file, lines).with_context(|| file.display().to_string())?;
    }
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

/// The figures of each query.
fn measure(
    shop: &Shop,
    stage: Stage,
    judged: &[Judged],
    name: &str,
) -> anyhow::Result<Vec<Figures>> {
    let progress = server::progress::for_stderr();
    progress.begin(name, judged.len() as u64);
    let measured = (1..).zip(judged).map(|(done, one)| {
        progress.advance(done, "");
        let answer = ask(shop, stage, &one.query, DEPTH)?;
        let gains: Vec<f64> = answer
            .iter()
            .map(|id| one.grades.get(id).copied().unwrap_or_default())
            .collect();
        let all: Vec<f64> = one.grades.values().copied().collect();
        let apart = paraphrased(shop, one);
        let found = answer.iter().filter(|id| apart.contains_key(id)).count();
        Ok(Figures {
            ndcg: metrics::ndcg(&gains, &all, 10),
            paraphrase: (!apart.is_empty()).then(|| found as f64 / apart.len().min(DEPTH) as f64),
        })
    });
    let measured: anyhow::Result<Vec<Figures>> = measured.collect();
    progress.end(&format!("{name}: {} asked", judged.len()));
    measured
}

/// The figures of the English and of the Chinese queries.
fn by_language(judged: &[Judged], measured: &[Figures]) -> [Collected; 2] {
    let mut both = [Collected::default(), Collected::default()];
    for (one, figures) in judged.iter().zip(measured) {
        let collected = &mut both[usize::from(is_chinese(&one.query))];
        collected.ndcg.extend(figures.ndcg);
        collected.paraphrase.extend(figures.paraphrase);
    }
    both
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

/// A query has the language of its noun, which stands last: `本草集 cleansing
/// foam` names a brand in Chinese and asks in English.
fn is_chinese(query: &str) -> bool {
    query.ends_with(|c| ('\u{4e00}'..='\u{9fff}').contains(&c))
}
