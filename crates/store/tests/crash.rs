//! A process that dies while it appends, and a disk that fills up: what was
//! acknowledged is there afterwards.
#![allow(clippy::unwrap_used)]
#![cfg(unix)]

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use shop::{DecisionRecord, Event, EventKind, Id, Record, Service, Timestamp};
use store::{Entry, NewEntry, Store, StoreError};

/// Set for the process that appends until it is stopped.
const FOLDER: &str = "STORE_TEST_FOLDER";

fn event(id: &str) -> NewEntry {
    let mut event = Event::new(EventKind::View, Timestamp::from_seconds(1_700_000_000));
    event.id = Some(Id::new(id).unwrap());
    event.query = Some("x".repeat(200));
    Record::Event(event).into()
}

/// A decision with reasons, which go to a place of their own.
fn decision(name: &str) -> NewEntry {
    let decision = DecisionRecord {
        id: Id::new(name).unwrap(),
        time: Timestamp::from_seconds(1_700_000_000),
        service: Service::Search,
        customer_id: None,
        session_id: None,
        shown: Vec::new(),
        propensity: None,
        models: Vec::new(),
        stages: Vec::new(),
        explanation: serde_json::json!({"reasons": "x".repeat(500)}),
    };
    NewEntry {
        id: None,
        entry: Entry::Decision(decision),
    }
}

/// Not a test of its own: the process that the tests below start. It prints
/// each id once the store has acknowledged it, and `failed` with the reason
/// when the store refuses.
#[test]
fn append_until_stopped() {
    let Some(folder) = std::env::var_os(FOLDER) else {
        return;
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let store = Store::open(Path::new(&folder)).await.unwrap();
        for batch in 0.. {
            let ids: Vec<_> = (0..20).map(|number| format!("{batch}-{number}")).collect();
            let mut entries: Vec<_> = ids.iter().map(|id| event(id)).collect();
            let decided = format!("d{batch}");
            entries.push(decision(&decided));
            if batch % 3 == 2 {
                // A disk without room costs a checkpoint and nothing else.
                let _ = store.checkpoint().await;
            }
            match store.append(entries).await {
                Ok(_) => {
                    println!("decided {decided}");
                    ids.iter().for_each(|id| println!("acknowledged {id}"));
                }
                Err(error) => {
                    println!("failed {error:?}");
                    wait_for_input();
                    // The store is as good as the disk is now.
                    store.append(vec![event("afterwards")]).await.unwrap();
                    println!("acknowledged afterwards");
                    return;
                }
            }
        }
    });
}

fn wait_for_input() {
    let _ = std::io::stdin().read(&mut [0]);
}

fn appender(folder: &Path, shell: &str) -> Child {
    Command::new("sh")
        .arg("-c")
        .arg(format!(
            "{shell} exec \"$0\" --exact append_until_stopped --nocapture"
        ))
        .arg(std::env::current_exe().unwrap())
        .env(FOLDER, folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

async fn holds_all(folder: &Path, acknowledged: &[String]) -> Store {
    let store = Store::open(folder).await.unwrap();
    let entries = store.read(0, usize::MAX).await.unwrap();
    let ids: std::collections::HashSet<_> = entries.into_iter().map(|entry| entry.id).collect();
    for id in acknowledged {
        assert!(ids.contains(&format!("events/{id}")), "{id} was lost");
    }
    store
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_to_a_kill() {
    for lines_before in [1, 30, 70, 500] {
        let folder = tempfile::tempdir().unwrap();
        let mut child = appender(folder.path(), "");
        let (mut acknowledged, mut decided) = (Vec::new(), Vec::new());
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            let line = line.unwrap();
            if let Some(id) = line.strip_prefix("acknowledged ") {
                acknowledged.push(id.to_owned());
            } else if let Some(id) = line.strip_prefix("decided ") {
                decided.push(Id::new(id).unwrap());
            }
            if acknowledged.len() == lines_before {
                // SIGKILL.
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        assert!(acknowledged.len() >= lines_before);
        let store = holds_all(folder.path(), &acknowledged).await;
        for id in &decided {
            let found = store.decision(id).await.unwrap().unwrap();
            assert_eq!(found.decision.explanation["reasons"], "x".repeat(500));
        }
        let hash = store.derived_hash().await.unwrap();
        store.rebuild().await.unwrap();
        assert_eq!(hash, store.derived_hash().await.unwrap());
        // Whatever the kill left of a checkpoint, the start is right.
        let snapshot = store.snapshot();
        drop(store);
        let _ = std::fs::remove_file(folder.path().join("checkpoint"));
        let store = Store::open(folder.path()).await.unwrap();
        assert_eq!(*store.snapshot(), *snapshot);
    }
}

#[tokio::test]
async fn a_disk_without_room_loses_nothing_and_recovers() {
    let folder = tempfile::tempdir().unwrap();
    // No file may grow beyond 600 blocks; the limit is lifted later on.
    let shell = "trap '' XFSZ; ulimit -S -f 600;";
    let mut child = appender(folder.path(), shell);
    let mut acknowledged = Vec::new();
    let mut failure = None;
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        if let Some(id) = line.strip_prefix("acknowledged ") {
            acknowledged.push(id.to_owned());
        } else if let Some(reason) = line.strip_prefix("failed ") {
            failure = Some(reason.to_owned());
            let lifted = Command::new("prlimit")
                .args(["--fsize=unlimited", "--pid", &child.id().to_string()])
                .status();
            if !lifted.is_ok_and(|status| status.success()) {
                println!("skipped: there is no prlimit to lift the limit with");
                child.kill().unwrap();
                break;
            }
            drop(child.stdin.take());
        }
    }
    child.wait().unwrap();
    let failure = failure.expect("the limit was never met");
    assert!(failure.starts_with("Disk"), "{failure}");
    assert!(!acknowledged.is_empty());
    holds_all(folder.path(), &acknowledged).await;
}

#[test]
fn a_full_disk_is_explained() {
    let sentence = StoreError::DiskFull("/data/shop".into()).to_string();
    assert!(sentence.contains("/data/shop") && sentence.contains("free some space"));
}
