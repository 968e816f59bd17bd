//! What a mistyped word was meant to be: the words within reach of it,
//! weighed by how often the catalogue has them beside the other words of the
//! query (a noisy channel; Kernighan, Church and Gale, 1990).

use super::reader::Reader;
use super::{Draft, Mended, Origin};
use crate::search::collection::Term;
use crate::search::vocabulary::Correction;

/// How many words a prefix may stand for.
const MAX_PREFIX_WORDS: usize = 12;
/// Among how many of the most frequent they are looked for.
const MAX_PREFIX_LOOKED_AT: usize = 60;
const PREFIX_WEIGHT: f32 = 0.6;
/// A known last word may still be the beginning of another one; what it says
/// as it stands comes first by far.
const KNOWN_PREFIX_WEIGHT: f32 = 0.15;
/// How many neighbours of a word are asked.
const MAX_NEIGHBOURS: usize = 4;
const MAX_CORRECTIONS: usize = 3;
/// By edits; nothing is as sure as what was typed.
const CORRECTED_WEIGHT: [f32; 3] = [1.0, 0.95, 0.7];
/// What an edit more costs on the scale of the logarithm of a count.
const EDIT: f32 = 4.0;
const FIRST_LETTER: f32 = 0.7;
/// How much being frequent counts beside being found together.
const FREQUENT: f32 = 0.7;
/// How much more often a known word's neighbours must stand beside another
/// one for a slip to be thought of.
const SURER: f32 = 20.0;
const LEAST_TOGETHER: u32 = 5;
/// A known word that so few products have may be a slip in the catalogue.
const RARE: u32 = 3;
const MORE_FREQUENT: u32 = 50;

/// A word that may have been meant.
struct Candidate<'a> {
    correction: Correction<'a>,
    documents: u32,
    together: u32,
    worth: f32,
}

