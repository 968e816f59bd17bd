//! What a mistyped word was meant to be: the words within reach of it,
//! weighed by how one word becomes another under the fingers and by how
//! likely the catalogue has them beside the other words of the query (a noisy
//! channel; Kernighan, Church and Gale, 1990).

use super::error_model;
use super::function_words::FUNCTION_WORDS;
use super::interpreter::Interpreter;
use super::prior::Neighbour;
use super::{Corrections, Origin, TokenReading};
use crate::search::collection::TermId;

/// How many words a prefix may stand for.
const MAX_PREFIX_WORDS: usize = 12;
/// Among how many of the most frequent they are looked for.
const MAX_PREFIX_LOOKED_AT: usize = 60;
const PREFIX_WEIGHT: f32 = 0.6;
/// A known last word may still be the beginning of another one; what it says
/// as it stands comes first by far.
const KNOWN_PREFIX_WEIGHT: f32 = 0.15;
const MAX_CORRECTIONS: usize = 3;
/// Nothing is as sure as what was typed.
const CORRECTED_WEIGHT: f32 = 0.95;
const TWICE_CORRECTED_WEIGHT: f32 = 0.7;
/// The runners-up may be meant, but are not what is said to be.
const RUNNER_UP: f32 = 0.8;
const LEAST_WEIGHT: f32 = 0.1;
/// What a word as it was typed is given on the scale of logarithms over one
/// that is an edit away, by how many products have it: what few have may be
/// mistyped in the catalogue.
const AS_TYPED: f32 = 2.5;
const MOST_AS_TYPED: f32 = 6.0;
/// What a word weighs that may have been meant in the place of one that the
/// catalogue has.
const REAL_WORD_WEIGHT: f32 = 0.6;
/// A word that the last one begins, and what each letter more costs.
const COMPLETED: f32 = 1.0;
const LETTER_TO_COME: f32 = 0.3;

/// A shorter word is still being typed: what it may have been meant to be is
/// looked for too, but not said.
const SHORTEST_SLIP: usize = 3;

/// A word that may have been meant.
struct Candidate {
    word: String,
    edits: usize,
    terms: Vec<TermId>,
    worth: f32,
}

