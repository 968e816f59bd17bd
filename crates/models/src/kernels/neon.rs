//! Kernels for arm64, four registers for each step of a panel: with `sdot`
//! where the processor has it, else with products widened and added in pairs.

// A tile's loops index several small arrays at once.
#![allow(clippy::needless_range_loop)]

use std::arch::aarch64::*;
use std::arch::asm;

use super::{ActivationBlock, Block4, Block8, OFFSET, OUTPUTS, STEPS, Sums};

/// Registers for each step of a panel.
const PARTS: usize = 4;
/// Outputs, and bytes, in a register.
const WIDTH: usize = OUTPUTS / PARTS;
const BYTES: usize = 16;

/// Eight-bit weights with `sdot`.
#[target_feature(enable = "neon,dotprod")]
pub(super) fn int8_dot(weights: &[Block8], activations: &[ActivationBlock], sums: &mut [Sums]) {
    // SAFETY: the instructions are those of this function.
    unsafe { int8_rows(weights, activations, sums, |dot, w, q| add_dot(dot, w, q)) }
}

/// Four-bit weights with `sdot`.
#[target_feature(enable = "neon,dotprod")]
pub(super) fn int4_dot(weights: &[Block4], activations: &[ActivationBlock], sums: &mut [Sums]) {
    // SAFETY: the instructions are those of this function.
    unsafe { int4_rows(weights, activations, sums, |dot, w, q| add_dot(dot, w, q)) }
}

/// Eight-bit weights.
#[target_feature(enable = "neon")]
pub(super) fn int8(weights: &[Block8], activations: &[ActivationBlock], sums: &mut [Sums]) {
    // SAFETY: the instructions are those of this function.
    unsafe { int8_rows(weights, activations, sums, |dot, w, q| add_pairs(dot, w, q)) }
}

/// Four-bit weights.
#[target_feature(enable = "neon")]
pub(super) fn int4(weights: &[Block4], activations: &[ActivationBlock], sums: &mut [Sums]) {
    // SAFETY: the instructions are those of this function.
    unsafe { int4_rows(weights, activations, sums, |dot, w, q| add_pairs(dot, w, q)) }
}

