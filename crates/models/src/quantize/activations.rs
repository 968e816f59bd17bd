//! The inputs of a product, quantised as it begins: eight bits with a scale
//! for each block of 32, so that an outlier in one channel costs precision in
//! its block alone.

use rayon::prelude::*;

use super::{SMALLEST, magnitude};
use crate::kernels::{ActivationBlock, INPUTS, LANE, OFFSET, STEPS};
use crate::vector::vectorized;

/// Blocks from which quantising them is split among threads: about 50 µs.
const SPLIT_BLOCKS: usize = 4096;

/// Rows of quantised inputs. Several products of the same inputs share them.
#[derive(Debug, Clone)]
pub struct Activations {
    pub(super) blocks: Vec<ActivationBlock>,
    pub(super) inputs: usize,
    pub(super) rows: usize,
}

impl Activations {
    /// Quantises rows of `inputs` values each. A block with a value that is
    /// not finite makes the whole row's products NaN.
    pub fn quantize(input: &[f32], inputs: usize, threads: usize) -> Activations {
        let rows = input.len().checked_div(inputs).unwrap_or(0);
        assert_eq!(rows * inputs, input.len(), "rows of {inputs} inputs");
        let per_row = inputs.div_ceil(INPUTS);
        let mut blocks = vec![ActivationBlock::ZERO; rows * per_row];
        let quantize = |(blocks, input): (&mut [ActivationBlock], &[f32])| {
            vectorized(
                #[inline(always)]
                || {
                    let rows = blocks.chunks_exact_mut(per_row);
                    for (blocks, row) in rows.zip(input.chunks_exact(inputs)) {
                        quantize_row(blocks, row);
                    }
                },
            );
        };
        if threads > 1 && blocks.len() >= SPLIT_BLOCKS {
            let share = rows.div_ceil(threads);
            (blocks.par_chunks_mut(share * per_row))
                .zip(input.par_chunks(share * inputs))
                .for_each(quantize);
        } else if inputs > 0 {
            quantize((&mut blocks, input));
        }
        Activations {
            blocks,
            inputs,
            rows,
        }
    }

    /// The number of blocks.
    pub fn len(&self) -> usize {
        self.blocks.len()
    }
}

#[inline(always)]
fn quantize_row(blocks: &mut [ActivationBlock], row: &[f32]) {
    let (whole, rest) = row.as_chunks::<INPUTS>();
    for (block, values) in blocks.iter_mut().zip(whole) {
        *block = quantize_block(values);
    }
    if !rest.is_empty() {
        let mut padded = [0.0; INPUTS];
        padded[..rest.len()].copy_from_slice(rest);
        if let Some(last) = blocks.last_mut() {
            *last = quantize_block(&padded);
        }
    }
}

#[inline(always)]
fn quantize_block(values: &[f32; INPUTS]) -> ActivationBlock {
    // Adding 1.5 · 2²³ rounds to the nearest whole number and leaves it in
    // the low bits.
    const ROUND: f32 = 12_582_912.0;
    let largest = magnitude(values);
    if !largest.is_finite() {
        return ActivationBlock {
            scale: f32::NAN,
            sum: f32::NAN,
            ..ActivationBlock::ZERO
        };
    }
    if largest < SMALLEST {
        return ActivationBlock::ZERO;
    }
    let inverse = 127.0 / largest;
    let mut whole = [0i32; INPUTS];
    for (whole, value) in whole.iter_mut().zip(values) {
        *whole = (value * inverse + ROUND).to_bits() as i32 - ROUND.to_bits() as i32;
    }
    let sum: i32 = whole.iter().sum();
    let mut quants = [[0i8; LANE]; STEPS];
    for (quant, whole) in quants.as_flattened_mut().iter_mut().zip(whole) {
        *quant = whole as i8;
    }
    let scale = largest / 127.0;
    ActivationBlock {
        quants,
        scale,
        correction: -i32::from(OFFSET) * sum,
        sum: scale * sum as f32,
    }
}

impl ActivationBlock {
    const ZERO: ActivationBlock = ActivationBlock {
        quants: [[0; LANE]; STEPS],
        scale: 0.0,
        correction: 0,
        sum: 0.0,
    };
}
