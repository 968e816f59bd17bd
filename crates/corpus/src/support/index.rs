use super::bm25::Bm25;
use super::passages::{Passage, Source, Unit, passages, split};
use super::question::{Word, character_grams, words};

/// A word of those with which customers asked for it counts as often as this.
const ASKED_COUNT: f32 = 2.0;

/// Sources split into passages, and these into units that can be said by
/// themselves.
#[derive(Debug, Clone, Default)]
pub struct Index {
    sources: Vec<Source>,
    /// By source.
    units: Vec<Vec<Unit>>,
    /// Of all sources, in their order.
    passages: Vec<Passage>,
    /// By source: the place of its first unit among all.
    first_units: Vec<usize>,
    unit_count: usize,
    /// The languages that sources are written in.
    languages: Vec<Option<String>>,
    pub(super) of_passages: Bm25,
    pub(super) of_units: Bm25,
    /// Of passages, by runs of letters.
    pub(super) of_grams: Bm25,
}

impl Index {
    /// Splits and indexes `sources`, in their order.
    pub fn new(sources: Vec<Source>) -> Self {
        let units: Vec<Vec<Unit>> = sources.iter().map(|one| split(&one.text)).collect();
        let mut first_units = Vec::with_capacity(sources.len());
        let mut found = Vec::new();
        let mut unit_count = 0;
        for (place, (source, units)) in sources.iter().zip(&units).enumerate() {
            first_units.push(unit_count);
            unit_count += units.len();
            found.extend(passages(place, &source.text, units));
        }
        let mut languages: Vec<Option<String>> =
            sources.iter().map(|one| one.language.clone()).collect();
        languages.sort_unstable();
        languages.dedup();
        let mut index = Self {
            sources,
            units,
            passages: found,
            first_units,
            unit_count,
            languages,
            ..Self::default()
        };
        index.of_passages = Bm25::new(index.passages.iter().map(|one| index.words_of(one)));
        let units = index.passages.iter().flat_map(|passage| {
            let units = passage.units.clone();
            units.map(|unit| index.words_of_unit(passage, unit))
        });
        index.of_units = Bm25::new(units);
        index.of_grams = Bm25::new(index.passages.iter().map(|passage| {
            let grams = character_grams(&index.passage_text(passage)).into_iter();
            grams.map(|gram| (gram, 1.0)).collect()
        }));
        index
    }

    /// The words by which a passage is found, with how often each counts: its own,
    /// those above it, and those with which customers asked for it.
    fn words_of(&self, passage: &Passage) -> Vec<(String, f32)> {
        let source = &self.sources[passage.source];
        let above = [&source.title, &passage.heading].into_iter().flatten();
        let language = source.language.as_deref();
        let above = above.flat_map(|above| words(above, language));
        let above = above.map(|one| (one.word, 1.0));
        let units = passage.units.clone();
        let own = units.flat_map(|unit| self.words_of_unit(passage, unit));
        above.chain(own).collect()
    }

    /// The words that tell a unit from the others of its passage.
    fn words_of_unit(&self, passage: &Passage, unit: usize) -> Vec<(String, f32)> {
        let source = &self.sources[passage.source];
        let said = self.text_of(passage.source, unit);
        let heading = self.units[passage.source][unit].heading.as_deref();
        let shared = passage.heading.as_deref().unwrap_or_default();
        let label = heading.and_then(|heading| heading.strip_prefix(shared));
        let language = source.language.as_deref();
        let label = label.map(|label| words(label, language)).into_iter();
        let own = words(said, language).into_iter().chain(label.flatten());
        let mut found: Vec<(String, f32)> = own.map(|one| (one.word, 1.0)).collect();
        for asked in &source.asked {
            if asked.quote.as_deref().is_none_or(|quote| quote == said) {
                let asked = asked.words.iter();
                found.extend(asked.map(|(word, share)| (word.clone(), ASKED_COUNT * share)));
            }
        }
        found
    }

    /// What may be quoted.
    pub fn sources(&self) -> &[Source] {
        &self.sources
    }

    /// The passages of all sources, in their order.
    pub fn passages(&self) -> &[Passage] {
        &self.passages
    }

    /// A passage as an encoder or a language model reads it: under its title and
    /// headings.
    pub fn passage_text(&self, passage: &Passage) -> String {
        let above = self.above(passage.source, passage.heading.as_deref());
        let units = self.units_of(passage.source).get(passage.units.clone());
        let ends = units.and_then(|units| Some((units.first()?.start, units.last()?.end)));
        let text = &self.sources[passage.source].text;
        let body = ends.and_then(|(start, end)| text.get(start..end));
        join(above, "\n", body.unwrap_or_default())
    }

    /// What stands right above a passage: its nearest heading, else the title.
    pub fn nearest_heading<'a>(&'a self, passage: &'a Passage) -> Option<&'a str> {
        let nearest = |headings: &str| headings.rfind(" > ").map_or(0, |at| at + " > ".len());
        let heading = passage.heading.as_deref();
        let heading = heading.map(|headings| &headings[nearest(headings)..]);
        heading.or(self.sources[passage.source].title.as_deref())
    }

    /// A unit as an encoder reads it.
    pub fn unit_text(&self, source: usize, unit: usize) -> String {
        let heading = self.units_of(source).get(unit);
        let heading = heading.and_then(|unit| unit.heading.as_deref());
        let above = self.above(source, heading);
        join(above, ": ", self.text_of(source, unit))
    }

    fn above(&self, source: usize, heading: Option<&str>) -> String {
        let title = self.sources[source].title.as_deref();
        // A page often begins with its own title.
        let heading = heading.filter(|heading| title != Some(*heading));
        let parts: Vec<&str> = [title, heading].into_iter().flatten().collect();
        parts.join(" > ")
    }

    /// The units of one source, in its order.
    pub fn units_of(&self, source: usize) -> &[Unit] {
        self.units.get(source).map_or(&[], Vec::as_slice)
    }

    /// Every unit as the places of its source and of itself within that.
    pub fn all_units(&self) -> impl Iterator<Item = (usize, usize)> {
        let sources = self.units.iter().enumerate();
        sources.flat_map(|(source, units)| (0..units.len()).map(move |unit| (source, unit)))
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
        let first = *self.first_units.get(source)?;
        (unit < self.units_of(source).len()).then_some(first + unit)
    }

    /// How many units there are in all.
    pub fn len(&self) -> usize {
        self.unit_count
    }

    /// Whether nothing may be said at all.
    pub fn is_empty(&self) -> bool {
        self.unit_count == 0
    }

    /// Whether a source speaks of this.
    pub fn speaks_of(&self, text: &str) -> bool {
        let mut languages = self.languages.iter();
        languages.any(|language| {
            let words = words(text, language.as_deref());
            let is_known = |one: &Word| !self.of_passages.postings(&one.word).is_empty();
            !words.is_empty() && words.iter().all(is_known)
        })
    }

    pub(super) fn languages(&self) -> &[Option<String>] {
        &self.languages
    }
}

fn join(above: String, between: &str, below: &str) -> String {
    if above.is_empty() {
        below.to_owned()
    } else {
        format!("{above}{between}{below}")
    }
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
            language: crate::detect_language(text).map(str::to_owned),
            text: (*text).to_owned(),
            asked: Vec::new(),
        };
        Self::new(documents.iter().map(source).collect())
    }
}
