//! Causal attention over one sequence, head by head, in blocks of queries:
//! a block sees only the keys up to its last query, and the scores of a whole
//! sequence never exist at once. The backward pass computes the probabilities
//! again from the logarithm of each row's normaliser (Dao et al., 2022).

use crate::matrix::{Matrix, MatrixMut, Write, multiply};
use crate::vector::{add_scaled, dot, exponentials, maximum, scale, vectorized};

/// Queries that are computed together.
const BLOCK: usize = 64;

/// Up to this many keys the loops below beat the set-up of matrix products.
const SHORT: usize = 20;

/// The shape of the heads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Heads {
    pub(crate) count: usize,
    pub(crate) width: usize,
}

impl Heads {
    fn total(self) -> usize {
        self.count * self.width
    }

    fn scale(self) -> f32 {
        1.0 / (self.width as f32).sqrt()
    }
}

/// Queries, keys or values of consecutive positions, somewhere in a buffer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rows<'a> {
    pub(crate) data: &'a [f32],
    pub(crate) stride: usize,
}

impl<'a> Rows<'a> {
    fn head(self, head: usize, heads: Heads, rows: std::ops::Range<usize>) -> Matrix<'a> {
        let start = rows.start * self.stride + head * heads.width;
        Matrix::strided(&self.data[start..], rows.len(), heads.width, self.stride)
    }

    #[inline(always)]
    fn row(self, row: usize, head: usize, heads: Heads) -> &'a [f32] {
        let start = row * self.stride + head * heads.width;
        &self.data[start..start + heads.width]
    }
}

/// Buffers that the blocks of one thread use in turn.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    scores: Vec<f32>,
    gradients: Vec<f32>,
}

fn reserve(buffer: &mut Vec<f32>, size: usize) -> &mut [f32] {
    if buffer.len() < size {
        buffer.resize(size, 0.0);
    }
    &mut buffer[..size]
}

/// Attends from each query to the keys up to its own position. Query `i`
/// stands at position `past + i`; `keys` and `values` begin at position 0.
/// `normalizers[i · heads + h]` receives the logarithm of the normaliser.
pub(crate) fn forward(
    out: &mut [f32],
    normalizers: &mut [f32],
    (queries, keys, values): (Rows<'_>, Rows<'_>, Rows<'_>),
    (past, count): (usize, usize),
    heads: Heads,
    scratch: &mut Scratch,
) {
    if past + count <= SHORT {
        forward_short(
            out,
            normalizers,
            (queries, keys, values),
            (past, count),
            heads,
        );
        return;
    }
    for head in 0..heads.count {
        for start in (0..count).step_by(BLOCK) {
            let block = start..(start + BLOCK).min(count);
            let seen = past + block.end;
            let scores = reserve(&mut scratch.scores, block.len() * seen);
            multiply(
                MatrixMut::new(scores, block.len(), seen),
                queries.head(head, heads, block.clone()),
                keys.head(head, heads, 0..seen).transposed(),
                heads.scale(),
                Write::Replace,
            );
            for (row, query) in scores.chunks_exact_mut(seen).zip(block.clone()) {
                normalizers[query * heads.count + head] = softmax(row, past + query + 1);
            }
            multiply(
                MatrixMut::strided(
                    &mut out[block.start * heads.total() + head * heads.width..],
                    block.len(),
                    heads.width,
                    heads.total(),
                ),
                Matrix::new(scores, block.len(), seen),
                values.head(head, heads, 0..seen),
                1.0,
                Write::Replace,
            );
        }
    }
}

/// The softmax of the first `visible` scores, zero for the rest; returns the
/// logarithm of the normaliser.
fn softmax(row: &mut [f32], visible: usize) -> f32 {
    vectorized(
        #[inline(always)]
        || softmax_row(row, visible),
    )
}

#[inline(always)]
fn softmax_row(row: &mut [f32], visible: usize) -> f32 {
    let (row, masked) = row.split_at_mut(visible);
    masked.fill(0.0);
    let largest = maximum(row);
    let sum = exponentials(row, largest);
    scale(row, 1.0 / sum);
    largest + sum.ln()
}

fn forward_short(
    out: &mut [f32],
    normalizers: &mut [f32],
    (queries, keys, values): (Rows<'_>, Rows<'_>, Rows<'_>),
    (past, count): (usize, usize),
    heads: Heads,
) {
    vectorized(
        #[inline(always)]
        || {
            let mut scores = [0.0; SHORT];
            for head in 0..heads.count {
                for query in 0..count {
                    let visible = past + query + 1;
                    let asked = queries.row(query, head, heads);
                    for (key, score) in scores[..visible].iter_mut().enumerate() {
                        *score = heads.scale() * dot(asked, keys.row(key, head, heads));
                    }
                    normalizers[query * heads.count + head] =
                        softmax_row(&mut scores[..visible], visible);
                    let start = query * heads.total() + head * heads.width;
                    let out = &mut out[start..start + heads.width];
                    out.fill(0.0);
                    for (key, probability) in scores[..visible].iter().enumerate() {
                        add_scaled(out, values.row(key, head, heads), *probability);
                    }
                }
            }
        },
    );
}

/// What the backward pass of one sequence reads: a row of `query_key_value`
/// is query, key, value.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Saved<'a> {
    pub(crate) query_key_value: &'a [f32],
    pub(crate) attended: &'a [f32],
    pub(crate) normalizers: &'a [f32],
}

impl<'a> Saved<'a> {
    fn rows(&self, part: usize, heads: Heads) -> Rows<'a> {
        Rows {
            data: &self.query_key_value[part * heads.total()..],
            stride: 3 * heads.total(),
        }
    }
}

