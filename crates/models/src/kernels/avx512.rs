//! Kernels for AVX-512 with VNNI: a register holds one step of a panel, and
//! `vpdpbusd` adds its 64 products to 16 sums.

// A tile's loops index several small arrays at once.
#![allow(clippy::needless_range_loop)]

use std::arch::x86_64::*;

use super::{ActivationBlock, Block4, Block8, STEPS, Step, Sums, prefetch};

/// See [`super::Level::tile`]. Of the 32 registers each row takes two for
/// each panel: the integer sums of the block and the total.
pub(super) fn tile(rows: usize) -> (usize, usize) {
    if rows <= 8 { (rows, 1) } else { (6, 2) }
}

/// A tile of eight-bit weights.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
pub(super) fn int8(
    weights: &[Block8],
    activations: &[ActivationBlock],
    blocks: usize,
    sums: &mut [Sums],
) {
    let shape = (activations.len() / blocks, weights.len() / blocks);
    match shape {
        (1, 1) => int8_tile::<1, 1>(weights, activations, blocks, sums),
        (2, 1) => int8_tile::<2, 1>(weights, activations, blocks, sums),
        (3, 1) => int8_tile::<3, 1>(weights, activations, blocks, sums),
        (4, 1) => int8_tile::<4, 1>(weights, activations, blocks, sums),
        (5, 1) => int8_tile::<5, 1>(weights, activations, blocks, sums),
        (6, 1) => int8_tile::<6, 1>(weights, activations, blocks, sums),
        (7, 1) => int8_tile::<7, 1>(weights, activations, blocks, sums),
        (8, 1) => int8_tile::<8, 1>(weights, activations, blocks, sums),
        (1, 2) => int8_tile::<1, 2>(weights, activations, blocks, sums),
        (2, 2) => int8_tile::<2, 2>(weights, activations, blocks, sums),
        (3, 2) => int8_tile::<3, 2>(weights, activations, blocks, sums),
        (4, 2) => int8_tile::<4, 2>(weights, activations, blocks, sums),
        (5, 2) => int8_tile::<5, 2>(weights, activations, blocks, sums),
        (6, 2) => int8_tile::<6, 2>(weights, activations, blocks, sums),
        _ => unreachable!("no tile of AVX-512 is {shape:?}"),
    }
}

