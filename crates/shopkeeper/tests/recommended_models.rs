//! `models pull recommended` from the outside, against a hub of this machine.
#![allow(clippy::unwrap_used)]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use hub::{LocalHub, Mood, published};

mod hub;

struct Scene {
    folder: tempfile::TempDir,
    hub: LocalHub,
}

impl Scene {
    fn new(mood: Mood) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let small = folder.path().join("small");
        published(&small);
        std::fs::write(small.join("modules.json"), "[]").unwrap();
        let hub = LocalHub::start(&small, mood);
        Self { folder, hub }
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn settings(&self) -> PathBuf {
        self.data().join("shopkeeper.toml")
    }

    /// Runs a verb with this on its stdin.
    fn run(&self, words: &[&str], typed: &str) -> Output {
        let mut child = Command::new(env!("CARGO_BIN_EXE_shopkeeper"))
            .arg("--data")
            .arg(self.data())
            .args(words)
            .env("HF_ENDPOINT", format!("{}/", self.hub.endpoint))
            .env("HF_TOKEN", "secret")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A verb that asks nothing may be done before it is answered.
        let _ = child.stdin.take().unwrap().write_all(typed.as_bytes());
        child.wait_with_output().unwrap()
    }

    fn json(&self, words: &[&str], typed: &str) -> Value {
        let output = self.run(&[&["--json"], words].concat(), typed);
        let (out, noise) = (text(&output.stdout), text(&output.stderr));
        assert!(output.status.success(), "{words:?}: {out}\n{noise}");
        serde_json::from_str(out.lines().last().unwrap()).unwrap()
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn downloads(scene: &Scene) -> usize {
    let requests = scene.hub.requests();
    requests
        .iter()
        .filter(|one| one.contains("/resolve/"))
        .count()
}

const RECOMMENDED: [&str; 3] = ["models", "pull", "recommended"];

#[test]
fn nothing_is_downloaded_before_somebody_says_yes() {
    let scene = Scene::new(Mood::Honest);
    let init = scene.run(&["init"], "");
    assert!(text(&init.stdout).contains("models pull recommended"));
    let before = std::fs::read_to_string(scene.settings()).unwrap();
    for typed in ["n\n", "", "what?\n"] {
        let refused = scene.run(&RECOMMENDED, typed);
        let said = text(&refused.stderr);
        assert_eq!(refused.status.code(), Some(1), "{said}");
        for shown in [
            "intfloat/multilingual-e5-small",
            "0a1b2c",
            "mit",
            "model.safetensors",
            "[y/N]",
            "--yes",
        ] {
            assert!(said.contains(shown), "{shown}: {said}");
        }
    }
    assert_eq!(downloads(&scene), 0);
    assert_eq!(std::fs::read_to_string(scene.settings()).unwrap(), before);
    let named = scene.run(&["models", "pull", "recommended", "--name", "x"], "");
    assert!(text(&named.stderr).contains("leave out --name"));
}

#[test]
fn what_is_confirmed_is_brought_over_a_bad_connection_and_set() {
    let scene = Scene::new(Mood::BreaksOff(20_000));
    scene.run(&["init"], "");
    let comments = |path: &Path| {
        let text = std::fs::read_to_string(path).unwrap();
        text.lines().filter(|line| line.starts_with("# ")).count()
    };
    let before = comments(&scene.settings());
    let brought = scene.json(&RECOMMENDED, "y\n");
    let count = brought["offers"].as_array().unwrap().len();
    assert_eq!(
        brought["bases"].as_array().unwrap().len(),
        count,
        "{brought}"
    );
    assert_eq!(brought["settings"]["support_encoder"]["became"], "set");
    let written = std::fs::read_to_string(scene.settings()).unwrap();
    assert!(written.contains("\nsupport_encoder = \"multilingual-e5-small\"\n"));
    assert_eq!(comments(&scene.settings()), before - count);
    let requests = scene.hub.requests();
    assert!(
        requests.iter().any(|one| !one.ends_with(" from 0")),
        "{requests:?}"
    );

    // Again there is nothing to bring, to ask and to set.
    let had = downloads(&scene);
    let again = scene.json(&RECOMMENDED, "");
    assert!(again["bases"].as_array().unwrap().is_empty(), "{again}");
    assert_eq!(downloads(&scene), had);
    let doctor = text(&scene.run(&["doctor"], "").stdout);
    assert!(
        doctor.contains("support_encoder multilingual-e5-small"),
        "{doctor}"
    );
}

#[test]
fn a_file_that_is_not_as_promised_is_not_kept() {
    let scene = Scene::new(Mood::Lies);
    let lied = scene.run(&["models", "pull", "recommended", "--yes"], "");
    let said = text(&lied.stderr);
    assert_eq!(lied.status.code(), Some(1), "{said}");
    assert!(said.contains("checksum"), "{said}");
    let bases = scene.data().join("bases/multilingual-e5-small");
    assert!(!bases.exists() && !scene.settings().exists());
}
