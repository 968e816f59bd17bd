//! What customers look for, query by query: what may be suggested to others,
//! and what finds nothing.

use std::hash::Hasher;
use std::sync::Arc;

use rustc_hash::FxHasher;
use shop::{Event, EventKind};

use crate::checkpoint::QueryParts;
use crate::history::Actor;
use crate::recent_map::{Footprint, RecentMap};

/// A query that fewer different people asked is theirs: it is suggested to
/// nobody else.
pub const MIN_DISTINCT_USERS: usize = 3;

/// Memory for them: what nobody has asked for long is forgotten.
const QUERY_BYTES: usize = 64 << 20;

/// How one query fared.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct QueryStatistics {
    /// How often it was asked.
    pub searches: u32,
    /// How often something was clicked, bought or put into the cart after it.
    pub choices: u32,
    /// The summed interest in what was found.
    pub interest: f32,
    /// Hashes of the first different people who asked it.
    distinct_users: Vec<u64>,
}

impl QueryStatistics {
    /// Whether so many people asked it that it gives nobody away.
    pub fn is_k_anonymous(&self) -> bool {
        self.distinct_users.len() >= MIN_DISTINCT_USERS
    }
}

/// Queries (lower case, trimmed) with how they fared.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct QueryLog {
    queries: RecentMap<String, Arc<QueryStatistics>, QUERY_BYTES>,
    /// Changes whenever another query becomes common.
    pub revision: u64,
}

impl QueryLog {
    /// How a query fared.
    pub fn get(&self, query: &str) -> Option<&QueryStatistics> {
        self.queries.get(query).map(|asked| &**asked)
    }

    /// All of them, in no certain order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &QueryStatistics)> {
        self.queries
            .iter()
            .map(|(query, asked)| (query.as_str(), &**asked))
    }

    /// Memory of the queries, and the most that it may be, in bytes.
    pub fn memory(&self) -> (usize, usize) {
        (self.queries.bytes(), self.queries.limit())
    }

    /// Each query of a generation with its figures, for writing them down.
    pub(crate) fn parts(&self, generation: usize) -> impl Iterator<Item = QueryParts> {
        self.queries.generations()[generation]
            .iter()
            .map(|(query, asked)| {
                (
                    query.clone(),
                    asked.searches,
                    asked.choices,
                    asked.interest,
                    asked.distinct_users.clone(),
                )
            })
    }

    /// Puts back what [`QueryLog::parts`] gave.
    pub(crate) fn restore(&mut self, generation: usize, parts: QueryParts) {
        let (query, searches, choices, interest, distinct_users) = parts;
        let statistics = QueryStatistics {
            searches,
            choices,
            interest,
            distinct_users,
        };
        self.queries
            .restore(generation, query, Arc::new(statistics));
    }

    pub(crate) fn note(&mut self, query: &str, event: &Event, actor: Option<&Actor>) {
        let key = query.trim().to_lowercase();
        if key.is_empty() {
            return;
        }
        let mut asked = self.queries.get(&key).cloned().unwrap_or_default();
        let noted = Arc::make_mut(&mut asked);
        let interest = event.kind.interest();
        match event.kind {
            EventKind::Search => noted.searches += 1,
            EventKind::Impression | EventKind::Hide => {}
            _ if event.product_id.is_some() && interest > 0.0 => noted.choices += 1,
            _ => {}
        }
        noted.interest += interest;
        if let (Some(actor), false) = (actor, noted.is_k_anonymous()) {
            let hash = hash(actor);
            if !noted.distinct_users.contains(&hash) {
                noted.distinct_users.push(hash);
                self.revision += u64::from(noted.is_k_anonymous());
            }
        }
        self.queries.insert(key, asked);
    }
}

impl Footprint for Arc<QueryStatistics> {
    fn bytes(&self) -> usize {
        100 + size_of::<QueryStatistics>() + 8 * self.distinct_users.len()
    }
}

fn hash(actor: &Actor) -> u64 {
    let mut hasher = FxHasher::default();
    let (kind, id) = match actor {
        Actor::Customer(id) => (0, id),
        Actor::Session(id) => (1, id),
    };
    hasher.write_u8(kind);
    hasher.write(id.as_str().as_bytes());
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use shop::{Id, Timestamp};

    use super::*;

    #[test]
    fn what_few_people_asked_is_not_common() {
        let mut asked = QueryLog::default();
        let mut search = |query: &str, customer: &str, kind| {
            let mut event = Event::new(kind, Timestamp::from_seconds(1));
            event.product_id = Some(Id::new("p").unwrap());
            let actor = Actor::Customer(Id::new(customer).unwrap());
            asked.note(query, &event, Some(&actor));
            let key = query.trim().to_lowercase();
            (asked.get(&key).unwrap().clone(), asked.revision)
        };
        for _ in 0..9 {
            let (secret, revision) = search("my secret", "anna", EventKind::Search);
            assert!(!secret.is_k_anonymous());
            assert_eq!(revision, 0);
        }
        for (customer, common) in [("anna", false), ("ben", false), ("cleo", true)] {
            let (tea, _) = search(" Tea", customer, EventKind::Click);
            assert_eq!(tea.is_k_anonymous(), common, "{customer}");
        }
        let (tea, revision) = search("tea", "dan", EventKind::Search);
        assert_eq!((tea.choices, tea.searches, revision), (3, 1, 1));
    }
}
