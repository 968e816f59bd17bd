//! What everyone did.

use std::collections::BTreeSet;
use std::sync::Arc;

use rpds::HashTrieMapSync;
use shop::{EventKind, Id, Timestamp};

use crate::catalogue::ProductIndex;
use crate::recent_map::{Footprint, RecentMap};

/// The most recent interactions that a [`History`] keeps.
pub const MAX_INTERACTIONS: usize = 512;

/// Memory for the histories of visits of nobody known.
const SESSION_BYTES: usize = 256 << 20;

/// Who acts: a known customer, or a visit of somebody unknown.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Actor {
    Customer(Id),
    Session(Id),
}

/// One thing that an actor did to a product.
#[derive(Debug, Clone, Copy, PartialEq)]
#[allow(missing_docs)]
pub struct Interaction {
    pub product: ProductIndex,
    pub kind: EventKind,
    pub time: Timestamp,
}

/// What one actor did, in the order of time (of arrival where times are equal).
#[derive(Debug, Clone, PartialEq, Default)]
pub struct History {
    /// The last [`MAX_INTERACTIONS`], oldest first.
    pub interactions: Vec<Interaction>,
    /// Everything ever bought, and not given back since.
    pub bought: BTreeSet<ProductIndex>,
    /// Everything that the actor asked not to see again.
    pub hidden: BTreeSet<ProductIndex>,
    /// The last searches, oldest first.
    pub queries: Vec<String>,
}

/// What everyone did: customers for good, visits of nobody known for as long
/// as there is memory for them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Histories {
    pub(crate) customers: HashTrieMapSync<Id, Arc<History>>,
    pub(crate) sessions: RecentMap<Id, Arc<History>, SESSION_BYTES>,
}

impl Histories {
    /// What this actor did.
    pub fn get(&self, actor: &Actor) -> Option<&Arc<History>> {
        match actor {
            Actor::Customer(id) => self.customers.get(id),
            Actor::Session(id) => self.sessions.get(id),
        }
    }

    /// All of them, in no certain order.
    pub fn values(&self) -> impl Iterator<Item = &Arc<History>> {
        self.customers.values().chain(self.sessions.values())
    }

    /// Memory of the visits, and the most that it may be, in bytes.
    pub fn session_memory(&self) -> (usize, usize) {
        (self.sessions.bytes(), self.sessions.limit())
    }

    /// Changes an actor's history, which is made when there is none.
    pub(crate) fn change(&mut self, actor: &Actor, change: impl FnOnce(&mut History)) {
        match actor {
            Actor::Customer(id) => {
                if let Some(history) = self.customers.get_mut(id) {
                    change(Arc::make_mut(history));
                    return;
                }
                let mut history = History::default();
                change(&mut history);
                self.customers.insert_mut(id.clone(), Arc::new(history));
            }
            Actor::Session(id) => {
                let mut history = self.sessions.get(id).cloned().unwrap_or_default();
                change(Arc::make_mut(&mut history));
                self.sessions.insert(id.clone(), history);
            }
        }
    }

    pub(crate) fn remove_customer(&mut self, id: &Id) {
        self.customers.remove_mut(id);
    }
}

impl History {
    /// Puts an interaction at its time; the last in time decides what counts
    /// as bought.
    pub(crate) fn remember(&mut self, interaction: Interaction) {
        let earlier = |other: &Interaction| other.time <= interaction.time;
        let at = self.interactions.partition_point(earlier);
        // What happened may be told late.
        let settled = self.interactions[at..].iter().any(|later| {
            later.product == interaction.product
                && matches!(later.kind, EventKind::Purchase | EventKind::Refund)
        });
        match interaction.kind {
            EventKind::Purchase if !settled => {
                self.bought.insert(interaction.product);
            }
            EventKind::Refund if !settled => {
                self.bought.remove(&interaction.product);
            }
            EventKind::Hide => {
                self.hidden.insert(interaction.product);
            }
            _ => {}
        }
        self.interactions.insert(at, interaction);
        if self.interactions.len() > MAX_INTERACTIONS {
            self.interactions.remove(0);
        }
    }

    /// Takes back a purchase whose order was deleted. `elsewhere` says whether
    /// another order has the product.
    pub(crate) fn forget_purchase(
        &mut self,
        product: ProductIndex,
        at: Timestamp,
        elsewhere: bool,
    ) {
        let is_it = |one: &Interaction| {
            (one.product, one.kind, one.time) == (product, EventKind::Purchase, at)
        };
        if let Some(place) = self.interactions.iter().position(is_it) {
            self.interactions.remove(place);
        }
        let bought = |one: &Interaction| one.product == product && one.kind == EventKind::Purchase;
        if !elsewhere && !self.interactions.iter().any(bought) {
            self.bought.remove(&product);
        }
    }

    /// Keeps a query among the last ones.
    pub(crate) fn remember_query(&mut self, query: &str) {
        self.queries.push(query.to_owned());
        if self.queries.len() > MAX_INTERACTIONS {
            self.queries.remove(0);
        }
    }
}

impl Footprint for Arc<History> {
    fn bytes(&self) -> usize {
        // The allocation, the tree's nodes and those of the sets, by and large.
        let queries: usize = self.queries.iter().map(|query| 24 + query.len()).sum();
        let sets = self.bought.len() + self.hidden.len();
        200 + self.interactions.len() * size_of::<Interaction>() + 8 * sets + queries
    }
}
