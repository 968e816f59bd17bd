//! One vector for a whole sequence: the final states pooled and brought to
//! length 1, so that the product of two of them is their cosine.

use std::cmp::Reverse;

use serde::{Deserialize, Serialize};

use crate::forward::Activations;
use crate::sequence::micro_batch_tokens;
use crate::trainer::join;
use crate::transformer::Transformer;
use crate::vector::{add_scaled, dot, scale, vectorized};

/// How the states of a sequence become one vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pooling {
    /// Their mean.
    #[default]
    Mean,
    /// The first one, of BERT's `[CLS]`.
    First,
}

impl Pooling {
    /// Pools the states of sequences of these lengths, `[tokens, width]`, into
    /// `out`, `[sequences, width]`. A sequence without tokens becomes 0.
    pub(crate) fn pool(self, out: &mut [f32], states: &[f32], lengths: &[usize], width: usize) {
        let mut start = 0;
        for (out, &length) in out.chunks_exact_mut(width).zip(lengths) {
            let states = &states[start * width..(start + length) * width];
            start += length;
            out.fill(0.0);
            let (count, share) = self.pooled(length);
            vectorized(
                #[inline(always)]
                || {
                    for state in states.chunks_exact(width).take(count) {
                        add_scaled(out, state, share);
                    }
                },
            );
        }
    }

    /// The gradient of [`Pooling::pool`], written.
    pub(crate) fn back(
        self,
        states_gradient: &mut [f32],
        out_gradient: &[f32],
        lengths: &[usize],
        width: usize,
    ) {
        states_gradient.fill(0.0);
        let mut start = 0;
        for (of_out, &length) in out_gradient.chunks_exact(width).zip(lengths) {
            let states = &mut states_gradient[start * width..(start + length) * width];
            start += length;
            let (count, share) = self.pooled(length);
            for state in states.chunks_exact_mut(width).take(count) {
                add_scaled(state, of_out, share);
            }
        }
    }

    /// How many of the first states count, and how much each.
    fn pooled(self, length: usize) -> (usize, f32) {
        match self {
            Pooling::Mean => (length, 1.0 / length.max(1) as f32),
            Pooling::First => (1, 1.0),
        }
    }
}

/// Brings each row to length 1 and returns the lengths that they had; a row of
/// zeros stays.
pub(crate) fn normalize(rows: &mut [f32], width: usize) -> Vec<f32> {
    const SHORTEST: f32 = 1e-12;
    (rows.chunks_exact_mut(width))
        .map(|row| {
            let length = dot(row, row).sqrt().max(SHORTEST);
            scale(row, 1.0 / length);
            length
        })
        .collect()
}

impl Transformer {
    /// The vector of each sequence, `[sequences, width]` in their order, of
    /// length 1 each; 0 for one without tokens. Of a sequence longer than the
    /// context the beginning counts. Sequences of about the same length run
    /// together, on so many threads; their number changes nothing.
    ///
    /// # Panics
    /// Where [`Transformer::accepts`] refuses a sequence.
    pub fn encode(&self, sequences: &[&[u32]], pooling: Pooling, threads: usize) -> Vec<f32> {
        let (width, threads) = (self.config.width, threads.max(1));
        let packs = self.packs(sequences);
        let packs = packs.as_slice();
        let mut out = vec![0.0; sequences.len() * width];
        std::thread::scope(|scope| {
            let handles: Vec<_> = (0..threads.min(packs.len()))
                .map(|thread| {
                    scope.spawn(move || {
                        let mut activations = Activations::for_serving(1);
                        (packs.iter().skip(thread).step_by(threads))
                            .map(|pack| {
                                self.encode_pack(sequences, pack, pooling, &mut activations)
                            })
                            .collect::<Vec<_>>()
                    })
                })
                .collect();
            for (thread, handle) in handles.into_iter().enumerate() {
                let packs = packs.iter().skip(thread).step_by(threads);
                for (pack, vectors) in packs.zip(join(handle)) {
                    for (&place, vector) in pack.iter().zip(vectors.chunks_exact(width)) {
                        out[place * width..(place + 1) * width].copy_from_slice(vector);
                    }
                }
            }
        });
        out
    }

    /// What of a sequence is encoded.
    pub(crate) fn within_context<'a>(&self, sequence: &'a [u32]) -> &'a [u32] {
        &sequence[..sequence.len().min(self.config.context)]
    }

    /// The places of sequences that run together, the longest first.
    fn packs(&self, sequences: &[&[u32]]) -> Vec<Vec<usize>> {
        let limit = micro_batch_tokens(&self.config);
        let length = |&place: &usize| self.within_context(sequences[place]).len();
        let mut order: Vec<usize> = (0..sequences.len()).collect();
        order.sort_by_key(|place| Reverse(length(place)));
        let mut packs: Vec<Vec<usize>> = Vec::new();
        let mut room = 0;
        for place in order {
            let length = length(&place);
            match packs.last_mut() {
                Some(pack) if length <= room => {
                    pack.push(place);
                    room -= length;
                }
                _ => {
                    packs.push(vec![place]);
                    room = limit.saturating_sub(length);
                }
            }
        }
        packs
    }

    fn encode_pack(
        &self,
        sequences: &[&[u32]],
        pack: &[usize],
        pooling: Pooling,
        activations: &mut Activations,
    ) -> Vec<f32> {
        let parts = pack
            .iter()
            .map(|&place| self.within_context(sequences[place]));
        let lengths: Vec<usize> = parts.clone().map(<[u32]>::len).collect();
        let tokens = parts.collect::<Vec<_>>().concat();
        let states = self.hidden_of(&tokens, &lengths, activations);
        let mut out = vec![0.0; pack.len() * self.config.width];
        pooling.pool(&mut out, states, &lengths, self.config.width);
        normalize(&mut out, self.config.width);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::architecture::TransformerConfig;

    #[test]
    fn together_and_alone_are_the_same_in_order_and_of_length_1() {
        let config = TransformerConfig::encoder(2, 16, 2, 12, 40);
        let model = Transformer::new(config, 3).expect("a configuration");
        let sequences: Vec<Vec<u32>> = (0..300u32)
            .map(|index| (0..index * 7 % 15).map(|i| (index + i * i) % 40).collect())
            .collect();
        let slices: Vec<&[u32]> = sequences.iter().map(Vec::as_slice).collect();
        for pooling in [Pooling::Mean, Pooling::First] {
            let all = model.encode(&slices, pooling, 3);
            assert_eq!(all, model.encode(&slices, pooling, 1));
            for (slice, vector) in slices.iter().zip(all.chunks_exact(16)) {
                let alone = model.encode(&[slice], pooling, 1);
                let error = alone.iter().zip(vector).map(|(a, b)| (a - b).abs());
                assert!(error.fold(0.0, f32::max) < 1e-5);
                let length = dot(vector, vector);
                let expected = if slice.is_empty() { 0.0 } else { 1.0 };
                assert!((length - expected).abs() < 1e-5);
                if slice.len() <= 12 && !slice.is_empty() {
                    let states = model.hidden(slice);
                    let mut expected: Vec<f32> = match pooling {
                        Pooling::Mean => (0..16)
                            .map(|column| states.iter().skip(column).step_by(16).sum())
                            .collect(),
                        Pooling::First => states[..16].to_vec(),
                    };
                    normalize(&mut expected, 16);
                    for (found, expected) in vector.iter().zip(&expected) {
                        assert!((found - expected).abs() < 1e-5);
                    }
                }
            }
        }
        assert!(model.encode(&[], Pooling::Mean, 2).is_empty());
    }
}
