//! Attention over one sequence, head by head, in blocks of queries: a block
//! sees only the keys that its queries may look at, and the scores of a whole
//! sequence never exist at once. The backward pass computes the probabilities
//! again from the logarithm of each row's normaliser (Dao et al., 2022).

use std::ops::Range;

use rayon::prelude::*;

use crate::architecture::{AttentionKind, TransformerConfig};
use crate::matrix::{Matrix, MatrixMut, Write, multiply};
use crate::vector::{add_scaled, dot, exponentials, grow, maximum, scale, vectorized};

/// Queries that are computed together.
const BLOCK: usize = 64;

/// Up to this many keys the loops below beat the set-up of matrix products.
const SHORT: usize = 20;

/// Up to this many queries they do whatever the number of keys.
const FEW: usize = 8;

/// The shape of the heads of one layer, and what they may look at.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Heads {
    /// Heads of queries.
    pub(crate) count: usize,
    /// Heads of keys and values.
    pub(crate) key_count: usize,
    pub(crate) width: usize,
    /// What scores are multiplied with.
    pub(crate) scale: f32,
    pub(crate) kind: AttentionKind,
    /// How many positions back, itself included.
    pub(crate) window: usize,
}

impl Heads {
    /// The heads of a layer.
    pub(crate) fn of(config: &TransformerConfig, layer: usize) -> Heads {
        let scale = 1.0 / (config.head_width as f32).sqrt();
        Heads {
            count: config.heads,
            key_count: config.key_value_heads,
            width: config.head_width,
            scale: config.attention_scale.unwrap_or(scale),
            kind: config.attention,
            window: config.window_of(layer).unwrap_or(usize::MAX),
        }
    }

    /// The width of all queries of a position.
    pub(crate) fn total(self) -> usize {
        self.count * self.width
    }

    /// The width of all keys of a position.
    pub(crate) fn key_total(self) -> usize {
        self.key_count * self.width
    }

    /// The width of a position's queries, keys and values.
    pub(crate) fn row(self) -> usize {
        self.total() + 2 * self.key_total()
    }

    /// The head of keys that a head of queries looks at.
    fn key_head(self, head: usize) -> usize {
        head * self.key_count / self.count
    }

    /// The keys that a position sees, of `total`.
    #[inline(always)]
    fn visible(self, position: usize, total: usize) -> Range<usize> {
        let first = (position + 1).saturating_sub(self.window);
        match self.kind {
            AttentionKind::Causal => first..position + 1,
            // A window of both directions reaches as far ahead as back.
            AttentionKind::Bidirectional => first..total.min(position.saturating_add(self.window)),
        }
    }

    /// The keys that any of these positions sees.
    fn seen(self, positions: Range<usize>, total: usize) -> Range<usize> {
        let last = positions.end - 1;
        self.visible(positions.start, total).start..self.visible(last, total).end
    }
}

/// Queries, keys or values of consecutive positions, somewhere in a buffer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rows<'a> {
    pub(crate) data: &'a [f32],
    pub(crate) stride: usize,
}

impl<'a> Rows<'a> {
    fn head(self, head: usize, width: usize, rows: Range<usize>) -> Matrix<'a> {
        let start = rows.start * self.stride + head * width;
        Matrix::strided(&self.data[start..], rows.len(), width, self.stride)
    }

    #[inline(always)]
    fn row(self, row: usize, head: usize, width: usize) -> &'a [f32] {
        let start = row * self.stride + head * width;
        &self.data[start..start + width]
    }
}

/// What attention reads.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sources<'a> {
    /// Those of the new positions.
    pub(crate) queries: Rows<'a>,
    /// Those of all positions from 0.
    pub(crate) keys: Rows<'a>,
    pub(crate) values: Rows<'a>,
    /// The position of the first query.
    pub(crate) past: usize,
    /// How many queries there are.
    pub(crate) count: usize,
}

impl<'a> Sources<'a> {
    /// A whole sequence: a row is its queries, its keys, its values.
    pub(crate) fn whole(rows: &'a [f32], heads: Heads) -> Sources<'a> {
        let part = |start: usize| Rows {
            data: rows.get(start..).unwrap_or_default(),
            stride: heads.row(),
        };
        Sources {
            queries: part(0),
            keys: part(heads.total()),
            values: part(heads.total() + heads.key_total()),
            past: 0,
            count: rows.len() / heads.row(),
        }
    }

    fn total(&self) -> usize {
        self.past + self.count
    }
}

/// Buffers that the blocks of one thread use in turn.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    scores: Vec<f32>,
    gradients: Vec<f32>,
}

