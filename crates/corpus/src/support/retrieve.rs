//! Which passages may answer a question: BM25 over their words and, where there
//! is an encoder, the cosines of a question with them and with their units.

use super::calibration::Features;
use super::index::Index;
use super::passages::{Passage, Source};
use super::question::{QueryWord, Question, character_grams};

/// How much BM25 of runs of letters counts beside the cosines, both standardised
/// over all passages. RESEARCH-LOG.md has the figures behind it.
const LEXICAL_WEIGHT: f32 = 0.2;
/// How much BM25 of words counts beside the cosine among the units of a passage.
const UNIT_LEXICAL_WEIGHT: f32 = 0.3;
/// How far a source in another language than the answer's falls behind, in standard
/// deviations.
const OTHER_LANGUAGE: f32 = 1.5;
/// How far a passage may lead or lag, in standard deviations.
const MOST_MARGIN: f32 = 3.0;

/// How near a question is to everything that may be said, by an encoder: 0 is as
/// near as questions about something else come, 1 as near as the title of a text
/// comes to that text.
#[derive(Debug, Clone, Default)]
pub struct Similarities {
    /// By passage of the index.
    pub passages: Vec<f32>,
    /// By unit, in the order of [`Index::place`].
    pub units: Vec<f32>,
    /// The cosines of passages and units without what all of them, and all
    /// questions, have in common: what ranks them.
    pub centred: (Vec<f32>, Vec<f32>),
}

/// A passage that may answer, with what speaks for it.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// Place in [`Index::passages`].
    pub passage: usize,
    /// Place of its source in [`Index::sources`].
    pub source: usize,
    /// Its units with how well each answers, the best first.
    pub units: Vec<(usize, f32)>,
    /// The score that put it on the list.
    pub score: f32,
    /// What the calibration judges by.
    pub features: Features,
}

impl Candidate {
    /// Place of the unit that answers best, among those of the source.
    pub fn unit(&self) -> usize {
        self.units.first().map_or(0, |(unit, _)| *unit)
    }
}

impl Index {
    /// The passages that match best among the sources that `keep` (given their
    /// place) is true of, best first, with their features (the language model's is
    /// left 0).
    pub fn retrieve(
        &self,
        question: &Question,
        similarities: Option<&Similarities>,
        most: usize,
        keep: impl Fn(usize, &Source) -> bool,
    ) -> Vec<Candidate> {
        let words = question.words(self.languages());
        if self.is_empty() || (words.is_empty() && similarities.is_none()) {
            return Vec::new();
        }
        let weighted = || words.iter().map(|one| (one.word.as_str(), one.weight));
        let lexical = self.of_passages.scores(weighted());
        let mut scores = match similarities {
            Some(similarities) => self.fused(question, similarities),
            None => standardised(lexical.clone()),
        };
        for (score, passage) in scores.iter_mut().zip(self.passages()) {
            let language = self.sources()[passage.source].language.as_ref();
            let is_other = |asked: &String| language.is_some_and(|language| language != asked);
            if question.language.as_ref().is_some_and(is_other) {
                *score -= OTHER_LANGUAGE;
            }
        }
        let mut places: Vec<usize> = (0..self.passages().len())
            .filter(|place| {
                let source = self.passages()[*place].source;
                keep(source, &self.sources()[source])
            })
            .filter(|place| similarities.is_some() || lexical[*place] > 0.0)
            .collect();
        places.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]).then(a.cmp(b)));
        // What stands under another heading is another topic, on one page as in a
        // document of its own.
        let topic = |place: usize| {
            let passage = &self.passages()[place];
            (passage.source, &passage.heading)
        };
        let lead = |place: usize| {
            let mut others = places.iter();
            let other = others.find(|other| topic(**other) != topic(place));
            let lead = other.map_or(MOST_MARGIN, |other| scores[place] - scores[*other]);
            lead.clamp(-MOST_MARGIN, MOST_MARGIN)
        };
        let matching = Matching {
            index: self,
            mass: words
                .iter()
                .map(|one| self.mass(one))
                .sum::<f32>()
                .max(1e-6),
            of_units: self.of_units.scores(weighted()),
            words: &words,
            similarities,
        };
        let found = places.iter().take(most);
        found
            .map(|place| matching.candidate(*place, scores[*place], lead(*place)))
            .collect()
    }

    /// How much a word of a question tells of what is covered.
    fn mass(&self, one: &QueryWord) -> f32 {
        f32::from(u8::from(one.counts)) * one.weight * self.of_passages.rarity(&one.word)
    }

    /// One score for each passage, by an encoder and by runs of letters.
    fn fused(&self, question: &Question, similarities: &Similarities) -> Vec<f32> {
        let (passages, units) = &similarities.centred;
        let best_unit = |passage: &Passage| {
            let of_passage = passage.units.clone();
            let near = |unit| units.get(self.place(passage.source, unit)?).copied();
            of_passage.filter_map(near).reduce(f32::max)
        };
        let near = self.passages().iter().zip(passages);
        let near = near.map(|(passage, near)| near + best_unit(passage).unwrap_or_default());
        let grams = character_grams(&question.with_earlier());
        let lexical = self
            .of_grams
            .scores(grams.iter().map(|gram| (gram.as_str(), 1.0)));
        let both = standardised(near.collect())
            .into_iter()
            .zip(standardised(lexical));
        both.map(|(near, lexical)| near + LEXICAL_WEIGHT * lexical)
            .collect()
    }
}

/// A question beside the index.
struct Matching<'a> {
    index: &'a Index,
    words: &'a [QueryWord],
    /// Of all its words.
    mass: f32,
    /// BM25 of every unit.
    of_units: Vec<f32>,
    similarities: Option<&'a Similarities>,
}

