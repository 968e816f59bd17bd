//! What webhooks are told of: a record that was stored, new or changed, or one
//! that was removed. Decisions, the ledger and the audit log stay inside.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shop::Kind;
use store::Entry;

/// The types, by what is stored.
const TYPES: [(Kind, &str, &str); 9] = [
    (Kind::Products, "product.stored", "product.removed"),
    (Kind::Customers, "customer.stored", "customer.removed"),
    (Kind::Orders, "order.stored", "order.removed"),
    (Kind::Events, "event.stored", "event.removed"),
    (Kind::Reviews, "review.stored", "review.removed"),
    (
        Kind::Conversations,
        "conversation.stored",
        "conversation.removed",
    ),
    (Kind::Documents, "document.stored", "document.removed"),
    (Kind::Judgements, "judgement.stored", "judgement.removed"),
    (Kind::Labelled, "labelled.stored", "labelled.removed"),
];

/// The names of the types.
fn names() -> Vec<&'static str> {
    let pairs = TYPES.iter();
    pairs
        .flat_map(|(_, stored, removed)| [*stored, *removed])
        .collect()
}

/// A type of event, as `order.stored`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(rename = "WebhookEventType", extend("enum" = names()))]
pub struct EventType(String);

impl EventType {
    /// What a webhook is told of that names no types: everything but what
    /// customers click and look at, which is far more than all the rest.
    pub fn usual() -> Vec<Self> {
        let names = names().into_iter();
        names
            .filter(|name| !name.starts_with("event."))
            .map(|name| Self(name.to_owned()))
            .collect()
    }

    /// As it is written.
    pub fn name(&self) -> &str {
        &self.0
    }

    /// What an entry of the log tells, where webhooks are told of it at all.
    pub(super) fn of(entry: &Entry) -> Option<Self> {
        let (kind, is_stored) = match entry {
            Entry::Record(record) => (record.kind(), true),
            Entry::Removed { kind, .. } => (*kind, false),
            Entry::Decision(_)
            | Entry::Ledger(_)
            | Entry::Curation(_)
            | Entry::Registry(_)
            | Entry::Audit(_)
            | Entry::Confirmation(_) => return None,
        };
        let (_, stored, removed) = TYPES.iter().find(|(of, ..)| *of == kind)?;
        let name = if is_stored { stored } else { removed };
        Some(Self((*name).to_owned()))
    }
}

/// What is told of an entry: the record as it is imported.
pub(super) fn data_of(entry: &Entry) -> Value {
    match entry {
        Entry::Record(record) => record.to_json(),
        Entry::Removed { id, .. } => json!({"id": id, "deleted": true}),
        Entry::Decision(_)
        | Entry::Ledger(_)
        | Entry::Curation(_)
        | Entry::Registry(_)
        | Entry::Audit(_)
        | Entry::Confirmation(_) => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_its_types() {
        for kind in Kind::ALL {
            let id = shop::Id::new("x").unwrap();
            let removed = EventType::of(&Entry::Removed { kind, id });
            let noun = kind.name().trim_end_matches('s');
            assert_eq!(removed.unwrap().name(), format!("{noun}.removed"));
        }
        assert_eq!(EventType::usual().len(), 16);
    }
}
