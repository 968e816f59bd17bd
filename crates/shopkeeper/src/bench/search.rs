//! `bench search`: judged queries on a catalogue, stage by stage, and what a
//! slip of the finger costs.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::{Instant, SystemTime};

use anyhow::{Context as _, bail};
use clap::Args;
use corpus::Corpus;
use evaluate::metrics;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};
use serve::search::{Index, Model, SearchRequest, search, search_lexically};
use shop::{Id, Judgement, Kind, Product, Record, Timestamp};
use store::{Entry, LogEntry, Snapshot};
use train::{Job, Progress, Size};

use crate::ingest::{ImportOptions, read_file};

/// How often the timed queries are asked.
const ROUNDS: usize = 5;
/// Resamplings of the paired bootstrap.
const RESAMPLINGS: usize = 10_000;
const SEED: u64 = 20_260_501;

/// Search on judged queries.
#[derive(Debug, Args)]
pub struct SearchArguments {
    /// The catalogue: products as JSON Lines, plain, .gz or .zst.
    #[arg(long, value_name = "FILE")]
    pub products: PathBuf,
    /// What people said about query and product.
    #[arg(long, value_name = "FILE")]
    pub judgements: PathBuf,
    /// Judgements to train the ranker on; without them its default
    /// weights are measured.
    #[arg(long, value_name = "FILE")]
    pub train: Option<PathBuf>,
}

/// The stages that are measured.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Lexical,
    Full,
}

/// A query with the grades of what was judged for it.
struct Judged {
    query: String,
    grades: BTreeMap<Id, f64>,
}

/// What is asked, and of what.
struct Shop {
    snapshot: Snapshot,
    index: Index,
    model: Option<Model>,
}

/// How good the answers of one stage are, query by query.
struct Quality {
    ndcg: Vec<f64>,
    recall: Vec<f64>,
    reciprocal_rank: Vec<f64>,
}

/// Measures search on judged queries.
pub fn run(arguments: &SearchArguments) -> anyhow::Result<Value> {
    let products = read_products(&arguments.products)?;
    let (judged, unanswerable) = read_judged(&arguments.judgements)?;
    if judged.is_empty() {
        bail!(
            "{}: no query has a product graded above 0",
            arguments.judgements.display()
        );
    }
    let model = match &arguments.train {
        Some(file) => Some(train_ranker(&products, file)?),
        None => None,
    };
    let snapshot = snapshot_of(products)?;
    let index = Index::build(&snapshot.catalogue)?;
    let shop = Shop {
        snapshot,
        index,
        model,
    };
    let lexical = measure(&shop, Stage::Lexical, &judged)?;
    let full = measure(&shop, Stage::Full, &judged)?;
    let difference = bootstrap(&full.ndcg, &lexical.ndcg);
    let slipped = with_slips(&judged);
    let slipped_ndcg = mean(&measure(&shop, Stage::Full, &slipped)?.ndcg);
    let kept = slipped_ndcg / mean(&full.ndcg).max(f64::MIN_POSITIVE);

    let mut stages = BTreeMap::new();
    let lexical_keys = keys(&shop, Stage::Lexical, &judged, &lexical)?;
    stages.insert("full", keys(&shop, Stage::Full, &judged, &full)?);
    let mut hybrid = lexical_keys.clone();
    hybrid["trained"] = json!(false);
    stages.insert("hybrid", hybrid);
    stages.insert("lexical", lexical_keys);
    let result = report(&stages, &shop, judged.len(), unanswerable, difference, kept);
    table(&result, &shop, arguments);
    Ok(result)
}

/// The keys of the contract: each figure by stage, and each stage by figure.
fn report(
    stages: &BTreeMap<&str, Value>,
    shop: &Shop,
    queries: usize,
    unanswerable: usize,
    difference: [f64; 3],
    kept: f64,
) -> Value {
    let mut result = json!({
        "products": shop.index.len(),
        "queries": queries,
        "unanswerable": unanswerable,
        "index_seconds": shop.index.build_time().as_secs_f64(),
        "full_over_lexical": {
            "mean": difference[0], "low_95": difference[1], "high_95": difference[2],
        },
        "ndcg@10_kept_after_one_typo": kept,
        "ranker": if shop.model.is_some() { "trained" } else { "default weights" },
    });
    for figure in FIGURES {
        let by_stage = stages.iter().map(|(stage, keys)| (*stage, &keys[figure]));
        result[figure] = json!(by_stage.collect::<BTreeMap<_, _>>());
    }
    for (stage, keys) in stages {
        result[*stage] = keys.clone();
    }
    result
}

