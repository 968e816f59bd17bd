//! Verbs while `serve` runs on the same folder: the command line is handed to
//! the server, which does the work in its own process, and what it shows comes
//! back line by line.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use clap::Parser;
use server::app::App;
use server::commands::{self, CommandLine, Line, Lines, Running, ServerFile};
use server::progress;

use crate::cli::{Cli, Verb};
use crate::commands::{Done, Setting, run_here};

/// Whether this verb works on the shop's data: it goes through the server
/// that holds the folder, where there is one.
pub fn concerns_the_shop(verb: &Verb) -> bool {
    match verb {
        Verb::Demo(_)
        | Verb::Init
        | Verb::Serve(_)
        | Verb::Bench(_)
        | Verb::Keys { .. }
        | Verb::Models { action: Some(_) } => false,
        Verb::Doctor
        | Verb::Import(_)
        | Verb::Delete(_)
        | Verb::Prepare
        | Verb::Train(_)
        | Verb::Evaluate { .. }
        | Verb::Promote { .. }
        | Verb::Rollback { .. }
        | Verb::Models { action: None }
        | Verb::Chat(_)
        | Verb::Ask { .. }
        | Verb::Search(_)
        | Verb::Recommend(_)
        | Verb::Insight(_)
        | Verb::Campaign(_)
        | Verb::Export(_) => true,
    }
}

/// The server that holds the folder, if one answers.
pub fn find(folder: &Path) -> Option<ServerFile> {
    let file = ServerFile::read(folder)?;
    let address = file.address.parse().ok()?;
    let wait = std::time::Duration::from_secs(2);
    // A file that a killed server left behind leads nowhere.
    std::net::TcpStream::connect_timeout(&address, wait).ok()?;
    Some(file)
}

/// Has the server do what this process was asked, and shows it.
pub async fn run(server: ServerFile) -> anyhow::Result<Done> {
    let arguments = std::env::args_os().skip(1).map(|word| {
        let word = word.into_string();
        word.map_err(|word| anyhow::anyhow!("{} is not UTF-8", word.display()))
    });
    have_done(server, arguments.collect::<anyhow::Result<_>>()?).await
}

/// Has the server do what these words of a command line say, and shows it.
pub async fn have_done(server: ServerFile, arguments: Vec<String>) -> anyhow::Result<Done> {
    let command = CommandLine {
        arguments,
        directory: std::env::current_dir().context("there is no current folder")?,
    };
    tokio::task::spawn_blocking(move || follow(&server, &command)).await?
}

fn follow(server: &ServerFile, command: &CommandLine) -> anyhow::Result<Done> {
    let path = format!("http://{}{}", server.address, commands::PATH);
    let answer = ureq::post(&path)
        .header("content-type", "application/json")
        .header("x-folder-token", &server.token)
        .send(serde_json::to_vec(command)?)
        .with_context(|| format!("the server at {} did not take the command", server.address))?;
    let progress = progress::for_stderr();
    for line in BufReader::new(answer.into_body().into_reader()).lines() {
        let line = line.context("the server went away before the command was done")?;
        match serde_json::from_str(&line)? {
            Line::Out(text) => println!("{text}"),
            Line::Piece(text) => show_piece(&text),
            Line::Note(text) => eprintln!("{text}"),
            Line::Begin(stage, total) => progress.begin(&stage, total),
            Line::Advance(done, message) => progress.advance(done, &message),
            Line::End(message) => progress.end(&message),
            Line::Alive => {}
            Line::Done(status, json) => return Ok(Done { status, json }),
            Line::Failed(error) => bail!(error),
        }
    }
    bail!("the server went away before the command was done")
}

/// Shows text at once, and goes on in the same line.
pub fn show_piece(text: &str) {
    print!("{text}");
    // Who closed stdout wants no more.
    let _ = std::io::stdout().flush();
}

/// Does a command of another process in this server.
pub fn serve(app: Arc<App>, command: CommandLine, lines: Lines) -> Running {
    Box::pin(async move {
        let last = match answer(app, command, lines.clone()).await {
            Ok(Done { status, json }) => Line::Done(status, json),
            Err(error) => Line::Failed(format!("{error:#}")),
        };
        lines.send(last);
    })
}

async fn answer(app: Arc<App>, command: CommandLine, lines: Lines) -> anyhow::Result<Done> {
    let CommandLine {
        arguments,
        directory,
    } = command;
    let words = std::iter::once("shopkeeper".to_owned()).chain(arguments);
    let cli = Cli::try_parse_from(words)
        .context("the server is of another version of the program: start it again")?;
    if !concerns_the_shop(&cli.verb) {
        bail!("this is no work for the server");
    }
    let setting = Setting::served(
        &cli,
        Served {
            app,
            directory,
            lines,
        },
    );
    run_here(setting, cli.verb).await
}

/// Where a command's relative paths begin, what it shows and what stops it.
pub struct Served {
    /// The server.
    pub app: Arc<App>,
    /// Where the command was said.
    pub directory: PathBuf,
    /// Where its lines go.
    pub lines: Lines,
}
