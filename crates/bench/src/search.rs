//! `bench search`: judged queries on a catalogue, stage by stage, and what a
//! typo of the finger costs.

mod read;
mod simulated;
mod typos;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use anyhow::{Context as _, bail};
use clap::Args;
use corpus::Corpus;
use evaluate::metrics;
use models::{Precision, SentenceEncoder};
use rand::SeedableRng;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};
use serve::search::{
    Index, Model, SearchRequest, search, search_by_words_and_meaning, search_lexically,
};
use shop::Progress;
use shop::{Id, Judgement, Product, Record, Timestamp};
use store::{Entry, LogEntry, Snapshot};
use train::{Job, Size};

pub(super) use read::read;
use read::{Judged, read_judged, read_judgements, read_products};
use typos::{Typo, with_typos};

/// How often the timed queries are asked.
const ROUNDS: usize = 5;
/// About so many queries are mistyped, where there are more.
const MOST_MISTYPED: usize = 500;
/// At most so many queries are timed in a round.
const MOST_TIMED: usize = 400;
/// Resamplings of the paired bootstrap.
const RESAMPLINGS: usize = 10_000;
/// Parts of the queries, each measured by a model that was trained on the others.
const FOLDS: u64 = 5;
/// How often typos are drawn.
const TYPO_DRAWS: u64 = 10;
const SEED: u64 = 20_260_501;

/// Search on judged queries.
#[derive(Debug, Args)]
pub struct SearchArguments {
    /// The catalogue: products as JSON Lines, plain, .gz or .zst.
    #[arg(long, value_name = "FILE", required_unless_present = "simulated")]
    pub products: Option<PathBuf>,
    /// What people said about query and product.
    #[arg(long, value_name = "FILE", required_unless_present = "simulated")]
    pub judgements: Option<PathBuf>,
    /// Judgements to train on; where they speak of queries that are measured,
    /// each fifth of the queries is measured by a model trained without it.
    /// Without them everything is learnt from the catalogue alone.
    #[arg(long, value_name = "FILE")]
    pub train: Option<PathBuf>,
    /// A published sentence encoder (a Hugging Face folder) in the place of the one
    /// that is trained.
    #[arg(long, value_name = "PATH")]
    pub encoder: Option<PathBuf>,
    /// Measure on a simulated shop of so many products instead, where the
    /// truth is known: English beside Chinese, and what shares no word.
    #[arg(long, value_name = "N", conflicts_with_all = ["products", "judgements", "train", "encoder"])]
    pub simulated: Option<usize>,
    /// Write what each query got here, as it is and with each typo: JSON Lines.
    #[arg(long, value_name = "FILE")]
    pub details: Option<PathBuf>,
}

/// The stages that are measured.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Lexical,
    Hybrid,
    Full,
}

impl Stage {
    const ALL: [Self; 3] = [Self::Lexical, Self::Hybrid, Self::Full];

    fn name(self) -> &'static str {
        match self {
            Self::Lexical => "lexical",
            Self::Hybrid => "hybrid",
            Self::Full => "full",
        }
    }
}

/// What is asked, and of what.
struct Shop {
    snapshot: Snapshot,
    /// One for all queries, or one for each fold.
    parts: Vec<Part>,
    train_seconds: f64,
}

struct Part {
    index: Arc<Index>,
    model: Model,
}

impl Shop {
    /// What a query is measured with: never what was trained on it.
    fn part(&self, query: &str) -> &Part {
        &self.parts[fold(query) as usize % self.parts.len()]
    }
}

/// The fold of a query, by its text alone.
fn fold(query: &str) -> u64 {
    corpus::search::encoder_input::token(query, false) % FOLDS
}

/// How good the answers of one stage are, query by query.
#[derive(Default)]
struct Quality {
    ndcg: Vec<f64>,
    condensed: Vec<f64>,
    judged: Vec<f64>,
    recall: Vec<f64>,
    reciprocal_rank: Vec<f64>,
}

