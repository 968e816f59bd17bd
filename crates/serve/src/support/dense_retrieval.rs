//! A published sentence encoder that the shop may choose beside the words: it
//! finds "Can I send it back?" near "Returns".

use std::sync::{Arc, OnceLock};

use corpus::support::{Index, Question, Similarities, background_questions, unrelated_questions};
use models::SentenceEncoder;
use models::static_encoder::product;
use rustc_hash::FxHashMap;

use super::dialogue_act::{DialogueActs, Heard};

/// The longest text that is encoded, in tokens.
const LONGEST_TOKENS: usize = 256;
/// So many headings tell how near a heading comes to its text.
const MOST_TITLES: usize = 100;
/// So much of what all vectors have in common is taken out before they are ranked.
const CENTRED: f32 = 0.8;
/// A scale that is narrower than this (in cosine) tells nothing apart.
const NARROWEST_SCALE: f32 = 0.02;

/// The encoder with the vectors of everything that may be quoted.
#[derive(Debug)]
pub(crate) struct DenseIndex {
    encoder: Arc<SentenceEncoder>,
    /// Each passage under its title and headings, in the order of the index.
    passages: Vectors,
    /// Each unit likewise.
    units: Vectors,
    scale: Scale,
    /// The mean of questions that have nothing to do with this shop.
    mean_question: Vec<f32>,
    /// What messages ask for, learnt with this encoder.
    acts: Arc<OnceLock<Option<DialogueActs>>>,
}

/// What an encoder's cosines mean: those of E5 are .8 for texts that have nothing
/// to do with each other.
#[derive(Debug, Clone, Copy)]
struct Scale {
    /// How near the nearest passage is to a question about something else.
    unrelated: f32,
    /// How near the nearest passage is to a heading that one stands under.
    related: f32,
}

impl Scale {
    fn new(encoder: &SentenceEncoder, index: &Index, passages: &Vectors) -> Self {
        let mut titles: Vec<&str> = index
            .passages()
            .iter()
            .filter_map(|passage| index.nearest_heading(passage))
            .collect();
        titles.sort_unstable();
        titles.dedup();
        let every = titles.len().div_ceil(MOST_TITLES).max(1);
        let titles: Vec<&str> = titles.into_iter().step_by(every).collect();
        let unrelated: Vec<&str> = unrelated_questions().collect();
        let nearest = |texts: &[&str]| {
            let asked = encoder.encode_queries(texts, LONGEST_TOKENS);
            let best = asked.chunks_exact(encoder.width().max(1)).map(|vector| {
                let cosines = passages.cosines(vector);
                cosines.into_iter().fold(-1.0, f32::max)
            });
            best.sum::<f32>() / texts.len().max(1) as f32
        };
        let unrelated = nearest(&unrelated);
        // The passage holds its title, so that this is as near as a text comes.
        let related = if titles.is_empty() {
            1.0
        } else {
            nearest(&titles)
        };
        Self {
            unrelated,
            related: related.max(unrelated + NARROWEST_SCALE),
        }
    }

    fn of(self, cosine: f32) -> f32 {
        (cosine - self.unrelated) / (self.related - self.unrelated)
    }
}

/// Vectors with what they stand for.
#[derive(Debug)]
struct Vectors {
    width: usize,
    /// `[texts, width]`.
    rows: Vec<f32>,
    /// Of the rows.
    mean: Vec<f32>,
    /// By row: its length once it is centred.
    norms: Vec<f32>,
    by_text: FxHashMap<String, usize>,
}

impl Vectors {
    /// Encodes `texts`; what `before` has encoded already is taken over.
    fn new(encoder: &SentenceEncoder, texts: Vec<String>, before: Option<&Self>) -> Self {
        let width = encoder.width().max(1);
        let known = |text: &String| before.and_then(|before| before.row_of(text));
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
        let mean = mean(&rows, width);
        let lengths = rows.chunks_exact(width).map(|row| {
            let parts = row.iter().zip(&mean);
            let centred: Vec<f32> = parts.map(|(part, mean)| part - CENTRED * mean).collect();
            length(&centred)
        });
        Self {
            width,
            norms: lengths.collect(),
            mean,
            rows,
            by_text,
        }
    }

    fn row_of(&self, text: &str) -> Option<&[f32]> {
        let place = *self.by_text.get(text)?;
        self.rows.get(place * self.width..(place + 1) * self.width)
    }

    fn cosines(&self, vector: &[f32]) -> Vec<f32> {
        let rows = self.rows.chunks_exact(self.width);
        rows.map(|row| product(vector, row)).collect()
    }

    /// The cosines of a centred vector with the rows, these centred as well.
    fn centred_cosines(&self, vector: &[f32]) -> Vec<f32> {
        let along = CENTRED * product(vector, &self.mean);
        let rows = self.rows.chunks_exact(self.width).zip(&self.norms);
        rows.map(|(row, norm)| (product(vector, row) - along) / norm)
            .collect()
    }
}

