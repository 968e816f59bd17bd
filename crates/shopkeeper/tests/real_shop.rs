//! A real shop from the outside: public exports go in, and each service
//! answers from them. Skipped where the shared data is not there.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

const FILES: [(&str, u64); 9] = [
    ("aws-retail-demo-store/products.jsonl.gz", 2_465),
    ("aws-retail-demo-store/customers.jsonl.gz", 5_250),
    ("tau2-retail/documents.jsonl.gz", 12),
    ("litemall/documents.jsonl.gz", 4),
    ("bitext/conversations.jsonl.gz", 6_480),
    ("uci-online-retail/products.jsonl.gz", 3_779),
    ("uci-online-retail/customers.jsonl.gz", 3_658),
    ("uci-online-retail/orders.jsonl.gz", 13_171),
    ("uci-online-retail/events.jsonl.gz", 103_387),
];
const REVIEWS: (&str, u64) = ("womens-clothing/reviews.jsonl.gz", 22_641);

#[path = "../../test_data.rs"]
mod test_data;

fn shared() -> Option<PathBuf> {
    test_data::shared("")
}

/// Runs the program in a folder of its own and returns its JSON object.
fn shopkeeper(data: &Path, arguments: &[&str]) -> Value {
    let output = Command::new(env!("CARGO_BIN_EXE_shopkeeper"))
        .arg("--data")
        .arg(data)
        .arg("--json")
        .args(arguments)
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {errors}");
    let text = String::from_utf8(output.stdout).unwrap();
    serde_json::from_str(text.lines().last().unwrap()).unwrap()
}

fn bought(orders: &Path, customer: &str) -> BTreeSet<String> {
    let mut text = String::new();
    let file = std::fs::File::open(orders).unwrap();
    flate2::read::GzDecoder::new(file)
        .read_to_string(&mut text)
        .unwrap();
    text.lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .filter(|order| order["customer_id"] == customer)
        .flat_map(|order| order["lines"].as_array().unwrap().clone())
        .map(|line| line["product_id"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn a_real_shop_is_imported_trained_on_and_served() {
    let Some(shared) = shared() else { return };
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    let path = |file: &str| shared.join(file).to_str().unwrap().to_owned();

    for (file, rows) in FILES.into_iter().chain([REVIEWS]) {
        let report = shopkeeper(data, &["import", &path(file)]);
        assert_eq!(
            (&report["accepted"], &report["rejected"]),
            (&rows.into(), &0.into()),
            "{file}"
        );
    }
    let again = shopkeeper(data, &["import", &path(FILES[0].0), &path(FILES[8].0)]);
    assert_eq!(again["accepted"], 0);
    assert_eq!(again["unchanged"], FILES[0].1 + FILES[8].1);

    let trained = shopkeeper(data, &["train"]);
    for outcome in trained["outcomes"].as_array().unwrap() {
        assert_eq!(outcome["outcome"], "trained", "{outcome}");
        let main = &outcome["metrics"][0];
        // There is no click log here to measure search with.
        if outcome["service"] != "search" {
            assert_eq!(outcome["gate"]["verdict"], "passed", "{main}");
        }
    }
    check_support(data);
    check_products(data, &bought(&shared.join(FILES[7].0), "17850"));
}

fn check_support(data: &Path) {
    for (question, source, held) in [
        (
            "What is the return policy?",
            "document:tau2-policy-return",
            "return",
        ),
        ("购买运费如何收取？", "document:faq-1", "满88元免邮费"),
    ] {
        let reply = shopkeeper(data, &["ask", question]);
        let cited = reply["citations"][0]["source"].as_str().unwrap_or_default();
        assert!(cited.starts_with(source), "{question}: {reply}");
        assert!(
            reply["text"].as_str().unwrap().contains(held),
            "{question}: {reply}"
        );
    }
    for question in ["What is the capital of France?", "法国的首都是哪里？"] {
        let reply = shopkeeper(data, &["ask", question]);
        assert_eq!(reply["abstained"], true, "{question}: {reply}");
    }
}

fn check_products(data: &Path, bought: &BTreeSet<String>) {
    let found = shopkeeper(data, &["search", "red retrospot mugg"]);
    let first = &found["hits"][0];
    assert_eq!(first["product"]["title"], "RED RETROSPOT MUG", "{found}");
    assert!(!first["reasons"].as_array().unwrap().is_empty());

    let list = shopkeeper(data, &["recommend", "--customer", "17850"]);
    let items = list["items"].as_array().unwrap();
    assert_eq!(items.len(), 10);
    assert!(!bought.is_empty());
    for item in items {
        assert!(!bought.contains(item["id"].as_str().unwrap()), "{item}");
        assert!(!item["reasons"].as_array().unwrap().is_empty(), "{item}");
    }

    let insight = shopkeeper(data, &["insight"]);
    assert_eq!(insight["reviews"], REVIEWS.1);
    let names: Vec<_> = insight["themes"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|it| it["name"].as_str())
        .collect();
    for theme in ["fabric", "color", "quality"] {
        assert!(names.contains(&theme), "{theme} is not among {names:?}");
    }
}
