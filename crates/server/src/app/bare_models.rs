//! Models that programs ask by name, without the shop's sources around them.
//! Each is loaded when it is first asked for and kept until another is: at most
//! one decoder and one encoder are in memory, beside what serves the shop. The
//! model and the encoder of the assistant are not loaded a second time.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock, RwLockWriteGuard};
use std::time::UNIX_EPOCH;

use models::{ChatModel, Engine, EngineOptions, LanguageModel, Precision, SentenceEncoder};
use shop::Service;
use tokio::runtime::Handle;

use super::{App, BoundedQueue, ChatModelPart, now};
use crate::bases;

/// The name of the shop's assistant.
pub const ASSISTANT: &str = "assistant";
/// What the assistant was called before; it goes on working.
const OLD_ASSISTANT: &str = "shopkeeper-support";
/// Answers that one decoder writes at once.
const STREAMS: usize = 4;
/// Requests that may wait for a thread.
const WAITING: usize = 16;
/// Keys and values that take more for a token are kept in 8 bits.
const MOST_BYTES_A_TOKEN: usize = 64 * 1024;
/// The family of encoders, as Hugging Face calls it.
const ENCODERS: &str = "bert";

/// What stands behind a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModelSource {
    /// The shop's assistant, which speaks by its sources alone.
    Assistant,
    /// The language model that the shop trained for support, by its version.
    Trained(String),
    /// A published model that writes.
    Decoder(PathBuf),
    /// A published model that makes vectors of texts.
    Encoder(PathBuf),
}

/// A model that may be asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedModel {
    /// What it is called.
    pub name: String,
    /// What it is.
    pub source: ModelSource,
    /// Since when it is there, in seconds.
    pub created: i64,
}

/// A decoder that runs.
#[derive(Debug)]
pub struct Decoder {
    /// How it is spoken to.
    pub chat: ChatModel,
    /// What writes its answers.
    pub engine: Engine,
}

impl Decoder {
    /// Starts the engine that a model runs on.
    ///
    /// # Errors
    /// Where it is no decoder.
    pub fn start(chat: ChatModel) -> anyhow::Result<Self> {
        let config = chat.network.config();
        let bytes_a_token = config.layers * config.key_width() * 2 * size_of::<f32>();
        let options = EngineOptions {
            streams: STREAMS,
            queue: WAITING,
            compact_cache: bytes_a_token > MOST_BYTES_A_TOKEN,
            ..EngineOptions::default()
        };
        let engine = Engine::start(chat.network.clone(), options)?;
        Ok(Self { chat, engine })
    }
}

/// The models that programs ask by name.
pub struct BareModels {
    /// Where requests for text wait.
    pub completions: BoundedQueue,
    /// Where requests for vectors wait.
    pub embeddings: BoundedQueue,
    decoder: Place<Decoder>,
    encoder: Place<Arc<SentenceEncoder>>,
}

impl Default for BareModels {
    fn default() -> Self {
        Self {
            completions: BoundedQueue::new("completions", STREAMS, WAITING),
            embeddings: BoundedQueue::new("embeddings", 1, WAITING),
            decoder: Place::default(),
            encoder: Place::default(),
        }
    }
}

/// Holds one model at a time, by name.
struct Place<T>(RwLock<Option<(String, T)>>);

impl<T> Default for Place<T> {
    fn default() -> Self {
        Self(RwLock::default())
    }
}

impl<T> Place<T> {
    /// Works with a model, which is loaded if another one or none is here.
    /// Another one goes first, after the last who works with it: two are
    /// never in memory.
    fn with<R>(
        &self,
        name: &str,
        load: impl FnOnce() -> anyhow::Result<T>,
        work: impl FnOnce(&T) -> R,
    ) -> anyhow::Result<R> {
        let held = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, model)) = held.as_ref().filter(|(held, _)| held == name) {
            return Ok(work(model));
        }
        drop(held);
        let mut place = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if place.as_ref().is_none_or(|(held, _)| held != name) {
            *place = None;
            *place = Some((name.to_owned(), load()?));
        }
        let held = RwLockWriteGuard::downgrade(place);
        match held.as_ref() {
            Some((_, model)) => Ok(work(model)),
            None => anyhow::bail!("{name} was loaded and is gone"),
        }
    }
}

impl App {
    /// The models that may be asked for, the assistant first. Reads the data
    /// folder: call it off the async threads.
    pub fn named_models(&self) -> Vec<NamedModel> {
        let started = now().as_seconds() - self.started.elapsed().as_secs().cast_signed();
        let own = |name: &str, source| NamedModel {
            name: name.to_owned(),
            source,
            created: started,
        };
        let mut models = vec![own(ASSISTANT, ModelSource::Assistant)];
        if let Some(version) = self.loaded().version(Service::Support) {
            let name = Service::Support.name();
            models.push(own(name, ModelSource::Trained(version)));
        }
        let data = self.store.folder();
        models.extend(bases::list(data).into_iter().map(|base| {
            let folder = bases::base_models_folder(data).join(&base.name);
            NamedModel {
                created: changed(&folder).unwrap_or(started),
                name: base.name,
                source: match base.family.as_str() {
                    ENCODERS => ModelSource::Encoder(folder),
                    _ => ModelSource::Decoder(folder),
                },
            }
        }));
        if let (Some(name), Ok(folder)) = (
            self.encoder_name(),
            bases::find(data, &self.config.support_encoder),
        ) {
            models.push(own(&name, ModelSource::Encoder(folder)));
        }
        if let Some(path) = self.chat_model.as_ref().and_then(ChatModelPart::path)
            && let Ok(name) = bases::name_of(path)
        {
            let name = name.to_ascii_lowercase();
            models.push(own(&name, ModelSource::Decoder(path.to_owned())));
        }
        let mut seen = std::collections::BTreeSet::new();
        models.retain(|model| seen.insert(model.name.clone()));
        models
    }

