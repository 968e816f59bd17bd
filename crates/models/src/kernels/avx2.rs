//! Kernels for 256-bit registers, two for each step of a panel: with AVX-VNNI
//! they have the dot-product instruction of the wider set, without it the
//! products are added in pairs and again in pairs.

// A tile's loops index several small arrays at once.
#![allow(clippy::needless_range_loop)]

use std::arch::x86_64::*;

use super::{ActivationBlock, Block4, Block8, OFFSET, OUTPUTS, STEPS, Sums, prefetch};

/// Registers for each step of a panel.
const PARTS: usize = 2;
/// Outputs, and bytes, in a register.
const WIDTH: usize = OUTPUTS / PARTS;
const BYTES: usize = 32;

/// Eight-bit weights with AVX-VNNI.
#[target_feature(enable = "avx2,fma,f16c,avxvnni")]
pub(super) fn int8_vnni(weights: &[Block8], activations: &[ActivationBlock], sums: &mut [Sums]) {
    let start = |activation: &ActivationBlock| _mm256_set1_epi32(activation.correction);
    let add = |dot, weight, quants| _mm256_dpbusd_avx_epi32(dot, weight, quants);
    // SAFETY: the instructions are those of this function.
    unsafe { int8_rows(weights, activations, sums, start, add) }
}

/// Eight-bit weights with AVX2. Unsigned times signed bytes would overflow
/// the 16 bits that `vpmaddubsw` adds a pair of products in: the weights are
/// made signed again and take the sign of the activation, whose absolute
/// value is the unsigned side. 2 · 127 · 127 fits.
#[target_feature(enable = "avx2,fma,f16c")]
pub(super) fn int8(weights: &[Block8], activations: &[ActivationBlock], sums: &mut [Sums]) {
    let start = |_: &ActivationBlock| _mm256_setzero_si256();
    let add = |dot, weight, quants| {
        let weight = _mm256_xor_si256(weight, _mm256_set1_epi8(OFFSET as i8));
        let pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(quants), _mm256_sign_epi8(weight, quants));
        _mm256_add_epi32(dot, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)))
    };
    // SAFETY: the instructions are those of this function.
    unsafe { int8_rows(weights, activations, sums, start, add) }
}

/// Four-bit weights with AVX-VNNI.
#[target_feature(enable = "avx2,fma,f16c,avxvnni")]
pub(super) fn int4_vnni(weights: &[Block4], activations: &[ActivationBlock], sums: &mut [Sums]) {
    let add = |dot, weight, quants| _mm256_dpbusd_avx_epi32(dot, weight, quants);
    // SAFETY: the instructions are those of this function.
    unsafe { int4_rows(weights, activations, sums, add, |dot| dot) }
}

/// Four-bit weights with AVX2. The pairs of a whole block fit into 16 bits:
/// 8 steps · 2 · 15 · 127 = 30,480.
#[target_feature(enable = "avx2,fma,f16c")]
pub(super) fn int4(weights: &[Block4], activations: &[ActivationBlock], sums: &mut [Sums]) {
    let add = |dot, weight, quants| _mm256_add_epi16(dot, _mm256_maddubs_epi16(weight, quants));
    let finish = |dot| _mm256_madd_epi16(dot, _mm256_set1_epi16(1));
    // SAFETY: the instructions are those of this function.
    unsafe { int4_rows(weights, activations, sums, add, finish) }
}