/// Attends from each query to the keys that it sees; `out` is `[queries,
/// heads · width]`. `normalizers[i · heads + h]` receives the logarithm of the
/// normaliser. With more than one thread, blocks of queries are shared out.
pub(crate) fn forward(
    out: &mut [f32],
    normalizers: &mut [f32],
    sources: Sources<'_>,
    heads: Heads,
    (scratch, threads): (&mut Scratch, usize),
) {
    let parts = out
        .chunks_mut(BLOCK * heads.total())
        .zip(normalizers.chunks_mut(BLOCK * heads.count))
        .enumerate();
    let block = |(index, (out, normalizers)): (usize, (&mut [f32], &mut [f32])),
                 scratch: &mut Scratch| {
        let block = index * BLOCK..((index + 1) * BLOCK).min(sources.count);
        if sources.total() <= SHORT || block.len() <= FEW {
            forward_few(out, normalizers, sources, block, heads, scratch);
        } else {
            forward_block(out, normalizers, sources, block, heads, scratch);
        }
    };
    if threads > 1 && sources.count > BLOCK {
        let parts: Vec<_> = parts.collect();
        (parts.into_par_iter())
            .for_each_init(Scratch::default, |scratch, part| block(part, scratch));
    } else {
        parts.for_each(|part| block(part, scratch));
    }
}

fn forward_block(
    out: &mut [f32],
    normalizers: &mut [f32],
    sources: Sources<'_>,
    block: Range<usize>,
    heads: Heads,
    scratch: &mut Scratch,
) {
    let (width, size) = (heads.width, block.len());
    let positions = sources.past + block.start..sources.past + block.end;
    let seen = heads.seen(positions.clone(), sources.total());
    for head in 0..heads.count {
        let key_head = heads.key_head(head);
        let scores = grow(&mut scratch.scores, size * seen.len());
        multiply(
            MatrixMut::new(scores, size, seen.len()),
            sources.queries.head(head, width, block.clone()),
            sources
                .keys
                .head(key_head, width, seen.clone())
                .transposed(),
            heads.scale,
            Write::Replace,
        );
        let rows = scores.chunks_exact_mut(seen.len());
        for (index, (row, position)) in rows.zip(positions.clone()).enumerate() {
            let visible = within(heads.visible(position, sources.total()), &seen);
            normalizers[index * heads.count + head] = softmax(row, visible);
        }
        multiply(
            MatrixMut::strided(&mut out[head * width..], size, width, heads.total()),
            Matrix::new(scores, size, seen.len()),
            sources.values.head(key_head, width, seen.clone()),
            1.0,
            Write::Replace,
        );
    }
}

/// A range of keys, counted from the first that is seen.
fn within(visible: Range<usize>, seen: &Range<usize>) -> Range<usize> {
    visible.start - seen.start..visible.end - seen.start
}

/// The softmax of the visible scores, zero for the rest; returns the logarithm
/// of the normaliser.
fn softmax(row: &mut [f32], visible: Range<usize>) -> f32 {
    vectorized(
        #[inline(always)]
        || {
            row[..visible.start].fill(0.0);
            row[visible.end..].fill(0.0);
            softmax_row(&mut row[visible])
        },
    )
}

#[inline(always)]
fn softmax_row(row: &mut [f32]) -> f32 {
    let largest = maximum(row);
    let sum = exponentials(row, largest);
    scale(row, 1.0 / sum);
    largest + sum.ln()
}

/// [`forward_block`] in plain loops: for short sequences, and for the few new
/// positions of a generation.
fn forward_few(
    out: &mut [f32],
    normalizers: &mut [f32],
    sources: Sources<'_>,
    block: Range<usize>,
    heads: Heads,
    scratch: &mut Scratch,
) {
    let (width, group) = (heads.width, heads.count / heads.key_count);
    let scores = grow(&mut scratch.scores, group * sources.total());
    vectorized(
        #[inline(always)]
        || {
            for (index, query) in block.enumerate() {
                let visible = heads.visible(sources.past + query, sources.total());
                for key_head in 0..heads.key_count {
                    let scores = &mut scores[..group * visible.len()];
                    let first = key_head * group;
                    // The heads of a group read each key and each value once.
                    for (place, key) in visible.clone().enumerate() {
                        let known = sources.keys.row(key, key_head, width);
                        for member in 0..group {
                            let asked = sources.queries.row(query, first + member, width);
                            scores[member * visible.len() + place] =
                                heads.scale * dot(asked, known);
                        }
                    }
                    let start = index * heads.total() + first * width;
                    let out = &mut out[start..start + group * width];
                    out.fill(0.0);
                    let rows = scores.chunks_exact_mut(visible.len());
                    for (member, scores) in rows.enumerate() {
                        normalizers[index * heads.count + first + member] = softmax_row(scores);
                    }
                    for (place, key) in visible.clone().enumerate() {
                        let value = sources.values.row(key, key_head, width);
                        for (member, out) in out.chunks_exact_mut(width).enumerate() {
                            add_scaled(out, value, scores[member * visible.len() + place]);
                        }
                    }
                }
            }
        },
    );
}

