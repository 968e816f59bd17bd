//! How to train: what is minimised, with which rule, at which rate.

use serde::{Deserialize, Serialize};

use crate::loss::Loss;

/// How a gradient becomes a change of the weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Optimizer {
    /// AdamW (Loshchilov and Hutter, 2019) for all weights.
    #[default]
    AdamW,
    /// Muon (Jordan et al., 2024) for the matrices inside the layers, scaled
    /// so that AdamW's learning rate and decay serve it too (Liu et al.,
    /// 2025); AdamW for all other weights, and for adapters.
    Muon,
}

/// How a stable learning rate comes down at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decay {
    /// In a straight line.
    Linear,
    /// As 1 less the root of the progress (Hägele et al., 2024).
    #[default]
    OneMinusRoot,
}

/// The course of the learning rate after the warm-up.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Schedule {
    /// Half a cosine down to the minimum.
    #[default]
    Cosine,
    /// The highest rate until the decay begins (Hu et al., 2024).
    WarmupStableDecay {
        /// The share of all steps in which the rate comes down.
        decay_fraction: f32,
        /// How it comes down.
        decay: Decay,
    },
}

/// How to train.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TrainerOptions {
    /// The step at which the learning rate has come down to its minimum.
    pub steps: usize,
    /// Steps in which the learning rate rises from 0.
    pub warmup_steps: usize,
    /// The highest learning rate.
    pub learning_rate: f32,
    /// The last learning rate, as a share of the highest.
    pub minimum_learning_rate_fraction: f32,
    /// The course of the learning rate between.
    pub schedule: Schedule,
    /// How a gradient becomes a change of the weights.
    pub optimizer: Optimizer,
    /// Decoupled decay of all weights but the gains of the norms.
    pub weight_decay: f32,
    /// How slowly the mean of the gradient moves.
    pub beta1: f32,
    /// How slowly the mean of its square moves.
    pub beta2: f32,
    /// The largest norm of the gradient; 0 does not clip.
    pub clip_norm: f32,
    /// How much of the averaged weights each step keeps (Polyak and Juditsky,
    /// 1992); none does without them. Where there are averaged weights, they
    /// are the result and what is evaluated. Early steps keep less, so that
    /// the fresh weights are soon forgotten.
    pub ema_decay: Option<f32>,
    /// What is minimised.
    pub loss: Loss,
    /// Whether the rows of the tables that a step with sampled negatives does not
    /// touch keep their weights and moments, as in PyTorch's `SparseAdam`:
    /// then a step costs no more for a larger vocabulary. No effect on steps
    /// against the whole vocabulary.
    pub sparse_tables: bool,
    /// How many threads compute.
    pub threads: usize,
    /// The seed of dropout and of drawn tokens.
    pub seed: u64,
}

impl Default for TrainerOptions {
    fn default() -> TrainerOptions {
        TrainerOptions {
            steps: 1000,
            warmup_steps: 50,
            learning_rate: 1e-3,
            minimum_learning_rate_fraction: 0.1,
            schedule: Schedule::Cosine,
            optimizer: Optimizer::AdamW,
            weight_decay: 0.1,
            beta1: 0.9,
            beta2: 0.95,
            clip_norm: 1.0,
            ema_decay: None,
            loss: Loss::Full,
            sparse_tables: false,
            threads: 1,
            seed: 0,
        }
    }
}

impl TrainerOptions {
    /// The learning rate of a step, from 0: a linear rise, then the schedule
    /// down to the minimum.
    pub fn learning_rate_at(&self, step: usize) -> f32 {
        if step < self.warmup_steps {
            return self.learning_rate * (step + 1) as f32 / self.warmup_steps as f32;
        }
        let minimum = self.minimum_learning_rate_fraction;
        let height = match self.schedule {
            Schedule::Cosine => {
                let progress = progress(step, self.warmup_steps, self.steps);
                0.5 * (1.0 + (std::f32::consts::PI * progress).cos())
            }
            Schedule::WarmupStableDecay {
                decay_fraction,
                decay,
            } => {
                let decay_steps = self.steps as f64 * f64::from(decay_fraction.clamp(0.0, 1.0));
                let start = self.steps - (decay_steps.round() as usize).min(self.steps);
                let start = start.max(self.warmup_steps);
                let progress = if step < start {
                    0.0
                } else {
                    progress(step, start, self.steps)
                };
                match decay {
                    Decay::Linear => 1.0 - progress,
                    Decay::OneMinusRoot => 1.0 - progress.sqrt(),
                }
            }
        };
        self.learning_rate * (minimum + (1.0 - minimum) * height)
    }
}

/// How far `step` is from `start` to `end`, at most 1.
fn progress(step: usize, start: usize, end: usize) -> f32 {
    let span = end.saturating_sub(start).max(1);
    ((step - start) as f32 / span as f32).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rates(schedule: Schedule) -> Vec<f32> {
        let options = TrainerOptions {
            steps: 100,
            warmup_steps: 10,
            learning_rate: 1.0,
            schedule,
            ..TrainerOptions::default()
        };
        (0..120)
            .map(|step| options.learning_rate_at(step))
            .collect()
    }

    #[test]
    fn every_schedule_rises_and_ends_at_the_minimum() {
        let stable = |decay| Schedule::WarmupStableDecay {
            decay_fraction: 0.2,
            decay,
        };
        for schedule in [
            Schedule::Cosine,
            stable(Decay::Linear),
            stable(Decay::OneMinusRoot),
        ] {
            let rates = rates(schedule);
            assert!((rates[0] - 0.1).abs() < 1e-6 && (rates[9] - 1.0).abs() < 1e-6);
            assert!(rates[10..].windows(2).all(|pair| pair[1] <= pair[0]));
            assert!(
                rates[100..].iter().all(|rate| (rate - 0.1).abs() < 1e-6),
                "{schedule:?}"
            );
        }
        let linear = rates(stable(Decay::Linear));
        assert!(linear[10..=80].iter().all(|rate| *rate == 1.0));
        assert!((linear[90] - 0.55).abs() < 1e-6);
        let root = rates(stable(Decay::OneMinusRoot));
        assert!((root[85] - 0.55).abs() < 1e-6 && root[80] == 1.0);
    }

    #[test]
    fn shares_that_cannot_be_are_bounded() {
        for decay_fraction in [-1.0, 0.0, 1.0, 7.0, f32::NAN] {
            let decay = Decay::Linear;
            let rates = rates(Schedule::WarmupStableDecay {
                decay_fraction,
                decay,
            });
            assert!(rates.iter().all(|rate| (0.09..=1.0).contains(rate)));
        }
    }
}
