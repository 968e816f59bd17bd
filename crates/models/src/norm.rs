//! Root-mean-square normalisation (Zhang and Sennrich, 2019).

use crate::vector::{dot, sum_pairs, vectorized};

/// Keeps a row of zeros finite; the value of the Llama family.
const EPSILON: f32 = 1e-5;

#[inline(always)]
fn inverse_root_mean_square(row: &[f32]) -> f32 {
    1.0 / (dot(row, row) / row.len() as f32 + EPSILON).sqrt()
}

/// `out = input / rms(input) · gain`, row by row.
pub(crate) fn forward(out: &mut [f32], input: &[f32], gain: &[f32]) {
    let width = gain.len();
    vectorized(
        #[inline(always)]
        || {
            for (out, row) in out.chunks_exact_mut(width).zip(input.chunks_exact(width)) {
                let inverse = inverse_root_mean_square(row);
                for ((o, x), g) in out.iter_mut().zip(row).zip(gain) {
                    *o = x * inverse * g;
                }
            }
        },
    );
}

/// Adds the gradient of the input to `input_gradient` and that of the gain to
/// `gain_gradient`.
pub(crate) fn backward(
    input_gradient: &mut [f32],
    gain_gradient: &mut [f32],
    out_gradient: &[f32],
    input: &[f32],
    gain: &[f32],
) {
    let width = gain.len();
    let mut weighted = vec![0.0; width];
    let rows = input_gradient
        .chunks_exact_mut(width)
        .zip(out_gradient.chunks_exact(width))
        .zip(input.chunks_exact(width));
    vectorized(
        #[inline(always)]
        || {
            for ((input_gradient, out_gradient), row) in rows {
                let inverse = inverse_root_mean_square(row);
                for index in 0..width {
                    weighted[index] = out_gradient[index] * gain[index];
                    gain_gradient[index] += out_gradient[index] * row[index] * inverse;
                }
                let projection = sum_pairs(
                    &weighted,
                    row,
                    #[inline(always)]
                    |w, x| w * x,
                );
                let pull = projection * inverse * inverse * inverse / width as f32;
                for index in 0..width {
                    input_gradient[index] += weighted[index] * inverse - row[index] * pull;
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
        let (width, rows) = (40, 3);
        let (input, gain) = (numbers(rows * width, 1), numbers(width, 2));
        let weights = numbers(rows * width, 3);
        let objective = |input: &[f32], gain: &[f32]| {
            let mut out = vec![0.0; rows * width];
            forward(&mut out, input, gain);
            weighted(&out, &weights)
        };
        let (mut of_input, mut of_gain) = (vec![0.0; rows * width], vec![0.0; width]);
        backward(&mut of_input, &mut of_gain, &weights, &input, &gain);
        check("input", &input, &of_input, 1, |x| objective(x, &gain));
        check("gain", &gain, &of_gain, 1, |g| objective(&input, g));
        let mut zeros = vec![1.0; width];
        forward(&mut zeros, &vec![0.0; width], &gain);
        assert_eq!(zeros, vec![0.0; width]);
    }
}