/// What the backward pass of one sequence reads.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Saved<'a> {
    /// Queries, keys and values, as attention read them.
    pub(crate) rows: &'a [f32],
    pub(crate) attended: &'a [f32],
    pub(crate) normalizers: &'a [f32],
}

/// Writes the gradient of queries, keys and values of a whole sequence, laid
/// out as `saved.rows`.
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
    block: Range<usize>,
    scratch: &mut Scratch,
) {
    let (total, width, size) = (heads.total(), heads.width, block.len());
    let sources = Sources::whole(saved.rows, heads);
    let seen = heads.seen(block.clone(), sources.count);
    let key_head = heads.key_head(head);
    let queries = sources.queries.head(head, width, block.clone());
    let keys = sources.keys.head(key_head, width, seen.clone());
    let values = sources.values.head(key_head, width, seen.clone());
    let rows = |data| Rows {
        data,
        stride: total,
    };
    let (out_rows, attended) = (rows(out_gradient), rows(saved.attended));
    let out_block = out_rows.head(head, width, block.clone());
    let probabilities = grow(&mut scratch.scores, size * seen.len());
    let scores = MatrixMut::new(probabilities, size, seen.len());
    multiply(
        scores,
        queries,
        keys.transposed(),
        heads.scale,
        Write::Replace,
    );
    let gradients = grow(&mut scratch.gradients, size * seen.len());
    let raw = MatrixMut::new(gradients, size, seen.len());
    multiply(raw, out_block, values.transposed(), 1.0, Write::Replace);
    for (offset, query) in block.clone().enumerate() {
        let row = offset * seen.len()..(offset + 1) * seen.len();
        score_gradients(
            (&mut probabilities[row.clone()], &mut gradients[row]),
            saved.normalizers[query * heads.count + head],
            (
                out_rows.row(query, head, width),
                attended.row(query, head, width),
            ),
            within(heads.visible(query, sources.count), &seen),
        );
    }
    let probabilities = Matrix::new(probabilities, size, seen.len());
    let gradients = Matrix::new(gradients, size, seen.len());
    let of_keys = total + key_head * width;
    let of_values = of_keys + heads.key_total();
    let products = [
        (head * width, &block, gradients, keys, heads.scale),
        (of_keys, &seen, gradients.transposed(), queries, heads.scale),
        (of_values, &seen, probabilities.transposed(), out_block, 1.0),
    ];
    for (column, rows, left, right, factor) in products {
        let start = rows.start * heads.row() + column;
        let out = MatrixMut::strided(&mut gradient[start..], rows.len(), width, heads.row());
        multiply(out, left, right, factor, Write::Add);
    }
}

/// ChatFormat scores into probabilities and the gradients of probabilities into
/// those of scores.
fn score_gradients(
    (scores, gradients): (&mut [f32], &mut [f32]),
    normalizer: f32,
    (out_gradient, attended): (&[f32], &[f32]),
    visible: Range<usize>,
) {
    vectorized(
        #[inline(always)]
        || {
            for masked in [0..visible.start, visible.end..scores.len()] {
                scores[masked.clone()].fill(0.0);
                gradients[masked].fill(0.0);
            }
            let scores = &mut scores[visible.clone()];
            exponentials(scores, normalizer);
            let projection = dot(out_gradient, attended);
            for (gradient, probability) in gradients[visible].iter_mut().zip(&*scores) {
                *gradient = probability * (*gradient - projection);
            }
        },
    );
}

