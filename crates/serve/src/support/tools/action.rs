use serde::{Deserialize, Serialize};
use serde_json::Value;
use shop::{AccountError, Customer, Id, OfferCommand, Order, Record};
use store::Snapshot;

/// What should happen; the program carries it out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum Action {
    /// A look-up's answer.
    Tell {
        /// What was found.
        found: Value,
    },
    /// The order as it will stand.
    PutOrder {
        /// All of it.
        order: Box<Order>,
    },
    /// The customer as they will stand.
    PutCustomer {
        /// All of them.
        customer: Box<Customer>,
    },
    /// A command to the ledger, which has the last word on it.
    Offer {
        /// The command.
        command: OfferCommand,
    },
    /// The ledger is to be asked for a customer's balance.
    ReadPoints {
        /// Whose.
        customer: Id,
    },
    /// A person is to take over.
    HandOver {
        /// What it is about.
        summary: String,
    },
}

impl Action {
    /// Whether it changes anything.
    pub fn writes(&self) -> bool {
        match self {
            Self::PutOrder { .. } | Self::PutCustomer { .. } | Self::Offer { .. } => true,
            Self::Tell { .. } | Self::ReadPoints { .. } | Self::HandOver { .. } => false,
        }
    }

    /// Whose row it touches.
    pub fn customer(&self) -> Option<&Id> {
        match self {
            Self::PutOrder { order } => Some(&order.customer_id),
            Self::PutCustomer { customer } => Some(&customer.id),
            Self::ReadPoints { customer } => Some(customer),
            Self::Offer { command } => match command {
                OfferCommand::Redeem { customer_id, .. }
                | OfferCommand::EarnPoints { customer_id, .. }
                | OfferCommand::SpendPoints { customer_id, .. } => Some(customer_id),
                OfferCommand::DefineCoupon { .. }
                | OfferCommand::RollBack { .. }
                | OfferCommand::Refer { .. }
                | OfferCommand::RewardReferral { .. } => None,
            },
            Self::Tell { .. } | Self::HandOver { .. } => None,
        }
    }

    /// The record that it leaves behind.
    pub fn record(&self) -> Option<Record> {
        match self {
            Self::PutOrder { order } => Some(Record::Order((**order).clone())),
            Self::PutCustomer { customer } => Some(Record::Customer((**customer).clone())),
            Self::Tell { .. }
            | Self::Offer { .. }
            | Self::ReadPoints { .. }
            | Self::HandOver { .. } => None,
        }
    }
}

/// Why a tool will not do it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refused {
    /// Nobody is signed in.
    SignIn,
    /// Nothing of this name belongs to whoever is signed in. Another
    /// customer's order is refused in the same words, so that nothing can be
    /// guessed.
    NotYours,
    /// The arguments make no sense.
    Arguments,
    /// The shop's rules do not allow it.
    Policy,
    /// The order is not in a state in which it is possible.
    State,
    /// It cannot be paid for, or paid back, in this way.
    Payment,
    /// Everything is as wished already.
    NothingToChange,
    /// A member of staff has to do it.
    NeedsPerson,
    /// The customer has not confirmed it, or not in time.
    NotConfirmed,
    /// It was done already.
    AlreadyDone,
    /// The records are not fit for it.
    Records,
}

/// A refusal with a sentence that says what to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// What kind.
    pub reason: Refused,
    /// The sentence.
    pub message: String,
}

impl Refusal {
    /// A refusal.
    pub fn new(reason: Refused, message: impl Into<String>) -> Self {
        Self {
            reason,
            message: message.into(),
        }
    }
}

impl From<AccountError> for Refusal {
    fn from(error: AccountError) -> Self {
        Self::new(Refused::Records, error.to_string())
    }
}

/// One field of a record before and after.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// As `order:#W1`.
    pub record: String,
    /// Its field.
    pub field: String,
    /// As it stands; null when it is not there yet.
    pub before: Value,
    /// As it will stand.
    pub after: Value,
}

/// What the actions change, field by field: what the customer is shown before
/// they confirm.
pub fn changes(actions: &[Action], snapshot: &Snapshot) -> Vec<Change> {
    let mut found = Vec::new();
    for action in actions {
        let (name, before, after) = match action {
            Action::PutOrder { order } => (
                format!("order:{}", order.id),
                snapshot.orders.get(&order.id).map(|order| json(&**order)),
                json(&**order),
            ),
            Action::PutCustomer { customer } => (
                format!("customer:{}", customer.id),
                snapshot.customers.get(&customer.id).map(|one| json(&**one)),
                json(&**customer),
            ),
            Action::Offer { command } => ("ledger".to_owned(), None, json(command)),
            Action::Tell { .. } | Action::ReadPoints { .. } | Action::HandOver { .. } => continue,
        };
        compare(&name, &before.unwrap_or_default(), &after, &mut found);
    }
    found
}

fn json(value: &impl Serialize) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}

fn compare(record: &str, before: &Value, after: &Value, found: &mut Vec<Change>) {
    let Value::Object(fields) = after else {
        return;
    };
    for (field, after) in fields {
        let before = &before[field];
        if before == after {
            continue;
        }
        if field == "properties" {
            compare(record, before, after, found);
        } else {
            found.push(Change {
                record: record.to_owned(),
                field: field.clone(),
                before: before.clone(),
                after: after.clone(),
            });
        }
    }
}

/// The actions in figures: the same again means that nothing they rest on has
/// changed since.
pub fn digest(actions: &[Action]) -> u64 {
    use std::hash::Hasher;
    let mut hash = rustc_hash::FxHasher::default();
    hash.write(json(&actions).to_string().as_bytes());
    hash.finish()
}
