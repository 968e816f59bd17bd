//! Rotary positions (Su et al., 2021), with the halves of a head as the pairs,
//! as the Llama family lays them out.

use crate::architecture::RotaryScaling;
use crate::vector::vectorized;

/// Cosines and sines of the angles of each position.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Rotary {
    /// `[positions, half]`
    cosines: Vec<f32>,
    sines: Vec<f32>,
    half: usize,
}

/// Which way to turn: the gradient turns back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    Forward,
    Backward,
}

impl Rotary {
    /// The angles of the first `positions` positions.
    pub(crate) fn new(
        positions: usize,
        head_width: usize,
        base: f32,
        scaling: RotaryScaling,
    ) -> Rotary {
        let half = head_width / 2;
        let frequencies: Vec<f64> = (0..half)
            .map(|pair| {
                let exponent = -2.0 * pair as f64 / head_width as f64;
                stretched(f64::from(base).powf(exponent), scaling)
            })
            .collect();
        let angles = (0..positions).flat_map(|position| {
            let frequencies = frequencies.iter();
            frequencies.map(move |frequency| position as f64 * frequency)
        });
        let (cosines, sines) = angles
            .map(|angle| (angle.cos() as f32, angle.sin() as f32))
            .unzip();
        Rotary {
            cosines,
            sines,
            half,
        }
    }

    /// How many positions it knows.
    pub(crate) fn positions(&self) -> usize {
        self.cosines.len() / self.half
    }

    /// ChatFormat the first `width` elements of each row, head by head; the first
    /// row stands at `first_position`, the next ones follow it.
    pub(crate) fn turn(
        &self,
        rows: &mut [f32],
        row_stride: usize,
        width: usize,
        first_position: usize,
        turn: Turn,
    ) {
        let half = self.half;
        let sign = match turn {
            Turn::Forward => 1.0,
            Turn::Backward => -1.0,
        };
        vectorized(
            #[inline(always)]
            || {
                for (index, row) in rows.chunks_mut(row_stride).enumerate() {
                    let angles =
                        (first_position + index) * half..(first_position + index + 1) * half;
                    let (cosines, sines) = (&self.cosines[angles.clone()], &self.sines[angles]);
                    for head in row[..width].chunks_exact_mut(2 * half) {
                        let (first, second) = head.split_at_mut(half);
                        for pair in 0..half {
                            let (a, b) = (first[pair], second[pair]);
                            let (cosine, sine) = (cosines[pair], sign * sines[pair]);
                            first[pair] = a * cosine - b * sine;
                            second[pair] = b * cosine + a * sine;
                        }
                    }
                }
            },
        );
    }
}

/// A frequency after scaling.
fn stretched(frequency: f64, scaling: RotaryScaling) -> f64 {
    match scaling {
        RotaryScaling::None => frequency,
        RotaryScaling::Linear { factor } => frequency / f64::from(factor),
        RotaryScaling::Llama3 {
            factor,
            low_frequency_factor,
            high_frequency_factor,
            original_context,
        } => {
            let (low, high) = (
                f64::from(low_frequency_factor),
                f64::from(high_frequency_factor),
            );
            let turns = original_context as f64 * frequency / std::f64::consts::TAU;
            let kept = ((turns - low) / (high - low)).clamp(0.0, 1.0);
            frequency * (kept + (1.0 - kept) / f64::from(factor))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gradient_check::{check, numbers, weighted};

    /// Three rows of 2 heads of 6 and 4 further values.
    fn turned(values: &[f32], turn: Turn) -> Vec<f32> {
        let mut rows = values.to_vec();
        Rotary::new(8, 6, 100.0, RotaryScaling::None).turn(&mut rows, 16, 12, 4, turn);
        rows
    }

    #[test]
    fn gradients_are_slopes_and_turns_undo_each_other() {
        let (input, weights) = (numbers(48, 1), numbers(48, 2));
        let gradient = turned(&weights, Turn::Backward);
        check("input", &input, &gradient, 1, |x| {
            weighted(&turned(x, Turn::Forward), &weights)
        });
        for (back, input) in turned(&turned(&input, Turn::Forward), Turn::Backward)
            .iter()
            .zip(&input)
        {
            assert!((back - input).abs() < 1e-6);
        }
        assert_eq!(turned(&input, Turn::Forward)[12..16], input[12..16]);
    }

    #[test]
    fn only_the_distance_between_positions_counts() {
        let rotary = Rotary::new(20, 6, 100.0, RotaryScaling::None);
        let product = |query_position: usize, key_position: usize| {
            let (mut query, mut key) = (numbers(6, 1), numbers(6, 2));
            rotary.turn(&mut query, 6, 6, query_position, Turn::Forward);
            rotary.turn(&mut key, 6, 6, key_position, Turn::Forward);
            weighted(&query, &key)
        };
        assert!((product(3, 1) - product(19, 17)).abs() < 1e-5);
        assert!((product(3, 1) - product(3, 2)).abs() > 1e-3);
    }

    /// Slow frequencies turn eight times slower, fast ones as before.
    #[test]
    fn scaling_stretches_what_it_should() {
        let scaling = RotaryScaling::Llama3 {
            factor: 8.0,
            low_frequency_factor: 1.0,
            high_frequency_factor: 4.0,
            original_context: 8192,
        };
        assert_eq!(stretched(1.0, scaling), 1.0);
        assert_eq!(stretched(1e-4, scaling), 1e-4 / 8.0);
        let between = stretched(std::f64::consts::TAU * 2.5 / 8192.0, scaling);
        let half_way = std::f64::consts::TAU * 2.5 / 8192.0 * (0.5 + 0.5 / 8.0);
        assert!((between - half_way).abs() < 1e-12);
        assert_eq!(stretched(0.5, RotaryScaling::Linear { factor: 4.0 }), 0.125);
    }
}
