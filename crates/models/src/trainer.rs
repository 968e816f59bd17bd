//! Training: micro-batches on threads, one reduced gradient, one update.

use std::ops::Range;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::backward::Flow;
use crate::dropout::{Dropout, mix};
use crate::error::ModelError;
use crate::forward::{Activations, Memory, grow};
use crate::loss::{self, Gradients, IGNORE, Loss, Rivals};
use crate::optimizer::{Update, Weights};
use crate::transformer::Transformer;
use crate::vector::{add, sum_of_squares};

/// Tokens that a thread runs forward and backward at once: enough for large
/// matrix products, little enough for its activations to stay small.
const MICRO_BATCH_TOKENS: usize = 1024;

/// One training sequence: what is seen and what is to be predicted at each
/// position.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Sequence {
    /// The tokens seen.
    pub inputs: Vec<u32>,
    /// The token to predict after each input; [`IGNORE`] is not scored.
    pub targets: Vec<u32>,
}

impl Sequence {
    /// Every token is predicted from those before it.
    pub fn next_tokens(tokens: &[u32]) -> Sequence {
        let inputs = tokens.len().saturating_sub(1);
        Sequence {
            inputs: tokens[..inputs].to_vec(),
            targets: tokens.get(1..).unwrap_or_default().to_vec(),
        }
    }

    /// Whether a decoder with this vocabulary can be trained on it.
    pub fn validate(&self, vocabulary: usize) -> Result<(), ModelError> {
        if self.inputs.len() != self.targets.len() {
            return Err(ModelError::Data(format!(
                "a sequence of {} inputs and {} targets",
                self.inputs.len(),
                self.targets.len()
            )));
        }
        let scored = self.targets.iter().filter(|target| **target != IGNORE);
        match (self.inputs.iter().chain(scored)).find(|token| **token as usize >= vocabulary) {
            Some(token) => Err(ModelError::Data(format!(
                "token {token} outside of a vocabulary of {vocabulary}"
            ))),
            None => Ok(()),
        }
    }
}

/// How to train.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrainerOptions {
    /// The step at which the learning rate has come down to its minimum.
    pub steps: usize,
    /// Steps in which the learning rate rises from 0.
    pub warmup_steps: usize,
    /// The highest learning rate.
    pub learning_rate: f32,
    /// The last learning rate, as a share of the highest.
    pub minimum_learning_rate_fraction: f32,
    /// Decoupled decay of all weights but the gains of the norms.
    pub weight_decay: f32,
    /// How slowly the mean of the gradient moves.
    pub beta1: f32,
    /// How slowly the mean of its square moves.
    pub beta2: f32,
    /// The largest norm of the gradient; 0 does not clip.
    pub clip_norm: f32,
    /// What is minimised.
    pub loss: Loss,
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
            weight_decay: 0.1,
            beta1: 0.9,
            beta2: 0.95,
            clip_norm: 1.0,
            loss: Loss::Full,
            threads: 1,
            seed: 0,
        }
    }
}

impl TrainerOptions {
    /// The learning rate of a step, from 0: a linear rise, then half a cosine
    /// down to the minimum.
    pub fn learning_rate_at(&self, step: usize) -> f32 {
        if step < self.warmup_steps {
            return self.learning_rate * (step + 1) as f32 / self.warmup_steps as f32;
        }
        let span = self.steps.saturating_sub(self.warmup_steps).max(1);
        let progress = ((step - self.warmup_steps) as f32 / span as f32).min(1.0);
        let cosine = 0.5 * (1.0 + (std::f32::consts::PI * progress).cos());
        let minimum = self.minimum_learning_rate_fraction;
        self.learning_rate * (minimum + (1.0 - minimum) * cosine)
    }
}

/// What one step did.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct StepReport {
    /// The mean loss of the scored tokens before the update.
    pub loss: f64,
    /// The norm of the gradient before clipping.
    pub gradient_norm: f64,
    /// How many tokens were scored.
    pub tokens: usize,
    /// The learning rate of the update.
    pub learning_rate: f32,
}

