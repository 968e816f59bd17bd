//! What each verb of the command line does. Tables and progress are for
//! people, on stderr; answers and the `--json` object go to stdout.

mod bases;
mod campaign;
mod chat;
mod export;
mod export_records;
mod import;
mod keys;
mod recommended;
mod services;
mod shop;
mod training;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ::shop::{Progress, Service};
use anyhow::Context;
use serde_json::Value;
use server::app::App;
use server::commands::Line;
use server::config::Config;
use server::progress;
use store::Store;

use crate::cli::{Cli, Verb};
use crate::remote::{self, Served};
use crate::stop_on_interrupt;

/// How often work for another process looks whether the server stops.
const STOPPING_LOOKED_AT_EVERY: Duration = Duration::from_millis(200);

/// What a verb leaves behind for the caller.
pub struct Done {
    /// Exit status.
    pub status: u8,
    /// For `--json`.
    pub json: Value,
}

impl Done {
    /// All went well.
    pub fn with(json: Value) -> Self {
        Self { status: 0, json }
    }
}

/// Where things are and what was asked of every verb.
pub struct Setting {
    /// The data folder.
    pub folder: PathBuf,
    /// The configuration file.
    pub config_path: PathBuf,
    /// Whether stdout is for a program.
    pub json: bool,
    /// The server that does the work for another process, if this is one.
    served: Option<Served>,
}

impl Setting {
    fn new(cli: &Cli) -> Self {
        let default = match cli.verb {
            Verb::Demo(_) => "shopkeeper-demo",
            _ => "shopkeeper-data",
        };
        let folder = cli.data.clone().unwrap_or_else(|| default.into());
        let config_path = cli
            .config
            .clone()
            .unwrap_or_else(|| folder.join("shopkeeper.toml"));
        Self {
            folder,
            config_path,
            json: cli.json,
            served: None,
        }
    }

    /// The setting of a command that this server does for another process.
    pub fn served(cli: &Cli, served: Served) -> Self {
        let folder = served.app.store.folder().to_path_buf();
        let config_path = folder.join("shopkeeper.toml");
        Self {
            config_path: cli
                .config
                .as_ref()
                .map_or(config_path, |path| served.directory.join(path)),
            folder,
            json: cli.json,
            served: Some(served),
        }
    }

    /// The configuration, or its defaults.
    pub fn config(&self) -> anyhow::Result<Config> {
        match &self.served {
            Some(served) => Ok(served.app.config.clone()),
            None => Config::load(&self.config_path),
        }
    }

    /// Opens the shop; a folder that is not there yet is made.
    pub async fn store(&self) -> anyhow::Result<Store> {
        if let Some(served) = &self.served {
            return Ok((*served.app.store).clone());
        }
        make_folder(&self.folder)?;
        Ok(Store::open(&self.folder).await?)
    }

    /// Opens a shop that must already be there.
    pub async fn existing_store(&self) -> anyhow::Result<Store> {
        if !self.folder.join("shopkeeper.db").exists() {
            anyhow::bail!(
                "there is no shop in {}: `shopkeeper import FILE…` or `shopkeeper demo` makes one, \
                 --data names another folder",
                self.folder.display()
            );
        }
        self.store().await
    }

    /// Services of an existing shop, as the server would load them, or has.
    pub async fn app(&self, services: &[Service]) -> anyhow::Result<Arc<App>> {
        if let Some(served) = &self.served {
            return Ok(served.app.clone());
        }
        let config = self.config()?;
        let store = self.existing_store().await?;
        Ok(App::start_for(Arc::new(store), config, services).await)
    }

    /// The server in whose process the command runs, if it does.
    pub fn server(&self) -> Option<&Arc<App>> {
        self.served.as_ref().map(|served| &served.app)
    }

    /// A path as it was meant where the command was said.
    pub fn path(&self, path: &Path) -> PathBuf {
        match &self.served {
            Some(served) => served.directory.join(path),
            None => path.to_path_buf(),
        }
    }

    /// Prints `text` for a person; a program gets the JSON object alone.
    pub fn say(&self, text: impl std::fmt::Display) {
        match &self.served {
            _ if self.json => {}
            Some(served) => served.lines.send(Line::Out(text.to_string())),
            None => println!("{text}"),
        }
    }

