//! `bench ingest`: durable events a second through the door that imports use.

use std::time::Instant;

use anyhow::{Context as _, ensure};
use clap::Args;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};
use shop::{Event, EventKind, Id, Record, Timestamp};
use store::{Appended, NewEntry, Store};
use tokio::task::JoinSet;

use crate::watched::watched;
use server::table;

/// Events of a batch, as an import sends them.
const BATCH: usize = 2_000;

/// Batches on their way at once: one is made ready while another is written.
const IN_FLIGHT: usize = 2;

/// What `bench ingest` takes.
#[derive(Debug, Args)]
pub struct IngestArguments {
    /// How many events are appended.
    #[arg(long, default_value_t = 100_000)]
    pub events: usize,
}

/// Runs the measurement in a folder of its own. An event counts once the store
/// has acknowledged it: committed, synced and in the snapshot.
pub async fn run(arguments: &IngestArguments) -> anyhow::Result<Value> {
    ensure!(arguments.events > 0, "--events must be 1 or more");
    let batches = batches(arguments.events)?;
    let folder = tempfile::tempdir().context("a folder for the measurement")?;
    let store = Store::open(folder.path()).await?;
    let started = Instant::now();
    let mut new = 0;
    let mut on_their_way = JoinSet::new();
    for batch in watched("append events", batches.into_iter()) {
        if on_their_way.len() == IN_FLIGHT
            && let Some(appended) = on_their_way.join_next().await
        {
            new += count_new(appended??);
        }
        let store = store.clone();
        on_their_way.spawn(async move { store.append(batch).await });
    }
    while let Some(appended) = on_their_way.join_next().await {
        new += count_new(appended??);
    }
    let seconds = started.elapsed().as_secs_f64();
    ensure!(
        new == arguments.events,
        "{new} of {} events were new",
        arguments.events
    );
    let events_per_second = new as f64 / seconds;
    let mut shown = table::with_headings(&["events", "batch", "seconds", "events per second"]);
    shown.add_row([
        new.to_string(),
        BATCH.to_string(),
        format!("{seconds:.2}"),
        format!("{events_per_second:.0}"),
    ]);
    eprintln!("{shown}");
    Ok(json!({ "events_per_second": events_per_second, "events": new, "batch": BATCH }))
}

fn count_new(appended: Vec<Appended>) -> usize {
    let new = |appended: &Appended| *appended != Appended::Duplicate;
    appended.into_iter().filter(new).count()
}

/// Events as a shop of 20,000 products and 5,000 customers sends them.
fn batches(events: usize) -> anyhow::Result<Vec<Vec<NewEntry>>> {
    const KINDS: [EventKind; 4] = [
        EventKind::View,
        EventKind::Click,
        EventKind::AddToCart,
        EventKind::Purchase,
    ];
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let start = Timestamp::from_seconds(1_700_000_000);
    let mut batches = vec![Vec::with_capacity(BATCH)];
    for number in 0..events {
        let kind = KINDS[random.random_range(0..KINDS.len())];
        let mut event = Event::new(kind, start.plus_seconds(number as i64));
        event.id = Some(Id::new(&format!("event-{number}"))?);
        event.customer_id = Some(Id::new(&format!("c{}", random.random_range(0..5_000)))?);
        event.session_id = Some(Id::new(&format!("s{}", number / 8))?);
        event.product_id = Some(Id::new(&format!("p{}", random.random_range(0..20_000)))?);
        if batches.last().is_some_and(|batch| batch.len() == BATCH) {
            batches.push(Vec::with_capacity(BATCH));
        }
        if let Some(batch) = batches.last_mut() {
            batch.push(Record::Event(event).into());
        }
    }
    Ok(batches)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_event_is_appended() {
        let keys = run(&IngestArguments { events: 4_500 }).await.unwrap();
        assert_eq!(keys["events"], 4_500);
        assert!(keys["events_per_second"].as_f64().unwrap() > 0.0);
    }
}
