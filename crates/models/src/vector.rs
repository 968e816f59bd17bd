//! Elementwise arithmetic over slices, compiled once for each instruction set
//! and chosen when the program runs: a binary built for any processor of its
//! family still uses the widest registers that it finds.

use std::sync::OnceLock;

/// The instruction sets that a loop is compiled for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Level {
    Portable,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

fn level() -> Level {
    static LEVEL: OnceLock<Level> = OnceLock::new();
    *LEVEL.get_or_init(|| {
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512vl")
                && is_x86_feature_detected!("avx512dq")
                && is_x86_feature_detected!("fma")
            {
                return Level::Avx512;
            }
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                return Level::Avx2;
            }
        }
        Level::Portable
    })
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx2,fma")]
fn with_avx512<Output>(kernel: impl FnOnce() -> Output) -> Output {
    kernel()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn with_avx2<Output>(kernel: impl FnOnce() -> Output) -> Output {
    kernel()
}

/// Runs a loop with the widest instructions of this processor. The closure
/// has to be `#[inline(always)]`, and so does what it calls: only what is
/// inlined is compiled for them.
#[inline]
pub(crate) fn vectorized<Output>(kernel: impl FnOnce() -> Output) -> Output {
    match level() {
        Level::Portable => kernel(),
        // SAFETY: `level` found the instructions that the function needs.
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => unsafe { with_avx2(kernel) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 => unsafe { with_avx512(kernel) },
    }
}

/// Makes room for `size` elements, without touching what is there.
pub(crate) fn grow(buffer: &mut Vec<f32>, size: usize) -> &mut [f32] {
    if buffer.len() < size {
        buffer.resize(size, 0.0);
    }
    &mut buffer[..size]
}

/// The number of partial sums: a reduction over them fills one wide register
/// twice, which hides the latency of an addition.
const LANES: usize = 32;

/// eˣ to about 2 units in the last place, without a branch (Cephes' `expf`).
#[inline(always)]
pub(crate) fn exponential(x: f32) -> f32 {
    const LOG2_E: f32 = std::f32::consts::LOG2_E;
    const LN_2_HIGH: f32 = 0.693_359_4;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    // Adding and subtracting 1.5 · 2²³ rounds to the nearest whole number.
    const ROUND: f32 = 12_582_912.0;
    let x = x.clamp(-87.0, 88.0);
    let shifted = x * LOG2_E + ROUND;
    let whole = shifted - ROUND;
    let rest = x - whole * LN_2_HIGH - whole * LN_2_LOW;
    let polynomial = ((((1.987_569_1e-4 * rest + 1.398_199_9e-3) * rest + 8.333_452e-3) * rest
        + 4.166_579_6e-2)
        * rest
        + 1.666_666_5e-1)
        * rest
        + 0.5;
    // The low bits of `shifted` are the whole number: they become the exponent.
    let power = f32::from_bits((shifted.to_bits() << 23).wrapping_add(127 << 23));
    (polynomial * rest * rest + rest + 1.0) * power
}

/// 1 / (1 + e⁻ˣ).
#[inline(always)]
pub(crate) fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exponential(-x))
}

/// The error function to about 3e-7, without a branch (Abramowitz and Stegun,
/// 1964, 7.1.26).
#[inline(always)]
pub(crate) fn error_function(x: f32) -> f32 {
    let size = x.abs();
    let t = 1.0 / (1.0 + 0.327_591_1 * size);
    let polynomial = ((((1.061_405_4 * t - 1.453_152_1) * t + 1.421_413_8) * t - 0.284_496_72) * t
        + 0.254_829_6)
        * t;
    (1.0 - polynomial * exponential(-size * size)).copysign(x)
}

/// The sum of `term(left, right)` over two slices.
#[inline(always)]
pub(crate) fn sum_pairs(left: &[f32], right: &[f32], term: impl Fn(f32, f32) -> f32) -> f32 {
    let mut partial = [0.0f32; LANES];
    let (left_chunks, right_chunks) = (left.chunks_exact(LANES), right.chunks_exact(LANES));
    let tail: f32 = (left_chunks.remainder().iter())
        .zip(right_chunks.remainder())
        .map(|(&l, &r)| term(l, r))
        .sum();
    for (l, r) in left_chunks.zip(right_chunks) {
        for lane in 0..LANES {
            partial[lane] += term(l[lane], r[lane]);
        }
    }
    partial.iter().sum::<f32>() + tail
}

