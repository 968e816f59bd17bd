//! A hub on this machine that breaks off, forgets ranges and lies.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use models::published::{Publication, SpecialTokens, write_hugging_face};
use models::{Tokenizer, Transformer, TransformerConfig};
use serde_json::{Value, json};
use sha1::Sha1;
use sha2::{Digest, Sha256};

use super::*;

struct Silent;

impl shop::Progress for Silent {
    fn begin(&self, _: &str, _: u64) {}
    fn advance(&self, _: u64, _: &str) {}
    fn end(&self, _: &str) {}
}

/// A small model's folder, as its publisher would have it.
fn published(folder: &Path) {
    let texts = ["the lamp is blue", "退货 退款"];
    let special = ["<|customer|>", "<|agent|>", "<|end|>"];
    let tokenizer = Tokenizer::train((0..9).flat_map(|_| texts), 280, &special).unwrap();
    let config = TransformerConfig::new(1, 32, 2, 64, tokenizer.vocabulary_size());
    let network = Transformer::new(config, 5).unwrap();
    let publication = Publication {
        name: "small",
        config: network.config(),
        tokenizer: Some(&tokenizer),
        special: &SpecialTokens::default(),
        chat_template: None,
    };
    write_hugging_face(folder, &publication, network.tensors()).unwrap();
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Mood {
    Honest,
    /// Each answer ends after so many bytes of the file.
    BreaksOff(usize),
    /// Always sends the whole file, and breaks off once.
    ForgetsRanges,
    /// One byte is not what it was.
    Lies,
    /// Fails now and then.
    Fails,
    /// Never brings a byte.
    Hangs,
}

/// Serves one repository, `org/small`, as Hugging Face's hub does.
struct LocalHub {
    endpoint: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl LocalHub {
    fn start(folder: &Path, mood: Mood) -> LocalHub {
        let mut files = BTreeMap::new();
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            files.insert(name, std::fs::read(&path).unwrap());
        }
        files.insert("README.md".to_owned(), b"a small model".to_vec());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let requests: Arc<Mutex<Vec<String>>> = Arc::default();
        let (seen, count) = (requests.clone(), AtomicUsize::new(0));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let turn = count.fetch_add(1, Ordering::Relaxed);
                answer(stream, &files, mood, turn, &seen);
            }
        });
        LocalHub { endpoint, requests }
    }

    fn hub(&self) -> Hub {
        Hub {
            endpoint: self.endpoint.clone(),
            token: Some("secret".to_owned()),
        }
    }
}

fn listing(files: &BTreeMap<String, Vec<u8>>) -> Value {
    let siblings = files.iter().map(|(name, bytes)| {
        let mut sibling = json!({"rfilename": name, "size": bytes.len()});
        if name.ends_with(".safetensors") {
            let sha256 = hex::encode(Sha256::digest(bytes));
            sibling["lfs"] = json!({"sha256": sha256, "size": bytes.len(), "pointerSize": 130});
        }
        let mut git = Sha1::new();
        git.update(format!("blob {}\0", bytes.len()));
        git.update(bytes);
        sibling["blobId"] = json!(hex::encode(git.finalize()));
        sibling
    });
    json!({"sha": "0a1b2c", "siblings": siblings.collect::<Vec<_>>()})
}