    /// The model of this name; [`App::named_models`] says where to call it.
    pub fn named_model(&self, name: &str) -> Option<NamedModel> {
        let name = if name == OLD_ASSISTANT {
            ASSISTANT
        } else {
            name
        };
        let mut models = self.named_models().into_iter();
        models.find(|model| model.name == name)
    }

    /// The name of the encoder that support listens to: that of its base, or
    /// of its folder.
    fn encoder_name(&self) -> Option<String> {
        let name = Path::new(&self.config.support_encoder).file_name()?;
        Some(name.to_string_lossy().to_ascii_lowercase())
    }

    /// Works with a decoder. Blocks while it is loaded.
    ///
    /// # Errors
    /// Where it cannot be loaded.
    pub fn with_decoder<R>(
        &self,
        model: &NamedModel,
        work: impl FnOnce(&Decoder) -> R,
    ) -> anyhow::Result<R> {
        if let (ModelSource::Decoder(path), Some(chat_model)) = (&model.source, &self.chat_model)
            && let Some(decoder) = chat_model.decoder_at(path)
        {
            return Ok(work(decoder));
        }
        let (name, load): (_, Box<dyn FnOnce() -> anyhow::Result<ChatModel>>) = match &model.source
        {
            ModelSource::Trained(version) => {
                let load = || {
                    let files = self.store.get_artifact(Service::Support.name(), version);
                    let files = Handle::current().block_on(files)?;
                    let trained = LanguageModel::from_files(&files)?.for_serving()?;
                    Ok(ChatModel::trained(trained))
                };
                (format!("{}/{version}", model.name), Box::new(load))
            }
            ModelSource::Decoder(folder) => {
                let load = || Ok(ChatModel::published(folder, Precision::AsStored)?);
                (model.name.clone(), Box::new(load))
            }
            ModelSource::Assistant | ModelSource::Encoder(_) => {
                anyhow::bail!("{} does not write by itself", model.name)
            }
        };
        let load = || Decoder::start(load()?);
        self.bare_models.decoder.with(&name, load, work)
    }

    /// Works with an encoder. Blocks while it is loaded.
    ///
    /// # Errors
    /// Where it cannot be loaded.
    pub fn with_encoder<R>(
        &self,
        model: &NamedModel,
        work: impl FnOnce(&SentenceEncoder) -> R,
    ) -> anyhow::Result<R> {
        let ModelSource::Encoder(folder) = &model.source else {
            anyhow::bail!("{} makes no vectors", model.name);
        };
        if let Some(encoder) = &self.encoder
            && self.encoder_name().as_ref() == Some(&model.name)
        {
            return Ok(work(encoder));
        }
        let load = || {
            let threads = std::thread::available_parallelism().map_or(1, usize::from);
            let encoder = SentenceEncoder::load(folder, Precision::Full, threads)?;
            Ok(Arc::new(encoder))
        };
        let encoder = &self.bare_models.encoder;
        encoder.with(&model.name, load, |encoder| work(encoder))
    }
}

/// When a folder was put in its place, in seconds.
fn changed(folder: &Path) -> Option<i64> {
    let changed = std::fs::metadata(folder).ok()?.modified().ok()?;
    let since = changed.duration_since(UNIX_EPOCH).ok()?;
    i64::try_from(since.as_secs()).ok()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn one_model_is_kept_and_two_are_never_there() {
        static THERE: AtomicUsize = AtomicUsize::new(0);
        struct Model(usize);
        impl Drop for Model {
            fn drop(&mut self) {
                THERE.fetch_sub(1, Ordering::SeqCst);
            }
        }
        let place = Place::default();
        let loads = AtomicUsize::new(0);
        let load = || {
            assert_eq!(THERE.fetch_add(1, Ordering::SeqCst), 0);
            Ok(Model(loads.fetch_add(1, Ordering::SeqCst)))
        };
        for (name, number) in [("a", 0), ("a", 0), ("b", 1), ("a", 2)] {
            let found = place.with(name, load, |model| model.0).unwrap();
            assert_eq!(found, number, "{name}");
        }
        let broken: anyhow::Result<()> = place.with("c", || anyhow::bail!("broken"), |_| ());
        assert_eq!(broken.unwrap_err().to_string(), "broken");
        assert_eq!(place.with("a", load, |model| model.0).unwrap(), 3);
        std::thread::scope(|scope| {
            for name in ["a", "b", "a", "b", "b", "a"] {
                scope.spawn(|| {
                    place
                        .with(name, load, |_| std::thread::yield_now())
                        .unwrap()
                });
            }
        });
    }
}