/// # Safety
/// The caller is compiled for AVX2, FMA and F16C and what the closures need.
#[inline(always)]
unsafe fn int8_rows(
    weights: &[Block8],
    activations: &[ActivationBlock],
    sums: &mut [Sums],
    start: impl Fn(&ActivationBlock) -> __m256i,
    add: impl Fn(__m256i, __m256i, __m256i) -> __m256i,
) {
    // SAFETY: passed on to the caller.
    unsafe {
        match sums.len() {
            1 => int8_tile::<1>(weights, activations, sums, start, add),
            2 => int8_tile::<2>(weights, activations, sums, start, add),
            3 => int8_tile::<3>(weights, activations, sums, start, add),
            4 => int8_tile::<4>(weights, activations, sums, start, add),
            rows => unreachable!("no tile of AVX2 has {rows} rows"),
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
    add: impl Fn(__m256i, __m256i, __m256i) -> __m256i,
    finish: impl Fn(__m256i) -> __m256i,
) {
    // SAFETY: passed on to the caller.
    unsafe {
        match sums.len() {
            1 => int4_tile::<1>(weights, activations, sums, add, finish),
            2 => int4_tile::<2>(weights, activations, sums, add, finish),
            3 => int4_tile::<3>(weights, activations, sums, add, finish),
            4 => int4_tile::<4>(weights, activations, sums, add, finish),
            rows => unreachable!("no tile of AVX2 has {rows} rows"),
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
    start: impl Fn(&ActivationBlock) -> __m256i,
    add: impl Fn(__m256i, __m256i, __m256i) -> __m256i,
) {
    let blocks = weights.len();
    let activations = &activations[..ROWS * blocks];
    // SAFETY: the caller has the instructions; a part of a step is the 32
    // bytes that a load takes, at any alignment.
    unsafe {
        let mut totals = [[_mm256_setzero_ps(); PARTS]; ROWS];
        for (block, weight) in weights.iter().enumerate() {
            prefetch(weight);
            let mut dots = [[_mm256_setzero_si256(); PARTS]; ROWS];
            for row in 0..ROWS {
                dots[row] = [start(&activations[row * blocks + block]); PARTS];
            }
            for step in 0..STEPS {
                let bytes = weight.steps[step].as_ptr();
                let parts = [
                    _mm256_loadu_si256(bytes.cast()),
                    _mm256_loadu_si256(bytes.add(BYTES).cast()),
                ];
                for row in 0..ROWS {
                    let quants = broadcast(&activations[row * blocks + block], step);
                    for part in 0..PARTS {
                        dots[row][part] = add(dots[row][part], parts[part], quants);
                    }
                }
            }
            for row in 0..ROWS {
                let scale = _mm256_set1_ps(activations[row * blocks + block].scale);
                for part in 0..PARTS {
                    let dot = _mm256_cvtepi32_ps(dots[row][part]);
                    totals[row][part] = _mm256_fmadd_ps(dot, scale, totals[row][part]);
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
    add: impl Fn(__m256i, __m256i, __m256i) -> __m256i,
    finish: impl Fn(__m256i) -> __m256i,
) {
    let blocks = weights.len();
    let activations = &activations[..ROWS * blocks];
    // SAFETY: the caller has the instructions; a part of a step is the 32
    // bytes that a load takes, at any alignment, and eight f16 are its 16.
    unsafe {
        let low = _mm256_set1_epi8(15);
        let mut totals = [[_mm256_setzero_ps(); PARTS]; ROWS];
        for (block, weight) in weights.iter().enumerate() {
            prefetch(weight);
            let mut dots = [[_mm256_setzero_si256(); PARTS]; ROWS];
            for half in 0..STEPS / 2 {
                let bytes = weight.halves[half].as_ptr();
                let (mut first, mut second) = ([low; PARTS], [low; PARTS]);
                for part in 0..PARTS {
                    let both = _mm256_loadu_si256(bytes.add(part * BYTES).cast());
                    first[part] = _mm256_and_si256(both, low);
                    second[part] = _mm256_and_si256(_mm256_srli_epi16::<4>(both), low);
                }
                for row in 0..ROWS {
                    let activation = &activations[row * blocks + block];
                    let quants = broadcast(activation, half);
                    for part in 0..PARTS {
                        dots[row][part] = add(dots[row][part], first[part], quants);
                    }
                    let quants = broadcast(activation, half + STEPS / 2);
                    for part in 0..PARTS {
                        dots[row][part] = add(dots[row][part], second[part], quants);
                    }
                }
            }
            for part in 0..PARTS {
                let bits = weight.scales.as_ptr().add(part * WIDTH);
                let scales = _mm256_cvtph_ps(_mm_loadu_si128(bits.cast()));
                let bits = weight.minimums.as_ptr().add(part * WIDTH);
                let minimums = _mm256_cvtph_ps(_mm_loadu_si128(bits.cast()));
                for row in 0..ROWS {
                    let activation = &activations[row * blocks + block];
                    let dot = _mm256_cvtepi32_ps(finish(dots[row][part]));
                    let dot = _mm256_mul_ps(dot, scales);
                    let total = &mut totals[row][part];
                    *total = _mm256_fmadd_ps(minimums, _mm256_set1_ps(activation.sum), *total);
                    *total = _mm256_fmadd_ps(dot, _mm256_set1_ps(activation.scale), *total);
                }
            }
        }
        store(&totals, sums);
    }
}

/// The lane of quants of one step, in every lane.
///
/// # Safety
/// The caller is compiled for AVX2.
#[inline(always)]
unsafe fn broadcast(activation: &ActivationBlock, step: usize) -> __m256i {
    let lane = i32::from_ne_bytes(activation.quants[step].map(|quant| quant as u8));
    // SAFETY: the caller has the instructions.
    unsafe { _mm256_set1_epi32(lane) }
}

/// # Safety
/// The caller is compiled for AVX2.
#[inline(always)]
unsafe fn store(totals: &[[__m256; PARTS]], sums: &mut [Sums]) {
    for (totals, sums) in totals.iter().zip(sums) {
        for (total, sums) in totals.iter().zip(sums.as_chunks_mut::<WIDTH>().0) {
            // SAFETY: the caller has the instructions; eight f32 are the 32
            // bytes that the store writes, at any alignment.
            unsafe { _mm256_storeu_ps(sums.as_mut_ptr(), *total) };
        }
    }
}
