//! A start from a checkpoint is a start from nothing, only sooner; what is
//! damaged or of another log is passed over.
#![allow(clippy::unwrap_used)]

use std::path::Path;

use proptest::prelude::*;
use serde_json::json;
use shop::{
    Conversation, Curation, Customer, DecisionRecord, Document, Event, EventKind, Id, Kind,
    Message, ModelVersion, Order, OrderLine, Product, Properties, Record, Review, Role, SearchRule,
    Service, Stage, StageOutcome, Synonyms, Timestamp,
};
use store::{Entry, NewEntry, RegistryEntry, Store, StoreError};

const FILE: &str = "checkpoint";

fn id(text: &str) -> Id {
    Id::new(text).unwrap()
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_seconds(1_700_000_000 + second)
}

fn entry(entry: Entry) -> NewEntry {
    NewEntry { id: None, entry }
}

fn decision(name: &str) -> DecisionRecord {
    DecisionRecord {
        id: id(name),
        time: at(0),
        service: Service::Search,
        customer_id: Some(id("c1")),
        session_id: Some(id("s1")),
        shown: vec![id("p1"), id("p2")],
        propensity: Some(0.1),
        models: vec![ModelVersion {
            service: Service::Search,
            version: "v1".into(),
        }],
        stages: vec![Stage {
            name: "rank".into(),
            milliseconds: 0.25,
            outcome: StageOutcome::Ok,
        }],
        explanation: json!({
            "request": {"q": "tea", "limit": 24},
            "total": 2,
            "reasons": [{"id": "p1", "score": 0.5}],
        }),
    }
}

/// Something of every kind, which depends on `number`.
fn entries(number: u8) -> Vec<NewEntry> {
    let n = i64::from(number);
    let mut product = Product::new(id(&format!("p{}", number % 7)), format!("title {number}"));
    product.rating = Some(f32::from(number) / 3.0);
    product
        .attributes
        .insert("weight".into(), json!(0.1 + f64::from(number)));
    let mut event = Event::new(
        [EventKind::View, EventKind::Purchase, EventKind::Search][usize::from(number) % 3],
        at(n),
    );
    event.session_id = Some(id(&format!("s{}", number % 4)));
    event.customer_id = (number.is_multiple_of(2)).then(|| id(&format!("c{}", number % 3)));
    event.product_id = Some(id(&format!("p{}", number % 9)));
    event.query = Some(format!("tea {}", number % 5));
    event.decision_id = Some(id(&format!("d{}", number % 5)));
    let mut thumb = Event::new(EventKind::Feedback, at(n));
    thumb.decision_id = Some(id(&format!("d{}", number % 5)));
    thumb.value = Some(json!(if number.is_multiple_of(2) { 1 } else { -1 }));
    let order = Order {
        id: id(&format!("o{}", number % 6)),
        customer_id: id(&format!("c{}", number % 3)),
        time: at(n),
        lines: vec![OrderLine {
            product_id: id(&format!("p{}", number % 8)),
            quantity: 1,
            price: None,
            properties: Properties::new(),
        }],
        status: Some(format!("status {number}")),
        total: None,
        discounts: None,
        address: Some(json!({"city": "Köln"})),
        payment_method: None,
        tracking: None,
        properties: Properties::new(),
    };
    let review = Review {
        id: id(&format!("r{}", number % 4)),
        text: "good".into(),
        product_id: Some(id(&format!("p{}", number % 7))),
        customer_id: None,
        time: Some(at(n)),
        rating: Some(4.5),
        title: None,
        language: None,
        properties: Properties::new(),
    };
    let conversation = Conversation {
        id: id(&format!("t{}", number % 3)),
        messages: vec![Message {
            role: Role::Customer,
            text: format!("hello {number}"),
            time: Some(at(n)),
            properties: Properties::new(),
        }],
        customer_id: None,
        intent: None,
        resolved: None,
        rating: None,
        language: None,
        properties: Properties::new(),
    };
    let rule: SearchRule =
        serde_json::from_value(json!({"id": "r", "then": {"hide": [format!("p{number}")]}}))
            .unwrap();
    let synonyms = Synonyms {
        id: id("s"),
        words: vec!["tea".into(), format!("cha{number}")],
        from: None,
    };
    let removed = |kind: Kind, name: String| {
        entry(Entry::Removed {
            kind,
            id: id(&name),
        })
    };
    match number % 12 {
        0 => vec![Record::Product(product).into(), Record::Event(event).into()],
        1 => vec![Record::Order(order).into()],
        2 => vec![Record::Review(review).into(), Record::Event(thumb).into()],
        3 => vec![Record::Conversation(conversation).into()],
        4 => vec![entry(Entry::Decision(decision(&format!(
            "d{}",
            number % 5
        ))))],
        5 => vec![removed(Kind::Orders, format!("o{}", number % 6))],
        6 => vec![
            removed(Kind::Reviews, format!("r{}", number % 4)),
            Record::Event(event).into(),
        ],
        7 => vec![entry(Entry::Curation(Curation::Rule {
            rule: Box::new(rule),
            at: at(n),
        }))],
        8 => vec![entry(Entry::Curation(Curation::Synonyms {
            synonyms,
            at: at(n),
        }))],
        9 => vec![
            Record::Customer(Customer::new(id(&format!("c{}", number % 3)))).into(),
            entry(Entry::Registry(RegistryEntry::Trained {
                service: Service::Search,
                version: format!("v{}", number % 2),
                metrics: json!({"ndcg": 0.5}),
            })),
            entry(Entry::Registry(RegistryEntry::Promoted {
                service: Service::Search,
                version: format!("v{}", number % 2),
            })),
        ],
        10 => vec![removed(Kind::Products, format!("p{}", number % 7))],
        _ => {
            let document: Document =
                serde_json::from_value(json!({"id": "doc", "text": format!("text {number}")}))
                    .unwrap();
            let judgement = json!({"query": "tea", "product_id": format!("p{number}"), "grade": 2});
            let judgement = serde_json::from_value(judgement).unwrap();
            vec![
                Record::Document(document).into(),
                Record::Judgement(judgement).into(),
                Record::Event(thumb).into(),
            ]
        }
    }
}

