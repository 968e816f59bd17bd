//! The kernels in plain Rust: what every processor runs and what the others
//! are tested against.

use half::f16;

use super::{ActivationBlock, Block4, Block8, INPUTS, LANE, OFFSET, OUTPUTS, STEPS, Step, Sums};

/// The weights of a block, those of each output together: a loop over them is
/// what compilers know to vectorise.
type Outputs = [[i8; INPUTS]; OUTPUTS];

/// One panel of eight-bit weights.
pub(super) fn int8(weights: &[Block8], activations: &[ActivationBlock], sums: &mut [Sums]) {
    sums.fill([0.0; OUTPUTS]);
    for (index, weight) in weights.iter().enumerate() {
        let mut outputs = [[0; INPUTS]; OUTPUTS];
        for (step, bytes) in weight.steps.iter().enumerate() {
            place(&mut outputs, step, bytes, |byte| (byte ^ OFFSET) as i8);
        }
        for (row, sums) in activations.chunks_exact(weights.len()).zip(&mut *sums) {
            let activation = &row[index];
            for (sum, output) in sums.iter_mut().zip(&outputs) {
                *sum += activation.scale * dot(output, activation) as f32;
            }
        }
    }
}

/// One panel of four-bit weights.
pub(super) fn int4(weights: &[Block4], activations: &[ActivationBlock], sums: &mut [Sums]) {
    sums.fill([0.0; OUTPUTS]);
    for (index, weight) in weights.iter().enumerate() {
        let mut outputs = [[0; INPUTS]; OUTPUTS];
        for (half, bytes) in weight.halves.iter().enumerate() {
            place(&mut outputs, half, bytes, |byte| (byte & 15) as i8);
            let high = half + STEPS / 2;
            place(&mut outputs, high, bytes, |byte| (byte >> 4) as i8);
        }
        let scales = weight.scales.map(|bits| f16::from_bits(bits).to_f32());
        let minimums = weight.minimums.map(|bits| f16::from_bits(bits).to_f32());
        for (row, sums) in activations.chunks_exact(weights.len()).zip(&mut *sums) {
            let activation = &row[index];
            for (lane, sum) in sums.iter_mut().enumerate() {
                *sum += scales[lane] * activation.scale * dot(&outputs[lane], activation) as f32
                    + minimums[lane] * activation.sum;
            }
        }
    }
}

/// Puts a step of a panel to the outputs that its lanes belong to.
#[inline(always)]
fn place(outputs: &mut Outputs, step: usize, bytes: &Step, weight: impl Fn(u8) -> i8) {
    for (output, lane) in outputs.iter_mut().zip(bytes.as_chunks::<LANE>().0) {
        for (place, byte) in output[step * LANE..][..LANE].iter_mut().zip(lane) {
            *place = weight(*byte);
        }
    }
}

#[inline(always)]
fn dot(output: &[i8; INPUTS], activation: &ActivationBlock) -> i32 {
    let pairs = output.iter().zip(activation.quants.as_flattened());
    pairs.map(|(&w, &q)| i32::from(w) * i32::from(q)).sum()
}
