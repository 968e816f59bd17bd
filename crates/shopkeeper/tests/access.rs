//! Who may do what, from the program's first start on, over real sockets and
//! within the descriptors that the system gives.
#![cfg(unix)]
#![allow(clippy::unwrap_used)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

const PROGRAM: &str = env!("CARGO_BIN_EXE_shopkeeper");

/// Runs a verb and returns its JSON object.
fn shopkeeper(data: &Path, arguments: &[&str]) -> Value {
    let output = Command::new(PROGRAM)
        .args(["--json", "--data"])
        .arg(data)
        .args(arguments)
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {errors}");
    let text = String::from_utf8(output.stdout).unwrap();
    serde_json::from_str(text.lines().last().unwrap()).unwrap()
}

/// A server with so many descriptors, and what it said when it began.
struct Server {
    process: Child,
    address: String,
    said: Vec<String>,
}

impl Server {
    fn start(data: &Path, descriptors: usize) -> Self {
        let mut process = Command::new("sh")
            .arg("-c")
            .arg(format!(
                "ulimit -n {descriptors} && exec \"$0\" --data \"$1\" serve --port 0"
            ))
            .arg(PROGRAM)
            .arg(data)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let mut said = Vec::new();
        while !said
            .iter()
            .any(|line: &String| line.contains("sign-in?token="))
        {
            said.push(lines.next().expect("it ended").unwrap());
        }
        // What it says later must not fill the pipe.
        std::thread::spawn(move || lines.for_each(drop));
        let begin = said
            .iter()
            .find_map(|line| line.split_once("storefront http://"));
        let address = begin.unwrap().1.split('/').next().unwrap().to_owned();
        Self {
            process,
            address,
            said,
        }
    }

    fn after(&self, words: &str) -> String {
        let found = self.said.iter().find_map(|line| line.split_once(words));
        found
            .unwrap_or_else(|| panic!("{words}: {:?}", self.said))
            .1
            .to_owned()
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(60)))
            .unwrap();
        stream
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// One request on a connection that stays open: the head of its answer.
fn ask(stream: &mut TcpStream, line: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    let sent = format!(
        "{line} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\n{headers}\r\n{body}"
    );
    stream.write_all(sent.as_bytes()).unwrap();
    head_of(stream)
}

/// The head of an answer; empty where the connection was closed instead.
fn head_of(stream: &mut TcpStream) -> String {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read_exact(&mut byte).is_err() {
            return String::new();
        }
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap();
    let lower = head.to_ascii_lowercase();
    if let Some((_, rest)) = lower.split_once("content-length: ") {
        let length: usize = rest.split("\r\n").next().unwrap().parse().unwrap();
        stream.read_exact(&mut vec![0; length]).unwrap();
    }
    head
}

fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_fresh_folder_has_one_admin_who_makes_the_other_keys() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    let made = shopkeeper(data, &["init"]);
    let admin = made["admin_key"].as_str().unwrap().to_owned();
    assert_eq!(shopkeeper(data, &["init"])["admin_key"], Value::Null);
    assert_eq!(mode(&data.join("keys.json")), 0o600);

    let server = Server::start(data, 1_024);
    assert!(
        server.said.iter().all(|line| !line.contains("sk_")),
        "{:?}",
        server.said
    );
    let mut stream = server.connect();
    let with = |key: &str| format!("Authorization: Bearer {key}\r\n");
    let keys = "GET /v1/keys";
    assert!(ask(&mut stream, keys, "", "").starts_with("HTTP/1.1 401"));
    assert!(ask(&mut stream, keys, &with(&admin), "").starts_with("HTTP/1.1 200"));
    // Behind a proxy on the same machine nobody is more than elsewhere.
    let forwarded = "X-Forwarded-For: 1.2.3.4\r\n";
    assert!(ask(&mut stream, keys, forwarded, "").starts_with("HTTP/1.1 401"));

    // The link that was printed opens the console, once.
    let path = server.after("/console/sign-in?token=");
    let link = format!("GET /console/sign-in?token={path}");
    let opened = ask(&mut stream, &link, "", "");
    assert!(opened.starts_with("HTTP/1.1 303"), "{opened}");
    assert!(ask(&mut stream, &link, "", "").starts_with("HTTP/1.1 401"));

    // A running server knows what the command line makes and ends.
    let web = shopkeeper(
        data,
        &[
            "keys",
            "create",
            "public",
            "--origin",
            "https://shop.example",
        ],
    );
    let key = with(web["key"].as_str().unwrap());
    let search = r#"{"q": "tea"}"#;
    assert!(ask(&mut stream, "POST /v1/search", &key, search).starts_with("HTTP/1.1 200"));
    shopkeeper(data, &["keys", "revoke", web["id"].as_str().unwrap()]);
    assert!(ask(&mut stream, "POST /v1/search", &key, search).starts_with("HTTP/1.1 401"));
    assert_eq!(
        shopkeeper(data, &["keys"])["keys"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

/// 384 descriptors leave 192 places: half of them, so that the store keeps what it
/// needs.
const DESCRIPTORS: usize = 384;
const PLACES: usize = DESCRIPTORS / 2;

#[test]
fn idle_connections_take_no_descriptor_that_the_store_needs() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    let made = shopkeeper(data, &["init"]);
    let server = Server::start(data, DESCRIPTORS);
    let admin = format!(
        "Authorization: Bearer {}\r\n",
        made["admin_key"].as_str().unwrap()
    );
    let event = r#"[{"type": "view", "time": "2026-05-01T09:30:00Z", "product_id": "p1"}]"#;
    let mut at_work = server.connect();
    let write = |stream: &mut TcpStream| ask(stream, "POST /v1/events", &admin, event);
    assert!(write(&mut at_work).starts_with("HTTP/1.1 200"));
    let mut idle: Vec<TcpStream> = (1..PLACES).map(|_| server.connect()).collect();
    // Whoever comes now is told when to come again.
    let refused = head_of(&mut server.connect());
    assert!(refused.starts_with("HTTP/1.1 503"), "{refused:?}");
    assert!(
        refused.to_ascii_lowercase().contains("retry-after: 5"),
        "{refused}"
    );
    // Whoever is at work goes on working, and the log is written.
    assert!(write(&mut at_work).starts_with("HTTP/1.1 200"));
    let counted = ask(&mut at_work, "GET /v1/events?limit=5", &admin, "");
    assert!(counted.starts_with("HTTP/1.1 200"), "{counted}");
    // A place that is given back is taken again.
    idle.truncate(PLACES / 2);
    let again = (0..100).find_map(|_| {
        std::thread::sleep(Duration::from_millis(50));
        let answer = write(&mut server.connect());
        answer.starts_with("HTTP/1.1 200").then_some(answer)
    });
    assert!(again.is_some());
}
