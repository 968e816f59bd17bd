//! Training: micro-batches on threads, one reduced gradient, one update.

mod average;
mod options;
mod touched;
mod update;

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::backward::Flow;
use crate::dropout::{Dropout, mix};
use crate::error::ModelError;
use crate::forward::{Activations, Memory};
use crate::loss::{self, Gradients, SoftmaxClasses};
use crate::muon;
use crate::negative_sampling::{self, Frequencies, SampledClasses};
use crate::optimizer::Update;
use crate::sequence::{MicroBatch, Sequence, pack};
use crate::transformer::Transformer;
use crate::vector::grow;
use crate::vector::{add, sum_of_squares};

pub use options::{Decay, Optimizer, Schedule, TrainerOptions};
pub(crate) use touched::whole;
use touched::{split, touched};
use update::Cutter;
pub(crate) use update::{Moments, Plan};

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

/// Trains a decoder or an encoder, step by step: all its weights, or its
/// adapters where it has them ([`Transformer::adapt`]).
#[derive(Debug)]
pub struct Trainer {
    /// With the weights of the last update.
    pub(crate) decoder: Transformer,
    /// With the averaged weights, where they are asked for.
    pub(crate) average: Option<Transformer>,
    pub(crate) options: TrainerOptions,
    pub(crate) moments: Moments,
    pub(crate) steps_done: usize,
    frequencies: Option<Frequencies>,
    pub(crate) plan: Plan,
    /// Where gradients may be other than 0: in order and apart.
    touched: Vec<Range<usize>>,
    workers: Vec<Worker>,
    update_buffers: Vec<muon::Scratch>,
}

/// The buffers of one thread.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) activations: Activations,
    pub(crate) flow: Flow,
    loss: loss::Scratch,
    pub(crate) gradient: Vec<f32>,
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

    /// Makes the gradient 0: in these ranges, the others are.
    fn clear(&mut self, count: usize, touched: &[Range<usize>]) {
        if self.gradient.len() != count {
            // Zeros that the system gives take no memory until they are
            // touched.
            self.gradient = vec![0.0; count];
            return;
        }
        for range in touched {
            self.gradient[range.clone()].fill(0.0);
        }
    }
}

/// What is the same for all micro-batches of a step.
#[derive(Debug, Clone, Copy)]
struct StepSettings<'a> {
    classes: SoftmaxClasses<'a>,
    weight: f32,
    dropout_stream: u64,
}

impl Trainer {
    /// Starts from this decoder. No thread count below 1 is taken.
    ///
    /// # Panics
    /// Where its matrices are in fewer bits, which cannot be trained.
    pub fn new(decoder: Transformer, options: TrainerOptions) -> Trainer {
        assert!(
            !decoder.is_quantized(),
            "a model in fewer bits cannot be trained"
        );
        let moments = Plan::new(&decoder, options.optimizer).fresh();
        let average = options.ema_decay.map(|_| decoder.clone());
        Trainer::from_state((decoder, average), options, moments, 0)
    }

    pub(crate) fn from_state(
        (decoder, average): (Transformer, Option<Transformer>),
        options: TrainerOptions,
        moments: Moments,
        steps_done: usize,
    ) -> Trainer {
        let threads = options.threads.max(1);
        Trainer {
            plan: Plan::new(&decoder, options.optimizer),
            decoder,
            average,
            options,
            moments,
            steps_done,
            frequencies: None,
            touched: Vec::new(),
            workers: std::iter::repeat_with(Worker::new).take(threads).collect(),
            update_buffers: std::iter::repeat_with(muon::Scratch::default)
                .take(threads)
                .collect(),
        }
    }

    /// Says how often each token is a target, as counts or as shares: what
    /// [`crate::Loss::Popular`] draws from and [`crate::Loss::InBatch`] corrects
    /// with. They are no part of a checkpoint: a resumed run needs them again. An error
    /// if there is not one for each token, or one that cannot be.
    pub fn with_frequencies(mut self, frequencies: Vec<f32>) -> Result<Trainer, ModelError> {
        let vocabulary = self.decoder.config().vocabulary;
        self.frequencies = Some(Frequencies::new(frequencies, vocabulary)?);
        Ok(self)
    }

