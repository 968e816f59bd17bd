//! The training loop: steps, looks at held-out text, checkpoints. The weights
//! of the best look are the result.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use models::{EarlyStop, ModelError, Sequence, Trainer, TrainerOptions, Transformer, Verdict};
use serde::{Deserialize, Serialize};

use super::batches::{Material, batches};
use super::engine;
use crate::{Job, TrainError};

/// A checkpoint is written after so many steps, and after so much time.
const CHECKPOINT_STEPS: usize = 100;
const CHECKPOINT_TIME: Duration = Duration::from_secs(60);
/// How often the held-out text is looked at in a run.
const LOOKS: usize = 12;
/// A look runs forward over as many tokens as this share of the steps between
/// two looks: a few per cent of the time.
const LOOK_SHARE: usize = 4;
/// Looks without a gain that are waited for.
const PATIENCE: usize = 3;

/// What training left.
pub(super) struct Fit {
    pub network: Transformer,
    /// On all held-out text; none where there is none.
    pub bits_per_byte: Option<f64>,
    /// Of the network that training began with.
    pub bits_per_byte_before: Option<f64>,
}

/// What a run knows beside its trainer.
#[derive(Serialize, Deserialize)]
struct Course {
    /// Of which base, if any.
    base: Option<PathBuf>,
    early_stop: EarlyStop,
    /// Whether the weights of the best look follow.
    has_best: bool,
    /// Patience is over.
    over: bool,
    bits_per_byte_before: Option<f64>,
}

struct Run<'a> {
    trainer: Trainer,
    course: Course,
    /// Of the best look; empty before the first.
    best: Vec<f32>,
    look: (Vec<Sequence>, usize),
    job: &'a Job<'a>,
}

/// Trains to the last step, or until held-out text has not become more likely
/// for some looks.
pub(super) fn run(
    fresh: impl FnOnce() -> Result<Trainer, TrainError>,
    options: &TrainerOptions,
    (material, batch_tokens): (&Material, usize),
    job: &Job<'_>,
) -> Result<Fit, TrainError> {
    let steps = options.steps;
    let look_steps = steps.div_ceil(LOOKS).max(1);
    let look = material.held_out(look_steps * batch_tokens / LOOK_SHARE);
    let mut run = match resumed(job, options) {
        Some((trainer, course, best)) => Run {
            trainer,
            course,
            best,
            look,
            job,
        },
        None => begin(fresh()?, look, (material, job)),
    };
    let batches = batches(&material.training, batch_tokens, steps, job.seed);
    job.progress.begin("support: language model", steps as u64);
    let (start, mut tokens) = (Instant::now(), 0);
    let mut saved = start;
    for (step, places) in batches.iter().enumerate().skip(run.trainer.steps_done()) {
        if run.course.over {
            break;
        }
        if job.stopped() {
            run.save()?;
            return Err(TrainError::Stopped);
        }
        let batch: Vec<Sequence> = places
            .iter()
            .map(|place| material.training[*place as usize].clone())
            .collect();
        let report = run.trainer.step(&batch);
        tokens += report.tokens;
        let done = step + 1;
        if done.is_multiple_of(look_steps) || done == steps {
            run.look();
        }
        let speed = tokens as f64 / start.elapsed().as_secs_f64().max(1e-9);
        let held_out = run.held_out();
        job.progress.advance(
            done as u64,
            &format!("loss {:.3}{held_out}, {speed:.0} tokens/s", report.loss),
        );
        let due = done.is_multiple_of(CHECKPOINT_STEPS) || saved.elapsed() > CHECKPOINT_TIME;
        if due && done < steps {
            run.save()?;
            saved = Instant::now();
        }
    }
    run.finish(material)
}

fn begin<'a>(
    trainer: Trainer,
    look: (Vec<Sequence>, usize),
    (material, job): (&Material, &'a Job<'a>),
) -> Run<'a> {
    // A published model is worth something before the first step.
    let before = job
        .base
        .map(|_| bits_per_byte(&trainer, &material.held_out(usize::MAX)));
    Run {
        trainer,
        course: Course {
            base: job.base.map(|base| base.to_owned()),
            early_stop: EarlyStop::new(PATIENCE),
            has_best: false,
            over: false,
            bits_per_byte_before: before.flatten(),
        },
        best: Vec::new(),
        look,
        job,
    }
}

