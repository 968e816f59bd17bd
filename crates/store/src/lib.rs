//! The only disk and the only SQL: an append-only event log that is the
//! truth, the tables derived from it, the artifacts that training makes, and
//! the immutable [`Snapshot`] that serving reads.
#![forbid(unsafe_code)]

mod artifact;
mod audit;
mod batch;
mod commit;
mod database;
mod entry;
mod error;
mod ledger;
mod log;
mod prepared;
mod query_log;
mod replay;
mod snapshot;
mod store;
mod tables;
mod trends;
mod writer;

pub use artifact::Manifest;
pub use audit::AuditQuery;
pub use commit::{Commit, Committed, Precondition, VersionedRecord};
pub use entry::{Appended, Entry, LogEntry, NewEntry, RegistryEntry, Settlement};
pub use error::StoreError;
pub use query_log::{MIN_DISTINCT_USERS, QueryLog, QueryStatistics};
pub use snapshot::{
    Actor, Catalogue, Counts, History, Interaction, MAX_INTERACTIONS, Outcomes, ProductIndex,
    Snapshot,
};
pub use store::{Outcome, Store};
pub use trends::{TREND_HALF_LIFE_SECONDS, Trends};
pub use writer::Rules;