    /// Prints `text` for a person, and goes on in the same line.
    pub fn say_piece(&self, text: String) {
        match &self.served {
            _ if self.json => {}
            Some(served) => served.lines.send(Line::Piece(text)),
            None => remote::show_piece(&text),
        }
    }

    /// Prints `text` on stderr, for a person who watches.
    pub fn note(&self, text: impl std::fmt::Display) {
        match &self.served {
            Some(served) => served.lines.send(Line::Note(text.to_string())),
            None => eprintln!("{text}"),
        }
    }

    /// Where long work shows how far it is.
    pub fn progress(&self) -> Arc<dyn Progress + Send + Sync> {
        match &self.served {
            Some(served) => Arc::new(served.lines.clone()),
            None => progress::for_stderr(),
        }
    }

    /// A flag that Ctrl-C raises, where the command was said.
    pub fn stop_flag(&self) -> Arc<AtomicBool> {
        let Some(served) = &self.served else {
            return stop_on_interrupt();
        };
        let stop = Arc::new(AtomicBool::new(false));
        let (raised, lines, app) = (stop.clone(), served.lines.clone(), served.app.clone());
        tokio::spawn(async move {
            while !app.is_stopping() {
                tokio::select! {
                    () = lines.closed() => break,
                    () = tokio::time::sleep(STOPPING_LOOKED_AT_EVERY) => {}
                }
            }
            raised.store(true, Ordering::Relaxed);
        });
        stop
    }
}

/// Makes the folder with all above it.
pub fn make_folder(folder: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder)
        .with_context(|| format!("cannot make the data folder {}", folder.display()))
}

/// Does what the command line says: in the server that holds the folder, if
/// there is one, else here.
pub async fn run(cli: Cli) -> anyhow::Result<Done> {
    let setting = Setting::new(&cli);
    if let Some(server) = remote::find(&setting.folder) {
        match &cli.verb {
            Verb::Serve(_) | Verb::Demo(_) => anyhow::bail!(
                "{} is served already, at http://{}/",
                setting.folder.display(),
                server.address
            ),
            Verb::Chat(arguments) if arguments.is_conversation() => {
                return chat::converse(&setting, arguments, Some(server)).await;
            }
            verb if remote::concerns_the_shop(verb) => return remote::run(server).await,
            _ => {}
        }
    }
    run_here(setting, cli.verb).await
}

/// Does what a verb says in this process.
pub async fn run_here(setting: Setting, verb: Verb) -> anyhow::Result<Done> {
    match verb {
        Verb::Demo(arguments) => services::demo(&setting, &arguments).await,
        Verb::Init => shop::init(&setting),
        Verb::Doctor => shop::doctor(&setting).await,
        Verb::Import(arguments) => import::run(&setting, &arguments).await,
        Verb::Delete(arguments) => shop::delete(&setting, &arguments).await,
        Verb::Prepare => shop::prepare(&setting).await,
        Verb::Train(arguments) => training::train(&setting, &arguments).await,
        Verb::Evaluate { model } => training::evaluate(&setting, model.as_deref()).await,
        Verb::Promote { model } => training::promote(&setting, &model).await,
        Verb::Rollback { service } => training::rollback(&setting, service).await,
        Verb::Models { action: None } => training::models(&setting).await,
        Verb::Models {
            action: Some(action),
        } => bases::run(&setting, action).await,
        Verb::Serve(arguments) => services::serve(&setting, &arguments).await,
        Verb::Chat(arguments) if arguments.is_conversation() => {
            chat::converse(&setting, &arguments, None).await
        }
        Verb::Chat(arguments) => chat::step(&setting, &arguments).await,
        Verb::Ask { question, customer } => {
            services::ask(&setting, &question, customer.as_deref()).await
        }
        Verb::Search(arguments) => services::search(&setting, &arguments).await,
        Verb::Recommend(arguments) => services::recommend(&setting, &arguments).await,
        Verb::Insight(arguments) => services::insight(&setting, &arguments).await,
        Verb::Campaign(arguments) => campaign::campaign(&setting, &arguments).await,
        Verb::Keys { action } => keys::run(&setting, action),
        Verb::Export(command) => export::run(&setting, &command).await,
        Verb::Bench(command) => Ok(Done::with(bench::run(command).await?)),
    }
}
