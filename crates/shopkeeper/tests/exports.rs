//! What shops export, through the program: the files of the data folder are
//! imported without storing, and what would be stored is compared with what
//! they say.

#![allow(clippy::unwrap_used)]

#[path = "../../test_data.rs"]
mod test_data;

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

#[test]
fn j18_every_export_file_comes_in_whole_and_right() {
    let Some(folder) = test_data::shared("exports") else {
        return;
    };
    let tool = folder.join("../../tools/check_exports.py");
    let checked = Command::new("python3")
        .arg(tool)
        .arg(env!("CARGO_BIN_EXE_shopkeeper"))
        .arg(&folder)
        .output();
    let checked = match checked {
        Ok(checked) => checked,
        Err(error) => {
            assert!(std::env::var_os("CI").is_none(), "no python3: {error}");
            println!("skipped: there is no python3");
            return;
        }
    };
    let said = String::from_utf8_lossy(&checked.stdout);
    println!("{said}");
    assert!(checked.status.success(), "{said}");
}

/// Runs a verb on a data folder, and returns its JSON object.
fn shopkeeper(data: &Path, words: &[&str]) -> Value {
    let output = Command::new(env!("CARGO_BIN_EXE_shopkeeper"))
        .args(["--json", "--data"])
        .arg(data)
        .args(words)
        .output()
        .unwrap();
    let out = String::from_utf8_lossy(&output.stdout);
    let noise = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{words:?}: {out}{noise}");
    serde_json::from_str(out.lines().last().unwrap()).unwrap()
}

/// What the files of a folder say, by their names.
fn contents(folder: &Path) -> Vec<(String, String)> {
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap());
    let mut files: Vec<(String, String)> = files
        .map(|file| {
            let name = file.file_name().to_string_lossy().into_owned();
            (name, std::fs::read_to_string(file.path()).unwrap())
        })
        .collect();
    files.sort();
    files
}

#[test]
fn what_is_exported_comes_in_again_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let rows = [
        json!({"id": "p1", "title": "Kanne", "price": {"amount": 1290, "currency": "EUR"}, "colour": "rot"}),
        json!({"id": "p2", "title": "Entwurf", "properties": {"hidden": true}}),
        json!({"id": "c1", "email": "a@example.com", "consent": {"training": true}}),
        json!({"id": "o1", "customer_id": "c1", "time": "2026-01-02T00:00:00Z", "lines": [{"product_id": "p1", "quantity": 2}]}),
        json!({"type": "view", "time": "2026-01-02T00:00:00Z", "product_id": "p1", "session_id": "s"}),
        json!({"id": "r1", "text": "gut", "rating": 4.5}),
        json!({"id": "d1", "title": "Rückgabe", "text": "30 Tage.", "language": "de"}),
        json!({"id": "t1", "messages": [{"role": "customer", "text": "Hallo"}]}),
        json!({"query": "kanne", "product_id": "p1", "grade": 3}),
        json!({"text": "mag ich", "label": "positive"}),
    ];
    // A kind a file: the shop's own form.
    for (number, row) in rows.iter().enumerate() {
        let file = path(&format!("{number}.jsonl"));
        std::fs::write(&file, row.to_string()).unwrap();
        let report = shopkeeper(&path("shop"), &["import", file.to_str().unwrap()]);
        assert_eq!(report["accepted"], 1, "{report}");
    }
    let out = path("out");
    let out = out.to_str().unwrap();
    let exported = shopkeeper(&path("shop"), &["export", "records", "--out", out]);
    let counts = exported["records"].as_object().unwrap();
    assert_eq!(counts.len(), 9, "{exported}");
    assert_eq!(
        counts["products"], 2,
        "a hidden product is a record as well"
    );
    let first = contents(&path("out"));

    let again = shopkeeper(&path("shop"), &["import", out]);
    assert_eq!(
        (&again["accepted"], &again["rejected"]),
        (&json!(0), &json!(0)),
        "{again}"
    );
    let anew = shopkeeper(&path("other"), &["import", out]);
    assert_eq!(
        (&anew["accepted"], &anew["rejected"]),
        (&json!(10), &json!(0)),
        "{anew}"
    );
    let other = path("other-out");
    shopkeeper(
        &path("other"),
        &["export", "records", "--out", other.to_str().unwrap()],
    );
    assert_eq!(contents(&other), first);

    let some = path("some");
    let filter = ["--filter", "price > 1000", "--out", some.to_str().unwrap()];
    let some = shopkeeper(
        &path("shop"),
        &[&["export", "records", "products"][..], &filter].concat(),
    );
    assert_eq!(some["records"], json!({"products": 1}));
}
