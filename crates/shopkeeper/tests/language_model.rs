//! A shop's language model from the outside: trained, exported, taken as the
//! base of another training, and back.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::{Command, Output};

use models::PublishedModel;
use serde_json::{Value, json};

fn run(data: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_shopkeeper"))
        .arg("--data")
        .arg(data)
        .arg("--json")
        .args(arguments)
        .output()
        .unwrap()
}

fn shopkeeper(data: &Path, arguments: &[&str]) -> Value {
    let output = run(data, arguments);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {errors}");
    let text = String::from_utf8(output.stdout).unwrap();
    serde_json::from_str(text.lines().last().unwrap()).unwrap()
}

fn refused(data: &Path, arguments: &[&str], reason: &str) {
    let output = run(data, arguments);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        !output.status.success() && errors.contains(reason),
        "{arguments:?}: {errors}"
    );
}

/// Talks about deliveries and returns, and the rules that they follow.
fn write_shop(file: &Path) {
    let mut lines = Vec::new();
    let things = ["lamp", "kettle", "chair", "cup"];
    for number in 0..160 {
        let (thing, days) = (things[number % 4], 3 + number % 5);
        lines.push(json!({
            "id": format!("talk-{number}"),
            "messages": [
                {"role": "customer", "text": format!("when does my {thing} number {number} arrive?")},
                {"role": "agent", "text": format!("Your {thing} arrives within {days} days, and you can follow it on the way.")},
            ],
        }));
    }
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    std::fs::write(file, text).unwrap();
}

#[test]
fn a_model_goes_out_and_comes_back_as_a_base() {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name);
    let (data, talks) = (place("shop"), place("talks.jsonl"));
    write_shop(&talks);
    shopkeeper(&data, &["import", talks.to_str().unwrap()]);
    let trained = shopkeeper(&data, &["train", "support", "--size", "tiny"]);
    let version = trained["outcomes"][0]["version"]
        .as_str()
        .unwrap()
        .to_owned();

    let named = format!("support/{version}");
    let (exported, gguf) = (place("exported"), place("exported.gguf"));
    let out = exported.to_str().unwrap();
    shopkeeper(&data, &["export", "model", &named, "--out", out]);
    refused(
        &data,
        &["export", "model", &named, "--out", out],
        "there already",
    );
    let out = gguf.to_str().unwrap();
    shopkeeper(
        &data,
        &[
            "export", "model", &named, "--format", "gguf", "--bits", "32", "--out", out,
        ],
    );
    let (folder_form, file_form) = (
        PublishedModel::read(&exported).unwrap(),
        PublishedModel::read(&gguf).unwrap(),
    );
    assert_eq!(folder_form.config, file_form.config);
    assert!(folder_form.chat_template.is_some() && file_form.chat_template.is_some());
    assert_eq!(folder_form.special.end, file_form.special.end);

    let base = shopkeeper(
        &data,
        &[
            "models",
            "import",
            exported.to_str().unwrap(),
            "--name",
            "own",
        ],
    );
    assert_eq!(base["base"]["name"], "own");
    assert_eq!(shopkeeper(&data, &["models"])["bases"][0]["name"], "own");
    let tuned = shopkeeper(
        &data,
        &[
            "train",
            "support",
            "--size",
            "tiny",
            "--base",
            "own",
            "--no-promote",
        ],
    );
    let metrics = tuned["outcomes"][0]["metrics"].as_array().unwrap();
    let beside = metrics
        .iter()
        .find(|metric| metric["name"] == "bits_per_byte_of_base");
    assert!(beside.is_some(), "{metrics:?}");
    assert_ne!(tuned["outcomes"][0]["version"], version.as_str());
    refused(&data, &["train", "search", "--base", "own"], "only support");
    refused(
        &data,
        &["train", "support", "--base", "other"],
        "there are own",
    );

    let corpus = place("corpus");
    let written = shopkeeper(
        &data,
        &["export", "corpus", "--out", corpus.to_str().unwrap()],
    );
    let rows = written["rows"].as_object().unwrap();
    let chats: u64 = ["train", "validation", "test"]
        .iter()
        .map(|split| rows[&format!("chat/{split}.jsonl")].as_u64().unwrap())
        .sum();
    assert!(chats > 0 && chats <= 160, "{rows:?}");
    let text = std::fs::read_to_string(corpus.join("chat/train.jsonl")).unwrap();
    let first: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    assert_eq!(first["messages"][0]["role"], "user");
}
