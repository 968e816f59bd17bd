//! Classes told apart by the vectors of a published sentence encoder, whose
//! weights stay as they are, together with the words: softmax regression over
//! the vectors, and the geometric mean of its probabilities with those of the
//! words.

use anyhow::Context as _;
use models::SentenceEncoder;
use models::linear::LinearClassifier;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

/// Of a text so many tokens are read.
const LONGEST_TOKENS: usize = 128;
const EPOCHS: usize = 20;
/// Adagrad's step and its first sum of squares.
const RATE: f32 = 0.5;
const FIRST_SQUARES: f32 = 0.1;
/// At most this share of the right answers on held-out rows is turned away.
const TURNED_AWAY: f64 = 1.0 / 200.0;

/// A text's vector with the place of its class.
type Example = (Vec<f32>, usize);

/// Softmax regression over vectors.
struct Head {
    /// `[classes, width + 1]`, the bias last.
    weights: Vec<f32>,
    width: usize,
}

impl Head {
    fn train(examples: &[&Example], classes: usize, width: usize, seed: u64) -> Self {
        let row = width + 1;
        let mut head = Self {
            weights: vec![0.0; classes * row],
            width,
        };
        let mut squares = vec![FIRST_SQUARES; classes * row];
        let mut order: Vec<usize> = (0..examples.len()).collect();
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        for _ in 0..EPOCHS {
            order.shuffle(&mut random);
            for place in &order {
                let (vector, class) = examples[*place];
                let mut slopes = head.probabilities(vector);
                slopes[*class] -= 1.0;
                for (of_class, slope) in slopes.into_iter().enumerate() {
                    // What is hardly wrong moves nothing.
                    if slope.abs() < 1e-4 {
                        continue;
                    }
                    let at = of_class * row..(of_class + 1) * row;
                    let inputs = vector.iter().chain(std::iter::once(&1.0));
                    let sums = squares[at.clone()].iter_mut();
                    for ((weight, sum), input) in head.weights[at].iter_mut().zip(sums).zip(inputs)
                    {
                        let step = slope * input;
                        *sum += step * step;
                        *weight -= RATE * step / sum.sqrt();
                    }
                }
            }
        }
        head
    }

    fn probabilities(&self, vector: &[f32]) -> Vec<f32> {
        let rows = self.weights.chunks_exact(self.width + 1);
        let logits: Vec<f32> = rows
            .map(|row| {
                let product = models::static_encoder::product(&row[..self.width], vector);
                product + row[self.width]
            })
            .collect();
        let most = logits.iter().copied().fold(f32::MIN, f32::max);
        let parts: Vec<f32> = logits.iter().map(|logit| (logit - most).exp()).collect();
        let sum: f32 = parts.iter().sum();
        parts.into_iter().map(|part| part / sum).collect()
    }
}

/// The most probable class with its share of the geometric means.
fn best(words: &[f32], vectors: &[f32]) -> (usize, f32) {
    let means: Vec<f32> = words
        .iter()
        .zip(vectors)
        .map(|(a, b)| (a * b).max(0.0).sqrt())
        .collect();
    let sum: f32 = means.iter().sum::<f32>().max(f32::MIN_POSITIVE);
    let mut found = (0, f32::MIN);
    for (class, mean) in means.into_iter().enumerate() {
        if mean > found.1 {
            found = (class, mean);
        }
    }
    (found.0, found.1 / sum)
}

/// The encoder with the head that was trained for these classes.
pub(super) struct Encoded {
    encoder: SentenceEncoder,
    head: Head,
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
            .map(|(vector, (_, class))| (vector.to_vec(), *class))
            .collect();
        let mut order: Vec<usize> = (0..rows.len()).collect();
        order.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
        let (held, kept) = order.split_at(rows.len() / 10);
        let of_kept: Vec<&Example> = kept.iter().map(|place| &examples[*place]).collect();
        let head = Head::train(&of_kept, classes, width, seed);
        let kept: Vec<(&str, usize)> = kept.iter().map(|place| rows[*place]).collect();
        let words = learn(&kept).context("the words of nine tenths")?;
        let mut right: Vec<f32> = held
            .iter()
            .filter_map(|place| {
                let of_words = words.predict(rows[*place].0);
                let found = best(&of_words, &head.probabilities(&examples[*place].0));
                (found.0 == rows[*place].1).then_some(found.1)
            })
            .collect();
        right.sort_by(f32::total_cmp);
        let turned_away = (right.len() as f64 * TURNED_AWAY) as usize;
        let threshold = right.get(turned_away).copied().unwrap_or_default();
        let all: Vec<&Example> = examples.iter().collect();
        let head = Head::train(&all, classes, width, seed);
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
                let (class, share) = best(&words.predict(text), &of_vector);
                (!open || share >= self.threshold).then_some(class)
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_learns_directions() {
        let examples: Vec<Example> = (0..60)
            .map(|number| {
                let angle = number as f32 * 0.02 + (number % 3) as f32 * 2.0;
                (vec![angle.cos(), angle.sin()], number % 3)
            })
            .collect();
        let all: Vec<&Example> = examples.iter().collect();
        let head = Head::train(&all, 3, 2, 1);
        let right = examples.iter().filter(|(vector, class)| {
            let flat = [1.0 / 3.0; 3];
            best(&flat, &head.probabilities(vector)).0 == *class
        });
        assert_eq!(right.count(), 60);
    }

    #[test]
    fn both_voices_count() {
        assert_eq!(best(&[0.6, 0.4], &[0.1, 0.9]).0, 1);
        assert_eq!(best(&[0.99, 0.01], &[0.4, 0.6]).0, 0);
        assert!((best(&[0.5, 0.5], &[0.5, 0.5]).1 - 0.5).abs() < 1e-6);
    }
}