/// The bits that held-out text costs a byte; none where there is no text.
fn bits_per_byte(trainer: &Trainer, (sequences, bytes): &(Vec<Sequence>, usize)) -> Option<f64> {
    let nats: f64 = sequences
        .chunks(16)
        .map(|batch| trainer.evaluate(batch).0)
        .sum();
    (*bytes > 0).then(|| nats / std::f64::consts::LN_2 / *bytes as f64)
}

impl Run<'_> {
    fn look(&mut self) {
        let Some(figure) = bits_per_byte(&self.trainer, &self.look) else {
            return;
        };
        match self.course.early_stop.update(figure) {
            Verdict::Improved => {
                self.best.clear();
                self.best.extend_from_slice(self.trainer.weights());
                self.course.has_best = true;
            }
            Verdict::Wait => {}
            Verdict::Stop => self.course.over = true,
        }
    }

    fn held_out(&self) -> String {
        let best = self.course.early_stop.best();
        best.map_or(String::new(), |best| {
            format!(", held out {best:.3} bits a byte")
        })
    }

    fn finish(mut self, material: &Material) -> Result<Fit, TrainError> {
        if self.course.has_best {
            self.trainer.set_weights(&self.best).map_err(engine)?;
        }
        let message = match self.course.over {
            true => format!("stopped early{}", self.held_out()),
            false => self.held_out().trim_start_matches(", ").to_owned(),
        };
        self.job.progress.end(&message);
        let bits_per_byte = bits_per_byte(&self.trainer, &material.held_out(usize::MAX));
        let mut network = self.trainer.into_decoder();
        network.merge_adapters();
        Ok(Fit {
            network,
            bits_per_byte,
            bits_per_byte_before: self.course.bits_per_byte_before,
        })
    }

    /// Writes beside and renames, so that a crash leaves the old one whole.
    fn save(&self) -> Result<(), TrainError> {
        let path = checkpoint_path(self.job);
        let beside = path.with_extension("checkpoint.part");
        let failed = |reason: String| TrainError::Checkpoint {
            path: path.display().to_string(),
            reason,
        };
        let course = serde_json::to_vec(&self.course).map_err(|error| failed(error.to_string()))?;
        let best = self.best.iter().flat_map(|value| value.to_le_bytes());
        let mut bytes = Vec::new();
        for part in [course, best.collect(), self.trainer.checkpoint()] {
            bytes.extend((part.len() as u64).to_le_bytes());
            bytes.extend(part);
        }
        std::fs::create_dir_all(self.job.folder)
            .and_then(|()| std::fs::write(&beside, bytes))
            .and_then(|()| std::fs::rename(&beside, &path))
            .map_err(|error| failed(error.to_string()))
    }
}

fn checkpoint_path(job: &Job<'_>) -> PathBuf {
    job.folder.join("support.checkpoint")
}

/// The checkpoint, when one is wanted, there, whole, and of this very run.
fn resumed(job: &Job<'_>, options: &TrainerOptions) -> Option<(Trainer, Course, Vec<f32>)> {
    if !job.resume {
        return None;
    }
    let bytes = std::fs::read(checkpoint_path(job)).ok()?;
    let found = parse(&bytes, options).filter(|(trainer, course, _)| {
        course.base.as_deref() == job.base && trainer.steps_done() <= options.steps
    });
    if found.is_none() {
        tracing::warn!("the checkpoint is of another run; starting over");
    }
    found
}

fn parse(bytes: &[u8], options: &TrainerOptions) -> Option<(Trainer, Course, Vec<f32>)> {
    let mut rest = bytes;
    let mut part = || {
        let (length, after) = rest.split_first_chunk::<8>()?;
        let length = usize::try_from(u64::from_le_bytes(*length)).ok()?;
        let (part, after) = after.split_at_checked(length)?;
        rest = after;
        Some(part)
    };
    let (course, best, checkpoint) = (part()?, part()?, part()?);
    let course = serde_json::from_slice(course).ok()?;
    let (best, _) = best.as_chunks::<4>();
    let best = best
        .iter()
        .map(|bytes| f32::from_le_bytes(*bytes))
        .collect();
    let trainer: Result<Trainer, ModelError> = Trainer::resume(checkpoint, options.clone());
    Some((trainer.ok()?, course, best))
}

/// Once the artifact stands, the checkpoint is of no more use.
pub(in crate::support) fn forget_checkpoint(job: &Job<'_>) {
    // It may never have been written; nothing depends on it.
    let _ = std::fs::remove_file(checkpoint_path(job));
}