/// The same folder, started from nothing.
async fn from_nothing(folder: &Path) -> Store {
    // Where nothing was changed there is nothing to write down.
    match std::fs::remove_file(folder.join(FILE)) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        removed => removed.unwrap(),
    }
    Store::open(folder).await.unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn a_checkpoint_and_what_follows_it_give_what_the_whole_log_gives(
        before in prop::collection::vec(any::<u8>(), 1..80),
        after in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let folder = tempfile::tempdir().unwrap();
            let store = Store::open(folder.path()).await.unwrap();
            for number in before {
                store.append(entries(number)).await.unwrap();
            }
            store.checkpoint().await.unwrap();
            let place = store.snapshot().sequence;
            for number in after {
                store.append(entries(number)).await.unwrap();
            }
            let live = store.snapshot();
            let hash = store.derived_hash().await.unwrap();
            drop(store);
            let store = Store::open(folder.path()).await.unwrap();
            assert!(store.replayed() <= live.sequence - place, "it replayed all");
            assert_eq!(*store.snapshot(), *live, "from the checkpoint");
            assert_eq!(store.derived_hash().await.unwrap(), hash);
            drop(store);
            let store = from_nothing(folder.path()).await;
            assert_eq!(*store.snapshot(), *live, "from nothing");
            store.rebuild().await.unwrap();
            assert_eq!(store.derived_hash().await.unwrap(), hash);
        });
    }
}

#[tokio::test]
async fn a_checkpoint_that_is_damaged_or_of_another_log_is_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    let other = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).await.unwrap();
    let another = Store::open(other.path()).await.unwrap();
    for number in 0..60 {
        store.append(entries(number)).await.unwrap();
        another.append(entries(number + 100)).await.unwrap();
    }
    store.checkpoint().await.unwrap();
    another.checkpoint().await.unwrap();
    let live = store.snapshot();
    drop((store, another));
    let path = folder.path().join(FILE);
    let whole = std::fs::read(&path).unwrap();
    let foreign = std::fs::read(other.path().join(FILE)).unwrap();
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 1;
    let cut = whole[..whole.len() - 20].to_vec();
    for (name, bytes, replays) in [
        ("whole", whole.clone(), false),
        ("flipped", flipped, true),
        ("cut", cut, true),
        ("empty", Vec::new(), true),
        ("of another log", foreign, true),
    ] {
        std::fs::write(&path, bytes).unwrap();
        let store = Store::open(folder.path()).await.unwrap();
        assert_eq!(*store.snapshot(), *live, "{name}");
        assert_eq!(store.replayed() > 0, replays, "{name}");
    }
}