const FIGURES: [&str; 6] = [
    "ndcg@10",
    "recall@100",
    "mrr",
    "p50_ms",
    "p99_ms",
    "queries_per_second",
];

fn keys(shop: &Shop, stage: Stage, judged: &[Judged], quality: &Quality) -> anyhow::Result<Value> {
    let speed = speed(shop, stage, judged)?;
    Ok(json!({
        "ndcg@10": mean(&quality.ndcg),
        "recall@100": mean(&quality.recall),
        "mrr": mean(&quality.reciprocal_rank),
        "p50_ms": speed[0],
        "p99_ms": speed[1],
        "queries_per_second": speed[2],
        "index_seconds": shop.index.build_time().as_secs_f64(),
    }))
}

fn table(result: &Value, shop: &Shop, arguments: &SearchArguments) {
    eprintln!(
        "{} products, {} judged queries ({} more have nothing graded above 0), indexed in {:.2} s",
        shop.index.len(),
        result["queries"],
        result["unanswerable"],
        shop.index.build_time().as_secs_f64(),
    );
    let mut table = crate::table::with_headings(&[
        "stage",
        "ndcg@10",
        "recall@100",
        "mrr",
        "p50 ms",
        "p99 ms",
        "queries/s",
        "",
    ]);
    for stage in ["lexical", "hybrid", "full"] {
        let mut row = vec![stage.to_owned()];
        for (figure, digits) in FIGURES.iter().zip([4, 4, 4, 2, 2, 0]) {
            let value = result[stage][figure].as_f64().unwrap_or_default();
            row.push(format!("{value:.digits$}"));
        }
        row.push(match stage {
            "hybrid" => "no encoder is trained: the same as lexical".to_owned(),
            "full" => match &arguments.train {
                Some(file) => format!("ranker trained on {}", file.display()),
                None => "default weights (no --train)".to_owned(),
            },
            _ => "BM25, one joined stemmed field".to_owned(),
        });
        table.add_row(row);
    }
    eprintln!("{table}");
    let figure = |name: &str| {
        result["full_over_lexical"][name]
            .as_f64()
            .unwrap_or_default()
    };
    eprintln!(
        "full over lexical: {:+.4} (95 % of {RESAMPLINGS} paired resamplings: {:+.4} to {:+.4})",
        figure("mean"),
        figure("low_95"),
        figure("high_95"),
    );
    let kept = result["ndcg@10_kept_after_one_typo"]
        .as_f64()
        .unwrap_or_default();
    eprintln!(
        "one random slip in each query keeps {:.1} % of ndcg@10",
        100.0 * kept
    );
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    Timestamp::from_seconds(since.map_or(0, |since| since.as_secs() as i64))
}

/// Every record of one kind in a file; a bad row is an error here, as a
/// measurement on half a file would mislead.
pub(super) fn read(file: &Path, kind: Kind) -> anyhow::Result<Vec<Record>> {
    let options = ImportOptions {
        as_kind: Some(kind),
        now: now(),
        currency: None,
    };
    let mut records = Vec::new();
    let mut rejected = None;
    read_file(file, &options, &mut |batch| {
        records.extend(batch.records);
        rejected = batch.rejected.into_iter().next();
        match rejected {
            Some(_) => ControlFlow::Break(()),
            None => ControlFlow::Continue(()),
        }
    })
    .with_context(|| file.display().to_string())?;
    match rejected {
        Some(row) => bail!(
            "{}, line {}: {}: {}",
            file.display(),
            row.line,
            row.field,
            row.reason
        ),
        None => Ok(records),
    }
}

fn read_products(file: &Path) -> anyhow::Result<Vec<Product>> {
    let products: Vec<Product> = read(file, Kind::Products)?
        .into_iter()
        .filter_map(|record| match record {
            Record::Product(product) => Some(product),
            _ => None,
        })
        .collect();
    if products.is_empty() {
        bail!("{}: no products in it", file.display());
    }
    Ok(products)
}

