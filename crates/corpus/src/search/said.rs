//! How much of what was asked for a product's words say: by it search leaves
//! out what has too little of it.

use super::collection::Document;
use super::features::has_word;
use super::query::{Query, QueryWord};

/// What all words of a query say together.
pub const WHOLE: u64 = 1_000;
/// Of longer queries no word says enough to leave anything out.
const MOST_WORDS: usize = 32;
/// A word says at most so many times what another of the query says: one that
/// hardly any product has ("cute dress") may matter least of all.
const MOST_OVER_LEAST: f32 = 1.8;

/// How much each word of a query says, in thousandths of what all say that the
/// catalogue has something like: the rarer, the more.
pub fn weights(query: &Query) -> Vec<u64> {
    if query.words.len() > MOST_WORDS {
        return Vec::new();
    }
    let says = |word: &QueryWord| match word.alternatives.is_empty() {
        true => 0.0,
        false => word.rarity * word.share,
    };
    let all = query.words.iter().map(says);
    let least = all.filter(|one| *one > 0.0).fold(f32::MAX, f32::min);
    let says = |word: &QueryWord| says(word).min(MOST_OVER_LEAST * least);
    let all: f32 = query.words.iter().map(says).sum();
    let all = all.max(f32::MIN_POSITIVE);
    let weight = |word: &QueryWord| (WHOLE as f32 * says(word) / all).round() as u64;
    query.words.iter().map(weight).collect()
}

/// How much the words say that a document has; those without a weight say
/// nothing.
pub fn said(query: &Query, weights: &[u64], document: &Document) -> u64 {
    let words = query.words.iter().zip(weights);
    let has = words.filter(|(word, _)| has_word(word, document));
    has.map(|(_, says)| says).sum()
}
