use serde::{Deserialize, Serialize};
use shop::{
    Answer, AuditRecord, ConfirmationChange, Curation, DecisionRecord, Id, Kind, OfferCommand,
    Record, Service, Timestamp,
};

/// What a log entry says.
// Nearly every entry is a record: a box would cost each of them.
#[allow(clippy::large_enum_variant)]
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
    /// The ledger answered a command.
    Ledger(Settlement),
    /// The shop's people decided about search.
    Curation(Curation),
    /// A model changed its standing.
    Registry(RegistryEntry),
    /// A tool was called in a customer's name.
    Audit(AuditRecord),
    /// A customer is asked to confirm something, or answers.
    Confirmation(ConfirmationChange),
}

/// A command to the ledger with the answer that it got, for ever: one entry
/// holds all that moved, so that it moves as a whole or not at all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settlement {
    /// What was asked.
    pub command: OfferCommand,
    /// When it was decided.
    pub time: Timestamp,
    /// What was answered.
    pub answer: Answer,
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
    /// The idempotency key: unique in the log.
    pub id: String,
    /// What it says.
    pub entry: Entry,
}

/// An entry on its way into the log.
#[derive(Debug, Clone, PartialEq)]
pub struct NewEntry {
    /// The idempotency key, where the sender gave one. Without it an event's
    /// own id counts, and where there is none a digest of the content.
    /// Records that have ids (products, customers, …) need none: what is new
    /// about them is seen by their content.
    pub id: Option<Id>,
    /// What it says.
    pub entry: Entry,
}

/// What became of a [`NewEntry`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Appended {
    /// It is in the log, on the disk, at this place.
    New(u64),
    /// The log had it already; nothing changed.
    Duplicate,
}

impl From<Record> for NewEntry {
    fn from(record: Record) -> Self {
        Self {
            id: None,
            entry: Entry::Record(record),
        }
    }
}
