//! Contrastive training: the two sides of a pair shall lie closer together
//! than to the sides of the other pairs of the batch (InfoNCE in both
//! directions; van den Oord et al., 2018, Radford et al., 2021).

use rustc_hash::FxHashMap;

use crate::dropout::{Dropout, mix};
use crate::encoder::{Pooling, normalize};
use crate::forward::Memory;
use crate::matrix::{Matrix, MatrixMut, Write, multiply};
use crate::sequence::{MicroBatch, pack_pairs};
use crate::trainer::{StepReport, Trainer, Worker, whole};
use crate::transformer::Transformer;
use crate::vector::grow;
use crate::vector::{add_scaled, dot, exponentials, maximum, scale, vectorized};

/// Below this cosines of 1 and -1 are 2,000 apart.
const LOWEST_TEMPERATURE: f32 = 1e-3;

impl Trainer {
    /// One update on pairs of token sequences, each of which is to be found by
    /// its counterpart among those of the whole batch. Cosines are divided by
    /// `temperature` (usual: 0.02 to 0.1). Where a sequence stands in several
    /// pairs, their counterparts do not compete. Of a sequence longer than the
    /// context the beginning counts. The report's `tokens` are pairs.
    ///
    /// A batch that is larger than a micro-batch for each thread runs forward
    /// twice, so that its activations need not be kept (Gao et al., 2021).
    ///
    /// # Panics
    /// Where [`Transformer::accepts`] refuses a sequence.
    pub fn step_pairs(
        &mut self,
        pairs: &[(Vec<u32>, Vec<u32>)],
        temperature: f32,
        pooling: Pooling,
    ) -> StepReport {
        let width = self.decoder.config().width;
        let groups = (groups(pairs, |pair| &pair.0), groups(pairs, |pair| &pair.1));
        let sides = (pairs.iter().map(|pair| &pair.0)).chain(pairs.iter().map(|pair| &pair.1));
        let sequences: Vec<(&[u32], &[u32])> = sides
            .map(|side| (self.decoder.within_context(side), &[][..]))
            .collect();
        let parts = pack_pairs(&sequences, self.threads(), self.decoder.config());
        let starts = starts(&parts);
        let stream = self.dropout_stream();
        self.clear(whole(self.decoder.trained().len()));
        let pooled = self.on_workers(&parts, |model, parts, worker| {
            let mut pooled = Vec::new();
            for part in parts {
                run(model, part, stream, worker);
                let start = pooled.len();
                pooled.resize(start + part.lengths.len() * width, 0.0);
                let states = &worker.activations.hidden;
                pooling.pool(&mut pooled[start..], states, &part.lengths, width);
            }
            pooled
        });
        let (loss, gradient) = pooled_loss(pooled.concat(), width, temperature, &groups);
        let gradient = gradient.as_slice();
        self.on_workers(&parts, |model, parts, worker| {
            for part in parts {
                if parts.len() > 1 {
                    run(model, part, stream, worker);
                }
                let rows = starts[part.index]..starts[part.index] + part.lengths.len();
                let of_pooled = &gradient[rows.start * width..rows.end * width];
                let of_states = grow(&mut worker.flow.hidden, part.tokens.len() * width);
                pooling.back(of_states, of_pooled, &part.lengths, width);
                model.run_back(
                    &mut worker.gradient,
                    (&part.tokens, &part.lengths),
                    dropout(model, part, stream),
                    &mut worker.activations,
                    &mut worker.flow,
                );
            }
        });
        self.finish_step(loss, pairs.len())
    }
}

fn dropout(model: &Transformer, part: &MicroBatch, stream: u64) -> Dropout {
    let stream = mix(stream ^ mix(part.index as u64));
    Dropout::new(model.config().dropout, stream)
}

fn run(model: &Transformer, part: &MicroBatch, stream: u64, worker: &mut Worker) {
    let memory = Memory::Packed(&part.lengths);
    let dropout = dropout(model, part, stream);
    model.run(&part.tokens, memory, dropout, &mut worker.activations);
}

/// The number of sequences before each part.
fn starts(parts: &[MicroBatch]) -> Vec<usize> {
    let lengths = parts.iter().map(|part| part.lengths.len());
    lengths
        .scan(0, |start, length| {
            *start += length;
            Some(*start - length)
        })
        .collect()
}

/// A number for each pair, the same where one side is the same.
fn groups<'a>(
    pairs: &'a [(Vec<u32>, Vec<u32>)],
    side: impl Fn(&'a (Vec<u32>, Vec<u32>)) -> &'a Vec<u32>,
) -> Vec<usize> {
    let mut seen: FxHashMap<&[u32], usize> = FxHashMap::default();
    (pairs.iter().enumerate())
        .map(|(index, pair)| *seen.entry(side(pair)).or_insert(index))
        .collect()
}

