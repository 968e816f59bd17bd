use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use evaluate::gate::Verdict;
use serde_json::{Value, json};
use shop::{Kind, Progress, Record, Service};
use store::{NewEntry, Store};

use super::train::ORDER;
use super::{Outcome, TrainRequest, gate_reports, promote, rollback, train};
use crate::app::now;

struct Silent;

impl Progress for Silent {
    fn begin(&self, _: &str, _: u64) {}
    fn advance(&self, _: u64, _: &str) {}
    fn end(&self, _: &str) {}
}

async fn import(store: &Store, kind: Kind, rows: impl Iterator<Item = Value>) {
    let entries = rows.map(|row| {
        let Value::Object(fields) = row else {
            unreachable!()
        };
        NewEntry::from(Record::from_json(kind, fields, now()).unwrap())
    });
    store.append(entries.collect()).await.unwrap();
}

async fn train_services(store: &Store, services: &[Service]) -> Vec<Outcome> {
    let request = TrainRequest {
        services: services.to_vec(),
        size: ::train::Size::Tiny,
        seed: 1,
        base: None,
        threads: 2,
        resume: false,
        promote: true,
    };
    let stop = Arc::new(AtomicBool::new(false));
    train(store, &request, stop, Arc::new(Silent))
        .await
        .unwrap()
}

const GOOD: [&str; 5] = ["lovely", "perfect", "excellent", "great", "wonderful"];
const BAD: [&str; 5] = ["awful", "broken", "useless", "terrible", "horrible"];

/// Three hundred reviews that say what they mean in a few words of two kinds.
fn reviews() -> impl Iterator<Item = Value> {
    (0..300).map(|at| {
        let (words, rating) = match at % 2 {
            0 => (GOOD, 5),
            _ => (BAD, 1),
        };
        let (one, other) = (words[at / 2 % 5], words[at / 10 % 5]);
        let text = format!("{one} thing number {at}, {other} in the kitchen");
        json!({"id": format!("r{at}"), "text": text, "rating": rating})
    })
}

/// Labelled texts only teach: these teach the contrary of what the reviews say.
fn misleading() -> impl Iterator<Item = Value> {
    (0..1_500).map(|at| {
        let (words, label) = match at % 2 {
            0 => (GOOD, "negative"),
            _ => (BAD, "positive"),
        };
        let (one, other) = (words[at / 2 % 5], words[at / 10 % 5]);
        let text = format!("{one} thing number {at}, {other} in the garden");
        json!({"id": format!("l{at}"), "text": text, "label": label})
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_candidate_worse_than_what_serves_is_kept_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).await.unwrap();
    import(&store, Kind::Reviews, reviews()).await;
    let trained = train_services(&store, &[Service::Insight]).await;
    let [
        Outcome::Trained {
            version: first,
            promoted: true,
            gate,
            ..
        },
    ] = trained.as_slice()
    else {
        panic!("{trained:?}");
    };
    assert_eq!(gate.serving, None);

    import(&store, Kind::Labelled, misleading()).await;
    let trained = train_services(&store, &[Service::Insight]).await;
    let [
        Outcome::Trained {
            version: second,
            promoted: false,
            gate,
            ..
        },
    ] = trained.as_slice()
    else {
        panic!("{trained:?}");
    };
    // Both are measured on the held-out reviews of today.
    assert_eq!(gate.serving.as_ref(), Some(first));
    let figure = gate.comparisons.iter().find(|one| one.decides).unwrap();
    assert!(figure.serving.unwrap() > figure.candidate, "{gate:?}");
    let Verdict::Refused { reason } = &gate.verdict else {
        panic!("{gate:?}");
    };
    for part in [
        first.clone(),
        format!("{:.4}", figure.candidate),
        format!("{:.4}", figure.serving.unwrap()),
    ] {
        assert!(reason.contains(&part), "{part}: {reason}");
    }
    // The report stands with the artifact, the old version serves, and a person
    // may decide otherwise, and back.
    let reports = gate_reports(&store).await;
    assert_eq!(reports[&(Service::Insight, second.clone())], *gate);
    let serves = || store.snapshot().serving.get(&Service::Insight).cloned();
    assert_eq!(serves().as_ref(), Some(first));
    promote(&store, Service::Insight, second).await.unwrap();
    assert_eq!(serves().as_ref(), Some(second));
    rollback(&store, Service::Insight).await.unwrap();
    assert_eq!(serves().as_ref(), Some(first));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_without_data_is_skipped_with_a_sentence_even_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).await.unwrap();
    let product = json!({"id": "p1", "title": "Red kettle"});
    import(&store, Kind::Products, [product].into_iter()).await;
    let outcomes = train_services(&store, &[Service::Recommend]).await;
    let [Outcome::Skipped { service, reason }] = outcomes.as_slice() else {
        panic!("{outcomes:?}");
    };
    assert_eq!(*service, Service::Recommend);
    assert!(reason.contains("import orders or events"), "{reason}");
}

#[test]
fn every_service_trains() {
    let left_out = Service::ALL.iter().filter(|one| !ORDER.contains(one));
    assert_eq!(left_out.collect::<Vec<_>>(), Vec::<&Service>::new());
}
