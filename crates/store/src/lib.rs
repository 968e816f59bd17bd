//! The only disk and the only SQL: an append-only event log that is the
//! truth, the tables derived from it, the artifacts that training makes, and
//! the immutable [`Snapshot`] that serving reads.
#![forbid(unsafe_code)]

mod entry;
mod snapshot;

pub use entry::{Entry, LogEntry, RegistryEntry};
pub use snapshot::{
    Actor, Catalogue, Counts, History, Interaction, MAX_INTERACTIONS, Outcomes, ProductIndex,
    Snapshot,
};
