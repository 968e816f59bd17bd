//! How likely a word of the catalogue is meant beside the other words of a
//! query: how many titles have it, and how many of those have the others.

use super::TokenReading;
use super::interpreter::Interpreter;
use crate::search::collection::TermId;

/// How many neighbours of a word are asked.
const MAX_NEIGHBOURS: usize = 4;
/// What a product counts that has the word elsewhere than in its title.
const OUTSIDE_TITLE: f32 = 0.05;
/// How many titles of a word are worth as much as what holds for all titles.
const SMOOTHING: f32 = 3.0;
/// How many titles a pair side by side in the query's order is worth.
const SIDE_BY_SIDE: f32 = 3.0;
/// Neighbours do not speak independently.
const NEIGHBOUR: f32 = 1.0;
/// What is in ten times as many titles is not asked for ten times as often.
const FREQUENT: f32 = 0.5;
/// What a form of a word counts that the catalogue does not have.
const UNSEEN_FORM: f32 = 0.5;

/// Another word of the query, and where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Neighbour {
    distance: usize,
    before: bool,
    pub term: TermId,
}

impl Interpreter<'_> {
    /// The surest terms of the words around the word at `at`, nearest first.
    pub fn neighbours(&self, readings: &[TokenReading], at: usize) -> Vec<Neighbour> {
        let mut others: Vec<Neighbour> = readings
            .iter()
            .enumerate()
            .filter(|(other, _)| *other != at)
            .filter_map(|(other, reading)| {
                let surest = reading.alternatives.first()?;
                (surest.weight >= 0.8).then_some(Neighbour {
                    distance: other.abs_diff(at),
                    before: other < at,
                    term: surest.terms[0],
                })
            })
            .collect();
        others.sort_unstable();
        others.truncate(MAX_NEIGHBOURS);
        others
    }

    /// The logarithm of how likely a word is meant beside its neighbours,
    /// `terms` being its stems.
    pub fn likelihood(&self, word: &str, terms: &[TermId], neighbours: &[Neighbour]) -> f32 {
        let documents = self.collection.vocabulary().documents(word) as f32;
        let each = terms.iter().map(|term| {
            let all = self.collection.entry(*term);
            let all = all.map_or(0, |entry| entry.documents) as f32;
            // Of all that are stemmed alike only this form is meant.
            let share = documents.max(UNSEEN_FORM) / all.max(1.0);
            self.of_term(*term, share.min(1.0), neighbours)
        });
        each.fold(f32::MIN, f32::max)
    }

    fn of_term(&self, term: TermId, share: f32, neighbours: &[Neighbour]) -> f32 {
        let titles = self.collection.titles();
        let products = self.collection.documents().len().max(1) as f32;
        let count = |term: TermId| {
            let all = self.collection.entry(term);
            let all = all.map_or(0, |entry| entry.documents) as f32;
            titles.with(term).len() as f32 + OUTSIDE_TITLE * all
        };
        let own = count(term);
        let beside = neighbours.iter().map(|other| {
            let pair = if other.before {
                titles.side_by_side(other.term, term)
            } else {
                titles.side_by_side(term, other.term)
            };
            let pair = if other.distance == 1 { pair } else { 0 };
            let together = titles.together(term, other.term) as f32 + SIDE_BY_SIDE * pair as f32;
            let anywhere = (count(other.term) + 1.0) / products;
            ((together + SMOOTHING * anywhere) / (own + SMOOTHING)).ln()
        });
        FREQUENT * (own * share + OUTSIDE_TITLE).ln() + NEIGHBOUR * beside.sum::<f32>()
    }
}
