//! Writes that hold only while the records that they rest on stand as they
//! were read: no update is lost, and what belongs together is one commit.

use shop::{Id, Kind, OfferCommand, Record, Refusal, Timestamp};

use crate::prepared::Prepared;
use crate::tables::Version;
use crate::{Appended, NewEntry, Rules, StoreError};

/// What has to hold at the moment of writing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Precondition {
    /// The record has not been put or removed after this place in the log:
    /// for whoever planned on a [`Snapshot`](crate::Snapshot), whose
    /// `sequence` is such a place.
    Unchanged {
        /// The kind of the record.
        kind: Kind,
        /// Its id.
        id: Id,
        /// The last place that was read.
        since: u64,
    },
    /// The record stands in this version; `None` when there must be none.
    Version {
        /// The kind of the record.
        kind: Kind,
        /// Its id.
        id: Id,
        /// See [`VersionedRecord::version`].
        version: Option<u64>,
    },
    /// The confirmation with this token waits for the customer's word.
    Requested {
        /// The digest of its token.
        token_digest: String,
    },
}

impl Precondition {
    /// The record that it speaks of.
    pub(crate) fn record(&self) -> Option<(Kind, &Id)> {
        match self {
            Self::Unchanged { kind, id, .. } | Self::Version { kind, id, .. } => Some((*kind, id)),
            Self::Requested { .. } => None,
        }
    }

    /// Whether it holds for a record whose last version is `standing`.
    pub(crate) fn holds(&self, standing: Option<&Version>) -> bool {
        match self {
            Self::Unchanged { since, .. } => {
                standing.is_none_or(|standing| standing.sequence <= *since)
            }
            Self::Version { version, .. } => {
                let present = standing.filter(|standing| !standing.digest.is_empty());
                present.map(|standing| standing.sequence) == *version
            }
            Self::Requested { .. } => false,
        }
    }
}

/// A record with the version that it stands in.
#[derive(Debug, Clone, PartialEq)]
pub struct VersionedRecord {
    /// The record.
    pub record: Record,
    /// The place of the log entry that holds it: another one after each change.
    pub version: u64,
}

/// Writes that happen together or not at all.
#[derive(Debug, Clone)]
pub struct Commit {
    /// What has to hold, or nothing is written.
    pub preconditions: Vec<Precondition>,
    /// Commands to the ledger, decided in this order; a refusal of one of them
    /// leaves nothing behind.
    pub commands: Vec<OfferCommand>,
    /// Entries to append.
    pub entries: Vec<NewEntry>,
    /// The time at which the commands are decided.
    pub now: Timestamp,
    /// What decides them.
    pub rules: Rules,
}

/// What became of a [`Commit`] whose preconditions held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Committed {
    /// All of it is in the log; what became of each entry.
    Done(Vec<Appended>),
    /// The rules refused a command; nothing was written.
    Refused(Refusal),
}

/// A [`Commit`] made ready by whoever asks.
#[derive(Debug)]
pub(crate) struct PreparedCommit {
    pub preconditions: Vec<Precondition>,
    pub commands: Vec<OfferCommand>,
    pub entries: Vec<Prepared>,
    pub now: Timestamp,
    pub rules: Rules,
}

impl Commit {
    pub(crate) fn prepare(self) -> Result<PreparedCommit, StoreError> {
        let prepared: Result<_, StoreError> = self.entries.into_iter().map(Prepared::new).collect();
        Ok(PreparedCommit {
            preconditions: self.preconditions,
            commands: self.commands,
            entries: prepared?,
            now: self.now,
            rules: self.rules,
        })
    }
}
