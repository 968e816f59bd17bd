//! What was done, or refused, in a customer's name, and what waits for the
//! customer's word.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Id, Timestamp};

/// One line of the audit log: a tool was called for a customer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AuditRecord {
    /// Its own id.
    pub id: Id,
    /// When it was done or refused.
    pub time: Timestamp,
    /// For whom; absent for a guest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer_id: Option<Id>,
    /// The answer that proposed it, where one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision_id: Option<Id>,
    /// The conversation that it was part of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation_id: Option<Id>,
    /// The tool that was called.
    pub tool: String,
    /// What it was called with.
    #[serde(default)]
    pub arguments: Value,
    /// What came of it: `done` with the changes, or `refused` with the reason.
    #[serde(default)]
    pub outcome: Value,
}

/// How far a confirmation has come. One that was requested ends in one of the
/// other states, or expires.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum ConfirmationState {
    Requested,
    Confirmed,
    Declined,
}

impl ConfirmationState {
    /// The name in tables and answers.
    pub fn name(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Confirmed => "confirmed",
            Self::Declined => "declined",
        }
    }

    /// The state with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Requested, Self::Confirmed, Self::Declined]
            .into_iter()
            .find(|state| state.name() == name)
    }
}

/// A change of a confirmation, as the log keeps it. Only the digest of the
/// one-time token is written down.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "confirmation", rename_all = "snake_case")]
pub enum ConfirmationChange {
    /// The customer is asked.
    Requested {
        /// The digest of the token that confirms it.
        token_digest: String,
        /// Who may confirm it.
        customer_id: Id,
        /// When it was asked.
        time: Timestamp,
        /// From then on it can no longer be confirmed.
        expires: Timestamp,
        /// What would be done, in the words of whoever proposed it.
        proposal: Value,
    },
    /// The customer said yes, and it was done.
    Confirmed {
        /// The digest of its token.
        token_digest: String,
        /// When.
        time: Timestamp,
    },
    /// The customer said no.
    Declined {
        /// The digest of its token.
        token_digest: String,
        /// When.
        time: Timestamp,
    },
}

impl ConfirmationChange {
    /// The digest of the token that it is about.
    pub fn token_digest(&self) -> &str {
        match self {
            Self::Requested { token_digest, .. }
            | Self::Confirmed { token_digest, .. }
            | Self::Declined { token_digest, .. } => token_digest,
        }
    }

    /// When it happened.
    pub fn time(&self) -> Timestamp {
        match self {
            Self::Requested { time, .. }
            | Self::Confirmed { time, .. }
            | Self::Declined { time, .. } => *time,
        }
    }

    /// The state that it leads to.
    pub fn state(&self) -> ConfirmationState {
        match self {
            Self::Requested { .. } => ConfirmationState::Requested,
            Self::Confirmed { .. } => ConfirmationState::Confirmed,
            Self::Declined { .. } => ConfirmationState::Declined,
        }
    }
}

/// A confirmation as it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Confirmation {
    /// How far it has come.
    pub state: ConfirmationState,
    /// Who may confirm it.
    pub customer_id: Id,
    /// When it was asked.
    pub time: Timestamp,
    /// From then on it can no longer be confirmed.
    pub expires: Timestamp,
    /// The digest of its token.
    pub token_digest: String,
    /// What would be done.
    pub proposal: Value,
}
