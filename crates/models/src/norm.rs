//! Normalisation of rows: by the root mean square (Zhang and Sennrich, 2019)
//! or to mean 0 and variance 1 (Ba et al., 2016).

use crate::architecture::Norm;
use crate::vector::{dot, sum, sum_pairs, vectorized};

/// How rows are normalised, with the learned weights.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Normalizer<'a> {
    pub(crate) kind: Norm,
    /// Keeps a row of zeros finite.
    pub(crate) epsilon: f32,
    /// `[width]` gains; for [`Norm::Layer`] as many biases follow.
    pub(crate) weights: &'a [f32],
}

/// What a row is shifted and scaled by.
#[derive(Debug, Clone, Copy)]
struct Moments {
    mean: f32,
    inverse: f32,
}

impl<'a> Normalizer<'a> {
    fn split(self) -> (&'a [f32], &'a [f32]) {
        match self.kind {
            Norm::RootMeanSquare => (self.weights, &[]),
            Norm::Layer => self.weights.split_at(self.weights.len() / 2),
        }
    }

    #[inline(always)]
    fn moments(self, row: &[f32]) -> Moments {
        let width = row.len() as f32;
        let mean = match self.kind {
            Norm::RootMeanSquare => 0.0,
            Norm::Layer => sum(row) / width,
        };
        let square = match self.kind {
            Norm::RootMeanSquare => dot(row, row),
            Norm::Layer => sum_pairs(
                row,
                row,
                #[inline(always)]
                |x, y| (x - mean) * (y - mean),
            ),
        };
        Moments {
            mean,
            inverse: 1.0 / (square / width + self.epsilon).sqrt(),
        }
    }

    #[inline(always)]
    fn row(self, out: &mut [f32], row: &[f32]) {
        let (gain, bias) = self.split();
        let Moments { mean, inverse } = self.moments(row);
        for ((o, x), g) in out.iter_mut().zip(row).zip(gain) {
            *o = (x - mean) * inverse * g;
        }
        for (o, b) in out.iter_mut().zip(bias) {
            *o += b;
        }
    }

    /// `out = (input - mean) / deviation · gain + bias`, row by row.
    pub(crate) fn forward(self, out: &mut [f32], input: &[f32]) {
        let width = self.split().0.len();
        vectorized(
            #[inline(always)]
            || {
                for (out, row) in out.chunks_exact_mut(width).zip(input.chunks_exact(width)) {
                    self.row(out, row);
                }
            },
        );
    }

    /// [`Normalizer::forward`] onto the rows themselves.
    pub(crate) fn in_place(self, rows: &mut [f32]) {
        let (gain, bias) = self.split();
        vectorized(
            #[inline(always)]
            || {
                for row in rows.chunks_exact_mut(gain.len()) {
                    let Moments { mean, inverse } = self.moments(row);
                    for (x, g) in row.iter_mut().zip(gain) {
                        *x = (*x - mean) * inverse * g;
                    }
                    for (x, b) in row.iter_mut().zip(bias) {
                        *x += b;
                    }
                }
            },
        );
    }

    /// Adds the gradient of the input to `input_gradient` and that of the
    /// weights to `weight_gradient`, where one is wanted.
    pub(crate) fn backward(
        self,
        input_gradient: &mut [f32],
        mut weight_gradient: Option<&mut [f32]>,
        out_gradient: &[f32],
        input: &[f32],
    ) {
        let (gain, bias) = self.split();
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
                    let Moments { mean, inverse } = self.moments(row);
                    if let Some(gradient) = &mut weight_gradient {
                        let (of_gain, of_bias) = gradient.split_at_mut(width);
                        for index in 0..width {
                            of_gain[index] += out_gradient[index] * (row[index] - mean) * inverse;
                        }
                        if !bias.is_empty() {
                            crate::vector::add_scaled(of_bias, out_gradient, 1.0);
                        }
                    }
                    for index in 0..width {
                        weighted[index] = out_gradient[index] * gain[index];
                    }
                    let projection = sum_pairs(
                        &weighted,
                        row,
                        #[inline(always)]
                        |w, x| w * (x - mean),
                    );
                    let pull = projection * inverse * inverse * inverse / width as f32;
                    let shift = match self.kind {
                        Norm::RootMeanSquare => 0.0,
                        Norm::Layer => sum(&weighted) * inverse / width as f32,
                    };
                    for index in 0..width {
                        input_gradient[index] +=
                            weighted[index] * inverse - (row[index] - mean) * pull - shift;
                    }
                }
            },
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gradient_check::{check, numbers, weighted};

    fn with(kind: Norm, weights: &[f32]) -> Normalizer<'_> {
        Normalizer {
            kind,
            epsilon: 1e-5,
            weights,
        }
    }

    #[test]
    fn gradients_are_slopes() {
        let (width, rows) = (40, 3);
        for kind in [Norm::RootMeanSquare, Norm::Layer] {
            let size = if kind == Norm::Layer {
                2 * width
            } else {
                width
            };
            let (input, weights) = (numbers(rows * width, 1), numbers(size, 2));
            let objective_weights = numbers(rows * width, 3);
            let objective = |input: &[f32], weights: &[f32]| {
                let mut out = vec![0.0; rows * width];
                with(kind, weights).forward(&mut out, input);
                let mut same = input.to_vec();
                with(kind, weights).in_place(&mut same);
                assert_eq!(out, same);
                weighted(&out, &objective_weights)
            };
            let (mut of_input, mut of_weights) = (vec![0.0; rows * width], vec![0.0; size]);
            with(kind, &weights).backward(
                &mut of_input,
                Some(&mut of_weights),
                &objective_weights,
                &input,
            );
            check("input", &input, &of_input, 1, |x| objective(x, &weights));
            check("weights", &weights, &of_weights, 1, |w| {
                objective(&input, w)
            });
        }
    }

    #[test]
    fn a_row_of_zeros_stays_finite() {
        for kind in [Norm::RootMeanSquare, Norm::Layer] {
            let weights = [1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0];
            let weights = if kind == Norm::Layer {
                &weights[..]
            } else {
                &weights[..4]
            };
            let mut row = [0.0; 4];
            with(kind, weights).in_place(&mut row);
            assert_eq!(row, [0.0; 4]);
        }
    }
}