/// The largest element, -∞ for none.
#[inline(always)]
pub(crate) fn maximum(values: &[f32]) -> f32 {
    let mut partial = [f32::NEG_INFINITY; LANES];
    let chunks = values.chunks_exact(LANES);
    let tail = (chunks.remainder().iter()).fold(f32::NEG_INFINITY, |a, &b| a.max(b));
    for chunk in chunks {
        for lane in 0..LANES {
            partial[lane] = if chunk[lane] > partial[lane] {
                chunk[lane]
            } else {
                partial[lane]
            };
        }
    }
    partial.iter().fold(tail, |a, &b| a.max(b))
}

/// Replaces each value by `exp(value - shift)` and returns their sum.
#[inline(always)]
pub(crate) fn exponentials(values: &mut [f32], shift: f32) -> f32 {
    let mut partial = [0.0f32; LANES];
    let mut chunks = values.chunks_exact_mut(LANES);
    for chunk in &mut chunks {
        for lane in 0..LANES {
            let value = exponential(chunk[lane] - shift);
            chunk[lane] = value;
            partial[lane] += value;
        }
    }
    let mut sum = 0.0;
    for value in chunks.into_remainder() {
        *value = exponential(*value - shift);
        sum += *value;
    }
    sum + partial.iter().sum::<f32>()
}

#[inline(always)]
pub(crate) fn dot(left: &[f32], right: &[f32]) -> f32 {
    sum_pairs(
        left,
        right,
        #[inline(always)]
        |l, r| l * r,
    )
}

/// The sum of all elements.
#[inline(always)]
pub(crate) fn sum(values: &[f32]) -> f32 {
    sum_pairs(
        values,
        values,
        #[inline(always)]
        |value, _| value,
    )
}

/// `out += factor · values`.
#[inline(always)]
pub(crate) fn add_scaled(out: &mut [f32], values: &[f32], factor: f32) {
    for (o, v) in out.iter_mut().zip(values) {
        *o += factor * v;
    }
}

/// `values *= factor`.
#[inline(always)]
pub(crate) fn scale(values: &mut [f32], factor: f32) {
    for value in values {
        *value *= factor;
    }
}

/// `out += values`.
pub(crate) fn add(out: &mut [f32], values: &[f32]) {
    vectorized(
        #[inline(always)]
        || add_scaled(out, values, 1.0),
    );
}

/// The sum of squares, in double precision over chunks.
pub(crate) fn sum_of_squares(values: &[f32]) -> f64 {
    values
        .chunks(4096)
        .map(|chunk| {
            f64::from(vectorized(
                #[inline(always)]
                || dot(chunk, chunk),
            ))
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exponential_is_close_to_the_library_s() {
        for step in -8700..8800 {
            let x = step as f32 / 100.0;
            let exact = f64::from(x).exp();
            let error = (f64::from(exponential(x)) - exact).abs() / exact;
            assert!(error < 3e-7, "exp({x}): relative error {error}");
        }
        assert!(exponential(f32::NEG_INFINITY) < 2e-38);
        assert!(exponential(f32::NAN).is_nan());
        assert!((sigmoid(0.5) - 0.622_459_3).abs() < 1e-6);
    }

    #[test]
    fn reductions_take_in_every_element() {
        for length in [0, 1, 31, 32, 33, 100] {
            let values: Vec<f32> = (0..length).map(|i| i as f32).collect();
            let n = length as f32;
            assert_eq!(
                vectorized(
                    #[inline(always)]
                    || dot(&values, &vec![1.0; length])
                ),
                n * (n - 1.0).max(0.0) / 2.0
            );
            if length > 0 {
                assert_eq!(maximum(&values), n - 1.0);
                let mut copies = vec![2.0; length];
                assert!((exponentials(&mut copies, 2.0) - n).abs() < 1e-5);
            }
        }
        assert_eq!(maximum(&[]), f32::NEG_INFINITY);
    }
}
