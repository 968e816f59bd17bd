use std::ops::ControlFlow;

use models::next_item::{Example, evaluate_decoder};
use models::{Loss, Sequence, Trainer, TrainerOptions, Transformer, TransformerConfig};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::Holdout;
use super::sequence_augmentation::AugmentedSequences;
use crate::{Size, TrainError};

/// The most validation examples that one look at the model takes.
const MAX_VALIDATION: usize = 3_000;

/// The most predictions that a run makes: a large shop's history is told fewer
/// times, so that training ends within the hour.
const MAX_PREDICTIONS: usize = 60_000_000;

/// How a sequence decoder is trained.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FitOptions {
    /// Blocks of the decoder.
    pub layers: usize,
    /// Its width.
    pub width: usize,
    /// The longest history that it reads.
    pub context: usize,
    /// The share of values dropped in training.
    pub dropout: f32,
    /// The most passes over the sequences.
    pub epochs: usize,
    /// Validate after so many epochs.
    pub validate_every: usize,
    /// Give up after so many validations without a better one.
    pub patience: usize,
    /// Items that are predicted in one step, about.
    pub batch_items: usize,
    /// The highest learning rate.
    pub learning_rate: f32,
    /// Decoupled weight decay.
    pub weight_decay: f32,
    /// Items that each right answer is told from; all when 0.
    pub negatives: usize,
    /// Threads that compute.
    pub threads: usize,
    /// The same seed on the same data gives the same decoder.
    pub seed: u64,
}

impl FitOptions {
    /// Options by effort and by how much there is to learn from.
    pub fn for_data(size: Size, sequences: &[Vec<u32>], items: usize) -> Self {
        let positions: usize = sequences.iter().map(|s| s.len().saturating_sub(1)).sum();
        let (layers, width, epochs) = match size {
            Size::Tiny => (1, 48, 16),
            Size::Small => (2, 64, 64),
            Size::Base => (2, 128, 100),
        };
        let epochs = epochs.min(MAX_PREDICTIONS / positions.max(1)).max(3);
        Self {
            layers,
            width,
            context: corpus::recommend::MAX_HISTORY,
            dropout: dropout(positions, items),
            epochs,
            validate_every: (epochs / 32).max(1),
            patience: 6,
            // About a hundred steps an epoch: fewer waste the epoch, many
            // more cost only time.
            batch_items: (positions / 100).clamp(256, 2_048),
            learning_rate: 1e-3,
            weight_decay: 0.1,
            negatives: if items > 2_048 { 1_024 } else { 0 },
            threads: 1,
            seed: 0,
        }
    }
}

/// Where each item is met only a few times, a decoder learns them by heart
/// unless much is dropped (measured on data of 11 and of 59 an item).
fn dropout(positions: usize, items: usize) -> f32 {
    if positions / items.max(1) < 30 {
        0.5
    } else {
        0.3
    }
}

/// Where training stands after an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Epoch {
    /// Epochs done.
    pub done: usize,
    /// The mean loss of this one.
    pub loss: f64,
    /// NDCG@10 on validation, when it was looked at.
    pub validation: Option<f64>,
    /// The best so far, and after how many epochs.
    pub best: (f64, usize),
}

/// A trained decoder, as good as it ever was on validation.
#[derive(Debug, Clone)]
pub struct Fitted {
    /// The decoder.
    pub decoder: Transformer,
    /// After how many epochs it was this good.
    pub epochs: usize,
    /// NDCG@10 of the decoder alone on validation.
    pub validation: f64,
}

/// A run between two epochs.
pub struct TrainingRun {
    options: FitOptions,
    trainer: Trainer,
    sequences: AugmentedSequences,
    validation: Vec<Example>,
    best: Transformer,
    state: Epoch,
}

#[derive(Serialize, Deserialize)]
struct Header {
    options: FitOptions,
    sequences: usize,
    state: Epoch,
    trainer_bytes: usize,
}

