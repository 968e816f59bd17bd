//! Integer dot products between quantised weights and quantised activations,
//! written once for each instruction set and chosen when the program runs.
//!
//! Weights lie in panels of [`OUTPUTS`] outputs. Within a panel, four
//! neighbouring inputs of each output fill one 32-bit lane, which is what the
//! dot-product instructions of x86-64 (`vpdpbusd`) and arm64 (`sdot`) take:
//! a lane belongs to one output from the first input to the last, so that no
//! sum across lanes is ever needed, and one row or many read the same bytes.
//!
//! Every kernel fills a tile: for each row of activations and each output of
//! its panels, the sum over blocks of (integer dot product · scales).

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "aarch64")]
mod neon;
mod portable;

use std::sync::OnceLock;

/// Inputs in a block: they share one activation scale and, in four bits, one
/// weight scale and minimum.
pub(crate) const INPUTS: usize = 32;
/// Outputs in a panel.
pub(crate) const OUTPUTS: usize = 16;
/// Neighbouring inputs in a lane.
pub(crate) const LANE: usize = 4;
/// Lanes of inputs in a block.
pub(crate) const STEPS: usize = INPUTS / LANE;
/// What is added to a signed byte weight to store it unsigned.
pub(crate) const OFFSET: u8 = 128;

/// [`LANE`] inputs of each output of a panel.
pub(crate) type Step = [u8; OUTPUTS * LANE];

/// The sums of one row over the outputs of one panel.
pub(crate) type Sums = [f32; OUTPUTS];

/// Eight-bit weights of one block of inputs for one panel of outputs, each
/// plus [`OFFSET`]. The scale belongs to the whole output and is applied by
/// the caller.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(C, align(64))]
pub(crate) struct Block8 {
    pub steps: [Step; STEPS],
}

/// Four-bit weights of one block of inputs for one panel of outputs: value =
/// scale · q + minimum, both as the bits of an f16. The low half of byte `i`
/// of `halves[h]` belongs to step `h`, the high half to step `h + 4`.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(C, align(64))]
pub(crate) struct Block4 {
    pub halves: [Step; STEPS / 2],
    pub scales: [u16; OUTPUTS],
    pub minimums: [u16; OUTPUTS],
}

/// One block of inputs of one row: value ≈ scale · q, q in -127..=127.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(C)]
pub(crate) struct ActivationBlock {
    pub quants: [[i8; LANE]; STEPS],
    pub scale: f32,
    /// -[`OFFSET`] · Σ q: where the sum of unsigned eight-bit weights starts.
    pub correction: i32,
    /// scale · Σ q: what a weight minimum is multiplied by.
    pub sum: f32,
}

/// A set of instructions that this processor has: only [`Level::best`] and
/// [`Level::available`] make one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Level(Instructions);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Instructions {
    #[cfg(target_arch = "x86_64")]
    Avx512Vnni,
    #[cfg(target_arch = "x86_64")]
    AvxVnni,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "aarch64")]
    NeonDot,
    #[cfg(target_arch = "aarch64")]
    Neon,
    Portable,
}

impl Level {
    /// The fastest that this processor has.
    pub(crate) fn best() -> Level {
        static BEST: OnceLock<Level> = OnceLock::new();
        *BEST.get_or_init(|| Level::available()[0])
    }

