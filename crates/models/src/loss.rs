//! Cross-entropy against the tied embedding, in chunks of rows, so that the
//! logits of a batch never exist at once; and its sampled form for
//! vocabularies of thousands of items.

use serde::{Deserialize, Serialize};

use crate::matrix::{Matrix, MatrixMut, Write, multiply};
use crate::vector::{add, add_scaled, dot, exponentials, grow, maximum, scale, vectorized};

/// A target that is not scored.
pub const IGNORE: u32 = u32::MAX;

/// The most rows whose logits are computed together.
const CHUNK: usize = 256;
/// The most logits at once (64 MiB): a large vocabulary takes fewer rows.
const LOGITS: usize = 1 << 24;

/// What is minimised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Loss {
    /// Cross-entropy over the whole vocabulary.
    #[default]
    Full,
    /// Cross-entropy over the target and `negatives` other tokens that are
    /// drawn uniformly, once a step, and shared by all rows; where a drawn
    /// token is the target itself, it does not count (Jean et al., 2015, with
    /// uniform draws, for which the correction cancels).
    Sampled {
        /// How many tokens are drawn.
        negatives: usize,
    },
    /// Cross-entropy over the target and tokens that are drawn, once a step,
    /// as often as [`crate::Trainer::with_frequencies`] says (uniformly
    /// without it). A rival's logit is corrected by the logarithm of how
    /// probable it was to be drawn (Bengio and Senécal, 2008), so that the sum
    /// stands for the whole vocabulary.
    Popular {
        /// How many draws there are; a token drawn twice counts once.
        negatives: usize,
    },
    /// Cross-entropy over the target and the other distinct targets of the
    /// step's batch, corrected in the same way (Yi et al., 2019) where
    /// [`crate::Trainer::with_frequencies`] says how often each token is a
    /// target, and not at all where it does not.
    InBatch,
}

/// Which tokens a row's target competes with.
#[derive(Debug, Clone, Copy)]
pub(crate) enum SoftmaxClasses<'a> {
    /// The whole vocabulary.
    All,
    /// These distinct tokens.
    Sampled {
        tokens: &'a [u32],
        /// What is added to the logit of each, or empty for nothing.
        corrections: &'a [f32],
    },
}

/// Buffers that one thread uses for chunk after chunk.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    rows: Vec<f32>,
    row_gradients: Vec<f32>,
    logits: Vec<f32>,
    drawn: Vec<f32>,
    drawn_gradients: Vec<f32>,
}

/// Where the gradients go: `hidden` is written, `embedding` is added to.
#[derive(Debug)]
pub(crate) struct Gradients<'a> {
    pub(crate) hidden: &'a mut [f32],
    /// None where the table is frozen.
    pub(crate) embedding: Option<&'a mut [f32]>,
    /// What each row's loss counts in the whole.
    pub(crate) weight: f32,
}

/// The summed loss of the scored rows of `hidden`, and their number. With
/// `gradients`, their gradients too.
pub(crate) fn cross_entropy(
    hidden: &[f32],
    targets: &[u32],
    embedding: &[f32],
    width: usize,
    classes: SoftmaxClasses<'_>,
    mut gradients: Option<Gradients<'_>>,
    scratch: &mut Scratch,
) -> (f64, usize) {
    let scored: Vec<usize> = (0..targets.len())
        .filter(|&row| targets[row] != IGNORE)
        .collect();
    if let Some(gradients) = &mut gradients {
        gradients.hidden.fill(0.0);
    }
    let mut columns = embedding.len() / width;
    if let SoftmaxClasses::Sampled { tokens, .. } = classes {
        let table = grow(&mut scratch.drawn, tokens.len() * width);
        for (row, &token) in table.chunks_exact_mut(width).zip(tokens) {
            row.copy_from_slice(row_of(embedding, token, width));
        }
        grow(&mut scratch.drawn_gradients, tokens.len() * width).fill(0.0);
        columns = tokens.len();
    }
    let mut total = 0.0;
    for chunk in scored.chunks((LOGITS / columns.max(1)).clamp(1, CHUNK)) {
        let rows = grow(&mut scratch.rows, chunk.len() * width);
        for (copy, &row) in rows.chunks_exact_mut(width).zip(chunk) {
            copy.copy_from_slice(&hidden[row * width..(row + 1) * width]);
        }
        let chunk_targets: Vec<u32> = chunk.iter().map(|&row| targets[row]).collect();
        let weight = gradients.as_ref().map(|gradients| gradients.weight);
        let table_gradient = gradients.as_mut().and_then(|g| g.embedding.as_deref_mut());
        let gradient = (weight, table_gradient);
        total += match classes {
            SoftmaxClasses::All => full(&chunk_targets, embedding, width, gradient, scratch),
            SoftmaxClasses::Sampled {
                tokens,
                corrections,
            } => {
                let drawn = (tokens, corrections);
                sampled(&chunk_targets, drawn, embedding, width, gradient, scratch)
            }
        };
        if let Some(gradients) = &mut gradients {
            let rows = scratch.row_gradients.chunks_exact(width);
            for (gradient, &row) in rows.zip(chunk) {
                gradients.hidden[row * width..(row + 1) * width].copy_from_slice(gradient);
            }
        }
    }
    let table_gradient = gradients.and_then(|gradients| gradients.embedding);
    if let (SoftmaxClasses::Sampled { tokens, .. }, Some(gradient)) = (classes, table_gradient) {
        for (row, &token) in scratch.drawn_gradients.chunks_exact(width).zip(tokens) {
            add(row_of_mut(gradient, token, width), row);
        }
    }
    (total, scored.len())
}