    /// The model as it is now; with its averaged weights where the options ask
    /// for them.
    pub fn decoder(&self) -> &Transformer {
        self.average.as_ref().unwrap_or(&self.decoder)
    }

    /// The trained model, as [`Trainer::decoder`] has it.
    pub fn into_decoder(self) -> Transformer {
        self.average.unwrap_or(self.decoder)
    }

    /// The weights that training changes, as [`Trainer::decoder`] has them: all
    /// of them, or those of the adapters.
    pub fn weights(&self) -> &[f32] {
        self.decoder().trained()
    }

    /// Puts back weights that [`Trainer::weights`] gave earlier. The moments
    /// stay as they are: this is for the end of training.
    ///
    /// # Errors
    /// Where there are not as many as are trained.
    pub fn set_weights(&mut self, weights: &[f32]) -> Result<(), ModelError> {
        let decoder = self.average.as_mut().unwrap_or(&mut self.decoder);
        let (trained, _) = decoder.trained_mut();
        if trained.len() != weights.len() {
            let (given, needed) = (weights.len(), trained.len());
            let reason = format!("{given} weights for a model that trains {needed}");
            return Err(ModelError::Data(reason));
        }
        trained.copy_from_slice(weights);
        Ok(())
    }

    /// How many steps have been made.
    pub fn steps_done(&self) -> usize {
        self.steps_done
    }

    /// How it trains.
    pub fn options(&self) -> &TrainerOptions {
        &self.options
    }

    /// One update on one batch, which may be far larger than what fits into
    /// memory at once: threads run a micro-batch after the other and add up
    /// their gradients. The sequences may differ in length; attention never
    /// crosses from one to another. A batch without a scored token, or with a
    /// gradient that is not finite, changes no weight.
    ///
    /// # Panics
    /// Where [`Sequence::validate`] refuses a sequence.
    pub fn step(&mut self, batch: &[Sequence]) -> StepReport {
        let tokens = batch.iter().map(Sequence::scored).sum();
        let parts = pack(batch, self.workers.len(), self.decoder.config());
        let drawn = self.draw(batch);
        let settings = StepSettings {
            classes: drawn
                .as_ref()
                .map_or(SoftmaxClasses::All, SampledClasses::classes),
            weight: 1.0 / (tokens as f32).max(1.0),
            dropout_stream: self.dropout_stream(),
        };
        let touched = match &drawn {
            Some(drawn) if self.options.sparse_tables => touched(&self.decoder, batch, drawn),
            _ => whole(self.decoder.trained().len()),
        };
        self.clear(touched);
        let losses = self.on_workers(&parts, |decoder, parts, worker| {
            (parts.iter())
                .map(|part| forward_and_backward(decoder, part, settings, worker))
                .sum::<f64>()
        });
        let loss = losses.iter().sum::<f64>() / (tokens as f64).max(1.0);
        self.finish_step(loss, tokens)
    }

