//! Sequences of appends, repeats, restarts and rebuilds, against a plain model.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::prelude::*;
use shop::{
    Customer, DecisionRecord, Document, Event, EventKind, Id, Kind, Product, Record, Service,
    Timestamp,
};
use store::{Appended, Entry, NewEntry, RegistryEntry, Store, StoreError};

fn id(text: &str) -> Id {
    Id::new(text).unwrap()
}

fn product(name: u8, title: u8) -> NewEntry {
    let product = Product::new(id(&format!("p{name}")), format!("title {title}"));
    Record::Product(product).into()
}

/// An event; `named` gives it an id of its own, else its content is the key.
fn event(number: u8, named: bool) -> NewEntry {
    let kinds = [EventKind::View, EventKind::Purchase, EventKind::Search];
    let kind = kinds[usize::from(number) % kinds.len()];
    let mut event = Event::new(
        kind,
        Timestamp::from_seconds(1_700_000_000 + i64::from(number)),
    );
    event.customer_id = Some(id(&format!("c{}", number % 3)));
    event.product_id = Some(id(&format!("p{}", number % 5)));
    event.query = (kind == EventKind::Search).then(|| format!("tea {number}"));
    event.id = named.then(|| id(&format!("e{number}")));
    Record::Event(event).into()
}

fn decision(number: u8) -> NewEntry {
    NewEntry {
        id: None,
        entry: Entry::Decision(DecisionRecord {
            id: id(&format!("d{number}")),
            time: Timestamp::from_seconds(1_700_000_000),
            service: Service::Recommend,
            customer_id: None,
            session_id: Some(id("s")),
            shown: vec![id("p1")],
            propensity: None,
            models: Vec::new(),
            stages: Vec::new(),
            explanation: serde_json::Value::Null,
        }),
    }
}

fn removed(name: u8) -> NewEntry {
    NewEntry {
        id: None,
        entry: Entry::Removed {
            kind: Kind::Products,
            id: id(&format!("p{name}")),
        },
    }
}

fn promoted(version: u8) -> NewEntry {
    NewEntry {
        id: None,
        entry: Entry::Registry(RegistryEntry::Promoted {
            service: Service::Search,
            version: format!("v{version}"),
        }),
    }
}

#[derive(Debug, Clone)]
enum Piece {
    Product(u8, u8),
    Removed(u8),
    Event(u8, bool),
    Decision(u8),
    Promoted(u8),
}

#[derive(Debug, Clone)]
enum Step {
    Append(Vec<Piece>),
    AppendAtOnce(Vec<Piece>),
    Reopen,
    Rebuild,
}