#[tokio::test]
async fn reasons_expire_and_what_led_to_something_stays() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).await.unwrap();
    let group = |name: &str| -> Vec<NewEntry> {
        let of = |number| entry(Entry::Decision(decision(&format!("{name}{number}"))));
        (0..300).map(of).collect()
    };
    store.append(group("a")).await.unwrap();
    store.append(group("b")).await.unwrap();
    // As old programs wrote them: all of it in the log, no segment.
    let mut bought = Event::new(EventKind::Purchase, at(5));
    bought.decision_id = Some(id("a7"));
    let mut viewed = Event::new(EventKind::View, at(5));
    viewed.decision_id = Some(id("a8"));
    let events = vec![Record::Event(bought).into(), Record::Event(viewed).into()];
    store.append(events).await.unwrap();
    let found = async |name: &str| store.decision(&id(name)).await.unwrap().unwrap();
    for name in ["a0", "a7", "a299", "b150"] {
        let found = found(name).await;
        assert!(found.complete);
        assert_eq!(found.decision, decision(name));
    }
    let days = |days: i64| at(days * 86_400);
    assert_eq!(store.expire_explanations(days(29), 30).await.unwrap(), 0);
    assert!(found("a0").await.complete);
    assert!(store.expire_explanations(days(31), 30).await.unwrap() > 0);
    for (name, complete) in [("a0", false), ("a7", true), ("a8", false), ("b150", false)] {
        let found = found(name).await;
        assert_eq!(found.complete, complete, "{name}");
        assert_eq!(found.decision.shown, decision(name).shown);
        assert_eq!(found.decision.propensity, Some(0.1));
        assert_eq!(found.decision.models, decision(name).models);
    }
    assert_eq!(found("a7").await.decision, decision("a7"));
    // Nothing is left to do, and a replay changes nothing of it.
    assert_eq!(store.expire_explanations(days(31), 30).await.unwrap(), 0);
    let (hash, live) = (store.derived_hash().await.unwrap(), store.snapshot());
    store.rebuild().await.unwrap();
    assert_eq!(store.derived_hash().await.unwrap(), hash);
    drop(store);
    let store = Store::open(folder.path()).await.unwrap();
    assert_eq!(*store.snapshot(), *live);
    let kept = store.decision(&id("a7")).await.unwrap().unwrap();
    assert!(kept.complete);
}

#[tokio::test]
async fn a_missing_database_beside_models_is_said_and_not_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).await.unwrap();
    let files = [("model".to_owned(), vec![1, 2, 3])].into();
    store
        .put_artifact("search", files, json!({}))
        .await
        .unwrap();
    drop(store);
    for name in ["shopkeeper.db", "shopkeeper.db-wal", "shopkeeper.db-shm"] {
        let _ = std::fs::remove_file(folder.path().join(name));
    }
    let lost = Store::open(folder.path()).await.unwrap_err();
    assert!(matches!(lost, StoreError::MissingDatabase(_)), "{lost}");
    assert!(!folder.path().join("shopkeeper.db").exists());
    let sentence = lost.to_string();
    assert!(sentence.contains("restore") && sentence.contains("shopkeeper.db"));
}

#[cfg(unix)]
#[tokio::test]
async fn the_folder_and_its_files_are_the_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let wide = |path: &Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    let store = Store::open(&data).await.unwrap();
    store.append(entries(0)).await.unwrap();
    store.checkpoint().await.unwrap();
    let files = [("model".to_owned(), vec![1, 2, 3])].into();
    store
        .put_artifact("search", files, json!({}))
        .await
        .unwrap();
    let check = || {
        let mut folders = vec![data.clone()];
        while let Some(folder) = folders.pop() {
            assert_eq!(mode(&folder), 0o700, "{}", folder.display());
            for entry in std::fs::read_dir(&folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    assert_eq!(mode(&path), 0o600, "{}", path.display());
                }
            }
        }
    };
    check();
    drop(store);
    // As an older program left it.
    wide(&data, 0o755);
    for name in ["shopkeeper.db", "checkpoint", "shopkeeper.lock"] {
        wide(&data.join(name), 0o644);
    }
    std::fs::write(data.join("shopkeeper.toml"), "").unwrap();
    wide(&data.join("shopkeeper.toml"), 0o666);
    let _store = Store::open(&data).await.unwrap();
    check();
}
