use serde::{Deserialize, Serialize};
use shop::{DecisionRecord, Id, Kind, LedgerEntry, Record, Service};

/// What a log entry says.
#[derive(Debug, Clone, PartialEq)]
pub enum Entry {
    /// A record as the shop or a customer handed it in; replaces an earlier
    /// one of the same kind and id.
    Record(Record),
    /// A record is gone.
    Removed {
        /// Of this kind.
        kind: Kind,
        /// With this id.
        id: Id,
    },
    /// An answer of ours.
    Decision(DecisionRecord),
    /// Money moved.
    Ledger(LedgerEntry),
    /// A model changed its standing.
    Registry(RegistryEntry),
}

/// What happened to a model version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "registry", rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum RegistryEntry {
    /// Training finished; the artifact is stored. `metrics` holds each figure
    /// beside its baseline.
    Trained {
        service: Service,
        version: String,
        metrics: serde_json::Value,
    },
    /// It serves from now on.
    Promoted { service: Service, version: String },
}

/// An entry at its place in the log.
#[derive(Debug, Clone, PartialEq)]
pub struct LogEntry {
    /// 1 for the first; never reused.
    pub sequence: u64,
    /// The idempotency key.
    pub id: Id,
    /// What it says.
    pub entry: Entry,
}