impl Interpreter<'_> {
    /// Adds the words that the last word of the query begins, those that go
    /// with its neighbours first.
    pub fn complete(&self, reading: &mut TokenReading, neighbours: &[Neighbour]) {
        let weight = if reading.alternatives.is_empty() {
            PREFIX_WEIGHT
        } else {
            KNOWN_PREFIX_WEIGHT
        };
        if reading.piece.text.chars().count() < 2 {
            return;
        }
        let vocabulary = self.collection.vocabulary();
        let mut words = vocabulary.with_prefix(&reading.piece.text, MAX_PREFIX_LOOKED_AT);
        if !neighbours.is_empty() {
            words.sort_by_cached_key(|word| {
                let likelihood = self.likelihood(word, &self.stems(word), neighbours);
                std::cmp::Reverse((likelihood * 1_000.0) as i64)
            });
        }
        for word in words.into_iter().take(MAX_PREFIX_WORDS) {
            for alternative in self.single(word, weight, Origin::Prefix) {
                let known = &reading.alternatives;
                if !known.iter().any(|other| other.terms == alternative.terms) {
                    reading.alternatives.push(alternative);
                }
            }
        }
    }

    /// Adds what a word may have been meant to be where the catalogue does
    /// not have it. A word that the catalogue has is never replaced.
    pub fn spell(
        &self,
        reading: &mut TokenReading,
        neighbours: &[Neighbour],
        corrections: &mut Corrections,
    ) {
        let has = |origin: Origin| reading.alternatives.iter().any(|one| one.origin == origin);
        if has(Origin::Exact) {
            self.add_real_word_errors(reading, neighbours);
            return;
        }
        if has(Origin::Joined) || has(Origin::Pinyin) || has(Origin::Derived) {
            return;
        }
        // What begins a word of the catalogue stays its beginning.
        let begins = has(Origin::Prefix);
        let candidates = self.candidates(&reading.piece.text, neighbours, 2);
        let Some(best) = candidates.first() else {
            if reading.alternatives.is_empty() {
                self.split(reading, corrections);
            }
            return;
        };
        if best.edits > 1 && reading.alternatives.is_empty() && self.split(reading, corrections) {
            return;
        }
        let typing = begins || reading.piece.text.chars().count() < SHORTEST_SLIP;
        if !typing {
            corrections.push((reading.piece.start, reading.piece.end, best.word.clone()));
        }
        let worth = best.worth.max(self.begun(reading, neighbours));
        let meant = self.weighed(&candidates, worth, typing);
        reading.alternatives.extend(meant);
    }

    /// The best candidates as alternatives; the first is what is meant unless
    /// something else is `likelier`.
    fn weighed(
        &self,
        candidates: &[Candidate],
        worth: f32,
        likelier: bool,
    ) -> Vec<super::Alternative> {
        let mut meant = Vec::new();
        for (place, candidate) in candidates.iter().take(MAX_CORRECTIONS).enumerate() {
            let mut weight = if candidate.edits > 1 {
                TWICE_CORRECTED_WEIGHT
            } else {
                CORRECTED_WEIGHT
            };
            if likelier {
                weight = weight.min(PREFIX_WEIGHT);
            }
            if place > 0 || likelier {
                weight *= RUNNER_UP * (candidate.worth - worth).exp();
            }
            if weight >= LEAST_WEIGHT {
                meant.extend(self.single(&candidate.word, weight, Origin::Corrected));
            }
        }
        meant
    }

    /// How likely the word is the beginning of another one.
    fn begun(&self, reading: &TokenReading, neighbours: &[Neighbour]) -> f32 {
        let typed = reading.piece.text.chars().count();
        let begun = reading.alternatives.iter();
        let begun = begun.filter(|one| one.origin == Origin::Prefix);
        begun
            .map(|one| {
                let to_come = one.text.chars().count().saturating_sub(typed) as f32;
                self.likelihood(&one.text, &one.terms, neighbours)
                    - COMPLETED
                    - LETTER_TO_COME * to_come
            })
            .fold(f32::MIN, f32::max)
    }

    /// A word that the catalogue has may still be a slip (a real-word error):
    /// where no title has it beside any of its neighbours, words that titles do
    /// have beside them are looked for too. Retrieval decides; what was typed
    /// stays the surest, and nothing else is said to be meant.
    fn add_real_word_errors(&self, reading: &mut TokenReading, neighbours: &[Neighbour]) {
        let titles = self.collection.titles();
        let goes_with = |terms: &[TermId]| {
            neighbours.iter().any(|other| {
                let mut terms = terms.iter();
                terms.any(|term| titles.together(*term, other.term) > 0)
            })
        };
        let own = reading.alternatives.iter().flat_map(|one| &one.terms);
        let own: Vec<TermId> = own.copied().collect();
        if neighbours.is_empty() || goes_with(&own) {
            return;
        }
        let typed = reading.piece.text.as_str();
        let mut candidates = self.candidates(typed, neighbours, 1);
        // The same word in another form is no other word.
        candidates.retain(|one| {
            goes_with(&one.terms) && !one.terms.iter().any(|term| own.contains(term))
        });
        let Some(best) = candidates.first() else {
            return;
        };
        let likely = self.likelihood(typed, &own, neighbours) + self.trust(typed);
        let likeliest = likely.max(best.worth);
        for one in candidates.iter().take(MAX_CORRECTIONS) {
            let weight = REAL_WORD_WEIGHT * (one.worth - likeliest).exp();
            if weight >= LEAST_WEIGHT {
                let meant = self.single(&one.word, weight, Origin::Corrected);
                reading.alternatives.extend(meant);
            }
        }
    }

    /// How much speaks for a word having been typed as it was meant: what few
    /// products have may be mistyped in the catalogue.
    fn trust(&self, typed: &str) -> f32 {
        let documents = self.collection.vocabulary().documents(typed);
        (AS_TYPED + (documents as f32).ln_1p()).min(MOST_AS_TYPED)
    }

    /// The words within `edits` of a word, the likeliest first.
    fn candidates(&self, word: &str, neighbours: &[Neighbour], edits: usize) -> Vec<Candidate> {
        let typed: Vec<char> = word.chars().collect();
        let mut found = self.near(word, &typed, edits);
        // A plural that the catalogue has as one only.
        if let Some(single) = word.strip_suffix('s').filter(|one| one.len() > 2) {
            let more = self.near(single, &typed[..typed.len() - 1], 1).into_iter();
            found.extend(more.map(|(one, edits, cost)| (format!("{one}s"), edits, cost)));
        }
        let mut candidates: Vec<Candidate> = found
            .into_iter()
            .filter_map(|(word, edits, cost)| {
                let terms = self.stems(&word);
                // Nobody says the same word twice, and words that say nothing are
                // not what was meant.
                let said = neighbours.iter().any(|other| terms.contains(&other.term));
                let says_nothing = FUNCTION_WORDS.contains(&word.as_str());
                (!terms.is_empty() && !said && !says_nothing).then(|| Candidate {
                    worth: self.likelihood(&word, &terms, neighbours) - cost,
                    word,
                    edits,
                    terms,
                })
            })
            .collect();
        candidates.sort_by(|left, right| {
            let worth = right.worth.total_cmp(&left.worth);
            worth.then_with(|| left.word.cmp(&right.word))
        });
        candidates
    }

    /// The words within `edits` of a word, with what each costs.
    fn near(&self, word: &str, typed: &[char], edits: usize) -> Vec<(String, usize, f32)> {
        let found = self.collection.vocabulary().near(word, edits);
        found
            .into_iter()
            .map(|correction| {
                let meant: Vec<char> = correction.word.chars().collect();
                let cost = error_model::cost(typed, &meant);
                (correction.word.to_owned(), correction.edits, cost)
            })
            .collect()
    }

    /// `earphones` may be `ear phones` in the catalogue, though never side by
    /// side; one of the two may be mistyped.
    fn split(&self, reading: &mut TokenReading, corrections: &mut Corrections) -> bool {
        const SPLIT_WEIGHT: f32 = 0.8;
        const LONG: usize = 4;
        let text = reading.piece.text.clone();
        let vocabulary = self.collection.vocabulary();
        let mut best: Option<(u32, String, String)> = None;
        for (at, c) in text.char_indices().skip(1) {
            let (left, right) = text.split_at(at);
            let letters = (left.chars().count(), right.chars().count());
            let between_kinds = left.ends_with(|c: char| c.is_ascii_digit()) != c.is_ascii_digit();
            if !(between_kinds || (letters.0 >= 3 && letters.1 >= 3)) {
                continue;
            }
            let mut offer = |left: &str, right: &str, share: u32| {
                let both = vocabulary.documents(left).min(vocabulary.documents(right)) / share;
                if both > best.as_ref().map_or(0, |(both, ..)| *both) {
                    best = Some((both, left.to_owned(), right.to_owned()));
                }
            };
            offer(left, right, 1);
            let nearest = |word: &str| {
                let near = vocabulary.near(word, 1).into_iter();
                near.max_by_key(|near| vocabulary.documents(near.word))
                    .map(|near| near.word)
            };
            let known = |word: &str| vocabulary.documents(word) > 0;
            if letters.0 >= LONG && letters.1 >= LONG && known(left) != known(right) {
                if known(left) {
                    if let Some(right) = nearest(right) {
                        offer(left, right, 4);
                    }
                } else if let Some(left) = nearest(left) {
                    offer(left, right, 4);
                }
            }
        }
        let Some((_, left, right)) = best else {
            return false;
        };
        let alternative = self.together(&[&left, &right], SPLIT_WEIGHT, Origin::Split);
        if alternative.is_some() {
            corrections.push((
                reading.piece.start,
                reading.piece.end,
                format!("{left} {right}"),
            ));
        }
        // Either of the two is better than nothing.
        for part in [&left, &right] {
            reading
                .alternatives
                .extend(self.single(part, SPLIT_WEIGHT / 2.0, Origin::Split));
        }
        reading.alternatives.extend(alternative);
        true
    }
}
