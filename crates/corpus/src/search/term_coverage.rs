//! Term coverage: how much of a query the terms of a product cover, each term
//! weighted by its inverse document frequency. Search shows what covers at
//! least a share of the best ([`Ranker::minimum_should_match`]).
//!
//! [`Ranker::minimum_should_match`]: super::Ranker::minimum_should_match

use super::collection::Document;
use super::features::match_weight;
use super::query::{Query, QueryWord};

/// The coverage of a product that has every term of a query.
pub const FULL_COVERAGE: u64 = 1_000;
/// Of longer queries no term has a weight, so nothing is left out.
const MOST_WORDS: usize = 32;
/// A term weighs at most so many times what the lightest of the query does: one that
/// hardly any product has ("cute dress") may matter least of all.
const MOST_OVER_LEAST: f32 = 1.8;

/// The weight of each term of a query, in thousandths of the sum over the
/// terms that the catalogue has something like: the rarer, the more.
pub fn term_weights(query: &Query) -> Vec<u64> {
    if query.words.len() > MOST_WORDS {
        return Vec::new();
    }
    let weight = |word: &QueryWord| match word.alternatives.is_empty() {
        true => 0.0,
        false => word.rarity * word.share,
    };
    let all = query.words.iter().map(weight);
    let least = all.filter(|one| *one > 0.0).fold(f32::MAX, f32::min);
    let weight = |word: &QueryWord| weight(word).min(MOST_OVER_LEAST * least);
    let all: f32 = query.words.iter().map(weight).sum();
    let all = all.max(f32::MIN_POSITIVE);
    let share = |word: &QueryWord| (FULL_COVERAGE as f32 * weight(word) / all).round() as u64;
    query.words.iter().map(share).collect()
}

/// The sum of the weights of the terms that a document has, each times how sure
/// the reading is that it has; terms beyond the weights count nothing.
pub fn term_coverage(query: &Query, weights: &[u64], document: &Document) -> u64 {
    let words = query.words.iter().zip(weights);
    let covered =
        words.map(|(word, weight)| (*weight as f32 * match_weight(word, document)) as u64);
    covered.sum()
}
