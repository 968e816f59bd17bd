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
        13,
        "the table of ARCHITECTURE.md names thirteen crates"
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

/// Whether Rust sources under `folder` speak of the crate `name`.
fn speaks_of(folder: &Path, name: &str) -> bool {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return false;
    };
    entries.flatten().any(|entry| {
        let path = entry.path();
        if path.is_dir() {
            return speaks_of(&path, name);
        }
        let is_rust = path.extension().is_some_and(|extension| extension == "rs");
        is_rust
            && std::fs::read_to_string(&path).unwrap().lines().any(|line| {
                let code = line.split("//").next().unwrap_or_default();
                code.match_indices(name).any(|(at, _)| {
                    let before = code[..at].chars().next_back();
                    let after = &code[at + name.len()..];
                    let whole = !before.is_some_and(|c| c.is_alphanumeric() || c == '_');
                    whole
                        && (after.starts_with("::")
                            || after.starts_with(';')
                            || after.starts_with(" as "))
                })
            })
    })
}

#[test]
fn every_dependency_is_used() {
    let workspace: toml::Table = std::fs::read_to_string(root().join("Cargo.toml"))
        .unwrap()
        .parse()
        .unwrap();
    let declared = workspace["workspace"]["dependencies"].as_table().unwrap();
    let mut named = BTreeSet::new();
    let mut unused = Vec::new();
    for package in allowed().keys() {
        let folder = root().join("crates").join(package);
        let manifest: toml::Table = std::fs::read_to_string(folder.join("Cargo.toml"))
            .unwrap()
            .parse()
            .unwrap();
        let platforms = manifest.get("target").and_then(|value| value.as_table());
        let platforms = platforms.into_iter().flat_map(toml::Table::values);
        let tables = std::iter::once(&manifest)
            .chain(platforms.filter_map(toml::Value::as_table))
            .flat_map(|parent| {
                ["dependencies", "dev-dependencies", "build-dependencies"]
                    .into_iter()
                    .filter_map(|table| parent.get(table)?.as_table())
            });
        for dependencies in tables {
            for name in dependencies.keys() {
                named.insert(name.clone());
                if !speaks_of(&folder, &name.replace('-', "_")) {
                    unused.push(format!("{package}: {name}"));
                }
            }
        }
    }
    unused.extend(
        declared
            .keys()
            .filter(|name| !named.contains(*name) && !allowed().contains_key(*name))
            .map(|name| format!("the workspace: {name}")),
    );
    assert_eq!(unused, Vec::<String>::new(), "nothing uses these");
}