/// The mean loss of pooled states, all left sides and then all right ones, and
/// its gradient.
pub(crate) fn pooled_loss(
    mut pooled: Vec<f32>,
    width: usize,
    temperature: f32,
    groups: &(Vec<usize>, Vec<usize>),
) -> (f64, Vec<f32>) {
    let lengths = normalize(&mut pooled, width);
    let mut gradient = vec![0.0; pooled.len()];
    let temperature = temperature.max(LOWEST_TEMPERATURE);
    let loss = info_nce(&pooled, &mut gradient, width, temperature, groups);
    // A step along the vector does not change what has length 1.
    let rows = gradient.chunks_exact_mut(width);
    for ((row, unit), length) in rows.zip(pooled.chunks_exact(width)).zip(lengths) {
        let along = dot(row, unit);
        add_scaled(row, unit, -along);
        scale(row, 1.0 / length);
    }
    (loss, gradient)
}

/// The mean over both directions of the cross-entropy of each unit vector's
/// counterpart among all; its gradient is written.
fn info_nce(
    units: &[f32],
    gradient: &mut [f32],
    width: usize,
    temperature: f32,
    groups: &(Vec<usize>, Vec<usize>),
) -> f64 {
    let count = groups.0.len();
    if count == 0 {
        return 0.0;
    }
    let (left, right) = units.split_at(count * width);
    let (left, right) = (
        Matrix::new(left, count, width),
        Matrix::new(right, count, width),
    );
    let sharpness = 1.0 / temperature;
    let product = |out: &mut [f32], first: Matrix<'_>, second: Matrix<'_>| {
        let out = MatrixMut::new(out, count, count);
        multiply(out, first, second.transposed(), sharpness, Write::Replace);
    };
    let (mut forth, mut back) = (vec![0.0; count * count], vec![0.0; count * count]);
    product(&mut forth, left, right);
    product(&mut back, right, left);
    let total = slopes(&mut forth, count, groups) + slopes(&mut back, count, groups);
    // What the logit of left i and right j is to move by.
    for row in 0..count {
        for column in 0..count {
            forth[row * count + column] += back[column * count + row];
        }
    }
    let slopes = Matrix::new(&forth, count, count);
    let (of_left, of_right) = gradient.split_at_mut(count * width);
    let of_left = MatrixMut::new(of_left, count, width);
    multiply(of_left, slopes, right, sharpness, Write::Replace);
    let of_right = MatrixMut::new(of_right, count, width);
    multiply(
        of_right,
        slopes.transposed(),
        left,
        sharpness,
        Write::Replace,
    );
    total / (2 * count) as f64
}