#[inline(always)]
fn row_of(embedding: &[f32], token: u32, width: usize) -> &[f32] {
    &embedding[token as usize * width..][..width]
}

#[inline(always)]
fn row_of_mut(embedding: &mut [f32], token: u32, width: usize) -> &mut [f32] {
    &mut embedding[token as usize * width..][..width]
}

/// One chunk against the whole vocabulary; its rows lie in `scratch.rows`.
fn full(
    targets: &[u32],
    embedding: &[f32],
    width: usize,
    (weight, table_gradient): (Option<f32>, Option<&mut [f32]>),
    scratch: &mut Scratch,
) -> f64 {
    let (count, vocabulary) = (targets.len(), embedding.len() / width);
    let table = Matrix::new(embedding, vocabulary, width);
    let rows = Matrix::new(&scratch.rows, count, width);
    let logits = grow(&mut scratch.logits, count * vocabulary);
    let out = MatrixMut::new(logits, count, vocabulary);
    multiply(out, rows, table.transposed(), 1.0, Write::Replace);
    let mut total = 0.0;
    for (row, &target) in logits.chunks_exact_mut(vocabulary).zip(targets) {
        total += f64::from(vectorized(
            #[inline(always)]
            || negative_log_likelihood(row, target as usize, weight),
        ));
    }
    if weight.is_some() {
        let row_gradients = grow(&mut scratch.row_gradients, count * width);
        let logits = Matrix::new(logits, count, vocabulary);
        let out = MatrixMut::new(row_gradients, count, width);
        multiply(out, logits, table, 1.0, Write::Replace);
        if let Some(table_gradient) = table_gradient {
            let out = MatrixMut::new(table_gradient, vocabulary, width);
            multiply(out, logits.transposed(), rows, 1.0, Write::Add);
        }
    }
    total
}

/// The loss of one row of logits; with a weight the row becomes its gradient.
#[inline(always)]
fn negative_log_likelihood(row: &mut [f32], target: usize, weight: Option<f32>) -> f32 {
    let largest = maximum(row);
    let logit = row[target];
    let sum = exponentials(row, largest);
    if let Some(weight) = weight {
        scale(row, weight / sum);
        row[target] -= weight;
    }
    largest + sum.ln() - logit
}

