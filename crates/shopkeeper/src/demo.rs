//! `demo`: the whole loop on a simulated shop.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::Context;
use evaluate::simulator::{Simulated, Simulation, simulate};
use serde::{Deserialize, Serialize};
use shop::Progress;
use shop::{Id, Kind, OfferCommand, Record, Records, Service, Timestamp};
use store::{Entry, NewEntry, Store};

use server::config::Config;
use server::jobs::{self, Outcome, TrainRequest};

/// How many records go to the log at once.
const BATCH: usize = 2_000;

/// What makes the shop of a folder: kept beside the data, so that a demo that
/// was stopped goes on with the same shop.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Plan {
    seed: u64,
    end: Timestamp,
}

/// Whether every service of this folder has a model that serves.
pub fn is_built(store: &Store) -> bool {
    let snapshot = store.snapshot();
    Service::ALL
        .iter()
        .all(|service| snapshot.serving.contains_key(service))
}

/// Simulates the shop, hands its records to the store and trains everything.
pub async fn build(
    store: &Store,
    config: &Config,
    seed: Option<u64>,
    now: Timestamp,
    stop: Arc<AtomicBool>,
    progress: Arc<dyn Progress + Send + Sync>,
) -> anyhow::Result<Vec<Outcome>> {
    let plan = plan(store.folder(), seed.unwrap_or(config.seed), now)?;
    progress.begin("simulate a shop", 0);
    let simulation = Simulation {
        seed: plan.seed,
        end: plan.end,
        ..Simulation::default()
    };
    let simulated = tokio::task::spawn_blocking(move || simulate(&simulation)).await?;
    progress.end(&summary(&simulated.records));
    fill(store, simulated, now, &*progress).await?;
    let request = TrainRequest {
        base: None,
        services: Vec::new(),
        size: config.size,
        seed: config.seed,
        threads: config.training_threads(),
        resume: true,
        promote: true,
    };
    jobs::train(store, &request, stop, progress).await
}

fn plan(folder: &Path, seed: u64, now: Timestamp) -> anyhow::Result<Plan> {
    let path = folder.join("demo.json");
    if let Ok(text) = std::fs::read_to_string(&path) {
        return serde_json::from_str(&text)
            .with_context(|| format!("{} is damaged: delete the folder", path.display()));
    }
    // The last whole hour: events must not lie in the future.
    let end = Timestamp::from_seconds(now.as_seconds() / 3_600 * 3_600);
    let plan = Plan { seed, end };
    std::fs::write(&path, serde_json::to_string(&plan)?)
        .with_context(|| format!("cannot write {}", path.display()))?;
    Ok(plan)
}

fn summary(records: &Records) -> String {
    let parts: Vec<_> = Kind::ALL
        .into_iter()
        .filter(|kind| records.count(*kind) > 0)
        .map(|kind| format!("{} {}", records.count(kind), kind.name()))
        .collect();
    parts.join(", ")
}

/// Appends the records by the door that imports use; what is there already
/// changes nothing.
async fn fill(
    store: &Store,
    simulated: Simulated,
    now: Timestamp,
    progress: &dyn Progress,
) -> anyhow::Result<()> {
    let referrals: Vec<(Id, Id)> = simulated
        .records
        .customers
        .iter()
        .filter_map(|customer| Some((customer.id.clone(), customer.referred_by.clone()?)))
        .collect();
    let records = in_import_order(simulated.records);
    progress.begin("append to the log", records.len() as u64);
    let mut done = 0;
    for batch in records.chunks(BATCH) {
        let entries = batch.iter().map(|record| NewEntry {
            id: None,
            entry: Entry::Record(record.clone()),
        });
        store.append(entries.collect()).await?;
        done += batch.len() as u64;
        progress.advance(done, "");
    }
    progress.end(&format!("{done} records"));
    for coupon in simulated.coupons {
        let key = Id::new(&format!("demo/coupon/{}", coupon.code))?;
        store
            .decide(
                OfferCommand::DefineCoupon { key, coupon },
                now,
                growth::decide,
            )
            .await?;
    }
    for (referee_id, referrer_id) in referrals {
        let key = Id::new(&format!("demo/referral/{referee_id}"))?;
        let command = OfferCommand::Refer {
            key,
            referrer_id,
            referee_id,
        };
        store.decide(command, now, growth::decide).await?;
    }
    Ok(())
}

fn in_import_order(records: Records) -> Vec<Record> {
    let products = records.products.into_iter().map(Record::Product);
    let customers = records.customers.into_iter().map(Record::Customer);
    let orders = records.orders.into_iter().map(Record::Order);
    let events = records.events.into_iter().map(Record::Event);
    let reviews = records.reviews.into_iter().map(Record::Review);
    let conversations = records.conversations.into_iter().map(Record::Conversation);
    let documents = records.documents.into_iter().map(Record::Document);
    let judgements = records.judgements.into_iter().map(Record::Judgement);
    let labelled = records.labelled.into_iter().map(Record::Labelled);
    products
        .chain(customers)
        .chain(orders)
        .chain(events)
        .chain(reviews)
        .chain(conversations)
        .chain(documents)
        .chain(judgements)
        .chain(labelled)
        .collect()
}