/// Trains a decoder, step by step.
#[derive(Debug)]
pub struct Trainer {
    pub(crate) decoder: Transformer,
    pub(crate) options: TrainerOptions,
    pub(crate) first_moment: Vec<f32>,
    pub(crate) second_moment: Vec<f32>,
    pub(crate) steps_done: usize,
    workers: Vec<Worker>,
}

/// The buffers of one thread.
#[derive(Debug)]
struct Worker {
    activations: Activations,
    flow: Flow,
    loss: loss::Scratch,
    gradient: Vec<f32>,
}

impl Worker {
    fn new() -> Worker {
        Worker {
            activations: Activations::for_training(),
            flow: Flow::default(),
            loss: loss::Scratch::default(),
            gradient: Vec::new(),
        }
    }
}

/// Sequences that one thread runs at once, packed.
#[derive(Debug, Default)]
struct MicroBatch {
    index: usize,
    tokens: Vec<u32>,
    targets: Vec<u32>,
    lengths: Vec<usize>,
}

/// What is the same for all micro-batches of a step.
#[derive(Debug, Clone, Copy)]
struct StepSettings<'a> {
    rivals: Rivals<'a>,
    weight: f32,
    dropout_stream: u64,
}

impl Trainer {
    /// Starts from this decoder. No thread count below 1 is taken.
    pub fn new(decoder: Transformer, options: TrainerOptions) -> Trainer {
        let count = decoder.trained().len();
        Trainer::from_state(decoder, options, (vec![0.0; count], vec![0.0; count]), 0)
    }

    pub(crate) fn from_state(
        decoder: Transformer,
        options: TrainerOptions,
        (first_moment, second_moment): (Vec<f32>, Vec<f32>),
        steps_done: usize,
    ) -> Trainer {
        let threads = options.threads.max(1);
        Trainer {
            decoder,
            options,
            first_moment,
            second_moment,
            steps_done,
            workers: std::iter::repeat_with(Worker::new).take(threads).collect(),
        }
    }

    /// The decoder as it is now.
    pub fn decoder(&self) -> &Transformer {
        &self.decoder
    }

    /// The trained decoder.
    pub fn into_decoder(self) -> Transformer {
        self.decoder
    }

    /// How many steps have been made.
    pub fn steps_done(&self) -> usize {
        self.steps_done
    }

    /// How it trains.
    pub fn options(&self) -> &TrainerOptions {
        &self.options
    }

    /// One update on one batch. The sequences may differ in length; attention
    /// never crosses from one to another. A batch without a scored token, or
    /// with a gradient that is not finite, changes no weight.
    ///
    /// # Panics
    /// Where [`Sequence::validate`] refuses a sequence.
    pub fn step(&mut self, batch: &[Sequence]) -> StepReport {
        let learning_rate = self.options.learning_rate_at(self.steps_done);
        let tokens = batch.iter().map(scored).sum();
        let drawn = self.draw();
        let settings = StepSettings {
            rivals: drawn.as_deref().map_or(Rivals::All, Rivals::Drawn),
            weight: 1.0 / (tokens as f32).max(1.0),
            dropout_stream: mix(self.options.seed ^ mix(self.steps_done as u64)),
        };
        let total = self.accumulate(batch, settings);
        let gradient_norm = self.reduce();
        self.steps_done += 1;
        if tokens > 0 && gradient_norm.is_finite() {
            self.update(learning_rate, gradient_norm);
        }
        StepReport {
            loss: total / (tokens as f64).max(1.0),
            gradient_norm,
            tokens,
            learning_rate,
        }
    }

    /// The summed negative log likelihood of the scored targets over the whole
    /// vocabulary, and their number; without dropout.
    ///
    /// # Panics
    /// As [`Trainer::step`].
    pub fn evaluate(&self, batch: &[Sequence]) -> (f64, usize) {
        let decoder = &self.decoder;
        let parts = pack(batch, self.workers.len(), decoder.config().vocabulary);
        let results = std::thread::scope(|scope| {
            let handles: Vec<_> = parts
                .chunks(parts.len().div_ceil(self.workers.len()).max(1))
                .map(|parts| scope.spawn(move || evaluate_all(decoder, parts)))
                .collect();
            handles.into_iter().map(join).collect::<Vec<_>>()
        });
        results
            .into_iter()
            .fold((0.0, 0), |(loss, tokens), (l, t)| (loss + l, tokens + t))
    }