/// One chunk against the drawn tokens.
fn sampled(
    targets: &[u32],
    (drawn, corrections): (&[u32], &[f32]),
    embedding: &[f32],
    width: usize,
    (weight, mut table_gradient): (Option<f32>, Option<&mut [f32]>),
    scratch: &mut Scratch,
) -> f64 {
    let (count, negatives) = (targets.len(), drawn.len());
    let rows = Matrix::new(&scratch.rows, count, width);
    let table = Matrix::new(&scratch.drawn, negatives, width);
    let logits = grow(&mut scratch.logits, count * negatives);
    let row_gradients = grow(&mut scratch.row_gradients, count * width);
    let out = MatrixMut::new(logits, count, negatives);
    multiply(out, rows, table.transposed(), 1.0, Write::Replace);
    let pull = weight.unwrap_or(0.0);
    let hidden_rows = scratch.rows.chunks_exact(width);
    let gradient_rows = row_gradients.chunks_exact_mut(width);
    let mut total = 0.0;
    for (index, (hidden, row_gradient)) in hidden_rows.zip(gradient_rows).enumerate().take(count) {
        let row = &mut logits[index * negatives..(index + 1) * negatives];
        let target = targets[index];
        let table_gradient = table_gradient.as_deref_mut();
        total += f64::from(vectorized(
            #[inline(always)]
            || {
                let positive = row_of(embedding, target, width);
                let logit = dot(hidden, positive);
                for (value, correction) in row.iter_mut().zip(corrections) {
                    *value += correction;
                }
                let (loss, probability) = sampled_probabilities(row, logit, target, drawn);
                scale(row, pull);
                let pull = pull * (probability - 1.0);
                row_gradient.fill(0.0);
                add_scaled(row_gradient, positive, pull);
                if let Some(gradient) = table_gradient {
                    add_scaled(row_of_mut(gradient, target, width), hidden, pull);
                }
                loss
            },
        ));
    }
    if weight.is_some() {
        let logits = Matrix::new(logits, count, negatives);
        let out = MatrixMut::new(row_gradients, count, width);
        multiply(out, logits, table, 1.0, Write::Add);
        let drawn_gradients = &mut scratch.drawn_gradients[..negatives * width];
        let out = MatrixMut::new(drawn_gradients, negatives, width);
        multiply(out, logits.transposed(), rows, 1.0, Write::Add);
    }
    total
}

