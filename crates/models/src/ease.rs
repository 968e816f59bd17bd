//! EASE, the embarrassingly shallow autoencoder (Steck, 2019): a linear model
//! from items to items with a closed form, hard to beat without order.

use std::thread;

use crate::index::{Scored, top};
use crate::matrix::{Matrix, MatrixMut, Write, multiply};
use crate::neighbours::ItemItemMatrix;

/// Rows and columns that one step of the inversion takes at once.
const BLOCK: usize = 192;

/// The item-to-item weights of EASE, all of them.
pub struct Ease {
    items: usize,
    /// Row-major, `items` x `items`; zero on the diagonal.
    weights: Vec<f32>,
}

/// How many bytes [`Ease::fit`] needs at most for this many items.
pub fn ease_bytes(items: usize) -> usize {
    let blocks = 3 * BLOCK * items;
    (items * items + blocks).saturating_mul(size_of::<f32>())
}

impl Ease {
    /// Solves for the weights: B = I - P diag(P)^-1 with P = (X'X + lambda I)^-1,
    /// where X says which user has which item. `None` when the matrix is not
    /// positive definite, which a `lambda` above 0 rules out.
    pub fn fit(sequences: &[Vec<u32>], items: usize, lambda: f32, threads: usize) -> Option<Self> {
        let mut matrix = gram(sequences, items, lambda);
        negate_inverse(&mut matrix, items, threads.max(1))?;
        // The matrix holds -P in its lower triangle: B_ij = -P_ij / P_jj.
        let diagonal: Vec<f32> = (0..items).map(|i| -matrix[i * items + i]).collect();
        for row in 0..items {
            for column in 0..row {
                let value = matrix[row * items + column];
                matrix[row * items + column] = value / diagonal[column];
                matrix[column * items + row] = value / diagonal[row];
            }
            matrix[row * items + row] = 0.0;
        }
        Some(Self {
            items,
            weights: matrix,
        })
    }

    /// Adds to `scores` what the items of `history` say about every item.
    pub fn add_scores(&self, history: &[u32], scores: &mut [f32]) {
        for &item in history {
            let start = item as usize * self.items;
            if let Some(row) = self.weights.get(start..start + self.items) {
                for (score, weight) in scores.iter_mut().zip(row) {
                    *score += weight;
                }
            }
        }
    }

    /// The `longest` weights of each item that are furthest from 0, the
    /// furthest first: what speaks against an item counts too.
    pub fn to_matrix(&self, longest: usize) -> ItemItemMatrix {
        ItemItemMatrix::from_rows(self.weights.chunks(self.items.max(1)).map(|row| {
            let sizes =
                (0..)
                    .zip(row)
                    .filter(|(_, weight)| **weight != 0.0)
                    .map(|(place, weight)| Scored {
                        place,
                        score: weight.abs(),
                    });
            let mut list = top(sizes, longest);
            for scored in &mut list {
                scored.score = row[scored.place as usize];
            }
            list
        }))
    }
}

/// The lower triangle of X'X + lambda I.
fn gram(sequences: &[Vec<u32>], items: usize, lambda: f32) -> Vec<f32> {
    let mut matrix = vec![0.0; items * items];
    for sequence in sequences {
        let mut set: Vec<u32> = sequence.clone();
        set.retain(|item| (*item as usize) < items);
        set.sort_unstable();
        set.dedup();
        for (at, &row) in set.iter().enumerate() {
            for &column in &set[..=at] {
                matrix[row as usize * items + column as usize] += 1.0;
            }
        }
    }
    for item in 0..items {
        matrix[item * items + item] += lambda;
    }
    matrix
}

/// ChatFormat the lower triangle of a symmetric positive definite matrix into that
/// of minus its inverse, in place, by the sweep operator (Goodnight, 1979) on
/// whole blocks: for pivot block K with D = A_KK^-1, A_ij -= A_iK D A_Kj,
/// A_iK = A_iK D, A_KK = -D. It stays symmetric, so half of it is enough.
fn negate_inverse(matrix: &mut [f32], n: usize, threads: usize) -> Option<()> {
    let mut panel = vec![0.0_f32; n * BLOCK];
    let mut scaled = vec![0.0_f32; n * BLOCK];
    for start in (0..n).step_by(BLOCK) {
        let width = BLOCK.min(n - start);
        read_panel(matrix, n, start, width, &mut panel);
        let pivot = invert_pivot(matrix, n, start, width)?;
        multiply(
            MatrixMut::new(&mut scaled[..n * width], n, width),
            Matrix::new(&panel[..n * width], n, width),
            Matrix::new(&pivot, width, width),
            1.0,
            Write::Replace,
        );
        update_triangle(matrix, n, width, &panel, &scaled, threads);
        write_panel(matrix, n, start, width, &scaled, &pivot);
    }
    Some(())
}

/// The columns of the pivot block, for every row; zero for the pivot's own.
fn read_panel(matrix: &[f32], n: usize, start: usize, width: usize, panel: &mut [f32]) {
    for row in 0..n {
        for column in 0..width {
            let at = start + column;
            panel[row * width + column] = if row < start {
                matrix[at * n + row]
            } else if row < start + width {
                0.0
            } else {
                matrix[row * n + at]
            };
        }
    }
}

fn write_panel(
    matrix: &mut [f32],
    n: usize,
    start: usize,
    width: usize,
    scaled: &[f32],
    pivot: &[f32],
) {
    for row in 0..n {
        for column in 0..width {
            let at = start + column;
            if row < start {
                matrix[at * n + row] = scaled[row * width + column];
            } else if row >= start + width {
                matrix[row * n + at] = scaled[row * width + column];
            } else if column <= row - start {
                matrix[row * n + at] = -pivot[(row - start) * width + column];
            }
        }
    }
}