    /// The tokens that this step's targets compete with; none for all.
    fn draw(&self) -> Option<Vec<u32>> {
        let vocabulary = self.decoder.config().vocabulary;
        match self.options.loss {
            Loss::Sampled { negatives } if negatives < vocabulary => {
                let seed = mix(mix(self.options.seed) ^ self.steps_done as u64);
                let mut random = ChaCha8Rng::seed_from_u64(seed);
                let drawn = rand::seq::index::sample(&mut random, vocabulary, negatives);
                Some(drawn.into_iter().map(|token| token as u32).collect())
            }
            Loss::Sampled { .. } | Loss::Full => None,
        }
    }

    /// Runs the batch forward and backward on all threads; each adds up its
    /// own gradient. Returns the summed loss.
    fn accumulate(&mut self, batch: &[Sequence], settings: StepSettings<'_>) -> f64 {
        let decoder = &self.decoder;
        let parts = pack(batch, self.workers.len(), decoder.config().vocabulary);
        let share = parts.len().div_ceil(self.workers.len()).max(1);
        let mut shares = parts.chunks(share);
        std::thread::scope(|scope| {
            let handles: Vec<_> = (self.workers.iter_mut())
                .map(|worker| {
                    let parts = shares.next().unwrap_or_default();
                    scope.spawn(move || {
                        grow(&mut worker.gradient, decoder.trained().len()).fill(0.0);
                        (parts.iter())
                            .map(|part| forward_and_backward(decoder, part, settings, worker))
                            .sum::<f64>()
                    })
                })
                .collect();
            handles.into_iter().map(join).sum()
        })
    }

    /// Adds the gradients of all threads into the first one's, in their order,
    /// and returns the norm.
    fn reduce(&mut self) -> f64 {
        let ranges = split(self.decoder.trained().len(), self.workers.len());
        let Some((first, others)) = self.workers.split_first_mut() else {
            return 0.0;
        };
        let others: &[Worker] = others;
        let mut rest = first.gradient.as_mut_slice();
        let squares: f64 = std::thread::scope(|scope| {
            let handles: Vec<_> = (ranges.into_iter())
                .map(|range| {
                    let (slice, after) = std::mem::take(&mut rest).split_at_mut(range.len());
                    rest = after;
                    scope.spawn(move || {
                        for other in others {
                            add(slice, &other.gradient[range.clone()]);
                        }
                        sum_of_squares(slice)
                    })
                })
                .collect();
            handles.into_iter().map(join).sum()
        });
        squares.sqrt()
    }

    /// Clips and applies the reduced gradient.
    fn update(&mut self, learning_rate: f32, gradient_norm: f64) {
        let clip = f64::from(self.options.clip_norm);
        let clips = clip > 0.0 && gradient_norm > clip;
        let update = Update {
            learning_rate,
            weight_decay: self.options.weight_decay,
            beta1: self.options.beta1,
            beta2: self.options.beta2,
            gradient_scale: if clips {
                (clip / gradient_norm) as f32
            } else {
                1.0
            },
            step: self.steps_done,
        };
        let threads = self.workers.len();
        let Some(worker) = self.workers.first() else {
            return;
        };
        let (parameters, undecayed) = self.decoder.trained_mut();
        let size = parameters.len().div_ceil(threads).max(1);
        let moments = (self.first_moment.chunks_mut(size)).zip(self.second_moment.chunks_mut(size));
        let parameters = parameters
            .chunks_mut(size)
            .zip(worker.gradient.chunks(size));
        std::thread::scope(|scope| {
            for (index, (weights, moments)) in parameters.zip(moments).enumerate() {
                let undecayed = undecayed.saturating_sub(index * size);
                scope.spawn(move || {
                    let weights = Weights {
                        parameters: weights.0,
                        gradient: weights.1,
                        first: moments.0,
                        second: moments.1,
                    };
                    update.apply(weights, undecayed);
                });
            }
        });
    }
}