fn piece() -> impl Strategy<Value = Piece> {
    prop_oneof![
        3 => (0..5_u8, 0..3_u8).prop_map(|(name, title)| Piece::Product(name, title)),
        1 => (0..5_u8).prop_map(Piece::Removed),
        5 => (0..40_u8, any::<bool>()).prop_map(|(number, named)| Piece::Event(number, named)),
        1 => (0..6_u8).prop_map(Piece::Decision),
        1 => (0..3_u8).prop_map(Piece::Promoted),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let batch = || prop::collection::vec(piece(), 1..90);
    prop_oneof![
        4 => batch().prop_map(Step::Append),
        2 => batch().prop_map(Step::AppendAtOnce),
        1 => Just(Step::Reopen),
        1 => Just(Step::Rebuild),
    ]
}

/// Appends that are queued together.
const AT_ONCE: usize = 24;

/// What the log should hold, kept the simplest way.
#[derive(Default)]
struct Model {
    products: BTreeMap<u8, u8>,
    first_seen: Vec<u8>,
    seen: BTreeSet<String>,
    events: usize,
    serving: Option<u8>,
}

impl Model {
    /// Whether this is new.
    fn take(&mut self, piece: &Piece) -> bool {
        match *piece {
            Piece::Product(name, title) => {
                if !self.first_seen.contains(&name) {
                    self.first_seen.push(name);
                }
                self.products.insert(name, title) != Some(title)
            }
            Piece::Removed(name) => self.products.remove(&name).is_some(),
            Piece::Event(number, named) => {
                let new = self.seen.insert(format!("event {number} {named}"));
                self.events += usize::from(new);
                new
            }
            Piece::Decision(number) => self.seen.insert(format!("decision {number}")),
            Piece::Promoted(version) => self.serving.replace(version) != Some(version),
        }
    }
}

fn entry(piece: &Piece) -> NewEntry {
    match *piece {
        Piece::Product(name, title) => product(name, title),
        Piece::Removed(name) => removed(name),
        Piece::Event(number, named) => event(number, named),
        Piece::Decision(number) => decision(number),
        Piece::Promoted(version) => promoted(version),
    }
}

async fn follow(steps: Vec<Step>) {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(folder.path()).await.unwrap();
    let mut model = Model::default();
    for step in steps {
        match step {
            Step::Append(pieces) => {
                let appended = store.append(pieces.iter().map(entry).collect()).await;
                let new = appended
                    .unwrap()
                    .into_iter()
                    .map(|appended| appended != Appended::Duplicate);
                let expected: Vec<_> = pieces.iter().map(|piece| model.take(piece)).collect();
                assert_eq!(new.collect::<Vec<_>>(), expected);
            }
            Step::AppendAtOnce(pieces) => {
                for together in pieces.chunks(AT_ONCE) {
                    let appends = together
                        .iter()
                        .map(|piece| store.append(vec![entry(piece)]));
                    // Polled one after the other and never held back, so that
                    // they are queued in this order and meet in one commit.
                    let all = futures::future::try_join_all(appends);
                    let appended = tokio::task::unconstrained(all).await.unwrap();
                    for (piece, appended) in together.iter().zip(appended) {
                        let new = appended[0] != Appended::Duplicate;
                        assert_eq!(new, model.take(piece), "{piece:?}");
                    }
                }
            }
            Step::Reopen => {
                let before = store.snapshot();
                drop(store);
                store = Store::open(folder.path()).await.unwrap();
                assert_eq!(before, store.snapshot());
            }
            Step::Rebuild => {
                let before = store.derived_hash().await.unwrap();
                store.rebuild().await.unwrap();
                assert_eq!(before, store.derived_hash().await.unwrap());
            }
        }
    }
    compare(&store, &model).await;
}

async fn compare(store: &Store, model: &Model) {
    let records = store.records().await.unwrap();
    let products: Vec<_> = records
        .products
        .iter()
        .map(|product| (product.id.to_string(), product.title.clone()))
        .collect();
    let expected: Vec<_> = model
        .first_seen
        .iter()
        .filter_map(|name| {
            let title = model.products.get(name)?;
            Some((format!("p{name}"), format!("title {title}")))
        })
        .collect();
    assert_eq!(products, expected);
    assert_eq!(records.events.len(), model.events);
    let snapshot = store.snapshot();
    assert_eq!(snapshot.catalogue.len(), model.products.len());
    let serving = snapshot.serving.get(&Service::Search).cloned();
    assert_eq!(serving, model.serving.map(|version| format!("v{version}")));
    // Paging through the log leads to the same snapshot as the writer did.
    let mut replayed = store::Snapshot::default();
    loop {
        let page = store.read(replayed.sequence, 17).await.unwrap();
        if page.is_empty() {
            break;
        }
        replayed.extend(&page);
    }
    assert_eq!(Arc::new(replayed), snapshot);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn the_log_does_what_a_plain_model_does(steps in prop::collection::vec(step(), 1..10)) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(follow(steps));
    }
}

#[tokio::test]
async fn a_second_process_is_told_which_folder_is_in_use() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).await.unwrap();
    let refused = Store::open(folder.path()).await.unwrap_err();
    assert_eq!(refused, StoreError::InUse(folder.path().to_path_buf()));
    assert!(
        refused
            .to_string()
            .contains(folder.path().to_str().unwrap())
    );
    drop(store);
    Store::open(folder.path()).await.unwrap();
}

#[tokio::test]
async fn a_record_changed_and_changed_back_is_three_entries() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).await.unwrap();
    for (title, new) in [(1, true), (1, false), (2, true), (1, true), (1, false)] {
        let appended = store.append(vec![product(0, title)]).await.unwrap();
        assert_eq!(appended[0] != Appended::Duplicate, new);
    }
    assert_eq!(store.read(0, 100).await.unwrap().len(), 3);
}

