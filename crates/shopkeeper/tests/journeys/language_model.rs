//! A language model in the outside world, played by a script: a server that
//! speaks OpenAI's protocol and answers each message with what the script has
//! for it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::program::Shop;

/// What the model does next.
pub enum Step {
    /// It calls these at once.
    Calls(Vec<(&'static str, Value)>),
    /// It says this.
    Says(&'static str),
}

/// By words of the customer's message: the steps until it is answered.
pub type Script = Vec<(&'static str, Vec<Step>)>;

/// The server; it lives as long as the test's process.
pub struct LanguageModel {
    /// As `http://127.0.0.1:40000/v1`.
    url: String,
    heard: Arc<Mutex<Vec<String>>>,
}

impl LanguageModel {
    /// Serves the script on a free port.
    pub fn serve(script: Script) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/v1", listener.local_addr().unwrap());
        let heard = Arc::new(Mutex::new(Vec::new()));
        let (script, keeps) = (Arc::new(script), heard.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (script, keeps) = (script.clone(), keeps.clone());
                std::thread::spawn(move || answer(stream, &script, &keeps));
            }
        });
        Self { url, heard }
    }

    /// Makes it the model of this shop's assistant, from the next start on.
    pub fn works_for(&self, shop: &Shop) {
        let settings = format!("backend_url = \"{}\"\n", self.url);
        std::fs::write(shop.data().join("shopkeeper.toml"), settings).unwrap();
    }

    /// Everything that was sent to it.
    pub fn heard(&self) -> String {
        self.heard.lock().unwrap().join("\n")
    }
}

fn answer(mut stream: TcpStream, script: &Script, heard: &Mutex<Vec<String>>) {
    let body = read(&stream);
    heard.lock().unwrap().push(body.to_string());
    let call = |index: usize, name: &str, arguments: &Value| {
        json!({"index": index, "id": format!("call-{index}"), "type": "function",
               "function": {"name": name, "arguments": arguments.to_string()}})
    };
    // The only tool that it has is the one that it has to call.
    let only = match body["tools"].as_array().map(Vec::as_slice) {
        Some([only]) => only["function"]["name"].as_str(),
        _ => None,
    };
    let delta = if only == Some("verdict") {
        json!({"tool_calls": [call(0, "verdict", &json!({"holds": true}))]})
    } else {
        match next_step(script, &body["messages"]) {
            Some(Step::Says(text)) => json!({"content": text}),
            Some(Step::Calls(calls)) => {
                let calls = calls.iter().enumerate();
                let calls = calls.map(|(index, (name, given))| call(index, name, given));
                json!({"tool_calls": calls.collect::<Vec<_>>()})
            }
            None => json!({"content": "NONE"}),
        }
    };
    let piece = json!({"choices": [{"index": 0, "delta": delta}]});
    let events = format!("data: {piece}\n\ndata: [DONE]\n\n");
    let length = events.len();
    write!(
        stream,
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{events}"
    )
    .unwrap();
}

/// What the script has for the last message, after the steps already taken.
fn next_step<'s>(script: &'s Script, messages: &Value) -> Option<&'s Step> {
    let messages = messages.as_array().unwrap();
    let asked = messages
        .iter()
        .rposition(|one| one["role"] == "user")
        .unwrap();
    let text = messages[asked]["content"].as_str().unwrap();
    let taken = messages[asked..].iter();
    let taken = taken.filter(|one| one["tool_calls"].is_array()).count();
    let (_, steps) = script.iter().find(|(words, _)| text.contains(words))?;
    steps.get(taken)
}

fn read(stream: &TcpStream) -> Value {
    let mut lines = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        lines.read_line(&mut line).unwrap();
        let line = line.trim().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    lines.read_exact(&mut body).unwrap();
    serde_json::from_slice(&body).unwrap()
}
