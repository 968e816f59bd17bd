//! Which units may answer a question: Okapi BM25 over words and concepts,
//! with what the whole source and earlier questions say for them.

use rustc_hash::FxHashMap;

use super::calibration::Features;
use super::entity_linking::{LinkedEntities, MentionRole};
use super::index::Index;
use super::matches::TermMatch;
use super::passages::Source;
use super::question::Question;

/// Okapi BM25 (Robertson and Zaragoza, 2009).
const K1: f32 = 1.2;
const B: f32 = 0.6;
/// How much a word in a title or heading counts beside one in the text.
const TITLE_WEIGHT: f32 = 0.6;
const ASKED_WEIGHT: f32 = 2.0;
/// How much the whole source's match counts beside the unit's.
const SOURCE_WEIGHT: f32 = 0.35;
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
        let named = self.link_entities(&matches);
        let asked = self.asked_coverage(&matches);
        let bm25 = self.gather(&matches, &named);
        let mut units: Vec<u32> = bm25.keys().chain(asked.keys()).copied().collect();
        units.sort_unstable();
        units.dedup();
        let by_source = self.source_coverage(&matches);
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
                let mut features = self.unit_features(question, &matches, &named, place);
                let lexical = bm25.get(&place).copied().unwrap_or_default();
                features.set(
                    "lexical",
                    f64::from(lexical / (lexical + HALF_MATCH * self.unknown_idf)),
                );
                features.set("relative", f64::from(score / best.max(1e-6)));
                features.set("source", f64::from(whole));
                features.set("source_margin", f64::from(whole - best_source));
                features.set(
                    "past_question_coverage",
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

    /// The BM25 of the units that share a word or a concept with the question.
    fn gather(&self, matches: &[TermMatch], named: &LinkedEntities) -> FxHashMap<u32, f32> {
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
                    let source = self.flat[posting.unit as usize].source;
                    let gain = match self.mention_role(named, source, term) {
                        MentionRole::None => term.mass * factor * (body + title),
                        MentionRole::OwnEntity => term.mass * (1.0 + TITLE_WEIGHT),
                        MentionRole::OtherEntity | MentionRole::Context => continue,
                    };
                    let entry = best.entry(posting.unit).or_default();
                    *entry = entry.max(gain);
                }
            }
            for (unit, gain) in best {
                *bm25.entry(unit).or_default() += gain;
            }
        }
        bm25
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

#[cfg(test)]
mod tests {
    use super::*;

    fn index() -> Index {
        Index::of(&[
            (
                "Shipping",
                "We ship worldwide. Shipping is free over 50 dollars.",
            ),
            (
                "Returns",
                "Items can be returned within 30 days. Refunds take 5 days.",
            ),
            (
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

    #[test]
    fn a_chinese_word_is_found_where_it_comes_apart() {
        let index = Index::of(&[
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
        let index = Index::of(&[
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
                .map_or(0.0, |one| one.features.named("unknown_entity_share"))
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
