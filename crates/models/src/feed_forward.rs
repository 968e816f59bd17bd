//! What stands between the two linear layers of a feed-forward block: a gated
//! activation (Shazeer, 2020) or a plain one.

use crate::architecture::Activation;
use crate::vector::{error_function, exponential, sigmoid, vectorized};

/// √(2/π)
const SQRT_2_OVER_PI: f32 = 0.797_884_6;
/// Of the cubic term of GELU's tanh form (Hendrycks and Gimpel, 2016).
const CUBIC: f32 = 0.044_715;

/// Each gives the value and the slope of the activation of `x`.
#[inline(always)]
fn silu(x: f32) -> (f32, f32) {
    let s = sigmoid(x);
    (x * s, s * (1.0 + x * (1.0 - s)))
}

#[inline(always)]
fn gelu_by_tanh(x: f32) -> (f32, f32) {
    let inner = SQRT_2_OVER_PI * (x + CUBIC * x * x * x);
    // (1 + tanh(y)) / 2 is the sigmoid of 2y.
    let s = sigmoid(2.0 * inner);
    let slope = SQRT_2_OVER_PI * (1.0 + 3.0 * CUBIC * x * x);
    (x * s, s + 2.0 * x * s * (1.0 - s) * slope)
}

#[inline(always)]
fn gelu(x: f32) -> (f32, f32) {
    let below = 0.5 * (1.0 + error_function(x * std::f32::consts::FRAC_1_SQRT_2));
    let density = 0.5 * SQRT_2_OVER_PI * exponential(-0.5 * x * x);
    (x * below, below + x * density)
}

/// `inner = activation(gate) · up`, where a row of `gate_up` is the gate, then
/// up; or `inner = activation(up)` where there is no gate.
pub(crate) fn forward(inner: &mut [f32], gate_up: &[f32], hidden: usize, activation: Activation) {
    match activation {
        Activation::SwiGlu => forward_by(inner, gate_up, (hidden, 2), silu),
        Activation::GeGlu => forward_by(inner, gate_up, (hidden, 2), gelu_by_tanh),
        Activation::Gelu => forward_by(inner, gate_up, (hidden, 1), gelu),
    }
}

fn forward_by(
    inner: &mut [f32],
    gate_up: &[f32],
    (hidden, parts): (usize, usize),
    activate: impl Fn(f32) -> (f32, f32),
) {
    let rows = gate_up.chunks_exact(parts * hidden);
    let rows = inner.chunks_exact_mut(hidden).zip(rows);
    vectorized(
        #[inline(always)]
        || {
            for (inner, row) in rows {
                let (gate, up) = row.split_at(hidden);
                for (inner, gate) in inner.iter_mut().zip(gate) {
                    *inner = activate(*gate).0;
                }
                for (inner, up) in inner.iter_mut().zip(up) {
                    *inner *= up;
                }
            }
        },
    );
}

/// The gradient of gate and up from that of `inner`.
pub(crate) fn backward(
    gate_up_gradient: &mut [f32],
    inner_gradient: &[f32],
    gate_up: &[f32],
    hidden: usize,
    activation: Activation,
) {
    let buffers = (gate_up_gradient, inner_gradient, gate_up);
    match activation {
        Activation::SwiGlu => backward_by(buffers, (hidden, 2), silu),
        Activation::GeGlu => backward_by(buffers, (hidden, 2), gelu_by_tanh),
        Activation::Gelu => backward_by(buffers, (hidden, 1), gelu),
    }
}

fn backward_by(
    (gate_up_gradient, inner_gradient, gate_up): (&mut [f32], &[f32], &[f32]),
    (hidden, parts): (usize, usize),
    activate: impl Fn(f32) -> (f32, f32),
) {
    let rows = gate_up_gradient
        .chunks_exact_mut(parts * hidden)
        .zip(inner_gradient.chunks_exact(hidden))
        .zip(gate_up.chunks_exact(parts * hidden));
    vectorized(
        #[inline(always)]
        || {
            for ((gradient, out), row) in rows {
                let (gate, up) = row.split_at(hidden);
                let (of_gate, of_up) = gradient.split_at_mut(hidden);
                if up.is_empty() {
                    for index in 0..hidden {
                        of_gate[index] = out[index] * activate(gate[index]).1;
                    }
                } else {
                    for index in 0..hidden {
                        let (value, slope) = activate(gate[index]);
                        of_up[index] = out[index] * value;
                        of_gate[index] = out[index] * up[index] * slope;
                    }
                }
            }
        },
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gradient_check::{check, numbers, weighted};

    #[test]
    fn gradients_are_slopes() {
        let (hidden, rows) = (20, 2);
        for activation in [Activation::SwiGlu, Activation::GeGlu, Activation::Gelu] {
            let size = hidden * if activation.is_gated() { 2 } else { 1 };
            let input: Vec<f32> = numbers(rows * size, 1).iter().map(|x| 4.0 * x).collect();
            let weights = numbers(rows * hidden, 2);
            let mut gradient = vec![0.0; input.len()];
            backward(&mut gradient, &weights, &input, hidden, activation);
            check("gate and up", &input, &gradient, 1, |x| {
                let mut inner = vec![0.0; rows * hidden];
                forward(&mut inner, x, hidden, activation);
                weighted(&inner, &weights)
            });
        }
    }

    /// Values of the published definitions, in double precision.
    #[test]
    fn activations_are_those_of_the_papers() {
        for (activation, x, expected) in [
            (Activation::SwiGlu, 1.0, 0.731_058_6),
            (Activation::GeGlu, 1.0, 0.841_192),
            (Activation::GeGlu, -2.0, -0.045_402_306),
            (Activation::Gelu, 1.0, 0.841_344_8),
            (Activation::Gelu, -2.0, -0.045_500_264),
            (Activation::Gelu, 9.0, 9.0),
        ] {
            let value = match activation {
                Activation::SwiGlu => silu(x).0,
                Activation::GeGlu => gelu_by_tanh(x).0,
                Activation::Gelu => gelu(x).0,
            };
            assert!(
                (value - expected).abs() < 2e-6,
                "{activation:?}({x}) = {value}"
            );
        }
    }
}
