//! A question's words as the index knows them.

use super::concepts::wider;
use super::index::{Index, concept_key};
use super::terms::Term;
use super::thesaurus::{character_key, characters_of, group_key, groups_of, separable_key};

/// A concept is a looser match than the word itself.
const CONCEPT_WEIGHT: f32 = 0.8;
/// Everyday words of one group may mean one thing, or not.
const GROUP_WEIGHT: f32 = 0.5;
/// A character of a Chinese word says less than the word.
const CHARACTER_STRENGTH: f32 = 0.8;
/// A word that was mended may be another one.
const MENDED_WEIGHT: f32 = 0.7;
const SHORTEST_MENDED: usize = 5;
/// What a word that no source holds costs, beside the rarest that one holds.
const UNKNOWN_WEIGHT: f32 = 0.7;

/// A question's word as the index knows it.
pub(super) struct TermMatch {
    pub(super) word: Option<u32>,
    pub(super) concept: Option<u32>,
    /// Below 1 where the word had to be mended.
    pub(super) strength: f32,
    pub(super) mass: f32,
    /// Groups of everyday words that it is in, and the wider concept.
    pub(super) groups: Vec<u32>,
    /// A name that no source holds.
    pub(super) is_unknown_entity: bool,
    /// A year of the calendar: a source that does not hold it says nothing of it.
    pub(super) is_year: bool,
}

impl TermMatch {
    /// Whether no source holds anything of it.
    fn is_out_of_vocabulary(&self) -> bool {
        self.word.is_none() && self.concept.is_none() && self.groups.is_empty()
    }

    /// How far any source knows it: wholly, by a word that may mean the same,
    /// or not at all.
    pub(super) fn known(&self) -> f32 {
        match (self.word.or(self.concept), self.groups.is_empty()) {
            (Some(_), _) => 1.0,
            (None, false) => GROUP_WEIGHT,
            (None, true) => 0.0,
        }
    }

    /// What it is looked up by, each with how much a match counts.
    pub(super) fn keys(&self) -> impl Iterator<Item = (u32, f32)> + '_ {
        let word = self.word.map(|word| (word, self.strength));
        let concept = self.concept.map(|concept| (concept, CONCEPT_WEIGHT));
        let groups = self.groups.iter().map(|group| (*group, GROUP_WEIGHT));
        word.into_iter().chain(concept).chain(groups)
    }
}

impl Index {
    /// A word as the index knows it; a Chinese one that no source holds in any
    /// form is asked for as it comes apart ("分期" in "分3期"), or else by its
    /// characters.
    pub(super) fn term_matches(&self, term: &Term, weight: f32) -> Vec<TermMatch> {
        let whole = self.term_match(term, weight);
        let characters: Vec<char> = characters_of(&term.word).collect();
        if let [first, last] = characters[..]
            && whole.word.is_none()
            && whole.concept.is_none()
            && let Some(apart) = self.vocabulary.get(&separable_key(first, last))
        {
            return vec![TermMatch {
                word: Some(*apart),
                strength: CHARACTER_STRENGTH,
                ..whole
            }];
        }
        if !whole.is_out_of_vocabulary() || whole.is_unknown_entity || characters.is_empty() {
            return vec![whole];
        }
        let mass = whole.mass / characters.len() as f32;
        let matches = characters.into_iter().map(|character| {
            let word = self.vocabulary.get(&character_key(character)).copied();
            let held = word.filter(|word| !self.postings[*word as usize].is_empty());
            TermMatch {
                word: held,
                concept: None,
                strength: CHARACTER_STRENGTH,
                mass,
                groups: Vec::new(),
                is_unknown_entity: false,
                is_year: false,
            }
        });
        matches.collect()
    }

