//! A hub of published models on this machine that breaks off, forgets ranges
//! and lies, as the tests want it.
#![allow(dead_code, clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use models::published::{Publication, SpecialTokens, write_hugging_face};
use models::{Tokenizer, Transformer, TransformerConfig};
use serde_json::{Value, json};
use sha1::Sha1;
use sha2::{Digest, Sha256};

/// What it has.
const REPOSITORIES: [&str; 5] = [
    "org/small",
    "intfloat/multilingual-e5-small",
    "Qwen/Qwen3-0.6B",
    "Qwen/Qwen3-1.7B",
    "Qwen/Qwen3-4B",
];

/// A small model's folder, as its publisher would have it.
pub fn published(folder: &Path) {
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
pub enum Mood {
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

/// Serves the same files as each of its repositories, as Hugging Face's hub
/// does.
pub struct LocalHub {
    /// Its address, without a slash at its end.
    pub endpoint: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl LocalHub {
    /// Serves the files of a folder on a free port.
    pub fn start(folder: &Path, mood: Mood) -> LocalHub {
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

    /// What it was asked so far, each with the first byte that was wanted.
    pub fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
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
    json!({
        "sha": "0a1b2c", "siblings": siblings.collect::<Vec<_>>(),
        "cardData": {"license": "mit"}, "safetensors": {"total": 1_000},
    })
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
    let listed =
        |repository: &&str| path == format!("/api/models/{repository}/revision/main?blobs=true");
    if REPOSITORIES.iter().any(listed) {
        let body = listing(files).to_string();
        return send("200 OK", body.len(), body.as_bytes());
    }
    let name = REPOSITORIES
        .iter()
        .find_map(|repository| path.strip_prefix(&format!("/{repository}/resolve/0a1b2c/")));
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
