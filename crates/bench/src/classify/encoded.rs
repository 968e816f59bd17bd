//! Classes told apart by the vectors of a published sentence encoder, whose
//! weights stay as they are, together with the words: softmax regression over
//! the vectors, and the geometric mean of its probabilities with those of the
//! words.

use anyhow::Context as _;
use models::SentenceEncoder;
use models::linear::LinearClassifier;
use models::softmax_regression::{SoftmaxRegression, most_probable};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

/// Of a text so many tokens are read.
const LONGEST_TOKENS: usize = 128;
/// At most this share of the right answers on held-out rows is turned away.
const TURNED_AWAY: f64 = 1.0 / 200.0;

/// A text's vector with the place of its class.
type Example<'a> = (&'a [f32], usize);

/// The encoder with the head that was trained for these classes.
pub(super) struct Encoded {
    encoder: SentenceEncoder,
    head: SoftmaxRegression,
    threshold: f32,
}

impl Encoded {
    /// Trains on rows of text and class. `learn` trains the words on some of
    /// the rows; the threshold is chosen on a held-out tenth.
    pub(super) fn train(
        encoder: SentenceEncoder,
        rows: &[(&str, usize)],
        classes: usize,
        seed: u64,
        learn: impl Fn(&[(&str, usize)]) -> anyhow::Result<LinearClassifier>,
    ) -> anyhow::Result<Self> {
        let width = encoder.width();
        let texts: Vec<&str> = rows.iter().map(|(text, _)| *text).collect();
        let vectors = encoder.encode_queries(&texts, LONGEST_TOKENS);
        let vectors = vectors.chunks_exact(width);
        let examples: Vec<Example> = vectors
            .zip(rows)
            .map(|(vector, (_, class))| (vector, *class))
            .collect();
        let mut order: Vec<usize> = (0..rows.len()).collect();
        order.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
        let (held, kept) = order.split_at(rows.len() / 10);
        let of_kept: Vec<Example> = kept.iter().map(|place| examples[*place]).collect();
        let head = SoftmaxRegression::train(&of_kept, classes, width, seed);
        let kept: Vec<(&str, usize)> = kept.iter().map(|place| rows[*place]).collect();
        let words = learn(&kept).context("the words of nine tenths")?;
        let mut right: Vec<f32> = held
            .iter()
            .filter_map(|place| {
                let of_words = words.predict(rows[*place].0);
                let found = most_probable(&of_words, &head.probabilities(examples[*place].0));
                (found.0 == rows[*place].1).then_some(found.1)
            })
            .collect();
        right.sort_by(f32::total_cmp);
        let turned_away = (right.len() as f64 * TURNED_AWAY) as usize;
        let threshold = right.get(turned_away).copied().unwrap_or_default();
        let head = SoftmaxRegression::train(&examples, classes, width, seed);
        Ok(Self {
            encoder,
            head,
            threshold,
        })
    }

    pub(super) fn threshold(&self) -> f32 {
        self.threshold
    }

    /// The class of each text; `None` where `open` and none is probable enough.
    pub(super) fn answer(
        &self,
        words: &LinearClassifier,
        texts: &[&str],
        open: bool,
    ) -> Vec<Option<usize>> {
        let vectors = self.encoder.encode_queries(texts, LONGEST_TOKENS);
        let vectors = vectors.chunks_exact(self.encoder.width());
        texts
            .iter()
            .zip(vectors)
            .map(|(text, vector)| {
                let of_vector = self.head.probabilities(vector);
                let (class, share) = most_probable(&words.predict(text), &of_vector);
                (!open || share >= self.threshold).then_some(class)
            })
            .collect()
    }
}
