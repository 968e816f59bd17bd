//! What search costs on simulated shops of growing size: indexing, memory,
//! and the time of a request by stage, without a network in between.
//!
//! `cargo run --release -p evaluate --example search_at_scale -- 10000,100000 [ARTIFACT]`;
//! ARTIFACT is the folder of a trained search model (`artifacts/search/VERSION`).

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use evaluate::simulator::{Simulation, simulate};
use serve::search::{Index, Model, SearchRequest, SuggestRequest, search, suggest};
use serve::{Context, ServeError};
use shop::{Id, Record, Stage, Timestamp};
use store::{Entry, LogEntry, Snapshot};

type Failure = Box<dyn std::error::Error>;

/// How many requests of each kind are timed.
const REQUESTS: usize = 2_000;

fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let sizes = arguments.next().unwrap_or_else(|| "10000".to_owned());
    let model = arguments.next().map(|folder| load(Path::new(&folder)));
    let model = model.transpose()?;
    for size in sizes.split(',') {
        measure(size.trim().parse()?, model.as_ref())?;
    }
    Ok(())
}

fn load(folder: &Path) -> Result<Model, Failure> {
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        files.insert(name.into_owned(), std::fs::read(&path)?);
    }
    Ok(Model::load(&files)?)
}

fn snapshot_of(products: usize) -> Snapshot {
    let records = simulate(&Simulation {
        products,
        ..Simulation::default()
    })
    .records;
    let all = (records.products.into_iter().map(Record::Product))
        .chain(records.customers.into_iter().map(Record::Customer))
        .chain(records.orders.into_iter().map(Record::Order))
        .chain(records.events.into_iter().map(Record::Event));
    let entries: Vec<LogEntry> = (1..)
        .zip(all)
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

/// What the process holds now, in MiB.
fn resident_mb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<f64>().ok());
    number.unwrap_or(f64::NAN) / 1_024.0
}

fn measure(products: usize, model: Option<&Model>) -> Result<(), Failure> {
    let begun = Instant::now();
    let snapshot = snapshot_of(products);
    println!(
        "{products} products and what happened to them made in {:.0} s",
        begun.elapsed().as_secs_f64()
    );
    let before = resident_mb();
    let lexical = Index::build(&snapshot.catalogue)?
        .build_time()
        .as_secs_f64();
    let index = Index::build_for(&snapshot.catalogue, model)?;
    println!(
        "{products} products: indexed at {:.0} products/s for words alone, {:.0} with meaning; \
         the index holds {:.0} MiB a million",
        products as f64 / lexical,
        products as f64 / index.build_time().as_secs_f64(),
        (resident_mb() - before) / products as f64 * 1e6,
    );
    let mut queries: Vec<&String> = snapshot.query_clicks.keys().collect();
    queries.sort_unstable();
    let query = |number: usize| queries[number * 7_919 % queries.len()].as_str();
    for (name, ratio) in [("lexical", Some(0.0)), ("full", None)] {
        time(name, &snapshot, |context, number| {
            let request = SearchRequest {
                semantic_ratio: ratio,
                facets: vec!["category".to_owned()],
                ..SearchRequest::new(query(number))
            };
            Ok(search(context, &index, model, &request)?.stages)
        })?;
    }
    time("suggest", &snapshot, |context, number| {
        let typed = query(number).chars().take(1 + number % 5).collect();
        let request = SuggestRequest {
            q: typed,
            ..SuggestRequest::default()
        };
        Ok(suggest(context, &index, &request)?.stages)
    })
}

fn time(
    name: &str,
    snapshot: &Snapshot,
    ask: impl Fn(&Context<'_>, usize) -> Result<Vec<Stage>, ServeError> + Sync,
) -> Result<(), Failure> {
    let context = Context {
        snapshot,
        decision_id: Id::new("measured")?,
        now: Timestamp::from_seconds(1_780_272_000),
        seed: 1,
    };
    let mut stages: BTreeMap<String, f64> = BTreeMap::new();
    let mut milliseconds = Vec::new();
    for number in 0..REQUESTS {
        let start = Instant::now();
        let ran = ask(&context, number)?;
        milliseconds.push(start.elapsed().as_secs_f64() * 1_000.0);
        for stage in ran {
            *stages.entry(stage.name.clone()).or_default() += stage.milliseconds / REQUESTS as f64;
        }
    }
    milliseconds.sort_by(f64::total_cmp);
    let at = |share: f64| milliseconds[((REQUESTS - 1) as f64 * share) as usize];
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let start = Instant::now();
    std::thread::scope(|scope| {
        for first in 0..threads {
            let (ask, context) = (&ask, &context);
            scope.spawn(move || {
                for number in (first..REQUESTS).step_by(threads) {
                    // Asked before without an error.
                    let _ = ask(context, number);
                }
            });
        }
    });
    let parts: Vec<String> = stages
        .iter()
        .map(|(stage, mean)| format!("{stage} {mean:.2}"))
        .collect();
    println!(
        "  {name}: mean {:.2} ms, p50 {:.2}, p99 {:.2}; {:.0} requests/s on {threads} threads ({})",
        milliseconds.iter().sum::<f64>() / REQUESTS as f64,
        at(0.5),
        at(0.99),
        REQUESTS as f64 / start.elapsed().as_secs_f64(),
        parts.join(", "),
    );
    Ok(())
}