/// Measures search on judged queries.
pub fn run(arguments: &SearchArguments) -> anyhow::Result<Value> {
    if let Some(products) = arguments.simulated {
        return simulated::run(products, arguments.details.as_deref());
    }
    let (Some(products), Some(judgements)) = (&arguments.products, &arguments.judgements) else {
        bail!("--products and --judgements are needed, or --simulated");
    };
    let products = read_products(products)?;
    let (judged, unanswerable) = read_judged(judgements)?;
    if judged.is_empty() {
        bail!(
            "{}: no query has a product graded above 0",
            judgements.display()
        );
    }
    let to_train = match &arguments.train {
        Some(file) => read_judgements(file)?,
        None => Vec::new(),
    };
    let progress = server::progress::for_stderr();
    let encoder = match &arguments.encoder {
        Some(path) => Some(Arc::new(SentenceEncoder::load(
            path,
            Precision::Int8,
            std::thread::available_parallelism().map_or(1, usize::from),
        )?)),
        None => None,
    };
    let shop = prepare(products, to_train, &judged, encoder, &*progress)?;
    let mut quality = Vec::new();
    for stage in Stage::ALL {
        let name = format!("{}: queries", stage.name());
        quality.push(measure(&shop, stage, &judged, &name, &*progress)?);
    }
    let mut stages = BTreeMap::new();
    for (stage, quality) in Stage::ALL.into_iter().zip(&quality) {
        stages.insert(stage.name(), keys(&shop, stage, &judged, quality)?);
    }
    let mut result = report(&stages, &shop, judged.len(), unanswerable);
    let mut details = Details::default();
    for (stage, quality) in Stage::ALL.into_iter().zip(&quality) {
        details.add(stage.name(), &judged, &judged, quality);
    }
    for (name, left, right) in [
        ("full_over_lexical", 2, 0),
        ("hybrid_over_lexical", 1, 0),
        ("full_over_hybrid", 2, 1),
    ] {
        let [mean, low, high] = bootstrap(&quality[left].ndcg, &quality[right].ndcg);
        result[name] = json!({"mean": mean, "low_95": low, "high_95": high});
    }
    let mistyped = sampled(&judged);
    let whole: Vec<f64> = (judged.iter().zip(&quality[2].ndcg))
        .filter(|(one, _)| is_sampled(&judged, one))
        .map(|(_, ndcg)| *ndcg)
        .collect();
    let whole = mean(&whole).max(f64::MIN_POSITIVE);
    result["queries_mistyped"] = json!(mistyped.len());
    for (name, typo) in [
        ("ndcg@10_kept_after_one_typo", Typo::LongWord),
        ("ndcg@10_kept_after_one_typo_in_any_word", Typo::AnyWord),
        ("ndcg@10_kept_after_a_moved_space", Typo::Space),
    ] {
        let mut kept = 0.0;
        for draw in 0..TYPO_DRAWS {
            let asked = with_typos(&mistyped, typo, SEED + draw);
            let stage = format!("typos, {} of {TYPO_DRAWS}", draw + 1);
            let quality = measure(&shop, Stage::Full, &asked, &stage, &*progress)?;
            kept += mean(&quality.ndcg) / whole / TYPO_DRAWS as f64;
            details.add(name, &mistyped, &asked, &quality);
        }
        result[name] = json!(kept);
    }
    result["trained_on"] = json!(match (&arguments.train, shop.parts.len()) {
        (None, _) => "the catalogue alone",
        (Some(_), 1) => "the catalogue and other queries' judgements",
        (Some(_), _) => "the catalogue and the judgements of the other four fifths",
    });
    table(&result);
    if let Some(file) = &arguments.details {
        let written = std::fs::write(file, details.lines);
        written.with_context(|| file.display().to_string())?;
    }
    Ok(result)
}

/// Whether a query is among those that are mistyped: all where there are few, else
/// a share of them drawn by their text.
fn is_sampled(judged: &[Judged], one: &Judged) -> bool {
    let share = judged.len().div_ceil(MOST_MISTYPED).max(1) as u64;
    corpus::search::encoder_input::token(&one.query, true).is_multiple_of(share)
}

/// The queries that are mistyped.
fn sampled(judged: &[Judged]) -> Vec<Judged> {
    let sampled = judged.iter().filter(|one| is_sampled(judged, one));
    sampled.cloned().collect()
}

/// A line for each query and way of asking it.
#[derive(Default)]
struct Details {
    lines: String,
}

impl Details {
    fn add(&mut self, name: &str, judged: &[Judged], asked: &[Judged], quality: &Quality) {
        for (at, (one, asked)) in judged.iter().zip(asked).enumerate() {
            let line = json!({
                "measure": name,
                "query": one.query,
                "asked": asked.query,
                "ndcg@10": quality.ndcg[at],
                "judged@10": quality.judged[at],
                "recall@100": quality.recall[at],
            });
            self.lines.push_str(&line.to_string());
            self.lines.push('\n');
        }
    }
}

