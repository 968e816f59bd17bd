//! Muon (Jordan et al., 2024): momentum whose matrix is made nearly orthogonal
//! by five Newton–Schulz iterations, scaled to the size of AdamW's updates
//! (Liu et al., 2025).

use std::ops::Range;

use crate::architecture::TransformerConfig;
use crate::matrix::{Matrix, MatrixMut, Write, multiply};
use crate::parameters::{Layout, Linear};
use crate::vector::grow;
use crate::vector::{add_scaled, scale, sum_of_squares, vectorized};

const MOMENTUM: f32 = 0.95;
const ITERATIONS: usize = 5;
/// The quintic that drives every singular value to about 1.
const QUINTIC: [f32; 3] = [3.4445, -4.7750, 2.0315];
/// The root mean square of an AdamW update, about.
const UPDATE_SIZE: f32 = 0.2;
/// Rows of a symmetric product that are computed together.
const BLOCK: usize = 128;
/// Keeps a matrix of zeros finite.
const EPSILON: f32 = 1e-7;

/// One matrix that is made orthogonal for itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) place: Range<usize>,
    pub(crate) rows: usize,
    pub(crate) columns: usize,
}

impl Part {
    /// The multiplications of one update, about.
    pub(crate) fn cost(&self) -> usize {
        let (small, large) = (self.rows.min(self.columns), self.rows.max(self.columns));
        ITERATIONS * small * small * (2 * large + small)
    }
}

/// The matrices inside the layers in the order of their places; those that are
/// fused (queries, keys and values; gate and up) as one each.
pub(crate) fn parts(config: &TransformerConfig, layout: &Layout) -> Vec<Part> {
    let (queries, keys) = (config.query_width(), config.key_width());
    let mut parts = Vec::new();
    for layer in &layout.layers {
        let gate_up: &[usize] = match config.activation.is_gated() {
            true => &[config.hidden, config.hidden],
            false => &[config.hidden],
        };
        cut(&mut parts, &layer.attention.first, &[queries, keys, keys]);
        cut(&mut parts, &layer.attention.second, &[config.width]);
        cut(&mut parts, &layer.feed_forward.first, gate_up);
        cut(&mut parts, &layer.feed_forward.second, &[config.width]);
    }
    parts
}

fn cut(parts: &mut Vec<Part>, linear: &Linear, outputs: &[usize]) {
    let mut start = linear.weight.start;
    for &rows in outputs {
        let end = start + rows * linear.inputs;
        parts.push(Part {
            place: start..end,
            rows,
            columns: linear.inputs,
        });
        start = end;
    }
}

/// The one range in which all matrices inside the layers lie.
pub(crate) fn hidden_range(layout: &Layout) -> Range<usize> {
    let places = layout.hidden_linears().map(|linear| linear.weight.clone());
    places
        .reduce(|all, place| all.start.min(place.start)..all.end.max(place.end))
        .unwrap_or(layout.total..layout.total)
}

/// The buffers of one thread.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    matrix: Vec<f32>,
    next: Vec<f32>,
    gram: Vec<f32>,
    square: Vec<f32>,
}

/// What one update is made with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct MuonUpdate {
    pub(crate) learning_rate: f32,
    pub(crate) weight_decay: f32,
    /// What each gradient is multiplied with: below 1 where it is clipped.
    pub(crate) gradient_scale: f32,
}

