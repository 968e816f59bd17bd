//! Which units may answer a question: Okapi BM25 over words and concepts,
//! with what the whole source and earlier questions say for them.

use rustc_hash::FxHashMap;

use super::calibration::Features;
use super::concepts::wider;
use super::index::{Index, concept_key};
use super::passages::Source;
use super::question::Question;
use super::terms::Term;
use super::thesaurus::{character_key, characters_of, group_key, groups_of, separable_key};

/// Okapi BM25 (Robertson and Zaragoza, 2009).
const K1: f32 = 1.2;
const B: f32 = 0.6;
/// How much a word in a title or heading counts beside one in the text.
const TITLE_WEIGHT: f32 = 0.6;
const ASKED_WEIGHT: f32 = 2.0;
/// How much the whole source's match counts beside the unit's.
const SOURCE_WEIGHT: f32 = 0.35;
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
/// The BM25, in words as rare as can be, that counts as half a match.
const HALF_MATCH: f32 = 2.0;

/// A unit that may answer, with what speaks for it.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// Place in [`Index::sources`].
    pub source: usize,
    /// Place in [`Index::units_of`] that source.
    pub unit: usize,
    /// The lexical score that put it on the list.
    pub score: f32,
    /// What the calibration judges by.
    pub features: Features,
}

impl Index {
    /// The units that match best, best first, with their features (the
    /// language model's is left 0).
    pub fn retrieve(&self, question: &Question, most: usize) -> Vec<Candidate> {
        self.retrieve_among(question, most, |_, _| true)
    }

    /// As [`Index::retrieve`], as if the source at `excluded` were not there.
    pub fn retrieve_without(
        &self,
        question: &Question,
        most: usize,
        excluded: Option<usize>,
    ) -> Vec<Candidate> {
        self.retrieve_among(question, most, |place, _| excluded != Some(place))
    }

    /// As [`Index::retrieve`], as if only the sources were there that `keep`
    /// (given their place) is true of.
    pub fn retrieve_among(
        &self,
        question: &Question,
        most: usize,
        keep: impl Fn(usize, &Source) -> bool,
    ) -> Vec<Candidate> {
        self.retrieve_with(question, most, &[], keep)
    }

    /// As [`Index::retrieve_among`], and the units at the places `also` (of
    /// [`Index::place`]) stand below, whether they share a word or not.
    pub fn retrieve_with(
        &self,
        question: &Question,
        most: usize,
        also: &[usize],
        keep: impl Fn(usize, &Source) -> bool,
    ) -> Vec<Candidate> {
        if self.flat.is_empty() || (question.terms.is_empty() && also.is_empty()) {
            return Vec::new();
        }
        let matches: Vec<TermMatch> = question
            .terms
            .iter()
            .flat_map(|(term, weight)| self.term_matches(term, *weight))
            .collect();
        let (units, bm25) = self.gather(&matches);
        let by_source = self.source_coverage(&matches);
        let asked = self.asked_coverage(&matches);
        let stays = |source: u32| keep(source as usize, &self.sources[source as usize]);
        let best_source = by_source
            .iter()
            .filter(|(source, _)| stays(**source))
            .map(|(_, share)| *share)
            .fold(0.0, f32::max);
        let score_of = |unit: u32| {
            let source = self.flat[unit as usize].source;
            let whole = by_source.get(&source).copied().unwrap_or_default();
            let asked = asked.get(&unit).copied().unwrap_or_default();
            bm25.get(&unit).copied().unwrap_or_default()
                + (SOURCE_WEIGHT * whole + ASKED_WEIGHT * asked) * 2.0 * self.unknown_idf
        };
        let mut ranked: Vec<(f32, u32)> = units
            .into_iter()
            .filter(|unit| stays(self.flat[*unit as usize].source))
            .map(|unit| (score_of(unit), unit))
            .collect();
        ranked.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        ranked.truncate(most);
        for place in also.iter().filter_map(|place| u32::try_from(*place).ok()) {
            let known = self.flat.get(place as usize);
            let new = ranked.iter().all(|(_, unit)| *unit != place);
            if known.is_some_and(|unit| new && stays(unit.source)) {
                ranked.push((score_of(place), place));
            }
        }
        let best = ranked.first().map_or(0.0, |(score, _)| *score);
        ranked
            .into_iter()
            .map(|(score, place)| {
                let unit = &self.flat[place as usize];
                let whole = by_source.get(&unit.source).copied().unwrap_or_default();
                let mut features = self.unit_features(question, &matches, place);
                let lexical = bm25.get(&place).copied().unwrap_or_default();
                features.set(
                    "lexical",
                    f64::from(lexical / (lexical + HALF_MATCH * self.unknown_idf)),
                );
                features.set("relative", f64::from(score / best.max(1e-6)));
                features.set("source", f64::from(whole));
                features.set("source_margin", f64::from(whole - best_source));
                features.set(
                    "asked",
                    f64::from(asked.get(&place).copied().unwrap_or_default()),
                );
                Candidate {
                    source: unit.source as usize,
                    unit: unit.unit as usize,
                    score,
                    features,
                }
            })
            .collect()
    }

