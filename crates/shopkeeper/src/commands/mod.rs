//! What each verb of the command line does. Tables and progress are for
//! people, on stderr; answers and the `--json` object go to stdout.

mod bases;
mod campaign;
mod export;
mod keys;
mod services;
mod shop;
mod training;

use std::path::{Path, PathBuf};

use anyhow::Context;
use serde_json::Value;
use store::Store;

use crate::cli::{Cli, Verb};
use server::config::Config;

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
        }
    }

    /// The configuration, or its defaults.
    pub fn config(&self) -> anyhow::Result<Config> {
        Config::load(&self.config_path)
    }

    /// Opens the shop; a folder that is not there yet is made.
    pub async fn store(&self) -> anyhow::Result<Store> {
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

    /// Prints `text` for a person; a program gets the JSON object alone.
    pub fn say(&self, text: impl std::fmt::Display) {
        if !self.json {
            println!("{text}");
        }
    }
}

/// Makes the folder with all above it.
pub fn make_folder(folder: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder)
        .with_context(|| format!("cannot make the data folder {}", folder.display()))
}

/// Does what the command line says.
pub async fn run(cli: Cli) -> anyhow::Result<Done> {
    let setting = Setting::new(&cli);
    match cli.verb {
        Verb::Demo(arguments) => services::demo(&setting, &arguments).await,
        Verb::Init => shop::init(&setting),
        Verb::Doctor => shop::doctor(&setting).await,
        Verb::Import(arguments) => shop::import(&setting, &arguments).await,
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