/// ChatFormat the negatives' logits into probabilities; the loss and the probability
/// of the target.
#[inline(always)]
fn sampled_probabilities(row: &mut [f32], logit: f32, target: u32, drawn: &[u32]) -> (f32, f32) {
    for (value, &token) in row.iter_mut().zip(drawn) {
        *value = if token == target {
            f32::NEG_INFINITY
        } else {
            *value
        };
    }
    let largest = maximum(row).max(logit);
    let own = crate::vector::exponential(logit - largest);
    let sum = exponentials(row, largest) + own;
    scale(row, 1.0 / sum);
    (largest + sum.ln() - logit, own / sum)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gradient_check::{check, numbers};
    use crate::negative_sampling::{Frequencies, SampledClasses, sample};
    use crate::sequence::Sequence;

    const WIDTH: usize = 8;
    const VOCABULARY: usize = 30;

    fn targets(rows: usize) -> Vec<u32> {
        let target = |row: usize| {
            if row % 5 == 3 {
                IGNORE
            } else {
                (row * 7 % VOCABULARY) as u32
            }
        };
        (0..rows).map(target).collect()
    }

    fn loss(hidden: &[f32], embedding: &[f32], classes: SoftmaxClasses<'_>) -> f64 {
        let targets = targets(hidden.len() / WIDTH);
        let scratch = &mut Scratch::default();
        cross_entropy(hidden, &targets, embedding, WIDTH, classes, None, scratch).0
    }

    /// Few rows and more than one chunk, against all tokens and some of them,
    /// among these the target of some rows.
    #[test]
    fn gradients_are_slopes() {
        let tokens = [3, 28, 7, 0, 14, 21];
        let drawn = |corrections| SoftmaxClasses::Sampled {
            tokens: &tokens,
            corrections,
        };
        let corrections = [0.0, 0.5, 1.0, 1.5, 2.0, 2.5];
        for (rows, classes) in [
            (4, SoftmaxClasses::All),
            (CHUNK + 90, SoftmaxClasses::All),
            (4, drawn(&[])),
            (CHUNK + 90, drawn(&[])),
            (4, drawn(&corrections)),
            (CHUNK + 90, drawn(&corrections)),
        ] {
            let (hidden, embedding) = (numbers(rows * WIDTH, 1), numbers(VOCABULARY * WIDTH, 2));
            let mut of_hidden = vec![9.0; hidden.len()];
            let mut of_embedding = vec![0.0; embedding.len()];
            let gradients = Gradients {
                hidden: &mut of_hidden,
                embedding: Some(&mut of_embedding),
                weight: 1.0,
            };
            let targets = targets(rows);
            let scratch = &mut Scratch::default();
            let (sum, scored) = cross_entropy(
                &hidden,
                &targets,
                &embedding,
                WIDTH,
                classes,
                Some(gradients),
                scratch,
            );
            assert_eq!(
                scored,
                targets.iter().filter(|target| **target != IGNORE).count()
            );
            assert!((sum - loss(&hidden, &embedding, classes)).abs() < 1e-3);
            let stride = 1 + rows / 8;
            check("hidden", &hidden, &of_hidden, stride, |h| {
                loss(h, &embedding, classes)
            });
            check("embedding", &embedding, &of_embedding, 3, |e| {
                loss(&hidden, e, classes)
            });
        }
    }

    #[test]
    fn all_tokens_drawn_are_the_whole_vocabulary() {
        let (hidden, embedding) = (numbers(6 * WIDTH, 1), numbers(VOCABULARY * WIDTH, 2));
        let all: Vec<u32> = (0..VOCABULARY as u32).collect();
        let drawn = |corrections| SoftmaxClasses::Sampled {
            tokens: &all,
            corrections,
        };
        let sampled = loss(&hidden, &embedding, drawn(&[]));
        let full = loss(&hidden, &embedding, SoftmaxClasses::All);
        assert!((full - sampled).abs() < 1e-4, "{full} {sampled}");
        let corrected = loss(&hidden, &embedding, drawn(&[1.0; VOCABULARY]));
        assert!(corrected > full + 0.5, "{full} {corrected}");
    }

    /// Tokens drawn by a law of Zipf: the mean over many draws of the loss and
    /// of its gradient, corrected and not, against the whole vocabulary.
    #[test]
    fn corrected_draws_come_closer_to_the_whole_vocabulary() {
        let (rows, vocabulary) = (24, 400);
        let hidden: Vec<f32> = numbers(rows * WIDTH, 1).iter().map(|x| 1.5 * x).collect();
        let embedding = numbers(vocabulary * WIDTH, 2);
        let targets: Vec<u32> = (0..rows as u32).map(|row| row * row % 97).collect();
        let run = |classes: SoftmaxClasses<'_>| {
            let mut of_hidden = vec![0.0; hidden.len()];
            let gradients = Gradients {
                hidden: &mut of_hidden,
                embedding: None,
                weight: 1.0 / rows as f32,
            };
            let scratch = &mut Scratch::default();
            let (loss, _) = cross_entropy(
                &hidden,
                &targets,
                &embedding,
                WIDTH,
                classes,
                Some(gradients),
                scratch,
            );
            (loss / rows as f64, of_hidden)
        };
        let (full, expected) = run(SoftmaxClasses::All);
        let counts = (0..vocabulary).map(|token| 1.0 / (token + 1) as f32);
        let frequencies = Frequencies::new(counts.collect(), vocabulary).expect("frequencies");
        let of_popular = |seed: u64| {
            let loss = Loss::Popular { negatives: 128 };
            sample(loss, &[], vocabulary, Some(&frequencies), seed)
        };
        // A batch whose targets follow the same law.
        let of_batch = |seed: u64| {
            let drawn = (0..128).map(|index| {
                let uniform = numbers(1, seed * 128 + index)[0] * 0.5 + 0.5;
                frequencies.at(uniform)
            });
            let targets: Vec<u32> = drawn.collect();
            let inputs = vec![0; targets.len()];
            let batch = [Sequence { inputs, targets }];
            sample(Loss::InBatch, &batch, vocabulary, Some(&frequencies), 0)
        };
        let draws: [&dyn Fn(u64) -> Option<SampledClasses>; 2] = [&of_popular, &of_batch];
        let mean = |draw: &dyn Fn(u64) -> Option<SampledClasses>, corrected: bool| {
            let rounds = 400;
            let (mut loss, mut gradient) = (0.0, vec![0.0f32; hidden.len()]);
            for seed in 0..rounds {
                let mut drawn = draw(seed).expect("classes");
                if !corrected {
                    drawn.corrections.clear();
                }
                let (one, of_hidden) = run(drawn.classes());
                loss += one / rounds as f64;
                add_scaled(&mut gradient, &of_hidden, 1.0 / rounds as f32);
            }
            (loss, gradient)
        };
        let cosine = |gradient: &[f32]| {
            let length = |values: &[f32]| dot(values, values).sqrt();
            dot(gradient, &expected) / length(gradient) / length(&expected)
        };
        for draw in draws {
            let ((loss, gradient), (plain_loss, plain)) = (mean(draw, true), mean(draw, false));
            assert!((loss - full).abs() < 0.15, "{loss} for {full}");
            assert!((plain_loss - full).abs() > 5.0 * (loss - full).abs());
            let (near, far) = (1.0 - cosine(&gradient), 1.0 - cosine(&plain));
            assert!(near < 0.003 && far > 5.0 * near, "{near} {far}");
        }
    }
}
