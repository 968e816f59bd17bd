//! `chat`: the assistant in the terminal. Each line is one step, made by the
//! server that holds the folder or here, in the way in which the chat page's
//! are: so are the confirmations.

use std::io::{BufRead, IsTerminal, Write};
use std::sync::Arc;

use ::shop::{Money, Service};
use anyhow::Context;
use serde_json::{Value, json};
use serve::support::SupportEvent;
use serve::support::tools::Change;
use server::app::App;
use server::commands::ServerFile;
use server::http::chat::{self, Piece};
use server::http::{confirmations, live};
use tokio::sync::mpsc;

use super::services::id;
use super::{Done, Setting};
use crate::cli::ChatArguments;
use crate::remote;

/// What the assistant works with.
const SERVICES: [Service; 3] = [Service::Support, Service::Search, Service::Recommend];
/// Ends the conversation.
const QUIT: &str = "/quit";
/// Pieces of an answer that may wait to be shown.
const PIECES: usize = 256;

impl ChatArguments {
    /// Whether lines are read, rather than one thing said or decided.
    pub fn is_conversation(&self) -> bool {
        self.message.is_none() && self.confirm.is_none() && self.decline.is_none()
    }
}

/// Where the steps are made.
enum Place {
    Server(ServerFile),
    Here(Arc<App>),
}

/// A conversation in the terminal.
struct Talk<'a> {
    setting: &'a Setting,
    place: Place,
    customer: Option<String>,
    conversation: Option<String>,
}

/// Reads lines and answers them until there are no more.
pub async fn converse(
    setting: &Setting,
    arguments: &ChatArguments,
    server: Option<ServerFile>,
) -> anyhow::Result<Done> {
    id(arguments.customer.as_deref())?;
    let mut talk = Talk {
        place: match server {
            Some(server) => Place::Server(server),
            None => Place::Here(setting.app(&SERVICES).await?),
        },
        setting,
        customer: arguments.customer.clone(),
        conversation: arguments.conversation.clone(),
    };
    while let Some(line) = talk.read("> ").await? {
        match line.trim() {
            "" => {}
            QUIT => break,
            message => talk.turn(message).await?,
        }
    }
    // Each answer was an object of its own already.
    Ok(Done::with(Value::Null))
}

impl Talk<'_> {
    /// One message with its answer, and a word on each change that it proposes.
    async fn turn(&mut self, message: &str) -> anyhow::Result<()> {
        let answer = self
            .make(ChatArguments {
                message: Some(message.to_owned()),
                ..self.arguments()
            })
            .await?;
        if let Some(conversation) = answer["conversation"].as_str() {
            self.conversation = Some(conversation.to_owned());
        }
        for offer in answer["proposals"].as_array().into_iter().flatten() {
            let Some(token) = offer["token"].as_str() else {
                continue;
            };
            let word = self.read("confirm? [y/N] ").await?.unwrap_or_default();
            let token = Some(token.to_owned());
            let arguments = match is_yes(&word) {
                true => ChatArguments {
                    confirm: token,
                    ..self.arguments()
                },
                false => ChatArguments {
                    decline: token,
                    ..self.arguments()
                },
            };
            self.make(arguments).await?;
        }
        Ok(())
    }

    fn arguments(&self) -> ChatArguments {
        ChatArguments {
            customer: self.customer.clone(),
            conversation: self.conversation.clone(),
            message: None,
            confirm: None,
            decline: None,
        }
    }

    /// Makes one step; what came of it, which a program gets as a line.
    async fn make(&self, arguments: ChatArguments) -> anyhow::Result<Value> {
        let done = match &self.place {
            Place::Here(app) => carry_out(self.setting, app, &arguments).await?,
            Place::Server(server) => {
                let words = words(self.setting.json, &arguments);
                remote::have_done(server.clone(), words).await?.json
            }
        };
        if self.setting.json {
            println!("{done}");
        }
        Ok(done)
    }

    /// The next line, after a prompt where a person types it.
    async fn read(&self, prompt: &str) -> anyhow::Result<Option<String>> {
        // What is asked of a person is seen in a record of what was piped in, too.
        let is_asked = std::io::stdin().is_terminal() || prompt.len() > "> ".len();
        if is_asked && !self.setting.json {
            print!("{prompt}");
            let _ = std::io::stdout().flush();
        }
        let line = tokio::task::spawn_blocking(|| {
            let mut line = Vec::new();
            let read = std::io::stdin().lock().read_until(b'\n', &mut line);
            read.map(|bytes| (bytes > 0).then(|| String::from_utf8_lossy(&line).into_owned()))
        });
        let line = line.await?.context("cannot read what was typed")?;
        if is_asked && !self.setting.json && !std::io::stdin().is_terminal() {
            println!();
        }
        Ok(line)
    }
}

/// A step as the words of a command line.
fn words(json: bool, arguments: &ChatArguments) -> Vec<String> {
    let mut words = vec!["chat".to_owned()];
    if json {
        words.push("--json".to_owned());
    }
    for (name, value) in [
        ("customer", &arguments.customer),
        ("conversation", &arguments.conversation),
        ("message", &arguments.message),
        ("confirm", &arguments.confirm),
        ("decline", &arguments.decline),
    ] {
        words.extend(value.iter().map(|value| format!("--{name}={value}")));
    }
    words
}