fn read_judgements(file: &Path) -> anyhow::Result<Vec<Judgement>> {
    let records = read(file, Kind::Judgements)?.into_iter();
    Ok(records
        .filter_map(|record| match record {
            Record::Judgement(judgement) => Some(judgement),
            _ => None,
        })
        .collect())
}

/// The queries that have an answer, and how many have none.
fn read_judged(file: &Path) -> anyhow::Result<(Vec<Judged>, usize)> {
    let mut by_query: BTreeMap<String, BTreeMap<Id, f64>> = BTreeMap::new();
    for judgement in read_judgements(file)? {
        let grades = by_query.entry(judgement.query).or_default();
        grades.insert(judgement.product_id, f64::from(judgement.grade));
    }
    let queries = by_query.len();
    let judged: Vec<Judged> = by_query
        .into_iter()
        .map(|(query, grades)| Judged { query, grades })
        .filter(|judged| judged.grades.values().any(|grade| *grade > 0.0))
        .collect();
    let unanswerable = queries - judged.len();
    Ok((judged, unanswerable))
}

fn snapshot_of(products: Vec<Product>) -> anyhow::Result<Snapshot> {
    let mut snapshot = Snapshot::default();
    let entries: Vec<LogEntry> = (1..)
        .zip(products)
        .map(|(sequence, product)| LogEntry {
            sequence,
            id: product.id.to_string(),
            entry: Entry::Record(Record::Product(product)),
        })
        .collect();
    snapshot.extend(&entries);
    Ok(snapshot)
}

struct Silent;

impl Progress for Silent {
    fn begin(&self, _: &str, _: u64) {}
    fn advance(&self, _: u64, _: &str) {}
    fn end(&self, message: &str) {
        eprintln!("{message}");
    }
}

fn train_ranker(products: &[Product], file: &Path) -> anyhow::Result<Model> {
    let corpus = Corpus {
        products: products.to_vec(),
        judgements: read_judgements(file)?,
        ..Corpus::default()
    };
    let stop = AtomicBool::new(false);
    let trained = train::search::train(
        &corpus,
        &Job {
            size: Size::Small,
            seed: SEED,
            base: None,
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            folder: &std::env::temp_dir(),
            resume: false,
            stop: &stop,
            progress: &Silent,
        },
    )?;
    Ok(Model::load(&trained.files)?)
}

fn ask(shop: &Shop, stage: Stage, query: &str, limit: usize) -> anyhow::Result<Vec<Id>> {
    let context = serve::Context {
        snapshot: &shop.snapshot,
        decision_id: Id::new("bench")?,
        now: Timestamp::from_seconds(0),
        seed: SEED,
    };
    let request = SearchRequest {
        limit,
        ..SearchRequest::new(query)
    };
    let decision = match stage {
        Stage::Lexical => search_lexically(&context, &shop.index, &request)?,
        Stage::Full => search(&context, &shop.index, shop.model.as_ref(), &request)?,
    };
    Ok(decision
        .content
        .hits
        .into_iter()
        .map(|hit| hit.id)
        .collect())
}

fn measure(shop: &Shop, stage: Stage, judged: &[Judged]) -> anyhow::Result<Quality> {
    let mut quality = Quality {
        ndcg: Vec::new(),
        recall: Vec::new(),
        reciprocal_rank: Vec::new(),
    };
    for one in judged {
        let grade = |id: &Id| one.grades.get(id).copied().unwrap_or_default();
        let ranked: Vec<f64> = ask(shop, stage, &one.query, 100)?
            .iter()
            .map(grade)
            .collect();
        let all: Vec<f64> = one.grades.values().copied().collect();
        let found: Vec<bool> = ranked.iter().map(|grade| *grade > 0.0).collect();
        let relevant = all.iter().filter(|grade| **grade > 0.0).count();
        quality
            .ndcg
            .push(metrics::ndcg(&ranked, &all, 10).unwrap_or_default());
        quality
            .recall
            .push(metrics::recall(&found, relevant, 100).unwrap_or_default());
        quality
            .reciprocal_rank
            .push(metrics::reciprocal_rank(&found));
    }
    Ok(quality)
}