    /// The summed negative log likelihood of the scored targets over the whole
    /// vocabulary, and their number; without dropout.
    ///
    /// # Panics
    /// As [`Trainer::step`].
    pub fn evaluate(&self, batch: &[Sequence]) -> (f64, usize) {
        let decoder = self.decoder();
        let parts = pack(batch, self.workers.len(), decoder.config());
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

    /// How many threads compute.
    pub(crate) fn threads(&self) -> usize {
        self.workers.len()
    }

    /// The stream of this step's dropout.
    pub(crate) fn dropout_stream(&self) -> u64 {
        mix(self.options.seed ^ mix(self.steps_done as u64))
    }

    /// The tokens that this step's targets compete with; none for all.
    fn draw(&self, batch: &[Sequence]) -> Option<SampledClasses> {
        let seed = mix(mix(self.options.seed) ^ self.steps_done as u64);
        negative_sampling::sample(
            self.options.loss,
            batch,
            self.decoder.config().vocabulary,
            self.frequencies.as_ref(),
            seed,
        )
    }

    /// Makes all gradients 0 before a step that touches these ranges.
    pub(crate) fn clear(&mut self, touched: Vec<Range<usize>>) {
        let count = self.decoder.trained().len();
        let before = &self.touched;
        std::thread::scope(|scope| {
            for worker in &mut self.workers {
                scope.spawn(move || worker.clear(count, before));
            }
        });
        self.touched = touched;
    }

    /// Shares micro-batches out over the threads; what each of them made, in
    /// their order.
    pub(crate) fn on_workers<T: Send>(
        &mut self,
        parts: &[MicroBatch],
        work: impl Fn(&Transformer, &[MicroBatch], &mut Worker) -> T + Sync,
    ) -> Vec<T> {
        let decoder = &self.decoder;
        let share = parts.len().div_ceil(self.workers.len()).max(1);
        let mut shares = parts.chunks(share);
        let work = &work;
        std::thread::scope(|scope| {
            let handles: Vec<_> = (self.workers.iter_mut())
                .map(|worker| {
                    let parts = shares.next().unwrap_or_default();
                    scope.spawn(move || work(decoder, parts, worker))
                })
                .collect();
            handles.into_iter().map(join).collect()
        })
    }

    /// The gradient of all threads after a step.
    #[cfg(test)]
    pub(crate) fn reduced_gradient(&self) -> &[f32] {
        (self.workers.first()).map_or(&[], |worker| &worker.gradient)
    }

    /// Updates the weights with the gradients of all threads.
    pub(crate) fn finish_step(&mut self, loss: f64, tokens: usize) -> StepReport {
        let learning_rate = self.options.learning_rate_at(self.steps_done);
        let gradient_norm = self.reduce();
        self.steps_done += 1;
        if tokens > 0 && gradient_norm.is_finite() {
            self.update(learning_rate, gradient_norm);
        }
        StepReport {
            loss,
            gradient_norm,
            tokens,
            learning_rate,
        }
    }

    /// Adds the gradients of all threads into the first one's, in their order,
    /// and returns the norm.
    fn reduce(&mut self) -> f64 {
        let shares = split(&self.touched, self.workers.len());
        let Some((first, others)) = self.workers.split_first_mut() else {
            return 0.0;
        };
        let others: &[Worker] = others;
        let mut first = Cutter::new(&mut first.gradient);
        let squares: f64 = std::thread::scope(|scope| {
            let handles: Vec<_> = (shares.into_iter())
                .map(|ranges| {
                    let slices: Vec<_> = ranges.iter().map(|range| first.cut(range)).collect();
                    scope.spawn(move || {
                        let mut squares = 0.0;
                        for (slice, range) in slices.into_iter().zip(ranges) {
                            for other in others {
                                add(slice, &other.gradient[range.clone()]);
                            }
                            squares += sum_of_squares(slice);
                        }
                        squares
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
        let weights = self.decoder.trained_mut().0;
        self.plan.apply(
            update,
            &self.touched,
            (weights, &worker.gradient, &mut self.moments),
            &mut self.update_buffers,
        );
        if let (Some(average), Some(decay)) = (&mut self.average, self.options.ema_decay) {
            let step = (self.steps_done, threads);
            average::follow(average, &self.decoder, decay, step);
        }
    }
}

/// The result of a thread; its panic goes on in this one.
pub(crate) fn join<T>(handle: std::thread::ScopedJoinHandle<'_, T>) -> T {
    handle
        .join()
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
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
        settings.classes,
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
            SoftmaxClasses::All,
            None,
            &mut scratch,
        );
        sum = (sum.0 + loss, sum.1 + tokens);
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::architecture::TransformerConfig;

    /// 30 micro-batches a thread: the buffers are those of one.
    #[test]
    fn a_batch_beyond_one_pass_needs_the_memory_of_one() {
        let config = TransformerConfig::new(2, 16, 2, 64, 50);
        let limit = crate::sequence::micro_batch_tokens(&config) * 3 / 2 + 64;
        let options = TrainerOptions {
            threads: 2,
            ..TrainerOptions::default()
        };
        let model = Transformer::new(config, 1).expect("a configuration");
        let mut trainer = Trainer::new(model, options);
        let sequence = Sequence::next_tokens(&(0..50).collect::<Vec<u32>>());
        let large = vec![sequence; 30 * limit * 2 / 49];
        trainer.step(&large);
        for worker in &trainer.workers {
            let layer = &worker.activations.layers[0];
            for buffer in [&worker.activations.hidden, &layer.feed_forward.input] {
                assert!((1..=limit * 16).contains(&buffer.len()), "{}", buffer.len());
            }
        }
    }
}
