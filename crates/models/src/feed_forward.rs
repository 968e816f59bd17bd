//! The gated activation between the two linear layers of a feed-forward block:
//! SwiGLU (Shazeer, 2020).

use crate::vector::{sigmoid, vectorized};

/// `inner = silu(gate) · up`; a row of `gate_up` is the gate, then up.
pub(crate) fn forward(inner: &mut [f32], gate_up: &[f32], hidden: usize) {
    vectorized(
        #[inline(always)]
        || {
            for (inner, row) in inner
                .chunks_exact_mut(hidden)
                .zip(gate_up.chunks_exact(2 * hidden))
            {
                let (gate, up) = row.split_at(hidden);
                for index in 0..hidden {
                    inner[index] = gate[index] * sigmoid(gate[index]) * up[index];
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
) {
    let rows = gate_up_gradient
        .chunks_exact_mut(2 * hidden)
        .zip(inner_gradient.chunks_exact(hidden))
        .zip(gate_up.chunks_exact(2 * hidden));
    vectorized(
        #[inline(always)]
        || {
            for ((gradient, inner_gradient), row) in rows {
                let (gate, up) = row.split_at(hidden);
                let (gate_gradient, up_gradient) = gradient.split_at_mut(hidden);
                for index in 0..hidden {
                    let (x, out) = (gate[index], inner_gradient[index]);
                    let s = sigmoid(x);
                    up_gradient[index] = out * x * s;
                    gate_gradient[index] = out * up[index] * s * (1.0 + x * (1.0 - s));
                }
            }
        },
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::differences::{check, numbers, weighted};

    #[test]
    fn gradients_are_slopes() {
        let (hidden, rows) = (20, 2);
        let input: Vec<f32> = numbers(rows * 2 * hidden, 1)
            .iter()
            .map(|x| 4.0 * x)
            .collect();
        let weights = numbers(rows * hidden, 2);
        let mut gradient = vec![0.0; input.len()];
        backward(&mut gradient, &weights, &input, hidden);
        check("gate and up", &input, &gradient, 1, |x| {
            let mut inner = vec![0.0; rows * hidden];
            forward(&mut inner, x, hidden);
            weighted(&inner, &weights)
        });
    }
}
