//! Quantised weights for serving: eight bits with one scale for each output,
//! or four bits with a scale and a minimum for each group of 32 inputs, in
//! the order that [`crate::kernels`] reads.
//!
//! Eight bits are symmetric, value = scale · q with q in -127..=127. Four
//! bits are value = scale · q + minimum with q in 0..=15 and both factors in
//! half precision, which takes in the GGUF formats `Q4_0` (minimum = -8 ·
//! scale) and `Q4_1` without loss; the factors of `Q4_K`, products of a half
//! and a six-bit number, are rounded to the nearest half.

mod activations;
mod product;
#[cfg(test)]
mod tests;

use half::f16;
use rayon::prelude::*;

pub(crate) use activations::Activations;

use crate::kernels::{Block4, Block8, INPUTS, LANE, OFFSET, OUTPUTS, STEPS};

/// The format of quantised weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bits {
    /// Eight bits, one scale for each output: about 1 byte a weight.
    Int8,
    /// Four bits, scale and minimum for each group of 32 inputs: 0.625 bytes
    /// a weight.
    Int4,
}

/// A group of 32 inputs of one output in four bits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Group {
    /// The step from one value to the next.
    pub scale: f16,
    /// The value of 0.
    pub minimum: f16,
    /// One number in 0..=15 for each input, in order.
    pub quants: [u8; INPUTS],
}

/// The quantised weight `[outputs, inputs]` of a linear layer.
///
/// Shapes that do not fit are a mistake of the caller and panic, as in the
/// other products of matrices. A weight that is not finite makes its output
/// NaN.
#[derive(Debug, Clone, PartialEq)]
pub struct QuantizedMatrix {
    inputs: usize,
    outputs: usize,
    weights: Weights,
}

/// Blocks of a panel follow each other, panels follow each other; outputs
/// after the last and inputs after the last are zero.
#[derive(Debug, Clone, PartialEq)]
enum Weights {
    Int8 {
        blocks: Vec<Block8>,
        scales: Vec<f32>,
    },
    Int4 {
        blocks: Vec<Block4>,
    },
}

/// Weights and activations smaller than this are zero: the reciprocal of
/// their scale would overflow.
const SMALLEST: f32 = 1e-35;

impl QuantizedMatrix {
    /// Quantises the rows of a dense weight.
    pub fn from_dense(
        values: &[f32],
        (inputs, outputs): (usize, usize),
        bits: Bits,
    ) -> QuantizedMatrix {
        assert_eq!(values.len(), inputs * outputs, "the shape of a weight");
        QuantizedMatrix::from_rows((inputs, outputs), bits, |row, out| {
            out.copy_from_slice(&values[row * inputs..][..inputs]);
        })
    }

    /// Quantises rows that `fill(output, row)` writes, on all threads of the
    /// current rayon pool and in any order: the dense weight never exists.
    pub fn from_rows(
        (inputs, outputs): (usize, usize),
        bits: Bits,
        fill: impl Fn(usize, &mut [f32]) + Sync,
    ) -> QuantizedMatrix {
        match bits {
            Bits::Int8 => QuantizedMatrix::int8_from_rows((inputs, outputs), fill),
            Bits::Int4 => int4_panels(
                (inputs, outputs),
                || vec![0.0; inputs],
                |row, values, panel, lane| {
                    fill(row, values);
                    for (block, group) in panel.iter_mut().zip(values.chunks(INPUTS)) {
                        block.set(lane, &Group::quantize(group));
                    }
                },
            ),
        }
    }

    /// Takes over groups that `fill(output, groups)` writes, as they are; the
    /// last group of an output is padded with any value. Parallel as
    /// [`QuantizedMatrix::from_rows`].
    pub fn from_groups(
        (inputs, outputs): (usize, usize),
        fill: impl Fn(usize, &mut [Group]) + Sync,
    ) -> QuantizedMatrix {
        int4_panels(
            (inputs, outputs),
            || vec![Group::ZERO; inputs.div_ceil(INPUTS)],
            |row, groups, panel, lane| {
                fill(row, groups);
                for (block, group) in panel.iter_mut().zip(groups) {
                    block.set(lane, group);
                }
            },
        )
    }

