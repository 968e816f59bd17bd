use rustc_hash::FxHashMap;

use super::concepts::wider;
use super::expected_answer_type::Values;
use super::passages::{Source, Unit, split};
use super::terms::terms;
use super::thesaurus::{LOOSE_MARK, loose_keys, separable_keys};

#[derive(Debug, Clone, Default)]
pub(super) struct UnitTerms {
    /// Place of the source.
    pub(super) source: u32,
    /// Place of the unit within its source.
    pub(super) unit: u32,
    pub(super) length: f32,
    /// Sum of the inverse document frequencies of its content words.
    pub(super) mass: f32,
    /// What kinds of value it holds.
    pub(super) values: Values,
    /// It asks, or announces what comes after it.
    pub(super) is_open: bool,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Posting {
    pub(super) unit: u32,
    /// How often the unit's own text holds the word.
    pub(super) count: f32,
    /// Whether its title or heading does.
    pub(super) titled: bool,
}

/// Sources split into units and indexed by words and concepts.
#[derive(Debug, Clone, Default)]
pub struct Index {
    pub(super) sources: Vec<Source>,
    pub(super) units: Vec<Vec<Unit>>,
    pub(super) flat: Vec<UnitTerms>,
    pub(super) vocabulary: FxHashMap<String, u32>,
    /// By word: the units that hold it, or stand under it.
    pub(super) postings: Vec<Vec<Posting>>,
    /// By word: sources that hold it anywhere.
    pub(super) source_postings: Vec<Vec<u32>>,
    /// By word: units asked for with it, with the share of the questions.
    pub(super) asked_postings: Vec<Vec<(u32, f32)>>,
    /// By word: sources whose title holds it.
    pub(super) title_postings: Vec<Vec<u32>>,
    /// By word: whether it may be part of a name.
    pub(super) names: Vec<bool>,
    /// By source: summed rarity of its title's words, and of those among them
    /// that are used of nothing else.
    pub(super) title_mass: Vec<f32>,
    pub(super) own_mass: Vec<f32>,
    /// By word: whether a source holds it that is no guide of one thing.
    pub(super) in_rules: Vec<bool>,
    /// By source: the place of its first unit among all.
    pub(super) first_units: Vec<u32>,
    pub(super) idf: Vec<f32>,
    pub(super) mean_length: f32,
    /// What a word costs that no source holds.
    pub(super) unknown_idf: f32,
}

impl Index {
    /// Splits and indexes `sources`, in their order.
    pub fn new(sources: Vec<Source>) -> Self {
        let mut index = Self::default();
        for (place, source) in (0_u32..).zip(&sources) {
            index.add(place, source);
        }
        index.sources = sources;
        index.finish();
        index
    }

    /// What may be quoted.
    pub fn sources(&self) -> &[Source] {
        &self.sources
    }

    /// The units of one source, in its order.
    pub fn units_of(&self, source: usize) -> &[Unit] {
        self.units.get(source).map_or(&[], Vec::as_slice)
    }

    /// The words of a unit; empty when there is no such unit.
    pub fn text_of(&self, source: usize, unit: usize) -> &str {
        let span = self.units_of(source).get(unit);
        self.sources
            .get(source)
            .zip(span)
            .and_then(|(source, unit)| source.text.get(unit.start..unit.end))
            .unwrap_or_default()
    }

    /// The place of a unit among the units of all sources, in their order.
    pub fn place(&self, source: usize, unit: usize) -> Option<usize> {
        let first = *self.first_units.get(source)? as usize;
        (unit < self.units_of(source).len()).then_some(first + unit)
    }

    /// How many units there are in all.
    pub fn len(&self) -> usize {
        self.flat.len()
    }

    /// Whether nothing may be said at all.
    pub fn is_empty(&self) -> bool {
        self.flat.is_empty()
    }

    fn word(&mut self, word: &str) -> u32 {
        if let Some(number) = self.vocabulary.get(word) {
            return *number;
        }
        let number = self.vocabulary.len() as u32;
        self.vocabulary.insert(word.to_owned(), number);
        self.postings.push(Vec::new());
        self.source_postings.push(Vec::new());
        self.asked_postings.push(Vec::new());
        self.title_postings.push(Vec::new());
        number
    }

