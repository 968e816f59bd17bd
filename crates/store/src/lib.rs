//! The only disk and the only SQL: an append-only event log that is the
//! truth, the tables derived from it, the artifacts that training makes, and
//! the immutable [`Snapshot`] that serving reads.
#![forbid(unsafe_code)]

mod artifact;
mod audit;
mod batch;
mod catalogue;
mod checkpoint;
mod commit;
mod database;
mod entry;
mod error;
mod explanations;
mod history;
mod ledger;
mod log;
mod permissions;
mod prepared;
mod query_log;
mod recent_map;
mod replay;
mod snapshot;
mod store;
mod tables;
mod trends;
mod writer;

pub use artifact::Manifest;
pub use audit::AuditQuery;
pub use catalogue::{Catalogue, ProductIndex};
pub use commit::{Commit, Committed, Precondition, VersionedRecord};
pub use entry::{Appended, Entry, LogEntry, NewEntry, RegistryEntry, Settlement};
pub use error::StoreError;
pub use explanations::ExplainedDecision;
pub use history::{Actor, Histories, History, Interaction, MAX_INTERACTIONS};
pub use query_log::{MIN_DISTINCT_USERS, QueryLog, QueryStatistics};
pub use recent_map::{Footprint, RecentMap};
pub use snapshot::{Counts, Outcomes, Snapshot};
pub use store::{Outcome, Store};
pub use trends::{TREND_HALF_LIFE_SECONDS, Trends};
pub use writer::Rules;
