//! Webhooks: what enters the log is told to the addresses that the shop names,
//! in the order of the log and signed. Where each of them is in the log is on
//! the disk, so that a crash repeats deliveries and loses none.

mod address;
mod deliver;
mod event_type;
mod sign;

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shop::Timestamp;

use self::deliver::Sender;
pub use self::event_type::EventType;
use crate::app::{App, fresh_id, now};
use crate::config::Config;
use crate::http::origin::is_loopback;
use crate::shared_file::SharedFile;

/// The file with the webhooks and their secrets.
const FILE: &str = "webhooks.json";
/// The file that says how far each of them is.
const POSITIONS: &str = "webhook_positions.json";
/// How many there may be.
const MOST: usize = 50;
/// How many deliveries of each are shown.
const SHOWN: usize = 100;

/// An address that is told what enters the log.
#[derive(Clone, Serialize, Deserialize)]
pub struct Webhook {
    /// Its name in paths, lists and ids of deliveries.
    pub id: String,
    /// Where deliveries go.
    pub url: String,
    /// Which types of event it is told of.
    pub types: Vec<EventType>,
    /// When it was made.
    pub created_at: Timestamp,
    /// The end of the log at that time.
    begins_after: u64,
    secret: String,
}

/// Where a webhook is in the log.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Position {
    /// All entries up to this one were acknowledged, or are of no type that it
    /// is told of.
    pub acknowledged: u64,
    /// How often it was moved by hand: a delivery on its way does not undo it.
    replays: u64,
    /// Since when nothing has been acknowledged.
    pub failing_since: Option<Timestamp>,
    /// Why nothing is delivered until it is replayed.
    pub disabled: Option<String>,
}

/// What became of a delivery so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "DeliveryStatus")]
pub enum DeliveryStatus {
    /// The receiver answered with a status of 200 to 299.
    Delivered,
    /// It did not.
    Failed,
}

/// What is shown of a delivery.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "WebhookDelivery")]
pub struct DeliveryRecord {
    /// As `webhook-id` says it: the same each time that the entry is delivered.
    pub id: String,
    /// The place in the log.
    pub sequence: u64,
    /// What it tells of.
    #[serde(rename = "type")]
    pub event_type: EventType,
    /// Of the last attempt.
    pub status: DeliveryStatus,
    /// How many there were.
    pub attempts: u32,
    /// When the last one was.
    pub attempted_at: Timestamp,
    /// What the receiver answered.
    pub http_status: Option<u16>,
    /// Why it was not taken.
    pub error: Option<String>,
}

/// The webhooks of a shop.
pub struct Webhooks {
    registry: SharedFile<Vec<Webhook>>,
    positions: SharedFile<BTreeMap<String, Position>>,
    deliveries: Mutex<BTreeMap<String, VecDeque<DeliveryRecord>>>,
    sender: Sender,
    /// Whether this server listens to its own machine alone.
    local: bool,
    pauses: Vec<Duration>,
}

/// Starts a task for each webhook there is.
pub fn start(app: &Arc<App>) {
    for webhook in app.webhooks.list() {
        start_one(app, webhook.id);
    }
}

/// Starts the task of one.
pub fn start_one(app: &Arc<App>, id: String) {
    tokio::spawn(deliver::deliver(Arc::downgrade(app), id));
}

/// The id of the delivery of an entry of the log.
fn delivery_id(webhook: &str, sequence: u64) -> String {
    format!("{webhook}_{sequence}")
}

/// The place in the log of a delivery of a webhook.
pub fn sequence_of(webhook: &str, delivery: &str) -> Option<u64> {
    let sequence = delivery.strip_prefix(webhook)?.strip_prefix('_')?;
    sequence.parse().ok()
}

impl Webhooks {
    /// Those of a data folder.
    pub fn open(folder: &Path, config: &Config) -> Self {
        let local = is_loopback(&config.host);
        Self {
            registry: SharedFile::open(folder.join(FILE)),
            positions: SharedFile::open(folder.join(POSITIONS)),
            deliveries: Mutex::default(),
            sender: Sender::new(local),
            local,
            pauses: config.webhook_pauses.clone(),
        }
    }