#[tokio::test]
async fn every_kind_of_record_reads_back_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).await.unwrap();
    let now = Timestamp::from_seconds(1_800_000_000);
    let rows = [
        (
            Kind::Products,
            r#"{"id":"1","title":"Tea","price":{"amount":5,"currency":"USD"},"colour":"green",
                "category":["a","b"],"attributes":{"size":["S","M"]},"tags":["x"],"rating":4.5}"#,
        ),
        (
            Kind::Customers,
            r#"{"id":"1","email":"a@b.c","consent":{"training":false},"x":1.5}"#,
        ),
        (
            Kind::Orders,
            r#"{"id":"1","customer_id":"1","time":"2024-01-01T00:00:00.123456Z",
                "lines":[{"product_id":"1","quantity":2,"note":"gift"}],"total":{"amount":10,"currency":"JPY"}}"#,
        ),
        (
            Kind::Events,
            r#"{"type":"feedback","time":"2024-01-01T00:00:00Z","value":-1,"ua":"x\u0000y"}"#,
        ),
        (
            Kind::Reviews,
            r#"{"id":"1","text":"好喝 “tea”\n","rating":3.5}"#,
        ),
        (
            Kind::Conversations,
            r#"{"id":"1","messages":[{"role":"customer","text":"hi","channel":"web"}]}"#,
        ),
        (
            Kind::Documents,
            r#"{"id":"1","text":"Returns","kind":"policy"}"#,
        ),
        (
            Kind::Judgements,
            r#"{"query":"tea","product_id":"1","grade":2}"#,
        ),
        (
            Kind::Labelled,
            r#"{"text":"x","label":"y","aspects":[{"term":"a","polarity":"positive","span":[0,1]}]}"#,
        ),
    ];
    let mut records = Vec::new();
    for (kind, row) in rows {
        records.push(Record::from_json(kind, serde_json::from_str(row).unwrap(), now).unwrap());
    }
    let entries = records.iter().cloned().map(NewEntry::from).collect();
    store.append(entries).await.unwrap();
    let read: Vec<_> = store.read(0, 100).await.unwrap();
    let read: Vec<_> = read.into_iter().map(|entry| entry.entry).collect();
    let expected: Vec<_> = records.into_iter().map(Entry::Record).collect();
    assert_eq!(read, expected);
}

#[tokio::test]
async fn what_could_not_be_read_back_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).await.unwrap();
    let judgement = shop::Judgement {
        query: "tea".into(),
        product_id: id("p"),
        grade: f32::NAN,
        properties: serde_json::Map::new(),
    };
    let good = product(1, 1);
    let bad = Record::Judgement(judgement).into();
    let error = store.append(vec![good, bad]).await.unwrap_err();
    assert!(matches!(error, StoreError::Unreadable { .. }), "{error}");
    assert_eq!(store.snapshot().sequence, 0);
}

#[tokio::test]
async fn a_decision_is_found_and_a_long_id_is_no_obstacle() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).await.unwrap();
    let long = "x".repeat(shop::MAX_ID_BYTES);
    let customer = Record::Customer(Customer::new(id(&long)));
    let entries = vec![decision(1), customer.into(), decision(1)];
    let appended = store.append(entries).await.unwrap();
    assert_eq!(
        appended,
        [Appended::New(1), Appended::New(2), Appended::Duplicate]
    );
    let found = store.decision(&id("d1")).await.unwrap().unwrap();
    assert_eq!(found.decision.shown, [id("p1")]);
    assert_eq!(store.decision(&id("d2")).await.unwrap(), None);
}

#[tokio::test]
async fn deleting_everything_derived_and_replaying_gives_the_same_hash() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).await.unwrap();
    let document = Document {
        id: id("returns"),
        text: "30 days".into(),
        title: None,
        kind: None,
        language: None,
        url: None,
        properties: serde_json::Map::new(),
    };
    let mut entries: Vec<_> = (0..200).map(|number| product(number, number)).collect();
    entries.push(Record::Document(document).into());
    entries.extend((0..9).map(removed));
    store.append(entries).await.unwrap();
    let before = (store.derived_hash().await.unwrap(), store.snapshot());
    drop(store);
    let database = folder.path().join("shopkeeper.db");
    delete_derived(&database).await;
    let store = Store::open(folder.path()).await.unwrap();
    let after = (store.derived_hash().await.unwrap(), store.snapshot());
    assert_eq!(before, after);
}

async fn delete_derived(database: &std::path::Path) {
    use sqlx::Connection;
    let url = format!("sqlite:{}", database.display());
    let mut connection = sqlx::SqliteConnection::connect(&url).await.unwrap();
    sqlx::raw_sql("DROP TABLE records; DROP TABLE points; DELETE FROM layout;")
        .execute(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
}
