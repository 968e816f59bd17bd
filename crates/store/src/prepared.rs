use serde::Serialize;
use sha2::{Digest, Sha256};
use shop::{ConfirmationChange, Id, Kind, OfferCommand, Record, Service, Timestamp};

use crate::{Entry, NewEntry, RegistryEntry, StoreError, explanations};

/// The longest id of a log entry, in bytes: what an index takes everywhere.
const MAX_LOG_ID_BYTES: usize = 512;

/// The kind of a settlement in the log.
pub(crate) const LEDGER: &str = "ledger";

/// An entry made ready for the log by whoever appends it, so that the one
/// writer only has to look up and insert.
#[derive(Debug, Clone)]
pub(crate) struct Prepared {
    pub entry: Entry,
    pub kind: &'static str,
    pub customer_id: Option<Id>,
    pub time: Option<Timestamp>,
    /// The entry as JSON.
    pub body: String,
    pub identity: Identity,
    /// Of a decision: what the log does not keep, as JSON.
    pub explanation: Option<String>,
}

/// How to tell whether the log has it already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Identity {
    /// By this id.
    Once(String),
    /// A record that replaces the one before it, unless their digests agree.
    Version { kind: Kind, id: Id, digest: String },
    /// Only when the record stands.
    Removal { kind: Kind, id: Id },
    /// Only when another version serves.
    Promotion { service: Service, version: String },
}

impl Prepared {
    /// Refuses what could not be read back: such an entry would lock the
    /// folder for ever. Events, by far the most, hold nothing of that sort.
    pub(crate) fn new(new: NewEntry) -> Result<Self, StoreError> {
        let NewEntry { id, entry } = new;
        let (entry, explanation) = match entry {
            Entry::Decision(decision) => {
                let (compact, rest) = explanations::split(decision);
                (Entry::Decision(compact), rest.as_ref().map(json))
            }
            entry => (entry, None),
        };
        let (kind, body) = match &entry {
            Entry::Record(record) => (record.kind().name(), record_body(record)),
            Entry::Removed { kind, id } => ("removed", json(&(kind, id))),
            Entry::Decision(decision) => ("decision", json(decision)),
            Entry::Ledger(settlement) => (LEDGER, json(settlement)),
            Entry::Curation(curation) => ("curation", json(curation)),
            Entry::Registry(registry) => ("registry", json(registry)),
            Entry::Audit(record) => ("audit", json(record)),
            Entry::Confirmation(change) => ("confirmation", json(change)),
        };
        if kind != Kind::Events.name() {
            decode(kind, &body).map_err(|reason| StoreError::Unreadable { kind, reason })?;
        }
        Ok(Self {
            identity: identity(id, &entry, kind, &body),
            customer_id: customer_of(&entry).cloned(),
            time: time_of(&entry),
            entry,
            kind,
            body,
            explanation,
        })
    }
}

/// Reads an entry back.
pub(crate) fn decode(kind: &str, body: &str) -> Result<Entry, String> {
    fn read<'a, T: serde::Deserialize<'a>>(body: &'a str) -> Result<T, String> {
        serde_json::from_str(body).map_err(|error| error.to_string())
    }
    Ok(match kind {
        "removed" => {
            let (kind, id) = read(body)?;
            Entry::Removed { kind, id }
        }
        "decision" => Entry::Decision(read(body)?),
        LEDGER => Entry::Ledger(read(body)?),
        "curation" => Entry::Curation(read(body)?),
        "registry" => Entry::Registry(read(body)?),
        "audit" => Entry::Audit(read(body)?),
        "confirmation" => Entry::Confirmation(read(body)?),
        name => {
            let kind = Kind::from_name(name).ok_or_else(|| format!("unknown kind {name:?}"))?;
            Entry::Record(match kind {
                Kind::Products => Record::Product(read(body)?),
                Kind::Customers => Record::Customer(read(body)?),
                Kind::Orders => Record::Order(read(body)?),
                Kind::Events => Record::Event(read(body)?),
                Kind::Reviews => Record::Review(read(body)?),
                Kind::Conversations => Record::Conversation(read(body)?),
                Kind::Documents => Record::Document(read(body)?),
                Kind::Judgements => Record::Judgement(read(body)?),
                Kind::Labelled => Record::Labelled(read(body)?),
            })
        }
    })
}

/// Whether a record of this kind replaces an earlier one with its id.
pub(crate) fn replaces(kind: Kind) -> bool {
    match kind {
        Kind::Products
        | Kind::Customers
        | Kind::Orders
        | Kind::Reviews
        | Kind::Conversations
        | Kind::Documents => true,
        Kind::Events | Kind::Judgements | Kind::Labelled => false,
    }
}

/// A log entry's id from its parts; the tail becomes a digest where the whole
/// would be too long.
pub(crate) fn log_id(kind: &str, rest: &str) -> String {
    let id = format!("{kind}/{rest}");
    if id.len() <= MAX_LOG_ID_BYTES {
        return id;
    }
    format!("{kind}/{}", digest(rest.as_bytes()))
}