fn scored(sequence: &Sequence) -> usize {
    let targets = sequence.targets.iter();
    targets.filter(|target| **target != IGNORE).count()
}

/// The result of a thread; its panic goes on in this one.
fn join<T>(handle: std::thread::ScopedJoinHandle<'_, T>) -> T {
    handle
        .join()
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// `count` in as many even ranges as there are threads.
fn split(count: usize, threads: usize) -> Vec<Range<usize>> {
    let size = count.div_ceil(threads).max(1);
    (0..count)
        .step_by(size)
        .map(|start| start..(start + size).min(count))
        .collect()
}

/// Cuts a batch into micro-batches of about the same number of tokens, as many
/// for each thread.
fn pack(batch: &[Sequence], threads: usize, vocabulary: usize) -> Vec<MicroBatch> {
    for sequence in batch {
        if let Err(error) = sequence.validate(vocabulary) {
            panic!("{error}");
        }
    }
    let total: usize = batch.iter().map(|sequence| sequence.inputs.len()).sum();
    let rounds = ((total as f64 / (MICRO_BATCH_TOKENS * threads) as f64).round() as usize).max(1);
    let count = rounds * threads;
    let mut parts: Vec<MicroBatch> = (0..count)
        .map(|index| MicroBatch {
            index,
            ..MicroBatch::default()
        })
        .collect();
    let mut before = 0;
    for sequence in batch {
        let length = sequence.inputs.len();
        // Where its middle falls decides: ranges of equal size then hold
        // about equal work.
        let part = (2 * before + length) * count / (2 * total).max(1);
        let part = &mut parts[part.min(count - 1)];
        part.tokens.extend_from_slice(&sequence.inputs);
        part.targets.extend_from_slice(&sequence.targets);
        part.lengths.push(length);
        before += length;
    }
    parts
}

fn forward_and_backward(
    decoder: &Transformer,
    part: &MicroBatch,
    settings: StepSettings<'_>,
    worker: &mut Worker,
) -> f64 {
    let width = decoder.config().width;
    let size = part.tokens.len() * width;
    let stream = mix(settings.dropout_stream ^ mix(part.index as u64));
    let dropout = Dropout::new(decoder.config().dropout, stream);
    let memory = Memory::Packed(&part.lengths);
    decoder.run(&part.tokens, memory, dropout, &mut worker.activations);
    let table = decoder.layout.head.weight.clone();
    let gradients = Gradients {
        hidden: grow(&mut worker.flow.hidden, size),
        embedding: (!decoder.trains_adapters()).then(|| &mut worker.gradient[table]),
        weight: settings.weight,
    };
    let (loss, _) = loss::cross_entropy(
        &worker.activations.hidden[..size],
        &part.targets,
        decoder.head(),
        width,
        settings.rivals,
        Some(gradients),
        &mut worker.loss,
    );
    decoder.run_back(
        &mut worker.gradient,
        (&part.tokens, &part.lengths),
        dropout,
        &mut worker.activations,
        &mut worker.flow,
    );
    loss
}

fn evaluate_all(decoder: &Transformer, parts: &[MicroBatch]) -> (f64, usize) {
    let mut activations = Activations::for_serving(1);
    let mut scratch = loss::Scratch::default();
    let mut sum = (0.0, 0);
    for part in parts {
        let memory = Memory::Packed(&part.lengths);
        decoder.run(&part.tokens, memory, Dropout::NONE, &mut activations);
        let width = decoder.config().width;
        let (loss, tokens) = loss::cross_entropy(
            &activations.hidden[..part.tokens.len() * width],
            &part.targets,
            decoder.head(),
            width,
            Rivals::All,
            None,
            &mut scratch,
        );
        sum = (sum.0 + loss, sum.1 + tokens);
    }
    sum
}