fn answer(
    mut stream: TcpStream,
    files: &BTreeMap<String, Vec<u8>>,
    mood: Mood,
    turn: usize,
    seen: &Mutex<Vec<String>>,
) {
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
    let request = lines.next().and_then(Result::ok).unwrap_or_default();
    let mut from = 0;
    for line in lines
        .map_while(Result::ok)
        .take_while(|line| !line.is_empty())
    {
        if let Some(range) = line.to_ascii_lowercase().strip_prefix("range: bytes=") {
            from = range.trim_end_matches('-').parse().unwrap();
        }
    }
    seen.lock().unwrap().push(format!("{request} from {from}"));
    let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut send = |head: &str, length: usize, body: &[u8]| {
        let head =
            format!("HTTP/1.1 {head}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
        // Who asked may be gone by now.
        let _ = stream.write_all(head.as_bytes());
        let _ = stream.write_all(body);
    };
    if mood == Mood::Fails && turn.is_multiple_of(2) {
        return send("503 Service Unavailable", 0, b"");
    }
    if path == "/api/models/org/small/revision/main?blobs=true" {
        let body = listing(files).to_string();
        return send("200 OK", body.len(), body.as_bytes());
    }
    let name = path.strip_prefix("/org/small/resolve/0a1b2c/");
    let Some(mut bytes) = name.and_then(|name| files.get(name)).cloned() else {
        return send("404 Not Found", 0, b"");
    };
    if mood == Mood::Lies {
        *bytes.last_mut().unwrap() ^= 1;
    }
    if mood == Mood::ForgetsRanges {
        let end = if turn == 1 {
            bytes.len() / 2
        } else {
            bytes.len()
        };
        return send("200 OK", bytes.len(), &bytes[..end]);
    }
    let rest = &bytes[from..];
    let sent = match mood {
        Mood::BreaksOff(most) => &rest[..rest.len().min(most)],
        Mood::Hangs => &[],
        _ => rest,
    };
    if from == 0 {
        send("200 OK", rest.len(), sent);
    } else {
        let range = format!(
            "Content-Range: bytes {from}-{}/{}",
            bytes.len() - 1,
            bytes.len()
        );
        send(&format!("206 Partial Content\r\n{range}"), rest.len(), sent);
    }
}

struct Scene {
    folder: tempfile::TempDir,
}

impl Scene {
    fn new() -> Scene {
        let folder = tempfile::tempdir().unwrap();
        published(&folder.path().join("small"));
        Scene { folder }
    }

    fn original(&self) -> PathBuf {
        self.folder.path().join("small")
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn pull(&self, mood: Mood) -> (anyhow::Result<Base>, Vec<String>) {
        let local = LocalHub::start(&self.original(), mood);
        let stop = AtomicBool::new(false);
        let pulled = pull(
            &self.data(),
            "hf:org/small",
            (None, None),
            &local.hub(),
            &Silent,
            &stop,
        );
        let requests = local.requests.lock().unwrap().clone();
        (pulled, requests)
    }

    fn is_whole(&self) {
        let place = find(&self.data(), "small").unwrap();
        let weights = |folder: &Path| std::fs::read(folder.join("model.safetensors")).unwrap();
        assert_eq!(weights(&place), weights(&self.original()));
        assert!(PublishedModel::read(&place).unwrap().tokenizer.is_some());
        assert!(!place.join("README.md").exists());
        assert!(!place.join(".commit").exists());
    }
}

#[test]
fn an_imported_model_is_found_by_name_and_not_overwritten() {
    let scene = Scene::new();
    let base = import(&scene.data(), &scene.original(), None).unwrap();
    assert_eq!(base.name, "small");
    assert!(base.tokenizer && base.parameters > 0 && base.bytes > 0);
    scene.is_whole();
    assert_eq!(list(&scene.data()), [base]);
    let again = import(&scene.data(), &scene.original(), None).expect_err("it is there");
    assert!(again.to_string().contains("--name"), "{again}");
    scene.is_whole();
    let other = import(&scene.data(), &scene.original(), Some("Other")).unwrap();
    assert_eq!(other.name, "other");
}

#[test]
fn what_is_no_model_leaves_nothing_behind() {
    let scene = Scene::new();
    let weights = scene.original().join("model.safetensors");
    let bytes = std::fs::read(&weights).unwrap();
    std::fs::write(&weights, &bytes[..bytes.len() - 100]).unwrap();
    let cut = import(&scene.data(), &scene.original(), None).expect_err("cut off");
    assert!(cut.to_string().contains("model.safetensors"), "{cut}");
    std::fs::write(scene.folder.path().join("note.txt"), "no model").unwrap();
    for name in ["note.txt", "nothing"] {
        assert!(import(&scene.data(), &scene.folder.path().join(name), None).is_err());
    }
    for name in ["", "..", "a/b", ".hidden", "a b", &"x".repeat(200)] {
        let error = import(&scene.data(), &scene.original(), Some(name)).expect_err(name);
        assert!(!error.to_string().is_empty());
    }
    let left = std::fs::read_dir(base_models_folder(&scene.data()))
        .into_iter()
        .flatten();
    assert_eq!(left.count(), 0);
    let unknown = find(&scene.data(), "small").expect_err("there is none");
    assert!(unknown.to_string().contains("models pull"), "{unknown}");
}

#[test]
fn a_model_is_pulled_whatever_the_connection_does() {
    for mood in [
        Mood::Honest,
        Mood::BreaksOff(20_000),
        Mood::ForgetsRanges,
        Mood::Fails,
    ] {
        let scene = Scene::new();
        let (pulled, requests) = scene.pull(mood);
        let base = pulled.unwrap_or_else(|error| panic!("{mood:?}: {error:#}"));
        assert_eq!(base.source, "hf:org/small@0a1b2c");
        scene.is_whole();
        let resumed = requests.iter().any(|request| !request.ends_with(" from 0"));
        assert_eq!(
            resumed,
            matches!(mood, Mood::BreaksOff(_) | Mood::ForgetsRanges),
            "{mood:?}: {requests:?}"
        );
        assert!(!requests.iter().any(|request| request.contains("README")));
    }
}

#[test]
fn a_pull_goes_on_where_an_earlier_one_was_given_up() {
    let scene = Scene::new();
    let (given_up, _) = scene.pull(Mood::Hangs);
    let given_up = given_up.expect_err("nothing came");
    assert!(
        format!("{given_up:#}").contains("run the same command again"),
        "{given_up:#}"
    );
    let weights = std::fs::read(scene.original().join("model.safetensors")).unwrap();
    let part = base_models_folder(&scene.data()).join(".small/model.safetensors.part");
    std::fs::write(part, &weights[..10_000]).unwrap();
    let (pulled, requests) = scene.pull(Mood::Honest);
    pulled.unwrap();
    scene.is_whole();
    assert!(
        requests
            .iter()
            .any(|request| request.ends_with("from 10000")),
        "{requests:?}"
    );
}

#[test]
fn what_is_not_as_promised_is_refused_and_deleted() {
    let scene = Scene::new();
    let (pulled, _) = scene.pull(Mood::Lies);
    let error = pulled.expect_err("it lies");
    assert!(error.to_string().contains("checksum"), "{error}");
    assert!(list(&scene.data()).is_empty());
    scene.pull(Mood::Honest).0.unwrap();
    scene.is_whole();
}

#[test]
fn a_stopped_pull_and_an_unknown_model_say_what_to_do() {
    let scene = Scene::new();
    let local = LocalHub::start(&scene.original(), Mood::Honest);
    let go = |reference: &str, stopped: bool| {
        let stop = AtomicBool::new(stopped);
        pull(
            &scene.data(),
            reference,
            (None, None),
            &local.hub(),
            &Silent,
            &stop,
        )
        .expect_err(reference)
        .to_string()
    };
    assert!(go("hf:org/small", true).contains("stopped"));
    assert!(go("hf:org/other", false).contains("no such model"));
    assert!(go("org/small", false).contains("hf:ORG/NAME"));
}