    /// All that this processor has, the fastest first.
    pub(crate) fn available() -> Vec<Level> {
        let mut found = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            let avx2 = is_x86_feature_detected!("avx2")
                && is_x86_feature_detected!("fma")
                && is_x86_feature_detected!("f16c");
            if is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512vl")
                && is_x86_feature_detected!("avx512vnni")
            {
                found.push(Level(Instructions::Avx512Vnni));
            }
            if avx2 && is_x86_feature_detected!("avxvnni") {
                found.push(Level(Instructions::AvxVnni));
            }
            if avx2 {
                found.push(Level(Instructions::Avx2));
            }
        }
        #[cfg(target_arch = "aarch64")]
        {
            if std::arch::is_aarch64_feature_detected!("dotprod") {
                found.push(Level(Instructions::NeonDot));
            }
            if std::arch::is_aarch64_feature_detected!("neon") {
                found.push(Level(Instructions::Neon));
            }
        }
        found.push(Level(Instructions::Portable));
        found
    }

    /// The most (rows, panels) of a tile in a product of `rows` rows: as many
    /// sums as fit into registers. Few rows take one panel at a time, so that
    /// weights are read in order.
    pub(crate) fn tile(self, rows: usize) -> (usize, usize) {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx512Vnni => avx512::tile(rows),
            #[cfg(target_arch = "x86_64")]
            Instructions::AvxVnni | Instructions::Avx2 => (rows.min(4), 1),
            #[cfg(target_arch = "aarch64")]
            Instructions::NeonDot | Instructions::Neon => (rows.min(4), 1),
            Instructions::Portable => (rows.min(4), 1),
        }
    }

    /// Fills a tile, `sums[row · panels + panel]`, from panels of eight-bit
    /// weights that follow each other and rows of activations that do, each
    /// of `blocks` blocks. The tile may have at most the size that
    /// [`Level::tile`] gives.
    pub(crate) fn int8(
        self,
        weights: &[Block8],
        activations: &[ActivationBlock],
        blocks: usize,
        sums: &mut [Sums],
    ) {
        check_shape(weights.len(), activations.len(), blocks, sums.len());
        match self.0 {
            // SAFETY: here and below, `available` found the instructions
            // that the function is compiled for.
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx512Vnni => unsafe {
                avx512::int8(weights, activations, blocks, sums);
            },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Instructions::AvxVnni => unsafe { avx2::int8_vnni(weights, activations, sums) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx2 => unsafe { avx2::int8(weights, activations, sums) },
            // SAFETY: as above.
            #[cfg(target_arch = "aarch64")]
            Instructions::NeonDot => unsafe { neon::int8_dot(weights, activations, sums) },
            // SAFETY: as above.
            #[cfg(target_arch = "aarch64")]
            Instructions::Neon => unsafe { neon::int8(weights, activations, sums) },
            Instructions::Portable => portable::int8(weights, activations, sums),
        }
    }

    /// [`Level::int8`] for four-bit weights.
    pub(crate) fn int4(
        self,
        weights: &[Block4],
        activations: &[ActivationBlock],
        blocks: usize,
        sums: &mut [Sums],
    ) {
        check_shape(weights.len(), activations.len(), blocks, sums.len());
        match self.0 {
            // SAFETY: here and below, `available` found the instructions
            // that the function is compiled for.
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx512Vnni => unsafe {
                avx512::int4(weights, activations, blocks, sums);
            },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Instructions::AvxVnni => unsafe { avx2::int4_vnni(weights, activations, sums) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx2 => unsafe { avx2::int4(weights, activations, sums) },
            // SAFETY: as above.
            #[cfg(target_arch = "aarch64")]
            Instructions::NeonDot => unsafe { neon::int4_dot(weights, activations, sums) },
            // SAFETY: as above.
            #[cfg(target_arch = "aarch64")]
            Instructions::Neon => unsafe { neon::int4(weights, activations, sums) },
            Instructions::Portable => portable::int4(weights, activations, sums),
        }
    }
}

/// Whether the operands are whole rows and panels and the tile is theirs.
fn check_shape(weights: usize, activations: usize, blocks: usize, sums: usize) {
    assert!(blocks > 0, "a product over no inputs has no tiles");
    let (rows, panels) = (activations / blocks, weights / blocks);
    assert!(
        activations == rows * blocks && weights == panels * blocks && sums == rows * panels,
        "the operands of a tile do not fit"
    );
}

/// Asks for the lines of memory one page further on: a processor fetches
/// ahead of a reader by itself, but only within a page.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn prefetch<Block>(block: &Block) {
    use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
    const PAGE: usize = 4096;
    const LINE: usize = 64;
    let ahead = (&raw const *block).cast::<i8>().wrapping_add(PAGE);
    for line in 0..size_of::<Block>() / LINE {
        // SAFETY: a hint, which every x86-64 processor has and which fails
        // silently where there is no memory.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(ahead.wrapping_add(line * LINE)) };
    }
}
