//! The program on a temporary folder.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;
use shop::{Event, Order, Record};
use store::{Entry, Store};

/// A data folder.
pub struct Shop {
    folder: tempfile::TempDir,
}

impl Shop {
    /// An empty one.
    pub fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// The folder of the shop's data.
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// A file beside the data.
    pub fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    /// The program with these words, on this folder.
    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_shopkeeper"));
        command.current_dir(self.folder.path());
        command.arg("--data").arg(self.data()).args(words);
        command
    }

    /// Runs a verb to its end.
    pub fn run(&self, words: &[&str]) -> Output {
        self.command(words).output().unwrap()
    }

    /// Runs a verb that has to go well, and returns its JSON object.
    pub fn json(&self, words: &[&str]) -> Value {
        let output = self.run(&[&["--json"], words].concat());
        let (out, noise) = (text(&output.stdout), text(&output.stderr));
        assert!(
            output.status.success(),
            "{words:?}: {}\n{out}\n{noise}",
            output.status
        );
        let last = out.lines().last().unwrap_or_default();
        serde_json::from_str(last).unwrap_or_else(|error| panic!("{words:?}: {error}\n{out}"))
    }

    /// Imports rows of one kind.
    pub fn import(&self, kind: &str, rows: &[Value]) {
        let lines: Vec<String> = rows.iter().map(Value::to_string).collect();
        let file = self.file(&format!("{kind}.jsonl"), &lines.join("\n"));
        let report = self.json(&["import", "--as", kind, file.to_str().unwrap()]);
        assert_eq!(report["accepted"], rows.len(), "{report}");
    }

    /// Serves it on a free port.
    pub fn serve(&self) -> Server {
        let mut child = self
            .command(&["serve", "--open", "--port", "0"])
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = String::new();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let address = loop {
            let Some(Ok(line)) = lines.next() else {
                panic!("the server did not start: {said}");
            };
            if let Some((_, rest)) = line.split_once("storefront http://") {
                break rest.split('/').next().unwrap().to_owned();
            }
            said.push_str(&line);
        };
        // Nobody may wait for a reader of what else the server says.
        let rest = std::thread::spawn(move || lines.map_while(Result::ok).collect::<Vec<_>>());
        Server {
            child,
            address,
            rest: Some(rest),
        }
    }
}

/// Bytes as text.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A server that is stopped when it is dropped.
pub struct Server {
    child: Child,
    /// As `127.0.0.1:40000`.
    pub address: String,
    rest: Option<std::thread::JoinHandle<Vec<String>>>,
}

impl Server {
    /// The address of a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// What a path answers, as JSON.
    pub fn get(&self, path: &str) -> Value {
        let mut answer = ureq::get(self.url(path)).call().unwrap();
        let text = answer.body_mut().read_to_string().unwrap();
        serde_json::from_str(&text).unwrap()
    }

    /// What a path answers once it is right; indexes follow the log in a moment.
    pub fn get_when(&self, path: &str, is_right: impl Fn(&Value) -> bool) -> Value {
        for _ in 0..200 {
            let answer = self.get(path);
            if is_right(&answer) {
                return answer;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        panic!("{path} stays {}", self.get(path));
    }

    /// What a path answers to a body, as JSON.
    pub fn post(&self, path: &str, body: &Value) -> Value {
        let request = ureq::post(self.url(path)).header("content-type", "application/json");
        let mut answer = request.send(body.to_string()).unwrap();
        let text = answer.body_mut().read_to_string().unwrap();
        serde_json::from_str(&text).unwrap()
    }

    /// Ends it as Ctrl-C does, and returns what else it said.
    pub fn stop(mut self) -> Vec<String> {
        self.end();
        self.rest.take().unwrap().join().unwrap()
    }

    fn end(&mut self) {
        if self.child.try_wait().is_ok_and(|ended| ended.is_some()) {
            return;
        }
        let process = self.child.id().to_string();
        let _ = Command::new("kill").args(["-TERM", &process]).status();
        let _ = self.child.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}

/// Every order and every event that the log has, read from a folder that
/// nobody serves any more.
pub fn logged(data: &Path) -> (Vec<Order>, Vec<Event>) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let store = Store::open(data).await.unwrap();
        let (mut orders, mut events) = (Vec::new(), Vec::new());
        let mut after = 0;
        loop {
            let page = store.read(after, 1_000).await.unwrap();
            let Some(last) = page.last() else { break };
            after = last.sequence;
            for entry in page {
                match entry.entry {
                    Entry::Record(Record::Order(order)) => orders.push(order),
                    Entry::Record(Record::Event(event)) => events.push(event),
                    _ => {}
                }
            }
        }
        (orders, events)
    })
}