impl MuonUpdate {
    /// Updates one matrix of `[rows, columns]`.
    pub(crate) fn apply(
        &self,
        parameters: &mut [f32],
        gradient: &[f32],
        momentum: &mut [f32],
        (rows, columns): (usize, usize),
        scratch: &mut Scratch,
    ) {
        let upright = rows > columns;
        let direction = grow(&mut scratch.next, rows * columns);
        vectorized(
            #[inline(always)]
            || {
                let weights = direction.iter_mut().zip(momentum).zip(gradient);
                for ((direction, momentum), gradient) in weights {
                    let gradient = (1.0 - MOMENTUM) * self.gradient_scale * gradient;
                    *momentum = MOMENTUM * *momentum + gradient;
                    *direction = MOMENTUM * *momentum + gradient;
                }
            },
        );
        let matrix = grow(&mut scratch.matrix, rows * columns);
        match upright {
            true => transpose(matrix, direction, (rows, columns)),
            false => matrix.copy_from_slice(direction),
        }
        let (small, large) = (rows.min(columns), rows.max(columns));
        orthogonalize(scratch, (small, large));
        let matrix = &scratch.matrix[..rows * columns];
        let direction = &mut scratch.next[..rows * columns];
        match upright {
            true => transpose(direction, matrix, (columns, rows)),
            false => direction.copy_from_slice(matrix),
        }
        let keep = 1.0 - self.learning_rate * self.weight_decay;
        let rate = self.learning_rate * UPDATE_SIZE * (large as f32).sqrt();
        vectorized(
            #[inline(always)]
            || {
                for (parameter, direction) in parameters.iter_mut().zip(direction.iter()) {
                    *parameter = *parameter * keep - rate * direction;
                }
            },
        );
    }
}

/// Replaces `scratch.matrix`, of `[rows, columns]` with no more rows than
/// columns, by one with the same singular vectors and singular values near 1.
fn orthogonalize(scratch: &mut Scratch, (rows, columns): (usize, usize)) {
    let size = rows * columns;
    let matrix = grow(&mut scratch.matrix, size);
    let norm = sum_of_squares(matrix).sqrt() as f32;
    let factor = 1.0 / (norm + EPSILON);
    vectorized(
        #[inline(always)]
        || scale(matrix, factor),
    );
    let [a, b, c] = QUINTIC;
    for _ in 0..ITERATIONS {
        let matrix = &mut scratch.matrix[..size];
        let gram = grow(&mut scratch.gram, rows * rows);
        gram_of(gram, matrix, (rows, columns));
        let square = grow(&mut scratch.square, rows * rows);
        gram_of(square, gram, (rows, rows));
        vectorized(
            #[inline(always)]
            || {
                scale(square, c);
                add_scaled(square, gram, b);
            },
        );
        // The identity's share goes in with the rest: one product gives
        // a·X + (b·A + c·A²)·X.
        for diagonal in square.iter_mut().step_by(rows + 1) {
            *diagonal += a;
        }
        multiply(
            MatrixMut::new(grow(&mut scratch.next, size), rows, columns),
            Matrix::new(square, rows, rows),
            Matrix::new(matrix, rows, columns),
            1.0,
            Write::Replace,
        );
        std::mem::swap(&mut scratch.matrix, &mut scratch.next);
    }
}

/// `out = input · inputᵀ`: what lies below the diagonal is computed in blocks,
/// the rest is its mirror.
fn gram_of(out: &mut [f32], input: &[f32], (rows, columns): (usize, usize)) {
    for start in (0..rows).step_by(BLOCK) {
        let end = (start + BLOCK).min(rows);
        multiply(
            MatrixMut::strided(&mut out[start * rows..], end - start, end, rows),
            Matrix::new(&input[start * columns..], end - start, columns),
            Matrix::new(input, end, columns).transposed(),
            1.0,
            Write::Replace,
        );
    }
    for row in 0..rows {
        let last = (row / BLOCK + 1) * BLOCK;
        for column in last..rows {
            out[row * rows + column] = out[column * rows + row];
        }
    }
}