impl Reader<'_> {
    /// The surest terms of the words around the word at `at`, nearest first.
    pub fn neighbours(&self, drafts: &[Draft], at: usize) -> Vec<Term> {
        let mut others: Vec<(usize, Term)> = drafts
            .iter()
            .enumerate()
            .filter(|(other, _)| *other != at)
            .filter_map(|(other, draft)| {
                let surest = draft.alternatives.first()?;
                (surest.weight >= 0.8).then_some((other.abs_diff(at), surest.terms[0]))
            })
            .collect();
        others.sort_unstable();
        others.truncate(MAX_NEIGHBOURS);
        others.into_iter().map(|(_, term)| term).collect()
    }

    fn together_with(&self, term: Term, neighbours: &[Term]) -> u32 {
        let titles = self.collection.titles();
        neighbours
            .iter()
            .map(|other| titles.together(term, *other))
            .sum()
    }

    /// Adds the words that the last word of the query begins, those that go
    /// with its neighbours first.
    pub fn complete(&self, draft: &mut Draft, neighbours: &[Term]) {
        let weight = if draft.alternatives.is_empty() {
            PREFIX_WEIGHT
        } else {
            KNOWN_PREFIX_WEIGHT
        };
        if draft.piece.text.chars().count() < 2 {
            return;
        }
        let vocabulary = self.collection.vocabulary();
        let mut words = vocabulary.with_prefix(&draft.piece.text, MAX_PREFIX_LOOKED_AT);
        if !neighbours.is_empty() {
            words.sort_by_cached_key(|word| {
                let terms = self.stems(word);
                let together = terms
                    .first()
                    .map(|term| self.together_with(*term, neighbours));
                std::cmp::Reverse(together)
            });
        }
        for word in words.into_iter().take(MAX_PREFIX_WORDS) {
            for alternative in self.single(word, weight, Origin::Prefix) {
                let known = &draft.alternatives;
                if !known.iter().any(|other| other.terms == alternative.terms) {
                    draft.alternatives.push(alternative);
                }
            }
        }
    }

    /// Adds what a word may have been meant to be where the catalogue does
    /// not have it, or where it hardly goes with its neighbours.
    pub fn spell(&self, draft: &mut Draft, neighbours: &[Term], mended: &mut Mended) {
        let known = draft
            .alternatives
            .iter()
            .any(|one| matches!(one.origin, Origin::Exact | Origin::Joined | Origin::Pinyin));
        if known {
            self.doubt(draft, neighbours, mended);
            return;
        }
        let candidates = self.candidates(&draft.piece.text, neighbours, 2);
        let Some(best) = candidates.first() else {
            if draft.alternatives.is_empty() {
                self.split(draft, mended);
            }
            return;
        };
        // What it begins is likelier, unless that is next to nothing.
        let begun = draft.alternatives.iter().map(|one| &one.terms[0]);
        let begun = begun.filter_map(|term| self.collection.entry(*term));
        let begun = begun.map(|entry| entry.documents).sum::<u32>();
        if begun * 10 >= best.documents.max(1) {
            return;
        }
        let worth = best.worth;
        if best.correction.edits > 1 {
            let unknown = draft.alternatives.is_empty();
            if unknown && self.split(draft, mended) {
                return;
            }
        }
        mended.push((
            draft.piece.start,
            draft.piece.end,
            best.correction.word.to_owned(),
        ));
        for (place, candidate) in candidates.iter().take(MAX_CORRECTIONS).enumerate() {
            let mut weight = CORRECTED_WEIGHT[candidate.correction.edits.min(2)];
            // The runners-up may be meant, but are not what is said to be.
            if place > 0 {
                weight *= 0.8 * (candidate.worth - worth).exp();
            }
            if weight >= 0.1 {
                let word = candidate.correction.word;
                let alternatives = self.single(word, weight, Origin::Corrected);
                draft.alternatives.extend(alternatives);
            }
        }
    }

    /// A word that the catalogue has, but hardly beside these neighbours.
    fn doubt(&self, draft: &mut Draft, neighbours: &[Term], mended: &mut Mended) {
        let Some(own) = draft.alternatives.first().map(|one| one.terms[0]) else {
            return;
        };
        let documents = self
            .collection
            .entry(own)
            .map_or(0, |entry| entry.documents);
        let candidates = self.candidates(&draft.piece.text, neighbours, 1);
        let Some(best) = candidates.first() else {
            return;
        };
        let word = best.correction.word;
        // The same word in another form is no other word.
        if self.stems(word).contains(&own) {
            return;
        }
        let together = self.together_with(own, neighbours);
        let out_of_place = !neighbours.is_empty()
            && best.together >= LEAST_TOGETHER
            && best.together as f32 >= SURER * (together as f32 + 0.25)
            && best.documents > documents;
        let rare = documents <= RARE && best.documents >= MORE_FREQUENT * documents.max(1);
        if out_of_place {
            for one in &mut draft.alternatives {
                one.weight *= 0.7;
            }
            let text = word.to_owned();
            mended.push((draft.piece.start, draft.piece.end, text));
            let meant = self.single(word, CORRECTED_WEIGHT[1], Origin::Corrected);
            draft.alternatives.splice(0..0, meant);
        } else if rare && neighbours.is_empty() {
            let meant = self.single(word, 0.8, Origin::Corrected);
            draft.alternatives.extend(meant);
        }
    }

    /// The words within `edits` of a word, the likeliest first.
    fn candidates(&self, word: &str, neighbours: &[Term], edits: usize) -> Vec<Candidate<'_>> {
        let first = word.chars().next();
        let found = self.collection.vocabulary().near(word, edits);
        let mut candidates: Vec<Candidate<'_>> = found
            .into_iter()
            .map(|correction| {
                let terms = self.stems(correction.word);
                let together = terms
                    .iter()
                    .map(|term| self.together_with(*term, neighbours))
                    .max();
                let together = together.unwrap_or_default();
                let documents = self.collection.vocabulary().documents(correction.word);
                let mut worth = (together as f32).ln_1p() + FREQUENT * (documents as f32).ln_1p();
                worth -= EDIT * (correction.edits as f32 - 1.0);
                if correction.word.chars().next() != first {
                    worth -= FIRST_LETTER;
                }
                Candidate {
                    correction,
                    documents,
                    together,
                    worth,
                }
            })
            .collect();
        candidates.sort_by(|left, right| {
            let worth = right.worth.total_cmp(&left.worth);
            worth.then_with(|| left.correction.word.cmp(right.correction.word))
        });
        candidates
    }

    /// `earphones` may be `ear phones` in the catalogue, though never side by
    /// side; one of the two may be mistyped.
    fn split(&self, draft: &mut Draft, mended: &mut Mended) -> bool {
        const SPLIT_WEIGHT: f32 = 0.8;
        const LONG: usize = 4;
        let text = draft.piece.text.clone();
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
            mended.push((
                draft.piece.start,
                draft.piece.end,
                format!("{left} {right}"),
            ));
        }
        // Either of the two is better than nothing.
        for part in [&left, &right] {
            draft
                .alternatives
                .extend(self.single(part, SPLIT_WEIGHT / 2.0, Origin::Split));
        }
        draft.alternatives.extend(alternative);
        true
    }
}
