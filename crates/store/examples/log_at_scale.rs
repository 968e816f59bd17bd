//! How a log of many entries starts, and what it takes: `log_at_scale FOLDER
//! ENTRIES` appends as many entries (two events of visits for each decision),
//! says what they take on the disk and in memory, and opens the folder again,
//! from the checkpoint and from nothing.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::time::Instant;

use serde_json::json;
use shop::{
    DecisionRecord, Event, EventKind, Id, ModelVersion, Product, Record, Service, Stage,
    StageOutcome, Timestamp,
};
use store::{Entry, NewEntry, Store};

const PRODUCTS: u64 = 20_000;
const BATCH: u64 = 3_000;

fn id(text: String) -> Id {
    Id::new(&text).unwrap()
}

fn product(number: u64) -> NewEntry {
    let product = Product::new(id(format!("p{number}")), format!("Product {number}"));
    Record::Product(product).into()
}

/// As a search over HTTP leaves one: some 3 kB.
fn decision(number: u64) -> NewEntry {
    let shown: Vec<Id> = (0..24)
        .map(|place| id(format!("p{}", (number * 31 + place * 7) % PRODUCTS)))
        .collect();
    let reasons: Vec<_> = shown
        .iter()
        .map(|id| json!({"id": id, "score": 0.731, "reasons": [{"field": "title", "words": ["tea", "green"]}]}))
        .collect();
    let stages = ["understand", "gather", "filter", "rank", "rules", "page"].map(|name| Stage {
        name: name.into(),
        milliseconds: 0.42,
        outcome: StageOutcome::Ok,
    });
    let decision = DecisionRecord {
        id: id(format!("0193a5b2-7c11-7d00-8000-{number:012x}")),
        time: Timestamp::from_seconds(1_700_000_000 + number as i64 / 50),
        service: Service::Search,
        customer_id: None,
        session_id: Some(id(format!("session-{}", number / 8))),
        shown,
        propensity: None,
        models: vec![ModelVersion {
            service: Service::Search,
            version: "8f14e45fceea167a5a36dedd4bea2543".into(),
        }],
        stages: stages.to_vec(),
        explanation: json!({
            "request": {"q": format!("green tea {}", number % 1_000), "limit": 24},
            "total": 431,
            "reasons": reasons,
        }),
    };
    NewEntry {
        id: None,
        entry: Entry::Decision(decision),
    }
}

fn event(number: u64, kind: EventKind) -> NewEntry {
    let time = Timestamp::from_micros(1_700_000_000_000_000 + number as i64 * 20_000);
    let mut event = Event::new(kind, time);
    event.session_id = Some(id(format!("session-{}", number / 8)));
    event.product_id = Some(id(format!("p{}", number * 31 % PRODUCTS)));
    event.query = Some(format!("green tea {}", number % 1_000));
    event.decision_id = Some(id(format!("0193a5b2-7c11-7d00-8000-{number:012x}")));
    Record::Event(event).into()
}

/// Resident memory of this process in MB, where the system says so.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok());
    kilobytes.unwrap_or(0) / 1_024
}

fn size(folder: &Path, name: &str) -> u64 {
    std::fs::metadata(folder.join(name)).map_or(0, |metadata| metadata.len() >> 20)
}

async fn open(folder: &Path, name: &str) -> Store {
    let start = Instant::now();
    let store = Store::open(folder).await.unwrap();
    println!(
        "start {name}: {:.2} s, {} entries replayed, {} MB resident",
        start.elapsed().as_secs_f64(),
        store.replayed(),
        resident()
    );
    store
}

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args_os().skip(1);
    let folder = arguments.next().expect("FOLDER ENTRIES");
    let folder = Path::new(&folder);
    let entries = arguments
        .next()
        .and_then(|entries| entries.to_str()?.parse().ok());
    let entries: u64 = entries.expect("how many ENTRIES");
    if entries > 0 {
        let store = Store::open(folder).await.unwrap();
        store
            .append((0..PRODUCTS).map(product).collect())
            .await
            .unwrap();
        let start = Instant::now();
        let mut number = 0;
        while number * 3 < entries {
            let batch = number..number + BATCH / 3;
            let of = |number| {
                [
                    decision(number),
                    event(number, EventKind::Search),
                    event(number, EventKind::Click),
                ]
            };
            store
                .append(batch.clone().flat_map(of).collect())
                .await
                .unwrap();
            number = batch.end;
        }
        println!(
            "{} entries in {:.0} s",
            number * 3,
            start.elapsed().as_secs_f64()
        );
        for (name, bytes, most) in store.snapshot().memory() {
            println!("{name}: {} MB of {} MB", bytes >> 20, most >> 20);
        }
    }
    // In a process of its own memory says more: run again with 0 entries.
    let store = open(folder, "from the checkpoint").await;
    println!(
        "database {} MB, checkpoint {} MB",
        size(folder, "shopkeeper.db"),
        size(folder, "checkpoint")
    );
    drop(store);
    if arguments.next().is_some() {
        std::fs::remove_file(folder.join("checkpoint")).unwrap();
        open(folder, "from nothing").await;
    }
}