/// The summed cross-entropy of the diagonal, row by row; the logits become
/// their gradient in the mean over rows and directions.
fn slopes(logits: &mut [f32], count: usize, groups: &(Vec<usize>, Vec<usize>)) -> f64 {
    let weight = 1.0 / (2 * count) as f32;
    let mut total = 0.0;
    for (index, row) in logits.chunks_exact_mut(count).enumerate() {
        for (column, value) in row.iter_mut().enumerate() {
            let same = groups.0[column] == groups.0[index] || groups.1[column] == groups.1[index];
            if same && column != index {
                *value = f32::NEG_INFINITY;
            }
        }
        let logit = row[index];
        let loss = vectorized(
            #[inline(always)]
            || {
                let largest = maximum(row);
                let sum = exponentials(row, largest);
                scale(row, weight / sum);
                largest + sum.ln() - logit
            },
        );
        row[index] -= weight;
        total += f64::from(loss);
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::architecture::TransformerConfig;
    use crate::gradient_check::{check, check_near, numbers};
    use crate::trainer::TrainerOptions;

    #[test]
    fn gradients_of_the_loss_are_slopes() {
        let (count, width) = (6, 8);
        let groups = (vec![0, 1, 2, 3, 1, 5], vec![0, 1, 2, 2, 4, 5]);
        let pooled = numbers(2 * count * width, 4);
        let loss = |pooled: &[f32]| pooled_loss(pooled.to_vec(), width, 0.5, &groups).0;
        let (_, gradient) = pooled_loss(pooled.clone(), width, 0.5, &groups);
        check("pooled", &pooled, &gradient, 1, loss);
    }

    fn pairs(count: u32) -> Vec<(Vec<u32>, Vec<u32>)> {
        (0..count)
            .map(|index| {
                let left = (0..3 + index % 4).map(|i| (index + i * 3) % 40);
                let right = (0..2 + index % 5).map(|i| (index * 11 + i * 7 + 1) % 40);
                (left.collect(), right.collect())
            })
            .collect()
    }

    fn encoder(dropout: f32) -> Transformer {
        let config = TransformerConfig {
            dropout,
            ..TransformerConfig::encoder(2, 16, 2, 12, 40)
        };
        Transformer::new(config, 5).expect("a configuration")
    }

    fn trainer(model: Transformer, threads: usize) -> Trainer {
        let options = TrainerOptions {
            threads,
            steps: 200,
            learning_rate: 5e-3,
            weight_decay: 0.0,
            ..TrainerOptions::default()
        };
        Trainer::new(model, options)
    }

    /// Through pooling and the whole network, on several threads.
    #[test]
    fn gradients_of_the_weights_are_slopes() {
        for pooling in [Pooling::Mean, Pooling::First] {
            let mut model = encoder(0.0);
            // Larger weights than fresh ones: a plain function of the tokens
            // would have small gradients only.
            for (weight, number) in model.parameters.iter_mut().zip(numbers(1 << 20, 9)) {
                *weight += 0.3 * number;
            }
            let pairs = pairs(7);
            let mut trained = trainer(model.clone(), 3);
            trained.step_pairs(&pairs, 0.1, pooling);
            let gradient = trained.reduced_gradient().to_vec();
            let objective = |parameters: &[f32]| {
                let mut model = model.clone();
                model.parameters.copy_from_slice(parameters);
                let sides = (pairs.iter().map(|p| &p.0)).chain(pairs.iter().map(|p| &p.1));
                let slices: Vec<&[u32]> = sides.map(Vec::as_slice).collect();
                let units = model.encode(&slices, pooling, 1);
                let groups = ((0..7).collect(), (0..7).collect());
                pooled_loss(units, 16, 0.1, &groups).0
            };
            let stride = (29, 1.0 / 256.0);
            check_near("weights", &model.parameters, &gradient, stride, objective);
        }
    }

    #[test]
    fn pairs_are_learnt() {
        for pooling in [Pooling::Mean, Pooling::First] {
            let pairs = pairs(30);
            let mut trainer = trainer(encoder(0.0), 2);
            let first = trainer.step_pairs(&pairs, 0.1, pooling);
            assert_eq!(first.tokens, 30);
            for _ in 0..150 {
                trainer.step_pairs(&pairs, 0.1, pooling);
            }
            let last = trainer.step_pairs(&pairs, 0.1, pooling).loss;
            assert!(first.loss > 2.0 && last < 0.2, "{} to {last}", first.loss);
            let side = |right: bool| {
                let slices: Vec<&[u32]> = (pairs.iter())
                    .map(|pair| if right { &pair.1 } else { &pair.0 }.as_slice())
                    .collect();
                trainer.decoder().encode(&slices, pooling, 2)
            };
            let (left, right) = (side(false), side(true));
            let nearest = |unit: &[f32]| {
                let cosines = right.chunks_exact(16).map(|other| dot(unit, other));
                let best = cosines.enumerate().max_by(|a, b| a.1.total_cmp(&b.1));
                best.map(|best| best.0)
            };
            let rows = left.chunks_exact(16).enumerate();
            let found = rows.filter(|(index, unit)| nearest(unit) == Some(*index));
            assert_eq!(found.count(), 30);
        }
    }

    /// A batch of many micro-batches runs forward twice, with the same
    /// dropout: the loss and the gradient are those of any other number of
    /// threads.
    #[test]
    fn a_batch_beyond_one_pass_is_the_same_batch() {
        let large: Vec<_> = (0..8).flat_map(|_| pairs(40)).collect();
        let tokens: usize = large.iter().map(|pair| pair.0.len() + pair.1.len()).sum();
        assert!(tokens > 2500);
        let mut many = trainer(encoder(0.0), 1);
        let mut few = trainer(encoder(0.0), 4);
        let (one, four) = (
            many.step_pairs(&large, 0.1, Pooling::Mean),
            few.step_pairs(&large, 0.1, Pooling::Mean),
        );
        assert!((one.loss - four.loss).abs() < 1e-4);
        let error = (one.gradient_norm - four.gradient_norm).abs();
        assert!(error < 1e-3 * one.gradient_norm, "{one:?} {four:?}");
        let mut dropping = trainer(encoder(0.2), 1);
        assert!(
            dropping
                .step_pairs(&large, 0.1, Pooling::Mean)
                .loss
                .is_finite()
        );
    }

    #[test]
    fn no_pairs_and_no_tokens_change_nothing() {
        let mut trainer = trainer(encoder(0.0), 2);
        let before = trainer.decoder().clone();
        let report = trainer.step_pairs(&[], 0.1, Pooling::Mean);
        assert_eq!((report.loss, report.tokens), (0.0, 0));
        trainer.step_pairs(&[(vec![], vec![]), (vec![], vec![])], 0.1, Pooling::First);
        assert_eq!(trainer.decoder(), &before);
    }
}