fn backward_short(gradient: &mut [f32], out_gradient: &[f32], saved: Saved<'_>, heads: Heads) {
    let (total, width) = (heads.total(), heads.width);
    let sources = Sources::whole(saved.rows, heads);
    vectorized(
        #[inline(always)]
        || {
            for head in 0..heads.count {
                let key_head = heads.key_head(head);
                let of_keys = total + key_head * width;
                let columns = [head * width, of_keys, of_keys + heads.key_total()];
                let place = |row: usize, part: usize| {
                    let start = row * heads.row() + columns[part];
                    start..start + width
                };
                for query in 0..sources.count {
                    let asked = sources.queries.row(query, head, width);
                    let start = query * total + head * width;
                    let out_gradient = &out_gradient[start..start + width];
                    let projection = dot(out_gradient, &saved.attended[start..start + width]);
                    let normalizer = saved.normalizers[query * heads.count + head];
                    for key in heads.visible(query, sources.count) {
                        let known = sources.keys.row(key, key_head, width);
                        let score = heads.scale * dot(asked, known);
                        let probability = crate::vector::exponential(score - normalizer);
                        let value = sources.values.row(key, key_head, width);
                        let pull = dot(out_gradient, value) - projection;
                        let factor = heads.scale * probability * pull;
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
    use crate::gradient_check::{check, numbers, weighted};

    /// Every head its own keys, shared keys, a window, both directions, both
    /// directions with a window.
    fn shapes() -> [Heads; 5] {
        let plain = Heads {
            count: 2,
            key_count: 2,
            width: 4,
            scale: 0.5,
            kind: AttentionKind::Causal,
            window: usize::MAX,
        };
        let kind = AttentionKind::Bidirectional;
        let grouped = Heads {
            count: 4,
            key_count: 2,
            scale: 0.7,
            ..plain
        };
        [
            plain,
            grouped,
            Heads {
                window: 7,
                ..grouped
            },
            Heads { kind, ..plain },
            Heads {
                kind,
                window: 7,
                ..grouped
            },
        ]
    }

    fn attend(rows: &[f32], heads: Heads, threads: usize) -> (Vec<f32>, Vec<f32>) {
        let sources = Sources::whole(rows, heads);
        let mut out = vec![0.0; sources.count * heads.total()];
        let mut normalizers = vec![0.0; sources.count * heads.count];
        let scratch = (&mut Scratch::default(), threads);
        forward(&mut out, &mut normalizers, sources, heads, scratch);
        (out, normalizers)
    }

    /// One key, the loops, one block of products, several blocks.
    #[test]
    fn gradients_are_slopes() {
        for heads in shapes() {
            for count in [1, SHORT, SHORT + 1, 2 * BLOCK + 9] {
                let rows: Vec<f32> = (numbers(count * heads.row(), 1).iter())
                    .map(|x| 2.0 * x)
                    .collect();
                let weights = numbers(count * heads.total(), 2);
                let (attended, normalizers) = attend(&rows, heads, 1);
                let saved = Saved {
                    rows: &rows,
                    attended: &attended,
                    normalizers: &normalizers,
                };
                let mut gradient = vec![0.0; rows.len()];
                let scratch = &mut Scratch::default();
                backward(&mut gradient, &weights, saved, heads, scratch);
                let stride = 1 + count / 5;
                let name = format!("{count} tokens, {heads:?}");
                check(&name, &rows, &gradient, stride, |x| {
                    weighted(&attend(x, heads, 1).0, &weights)
                });
            }
        }
    }

    #[test]
    fn the_loops_the_products_and_the_threads_agree_and_see_no_future() {
        for heads in shapes() {
            let rows = numbers((2 * BLOCK + 9) * heads.row(), 5);
            let (all, _) = attend(&rows, heads, 1);
            assert_eq!(all, attend(&rows, heads, 2).0);
            for count in [1, SHORT - 1, SHORT, SHORT + 1, BLOCK, BLOCK + 1] {
                let (some, _) = attend(&rows[..count * heads.row()], heads, 1);
                let sees_more = heads.kind == AttentionKind::Bidirectional;
                let reached = if sees_more {
                    count.saturating_sub(7)
                } else {
                    count
                };
                if sees_more && heads.window == usize::MAX {
                    assert!(all[..some.len()] != some, "{count}: not both directions");
                    continue;
                }
                for (all, some) in all.iter().zip(&some[..reached * heads.total()]) {
                    assert!((all - some).abs() < 1e-5, "{count}: {all} {some}");
                }
            }
        }
    }

    /// A window by its definition.
    #[test]
    fn a_window_forgets_what_lies_before_it() {
        let heads = shapes()[2];
        let count = 2 * BLOCK + 9;
        let rows = numbers(count * heads.row(), 6);
        let (all, _) = attend(&rows, heads, 1);
        let last = heads.window * heads.row();
        let (alone, _) = attend(&rows[rows.len() - last..], heads, 1);
        let width = heads.total();
        let pairs = all[all.len() - width..]
            .iter()
            .zip(&alone[alone.len() - width..]);
        assert!(pairs.into_iter().all(|(a, b)| (a - b).abs() < 1e-5));
    }
}