/// `input` of `[rows, columns]` with rows and columns exchanged.
fn transpose(out: &mut [f32], input: &[f32], (rows, columns): (usize, usize)) {
    const TILE: usize = 16;
    for first_row in (0..rows).step_by(TILE) {
        for first_column in (0..columns).step_by(TILE) {
            for row in first_row..(first_row + TILE).min(rows) {
                for column in first_column..(first_column + TILE).min(columns) {
                    out[column * rows + row] = input[row * columns + column];
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gradient_check::numbers;

    /// The update's rows times itself transposed, the smaller way round.
    fn gram(matrix: &[f32], rows: usize, columns: usize) -> Vec<f32> {
        let mut flat = matrix.to_vec();
        let (mut rows, mut columns) = (rows, columns);
        if rows > columns {
            transpose(&mut flat, matrix, (rows, columns));
            std::mem::swap(&mut rows, &mut columns);
        }
        let mut out = vec![0.0; rows * rows];
        gram_of(&mut out, &flat, (rows, columns));
        out
    }

    #[test]
    fn an_update_is_nearly_orthogonal_and_of_the_size_of_adamw_s() {
        for (rows, columns) in [(40, 70), (70, 40), (200, 130), (130, 200), (1, 9)] {
            let mut parameters = vec![0.0; rows * columns];
            let mut momentum = vec![0.0; rows * columns];
            let gradient = numbers(rows * columns, 5);
            let update = MuonUpdate {
                learning_rate: 1.0,
                weight_decay: 0.0,
                gradient_scale: 1e-3,
            };
            let scratch = &mut Scratch::default();
            let shape = (rows, columns);
            update.apply(&mut parameters, &gradient, &mut momentum, shape, scratch);
            let (small, large) = (rows.min(columns), rows.max(columns));
            let unit = UPDATE_SIZE * (large as f32).sqrt();
            let direction: Vec<f32> = parameters.iter().map(|value| -value / unit).collect();
            let gram = gram(&direction, rows, columns);
            // The mean of the squares of the singular values.
            let mean = (0..small).map(|row| gram[row * (small + 1)]).sum::<f32>() / small as f32;
            assert!((0.4..1.4).contains(&mean), "{shape:?}: {mean}");
            let off = (0..small * small).filter(|index| index % (small + 1) != 0);
            let off = off.fold(0.0f32, |largest, index| largest.max(gram[index].abs()));
            assert!(off < 0.35, "{shape:?}: {off}");
            let size = (sum_of_squares(&parameters) / parameters.len() as f64).sqrt();
            assert!((0.1..0.3).contains(&size), "{shape:?}: {size}");
            // The update goes with the gradient, for large and small alike.
            let along: f32 = direction.iter().zip(&gradient).map(|(d, g)| d * g).sum();
            assert!(along > 0.0);
        }
    }

    #[test]
    fn no_gradient_only_decays() {
        let mut parameters = vec![2.0; 12];
        let update = MuonUpdate {
            learning_rate: 0.5,
            weight_decay: 0.1,
            gradient_scale: 1.0,
        };
        let (gradient, mut momentum) = (vec![0.0; 12], vec![0.0; 12]);
        let scratch = &mut Scratch::default();
        update.apply(&mut parameters, &gradient, &mut momentum, (3, 4), scratch);
        assert!(parameters.iter().all(|value| (value - 1.9).abs() < 1e-6));
    }

    #[test]
    fn the_parts_fill_the_hidden_range() {
        for config in [
            TransformerConfig::new(2, 16, 2, 8, 30),
            TransformerConfig::encoder(2, 16, 2, 8, 30),
            TransformerConfig {
                tied: false,
                key_value_heads: 1,
                ..TransformerConfig::new(2, 16, 2, 8, 30)
            },
        ] {
            let layout = Layout::new(&config);
            let parts = parts(&config, &layout);
            let hidden = hidden_range(&layout);
            let mut end = hidden.start;
            for part in &parts {
                assert_eq!(part.place.start, end);
                assert_eq!(part.place.len(), part.rows * part.columns);
                end = part.place.end;
            }
            assert_eq!(end, hidden.end);
            let per_layer = if config.activation.is_gated() { 7 } else { 6 };
            assert_eq!(parts.len(), 2 * per_layer);
        }
    }
}