fn is_yes(word: &str) -> bool {
    let yes = ["y", "yes", "j", "ja", "是", "好"];
    yes.contains(&word.trim().to_lowercase().as_str())
}

/// One step that was said on the command line.
pub async fn step(setting: &Setting, arguments: &ChatArguments) -> anyhow::Result<Done> {
    let app = setting.app(&SERVICES).await?;
    carry_out(setting, &app, arguments).await.map(Done::with)
}

async fn carry_out(
    setting: &Setting,
    app: &Arc<App>,
    arguments: &ChatArguments,
) -> anyhow::Result<Value> {
    let decided = (arguments.confirm.as_ref().map(|token| (token, true)))
        .or(arguments.decline.as_ref().map(|token| (token, false)));
    let done = match decided {
        Some((token, accept)) => decide(setting, app, arguments, (token, accept)).await?,
        None => answer(setting, app, arguments).await?,
    };
    app.flush().await;
    Ok(done)
}

/// The customer's word on a change, by the code behind the chat page's buttons.
async fn decide(
    setting: &Setting,
    app: &Arc<App>,
    arguments: &ChatArguments,
    (token, accept): (&str, bool),
) -> anyhow::Result<Value> {
    let customer = id(arguments.customer.as_deref())?;
    let customer = customer.context("say whose change it is with --customer")?;
    match confirmations::settle(app, &customer, token, accept).await {
        Ok(done) => {
            setting.say(match done["done"] == true {
                true => "  done",
                false => "  nothing was changed",
            });
            Ok(done)
        }
        Err(error) => {
            setting.say(format!("  not done: {}", error.message));
            let mut refused = error.to_json();
            refused["done"] = json!(false);
            Ok(refused)
        }
    }
}

/// One message, heard while it is answered.
async fn answer(
    setting: &Setting,
    app: &Arc<App>,
    arguments: &ChatArguments,
) -> anyhow::Result<Value> {
    let message = arguments.message.clone().unwrap_or_default();
    let conversation = id(arguments.conversation.as_deref())?;
    let customer = id(arguments.customer.as_deref())?;
    let (pieces, mut heard) = mpsc::channel(PIECES);
    let asked = app.clone();
    let made = tokio::spawn(async move {
        chat::converse(&asked, message, conversation, customer, pieces).await
    });
    let mut is_begun = false;
    while let Some(piece) = heard.recv().await {
        if let Piece::Heard(SupportEvent::Token(text)) = piece {
            is_begun = true;
            setting.say_piece(text);
        }
    }
    let done = made.await??;
    if is_begun {
        setting.say("");
    }
    show(setting, app, &done);
    Ok(done)
}

/// What stands below an answer: its sources, its products, what would change
/// and who goes on.
fn show(setting: &Setting, app: &App, done: &Value) {
    let (sources, products) = live::cited(&app.snapshot(), &done["citations"]);
    for (number, source) in (1..).zip(&sources) {
        setting.say(format!("  [{number}] {}", titled(source)));
    }
    for product in &products {
        let title = product["title"].as_str().unwrap_or_default();
        let price = serde_json::from_value::<Money>(product["price"].clone());
        let price = price.map_or(String::new(), |price| format!("  {price}"));
        setting.say(format!("  - {title}{price}"));
    }
    for offer in done["proposals"].as_array().into_iter().flatten() {
        let tool = offer["tool"].as_str().unwrap_or_default();
        setting.say(format!("  {}", tool.replace('_', " ")));
        let changes = serde_json::from_value::<Vec<Change>>(offer["changes"].clone());
        for change in changes.unwrap_or_default() {
            let Change { record, field, .. } = &change;
            let (before, after) = (plain(&change.before), plain(&change.after));
            setting.say(format!("    {record} {field}: {before} \u{2192} {after}"));
        }
    }
    if done["silent"] == true {
        setting.say("  (a person has this conversation: what you write is kept for them)");
    } else if done["handoff"] == true {
        setting.say("  (a person was asked to go on)");
    }
}

/// A source as `title (url)`; one without a title by its name.
fn titled(source: &Value) -> String {
    let text = |field: &str| source[field].as_str().filter(|text| !text.is_empty());
    let title = text("title").or(text("source")).unwrap_or_default();
    match text("url") {
        Some(url) => format!("{title} ({url})"),
        None => title.to_owned(),
    }
}

/// A value as a person reads it.
fn plain(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::{Cli, Verb};

    #[test]
    fn a_step_is_read_back_from_its_words() {
        let arguments = ChatArguments {
            customer: Some("c 1".to_owned()),
            conversation: Some("k".to_owned()),
            message: Some("--help -x \"quoted\" 好".to_owned()),
            confirm: None,
            decline: None,
        };
        let words = words(true, &arguments).into_iter();
        let cli = Cli::try_parse_from(["shopkeeper".to_owned()].into_iter().chain(words)).unwrap();
        assert!(cli.json);
        let Verb::Chat(read) = cli.verb else {
            panic!("another verb");
        };
        assert!(!read.is_conversation());
        assert_eq!(read.message, arguments.message);
        assert_eq!(read.customer, arguments.customer);
    }

    #[test]
    fn sources_have_a_title_or_a_name() {
        let source = json!({"source": "document:a", "title": "Returns", "url": "/documents/a"});
        assert_eq!(titled(&source), "Returns (/documents/a)");
        assert_eq!(
            titled(&json!({"source": "order:1", "title": null})),
            "order:1"
        );
    }
}
