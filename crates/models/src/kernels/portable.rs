//! The kernels in plain Rust: what every processor runs and what the others
//! are tested against.

use half::f16;

use super::{ActivationBlock, Block4, Block8, LANE, OFFSET, OUTPUTS, STEPS, Sums};

/// One panel of eight-bit weights.
pub(super) fn int8(weights: &[Block8], activations: &[ActivationBlock], sums: &mut [Sums]) {
    for (row, sums) in activations.chunks_exact(weights.len()).zip(sums) {
        *sums = [0.0; OUTPUTS];
        for (weight, activation) in weights.iter().zip(row) {
            let mut dots = [0i32; OUTPUTS];
            for (step, quants) in weight.steps.iter().zip(&activation.quants) {
                let step = step.map(|byte| (byte ^ OFFSET) as i8);
                add_products(&mut dots, &step, quants);
            }
            for (sum, dot) in sums.iter_mut().zip(dots) {
                *sum += activation.scale * dot as f32;
            }
        }
    }
}

/// One panel of four-bit weights.
pub(super) fn int4(weights: &[Block4], activations: &[ActivationBlock], sums: &mut [Sums]) {
    sums.fill([0.0; OUTPUTS]);
    let blocks = weights.len();
    for (index, weight) in weights.iter().enumerate() {
        let scales = weight.scales.map(|bits| f16::from_bits(bits).to_f32());
        let minimums = weight.minimums.map(|bits| f16::from_bits(bits).to_f32());
        for (row, sums) in sums.iter_mut().enumerate() {
            let activation = &activations[row * blocks + index];
            let mut dots = [0i32; OUTPUTS];
            let (low, high) = activation.quants.split_at(STEPS / 2);
            for (bytes, (low, high)) in weight.halves.iter().zip(low.iter().zip(high)) {
                add_products(&mut dots, &bytes.map(|byte| (byte & 15) as i8), low);
                add_products(&mut dots, &bytes.map(|byte| (byte >> 4) as i8), high);
            }
            for lane in 0..OUTPUTS {
                sums[lane] += scales[lane] * activation.scale * dots[lane] as f32
                    + minimums[lane] * activation.sum;
            }
        }
    }
}

#[inline(always)]
fn add_products(dots: &mut [i32; OUTPUTS], step: &[i8; OUTPUTS * LANE], quants: &[i8; LANE]) {
    for (dot, lane) in dots.iter_mut().zip(step.as_chunks::<LANE>().0) {
        for (weight, quant) in lane.iter().zip(quants) {
            *dot += i32::from(*weight) * i32::from(*quant);
        }
    }
}
