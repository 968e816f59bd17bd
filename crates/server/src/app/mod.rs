//! What every request shares: the store, the models that serve, the queues.

mod backend;
mod bare_models;
mod bounded_queue;
mod chat_model;
mod conversation_queues;
mod loaded;
mod local_model;
mod recorder;
mod refresh;
mod retention;
mod tasks;
mod usage;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;
use models::{Precision, SentenceEncoder};
use serve::support::Policy;
use shop::{DecisionRecord, Id, Service, Timestamp};
use store::{Snapshot, Store};

pub use backend::Backend;
pub use bare_models::{ASSISTANT, BareModels, Decoder, ModelSource, NamedModel};
pub use bounded_queue::{BoundedQueue, QueueError};
pub use chat_model::ChatModelPart;
pub use conversation_queues::{ConversationQueues, ConversationTurn};
pub use loaded::{InsightPart, Loaded, SupportPart};
pub use local_model::LocalModel;
pub use recorder::{DecisionPermit, Recorder};
pub use refresh::refresh_once;
pub use tasks::{Status, Task, TaskProgress, Tasks};
pub use usage::Usage;

use crate::commands::Commands;
use crate::config::Config;
use crate::http::authorise::Gate;
use crate::http::customer_token::Signer;
use crate::http::idempotency::Answers;
use crate::http::live::Live;
use crate::keyring::Keyring;
use crate::mappings::Mappings;
use crate::platforms::{Hooks, Platform};
use crate::webhooks::{self, Webhooks};

/// How many requests of one service may wait for a thread.
const WAITING: usize = 64;

/// The queues of the four services.
pub struct Queues {
    /// Search and suggestions.
    pub search: BoundedQueue,
    /// Recommendations.
    pub recommend: BoundedQueue,
    /// Support answers.
    pub support: BoundedQueue,
    /// Insight.
    pub insight: BoundedQueue,
}

/// What every request shares.
pub struct App {
    /// The log and what is derived from it.
    pub store: Arc<Store>,
    /// What the operator set.
    pub config: Config,
    /// Who may do what.
    pub gate: Gate,
    /// Where model work waits.
    pub queues: Queues,
    /// What programs ask by name, without the shop around it.
    pub bare_models: BareModels,
    /// Imports and training.
    pub tasks: Arc<Tasks>,
    /// Uploads are imported one after another, in the order they came: of two
    /// with the same product the later one stays.
    pub imports: Arc<tokio::sync::Mutex<()>>,
    /// What was said of the columns of files.
    pub mappings: Mappings,
    /// Answers to writes, for those who ask twice.
    pub answers: Answers,
    /// What support may do for a customer.
    pub policy: Arc<Policy>,
    /// How much each customer has asked for.
    pub usage: Usage,
    /// The assistant's language model, if one is set.
    pub chat_model: Option<ChatModelPart>,
    /// Whose turn it is in each conversation.
    pub conversations: ConversationQueues,
    /// Tells whoever listens to a conversation what happens in it.
    pub live: Live,
    /// What Shopify's webhooks share.
    pub shopify: Hooks,
    /// What WooCommerce's webhooks share.
    pub woocommerce: Hooks,
    /// Who is told what enters the log.
    pub webhooks: Arc<Webhooks>,
    /// Who runs verbs of the command line in this process, if anybody.
    pub commands: OnceLock<Commands>,
    /// When this process began to serve.
    pub started: Instant,
    services: Vec<Service>,
    encoder: Option<Arc<SentenceEncoder>>,
    loaded: ArcSwap<Loaded>,
    refreshing: tokio::sync::Mutex<refresh::Refreshing>,
    recorder: Recorder,
    stopping: AtomicBool,
}

impl App {
    /// Loads what serves now and starts the tasks that write decisions, swap
    /// models and deliver to webhooks. Needs a Tokio runtime.
    pub async fn start(store: Arc<Store>, config: Config) -> Arc<Self> {
        let app = Self::start_for(store, config, &Service::ALL).await;
        webhooks::start(&app);
        app
    }