/// Trains what the queries are measured with.
fn prepare(
    products: Vec<Product>,
    judgements: Vec<Judgement>,
    judged: &[Judged],
    encoder: Option<Arc<SentenceEncoder>>,
    progress: &dyn Progress,
) -> anyhow::Result<Shop> {
    let measured: BTreeSet<&str> = judged.iter().map(|one| one.query.as_str()).collect();
    let overlap = judgements
        .iter()
        .any(|one| measured.contains(one.query.as_str()));
    let folds = if overlap { FOLDS } else { 1 };
    let start = Instant::now();
    let mut models = Vec::new();
    for own in 0..folds {
        let others = judgements
            .iter()
            .filter(|one| folds == 1 || fold(&one.query) != own);
        models.push(train(&products, others.cloned().collect())?);
    }
    let train_seconds = start.elapsed().as_secs_f64();
    let snapshot = snapshot_of(products);
    let mut parts: Vec<Part> = Vec::new();
    for model in models {
        let model = match &encoder {
            Some(encoder) => model.with_encoder(encoder.clone()),
            None => model,
        };
        // What a published encoder makes of the products is the same for all folds.
        let known = parts.first().map(|part| part.index.clone());
        let index = match known.filter(|known| known.is_for(Some(&model))) {
            Some(known) => known,
            None => Arc::new(Index::build_with_progress(
                &snapshot.catalogue,
                Some(&model),
                Some(progress),
            )?),
        };
        parts.push(Part { index, model });
    }
    Ok(Shop {
        snapshot,
        parts,
        train_seconds,
    })
}

/// The keys of the contract: each figure by stage, and each stage by figure.
fn report(
    stages: &BTreeMap<&str, Value>,
    shop: &Shop,
    queries: usize,
    unanswerable: usize,
) -> Value {
    let index = &shop.parts[0].index;
    let mut result = json!({
        "products": index.len(),
        "queries": queries,
        "unanswerable": unanswerable,
        "index_seconds": index.build_time().as_secs_f64(),
        "train_seconds": shop.train_seconds,
        "folds": shop.parts.len(),
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

const FIGURES: [&str; 8] = [
    "ndcg@10",
    "condensed_ndcg@10",
    "judged@10",
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
        "condensed_ndcg@10": mean(&quality.condensed),
        "judged@10": mean(&quality.judged),
        "recall@100": mean(&quality.recall),
        "mrr": mean(&quality.reciprocal_rank),
        "p50_ms": speed[0],
        "p99_ms": speed[1],
        "queries_per_second": speed[2],
        "index_seconds": shop.parts[0].index.build_time().as_secs_f64(),
    }))
}

fn table(result: &Value) {
    let number = |value: &Value| value.as_f64().unwrap_or_default();
    eprintln!(
        "{} products, {} judged queries ({} more have nothing graded above 0), trained on {} in \
         {:.1} s, indexed in {:.2} s",
        result["products"],
        result["queries"],
        result["unanswerable"],
        result["trained_on"].as_str().unwrap_or_default(),
        number(&result["train_seconds"]),
        number(&result["index_seconds"]),
    );
    let mut headings = vec!["stage"];
    headings.extend(FIGURES);
    let mut table = server::table::with_headings(&headings);
    for stage in Stage::ALL.map(Stage::name) {
        let mut row = vec![stage.to_owned()];
        for (figure, digits) in FIGURES.iter().zip([4, 4, 3, 4, 4, 2, 2, 0]) {
            row.push(format!("{:.digits$}", number(&result[stage][figure])));
        }
        table.add_row(row);
    }
    eprintln!("{table}");
    for (name, words) in [
        ("hybrid_over_lexical", "hybrid over lexical"),
        ("full_over_hybrid", "full over hybrid"),
        ("full_over_lexical", "full over lexical"),
    ] {
        let figure = |key: &str| number(&result[name][key]);
        eprintln!(
            "{words}: {:+.4} (95 % of {RESAMPLINGS} paired resamplings: {:+.4} to {:+.4})",
            figure("mean"),
            figure("low_95"),
            figure("high_95"),
        );
    }
    eprintln!(
        "kept of ndcg@10 with one random typo in a longer word {:.1} %, in any word {:.1} %, \
         with two words joined or one split {:.1} %",
        100.0 * number(&result["ndcg@10_kept_after_one_typo"]),
        100.0 * number(&result["ndcg@10_kept_after_one_typo_in_any_word"]),
        100.0 * number(&result["ndcg@10_kept_after_a_moved_space"]),
    );
}