/// The median and the 99th percentile of one page of ten, one at a time, and
/// the throughput of all threads.
fn speed(shop: &Shop, stage: Stage, judged: &[Judged]) -> anyhow::Result<[f64; 3]> {
    let mut milliseconds = Vec::new();
    for one in (0..ROUNDS).flat_map(|_| judged) {
        let start = Instant::now();
        ask(shop, stage, &one.query, 10)?;
        milliseconds.push(start.elapsed().as_secs_f64() * 1_000.0);
    }
    milliseconds.sort_by(f64::total_cmp);
    let at = |share: f64| milliseconds[((milliseconds.len() - 1) as f64 * share).round() as usize];
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let start = Instant::now();
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|_| {
                scope.spawn(|| {
                    let queries = (0..ROUNDS).flat_map(|_| judged);
                    queries
                        .map(|one| ask(shop, stage, &one.query, 10))
                        .try_for_each(|answer| answer.map(drop))
                })
            })
            .collect();
        workers.into_iter().try_for_each(|worker| {
            worker
                .join()
                .unwrap_or_else(|_| bail!("a thread of the measurement died"))
        })
    })?;
    let asked = (threads * ROUNDS * judged.len()) as f64;
    Ok([at(0.5), at(0.99), asked / start.elapsed().as_secs_f64()])
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

/// The mean difference and its 95 % interval over resampled queries.
fn bootstrap(left: &[f64], right: &[f64]) -> [f64; 3] {
    let differences: Vec<f64> = left.iter().zip(right).map(|(l, r)| l - r).collect();
    let mut chance = ChaCha8Rng::seed_from_u64(SEED);
    let mut means: Vec<f64> = (0..RESAMPLINGS)
        .map(|_| {
            let drawn = differences
                .iter()
                .filter_map(|_| differences.choose(&mut chance));
            drawn.sum::<f64>() / differences.len() as f64
        })
        .collect();
    means.sort_by(f64::total_cmp);
    let at = |share: f64| means[(RESAMPLINGS as f64 * share) as usize];
    [mean(&differences), at(0.025), at(0.975)]
}

/// Each query with one letter changed, added, left out or swapped with its
/// neighbour, somewhere in a word of at least four letters (where it has one).
fn with_slips(judged: &[Judged]) -> Vec<Judged> {
    let mut chance = ChaCha8Rng::seed_from_u64(SEED);
    judged
        .iter()
        .map(|one| Judged {
            query: with_slip(&one.query, &mut chance),
            grades: one.grades.clone(),
        })
        .collect()
}

fn with_slip(query: &str, chance: &mut ChaCha8Rng) -> String {
    let mut letters: Vec<char> = query.chars().collect();
    let mut places = BTreeSet::new();
    let mut start = 0;
    for word in letters.split(|c| !c.is_alphabetic()) {
        if word.len() >= 4 {
            places.extend(start..start + word.len());
        }
        start += word.len() + 1;
    }
    let places: Vec<usize> = places.into_iter().collect();
    let Some(&at) = places.choose(chance) else {
        return query.to_owned();
    };
    let other = char::from(b'a' + chance.random_range(0..26_u8));
    match chance.random_range(0..4) {
        0 => letters[at] = other,
        1 => letters.insert(at, other),
        2 => {
            letters.remove(at);
        }
        _ if places.contains(&(at + 1)) => letters.swap(at, at + 1),
        _ => letters.swap(at - 1, at),
    }
    letters.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_one_edit() {
        let mut chance = ChaCha8Rng::seed_from_u64(1);
        for query in ["bluetooth speaker", "tv", "usb hub", "rtx 2060"] {
            for _ in 0..50 {
                let (before, after): (Vec<char>, Vec<char>) = (
                    query.chars().collect(),
                    with_slip(query, &mut chance).chars().collect(),
                );
                assert!(corpus::search::distance(&before, &after, 1).is_some());
            }
        }
    }

    #[test]
    fn the_bootstrap_surrounds_the_mean() {
        let left: Vec<f64> = (0..50).map(|n| f64::from(n % 7)).collect();
        let right: Vec<f64> = (0..50).map(|n| f64::from(n % 5)).collect();
        let [mean, low, high] = bootstrap(&left, &right);
        assert!(low < mean && mean < high);
    }
}