    fn int8_from_rows(
        (inputs, outputs): (usize, usize),
        fill: impl Fn(usize, &mut [f32]) + Sync,
    ) -> QuantizedMatrix {
        let (per_panel, panels) = (inputs.div_ceil(INPUTS), outputs.div_ceil(OUTPUTS));
        let mut blocks = vec![Block8::ZERO; per_panel * panels];
        let mut scales = vec![0.0; panels * OUTPUTS];
        blocks
            .par_chunks_mut(per_panel.max(1))
            .zip(scales.par_chunks_mut(OUTPUTS))
            .enumerate()
            .for_each_init(
                || vec![0.0; inputs],
                |values, (index, (panel, scales))| {
                    let rows = index * OUTPUTS..outputs;
                    for (lane, (row, scale)) in rows.zip(scales).enumerate() {
                        fill(row, values);
                        *scale = set_int8(panel, lane, values);
                    }
                },
            );
        QuantizedMatrix {
            inputs,
            outputs,
            weights: Weights::Int8 { blocks, scales },
        }
    }

    /// (inputs, outputs).
    #[cfg(test)]
    pub fn shape(&self) -> (usize, usize) {
        (self.inputs, self.outputs)
    }

    /// The bytes that the weights take, all of which a product reads.
    pub fn bytes(&self) -> usize {
        match &self.weights {
            Weights::Int8 { blocks, scales } => size_of_val(&blocks[..]) + size_of_val(&scales[..]),
            Weights::Int4 { blocks } => size_of_val(&blocks[..]),
        }
    }

    /// Writes the weights of one output as they are multiplied: a row of an
    /// embedding.
    pub fn dequantize_row(&self, row: usize, out: &mut [f32]) {
        assert!(
            row < self.outputs && out.len() == self.inputs,
            "row {row} of {}, {} of {} inputs",
            self.outputs,
            out.len(),
            self.inputs
        );
        let (panel, lane) = (row / OUTPUTS, row % OUTPUTS);
        let per_panel = self.inputs.div_ceil(INPUTS);
        let out = out.chunks_mut(INPUTS);
        match &self.weights {
            Weights::Int8 { blocks, scales } => {
                for (block, out) in blocks[panel * per_panel..].iter().zip(out) {
                    for (out, quant) in out.iter_mut().zip(block.lane(lane)) {
                        *out = scales[row] * f32::from(quant);
                    }
                }
            }
            Weights::Int4 { blocks } => {
                for (block, out) in blocks[panel * per_panel..].iter().zip(out) {
                    let scale = f16::from_bits(block.scales[lane]).to_f32();
                    let minimum = f16::from_bits(block.minimums[lane]).to_f32();
                    for (out, quant) in out.iter_mut().zip(block.lane(lane)) {
                        *out = scale * f32::from(quant) + minimum;
                    }
                }
            }
        }
    }
}

/// Builds the panels of four-bit weights, `set(row, buffer, panel, lane)`
/// writing one output.
fn int4_panels<Buffer>(
    (inputs, outputs): (usize, usize),
    buffer: impl Fn() -> Buffer + Sync + Send,
    set: impl Fn(usize, &mut Buffer, &mut [Block4], usize) + Sync,
) -> QuantizedMatrix {
    let (per_panel, panels) = (inputs.div_ceil(INPUTS), outputs.div_ceil(OUTPUTS));
    let mut blocks = vec![Block4::ZERO; per_panel * panels];
    blocks
        .par_chunks_mut(per_panel.max(1))
        .enumerate()
        .for_each_init(buffer, |buffer, (index, panel)| {
            for (lane, row) in (index * OUTPUTS..outputs).take(OUTPUTS).enumerate() {
                set(row, buffer, panel, lane);
            }
        });
    QuantizedMatrix {
        inputs,
        outputs,
        weights: Weights::Int4 { blocks },
    }
}

