//! A language model that knows what each task expects: a server process that
//! speaks OpenAI's protocol and answers with the task's calls, streamed. What
//! the assistant's loop, its rules and the shop make of perfect calls can be
//! measured with it, beside any model.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context as _, bail};
use serde_json::{Value, json};
use serve::support::tools::Tool;

use super::replay::translated;
use super::{AgentArguments, Task};

/// The longest request that is read, in bytes.
const LONGEST_REQUEST: usize = 4 << 20;
/// As many calls as the loop carries out of one turn.
const MOST_CALLS: usize = 8;

/// The server, which ends with this value.
pub struct ScriptedModel {
    process: Child,
    /// As `http://127.0.0.1:41234/v1`.
    pub url: String,
}

impl ScriptedModel {
    /// Starts this program once more as the server.
    pub fn start(arguments: &AgentArguments) -> anyhow::Result<Self> {
        let mut process = Command::new(std::env::current_exe()?)
            .args(["bench", "scripted-model", "--database"])
            .arg(&arguments.database)
            .arg("--tasks")
            .arg(&arguments.tasks)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .stdin(Stdio::null())
            .spawn()
            .context("the scripted model's process")?;
        let mut first = String::new();
        if let Some(output) = process.stdout.as_mut() {
            BufReader::new(output).read_line(&mut first)?;
        }
        let url = first.trim().to_owned();
        if !url.starts_with("http://") {
            bail!("the scripted model did not start: it said {url:?}");
        }
        Ok(Self { process, url })
    }
}

impl Drop for ScriptedModel {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Serves until it is killed. A model is a task, by its place in the file.
pub fn serve(database: &Path, tasks: &Path) -> anyhow::Result<Value> {
    let whole = super::database::read(database)?;
    let tasks = super::read_tasks(tasks, &whole)?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("http://{}/v1", listener.local_addr()?);
    std::io::stdout().flush()?;
    let said: Mutex<BTreeMap<usize, usize>> = Mutex::default();
    std::thread::scope(|scope| {
        for stream in listener.incoming().flatten() {
            let (tasks, said) = (&tasks, &said);
            // Whoever breaks a connection off gets no answer.
            scope.spawn(move || drop(answer(stream, tasks, said)));
        }
    });
    Ok(json!({}))
}

fn answer(
    mut stream: TcpStream,
    tasks: &[Task],
    said: &Mutex<BTreeMap<usize, usize>>,
) -> anyhow::Result<()> {
    let body = read(&stream)?;
    let named = body["model"].as_str().unwrap_or_default();
    let place: usize = named.parse().context("a task's place")?;
    let task = tasks.get(place).context("no such task")?;
    let tools = body["tools"].as_array().map_or(0, Vec::len);
    let asked = body["messages"].as_array().and_then(|all| all.last());
    let is_new = asked.is_some_and(|last| last["role"] == "user");
    let deltas = if tools == 1 {
        vec![call(0, "verdict", &json!({"holds": true}))]
    } else {
        let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
        let next = said.entry(place).or_default();
        match is_new {
            true => turn(task, next),
            false => vec![json!({"content": "NONE"})],
        }
    };
    let events = deltas.iter().map(|delta| {
        let piece = json!({"choices": [{"index": 0, "delta": delta}]});
        format!("data: {piece}\n\n")
    });
    let events: String = events.collect();
    let body = format!("{events}data: [DONE]\n\n");
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )?;
    Ok(())
}

/// The next calls up to the first write, in pieces as servers stream them.
fn turn(task: &Task, next: &mut usize) -> Vec<Value> {
    let mut calls: Vec<(Tool, Value)> = Vec::new();
    while let Some(expected) = task.calls.get(*next) {
        *next += 1;
        let Some((tool, arguments)) = translated(expected) else {
            continue;
        };
        calls.push((tool, arguments));
        if tool.writes() {
            break;
        }
    }
    let skip = calls.len().saturating_sub(MOST_CALLS);
    let calls: Vec<Value> = (calls.iter().skip(skip).enumerate())
        .map(|(index, (tool, arguments))| call(index, tool.name(), arguments))
        .collect();
    match calls.is_empty() {
        true => vec![json!({"content": "NONE"})],
        false => calls.into_iter().flat_map(|call| halved(&call)).collect(),
    }
}

fn call(index: usize, name: &str, arguments: &Value) -> Value {
    json!({"tool_calls": [{"index": index, "id": format!("call-{index}"), "type": "function",
        "function": {"name": name, "arguments": arguments.to_string()}}]})
}

/// A call's arguments come in two pieces.
fn halved(call: &Value) -> [Value; 2] {
    let written = call["tool_calls"][0]["function"]["arguments"].as_str();
    let written = written.unwrap_or_default();
    let middle = (0..=written.len() / 2)
        .rev()
        .find(|at| written.is_char_boundary(*at))
        .unwrap_or_default();
    let (head, tail) = written.split_at(middle);
    let mut first = call.clone();
    first["tool_calls"][0]["function"]["arguments"] = json!(head);
    let index = &call["tool_calls"][0]["index"];
    let rest = json!({"tool_calls": [{"index": index, "function": {"arguments": tail}}]});
    [first, rest]
}

/// A request's body.
fn read(stream: &TcpStream) -> anyhow::Result<Value> {
    let mut lines = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        lines.read_line(&mut line)?;
        let line = line.trim().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse()?;
        }
    }
    if length > LONGEST_REQUEST {
        bail!("a request of {length} bytes");
    }
    let mut body = vec![0; length];
    lines.read_exact(&mut body)?;
    Ok(serde_json::from_slice(&body)?)
}