/// Writes the gradient of queries, keys and values of a whole sequence, laid
/// out as `saved.query_key_value`.
pub(crate) fn backward(
    gradient: &mut [f32],
    out_gradient: &[f32],
    saved: Saved<'_>,
    heads: Heads,
    scratch: &mut Scratch,
) {
    gradient.fill(0.0);
    let count = out_gradient.len() / heads.total();
    if count <= SHORT {
        backward_short(gradient, out_gradient, saved, heads);
        return;
    }
    for head in 0..heads.count {
        for start in (0..count).step_by(BLOCK) {
            let block = start..(start + BLOCK).min(count);
            backward_block(gradient, out_gradient, saved, (head, heads), block, scratch);
        }
    }
}

fn backward_block(
    gradient: &mut [f32],
    out_gradient: &[f32],
    saved: Saved<'_>,
    (head, heads): (usize, Heads),
    block: std::ops::Range<usize>,
    scratch: &mut Scratch,
) {
    let (total, size, seen) = (heads.total(), block.len(), block.end);
    let (queries, keys, values) = (
        saved.rows(0, heads).head(head, heads, block.clone()),
        saved.rows(1, heads).head(head, heads, 0..seen),
        saved.rows(2, heads).head(head, heads, 0..seen),
    );
    let out_rows = Rows {
        data: out_gradient,
        stride: total,
    };
    let out_block = out_rows.head(head, heads, block.clone());
    let attended = Rows {
        data: saved.attended,
        stride: total,
    };
    let part = |gradient: &'_ mut [f32], part: usize, first: usize, rows: usize| {
        let start = first * 3 * total + part * total + head * heads.width;
        let end = start + (rows - 1) * 3 * total + heads.width;
        start..end.min(gradient.len())
    };
    let probabilities = reserve(&mut scratch.scores, size * seen);
    let scores = MatrixMut::new(probabilities, size, seen);
    multiply(
        scores,
        queries,
        keys.transposed(),
        heads.scale(),
        Write::Replace,
    );
    let gradients = reserve(&mut scratch.gradients, size * seen);
    let raw = MatrixMut::new(gradients, size, seen);
    multiply(raw, out_block, values.transposed(), 1.0, Write::Replace);
    for (offset, query) in block.clone().enumerate() {
        let row = offset * seen..(offset + 1) * seen;
        let projection = (
            out_rows.row(query, head, heads),
            attended.row(query, head, heads),
        );
        score_gradients(
            &mut probabilities[row.clone()],
            &mut gradients[row],
            saved.normalizers[query * heads.count + head],
            projection,
            query + 1,
        );
    }
    let (probabilities, gradients) = (
        Matrix::new(probabilities, size, seen),
        Matrix::new(gradients, size, seen),
    );
    let products = [
        (0, block.start, size, gradients, keys, heads.scale()),
        (1, 0, seen, gradients.transposed(), queries, heads.scale()),
        (2, 0, seen, probabilities.transposed(), out_block, 1.0),
    ];
    for (which, first, rows, left, right, factor) in products {
        let place = part(gradient, which, first, rows);
        let out = MatrixMut::strided(&mut gradient[place], rows, heads.width, 3 * total);
        multiply(out, left, right, factor, Write::Add);
    }
}