/// The largest magnitude; not finite if any value is not.
#[inline(always)]
fn magnitude(values: &[f32]) -> f32 {
    // Without their sign, the bits of floats order as the floats do, with
    // infinity and then NaN at the top.
    let largest = |largest: u32, value: &f32| largest.max(value.abs().to_bits());
    f32::from_bits(values.iter().fold(0, largest))
}

/// Writes an output into its lane of a panel and returns its scale.
fn set_int8(panel: &mut [Block8], lane: usize, values: &[f32]) -> f32 {
    let largest = magnitude(values);
    if !largest.is_finite() {
        return f32::NAN;
    }
    if largest < SMALLEST {
        return 0.0;
    }
    for (block, values) in panel.iter_mut().zip(values.chunks(INPUTS)) {
        for (index, value) in values.iter().enumerate() {
            let quant = (value * (127.0 / largest)).round() as i8;
            block.steps[index / LANE][lane * LANE + index % LANE] = quant as u8 ^ OFFSET;
        }
    }
    largest / 127.0
}

impl Block8 {
    /// All weights zero.
    const ZERO: Block8 = Block8 {
        steps: [[OFFSET; OUTPUTS * LANE]; STEPS],
    };

    /// The weights of one output.
    fn lane(&self, lane: usize) -> impl Iterator<Item = i8> {
        (self.steps.iter())
            .flat_map(move |step| &step[lane * LANE..][..LANE])
            .map(|byte| (byte ^ OFFSET) as i8)
    }
}

impl Block4 {
    /// All weights zero.
    const ZERO: Block4 = Block4 {
        halves: [[0; OUTPUTS * LANE]; STEPS / 2],
        scales: [0; OUTPUTS],
        minimums: [0; OUTPUTS],
    };

    fn set(&mut self, lane: usize, group: &Group) {
        self.scales[lane] = group.scale.to_bits();
        self.minimums[lane] = group.minimum.to_bits();
        let (low, high) = group.quants.split_at(INPUTS / 2);
        for (index, (low, high)) in low.iter().zip(high).enumerate() {
            self.halves[index / LANE][lane * LANE + index % LANE] = (low & 15) | (high << 4);
        }
    }

    /// The numbers of one output.
    fn lane(&self, lane: usize) -> impl Iterator<Item = u8> {
        let bytes = move || {
            (self.halves.iter())
                .flat_map(move |half| &half[lane * LANE..][..LANE])
                .copied()
        };
        bytes()
            .map(|byte| byte & 15)
            .chain(bytes().map(|byte| byte >> 4))
    }
}

impl Group {
    const ZERO: Group = Group {
        scale: f16::ZERO,
        minimum: f16::ZERO,
        quants: [0; INPUTS],
    };

    /// The group whose steps reach from the smallest to the largest of up to
    /// 32 values.
    fn quantize(values: &[f32]) -> Group {
        if !magnitude(values).is_finite() {
            return Group {
                scale: f16::NAN,
                ..Group::ZERO
            };
        }
        let half = |value: f32| f16::from_f32(value.clamp(f16::MIN.to_f32(), f16::MAX.to_f32()));
        let smallest = values.iter().copied().fold(f32::INFINITY, f32::min);
        let largest = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let (minimum, scale) = (half(smallest), half(largest / 15.0 - smallest / 15.0));
        let mut quants = [0; INPUTS];
        if scale > f16::ZERO {
            for (quant, value) in quants.iter_mut().zip(values) {
                let steps = (value - minimum.to_f32()) / scale.to_f32();
                *quant = steps.round().clamp(0.0, 15.0) as u8;
            }
        }
        Group {
            scale,
            minimum,
            quants,
        }
    }
}