/// SHA-256 of `bytes`, its first half in hexadecimal.
pub(crate) fn digest(bytes: &[u8]) -> String {
    hex::encode(&Sha256::digest(bytes)[..16])
}

fn identity(given: Option<Id>, entry: &Entry, kind: &'static str, body: &str) -> Identity {
    let once = |own: Option<&Id>| {
        Identity::Once(match given.as_ref().or(own) {
            Some(id) => log_id(kind, id.as_str()),
            None => log_id(kind, &format!("sha256:{}", digest(body.as_bytes()))),
        })
    };
    match entry {
        Entry::Record(record) => match record.id() {
            Some(id) if replaces(record.kind()) => Identity::Version {
                kind: record.kind(),
                id: id.clone(),
                digest: digest(body.as_bytes()),
            },
            own => once(own),
        },
        Entry::Removed { kind, id } if replaces(*kind) => Identity::Removal {
            kind: *kind,
            id: id.clone(),
        },
        Entry::Removed { kind: of, id } => {
            Identity::Once(log_id(kind, &format!("{}/{id}", of.name())))
        }
        Entry::Decision(decision) => once(Some(&decision.id)),
        Entry::Audit(record) => once(Some(&record.id)),
        Entry::Confirmation(change) => Identity::Once(log_id(
            kind,
            &format!("{}/{}", change.token_digest(), change.state().name()),
        )),
        Entry::Ledger(settlement) => Identity::Once(ledger_id(settlement.command.key())),
        Entry::Registry(RegistryEntry::Promoted { service, version }) if given.is_none() => {
            Identity::Promotion {
                service: *service,
                version: version.clone(),
            }
        }
        Entry::Registry(_) | Entry::Curation(_) => once(None),
    }
}

/// The log id of the settlement of the command with this key.
pub(crate) fn ledger_id(key: &Id) -> String {
    log_id(LEDGER, key.as_str())
}

/// The log id of the decision with this id.
pub(crate) fn decision_id(id: &Id) -> String {
    log_id("decision", id.as_str())
}

fn customer_of(entry: &Entry) -> Option<&Id> {
    match entry {
        Entry::Record(record) => record.customer_id(),
        Entry::Removed {
            kind: Kind::Customers,
            id,
        } => Some(id),
        Entry::Removed { .. } | Entry::Registry(_) | Entry::Curation(_) => None,
        Entry::Decision(decision) => decision.customer_id.as_ref(),
        Entry::Audit(record) => record.customer_id.as_ref(),
        Entry::Confirmation(ConfirmationChange::Requested { customer_id, .. }) => Some(customer_id),
        Entry::Confirmation(_) => None,
        Entry::Ledger(settlement) => match &settlement.command {
            OfferCommand::Redeem { customer_id, .. }
            | OfferCommand::EarnPoints { customer_id, .. }
            | OfferCommand::SpendPoints { customer_id, .. } => Some(customer_id),
            OfferCommand::Refer { referee_id, .. }
            | OfferCommand::RewardReferral { referee_id, .. } => Some(referee_id),
            OfferCommand::DefineCoupon { .. } | OfferCommand::RollBack { .. } => None,
        },
    }
}

fn time_of(entry: &Entry) -> Option<Timestamp> {
    match entry {
        Entry::Record(record) => match record {
            Record::Product(product) => product.updated_at,
            Record::Customer(customer) => customer.created_at,
            Record::Order(order) => Some(order.time),
            Record::Event(event) => Some(event.time),
            Record::Review(review) => review.time,
            Record::Conversation(conversation) => conversation.messages.first()?.time,
            Record::Document(_) | Record::Judgement(_) | Record::Labelled(_) => None,
        },
        Entry::Decision(decision) => Some(decision.time),
        Entry::Ledger(settlement) => Some(settlement.time),
        Entry::Curation(curation) => Some(curation.at()),
        Entry::Audit(record) => Some(record.time),
        Entry::Confirmation(change) => Some(change.time()),
        Entry::Removed { .. } | Entry::Registry(_) => None,
    }
}

fn record_body(record: &Record) -> String {
    match record {
        Record::Product(record) => json(record),
        Record::Customer(record) => json(record),
        Record::Order(record) => json(record),
        Record::Event(record) => json(record),
        Record::Review(record) => json(record),
        Record::Conversation(record) => json(record),
        Record::Document(record) => json(record),
        Record::Judgement(record) => json(record),
        Record::Labelled(record) => json(record),
    }
}

/// Canonical: fields in the order of the type, map keys sorted, no spaces.
fn json(value: &impl Serialize) -> String {
    // Entries hold strings, finite numbers and maps with string keys: there is
    // nothing in them that JSON cannot say.
    serde_json::to_string(value).unwrap_or_default()
}
