//! No update is lost, what belongs together is one commit, and the audit log
//! is read by its own index.
#![allow(clippy::unwrap_used)]

use std::path::Path;

use serde_json::json;
use shop::{
    AuditRecord, ConfirmationChange, ConfirmationState, DecisionRecord, Id, Kind, LedgerEntry,
    OfferCommand, PointsReason, Product, Record, Refusal, RefusalCode, Service, Timestamp,
};
use store::{
    Appended, AuditQuery, Commit, Committed, Entry, NewEntry, Precondition, Rules, Store,
    StoreError,
};

fn id(text: &str) -> Id {
    Id::new(text).unwrap()
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_seconds(1_700_000_000 + second)
}

fn product(name: &str, title: &str) -> NewEntry {
    Record::Product(Product::new(id(name), title.to_owned())).into()
}

fn removed(name: &str) -> NewEntry {
    entry(Entry::Removed {
        kind: Kind::Products,
        id: id(name),
    })
}

fn entry(entry: Entry) -> NewEntry {
    NewEntry { id: None, entry }
}

fn audit(name: &str, customer: &str) -> NewEntry {
    entry(Entry::Audit(AuditRecord {
        id: id(name),
        time: at(1),
        customer_id: Some(id(customer)),
        decision_id: None,
        conversation_id: None,
        tool: "cancel_order".into(),
        arguments: json!({"order": name}),
        outcome: json!({"done": true}),
    }))
}

/// Points may be spent as far as there are any.
const RULES: Rules = |view, command, _| match command {
    OfferCommand::EarnPoints {
        customer_id,
        points,
        reason,
        ..
    } => Ok(vec![LedgerEntry::PointsMoved {
        customer_id: customer_id.clone(),
        points: *points,
        reason: *reason,
    }]),
    OfferCommand::SpendPoints {
        customer_id,
        points,
        ..
    } if view.points >= *points => Ok(vec![LedgerEntry::PointsMoved {
        customer_id: customer_id.clone(),
        points: -points,
        reason: PointsReason::Spent,
    }]),
    _ => Err(Refusal::new(RefusalCode::InsufficientPoints, "too few")),
};

fn earn(key: &str, points: i64) -> OfferCommand {
    OfferCommand::EarnPoints {
        key: id(key),
        customer_id: id("ann"),
        points,
        reason: PointsReason::Goodwill,
    }
}

fn spend(key: &str, points: i64) -> OfferCommand {
    OfferCommand::SpendPoints {
        key: id(key),
        customer_id: id("ann"),
        points,
    }
}

fn commit(commands: Vec<OfferCommand>, entries: Vec<NewEntry>) -> Commit {
    Commit {
        preconditions: Vec::new(),
        commands,
        entries,
        now: at(0),
        rules: RULES,
    }
}

async fn opened(folder: &Path) -> Store {
    Store::open(folder).await.unwrap()
}

#[tokio::test]
async fn of_two_who_planned_on_the_same_record_the_second_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let store = opened(folder.path()).await;
    store.append(vec![product("p", "first")]).await.unwrap();
    let read = store.record(Kind::Products, &id("p")).await.unwrap();
    let version = read.map(|read| read.version);
    let condition = || {
        vec![Precondition::Version {
            kind: Kind::Products,
            id: id("p"),
            version,
        }]
    };
    // Both in one group of the writer.
    let one = store.append_if(condition(), vec![product("p", "one")]);
    let other = store.append_if(condition(), vec![product("p", "other")]);
    let (one, other) = tokio::join!(one, other);
    assert_eq!(one, Ok(vec![Appended::New(2)]));
    let changed = Err(StoreError::Changed {
        kind: Kind::Products,
        id: id("p"),
    });
    assert_eq!(other, changed);
    let snapshot = store.snapshot();
    let title = &snapshot.catalogue.by_id(&id("p")).unwrap().title;
    assert_eq!(title, "one");
    assert_eq!(snapshot.sequence, 2, "nothing of the loser is stored");
}

#[tokio::test]
async fn what_was_planned_on_a_snapshot_holds_while_its_records_stand() {
    let folder = tempfile::tempdir().unwrap();
    let store = opened(folder.path()).await;
    let start = vec![product("p", "first"), product("q", "first")];
    store.append(start).await.unwrap();
    let since = store.snapshot().sequence;
    let unchanged = |name: &str| Precondition::Unchanged {
        kind: Kind::Products,
        id: id(name),
        since,
    };
    store.append(vec![product("q", "second")]).await.unwrap();
    let there = store
        .append_if(vec![unchanged("p")], vec![product("p", "second")])
        .await;
    assert_eq!(there, Ok(vec![Appended::New(4)]));
    for name in ["p", "q"] {
        let late = store
            .append_if(vec![unchanged(name)], vec![product("r", "new")])
            .await;
        assert!(matches!(late, Err(StoreError::Changed { .. })), "{name}");
    }
    // What was removed has changed too, and what is not there can be asked for.
    store.append(vec![removed("p")]).await.unwrap();
    assert_eq!(store.record(Kind::Products, &id("p")).await.unwrap(), None);
    let absent = |name: &str| Precondition::Version {
        kind: Kind::Products,
        id: id(name),
        version: None,
    };
    for (name, holds) in [("p", true), ("never", true), ("q", false)] {
        let put = store.append_if(vec![absent(name)], vec![product(name, "new")]);
        assert_eq!(put.await.is_ok(), holds, "{name}");
    }
}

