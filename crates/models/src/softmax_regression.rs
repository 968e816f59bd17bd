//! Softmax regression over vectors, such as a sentence encoder's: what it adds
//! to a classifier of words is what the words have in common with others.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use crate::static_encoder::product;

const EPOCHS: usize = 20;
/// AdaGrad's step and its first sum of squares.
const RATE: f32 = 0.5;
const FIRST_SQUARES: f32 = 0.1;
/// What is hardly wrong moves nothing.
const SMALLEST_SLOPE: f32 = 1e-4;

/// A linear layer with a softmax.
#[derive(Debug, Clone, PartialEq)]
pub struct SoftmaxRegression {
    /// `[classes, width + 1]`, the bias last.
    weights: Vec<f32>,
    width: usize,
}

impl SoftmaxRegression {
    /// Learns from vectors of `width` with their classes, each below `classes`.
    /// The same seed gives the same weights.
    pub fn train(examples: &[(&[f32], usize)], classes: usize, width: usize, seed: u64) -> Self {
        let row = width + 1;
        let mut head = Self {
            weights: vec![0.0; classes * row],
            width,
        };
        let mut squares = vec![FIRST_SQUARES; classes * row];
        let mut order: Vec<usize> = (0..examples.len()).collect();
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        for _ in 0..EPOCHS {
            order.shuffle(&mut random);
            for place in &order {
                let (vector, class) = examples[*place];
                let mut slopes = head.probabilities(vector);
                slopes[class] -= 1.0;
                for (of_class, slope) in slopes.into_iter().enumerate() {
                    if slope.abs() < SMALLEST_SLOPE {
                        continue;
                    }
                    let at = of_class * row..(of_class + 1) * row;
                    let inputs = vector.iter().chain(std::iter::once(&1.0));
                    let sums = squares[at.clone()].iter_mut();
                    for ((weight, sum), input) in head.weights[at].iter_mut().zip(sums).zip(inputs)
                    {
                        let step = slope * input;
                        *sum += step * step;
                        *weight -= RATE * step / sum.sqrt();
                    }
                }
            }
        }
        head
    }

    /// The probability of each class.
    pub fn probabilities(&self, vector: &[f32]) -> Vec<f32> {
        let rows = self.weights.chunks_exact(self.width + 1);
        let logits: Vec<f32> = rows
            .map(|row| product(&row[..self.width], vector) + row[self.width])
            .collect();
        let most = logits.iter().copied().fold(f32::MIN, f32::max);
        let parts: Vec<f32> = logits.iter().map(|logit| (logit - most).exp()).collect();
        let sum: f32 = parts.iter().sum();
        parts.into_iter().map(|part| part / sum).collect()
    }
}

/// The most probable class of two judges with its share of their geometric means.
pub fn most_probable(one: &[f32], other: &[f32]) -> (usize, f32) {
    let means = one.iter().zip(other).map(|(a, b)| (a * b).max(0.0).sqrt());
    let means: Vec<f32> = means.collect();
    let sum: f32 = means.iter().sum::<f32>().max(f32::MIN_POSITIVE);
    let mut found = (0, f32::MIN);
    for (class, mean) in means.into_iter().enumerate() {
        if mean > found.1 {
            found = (class, mean);
        }
    }
    (found.0, found.1 / sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_learns_directions() {
        let examples: Vec<(Vec<f32>, usize)> = (0..60)
            .map(|number| {
                let angle = number as f32 * 0.02 + (number % 3) as f32 * 2.0;
                (vec![angle.cos(), angle.sin()], number % 3)
            })
            .collect();
        let all: Vec<(&[f32], usize)> = (examples.iter())
            .map(|(vector, class)| (vector.as_slice(), *class))
            .collect();
        let head = SoftmaxRegression::train(&all, 3, 2, 1);
        let flat = [1.0 / 3.0; 3];
        let right = all.iter().filter(|(vector, class)| {
            most_probable(&flat, &head.probabilities(vector)).0 == *class
        });
        assert_eq!(right.count(), 60);
    }

    #[test]
    fn both_judges_count() {
        assert_eq!(most_probable(&[0.6, 0.4], &[0.1, 0.9]).0, 1);
        assert_eq!(most_probable(&[0.99, 0.01], &[0.4, 0.6]).0, 0);
        assert!((most_probable(&[0.5, 0.5], &[0.5, 0.5]).1 - 0.5).abs() < 1e-6);
    }
}
