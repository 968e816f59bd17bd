//! The edges between the crates are the ones that ARCHITECTURE.md allows.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

type Edges = BTreeMap<String, BTreeSet<String>>;

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// Rows of the table under "Crates and their edges": | crate | … | may use |
fn allowed() -> Edges {
    let text = std::fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let section = text.split("## Crates and their edges").nth(1).unwrap();
    let section = section.split("\n## ").next().unwrap();
    section
        .lines()
        .filter_map(|line| line.strip_prefix("| `"))
        .map(|row| {
            let cells: Vec<_> = row.split('|').map(str::trim).collect();
            let name = cells[0].trim_end_matches('`').to_owned();
            let edges = cells[2]
                .split_whitespace()
                .filter(|word| *word != "nothing");
            (
                name,
                edges
                    .map(|word| word.trim_matches('`').to_owned())
                    .collect(),
            )
        })
        .collect()
}

fn actual() -> Edges {
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--no-deps",
            "--offline",
            "--format-version",
            "1",
        ])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let names: BTreeSet<_> = packages
        .iter()
        .map(|package| package["name"].as_str().unwrap())
        .collect();
    packages
        .iter()
        .map(|package| {
            let dependencies = package["dependencies"].as_array().unwrap();
            let edges = dependencies
                .iter()
                .map(|dependency| dependency["name"].as_str().unwrap())
                .filter(|name| names.contains(name))
                .map(str::to_owned);
            (
                package["name"].as_str().unwrap().to_owned(),
                edges.collect(),
            )
        })
        .collect()
}

#[test]
fn crates_use_what_the_table_allows_and_nothing_else() {
    let allowed = allowed();
    assert_eq!(
        allowed.len(),
        9,
        "the table of ARCHITECTURE.md names nine crates"
    );
    assert_eq!(actual(), allowed);
}

#[test]
fn only_the_engine_may_hold_unsafe_code() {
    for name in allowed().keys().filter(|name| *name != "models") {
        let source = root().join("crates").join(name).join("src");
        let main = source.join(if name == "shopkeeper" {
            "main.rs"
        } else {
            "lib.rs"
        });
        let text = std::fs::read_to_string(&main).unwrap();
        assert!(
            text.contains("#![forbid(unsafe_code)]"),
            "{}",
            main.display()
        );
    }
}
