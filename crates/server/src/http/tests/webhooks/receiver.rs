//! A receiver of webhooks on this machine.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;

use crate::app::now;

/// A request as it came.
#[derive(Clone)]
pub(super) struct Received {
    pub(super) path: String,
    headers: Vec<(String, String)>,
    body: String,
}

impl Received {
    pub(super) fn header(&self, name: &str) -> &str {
        let mut all = self.headers.iter();
        &all.find(|(known, _)| known == name).unwrap().1
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    pub(super) fn product(&self) -> String {
        self.json()["data"]["id"].as_str().unwrap().to_owned()
    }
}

/// A receiver that answers with these statuses, then with the last of them.
pub(super) struct Receiver {
    pub(super) port: u16,
    received: Arc<Mutex<Vec<Received>>>,
    statuses: Arc<Mutex<VecDeque<u16>>>,
}

impl Receiver {
    pub(super) fn start(statuses: &[u16]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let receiver = Self {
            port: listener.local_addr().unwrap().port(),
            received: Arc::default(),
            statuses: Arc::new(Mutex::new(statuses.iter().copied().collect())),
        };
        let (received, statuses) = (receiver.received.clone(), receiver.statuses.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut reader = BufReader::new(stream.unwrap());
                let mut lines = Vec::new();
                loop {
                    let mut line = String::new();
                    if reader.read_line(&mut line).unwrap_or(0) == 0 || line.trim().is_empty() {
                        break;
                    }
                    lines.push(line.trim().to_owned());
                }
                let headers = lines
                    .iter()
                    .skip(1)
                    .filter_map(|line| line.split_once(": "));
                let headers = headers.map(|(name, value)| (name.to_lowercase(), value.to_owned()));
                let headers: Vec<_> = headers.collect();
                let length = headers.iter().find(|(name, _)| name == "content-length");
                let length = length.map_or(0, |(_, value)| value.parse().unwrap());
                let mut body = vec![0; length];
                reader.read_exact(&mut body).unwrap();
                let path = lines.first().map_or("", |line| line.as_str());
                received.lock().unwrap().push(Received {
                    path: path.to_owned(),
                    headers,
                    body: String::from_utf8(body).unwrap(),
                });
                let mut left = statuses.lock().unwrap();
                let status = match left.len() {
                    1 => left[0],
                    _ => left.pop_front().unwrap(),
                };
                let head = "Location: /elsewhere\r\nContent-Length: 2\r\nConnection: close";
                let answer = format!("HTTP/1.1 {status} X\r\n{head}\r\n\r\nok");
                let _ = reader.into_inner().write_all(answer.as_bytes());
            }
        });
        receiver
    }

    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/hook", self.port)
    }

    pub(super) fn answers(&self, status: u16) {
        *self.statuses.lock().unwrap() = [status].into();
    }

    pub(super) fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }

    pub(super) fn products(&self) -> Vec<String> {
        self.received().iter().map(Received::product).collect()
    }

    pub(super) async fn wait_for(&self, count: usize) -> Vec<Received> {
        until(|| self.received().len() >= count).await;
        self.received()
    }
}

/// Waits until something holds.
pub(super) async fn until(mut holds: impl FnMut() -> bool) {
    for _ in 0..1_000 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("it does not come to hold");
}

/// Long enough for a delivery that should not be made.
pub(super) async fn moment() {
    tokio::time::sleep(Duration::from_millis(600)).await;
}

/// Checks the signature over what came, byte for byte.
pub(super) fn assert_signed(request: &Received, secret: &str) {
    let key = STANDARD.decode(secret.strip_prefix("whsec_").unwrap());
    let mut code = Hmac::<Sha256>::new_from_slice(&key.unwrap()).unwrap();
    let (id, time) = (
        request.header("webhook-id"),
        request.header("webhook-timestamp"),
    );
    for part in [id, ".", time, ".", &request.body] {
        code.update(part.as_bytes());
    }
    let signed = request.header("webhook-signature");
    let signed = STANDARD.decode(signed.strip_prefix("v1,").unwrap());
    code.verify_slice(&signed.unwrap()).unwrap();
    let age = now().as_seconds() - time.parse::<i64>().unwrap();
    assert!((0..60).contains(&age), "{age}");
}
