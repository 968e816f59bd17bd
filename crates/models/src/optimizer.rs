//! AdamW (Loshchilov and Hutter, 2019) on flat buffers, with the clipping of
//! the gradient in the same pass.

use crate::vector::vectorized;

const EPSILON: f32 = 1e-8;

/// What one update is made with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Update {
    pub(crate) learning_rate: f32,
    pub(crate) weight_decay: f32,
    pub(crate) beta1: f32,
    pub(crate) beta2: f32,
    /// What each gradient is multiplied with: below 1 where it is clipped.
    pub(crate) gradient_scale: f32,
    /// The number of this update, from 1.
    pub(crate) step: usize,
}

/// Parameters, gradient and moments of the same weights.
#[derive(Debug)]
pub(crate) struct Weights<'a> {
    pub(crate) parameters: &'a mut [f32],
    pub(crate) gradient: &'a [f32],
    pub(crate) first: &'a mut [f32],
    pub(crate) second: &'a mut [f32],
}

impl<'a> Weights<'a> {
    fn split_at(self, middle: usize) -> (Weights<'a>, Weights<'a>) {
        let middle = middle.min(self.parameters.len());
        let (parameters, parameters_after) = self.parameters.split_at_mut(middle);
        let (gradient, gradient_after) = self.gradient.split_at(middle);
        let (first, first_after) = self.first.split_at_mut(middle);
        let (second, second_after) = self.second.split_at_mut(middle);
        let before = Weights {
            parameters,
            gradient,
            first,
            second,
        };
        let after = Weights {
            parameters: parameters_after,
            gradient: gradient_after,
            first: first_after,
            second: second_after,
        };
        (before, after)
    }
}

impl Update {
    /// Updates weights, of which the first `undecayed` are not decayed.
    pub(crate) fn apply(&self, weights: Weights<'_>, undecayed: usize) {
        let (first, second) = weights.split_at(undecayed);
        self.apply_decayed(first, 0.0);
        self.apply_decayed(second, self.weight_decay);
    }

    fn apply_decayed(&self, weights: Weights<'_>, weight_decay: f32) {
        let step = self.step.min(i32::MAX as usize) as i32;
        let first_correction = 1.0 / (1.0 - f64::from(self.beta1).powi(step)) as f32;
        let second_correction = 1.0 / (1.0 - f64::from(self.beta2).powi(step)) as f32;
        let keep = 1.0 - self.learning_rate * weight_decay;
        let rate = self.learning_rate * first_correction;
        let (beta1, beta2) = (self.beta1, self.beta2);
        vectorized(
            #[inline(always)]
            || {
                let moments = weights.first.iter_mut().zip(weights.second.iter_mut());
                let weights = weights.parameters.iter_mut().zip(weights.gradient);
                for ((parameter, gradient), (first, second)) in weights.zip(moments) {
                    let gradient = gradient * self.gradient_scale;
                    *first = beta1 * *first + (1.0 - beta1) * gradient;
                    *second = beta2 * *second + (1.0 - beta2) * gradient * gradient;
                    let deviation = (*second * second_correction).sqrt() + EPSILON;
                    *parameter = *parameter * keep - rate * *first / deviation;
                }
            },
        );
    }
}
