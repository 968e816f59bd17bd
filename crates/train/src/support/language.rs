use std::path::PathBuf;
use std::time::Instant;

use corpus::Split;
use corpus::support::{
    AGENT_TOKEN, CUSTOMER_TOKEN, END_TOKEN, LanguageExample, QUESTION_TOKENS, SPECIAL_TOKENS,
    UNIT_TOKENS,
};
use models::{Sequence, Tokenizer, Trainer, TrainerOptions, Transformer, TransformerConfig, lift};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use crate::{Job, Size, TrainError};

/// The language model of a shop, trained.
pub(super) struct Language {
    pub tokenizer: Tokenizer,
    pub trainer: Trainer,
    special: Special,
}

#[derive(Clone, Copy)]
struct Special {
    customer: u32,
    agent: u32,
    end: u32,
}

/// What a size means: `layers`, `width`, the tokens trained on, the passes
/// over the data at most, and the largest vocabulary.
struct Effort {
    layers: usize,
    width: usize,
    heads: usize,
    context: usize,
    tokens: usize,
    passes: usize,
    vocabulary: usize,
    learning_rate: f32,
}

fn effort(size: Size) -> Effort {
    match size {
        Size::Tiny => Effort {
            layers: 3,
            width: 128,
            heads: 4,
            context: 256,
            tokens: 1_000_000,
            passes: 12,
            vocabulary: 4_096,
            learning_rate: 3e-3,
        },
        Size::Small => Effort {
            layers: 6,
            width: 256,
            heads: 8,
            context: 384,
            tokens: 12_000_000,
            passes: 12,
            vocabulary: 8_192,
            learning_rate: 1.5e-3,
        },
        Size::Base => Effort {
            layers: 8,
            width: 512,
            heads: 8,
            context: 512,
            tokens: 200_000_000,
            passes: 8,
            vocabulary: 16_384,
            learning_rate: 8e-4,
        },
    }
}

/// Tokens in a step.
const BATCH_TOKENS: usize = 4_096;
const CHECKPOINT_STEPS: usize = 100;
/// A token more for every so many bytes of text.
const BYTES_PER_TOKEN: usize = 48;
const SMALLEST_VOCABULARY: usize = 512;

pub(super) fn train(examples: &[LanguageExample], job: &Job<'_>) -> Result<Language, TrainError> {
    let effort = effort(job.size);
    let engine = |error: models::ModelError| TrainError::Engine(error.to_string());
    job.progress.begin("support: tokenizer", 0);
    let texts = || {
        let training = examples
            .iter()
            .filter(|example| example.split == Split::Train);
        training.flat_map(|example| example.segments.iter().map(|segment| segment.text.as_str()))
    };
    let bytes: usize = texts().map(str::len).sum();
    let vocabulary = (bytes / BYTES_PER_TOKEN).clamp(SMALLEST_VOCABULARY, effort.vocabulary);
    let tokenizer = Tokenizer::train(texts(), vocabulary, &SPECIAL_TOKENS).map_err(engine)?;
    job.progress
        .end(&format!("{} tokens", tokenizer.vocabulary_size()));
    let special = special_of(&tokenizer)?;
    let sequences = sequences(examples, Split::Train, &tokenizer, special, effort.context);
    let tokens: usize = sequences.iter().map(|sequence| sequence.inputs.len()).sum();
    if tokens == 0 {
        return Err(TrainError::NoData {
            service: "support",
            reason: "no text is left to learn from".to_owned(),
        });
    }
    let total = effort.tokens.min(tokens.saturating_mul(effort.passes));
    let steps = (total / BATCH_TOKENS.min(tokens)).max(1);
    let config = TransformerConfig::new(
        effort.layers,
        effort.width,
        effort.heads,
        effort.context,
        tokenizer.vocabulary_size(),
    );
    let options = TrainerOptions {
        steps,
        warmup_steps: (steps / 20).max(1),
        learning_rate: effort.learning_rate,
        threads: job.threads.max(1),
        seed: job.seed,
        ..TrainerOptions::default()
    };
    let trainer = match resumed(job, &config, &options) {
        Some(trainer) => trainer,
        None => Trainer::new(Transformer::new(config, job.seed).map_err(engine)?, options),
    };
    let trainer = run(trainer, &sequences, steps, job)?;
    Ok(Language {
        tokenizer,
        trainer,
        special,
    })
}

fn special_of(tokenizer: &Tokenizer) -> Result<Special, TrainError> {
    let find = |token: &str| {
        tokenizer
            .special(token)
            .ok_or_else(|| TrainError::Engine(format!("the tokenizer lost {token}")))
    };
    Ok(Special {
        customer: find(CUSTOMER_TOKEN)?,
        agent: find(AGENT_TOKEN)?,
        end: find(END_TOKEN)?,
    })
}

/// The examples of one split as sequences of at most `context` tokens.
fn sequences(
    examples: &[LanguageExample],
    split: Split,
    tokenizer: &Tokenizer,
    special: Special,
    context: usize,
) -> Vec<Sequence> {
    let mut found = Vec::new();
    for example in examples.iter().filter(|example| example.split == split) {
        let mut tokens = Vec::new();
        for segment in &example.segments {
            tokens.extend(tokenizer.special(segment.opens));
            tokens.extend(tokenizer.encode(&segment.text));
        }
        tokens.push(special.end);
        let mut start = 0;
        while start + 1 < tokens.len() {
            let end = (start + context + 1).min(tokens.len());
            found.push(Sequence::next_tokens(&tokens[start..end]));
            start = end - 1;
        }
    }
    found
}

