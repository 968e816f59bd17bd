//! The product of activations and a quantised weight: outputs are split among
//! threads, rows and panels are cut into tiles.

use std::ops::Range;

use super::{Activations, QuantizedMatrix, Weights};
use crate::kernels::{INPUTS, Level, OUTPUTS, Sums};
use crate::matrix::Write;

/// Blocks of weights · rows that are worth a piece of their own, about 8 µs.
/// Offering a piece that no thread takes costs 0.1 µs; a thread of the pool
/// that worked within the last 20 µs takes it at once, but one that has gone
/// to sleep makes the product about 10 µs longer.
const PIECE: usize = 4096;

/// How many rows of arithmetic on a block of weights take as long as reading
/// it from memory.
const READ_ROWS: usize = 8;

/// Pieces for each thread: one that wakes up late still finds some left.
const PIECES: usize = 2;

/// The blocks of activations that stay in the second-level cache while the
/// panels of a thread pass by.
const CACHED_BLOCKS: usize = 8192;

/// Room for the sums of the largest tile.
const TILE: usize = 16;

/// Some panels of a product: for each row the outputs of these panels.
struct Part<'a> {
    panels: Range<usize>,
    rows: Vec<&'a mut [f32]>,
}

/// What every part of a product reads.
#[derive(Clone, Copy)]
struct Product<'a> {
    matrix: &'a QuantizedMatrix,
    activations: &'a Activations,
    write: Write,
    level: Level,
    /// Blocks in a row and in a panel.
    blocks: usize,
}

impl QuantizedMatrix {
    /// `out = input · weightᵀ` for `[rows, inputs]` and `[rows, outputs]`, or
    /// that added to `out`, on up to `threads` threads of the current rayon
    /// pool. The inputs are quantised to eight bits in blocks of 32.
    ///
    /// Call it from a thread of the pool (within `install`, or of a pool built
    /// with `use_current_thread`): another thread sleeps until the pool is
    /// done, which costs more than a small product.
    pub(crate) fn multiply(&self, out: &mut [f32], input: &[f32], write: Write, threads: usize) {
        let activations = Activations::quantize(input, self.inputs, threads);
        self.multiply_activations(out, &activations, write, threads);
    }

    /// [`QuantizedMatrix::multiply`] of inputs that are quantised already.
    pub(crate) fn multiply_activations(
        &self,
        out: &mut [f32],
        activations: &Activations,
        write: Write,
        threads: usize,
    ) {
        let blocks = self.outputs.div_ceil(OUTPUTS) * self.inputs.div_ceil(INPUTS);
        let work = activations.rows.max(READ_ROWS) * blocks;
        let most = if threads > 1 { threads * PIECES } else { 1 };
        self.multiply_at(
            Level::best(),
            out,
            activations,
            write,
            most.min(work / PIECE),
        );
    }

    /// [`QuantizedMatrix::multiply_activations`] with given instructions, cut
    /// into at most so many pieces.
    pub(super) fn multiply_at(
        &self,
        level: Level,
        out: &mut [f32],
        activations: &Activations,
        write: Write,
        pieces: usize,
    ) {
        if out.is_empty() || self.inputs == 0 {
            if write == Write::Replace {
                out.fill(0.0);
            }
            return;
        }
        assert!(
            activations.inputs == self.inputs && out.len() == activations.rows * self.outputs,
            "shapes of a product do not fit"
        );
        let product = Product {
            matrix: self,
            activations,
            write,
            level,
            blocks: self.inputs.div_ceil(INPUTS),
        };
        let part = Part {
            panels: 0..self.outputs.div_ceil(OUTPUTS),
            rows: out.chunks_exact_mut(self.outputs).collect(),
        };
        product.split(part, pieces);
    }
}

impl<'a> Part<'a> {
    /// The panels before and from `middle`.
    fn split_at(self, middle: usize) -> (Part<'a>, Part<'a>) {
        let outputs = (middle - self.panels.start) * OUTPUTS;
        let (left, right) = (self.rows.into_iter())
            .map(|row| row.split_at_mut(outputs))
            .unzip();
        let part = |panels, rows| Part { panels, rows };
        (
            part(self.panels.start..middle, left),
            part(middle..self.panels.end, right),
        )
    }
}

impl Product<'_> {
    /// Halves the part until it is cut into so many pieces.
    fn split(self, part: Part<'_>, pieces: usize) {
        let left_pieces = pieces / 2;
        let share = part.panels.len() * left_pieces / pieces.max(1);
        // Two panels at least, and an even number, fill the widest tiles.
        let share = share.next_multiple_of(2);
        if share == 0 || share >= part.panels.len() {
            return self.run(part);
        }
        let middle = part.panels.start + share;
        let (left, right) = part.split_at(middle);
        rayon::join(
            || self.split(left, left_pieces),
            || self.split(right, pieces - left_pieces),
        );
    }

    /// Rows that fit into the cache, for each of them all panels in order.
    fn run(self, mut part: Part<'_>) {
        let (tile_rows, tile_panels) = self.level.tile(part.rows.len());
        let cached = (CACHED_BLOCKS / self.blocks / tile_rows).max(1) * tile_rows;
        for start in (0..part.rows.len()).step_by(cached) {
            let end = part.rows.len().min(start + cached);
            for panel in part.panels.clone().step_by(tile_panels) {
                let panels = panel..part.panels.end.min(panel + tile_panels);
                let column = (panel - part.panels.start) * OUTPUTS;
                for first in (start..end).step_by(tile_rows) {
                    let rows = first..end.min(first + tile_rows);
                    let out = &mut part.rows[rows.clone()];
                    self.tile(panels.clone(), rows, out, column);
                }
            }
        }
    }

    /// One tile, written into `out` from `column` on.
    fn tile(self, panels: Range<usize>, rows: Range<usize>, out: &mut [&mut [f32]], column: usize) {
        let blocks = self.blocks;
        let activations = &self.activations.blocks[rows.start * blocks..rows.end * blocks];
        let weights = panels.start * blocks..panels.end * blocks;
        let mut sums = [[0.0; OUTPUTS]; TILE];
        let sums = &mut sums[..panels.len() * rows.len()];
        match &self.matrix.weights {
            Weights::Int8 {
                blocks: all,
                scales,
            } => {
                self.level.int8(&all[weights], activations, blocks, sums);
                let scales = &scales[panels.start * OUTPUTS..panels.end * OUTPUTS];
                for sums in sums.chunks_exact_mut(panels.len()) {
                    for (sum, scale) in sums.as_flattened_mut().iter_mut().zip(scales) {
                        *sum *= scale;
                    }
                }
            }
            Weights::Int4 { blocks: all } => {
                self.level.int4(&all[weights], activations, blocks, sums);
            }
        }
        for (out, sums) in out.iter_mut().zip(sums.chunks_exact(panels.len())) {
            finish(&mut out[column..], sums, self.write);
        }
    }
}

/// Writes the sums of one row that belong to outputs.
fn finish(out: &mut [f32], sums: &[Sums], write: Write) {
    let pairs = out.iter_mut().zip(sums.as_flattened());
    match write {
        Write::Replace => pairs.for_each(|(out, sum)| *out = *sum),
        Write::Add => pairs.for_each(|(out, sum)| *out += *sum),
    }
}
