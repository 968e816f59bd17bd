//! A server whose connections have taken every descriptor still reads and
//! writes: what the store needs was opened at the start.
#![allow(clippy::unwrap_used)]
#![cfg(unix)]

use std::process::Command;

use shop::{Event, EventKind, Id, Kind, Product, Record, Timestamp};
use store::Store;

/// Set for the process that runs out of descriptors.
const FOLDER: &str = "STORE_TEST_DESCRIPTORS";

/// Not a test of its own: the process that the test below starts with few
/// descriptors.
#[test]
fn take_all_descriptors_and_go_on() {
    let Some(folder) = std::env::var_os(FOLDER) else {
        return;
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let store = Store::open(std::path::Path::new(&folder)).await.unwrap();
        let mut taken = Vec::new();
        while let Ok(file) = std::fs::File::open("/dev/null") {
            taken.push(file);
        }
        assert!(!taken.is_empty());
        let id = |number: u32| Id::new(&format!("p{number}")).unwrap();
        for number in 0..50 {
            let product = Product::new(id(number), "tea".into());
            store
                .append(vec![Record::Product(product).into()])
                .await
                .unwrap();
            let mut event = Event::new(EventKind::View, Timestamp::from_seconds(1_700_000_000));
            event.product_id = Some(id(number));
            store
                .append(vec![Record::Event(event).into()])
                .await
                .unwrap();
            // All readers at once.
            let first = id(0);
            let reads = (0..8).map(|_| store.record(Kind::Products, &first));
            for read in futures::future::join_all(reads).await {
                assert!(read.unwrap().is_some());
            }
        }
        println!("went on");
    });
}

#[test]
fn no_descriptor_is_needed_under_load() {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new("sh")
        .arg("-c")
        .arg("ulimit -n 64; exec \"$0\" --exact take_all_descriptors_and_go_on --nocapture")
        .arg(std::env::current_exe().unwrap())
        .env(FOLDER, folder.path())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("went on"), "{text}\n{errors}");
}
