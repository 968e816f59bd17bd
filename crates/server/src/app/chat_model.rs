//! The assistant's language model: a server elsewhere, or a model of this
//! machine.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serve::support::{Chat, ChatModel};

use super::backend::Backend;
use super::{Decoder, LocalModel};
use crate::bases;
use crate::config::Config;

/// A model with the time that one answer may take.
#[derive(Clone)]
pub struct ChatModelPart {
    model: Arc<dyn ChatModel>,
    timeout: Duration,
    /// Where the model lies, if this machine runs it.
    local: Option<(PathBuf, Arc<LocalModel>)>,
}

impl ChatModelPart {
    /// The model that is configured; `None` when there is none, or it cannot be
    /// loaded: the assistant then goes on without. A server elsewhere comes
    /// before a model of this machine.
    pub fn of(config: &Config, data: &Path) -> Option<Self> {
        if !config.backend_url.is_empty() {
            let backend = Backend::of(config)?;
            return Some(Self {
                timeout: backend.timeout,
                model: Arc::new(backend),
                local: None,
            });
        }
        if config.support_model.is_empty() {
            return None;
        }
        let loaded = bases::find(data, &config.support_model)
            .and_then(|path| Ok((LocalModel::load(&path)?, path)));
        match loaded {
            Ok((model, path)) => {
                let model = Arc::new(model);
                Some(Self {
                    timeout: Duration::from_millis(config.backend_timeout_ms),
                    model: model.clone(),
                    local: Some((path, model)),
                })
            }
            Err(error) => {
                tracing::error!("support_model: {error:#}. Answers come without it");
                None
            }
        }
    }

    /// What runs the model that lies there, if this is it.
    pub fn decoder_at(&self, path: &Path) -> Option<&Decoder> {
        let (place, model) = self.local.as_ref()?;
        (place == path).then(|| model.decoder())
    }

    /// Where the model lies, if this machine runs it.
    pub fn path(&self) -> Option<&Path> {
        self.local.as_ref().map(|(path, _)| path.as_path())
    }

    /// The name of the model.
    pub fn name(&self) -> &str {
        self.model.name()
    }

    /// For one answer, from now on.
    pub fn chat<'a>(&'a self, is_interrupted: &'a (dyn Fn() -> bool + Sync)) -> Chat<'a> {
        Chat {
            model: &*self.model,
            until: Instant::now() + self.timeout,
            is_interrupted,
        }
    }
}
