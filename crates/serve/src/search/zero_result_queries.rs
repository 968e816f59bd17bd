//! Queries that find nothing, or nothing that anybody wants, and what the
//! shop's people could do about them.

use std::collections::{BTreeMap, BTreeSet};

use corpus::search::query_key;
use rustc_hash::FxHashMap;
use schemars::JsonSchema;
use serde::Serialize;
use shop::Service;
use store::Snapshot;

/// Queries asked less often say little.
const LEAST_ASKED: u32 = 2;
/// So many people have to ask something else next for it to be proposed.
const LEAST_PEOPLE: usize = 2;
/// How many other queries are proposed for one.
const MOST_PROPOSED: usize = 3;

/// A query that customers leave with nothing.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ZeroResultQuery {
    /// What is asked.
    pub query: String,
    /// How often.
    pub searches: u32,
    /// Whether the last answers found nothing at all; otherwise something was
    /// found and nobody chose any of it.
    pub nothing_found: bool,
    /// What the same people asked next with success: it may mean the same.
    pub proposals: Vec<SynonymProposal>,
}

/// A synonym that a person may accept.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct SynonymProposal {
    /// What the query may mean.
    pub means: String,
    /// How many people went on to that.
    pub people: usize,
}

/// The queries without results or choices, the most frequent first.
pub fn zero_result_queries(snapshot: &Snapshot, limit: usize) -> Vec<ZeroResultQuery> {
    let mut found: BTreeMap<String, (u32, Option<bool>)> = BTreeMap::new();
    for (query, asked) in snapshot.query_log.iter() {
        if asked.choices == 0 {
            found.insert(query.to_owned(), (asked.searches, None));
        }
    }
    // What was answered over HTTP is asked too, whether or not the shop sends
    // an event for it.
    let mut answered: BTreeMap<String, (u32, bool)> = BTreeMap::new();
    let searches = snapshot.decisions.values();
    for decision in searches.filter(|decision| decision.service == Service::Search) {
        let explanation = &decision.explanation;
        let query = explanation["request"]["q"].as_str().map(query_key);
        let empty_filter = explanation["request"]["filter"]
            .as_object()
            .is_none_or(|filter| filter.values().all(is_nothing));
        let (Some(query), true) = (query.filter(|query| !query.is_empty()), empty_filter) else {
            continue;
        };
        let nothing = explanation["total"].as_u64() == Some(0);
        let entry = answered.entry(query).or_insert((0, nothing));
        *entry = (entry.0 + 1, entry.1 && nothing);
    }
    for (query, (times, nothing)) in answered {
        let chosen = snapshot
            .query_log
            .get(&query)
            .is_some_and(|one| one.choices > 0);
        if !chosen {
            let entry = found.entry(query).or_default();
            *entry = (entry.0.max(times), Some(nothing));
        }
    }
    let covered: BTreeSet<String> = covered(snapshot);
    let mut unanswered: Vec<ZeroResultQuery> = found
        .into_iter()
        .filter(|(query, (searches, _))| *searches >= LEAST_ASKED && !covered.contains(query))
        .map(|(query, (searches, nothing))| ZeroResultQuery {
            query,
            searches,
            nothing_found: nothing == Some(true),
            proposals: Vec::new(),
        })
        .collect();
    unanswered.sort_by(|left, right| {
        let by_count = right.searches.cmp(&left.searches);
        by_count.then_with(|| left.query.cmp(&right.query))
    });
    unanswered.truncate(limit);
    propose(snapshot, &mut unanswered);
    unanswered
}

/// An empty part of a filter as it is written down.
fn is_nothing(value: &serde_json::Value) -> bool {
    match value {
        serde_json::Value::Null => true,
        serde_json::Value::Array(list) => list.is_empty(),
        serde_json::Value::Object(map) => map.is_empty(),
        _ => false,
    }
}

/// What rules and synonyms already speak of.
fn covered(snapshot: &Snapshot) -> BTreeSet<String> {
    let rules = snapshot.rules.values();
    let of_rules = rules.filter_map(|rule| rule.when.query.as_deref());
    let synonyms = snapshot.synonyms.values();
    let of_synonyms = synonyms.flat_map(|one| match &one.from {
        Some(from) => vec![from.as_str()],
        None => one.words.iter().map(String::as_str).collect(),
    });
    of_rules.chain(of_synonyms).map(query_key).collect()
}

/// Adds what the same people asked next and chose something of.
fn propose(snapshot: &Snapshot, unanswered: &mut [ZeroResultQuery]) {
    let places: FxHashMap<String, usize> = (0..)
        .zip(unanswered.iter())
        .map(|(place, gap)| (gap.query.clone(), place))
        .collect();
    let mut next: Vec<BTreeMap<String, usize>> = vec![BTreeMap::new(); unanswered.len()];
    for history in snapshot.histories.values() {
        // One person counts once for each pair.
        let mut own: BTreeSet<(usize, String)> = BTreeSet::new();
        for pair in history.queries.windows(2) {
            let (before, after) = (query_key(&pair[0]), query_key(&pair[1]));
            let Some(place) = places.get(&before).filter(|_| before != after) else {
                continue;
            };
            if snapshot
                .query_log
                .get(&after)
                .is_some_and(|one| one.choices > 0)
            {
                own.insert((*place, after));
            }
        }
        for (place, after) in own {
            *next[place].entry(after).or_default() += 1;
        }
    }
    for (gap, next) in unanswered.iter_mut().zip(next) {
        let mut proposals: Vec<SynonymProposal> = next
            .into_iter()
            .filter(|(_, people)| *people >= LEAST_PEOPLE)
            .map(|(means, people)| SynonymProposal { means, people })
            .collect();
        proposals.sort_by(|left, right| {
            let by_people = right.people.cmp(&left.people);
            by_people.then_with(|| left.means.cmp(&right.means))
        });
        proposals.truncate(MOST_PROPOSED);
        gap.proposals = proposals;
    }
}