    /// A word as the index knows it; a Chinese one that no source holds in any
    /// form is asked for as it comes apart ("分期" in "分3期"), or else by its
    /// characters.
    fn term_matches(&self, term: &Term, weight: f32) -> Vec<TermMatch> {
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
        if !whole.is_unheard() || whole.is_foreign || characters.is_empty() {
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
                is_foreign: false,
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
        let wider = term.concept.and_then(wider).map(concept_key);
        let groups: Vec<u32> = groups
            .chain(wider)
            .filter_map(|key| held(self.vocabulary.get(&key).copied()))
            .collect();
        let is_foreign = word.is_none() && term.is_name;
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
            is_foreign,
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

    /// Units that share a word or a concept with the question, with their BM25.
    fn gather(&self, matches: &[TermMatch]) -> (Vec<u32>, FxHashMap<u32, f32>) {
        let mut bm25: FxHashMap<u32, f32> = FxHashMap::default();
        for term in matches {
            let mut best: FxHashMap<u32, f32> = FxHashMap::default();
            for (word, factor) in term.keys() {
                for posting in &self.postings[word as usize] {
                    let length =
                        self.flat[posting.unit as usize].length / self.mean_length.max(1.0);
                    let norm = K1 * (1.0 - B + B * length);
                    let body = posting.count * (K1 + 1.0) / (posting.count + norm);
                    let title = f32::from(u8::from(posting.titled)) * TITLE_WEIGHT;
                    let gain = term.mass * factor * (body + title);
                    let entry = best.entry(posting.unit).or_default();
                    *entry = entry.max(gain);
                }
            }
            for (unit, gain) in best {
                *bm25.entry(unit).or_default() += gain;
            }
        }
        let mut units: Vec<u32> = bm25.keys().copied().collect();
        units.extend(self.asked_coverage(matches).into_keys());
        units.sort_unstable();
        units.dedup();
        (units, bm25)
    }

    /// By source: the share of what was asked that it holds anywhere.
    fn source_coverage(&self, matches: &[TermMatch]) -> FxHashMap<u32, f32> {
        let mut covered: FxHashMap<u32, f32> = FxHashMap::default();
        for term in matches {
            let mut best: FxHashMap<u32, f32> = FxHashMap::default();
            for (word, factor) in term.keys() {
                for source in &self.source_postings[word as usize] {
                    let entry = best.entry(*source).or_default();
                    *entry = entry.max(factor);
                }
            }
            for (source, factor) in best {
                *covered.entry(source).or_default() += factor * term.mass;
            }
        }
        let total: f32 = matches.iter().map(|term| term.mass).sum();
        for share in covered.values_mut() {
            *share /= total.max(1e-6);
        }
        covered
    }

    /// By unit: how like the question is to those that it answered before.
    fn asked_coverage(&self, matches: &[TermMatch]) -> FxHashMap<u32, f32> {
        let mut covered: FxHashMap<u32, f32> = FxHashMap::default();
        for term in matches {
            let mut best: FxHashMap<u32, f32> = FxHashMap::default();
            for (word, factor) in term.keys() {
                for (unit, share) in &self.asked_postings[word as usize] {
                    let entry = best.entry(*unit).or_default();
                    *entry = entry.max(factor * share.sqrt());
                }
            }
            for (unit, share) in best {
                *covered.entry(unit).or_default() += share * term.mass;
            }
        }
        let total: f32 = matches.iter().map(|term| term.mass).sum();
        for share in covered.values_mut() {
            *share /= total.max(1e-6);
        }
        covered
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
    pub(super) is_foreign: bool,
    /// A year of the calendar: a source that does not hold it says nothing of it.
    pub(super) is_year: bool,
}

impl TermMatch {
    /// Whether no source holds anything of it.
    fn is_unheard(&self) -> bool {
        self.word.is_none() && self.concept.is_none() && self.groups.is_empty()
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = (u32, f32)> + '_ {
        let word = self.word.map(|word| (word, self.strength));
        let concept = self.concept.map(|concept| (concept, CONCEPT_WEIGHT));
        let groups = self.groups.iter().map(|group| (*group, GROUP_WEIGHT));
        word.into_iter().chain(concept).chain(groups)
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
    use super::super::passages::SourceKind;
    use super::*;

    fn index() -> Index {
        let source = |id: &str, title: &str, text: &str| Source {
            kind: SourceKind::Document,
            id: shop::Id::new(id).unwrap(),
            title: Some(title.to_owned()),
            url: None,
            language: None,
            text: text.to_owned(),
            asked: Vec::new(),
        };
        Index::new(vec![
            source(
                "shipping",
                "Shipping",
                "We ship worldwide. Shipping is free over 50 dollars.",
            ),
            source(
                "returns",
                "Returns",
                "Items can be returned within 30 days. Refunds take 5 days.",
            ),
            source(
                "yunfei",
                "运费",
                "满88元免邮费；不满88元，每单收取10元运费。港澳台除外。",
            ),
        ])
    }

    #[test]
    fn the_right_unit_comes_first() {
        let index = index();
        for (question, expected) in [
            (
                "How long do I have to return something?",
                "Items can be returned within 30 days.",
            ),
            ("when do I get my money back", "Refunds take 5 days."),
            ("邮费多少", "满88元免邮费；不满88元，每单收取10元运费。"),
            ("is delivery free?", "Shipping is free over 50 dollars."),
            ("do you ship worldwdie", "We ship worldwide."),
        ] {
            let found = index.retrieve(&Question::read(question, None), 5);
            let best = &found[0];
            assert_eq!(
                index.text_of(best.source, best.unit),
                expected,
                "{question}: {found:#?}"
            );
        }
        assert!(index.retrieve(&Question::read("", None), 5).is_empty());
    }

    #[test]
    fn everyday_words_and_characters_meet_what_stands_there() {
        let index = index();
        for (question, expected) in [
            ("Is anything gratis?", "Shipping is free over 50 dollars."),
            (
                "除了港澳，哪里不算？",
                "满88元免邮费；不满88元，每单收取10元运费。港澳台除外。",
            ),
        ] {
            let found = index.retrieve(&Question::read(question, None), 5);
            let said = index.text_of(found[0].source, found[0].unit);
            assert!(expected.contains(said), "{question}: {found:#?}");
        }
    }

    /// Documents of one language: title and text.
    fn index_of(documents: &[(&str, &str)]) -> Index {
        let source = |(title, text): &(&str, &str)| Source {
            kind: SourceKind::Document,
            id: shop::Id::new(title).unwrap(),
            title: Some((*title).to_owned()),
            url: None,
            language: None,
            text: (*text).to_owned(),
            asked: Vec::new(),
        };
        Index::new(documents.iter().map(source).collect())
    }

    #[test]
    fn a_chinese_word_is_found_where_it_comes_apart() {
        let index = index_of(&[
            ("账单", "订单满150美元可分3期免息付款。订单出库时扣款。"),
            ("活动", "会员生日打8折。其他折扣见活动页。"),
        ]);
        for (question, expected) in [
            ("可以分期吗？", "订单满150美元可分3期免息付款。"),
            ("生日打折吗？", "会员生日打8折。"),
        ] {
            let found = index.retrieve(&Question::read(question, None), 5);
            let said = index.text_of(found[0].source, found[0].unit);
            assert_eq!(said, expected, "{question}: {found:#?}");
            let unknown = found[0].features.named("unknown");
            assert_eq!(unknown, 0.0, "{question}: {found:#?}");
        }
    }

    #[test]
    fn who_asks_what_shipping_is_asks_for_its_cost() {
        let index = index_of(&[
            (
                "Delivery",
                "Standard delivery costs 4.90 USD. We deliver to 38 countries.",
            ),
            ("Exchanges", "Sizes can be exchanged free of charge."),
        ]);
        let calibration = super::super::calibration::Calibration::default();
        let found = index.retrieve(&Question::read("How much is shipping?", None), 5);
        let likely = |one: &&Candidate| calibration.probability(&one.features);
        let best = found
            .iter()
            .max_by(|left, right| likely(left).total_cmp(&likely(right)))
            .unwrap();
        let said = index.text_of(best.source, best.unit);
        assert_eq!(said, "Standard delivery costs 4.90 USD.", "{found:#?}");
    }

    #[test]
    fn unknown_names_and_years_are_foreign() {
        let index = index();
        let foreign = |question: &str| {
            let found = index.retrieve(&Question::read(question, None), 1);
            found
                .first()
                .map_or(0.0, |one| one.features.named("foreign"))
        };
        for question in [
            "Is the shipping to Quoxville free?",
            "Was shipping free in 2015?",
        ] {
            assert!(foreign(question) > 0.3, "{question}");
        }
        for question in ["Is shipping free?", "How do I return an umbrella?"] {
            assert_eq!(foreign(question), 0.0, "{question}");
        }
    }

    #[test]
    fn strange_questions_are_no_panic() {
        let index = index();
        for text in [
            "\u{0}\u{202e}🎉",
            "a\u{301}",
            &"return ".repeat(5_000),
            "   ",
            "？？？",
        ] {
            let found = index.retrieve(&Question::read(text, Some(text)), 5);
            assert!(found.iter().all(|found| found.score.is_finite()));
        }
    }
}
