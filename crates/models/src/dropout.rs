//! Dropout (Srivastava et al., 2014) whose mask is a function of a stream and
//! an index: the backward pass computes it again instead of keeping it.

use crate::vector::vectorized;

/// A source of masks. `None` as the stream is evaluation: nothing is dropped.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Dropout {
    rate: f32,
    stream: u64,
}

/// SplitMix64: turns structured numbers into independent streams.
pub(crate) fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A 32-bit finaliser with low bias (Wellons' `lowbias32`).
#[inline(always)]
fn hash(mut x: u32) -> u32 {
    x ^= x >> 16;
    x = x.wrapping_mul(0x7feb_352d);
    x ^= x >> 15;
    x = x.wrapping_mul(0x846c_a68b);
    x ^ (x >> 16)
}

impl Dropout {
    /// Nothing is dropped.
    pub(crate) const NONE: Dropout = Dropout {
        rate: 0.0,
        stream: 0,
    };

    pub(crate) fn new(rate: f32, stream: u64) -> Dropout {
        Dropout { rate, stream }
    }

    /// The masks of one place in the network.
    pub(crate) fn at(self, place: usize) -> Dropout {
        Dropout {
            rate: self.rate,
            stream: mix(self.stream ^ mix(place as u64)),
        }
    }

    pub(crate) fn drops(&self) -> bool {
        self.rate > 0.0
    }

    /// Zeroes the dropped values and scales the others up; the same call
    /// serves values and their gradients.
    pub(crate) fn apply(&self, values: &mut [f32]) {
        if !self.drops() {
            return;
        }
        let threshold = (f64::from(self.rate) * 4_294_967_296.0) as u32;
        let scale = 1.0 / (1.0 - self.rate);
        let (low, high) = (self.stream as u32, (self.stream >> 32) as u32);
        vectorized(
            #[inline(always)]
            || {
                for (index, value) in values.iter_mut().enumerate() {
                    let random = hash(hash(index as u32 ^ low).wrapping_add(high));
                    *value *= if random >= threshold { scale } else { 0.0 };
                }
            },
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_dropped_is_the_rate_and_the_mean_stays() {
        let mut values = vec![1.0f32; 100_000];
        Dropout::new(0.2, 7).at(3).apply(&mut values);
        let dropped = values.iter().filter(|v| **v == 0.0).count();
        assert!((dropped as f64 / 1e5 - 0.2).abs() < 0.01, "{dropped}");
        assert!((values.iter().sum::<f32>() / 1e5 - 1.0).abs() < 0.02);
        let mut again = vec![1.0f32; 100_000];
        Dropout::new(0.2, 7).at(3).apply(&mut again);
        assert_eq!(values, again);
        Dropout::new(0.2, 7).at(4).apply(&mut again);
        assert_ne!(values, again);
    }
}