impl TrainingRun {
    /// Ready for the first epoch. The last items of the training part are
    /// targets too: what validates must not be in it.
    pub fn start(
        holdout: &Holdout,
        validation: &[Example],
        items: usize,
        options: &FitOptions,
    ) -> Result<Self, TrainError> {
        let heads = if options.width >= 64 { 2 } else { 1 };
        let mut config =
            TransformerConfig::new(options.layers, options.width, heads, options.context, items);
        config.dropout = options.dropout;
        let decoder = Transformer::new(config, options.seed).map_err(engine)?;
        let sequences = AugmentedSequences::new(holdout, options.context);
        if sequences.is_empty() {
            return Err(TrainError::NoData {
                service: "recommend",
                reason: "no customer has two interactions before the held-out ones".to_owned(),
            });
        }
        let first = sequences.epoch(options.seed, 0);
        let steps = options.epochs * batches(&first, options.batch_items).len();
        let trainer = Trainer::new(decoder.clone(), trainer_options(options, steps));
        Ok(Self {
            options: options.clone(),
            trainer,
            sequences,
            validation: sample(validation, options.seed),
            best: decoder,
            state: Epoch {
                done: 0,
                loss: 0.0,
                validation: None,
                best: (f64::NEG_INFINITY, 0),
            },
        })
    }

    /// Takes up what [`TrainingRun::checkpoint`] wrote, when it was of the same data
    /// and options; otherwise the run stays at its start and answers false.
    pub fn restore(&mut self, bytes: &[u8]) -> bool {
        self.try_restore(bytes).is_some()
    }

    fn try_restore(&mut self, bytes: &[u8]) -> Option<()> {
        let end = bytes.iter().position(|byte| *byte == b'\n')?;
        let header: Header = serde_json::from_slice(&bytes[..end]).ok()?;
        if header.options != self.options || header.sequences != self.sequences.len() {
            return None;
        }
        let rest = &bytes[end + 1..];
        let (trainer, best) = rest.split_at_checked(header.trainer_bytes)?;
        let trainer = Trainer::resume(trainer, self.trainer.options().clone()).ok()?;
        if trainer.decoder().config() != self.best.config() {
            return None;
        }
        self.best = Transformer::from_safetensors(best).ok()?;
        self.trainer = trainer;
        self.state = header.state;
        Some(())
    }

    /// Everything that [`TrainingRun::restore`] needs to go on as if nothing had been.
    pub fn checkpoint(&self) -> Result<Vec<u8>, TrainError> {
        let trainer = self.trainer.checkpoint();
        let header = Header {
            options: self.options.clone(),
            sequences: self.sequences.len(),
            state: self.state,
            trainer_bytes: trainer.len(),
        };
        let mut bytes = serde_json::to_vec(&header).map_err(engine)?;
        bytes.push(b'\n');
        bytes.extend(trainer);
        bytes.extend(self.best.to_safetensors());
        Ok(bytes)
    }

    /// Where it stands.
    pub fn state(&self) -> Epoch {
        self.state
    }

    /// Whether another epoch would be wasted.
    pub fn is_over(&self) -> bool {
        let idle = self.state.done.saturating_sub(self.state.best.1);
        self.state.done >= self.options.epochs
            || idle > self.options.patience * self.options.validate_every
    }

    /// One pass over the sequences in an order of its own; `stop` is asked
    /// before each step. A stopped epoch must be run again from a checkpoint.
    pub fn epoch(&mut self, stop: &dyn Fn() -> bool) -> ControlFlow<(), Epoch> {
        let sequences = self.sequences.epoch(self.options.seed, self.state.done);
        let (mut loss, mut scored) = (0.0, 0);
        for batch in batches(&sequences, self.options.batch_items) {
            if stop() {
                return ControlFlow::Break(());
            }
            let report = self.trainer.step(batch);
            loss += report.loss * report.tokens as f64;
            scored += report.tokens;
        }
        self.state.done += 1;
        self.state.loss = loss / scored.max(1) as f64;
        self.state.validation = None;
        let last = self.state.done == self.options.epochs;
        if last || self.state.done.is_multiple_of(self.options.validate_every) {
            self.validate();
        }
        ControlFlow::Continue(self.state)
    }

    fn validate(&mut self) {
        let decoder = self.trainer.decoder();
        let evaluated = evaluate_decoder(decoder, &self.validation, self.options.threads);
        let figures = evaluated.figures;
        self.state.validation = Some(figures.ndcg());
        // Without anything to validate on, the last epoch is the best.
        if figures.ndcg() > self.state.best.0 || self.validation.is_empty() {
            self.state.best = (figures.ndcg(), self.state.done);
            self.best = decoder.clone();
        }
    }

    /// The decoder as it was when it was best.
    pub fn finish(self) -> Fitted {
        Fitted {
            decoder: self.best,
            epochs: self.state.best.1,
            validation: self.state.best.0,
        }
    }
}