/// The inverse of the pivot block, in double precision by Cholesky.
fn invert_pivot(matrix: &[f32], n: usize, start: usize, width: usize) -> Option<Vec<f32>> {
    let mut lower = vec![0.0_f64; width * width];
    for row in 0..width {
        for column in 0..=row {
            let mut sum = f64::from(matrix[(start + row) * n + start + column]);
            for k in 0..column {
                sum -= lower[row * width + k] * lower[column * width + k];
            }
            if row == column {
                if sum <= 0.0 {
                    return None;
                }
                lower[row * width + row] = sum.sqrt();
            } else {
                lower[row * width + column] = sum / lower[column * width + column];
            }
        }
    }
    // Invert the triangle, then A^-1 = L^-T L^-1.
    let mut inverse = vec![0.0_f64; width * width];
    for column in 0..width {
        inverse[column * width + column] = lower[column * width + column].recip();
        for row in column + 1..width {
            let mut sum = 0.0;
            for k in column..row {
                sum -= lower[row * width + k] * inverse[k * width + column];
            }
            inverse[row * width + column] = sum / lower[row * width + row];
        }
    }
    let mut product = vec![0.0_f32; width * width];
    for row in 0..width {
        for column in 0..=row {
            let sum: f64 = (row..width)
                .map(|k| inverse[k * width + row] * inverse[k * width + column])
                .sum();
            product[row * width + column] = sum as f32;
            product[column * width + row] = sum as f32;
        }
    }
    Some(product)
}

/// Subtracts `scaled panel'` from the lower triangle. Blocks of rows are dealt
/// to the threads in turn, because later rows are longer.
fn update_triangle(
    matrix: &mut [f32],
    n: usize,
    width: usize,
    panel: &[f32],
    scaled: &[f32],
    threads: usize,
) {
    let mut shares: Vec<Vec<(usize, &mut [f32])>> = (0..threads).map(|_| Vec::new()).collect();
    for (block, rows) in matrix.chunks_mut(BLOCK * n).enumerate() {
        shares[block % threads].push((block * BLOCK, rows));
    }
    thread::scope(|scope| {
        for share in shares {
            scope.spawn(move || {
                for (first, rows) in share {
                    subtract_product(rows, n, first, width, panel, scaled);
                }
            });
        }
    });
}

/// The part of [`update_triangle`] for the rows from `first` on.
fn subtract_product(
    rows: &mut [f32],
    n: usize,
    first: usize,
    width: usize,
    panel: &[f32],
    scaled: &[f32],
) {
    let count = rows.len() / n;
    let columns = first + count;
    let left = &scaled[first * width..columns * width];
    multiply(
        MatrixMut::strided(rows, count, columns, n),
        Matrix::new(left, count, width),
        Matrix::new(&panel[..columns * width], columns, width).transposed(),
        -1.0,
        Write::Add,
    );
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    /// The same by plain Gauss-Jordan elimination in double precision.
    fn reference(sequences: &[Vec<u32>], n: usize, lambda: f32) -> Vec<f64> {
        let lower = gram(sequences, n, lambda);
        let at = |row: usize, column: usize| lower[row.max(column) * n + row.min(column)];
        let mut a: Vec<Vec<f64>> = (0..n)
            .map(|row| {
                let mut line: Vec<f64> = (0..n).map(|c| f64::from(at(row, c))).collect();
                line.extend((0..n).map(|c| f64::from(u8::from(c == row))));
                line
            })
            .collect();
        for pivot in 0..n {
            let scale = a[pivot][pivot];
            a[pivot].iter_mut().for_each(|value| *value /= scale);
            let line = a[pivot].clone();
            for (row, values) in a.iter_mut().enumerate() {
                let factor = values[pivot];
                if row != pivot {
                    for (value, other) in values.iter_mut().zip(&line) {
                        *value -= factor * other;
                    }
                }
            }
        }
        let inverse = |row: usize, column: usize| a[row][n + column];
        (0..n * n)
            .map(|place| (place / n, place % n))
            .map(|(row, column)| match row == column {
                true => 0.0,
                false => -inverse(row, column) / inverse(column, column),
            })
            .collect()
    }

    #[test]
    fn equals_the_closed_form_in_double_precision() {
        let mut random = ChaCha8Rng::seed_from_u64(3);
        // One size below a block, one of exactly one, one of several.
        for (items, threads) in [(7, 1), (BLOCK, 2), (2 * BLOCK + 31, 3)] {
            let sequences: Vec<Vec<u32>> = (0..2 * items)
                .map(|_| {
                    (0..5)
                        .map(|_| random.random_range(0..items as u32))
                        .collect()
                })
                .collect();
            let ease = Ease::fit(&sequences, items, 3.0, threads).unwrap();
            let expected = reference(&sequences, items, 3.0);
            for (found, expected) in ease.weights.iter().zip(&expected) {
                assert!((f64::from(*found) - expected).abs() < 2e-5);
            }
        }
    }

    #[test]
    fn what_is_always_together_points_to_each_other() {
        let sequences = vec![vec![0, 1], vec![0, 1], vec![2, 3], vec![2, 3, 99]];
        let ease = Ease::fit(&sequences, 4, 0.5, 1).unwrap();
        let mut scores = vec![0.0; 4];
        ease.add_scores(&[0, 99], &mut scores);
        assert!(scores[1] > 0.5 && scores[3].abs() < 1e-6);
        assert_eq!(ease.to_matrix(2).row(0).next().map(|s| s.place), Some(1));
        assert!(Ease::fit(&[], 0, 1.0, 1).unwrap().to_matrix(3).is_empty());
    }
}
