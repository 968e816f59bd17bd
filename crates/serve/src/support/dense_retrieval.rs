//! A published sentence encoder that the shop may choose as a second voice
//! beside the words: it finds "Can I send it back?" near "Returns".

use std::sync::Arc;

use corpus::support::{Candidate, Index, SimilarityFeatures, Source};
use models::SentenceEncoder;
use models::static_encoder::product;
use rustc_hash::FxHashMap;

/// The longest text that is encoded, in tokens.
const LONGEST_TOKENS: usize = 128;
/// So many units are looked at for their meaning alone.
const NEAREST: usize = 12;

/// The encoder with the vectors of everything that may be quoted.
#[derive(Debug)]
pub(crate) struct DenseIndex {
    encoder: Arc<SentenceEncoder>,
    /// Each unit under its title and heading, in the order of [`Index::place`].
    titled: Vectors,
    /// The cosine of each unit under its title with the title by itself.
    of_title: Vec<f32>,
}

/// Vectors with what they stand for.
#[derive(Debug)]
struct Vectors {
    /// `[units, width]`.
    rows: Vec<f32>,
    by_text: FxHashMap<String, usize>,
}

impl Vectors {
    /// Encodes `texts`; what `before` has encoded already is taken over.
    fn new(encoder: &SentenceEncoder, texts: Vec<String>, before: Option<&Self>) -> Self {
        let width = encoder.width();
        let known = |text: &String| before.and_then(|before| before.row_of(text, width));
        let fresh: Vec<&str> = texts
            .iter()
            .filter(|text| known(text).is_none())
            .map(String::as_str)
            .collect();
        let encoded = encoder.encode_passages(&fresh, LONGEST_TOKENS);
        let mut encoded = encoded.chunks_exact(width);
        let mut rows = Vec::with_capacity(texts.len() * width);
        for text in &texts {
            match known(text).or_else(|| encoded.next()) {
                Some(vector) => rows.extend_from_slice(vector),
                None => rows.resize(rows.len() + width, 0.0),
            }
        }
        let by_text = texts.into_iter().zip(0..).collect();
        Self { rows, by_text }
    }

    fn row_of(&self, text: &str, width: usize) -> Option<&[f32]> {
        let place = *self.by_text.get(text)?;
        self.rows.get(place * width..(place + 1) * width)
    }
}

impl DenseIndex {
    /// Encodes an index; what `before` has encoded already is taken over.
    pub(crate) fn new(encoder: Arc<SentenceEncoder>, index: &Index, before: Option<&Self>) -> Self {
        let sources = 0..index.sources().len();
        let titled = sources
            .clone()
            .flat_map(|source| titled_units(index, source));
        let titled = Vectors::new(&encoder, titled.collect(), before.map(|one| &one.titled));
        let of_title = near_titles(&encoder, index, &titled);
        Self {
            encoder,
            titled,
            of_title,
        }
    }

    pub(crate) fn encoder(&self) -> &Arc<SentenceEncoder> {
        &self.encoder
    }
}

fn near_titles(encoder: &SentenceEncoder, index: &Index, titled: &Vectors) -> Vec<f32> {
    let width = encoder.width();
    let titles: Vec<&str> = index
        .sources()
        .iter()
        .map(|source| source.title.as_deref().unwrap_or_default())
        .collect();
    let mut distinct = titles.clone();
    distinct.sort_unstable();
    distinct.dedup();
    let vectors = encoder.encode_passages(&distinct, LONGEST_TOKENS);
    let mut cosines = Vec::with_capacity(index.len());
    for (source, title) in titles.into_iter().enumerate() {
        let place = distinct.binary_search(&title).unwrap_or_default();
        let title = vectors.get(place * width..(place + 1) * width);
        for unit in 0..index.units_of(source).len() {
            let place = index.place(source, unit).unwrap_or_default();
            let row = titled.rows.get(place * width..(place + 1) * width);
            cosines.push(title.zip(row).map_or(0.0, |(a, b)| product(a, b)));
        }
    }
    cosines
}

/// The units of a source as the encoder reads them: under title and heading.
fn titled_units(index: &Index, source: usize) -> Vec<String> {
    let title = index.sources()[source].title.as_deref().unwrap_or_default();
    let units = index.units_of(source).iter().zip(0..);
    units
        .map(|(unit, place)| {
            let heading = unit.heading.as_deref().unwrap_or_default();
            let above = [title, heading].into_iter().filter(|part| !part.is_empty());
            let mut parts: Vec<&str> = above.collect();
            parts.push(index.text_of(source, place));
            parts.join(": ")
        })
        .collect()
}

/// How near each unit of the index is to a question.
#[derive(Debug, Clone)]
pub(crate) struct Similarity {
    meaning: Arc<DenseIndex>,
    cosines: Vec<f32>,
}

impl Similarity {
    /// `None` where the encoder does not know the letters of the message: it
    /// would only guess.
    pub(crate) fn of(meaning: Arc<DenseIndex>, message: &str) -> Option<Self> {
        let encoder = &meaning.encoder;
        if !encoder.reads(message) {
            return None;
        }
        let asked = encoder.encode_queries(&[message], LONGEST_TOKENS);
        let rows = meaning.titled.rows.chunks_exact(encoder.width().max(1));
        let cosines = rows.map(|row| product(&asked, row)).collect();
        Some(Self { cosines, meaning })
    }

    /// The places of the nearest units among the sources that `keep` is true of.
    pub(crate) fn nearest(&self, index: &Index, keep: &impl Fn(&Source) -> bool) -> Vec<usize> {
        let mut near: Vec<(f32, usize)> = Vec::new();
        for (source, described) in index.sources().iter().enumerate() {
            if keep(described) {
                let places =
                    (0..index.units_of(source).len()).filter_map(|unit| index.place(source, unit));
                near.extend(places.filter_map(|place| Some((*self.cosines.get(place)?, place))));
            }
        }
        near.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        near.truncate(NEAREST);
        near.into_iter().map(|(_, place)| place).collect()
    }

    /// Puts the cosines among the features of the candidates.
    pub(crate) fn mark(&self, index: &Index, found: &mut [Candidate]) {
        let cosine = |candidate: &Candidate| {
            let place = index.place(candidate.source, candidate.unit);
            place.and_then(|place| self.cosines.get(place).copied())
        };
        let mut by_source: FxHashMap<usize, f32> = FxHashMap::default();
        for candidate in found.iter() {
            let best = by_source.entry(candidate.source).or_insert(-1.0);
            *best = best.max(cosine(candidate).unwrap_or(-1.0));
        }
        let best_but = |but: Option<usize>| {
            let others = by_source.iter().filter(|(source, _)| Some(**source) != but);
            others.map(|(_, best)| *best).fold(0.0, f32::max)
        };
        let best = best_but(None);
        for candidate in found.iter_mut() {
            if let Some(cosine) = cosine(candidate) {
                let elsewhere = best_but(Some(candidate.source));
                let place = index.place(candidate.source, candidate.unit);
                let of_title = place.and_then(|place| self.meaning.of_title.get(place));
                candidate.features.set_similarity(SimilarityFeatures {
                    cosine,
                    best,
                    best_elsewhere: elsewhere,
                    of_title: of_title.copied().unwrap_or_default(),
                });
            }
        }
    }
}