/// Turns scores into probabilities and the gradients of probabilities into
/// those of scores.
fn score_gradients(
    scores: &mut [f32],
    gradients: &mut [f32],
    normalizer: f32,
    (out_gradient, attended): (&[f32], &[f32]),
    visible: usize,
) {
    vectorized(
        #[inline(always)]
        || {
            scores[visible..].fill(0.0);
            gradients[visible..].fill(0.0);
            exponentials(&mut scores[..visible], normalizer);
            let projection = dot(out_gradient, attended);
            for (gradient, probability) in gradients[..visible].iter_mut().zip(&*scores) {
                *gradient = probability * (*gradient - projection);
            }
        },
    );
}

fn backward_short(gradient: &mut [f32], out_gradient: &[f32], saved: Saved<'_>, heads: Heads) {
    let (total, width) = (heads.total(), heads.width);
    let count = out_gradient.len() / total;
    let (queries, keys, values) = (
        saved.rows(0, heads),
        saved.rows(1, heads),
        saved.rows(2, heads),
    );
    vectorized(
        #[inline(always)]
        || {
            for head in 0..heads.count {
                for query in 0..count {
                    let asked = queries.row(query, head, heads);
                    let start = query * total + head * width;
                    let out_gradient = &out_gradient[start..start + width];
                    let projection = dot(out_gradient, &saved.attended[start..start + width]);
                    let normalizer = saved.normalizers[query * heads.count + head];
                    for key in 0..=query {
                        let known = keys.row(key, head, heads);
                        let score = heads.scale() * dot(asked, known);
                        let probability = crate::vector::exponential(score - normalizer);
                        let pull = dot(out_gradient, values.row(key, head, heads)) - projection;
                        let factor = heads.scale() * probability * pull;
                        let place = |row: usize, part: usize| {
                            let start = row * 3 * total + part * total + head * width;
                            start..start + width
                        };
                        add_scaled(&mut gradient[place(query, 0)], known, factor);
                        add_scaled(&mut gradient[place(key, 1)], asked, factor);
                        let value_gradient = &mut gradient[place(key, 2)];
                        add_scaled(value_gradient, out_gradient, probability);
                    }
                }
            }
        },
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::differences::{check, numbers, weighted};

    const HEADS: Heads = Heads { count: 2, width: 4 };

    fn attend(rows: &[f32]) -> (Vec<f32>, Vec<f32>) {
        let total = HEADS.total();
        let count = rows.len() / (3 * total);
        let (mut out, mut normalizers) = (vec![0.0; count * total], vec![0.0; count * HEADS.count]);
        let part = |part: usize| Rows {
            data: &rows[part * total..],
            stride: 3 * total,
        };
        let scratch = &mut Scratch::default();
        let sources = (part(0), part(1), part(2));
        forward(
            &mut out,
            &mut normalizers,
            sources,
            (0, count),
            HEADS,
            scratch,
        );
        (out, normalizers)
    }

    /// One key, the loops, one block of products, several blocks.
    #[test]
    fn gradients_are_slopes() {
        for count in [1, SHORT, SHORT + 1, 2 * BLOCK + 9] {
            let total = HEADS.total();
            let rows: Vec<f32> = numbers(count * 3 * total, 1)
                .iter()
                .map(|x| 2.0 * x)
                .collect();
            let weights = numbers(count * total, 2);
            let (attended, normalizers) = attend(&rows);
            let saved = Saved {
                query_key_value: &rows,
                attended: &attended,
                normalizers: &normalizers,
            };
            let mut gradient = vec![0.0; rows.len()];
            backward(
                &mut gradient,
                &weights,
                saved,
                HEADS,
                &mut Scratch::default(),
            );
            let stride = 1 + count / 10;
            check(&format!("{count} tokens"), &rows, &gradient, stride, |x| {
                weighted(&attend(x).0, &weights)
            });
        }
    }

    #[test]
    fn the_loops_and_the_products_agree_and_see_no_future() {
        let total = HEADS.total();
        let rows = numbers((2 * BLOCK + 9) * 3 * total, 5);
        let (all, _) = attend(&rows);
        for count in [1, SHORT - 1, SHORT, SHORT + 1, BLOCK, BLOCK + 1] {
            let (some, _) = attend(&rows[..count * 3 * total]);
            for (all, some) in all.iter().zip(&some) {
                assert!((all - some).abs() < 1e-5, "{count}: {all} {some}");
            }
        }
    }
}