/// Trains a sequence decoder from start to end; `watch` sees every epoch.
pub fn fit(
    holdout: &Holdout,
    items: usize,
    options: &FitOptions,
    watch: &mut dyn FnMut(Epoch),
) -> Result<Fitted, TrainError> {
    let mut run = TrainingRun::start(holdout, &holdout.validation, items, options)?;
    while !run.is_over() {
        if let ControlFlow::Continue(epoch) = run.epoch(&|| false) {
            watch(epoch);
        }
    }
    Ok(run.finish())
}

/// Cuts the sequences into batches of about `items` predictions.
fn batches(sequences: &[Sequence], items: usize) -> Vec<&[Sequence]> {
    let total: usize = sequences.iter().map(|sequence| sequence.inputs.len()).sum();
    let count = total
        .div_ceil(items.max(1))
        .clamp(1, sequences.len().max(1));
    let size = sequences.len().div_ceil(count).max(1);
    sequences.chunks(size).collect()
}

fn trainer_options(options: &FitOptions, steps: usize) -> TrainerOptions {
    TrainerOptions {
        steps,
        warmup_steps: (steps / 50).clamp(1, 200),
        learning_rate: options.learning_rate,
        minimum_learning_rate_fraction: 0.1,
        weight_decay: options.weight_decay,
        beta1: 0.9,
        beta2: 0.98,
        clip_norm: 1.0,
        loss: match options.negatives {
            0 => Loss::Full,
            negatives => Loss::Sampled { negatives },
        },
        threads: options.threads.max(1),
        seed: options.seed,
        ..TrainerOptions::default()
    }
}

/// At most [`MAX_VALIDATION`] of the examples, drawn evenly.
pub fn sample(examples: &[Example], seed: u64) -> Vec<Example> {
    sample_of(examples, seed, MAX_VALIDATION)
}

/// At most so many of the examples, drawn evenly.
pub fn sample_of(examples: &[Example], seed: u64, most: usize) -> Vec<Example> {
    let mut drawn = examples.to_vec();
    if drawn.len() > most {
        drawn.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
        drawn.truncate(most);
    }
    drawn
}

pub(super) fn engine(error: impl std::fmt::Display) -> TrainError {
    TrainError::Engine(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each item follows the one before it in a ring.
    fn ring(items: u32) -> Holdout {
        let sequence = |start: u32| (0..5).map(|step| (start + step) % items).collect();
        let example = |start: u32| Example {
            history: vec![start, (start + 1) % items],
            target: (start + 2) % items,
        };
        Holdout {
            training: (0..items).map(sequence).collect(),
            validation: (0..items).map(example).collect(),
            ..Holdout::default()
        }
    }

    fn options(training: &[Vec<u32>]) -> FitOptions {
        FitOptions {
            width: 16,
            epochs: 30,
            batch_items: 32,
            learning_rate: 1e-2,
            dropout: 0.0,
            ..FitOptions::for_data(Size::Tiny, training, 12)
        }
    }

    #[test]
    fn it_learns_what_follows_what() {
        let ring = ring(12);
        let mut epochs = Vec::new();
        let fitted = fit(&ring, 12, &options(&ring.training), &mut |epoch| {
            epochs.push(epoch);
        });
        let fitted = fitted.unwrap();
        assert!(fitted.validation > 0.95, "{}", fitted.validation);
        assert!(epochs[0].loss > epochs[epochs.len() - 1].loss);
        let evaluated = evaluate_decoder(&fitted.decoder, &ring.validation, 2);
        assert_eq!(evaluated.figures.ndcg(), fitted.validation);
    }

    #[test]
    fn a_resumed_run_ends_where_an_unbroken_one_does() {
        let ring = ring(12);
        let options = options(&ring.training);
        let start = || TrainingRun::start(&ring, &ring.validation, 12, &options).unwrap();
        let mut unbroken = start();
        let mut first = start();
        for _ in 0..3 {
            let _ = unbroken.epoch(&|| false);
            let _ = first.epoch(&|| false);
        }
        let bytes = first.checkpoint().unwrap();
        // What is done after the checkpoint is lost and done again.
        let steps = std::cell::Cell::new(0);
        let stop = || steps.replace(steps.get() + 1) >= 1;
        assert!(first.epoch(&stop).is_break());
        let mut resumed = start();
        assert!(resumed.restore(&bytes));
        for _ in 0..2 {
            assert_eq!(unbroken.epoch(&|| false), resumed.epoch(&|| false));
        }
        let (left, right) = (unbroken.finish(), resumed.finish());
        assert_eq!(left.decoder, right.decoder);
        assert!(!start().restore(&bytes[..bytes.len() / 2]));
        assert!(!start().restore(b""));
    }
}