    fn term_match(&self, term: &Term, weight: f32) -> TermMatch {
        let word = self.vocabulary.get(&term.word).copied();
        let concept = term
            .concept
            .and_then(|concept| self.vocabulary.get(&concept_key(concept)).copied());
        let held = |word: Option<u32>| {
            word.filter(|word| {
                let word = *word as usize;
                !self.postings[word].is_empty() || !self.asked_postings[word].is_empty()
            })
        };
        let (mut word, concept) = (held(word), held(concept));
        let mut mended = false;
        if word.is_none() && concept.is_none() {
            word = held(self.nearest(&term.word));
            mended = word.is_some();
        }
        let groups = groups_of(&term.word).iter().map(|group| group_key(*group));
        let wider = term.concept.into_iter().flat_map(wider).map(concept_key);
        let groups: Vec<u32> = groups
            .chain(wider)
            .filter_map(|key| held(self.vocabulary.get(&key).copied()))
            .collect();
        let is_unknown_entity =
            term.is_name && word.is_none() && concept.is_none() && groups.is_empty();
        let idf = match (word, concept) {
            (Some(word), Some(concept)) => {
                self.idf[word as usize].min(self.idf[concept as usize] * 1.3)
            }
            (Some(word), None) => self.idf[word as usize],
            (None, Some(concept)) => self.idf[concept as usize],
            // It may be a word of everyday life that the sources can do without.
            (None, None) => self.unknown_idf * UNKNOWN_WEIGHT,
        };
        TermMatch {
            word,
            concept,
            strength: if mended { MENDED_WEIGHT } else { 1.0 },
            mass: idf * weight,
            groups,
            is_unknown_entity,
            is_year: is_year(&term.word),
        }
    }

    /// The most frequent known word that one slip of the finger makes of an
    /// unknown one: a letter too many, too few, another, or two swapped.
    fn nearest(&self, word: &str) -> Option<u32> {
        if word.len() < SHORTEST_MENDED || !word.bytes().all(|byte| byte.is_ascii_lowercase()) {
            return None;
        }
        let alike = |other: &&String| {
            other.len().abs_diff(word.len()) <= 1
                && other.as_bytes()[0] == word.as_bytes()[0]
                && one_slip(word.as_bytes(), other.as_bytes())
        };
        self.vocabulary
            .keys()
            .filter(alike)
            .max_by_key(|other| {
                let number = self.vocabulary[*other] as usize;
                (self.postings[number].len(), std::cmp::Reverse(*other))
            })
            .map(|other| self.vocabulary[other])
    }
}

/// Whether one insertion, deletion, substitution or swap of neighbours makes
/// one word of the other.
fn one_slip(a: &[u8], b: &[u8]) -> bool {
    let (short, long) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    let start = short.iter().zip(long).take_while(|(a, b)| a == b).count();
    let (short, long) = (&short[start..], &long[start..]);
    if short.len() < long.len() {
        return short == &long[1..];
    }
    match short {
        [] => true,
        [_, rest @ ..] if rest == &long[1..] => true,
        [first, second, rest @ ..] => *first == long[1] && *second == long[0] && rest == &long[2..],
        [_] => true,
    }
}

/// A year of the calendar, as "2015".
fn is_year(word: &str) -> bool {
    word.len() == 4
        && word
            .parse()
            .is_ok_and(|year: u16| (1900..2100).contains(&year))
}

#[cfg(test)]
mod tests {
    use super::super::question::Question;
    use super::*;

    #[test]
    fn a_word_is_known_by_itself_by_others_or_not() {
        let index = Index::of(&[("Orders", "The status of an order. We ship abroad.")]);
        let read = |text: &str| {
            let question = Question::read(text, None);
            let (term, weight) = question.terms[0].clone();
            index.term_matches(&term, weight).remove(0)
        };
        for (word, known, foreign) in [
            ("the status", 1.0, false),
            ("the stage", GROUP_WEIGHT, false),
            ("the voltage", 0.0, false),
            ("in Lisbon", GROUP_WEIGHT, false),
            ("in Xanadu", 0.0, true),
        ] {
            let found = read(word);
            assert_eq!(found.known(), known, "{word}");
            assert_eq!(found.is_unknown_entity, foreign, "{word}");
        }
    }
}
