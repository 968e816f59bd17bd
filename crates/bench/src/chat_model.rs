//! The language model that a measurement asks, where one is named.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use secrecy::SecretString;
use serve::support::{Chat, ChatModel};
use server::app::{Backend, LocalModel};
use server::config::Config;

/// A measurement waits longer than a customer does.
const SECONDS_AN_ANSWER: u64 = 120;

/// Which model it is.
#[derive(Debug, Clone, Args)]
pub struct ChatModelArguments {
    /// A published model that runs here: a Hugging Face folder or a GGUF file.
    #[arg(long, value_name = "PATH", conflicts_with = "backend")]
    model: Option<PathBuf>,
    /// An OpenAI-compatible server, as http://127.0.0.1:8000/v1. Its key is read
    /// from SHOPKEEPER_BACKEND_KEY.
    #[arg(long, value_name = "URL")]
    backend: Option<String>,
    /// The model to ask that server for.
    #[arg(long, value_name = "NAME", default_value = "", requires = "backend")]
    backend_model: String,
}

impl ChatModelArguments {
    /// The model, where one is named.
    pub fn load(&self) -> anyhow::Result<Option<Box<dyn ChatModel>>> {
        if let Some(path) = &self.model {
            let model = LocalModel::load(path)?;
            return Ok(Some(Box::new(model)));
        }
        let Some(url) = &self.backend else {
            return Ok(None);
        };
        let model = backend(url, &self.backend_model)?;
        Ok(Some(Box::new(model)))
    }
}

/// A server's model, asked without a limit of tokens.
pub fn backend(url: &str, model: &str) -> anyhow::Result<Backend> {
    let key = std::env::var("SHOPKEEPER_BACKEND_KEY").unwrap_or_default();
    let config = Config {
        backend_url: url.to_owned(),
        backend_model: model.to_owned(),
        backend_key: SecretString::from(key),
        backend_timeout_ms: SECONDS_AN_ANSWER * 1_000,
        backend_tokens_per_day: u64::MAX / 2,
        ..Config::default()
    };
    Backend::of(&config)
        .ok_or_else(|| anyhow::anyhow!("--backend: {url:?} is no address as http://host/v1"))
}

/// For one answer, from now on.
pub fn chat(model: &dyn ChatModel) -> Chat<'_> {
    Chat {
        model,
        until: Instant::now() + Duration::from_secs(SECONDS_AN_ANSWER),
        is_interrupted: &|| false,
    }
}