/// The batches of every step: passes over the sequences, each in an order of
/// its own, cut at [`BATCH_TOKENS`]. They depend on the seed alone, so that a
/// resumed run goes on where it stopped.
fn batches(sequences: &[Sequence], steps: usize, seed: u64) -> Vec<Vec<u32>> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut found = Vec::with_capacity(steps);
    let mut batch = Vec::new();
    let mut tokens = 0;
    while found.len() < steps {
        let mut order: Vec<u32> = (0..sequences.len() as u32).collect();
        order.shuffle(&mut random);
        for place in order {
            batch.push(place);
            tokens += sequences[place as usize].inputs.len();
            if tokens >= BATCH_TOKENS {
                found.push(std::mem::take(&mut batch));
                tokens = 0;
            }
        }
        if found.is_empty() || tokens * 2 > BATCH_TOKENS {
            found.push(std::mem::take(&mut batch));
            tokens = 0;
        }
    }
    found.truncate(steps);
    found
}

fn run(
    mut trainer: Trainer,
    sequences: &[Sequence],
    steps: usize,
    job: &Job<'_>,
) -> Result<Trainer, TrainError> {
    let batches = batches(sequences, steps, job.seed);
    job.progress.begin("support: language model", steps as u64);
    let (start, mut tokens, mut loss) = (Instant::now(), 0, 0.0);
    for (step, places) in batches.iter().enumerate().skip(trainer.steps_done()) {
        if job.stopped() {
            save(&trainer, job)?;
            return Err(TrainError::Stopped);
        }
        let batch: Vec<Sequence> = places
            .iter()
            .map(|place| sequences[*place as usize].clone())
            .collect();
        let report = trainer.step(&batch);
        tokens += report.tokens;
        loss = report.loss;
        let speed = tokens as f64 / start.elapsed().as_secs_f64().max(1e-9);
        job.progress.advance(
            step as u64 + 1,
            &format!("loss {loss:.3}, {speed:.0} tokens/s"),
        );
        if (step + 1) % CHECKPOINT_STEPS == 0 && step + 1 < steps {
            save(&trainer, job)?;
        }
    }
    job.progress.end(&format!("loss {loss:.3}"));
    Ok(trainer)
}

fn checkpoint_path(job: &Job<'_>) -> PathBuf {
    job.folder.join("support.checkpoint")
}

/// Writes beside and renames, so that a crash leaves the old one whole.
fn save(trainer: &Trainer, job: &Job<'_>) -> Result<(), TrainError> {
    let path = checkpoint_path(job);
    let beside = path.with_extension("checkpoint.part");
    let failed = |error: std::io::Error| TrainError::Checkpoint {
        path: path.display().to_string(),
        reason: error.to_string(),
    };
    std::fs::create_dir_all(job.folder).map_err(failed)?;
    std::fs::write(&beside, trainer.checkpoint()).map_err(failed)?;
    std::fs::rename(&beside, &path).map_err(failed)
}

/// The checkpoint, when one is wanted, there, whole, and of this very run.
fn resumed(job: &Job<'_>, config: &TransformerConfig, options: &TrainerOptions) -> Option<Trainer> {
    if !job.resume {
        return None;
    }
    let bytes = std::fs::read(checkpoint_path(job)).ok()?;
    let trainer = Trainer::resume(&bytes, options.clone()).ok()?;
    let same = trainer.decoder().config() == config && trainer.steps_done() <= options.steps;
    if !same {
        tracing::warn!("the checkpoint is of another run; starting over");
    }
    same.then_some(trainer)
}

/// Once the artifact stands, the checkpoint is of no more use.
pub(super) fn forget_checkpoint(job: &Job<'_>) {
    // It may never have been written; nothing depends on it.
    let _ = std::fs::remove_file(checkpoint_path(job));
}

impl Language {
    /// The bits that the validation texts cost a byte, with one more byte for
    /// the end of each segment; `None` without any.
    pub fn bits_per_byte(&self, examples: &[LanguageExample]) -> Option<f64> {
        let context = self.trainer.decoder().config().context;
        let sequences = sequences(
            examples,
            Split::Validation,
            &self.tokenizer,
            self.special,
            context,
        );
        let bytes: usize = examples
            .iter()
            .filter(|example| example.split == Split::Validation)
            .flat_map(|example| &example.segments)
            .map(|segment| segment.text.len() + 1)
            .sum();
        let nats: f64 = sequences
            .chunks(16)
            .map(|batch| self.trainer.evaluate(batch).0)
            .sum();
        (bytes > 0).then(|| nats / std::f64::consts::LN_2 / bytes as f64)
    }

    /// For each unit: how many nats a token the question makes it likelier.
    pub fn lifts(&self, question: &str, units: &[&str]) -> Vec<f32> {
        let mut prompt = vec![self.special.customer];
        prompt.extend(
            self.tokenizer
                .encode(question)
                .into_iter()
                .take(QUESTION_TOKENS),
        );
        prompt.push(self.special.agent);
        let base = [self.special.customer, self.special.agent];
        let continuations: Vec<Vec<u32>> = units
            .iter()
            .map(|unit| {
                self.tokenizer
                    .encode(unit)
                    .into_iter()
                    .take(UNIT_TOKENS)
                    .collect()
            })
            .collect();
        lift(self.trainer.decoder(), &prompt, &base, &continuations)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_has_its_batch_and_every_pass_sees_everything() {
        let sequences: Vec<Sequence> = (1..60)
            .map(|length| Sequence::next_tokens(&vec![7; length * 10]))
            .collect();
        let found = batches(&sequences, 40, 3);
        assert_eq!(found.len(), 40);
        assert_eq!(found, batches(&sequences, 40, 3));
        let mut seen: Vec<u32> = found.concat();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), sequences.len());
        assert_eq!(batches(&sequences[..1], 5, 3).len(), 5);
    }
}
