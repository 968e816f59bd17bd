//! Verbs of the command line while the server holds the folder: the server
//! writes where it listens and a token into a file of the data folder, which
//! only its owner can read; a command that finds the file has the server do
//! the work and shows what comes back, line by line.

use std::future::Future;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use shop::Progress;
use tokio::sync::mpsc;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::UnboundedReceiverStream;

use crate::app::App;
use crate::http::customer_token::{digest, one_time};
use crate::http::extract::JsonBody;
use crate::http::{ApiError, Code};

/// Where a running server says how it is reached.
pub const SERVER_FILE: &str = "server.json";

/// The route that takes commands. It is for the folder's owner alone and no
/// part of the public interface.
pub const PATH: &str = "/folder/command";

/// How often a silent command shows that it goes on.
const ALIVE_EVERY: Duration = Duration::from_secs(5);

/// How a running server is reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerFile {
    /// As `127.0.0.1:7878`.
    pub address: String,
    /// What a command shows to prove that it may read the folder.
    pub token: String,
}

impl ServerFile {
    /// What the folder says; `None` where no server has written or what it
    /// wrote cannot be read.
    pub fn read(folder: &Path) -> Option<Self> {
        let text = std::fs::read(folder.join(SERVER_FILE)).ok()?;
        serde_json::from_slice(&text).ok()
    }

    /// Writes it for the folder's owner alone.
    fn write(&self, folder: &Path) -> std::io::Result<()> {
        let path = folder.join(SERVER_FILE);
        // A file that is there may be open to others: it is made anew.
        if let Err(error) = std::fs::remove_file(&path)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            return Err(error);
        }
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(&path)?.write_all(&serde_json::to_vec(self)?)
    }
}

/// What a command is and where it was said.
#[derive(Debug, Clone, Serialize, Deserialize, schemars::JsonSchema)]
pub struct CommandLine {
    /// The words after the program's name.
    pub arguments: Vec<String>,
    /// Where relative paths begin.
    pub directory: PathBuf,
}

/// A line of what a command shows.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Line {
    /// On stdout.
    Out(String),
    /// On stdout, without an end of the line.
    Piece(String),
    /// On stderr.
    Note(String),
    /// A stage of long work begins: its name and how much there is to do.
    Begin(String, u64),
    /// So much of it is done.
    Advance(u64, String),
    /// It is done.
    End(String),
    /// The work goes on.
    Alive,
    /// The command is done: its exit status and its JSON object.
    Done(u8, Value),
    /// The command failed.
    Failed(String),
}

/// Where the lines of a command go. It is also its progress.
#[derive(Debug, Clone)]
pub struct Lines(mpsc::UnboundedSender<Line>);

impl Lines {
    /// Sends a line; whoever has gone needs none.
    pub fn send(&self, line: Line) {
        let _ = self.0.send(line);
    }

    /// Returns when nobody reads any more.
    pub async fn closed(&self) {
        self.0.closed().await;
    }
}

impl Progress for Lines {
    fn begin(&self, stage: &str, total: u64) {
        self.send(Line::Begin(stage.to_owned(), total));
    }

    fn advance(&self, done: u64, message: &str) {
        self.send(Line::Advance(done, message.to_owned()));
    }

    fn end(&self, message: &str) {
        self.send(Line::End(message.to_owned()));
    }
}

/// A command at work.
pub type Running = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Does what a command line says in this server. The last line that it sends
/// is [`Line::Done`] or [`Line::Failed`].
pub type RunCommand = fn(Arc<App>, CommandLine, Lines) -> Running;

/// Who takes commands in this server.
pub struct Commands {
    run: RunCommand,
    token_digest: String,
}

/// Takes commands from now on at `address`. The returned guard takes the file
/// away when the server ends.
pub fn accept(app: &App, address: &str, run: RunCommand) -> std::io::Result<Accepting> {
    let token = one_time();
    let token_digest = digest(&token);
    let file = ServerFile {
        address: address.to_owned(),
        token,
    };
    file.write(app.store.folder())?;
    // A second call finds the first one's file replaced and its token void.
    let _ = app.commands.set(Commands { run, token_digest });
    Ok(Accepting(app.store.folder().join(SERVER_FILE)))
}

/// As long as this lives, commands find the server.
pub struct Accepting(PathBuf);

impl Drop for Accepting {
    fn drop(&mut self) {
        // Where it cannot be removed, the next command sees that nobody answers.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Runs one command for whoever shows the folder's token.
pub async fn handle(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    JsonBody(command): JsonBody<CommandLine>,
) -> Result<Response, ApiError> {
    let shown = headers.get("x-folder-token");
    let shown = shown
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    // Digests are compared, so that the time taken says nothing of the token.
    let known = |commands: &&Commands| commands.token_digest == digest(shown);
    let Some(commands) = app.commands.get().filter(known) else {
        let message = "this is not the token of this server's data folder";
        return Err(ApiError::new(Code::InvalidKey, message));
    };
    let (sender, receiver) = mpsc::unbounded_channel();
    let lines = Lines(sender);
    tokio::spawn((commands.run)(app.clone(), command, lines.clone()));
    tokio::spawn(async move {
        loop {
            tokio::select! {
                () = lines.closed() => return,
                () = tokio::time::sleep(ALIVE_EVERY) => lines.send(Line::Alive),
            }
        }
    });
    let lines = UnboundedReceiverStream::new(receiver).map(|line| {
        serde_json::to_vec(&line).map(|mut line| {
            line.push(b'\n');
            Bytes::from(line)
        })
    });
    let media_type = [(header::CONTENT_TYPE, "application/x-ndjson")];
    Ok((media_type, Body::from_stream(lines)).into_response())
}