    /// All of them, in the order in which they were made.
    pub fn list(&self) -> Vec<Webhook> {
        self.registry.load().to_vec()
    }

    /// The one with this id.
    pub fn get(&self, id: &str) -> Option<Webhook> {
        let all = self.registry.load();
        all.iter().find(|webhook| webhook.id == id).cloned()
    }

    /// Where one is in the log.
    pub fn position(&self, webhook: &Webhook) -> Position {
        let positions = self.positions.load();
        let known = positions.get(&webhook.id).cloned();
        known.unwrap_or_else(|| webhook.first_position())
    }

    /// The last deliveries of one, the newest first.
    pub fn deliveries(&self, id: &str) -> Vec<DeliveryRecord> {
        let all = self.deliveries.lock();
        let all = all.unwrap_or_else(PoisonError::into_inner);
        all.get(id).into_iter().flatten().rev().cloned().collect()
    }

    /// Says why a URL may be none of a webhook.
    ///
    /// # Errors
    /// It is no URL, or leads where deliveries do not go.
    pub fn check_url(&self, url: &str) -> Result<(), String> {
        address::check_url(url, self.local)
    }

    /// Makes one that is told of what comes after `end` of the log; it comes
    /// with its secret. `None` where there are as many as there may be.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn create(
        &self,
        url: String,
        types: Vec<EventType>,
        end: u64,
    ) -> anyhow::Result<Option<(Webhook, String)>> {
        let webhook = Webhook {
            id: fresh_id().to_string(),
            url,
            types,
            created_at: now(),
            begins_after: end,
            secret: sign::fresh_secret(),
        };
        let is_kept = self.registry.edit(|all| {
            let is_kept = all.len() < MOST;
            if is_kept {
                all.push(webhook.clone());
            }
            is_kept
        })?;
        let secret = webhook.secret.clone();
        Ok(is_kept.then_some((webhook, secret)))
    }

    /// Ends one; `false` where there is none of this id.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn delete(&self, id: &str) -> anyhow::Result<bool> {
        let was_there = self.registry.edit(|all| {
            let before = all.len();
            all.retain(|webhook| webhook.id != id);
            all.len() < before
        })?;
        self.positions.edit(|positions| positions.remove(id))?;
        let deliveries = self.deliveries.lock();
        deliveries
            .unwrap_or_else(PoisonError::into_inner)
            .remove(id);
        Ok(was_there)
    }

    /// Goes on after an entry of the log, also where it was disabled.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn replay(&self, webhook: &Webhook, after: u64) -> anyhow::Result<()> {
        let replays = self.position(webhook).replays;
        self.positions.edit(|positions| {
            let known = positions.get(&webhook.id).map(|one| one.replays);
            let moved = Position {
                acknowledged: after,
                replays: known.unwrap_or(replays) + 1,
                ..Position::default()
            };
            positions.insert(webhook.id.clone(), moved);
        })
    }

    /// Writes down where one is, unless it was moved meanwhile or is gone.
    fn settle(&self, webhook: &Webhook, position: Position) -> anyhow::Result<()> {
        if self.position(webhook) == position {
            return Ok(());
        }
        self.positions.edit(|positions| {
            let known = positions.get(&webhook.id).map_or(0, |one| one.replays);
            // One that is deleted leaves the registry before its position.
            if known == position.replays && self.get(&webhook.id).is_some() {
                positions.insert(webhook.id.clone(), position);
            }
        })
    }

    /// Notes an attempt of a delivery.
    fn note(&self, webhook: &str, record: DeliveryRecord) {
        let all = self.deliveries.lock();
        let mut all = all.unwrap_or_else(PoisonError::into_inner);
        let list = all.entry(webhook.to_owned()).or_default();
        match list.back_mut() {
            Some(last) if last.id == record.id && last.status == DeliveryStatus::Failed => {
                let attempts = last.attempts + record.attempts;
                *last = DeliveryRecord { attempts, ..record };
            }
            _ => {
                list.push_back(record);
                if list.len() > SHOWN {
                    list.pop_front();
                }
            }
        }
    }
}

impl Webhook {
    /// Where it begins.
    fn first_position(&self) -> Position {
        Position {
            acknowledged: self.begins_after,
            ..Position::default()
        }
    }
}