/// A tile of four-bit weights.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
pub(super) fn int4(
    weights: &[Block4],
    activations: &[ActivationBlock],
    blocks: usize,
    sums: &mut [Sums],
) {
    let shape = (activations.len() / blocks, weights.len() / blocks);
    match shape {
        (1, 1) => int4_tile::<1, 1>(weights, activations, blocks, sums),
        (2, 1) => int4_tile::<2, 1>(weights, activations, blocks, sums),
        (3, 1) => int4_tile::<3, 1>(weights, activations, blocks, sums),
        (4, 1) => int4_tile::<4, 1>(weights, activations, blocks, sums),
        (5, 1) => int4_tile::<5, 1>(weights, activations, blocks, sums),
        (6, 1) => int4_tile::<6, 1>(weights, activations, blocks, sums),
        (7, 1) => int4_tile::<7, 1>(weights, activations, blocks, sums),
        (8, 1) => int4_tile::<8, 1>(weights, activations, blocks, sums),
        (1, 2) => int4_tile::<1, 2>(weights, activations, blocks, sums),
        (2, 2) => int4_tile::<2, 2>(weights, activations, blocks, sums),
        (3, 2) => int4_tile::<3, 2>(weights, activations, blocks, sums),
        (4, 2) => int4_tile::<4, 2>(weights, activations, blocks, sums),
        (5, 2) => int4_tile::<5, 2>(weights, activations, blocks, sums),
        (6, 2) => int4_tile::<6, 2>(weights, activations, blocks, sums),
        _ => unreachable!("no tile of AVX-512 is {shape:?}"),
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn int8_tile<const ROWS: usize, const PANELS: usize>(
    weights: &[Block8],
    activations: &[ActivationBlock],
    blocks: usize,
    sums: &mut [Sums],
) {
    let (weights, activations) = (&weights[..PANELS * blocks], &activations[..ROWS * blocks]);
    let mut totals = [[_mm512_setzero_ps(); PANELS]; ROWS];
    for block in 0..blocks {
        if PANELS == 1 {
            prefetch(&weights[block]);
        }
        let mut dots = [[_mm512_setzero_si512(); PANELS]; ROWS];
        for row in 0..ROWS {
            let activation = &activations[row * blocks + block];
            dots[row] = [_mm512_set1_epi32(activation.correction); PANELS];
        }
        for step in 0..STEPS {
            let mut weight = [_mm512_setzero_si512(); PANELS];
            for panel in 0..PANELS {
                weight[panel] = load(&weights[panel * blocks + block].steps[step]);
            }
            for row in 0..ROWS {
                let quants = broadcast(&activations[row * blocks + block], step);
                for panel in 0..PANELS {
                    dots[row][panel] = _mm512_dpbusd_epi32(dots[row][panel], weight[panel], quants);
                }
            }
        }
        for row in 0..ROWS {
            let scale = _mm512_set1_ps(activations[row * blocks + block].scale);
            for panel in 0..PANELS {
                let dot = _mm512_cvtepi32_ps(dots[row][panel]);
                totals[row][panel] = _mm512_fmadd_ps(dot, scale, totals[row][panel]);
            }
        }
    }
    store(totals.as_flattened(), sums);
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn int4_tile<const ROWS: usize, const PANELS: usize>(
    weights: &[Block4],
    activations: &[ActivationBlock],
    blocks: usize,
    sums: &mut [Sums],
) {
    let (weights, activations) = (&weights[..PANELS * blocks], &activations[..ROWS * blocks]);
    let low = _mm512_set1_epi8(15);
    let mut totals = [[_mm512_setzero_ps(); PANELS]; ROWS];
    for block in 0..blocks {
        if PANELS == 1 {
            prefetch(&weights[block]);
        }
        let mut dots = [[_mm512_setzero_si512(); PANELS]; ROWS];
        for half in 0..STEPS / 2 {
            let mut weight = [[_mm512_setzero_si512(); 2]; PANELS];
            for panel in 0..PANELS {
                let both = load(&weights[panel * blocks + block].halves[half]);
                weight[panel][0] = _mm512_and_si512(both, low);
                weight[panel][1] = _mm512_and_si512(_mm512_srli_epi16::<4>(both), low);
            }
            for row in 0..ROWS {
                let activation = &activations[row * blocks + block];
                let first = broadcast(activation, half);
                let second = broadcast(activation, half + STEPS / 2);
                for panel in 0..PANELS {
                    let dot = &mut dots[row][panel];
                    *dot = _mm512_dpbusd_epi32(*dot, weight[panel][0], first);
                    *dot = _mm512_dpbusd_epi32(*dot, weight[panel][1], second);
                }
            }
        }
        for panel in 0..PANELS {
            let weight = &weights[panel * blocks + block];
            let (scales, minimums) = (halves(&weight.scales), halves(&weight.minimums));
            for row in 0..ROWS {
                let activation = &activations[row * blocks + block];
                let (scale, sum) = (activation.scale, activation.sum);
                let dot = _mm512_mul_ps(_mm512_cvtepi32_ps(dots[row][panel]), scales);
                let total = &mut totals[row][panel];
                *total = _mm512_fmadd_ps(minimums, _mm512_set1_ps(sum), *total);
                *total = _mm512_fmadd_ps(dot, _mm512_set1_ps(scale), *total);
            }
        }
    }
    store(totals.as_flattened(), sums);
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load(step: &Step) -> __m512i {
    // SAFETY: a step is 64 bytes; the load asks for no alignment.
    unsafe { _mm512_loadu_si512(step.as_ptr().cast()) }
}

/// The lane of quants of one step, in every lane.
#[inline]
#[target_feature(enable = "avx512f")]
fn broadcast(activation: &ActivationBlock, step: usize) -> __m512i {
    _mm512_set1_epi32(i32::from_ne_bytes(
        activation.quants[step].map(|quant| quant as u8),
    ))
}

/// Sixteen f16 as f32.
#[inline]
#[target_feature(enable = "avx512f")]
fn halves(bits: &[u16; 16]) -> __m512 {
    // SAFETY: the array is 32 bytes; the load asks for no alignment.
    _mm512_cvtph_ps(unsafe { _mm256_loadu_si256(bits.as_ptr().cast()) })
}

#[inline]
#[target_feature(enable = "avx512f")]
fn store(totals: &[__m512], sums: &mut [Sums]) {
    for (total, sums) in totals.iter().zip(sums) {
        // SAFETY: sixteen f32 are 64 bytes; the store asks for no alignment.
        unsafe { _mm512_storeu_ps(sums.as_mut_ptr(), *total) };
    }
}