impl Matching<'_> {
    fn candidate(&self, place: usize, score: f32, lead: f32) -> Candidate {
        let passage = &self.index.passages()[place];
        let at = |unit: usize| self.index.place(passage.source, unit).unwrap_or_default();
        let lexical = |unit: usize| self.of_units[at(unit)] / self.mass;
        let near = |unit: usize| self.similarities.map_or(0.0, |all| all.units[at(unit)]);
        let mut units: Vec<(usize, f32)> = passage
            .units
            .clone()
            .map(|unit| (unit, near(unit) + UNIT_LEXICAL_WEIGHT * lexical(unit)))
            .collect();
        units.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        let best = units.first().map_or(passage.units.start, |(unit, _)| *unit);
        let mut features = Features::default();
        features.set("coverage", self.share(|holders| holds(holders, place)));
        features.set("unknown", self.share(<[_]>::is_empty));
        features.set("margin", lead);
        features.set("lexical", lexical(best));
        if let Some(all) = self.similarities {
            features.set("similarity", all.passages[place]);
            features.set("unit_similarity", near(best));
        }
        Candidate {
            passage: place,
            source: passage.source,
            units,
            score,
            features,
        }
    }

    /// The share of the question whose words' passages are such.
    fn share(&self, is_such: impl Fn(&[(u32, f32)]) -> bool) -> f32 {
        let postings = |one: &&QueryWord| is_such(self.index.of_passages.postings(&one.word));
        let such = self.words.iter().filter(postings);
        such.map(|one| self.index.mass(one)).sum::<f32>() / self.mass
    }
}

fn holds(holders: &[(u32, f32)], place: usize) -> bool {
    let found = holders.binary_search_by_key(&place, |(holder, _)| *holder as usize);
    found.is_ok()
}

/// With mean 0 and deviation 1; all 0 where all are the same.
fn standardised(mut values: Vec<f32>) -> Vec<f32> {
    let count = values.len().max(1) as f32;
    let mean = values.iter().sum::<f32>() / count;
    let variance = values
        .iter()
        .map(|value| (value - mean).powi(2))
        .sum::<f32>()
        / count;
    let deviation = variance.sqrt();
    for value in &mut values {
        *value = if deviation > 1e-9 {
            (*value - mean) / deviation
        } else {
            0.0
        };
    }
    values
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

    fn best<'a>(index: &'a Index, question: &str) -> Option<&'a str> {
        let question = Question::new(question, None);
        let found = index.retrieve(&question, None, 5, |_, _| true);
        let best = found.first()?;
        Some(index.text_of(best.source, best.unit()))
    }

    #[test]
    fn words_find_the_unit_that_holds_them() {
        let index = index();
        for (question, expected) in [
            (
                "How long do I have to return an item?",
                "Items can be returned within 30 days.",
            ),
            ("when is it refunded", "Refunds take 5 days."),
            ("运费多少", "满88元免邮费；不满88元，每单收取10元运费。"),
            ("is shipping free?", "Shipping is free over 50 dollars."),
        ] {
            assert_eq!(best(&index, question), Some(expected), "{question}");
        }
        assert_eq!(best(&index, ""), None);
        assert_eq!(best(&index, "Qwertz?"), None);
    }

    #[test]
    fn one_page_answers_as_its_pieces_do() {
        let pieces = [
            (
                "Shipping",
                "Standard shipping costs 4 dollars. Parcels leave within 2 days.",
            ),
            (
                "Returns",
                "Items can be returned within 30 days. Refunds take 5 days.",
            ),
            (
                "Repairs",
                "The workshop mends zips for 12 dollars. Bring the receipt.",
            ),
            (
                "Gift cards",
                "Gift cards are valid for 3 years. They cannot be paid out.",
            ),
        ];
        let sections = pieces.map(|(title, text)| format!("## {title}\n\n{text}\n\n"));
        let page = Index::of(&[("Help", &sections.concat())]);
        let pieces = Index::of(&pieces);
        for question in [
            "What does standard shipping cost?",
            "How long are gift cards valid?",
            "Do you mend zips?",
            "within how many days can an item be returned",
        ] {
            assert!(best(&pieces, question).is_some());
            assert_eq!(best(&page, question), best(&pieces, question), "{question}");
        }
    }

    #[test]
    fn an_encoder_finds_what_shares_no_word() {
        let index = index();
        let near = |unit: usize| {
            let holds = |passage: &Passage| index.place(passage.source, 0) <= Some(unit);
            let passages = index.passages().iter();
            let passages: Vec<f32> = passages
                .map(|passage| f32::from(u8::from(holds(passage))))
                .collect();
            let units: Vec<f32> = (0..index.len())
                .map(|place| f32::from(u8::from(place == unit)))
                .collect();
            Similarities {
                centred: (passages.clone(), units.clone()),
                passages,
                units,
            }
        };
        let question = Question::new("money back?", None);
        let place = index.place(1, 1).unwrap();
        let found = index.retrieve(&question, Some(&near(place)), 5, |_, _| true);
        let best = &found[0];
        assert_eq!(
            index.text_of(best.source, best.unit()),
            "Refunds take 5 days."
        );
        let others = index.retrieve(&question, Some(&near(place)), 5, |source, _| source != 1);
        assert!(others.iter().all(|one| one.source != 1));
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
            let question = Question::new(text, Some(text));
            let found = index.retrieve(&question, None, 5, |_, _| true);
            assert!(found.iter().all(|found| found.score.is_finite()));
        }
    }
}
