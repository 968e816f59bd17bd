//! The assistant's language model: a server elsewhere.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serve::support::{Chat, ChatModel};

use super::backend::Backend;
use crate::config::Config;

/// A model with the time that one answer may take.
#[derive(Clone)]
pub struct ChatModelPart {
    model: Arc<dyn ChatModel>,
    timeout: Duration,
}

impl ChatModelPart {
    /// The model that is configured; `None` when there is none.
    pub fn of(config: &Config) -> Option<Self> {
        let backend = Backend::of(config)?;
        Some(Self {
            timeout: backend.timeout,
            model: Arc::new(backend),
        })
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