#[tokio::test]
async fn an_action_its_ledger_entries_and_its_audit_line_are_one_commit() {
    let folder = tempfile::tempdir().unwrap();
    let store = opened(folder.path()).await;
    let refused = store
        .commit(commit(
            vec![earn("k1", 10), spend("k2", 50)],
            vec![audit("a0", "ann"), product("p", "first")],
        ))
        .await
        .unwrap();
    assert!(matches!(refused, Committed::Refused(_)));
    assert_eq!(store.snapshot().sequence, 0);
    assert_eq!(store.points(&id("ann")).await.unwrap(), 0);
    // The same keys are free: what was refused as part of it was never said.
    let both = tokio::join!(
        store.commit(commit(vec![spend("k2", 50)], vec![audit("a1", "ann")])),
        store.commit(commit(
            vec![earn("k1", 60), spend("k2", 50)],
            vec![audit("a2", "ann")]
        )),
    );
    assert!(matches!(both.0, Ok(Committed::Refused(_))), "{both:?}");
    assert_eq!(both.1, Ok(Committed::Done(vec![Appended::New(3)])));
    assert_eq!(store.points(&id("ann")).await.unwrap(), 10);
    let all = AuditQuery {
        limit: 9,
        ..AuditQuery::default()
    };
    let lines = store.audit(&all).await.unwrap();
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0].1.id, id("a2"));
    let hash = store.derived_hash().await.unwrap();
    store.rebuild().await.unwrap();
    assert_eq!(store.derived_hash().await.unwrap(), hash);
}

fn requested(token: &str, expires: i64) -> NewEntry {
    entry(Entry::Confirmation(ConfirmationChange::Requested {
        token_digest: token.into(),
        customer_id: id("ann"),
        time: at(0),
        expires: at(expires),
        proposal: json!({"tool": "cancel_order"}),
    }))
}

fn confirmed(token: &str) -> NewEntry {
    entry(Entry::Confirmation(ConfirmationChange::Confirmed {
        token_digest: token.into(),
        time: at(5),
    }))
}

#[tokio::test]
async fn a_confirmation_is_settled_once_and_outlives_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let store = opened(folder.path()).await;
    let start = vec![requested("t1", 60), requested("t2", 60), requested("t3", 1)];
    store.append(start).await.unwrap();
    drop(store);
    let store = opened(folder.path()).await;
    let open = store.open_confirmations(&id("ann"), at(2)).await.unwrap();
    let tokens: Vec<_> = open.iter().map(|one| one.token_digest.as_str()).collect();
    assert_eq!(tokens, ["t1", "t2"]);
    let confirm = |name| Commit {
        preconditions: vec![Precondition::Requested {
            token_digest: "t1".into(),
        }],
        ..commit(vec![earn(name, 5)], vec![confirmed("t1")])
    };
    let (one, other) = tokio::join!(store.commit(confirm("k1")), store.commit(confirm("k2")));
    assert!(matches!(one, Ok(Committed::Done(_))), "{one:?}");
    assert_eq!(other, Err(StoreError::AlreadySettled));
    assert_eq!(
        store.commit(confirm("k3")).await,
        Err(StoreError::AlreadySettled)
    );
    assert_eq!(store.points(&id("ann")).await.unwrap(), 5);
    let found = store.confirmation("t1").await.unwrap().unwrap();
    assert_eq!(found.state, ConfirmationState::Confirmed);
    assert_eq!(store.confirmation("t9").await.unwrap(), None);
    let hash = store.derived_hash().await.unwrap();
    store.rebuild().await.unwrap();
    assert_eq!(store.derived_hash().await.unwrap(), hash);
}

#[tokio::test]
async fn traffic_does_not_push_the_audit_log_out_and_it_is_paged() {
    let folder = tempfile::tempdir().unwrap();
    let store = opened(folder.path()).await;
    // As lines were written once, and as they are now.
    let old = DecisionRecord {
        customer_id: Some(id("ann")),
        explanation: json!({"audit": {"tool": "old", "arguments": {"a": 1}, "outcome": {"done": true}}}),
        ..decision("d-old")
    };
    store
        .append(vec![entry(Entry::Decision(old))])
        .await
        .unwrap();
    for number in 0..5 {
        let customer = if number % 2 == 0 { "ann" } else { "ben" };
        let line = audit(&format!("a{number}"), customer);
        store.append(vec![line]).await.unwrap();
    }
    let traffic = (0..60_000).map(|number| entry(Entry::Decision(decision(&format!("d{number}")))));
    store.append(traffic.collect()).await.unwrap();
    let mut query = AuditQuery {
        limit: 4,
        ..AuditQuery::default()
    };
    let mut seen = Vec::new();
    loop {
        let page = store.audit(&query).await.unwrap();
        let Some((place, _)) = page.last() else { break };
        query.before = Some(*place);
        seen.extend(page.into_iter().map(|(_, line)| line.id.to_string()));
    }
    assert_eq!(seen, ["a4", "a3", "a2", "a1", "a0", "d-old"]);
    let of_ann = AuditQuery {
        customer: Some(id("ann")),
        before: None,
        limit: 9,
    };
    let of_ann = store.audit(&of_ann).await.unwrap();
    assert_eq!(of_ann.len(), 4);
    assert_eq!(of_ann[3].1.tool, "old");
    assert_eq!(of_ann[3].1.arguments, json!({"a": 1}));
}

fn decision(name: &str) -> DecisionRecord {
    DecisionRecord {
        id: id(name),
        time: at(0),
        service: Service::Search,
        customer_id: None,
        session_id: None,
        shown: Vec::new(),
        propensity: None,
        models: Vec::new(),
        stages: Vec::new(),
        explanation: serde_json::Value::Null,
    }
}
