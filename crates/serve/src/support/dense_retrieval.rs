//! A published sentence encoder that the shop may choose as a second voice
//! beside the words: it finds "Can I send it back?" near "Returns".

use std::path::Path;
use std::sync::Arc;

use corpus::support::{Candidate, Index, SimilarityFeatures, Source};
use models::published::{PublishedModel, SpecialTokens};
use models::static_encoder::product;
use models::{AttentionKind, Pooling, Precision, Tokenizer, Transformer};
use rustc_hash::FxHashMap;

use crate::ServeError;

/// The longest text that is encoded, in tokens.
const LONGEST_TOKENS: usize = 128;
/// So many units are looked at for their meaning alone.
const NEAREST: usize = 12;

/// ChatFormat sentences into vectors.
#[derive(Debug)]
pub struct SentenceEncoder {
    network: Transformer,
    tokenizer: Tokenizer,
    special: SpecialTokens,
    threads: usize,
}

impl SentenceEncoder {
    /// Reads a Hugging Face folder of the BERT family, as `all-MiniLM-L6-v2`,
    /// whose states are averaged.
    pub fn load(folder: &Path, threads: usize) -> Result<Self, ServeError> {
        let place = folder.display();
        let wrong = |reason: &dyn std::fmt::Display| {
            ServeError::Artifact(format!(
                "{place}: {reason}; give the folder of a sentence encoder"
            ))
        };
        let mut published = PublishedModel::read(folder).map_err(|error| wrong(&error))?;
        let tokenizer = published
            .tokenizer
            .take()
            .ok_or_else(|| wrong(&"it has no tokenizer"))?;
        if published.config.attention != AttentionKind::Bidirectional {
            return Err(wrong(&"it is no encoder"));
        }
        let network =
            Transformer::load(&published, Precision::Full).map_err(|error| wrong(&error))?;
        Ok(Self {
            network,
            tokenizer,
            special: published.special,
            threads: threads.max(1),
        })
    }

    /// Numbers of a vector.
    pub fn width(&self) -> usize {
        self.network.config().width
    }

    /// Whether it knows the letters of a text.
    pub fn reads(&self, text: &str) -> bool {
        let unknown = self.tokenizer.special("[UNK]");
        unknown.is_none_or(|unknown| !self.tokenizer.encode(text).contains(&unknown))
    }

    /// The vectors of texts, `[texts, width]`, of length 1 each.
    pub fn encode(&self, texts: &[&str]) -> Vec<f32> {
        let around = self.special.around(&[]).len();
        let longest = self.network.config().context.min(LONGEST_TOKENS);
        let tokens: Vec<Vec<u32>> = texts
            .iter()
            .map(|text| {
                let mut tokens = self.tokenizer.encode(text);
                tokens.truncate(longest.saturating_sub(around));
                self.special.around(&tokens)
            })
            .collect();
        let sequences: Vec<&[u32]> = tokens.iter().map(Vec::as_slice).collect();
        self.network.encode(&sequences, Pooling::Mean, self.threads)
    }
}

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
        let encoded = encoder.encode(&fresh);
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
    let vectors = encoder.encode(&distinct);
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
        let asked = encoder.encode(&[message]);
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