/// The mean of vectors, `[width]`.
fn mean(vectors: &[f32], width: usize) -> Vec<f32> {
    let mut mean = vec![0.0; width];
    let count = (vectors.len() / width.max(1)).max(1) as f32;
    for vector in vectors.chunks_exact(width.max(1)) {
        for (sum, part) in mean.iter_mut().zip(vector) {
            *sum += part / count;
        }
    }
    mean
}

/// A vector without what it has in common with others, of length 1.
fn centred(vector: &[f32], mean: &[f32]) -> Vec<f32> {
    let parts = vector.iter().zip(mean);
    let mut centred: Vec<f32> = parts.map(|(part, mean)| part - CENTRED * mean).collect();
    let norm = length(&centred);
    for part in &mut centred {
        *part /= norm;
    }
    centred
}

fn length(vector: &[f32]) -> f32 {
    product(vector, vector).sqrt().max(1e-6)
}

/// What messages ask for, learnt on a thread of its own: it takes as long as some
/// thousand sentences take, and words alone tell it until then.
fn learnt_beside(encoder: &Arc<SentenceEncoder>) -> Arc<OnceLock<Option<DialogueActs>>> {
    let acts = Arc::new(OnceLock::new());
    let (place, encoder) = (Arc::clone(&acts), Arc::clone(encoder));
    std::thread::spawn(move || {
        place.get_or_init(|| {
            let learnt = DialogueActs::learn(Some(&encoder));
            let learnt = learnt.inspect_err(|error| {
                tracing::error!(%error, "what messages ask for is told by words alone");
            });
            learnt.ok()
        });
    });
    acts
}

impl DenseIndex {
    /// Waits until what messages ask for is learnt with the encoder.
    pub(crate) fn wait(&self) {
        self.acts.wait();
    }

    /// Encodes an index; what `before` has encoded already is taken over, its scale
    /// as well: one text more changes it little.
    pub(crate) fn new(encoder: Arc<SentenceEncoder>, index: &Index, before: Option<&Self>) -> Self {
        let passages = index.passages().iter();
        let passages = passages.map(|passage| index.passage_text(passage));
        let units = index.all_units();
        let units = units.map(|(source, unit)| index.unit_text(source, unit));
        let passages = Vectors::new(
            &encoder,
            passages.collect(),
            before.map(|one| &one.passages),
        );
        let units = Vectors::new(&encoder, units.collect(), before.map(|one| &one.units));
        let scale = before
            .filter(|before| 2 * before.passages.by_text.len() > passages.by_text.len())
            .map(|before| before.scale);
        let mean_question = before.map(|before| before.mean_question.clone());
        let mean_question = mean_question.unwrap_or_else(|| {
            let asked: Vec<&str> = background_questions().collect();
            mean(
                &encoder.encode_queries(&asked, LONGEST_TOKENS),
                encoder.width(),
            )
        });
        let acts = before.map(|before| Arc::clone(&before.acts));
        let acts = acts.unwrap_or_else(|| learnt_beside(&encoder));
        Self {
            acts,
            scale: scale.unwrap_or_else(|| Scale::new(&encoder, index, &passages)),
            mean_question,
            encoder,
            passages,
            units,
        }
    }

    pub(crate) fn encoder(&self) -> &Arc<SentenceEncoder> {
        &self.encoder
    }

    /// What each text asks for; `None` where the encoder does not know their
    /// letters, or where that is not learnt yet.
    pub(crate) fn heard(&self, texts: &[&str]) -> Option<Vec<Heard>> {
        let acts = self.acts.get()?.as_ref()?;
        if !texts.iter().all(|text| self.encoder.reads(text)) {
            return None;
        }
        let vectors = self.encoder.encode_queries(texts, LONGEST_TOKENS);
        let vectors = vectors.chunks_exact(self.encoder.width().max(1));
        let heard = texts.iter().zip(vectors);
        Some(
            heard
                .map(|(text, vector)| acts.hear(text, Some(vector)))
                .collect(),
        )
    }

    /// How near a question is to everything. `None` where the encoder does not
    /// know the letters of the message: it would only guess.
    pub(crate) fn similarities(&self, question: &Question) -> Option<Similarities> {
        if !self.encoder.reads(&question.text) {
            return None;
        }
        // What hangs on an earlier question is asked by itself and with that one.
        let whole = question.with_earlier();
        let mut texts = vec![question.text.as_str()];
        if question.earlier.is_some() {
            texts.push(&whole);
        }
        let asked = self.encoder.encode_queries(&texts, LONGEST_TOKENS);
        let asked = mean(&asked, self.encoder.width());
        let of = |vectors: &Vectors| {
            let cosines = vectors.cosines(&asked).into_iter();
            cosines.map(|cosine| self.scale.of(cosine)).collect()
        };
        // What all texts have in common tells none apart (Mu and Viswanath, 2018).
        let centred = centred(&asked, &self.mean_question);
        Some(Similarities {
            passages: of(&self.passages),
            units: of(&self.units),
            centred: (
                self.passages.centred_cosines(&centred),
                self.units.centred_cosines(&centred),
            ),
        })
    }
}
