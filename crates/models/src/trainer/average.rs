//! The exponential moving average of the weights (Polyak and Juditsky, 1992):
//! what a high learning rate stirs up, it smooths.

use crate::transformer::Transformer;
use crate::vector::vectorized;

/// The share of the average that a step, from 1, keeps: less in the first
/// steps, so that the fresh weights do not weigh.
fn kept(decay: f32, step: usize) -> f32 {
    let early = (1.0 + step as f32) / (10.0 + step as f32);
    decay.clamp(0.0, 1.0).min(early)
}

/// Moves the averaged weights towards the trained ones after this step.
pub(crate) fn follow(
    average: &mut Transformer,
    model: &Transformer,
    decay: f32,
    (step, threads): (usize, usize),
) {
    let share = 1.0 - kept(decay, step);
    let (average, trained) = (average.trained_mut().0, model.trained());
    let size = trained.len().div_ceil(threads).max(1);
    std::thread::scope(|scope| {
        for (average, trained) in average.chunks_mut(size).zip(trained.chunks(size)) {
            scope.spawn(move || {
                vectorized(
                    #[inline(always)]
                    || {
                        for (average, weight) in average.iter_mut().zip(trained) {
                            *average += share * (weight - *average);
                        }
                    },
                );
            });
        }
    });
}