    fn add(&mut self, place: u32, source: &Source) {
        let units = split(&source.text);
        let title = source.title.as_deref().map(index_keys).unwrap_or_default();
        for word in &title {
            let word = self.word(word) as usize;
            if !units.is_empty() && self.title_postings[word].last() != Some(&place) {
                self.title_postings[word].push(place);
            }
        }
        self.first_units.push(self.flat.len() as u32);
        let mut in_source: Vec<u32> = Vec::new();
        for (unit_place, unit) in (0_u32..).zip(&units) {
            let body = source.text.get(unit.start..unit.end).unwrap_or_default();
            let mut counts: FxHashMap<u32, (f32, bool)> = FxHashMap::default();
            let words = index_keys(body);
            let length = words.iter().filter(|word| is_word(word)).count() as f32;
            for word in &words {
                counts.entry(self.word(word)).or_default().0 += 1.0;
            }
            let heading = unit.heading.as_deref().map(index_keys).unwrap_or_default();
            for word in title.iter().chain(&heading) {
                counts.entry(self.word(word)).or_default().1 = true;
            }
            let flat = self.flat.len() as u32;
            in_source.extend(counts.keys());
            for (word, (count, titled)) in counts {
                self.postings[word as usize].push(Posting {
                    unit: flat,
                    count,
                    titled,
                });
            }
            self.flat.push(UnitTerms {
                source: place,
                unit: unit_place,
                length,
                mass: 0.0,
                values: Values::of(body),
                is_open: body.ends_with([':', '：', '?', '？']),
            });
        }
        in_source.sort_unstable();
        in_source.dedup();
        for word in in_source {
            self.source_postings[word as usize].push(place);
        }
        let first = self.flat.len() - units.len();
        for asked in &source.asked {
            let answers = |unit: &Unit| {
                let said = source.text.get(unit.start..unit.end);
                asked.quote.is_none() || asked.quote.as_deref() == said
            };
            let places: Vec<usize> = (0..units.len())
                .filter(|place| answers(&units[*place]))
                .collect();
            for (word, share) in &asked.words {
                let word = self.word(word);
                let list = &mut self.asked_postings[word as usize];
                list.extend(places.iter().map(|place| ((first + place) as u32, *share)));
            }
        }
        self.units.push(units);
    }

    fn finish(&mut self) {
        let count = self.flat.len() as f32;
        let idf = |frequency: f32| (1.0 + (count - frequency + 0.5) / (frequency + 0.5)).ln();
        self.idf = self
            .postings
            .iter()
            .map(|list| idf((list.len() as f32).min(count)))
            .collect();
        self.unknown_idf = idf(0.0);
        self.mean_length = self.flat.iter().map(|unit| unit.length).sum::<f32>() / count.max(1.0);
        let mut is_said = vec![true; self.postings.len()];
        self.names = is_said.clone();
        for (word, number) in &self.vocabulary {
            is_said[*number as usize] = !word.starts_with(LOOSE_MARK);
            self.names[*number as usize] = is_word(word) && !is_measure(word);
        }
        self.title_mass = vec![0.0; self.units.len()];
        self.own_mass = vec![0.0; self.units.len()];
        for (word, titled) in self.title_postings.iter().enumerate() {
            for source in titled.iter().filter(|_| self.names[word]) {
                self.title_mass[*source as usize] += self.idf[word];
                if self.is_own(word as u32) {
                    self.own_mass[*source as usize] += self.idf[word];
                }
            }
        }
        let is_rule = |source: &u32| !self.sources[*source as usize].is_guide;
        let rules = self.source_postings.iter();
        self.in_rules = rules.map(|list| list.iter().any(is_rule)).collect();
        for (word, list) in self.postings.iter().enumerate() {
            for posting in list.iter().filter(|posting| posting.count > 0.0) {
                if is_said[word] {
                    self.flat[posting.unit as usize].mass += self.idf[word];
                }
            }
        }
    }
}

pub(super) fn concept_key(concept: u16) -> String {
    // By name: the numbers change with the table, and models keep the keys.
    format!("§{}", super::concepts::name(concept))
}

/// Whether a word of a title is a small number or a unit ("50 ml"), which customers
/// leave out.
fn is_measure(word: &str) -> bool {
    word.is_ascii() && word.len() <= 2
}

/// Whether a key is a word itself and no concept or group of it.
fn is_word(key: &str) -> bool {
    !key.starts_with(['§', LOOSE_MARK])
}

/// What a text is indexed by: its content words, their concepts, the groups
/// of everyday words that they are in, the characters of Chinese ones and the
/// Chinese words that come apart in it.
fn index_keys(text: &str) -> Vec<String> {
    let mut found = keys(text);
    let loose: Vec<String> = found
        .iter()
        .filter(|key| is_word(key))
        .flat_map(|word| loose_keys(word))
        .collect();
    found.extend(loose);
    found.extend(separable_keys(text));
    found
}

/// The content words of a text, their concepts and what these are kinds of.
pub(super) fn keys(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut last_concept = None;
    for term in terms(text) {
        if term.concept.is_some() && term.concept != last_concept {
            found.extend(term.concept.map(concept_key));
            found.extend(term.concept.into_iter().flat_map(wider).map(concept_key));
        }
        last_concept = term.concept;
        if term.content {
            found.push(term.word);
        }
    }
    found
}

#[cfg(test)]
impl Index {
    /// Of documents, each a title and a text.
    pub(super) fn of(documents: &[(&str, &str)]) -> Self {
        let source = |(title, text): &(&str, &str)| Source {
            kind: super::passages::SourceKind::Document,
            id: shop::Id::new(title).unwrap(),
            title: Some((*title).to_owned()),
            url: None,
            language: None,
            is_guide: false,
            text: (*text).to_owned(),
            asked: Vec::new(),
        };
        Self::new(documents.iter().map(source).collect())
    }
}