fn snapshot_of(products: Vec<Product>) -> Snapshot {
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
    snapshot
}

fn train(products: &[Product], judgements: Vec<Judgement>) -> anyhow::Result<Model> {
    train_on(&Corpus {
        products: products.to_vec(),
        judgements,
        ..Corpus::default()
    })
}

fn train_on(corpus: &Corpus) -> anyhow::Result<Model> {
    let stop = AtomicBool::new(false);
    let progress = server::progress::for_stderr();
    let trained = train::search::train(
        corpus,
        &Job {
            size: Size::Small,
            seed: SEED,
            base: None,
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            folder: &std::env::temp_dir(),
            resume: false,
            stop: &stop,
            progress: &*progress,
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
    let Part { index, model } = shop.part(query);
    let decision = match stage {
        Stage::Lexical => search_lexically(&context, index, &request)?,
        Stage::Hybrid => search_by_words_and_meaning(&context, index, Some(model), &request)?,
        Stage::Full => search(&context, index, Some(model), &request)?,
    };
    let hits = decision.content.hits.into_iter();
    Ok(hits.map(|hit| hit.id).collect())
}

/// Asks each query; `name` is what progress calls it.
fn measure(
    shop: &Shop,
    stage: Stage,
    judged: &[Judged],
    name: &str,
    progress: &dyn Progress,
) -> anyhow::Result<Quality> {
    let mut quality = Quality::default();
    progress.begin(name, judged.len() as u64);
    for (done, one) in (1..).zip(judged) {
        progress.advance(done, "");
        let grade = |id: &Id| one.grades.get(id).copied();
        let answer: Vec<Option<f64>> = ask(shop, stage, &one.query, 100)?
            .iter()
            .map(grade)
            .collect();
        let ranked: Vec<f64> = answer
            .iter()
            .map(|grade| grade.unwrap_or_default())
            .collect();
        let condensed: Vec<f64> = answer.iter().copied().flatten().collect();
        let all: Vec<f64> = one.grades.values().copied().collect();
        let found: Vec<bool> = ranked.iter().map(|grade| *grade > 0.0).collect();
        let relevant = all.iter().filter(|grade| **grade > 0.0).count();
        let ndcg = |grades: &[f64]| metrics::ndcg(grades, &all, 10).unwrap_or_default();
        quality.ndcg.push(ndcg(&ranked));
        quality.condensed.push(ndcg(&condensed));
        let known = answer.iter().take(10).filter(|grade| grade.is_some());
        quality.judged.push(known.count() as f64 / 10.0);
        let recall = metrics::recall(&found, relevant, 100);
        quality.recall.push(recall.unwrap_or_default());
        let rank = metrics::reciprocal_rank(&found);
        quality.reciprocal_rank.push(rank);
    }
    progress.end(&format!("{name}: {} asked", judged.len()));
    Ok(quality)
}

/// The median and the 99th percentile of one page of ten, one at a time, and
/// the throughput of all threads.
fn speed(shop: &Shop, stage: Stage, judged: &[Judged]) -> anyhow::Result<[f64; 3]> {
    let judged = &judged[..judged.len().min(MOST_TIMED)];
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_queries_some_are_mistyped_and_of_few_all() {
        let judged = |count: usize| -> Vec<Judged> {
            let query = |number: usize| Judged {
                query: format!("query {number}"),
                grades: BTreeMap::new(),
            };
            (0..count).map(query).collect()
        };
        assert_eq!(sampled(&judged(57)).len(), 57);
        let many = sampled(&judged(12_000)).len();
        assert!((350..650).contains(&many), "{many}");
    }

    #[test]
    fn the_bootstrap_surrounds_the_mean() {
        let left: Vec<f64> = (0..50).map(|n| f64::from(n % 7)).collect();
        let right: Vec<f64> = (0..50).map(|n| f64::from(n % 5)).collect();
        let [mean, low, high] = bootstrap(&left, &right);
        assert!(low < mean && mean < high);
    }
}