    /// As [`App::start`], with these services alone and without webhooks: one
    /// question from the command line needs one of them.
    pub async fn start_for(store: Arc<Store>, config: Config, services: &[Service]) -> Arc<Self> {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        crate::http::metrics::recorder();
        let policy = Arc::new(read_policy(store.folder()));
        let signer = Signer::open(store.folder(), &config.customer_secret);
        let keys = Arc::new(Keyring::open(store.folder(), &config.keys));
        let (encoder, chat_model) = if services.contains(&Service::Support) {
            let encoder = read_encoder(&config, store.folder(), threads);
            (encoder, ChatModelPart::of(&config, store.folder()))
        } else {
            (None, None)
        };
        let app = Arc::new(Self {
            encoder,
            gate: Gate::new(&config, keys, signer),
            usage: Usage::new(policy.limits.clone()),
            policy,
            chat_model,
            queues: Queues {
                search: BoundedQueue::new("search", threads, WAITING),
                recommend: BoundedQueue::new("recommend", threads, WAITING),
                support: BoundedQueue::new("support", threads, WAITING),
                insight: BoundedQueue::new("insight", threads, WAITING),
            },
            bare_models: BareModels::default(),
            tasks: Arc::new(Tasks::default()),
            imports: Arc::default(),
            mappings: Mappings::open(store.folder()),
            answers: Answers::default(),
            live: Live::default(),
            shopify: Hooks::open(store.folder(), Platform::Shopify),
            woocommerce: Hooks::open(store.folder(), Platform::WooCommerce),
            webhooks: Arc::new(Webhooks::open(store.folder(), &config)),
            commands: OnceLock::new(),
            started: Instant::now(),
            loaded: ArcSwap::from_pointee(Loaded::default()),
            refreshing: tokio::sync::Mutex::default(),
            recorder: Recorder::start(store.clone()),
            stopping: AtomicBool::new(false),
            conversations: ConversationQueues::default(),
            store,
            config,
            services: services.to_vec(),
        });
        refresh_once(&app).await;
        tokio::spawn(refresh::keep_fresh(Arc::downgrade(&app)));
        tokio::spawn(retention::expire(Arc::downgrade(&app)));
        app
    }

    /// The shop as it is now.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.store.snapshot()
    }

    /// The models that serve now.
    pub fn loaded(&self) -> Arc<Loaded> {
        self.loaded.load_full()
    }

    /// What is wrong with the models that should serve; empty when all is well.
    pub fn alarms(&self) -> Vec<String> {
        self.loaded().alarms(&self.snapshot())
    }

    /// A place for a decision, or `None` when the log cannot keep up.
    pub fn reserve_decision(&self) -> Option<DecisionPermit> {
        self.recorder.reserve_decision()
    }

    /// Returns when every decision so far is in the log.
    pub async fn flush(&self) {
        self.recorder.flush().await;
    }

    /// Waits until `decision` is in the log, if it is one that is on its way.
    pub async fn settle<'a>(&self, decisions: impl IntoIterator<Item = &'a Id>) {
        let snapshot = self.snapshot();
        if decisions
            .into_iter()
            .any(|id| !snapshot.decisions.contains_key(id))
        {
            self.flush().await;
        }
    }

    /// How many wait, by queue.
    pub fn queue_depths(&self) -> [(&'static str, usize); 7] {
        let queues = &self.queues;
        let depth = |queue: &BoundedQueue| (queue.name(), queue.depth());
        [
            depth(&queues.search),
            depth(&queues.recommend),
            depth(&queues.support),
            depth(&queues.insight),
            depth(&self.bare_models.completions),
            depth(&self.bare_models.embeddings),
            ("decisions", self.recorder.depth()),
        ]
    }

    /// Whether shutdown has begun.
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// Shutdown begins: long work is asked to end.
    pub fn begin_stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
        self.tasks.stop();
    }
}

/// The shop's `policy.toml`, or the rules that ship with the program. A file
/// that cannot be read allows nothing: rules in doubt are no rules.
fn read_policy(folder: &std::path::Path) -> Policy {
    let path = folder.join("policy.toml");
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Policy::default(),
        Err(error) => return refuse_all(&path, &error.to_string()),
    };
    match Policy::parse(&text) {
        Ok(policy) => policy,
        Err(error) => refuse_all(&path, &error),
    }
}

/// The encoder that the operator chose; support goes on by words alone
/// where it cannot be read.
fn read_encoder(
    config: &Config,
    data: &std::path::Path,
    threads: usize,
) -> Option<Arc<SentenceEncoder>> {
    if config.support_encoder.is_empty() {
        return None;
    }
    let read = crate::bases::find(data, &config.support_encoder)
        .and_then(|folder| Ok(SentenceEncoder::load(&folder, Precision::Full, threads)?));
    match read {
        Ok(encoder) => Some(Arc::new(encoder)),
        Err(error) => {
            tracing::error!(%error, "support_encoder: support goes by words alone");
            None
        }
    }
}

fn refuse_all(path: &std::path::Path, error: &str) -> Policy {
    tracing::error!(path = %path.display(), error, "no rule holds until this file is mended");
    Policy::nothing()
}

/// The time of the wall clock.
pub fn now() -> Timestamp {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

/// A fresh id, in the order of time.
pub fn fresh_id() -> Id {
    let text = uuid::Uuid::now_v7().to_string();
    match Id::new(&text) {
        Ok(id) => id,
        Err(error) => unreachable!("a UUID is an id: {error}"),
    }
}

/// A seed that differs from request to request: the random part of its id.
pub fn seed_of(id: &Id) -> u64 {
    use std::hash::Hasher;
    let mut hash = rustc_hash::FxHasher::default();
    hash.write(id.as_str().as_bytes());
    hash.finish()
}

/// An empty record of a decision, for the fields that all have.
pub fn decision_record(id: Id, time: Timestamp, service: Service) -> DecisionRecord {
    DecisionRecord {
        id,
        time,
        service,
        customer_id: None,
        session_id: None,
        shown: Vec::new(),
        propensity: None,
        models: Vec::new(),
        stages: Vec::new(),
        explanation: serde_json::Value::Null,
    }
}