/// Adds the four products of each lane to it. The library's `vdotq_s32` is
/// not stable yet.
#[inline]
#[target_feature(enable = "neon,dotprod")]
fn add_dot(mut dot: int32x4_t, weight: int8x16_t, quants: int8x16_t) -> int32x4_t {
    // SAFETY: the instruction reads and writes these registers alone, and
    // the function is compiled for it.
    unsafe {
        asm!(
            "sdot {dot:v}.4s, {weight:v}.16b, {quants:v}.16b",
            dot = inout(vreg) dot,
            weight = in(vreg) weight,
            quants = in(vreg) quants,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    dot
}

/// [`add_dot`] without that instruction.
#[inline]
#[target_feature(enable = "neon")]
fn add_pairs(dot: int32x4_t, weight: int8x16_t, quants: int8x16_t) -> int32x4_t {
    let low = vpaddlq_s16(vmull_s8(vget_low_s8(weight), vget_low_s8(quants)));
    let high = vpaddlq_s16(vmull_high_s8(weight, quants));
    vaddq_s32(dot, vpaddq_s32(low, high))
}

/// # Safety
/// The caller is compiled for NEON and what the closure needs.
#[inline(always)]
unsafe fn int8_rows(
    weights: &[Block8],
    activations: &[ActivationBlock],
    sums: &mut [Sums],
    add: impl Fn(int32x4_t, int8x16_t, int8x16_t) -> int32x4_t,
) {
    // SAFETY: passed on to the caller.
    unsafe {
        match sums.len() {
            1 => int8_tile::<1>(weights, activations, sums, add),
            2 => int8_tile::<2>(weights, activations, sums, add),
            3 => int8_tile::<3>(weights, activations, sums, add),
            4 => int8_tile::<4>(weights, activations, sums, add),
            rows => unreachable!("no tile of NEON has {rows} rows"),
        }
    }
}

/// # Safety
/// As for [`int8_rows`].
#[inline(always)]
unsafe fn int4_rows(
    weights: &[Block4],
    activations: &[ActivationBlock],
    sums: &mut [Sums],
    add: impl Fn(int32x4_t, int8x16_t, int8x16_t) -> int32x4_t,
) {
    // SAFETY: passed on to the caller.
    unsafe {
        match sums.len() {
            1 => int4_tile::<1>(weights, activations, sums, add),
            2 => int4_tile::<2>(weights, activations, sums, add),
            3 => int4_tile::<3>(weights, activations, sums, add),
            4 => int4_tile::<4>(weights, activations, sums, add),
            rows => unreachable!("no tile of NEON has {rows} rows"),
        }
    }
}

/// # Safety
/// As for [`int8_rows`].
#[inline(always)]
unsafe fn int8_tile<const ROWS: usize>(
    weights: &[Block8],
    activations: &[ActivationBlock],
    sums: &mut [Sums],
    add: impl Fn(int32x4_t, int8x16_t, int8x16_t) -> int32x4_t,
) {
    let blocks = weights.len();
    let activations = &activations[..ROWS * blocks];
    // SAFETY: the caller has the instructions; a part of a step is the 16
    // bytes that a load takes, at any alignment.
    unsafe {
        let offset = vdupq_n_u8(OFFSET);
        let mut totals = [[vdupq_n_f32(0.0); PARTS]; ROWS];
        for (block, weight) in weights.iter().enumerate() {
            let mut dots = [[vdupq_n_s32(0); PARTS]; ROWS];
            for step in 0..STEPS {
                let bytes = weight.steps[step].as_ptr();
                let mut parts = [vdupq_n_s8(0); PARTS];
                for part in 0..PARTS {
                    let unsigned = vld1q_u8(bytes.add(part * BYTES));
                    parts[part] = vreinterpretq_s8_u8(veorq_u8(unsigned, offset));
                }
                for row in 0..ROWS {
                    let quants = broadcast(&activations[row * blocks + block], step);
                    for part in 0..PARTS {
                        dots[row][part] = add(dots[row][part], parts[part], quants);
                    }
                }
            }
            for row in 0..ROWS {
                let scale = activations[row * blocks + block].scale;
                for part in 0..PARTS {
                    let dot = vcvtq_f32_s32(dots[row][part]);
                    totals[row][part] = vfmaq_n_f32(totals[row][part], dot, scale);
                }
            }
        }
        store(&totals, sums);
    }
}

/// # Safety
/// As for [`int8_rows`].
#[inline(always)]
unsafe fn int4_tile<const ROWS: usize>(
    weights: &[Block4],
    activations: &[ActivationBlock],
    sums: &mut [Sums],
    add: impl Fn(int32x4_t, int8x16_t, int8x16_t) -> int32x4_t,
) {
    let blocks = weights.len();
    let activations = &activations[..ROWS * blocks];
    // SAFETY: the caller has the instructions; a part of a step is the 16
    // bytes that a load takes, at any alignment, and four f16 are its 8.
    unsafe {
        let low = vdupq_n_u8(15);
        let mut totals = [[vdupq_n_f32(0.0); PARTS]; ROWS];
        for (block, weight) in weights.iter().enumerate() {
            for part in 0..PARTS {
                let mut dots = [vdupq_n_s32(0); ROWS];
                for half in 0..STEPS / 2 {
                    let both = vld1q_u8(weight.halves[half].as_ptr().add(part * BYTES));
                    let first = vreinterpretq_s8_u8(vandq_u8(both, low));
                    let second = vreinterpretq_s8_u8(vshrq_n_u8::<4>(both));
                    for row in 0..ROWS {
                        let activation = &activations[row * blocks + block];
                        dots[row] = add(dots[row], first, broadcast(activation, half));
                        let quants = broadcast(activation, half + STEPS / 2);
                        dots[row] = add(dots[row], second, quants);
                    }
                }
                let scales = halves(weight.scales.as_ptr().add(part * WIDTH));
                let minimums = halves(weight.minimums.as_ptr().add(part * WIDTH));
                for row in 0..ROWS {
                    let activation = &activations[row * blocks + block];
                    let dot = vmulq_f32(vcvtq_f32_s32(dots[row]), scales);
                    let total = &mut totals[row][part];
                    *total = vfmaq_n_f32(*total, minimums, activation.sum);
                    *total = vfmaq_n_f32(*total, dot, activation.scale);
                }
            }
        }
        store(&totals, sums);
    }
}

/// The lane of quants of one step, in every lane.
///
/// # Safety
/// The caller is compiled for NEON.
#[inline(always)]
unsafe fn broadcast(activation: &ActivationBlock, step: usize) -> int8x16_t {
    let lane = i32::from_ne_bytes(activation.quants[step].map(|quant| quant as u8));
    // SAFETY: the caller has the instructions.
    unsafe { vreinterpretq_s8_s32(vdupq_n_s32(lane)) }
}

/// Four f16 as f32.
///
/// # Safety
/// The caller is compiled for NEON, and four f16 may be read from `bits`.
#[inline(always)]
unsafe fn halves(bits: *const u16) -> float32x4_t {
    // SAFETY: as the caller promises.
    unsafe { vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(bits))) }
}

/// # Safety
/// The caller is compiled for NEON.
#[inline(always)]
unsafe fn store(totals: &[[float32x4_t; PARTS]], sums: &mut [Sums]) {
    for (totals, sums) in totals.iter().zip(sums) {
        for (total, sums) in totals.iter().zip(sums.as_chunks_mut::<WIDTH>().0) {
            // SAFETY: the caller has the instructions; four f32 are the 16
            // bytes that the store writes.
            unsafe { vst1q_f32(sums.as_mut_ptr(), *total) };
        }
    }
}
