//! What several customers ask: suggested as one types, and beside answers.

use rustc_hash::FxHashMap;
use store::{ProductIndex, Snapshot};

use super::suggest::SuggestionTable;

/// How many related searches an answer names.
const MOST_RELATED: usize = 6;

/// How many queries are kept for who has typed nothing yet.
const MOST_POPULAR: usize = 100;

/// The queries that enough different customers asked to give nobody away.
#[derive(Debug, Default)]
pub(super) struct QueryLogIndex {
    revision: u64,
    pub queries: SuggestionTable,
    /// What is asked the most, best first.
    pub popular: Vec<Box<str>>,
    /// By product: after which queries it was chosen, and how much.
    chosen_after: FxHashMap<ProductIndex, Vec<(Box<str>, f32)>>,
}

impl QueryLogIndex {
    pub(super) fn build(snapshot: &Snapshot) -> Self {
        let all = snapshot.query_log.iter();
        let mut common: Vec<&str> = all
            .filter(|(_, asked)| asked.is_k_anonymous() && asked.interest > 0.0)
            .map(|(query, _)| query)
            .collect();
        common.sort_unstable();
        let interest = |query: &str| {
            snapshot
                .query_log
                .get(query)
                .map_or(0.0, |asked| asked.interest)
        };
        let mut popular: Vec<Box<str>> = common.iter().map(|query| Box::from(*query)).collect();
        popular.sort_by(|left, right| interest(right).total_cmp(&interest(left)));
        popular.truncate(MOST_POPULAR);
        let mut chosen_after: FxHashMap<ProductIndex, Vec<(Box<str>, f32)>> = FxHashMap::default();
        for query in &common {
            let clicks = snapshot.query_clicks.get(*query);
            for (place, interest) in clicks.iter().flat_map(|clicks| clicks.iter()) {
                if *interest > 0.0 {
                    let queries = chosen_after.entry(*place).or_default();
                    queries.push(((*query).into(), *interest));
                }
            }
        }
        Self {
            revision: snapshot.query_log.revision,
            popular,
            queries: SuggestionTable::of_queries(common.into_iter()),
            chosen_after,
        }
    }

    pub(super) fn revision(&self) -> u64 {
        self.revision
    }

    /// Other queries after which customers chose what is found here, those
    /// with the most in common first.
    pub(super) fn related(
        &self,
        own: &str,
        found: impl Iterator<Item = ProductIndex>,
    ) -> Vec<String> {
        let mut common: FxHashMap<&str, f32> = FxHashMap::default();
        for (rank, place) in found.enumerate() {
            let chosen = self.chosen_after.get(&place).into_iter().flatten();
            let all: f32 = chosen.clone().map(|(_, interest)| interest).sum();
            for (query, interest) in chosen {
                let shared = interest / (all + 1.0) / (rank as f32 + 2.0).log2();
                *common.entry(query).or_default() += shared;
            }
        }
        common.remove(own);
        let mut common: Vec<(&str, f32)> = common.into_iter().collect();
        common.sort_by(|left, right| {
            let by_share = right.1.total_cmp(&left.1);
            by_share.then_with(|| left.0.cmp(right.0))
        });
        common.truncate(MOST_RELATED);
        common
            .into_iter()
            .map(|(query, _)| query.to_owned())
            .collect()
    }
}
