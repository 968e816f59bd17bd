//! `bench train-lm`: how fast the language model trains on a text, and how
//! well it then predicts the part of the text that it has not seen.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use flate2::read::MultiGzDecoder;
use models::{
    Decay, Optimizer, Schedule, Sequence, Tokenizer, Trainer, TrainerOptions, Transformer,
    TransformerConfig,
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

use crate::watched::watched;
use server::table;

/// The last part of the text, one in so many bytes, is held out.
const HELD_OUT_SHARE: usize = 20;
/// The first steps fill caches and buffers: they are not timed.
const UNTIMED_STEPS: usize = 1;
const SEED: u64 = 1;
/// The share of the steps in which a stable learning rate comes down.
const DECAY_FRACTION: f32 = 0.2;

/// How gradients change the weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OptimizerChoice {
    /// AdamW for all weights.
    #[value(name = "adamw")]
    AdamW,
    /// Muon for the matrices inside the layers.
    Muon,
}

/// The course of the learning rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ScheduleChoice {
    /// Half a cosine.
    Cosine,
    /// Stable, and down in the last fifth of the steps.
    Stable,
}

/// Training speed of the language model.
#[derive(Debug, Args)]
pub struct TrainLmArguments {
    /// A text in UTF-8, as it is or packed by gzip or Zstandard.
    #[arg(long, value_name = "FILE")]
    pub text: PathBuf,
    /// Blocks of attention and feed-forward.
    #[arg(long, default_value_t = 6)]
    pub layers: usize,
    /// The width of the model.
    #[arg(long, default_value_t = 384)]
    pub width: usize,
    /// Attention heads.
    #[arg(long, default_value_t = 6)]
    pub heads: usize,
    /// Tokens of a training sequence.
    #[arg(long, default_value_t = 256)]
    pub context: usize,
    /// Tokens of the vocabulary; fewer where the text is too small.
    #[arg(long, default_value_t = 8192)]
    pub vocabulary: usize,
    /// Sequences of a step.
    #[arg(long, default_value_t = 16)]
    pub batch: usize,
    /// Training steps.
    #[arg(long, default_value_t = 20)]
    pub steps: usize,
    /// How gradients change the weights.
    #[arg(long, value_enum, default_value = "adamw")]
    pub optimizer: OptimizerChoice,
    /// The highest learning rate.
    #[arg(long, default_value_t = 1e-3)]
    pub learning_rate: f32,
    /// The course of the learning rate.
    #[arg(long, value_enum, default_value = "cosine")]
    pub schedule: ScheduleChoice,
}

/// What training left.
struct Run {
    trainer: Trainer,
    losses: Vec<f64>,
    /// Of each step.
    seconds: Vec<f64>,
}

/// Trains on the text and measures.
pub fn run(arguments: &TrainLmArguments) -> anyhow::Result<Value> {
    if arguments.steps == 0 || arguments.batch == 0 {
        bail!("--steps and --batch must be at least 1");
    }
    let (training, held_out) = read(&arguments.text)?;
    let tokenizer = Tokenizer::train(training.lines(), arguments.vocabulary, &[])?;
    let tokens = tokenizer.encode(&training);
    if tokens.len() <= arguments.context {
        bail!(
            "{}: {} tokens are too few for a context of {}",
            arguments.text.display(),
            tokens.len(),
            arguments.context
        );
    }
    // The table keeps the size that was asked for, so that the speed is that
    // of the shape on any text.
    let config = TransformerConfig::new(
        arguments.layers,
        arguments.width,
        arguments.heads,
        arguments.context,
        arguments.vocabulary,
    );
    let run = train(arguments, &tokens, Transformer::new(config, SEED)?);
    let bits_per_byte = bits_per_byte(&run.trainer, &tokenizer.encode(&held_out), held_out.len());
    let tokens_per_second = tokens_per_second(arguments, &run.seconds);
    print(arguments, &run, tokens_per_second, bits_per_byte);
    Ok(json!({
        "tokens_per_second": tokens_per_second,
        "loss": run.losses,
        "bits_per_byte": bits_per_byte,
        "parameters": run.trainer.decoder().parameter_count(),
        "training_bytes": training.len(),
        "held_out_bytes": held_out.len(),
    }))
}

/// The text, and its end that is held out.
fn read(path: &Path) -> anyhow::Result<(String, String)> {
    let bytes = unpacked(path).with_context(|| path.display().to_string())?;
    let mut text = String::from_utf8(bytes)
        .with_context(|| format!("{}: the text is not UTF-8", path.display()))?;
    let held_out =
        text.split_off(text.floor_char_boundary(text.len() - text.len() / HELD_OUT_SHARE));
    if text.is_empty() || held_out.is_empty() {
        bail!("{}: too little text", path.display());
    }
    Ok((text, held_out))
}

/// The bytes of a file, whatever it is packed with.
fn unpacked(path: &Path) -> std::io::Result<Vec<u8>> {
    let bytes = std::fs::read(path)?;
    match bytes.as_slice() {
        [0x1f, 0x8b, ..] => {
            let mut plain = Vec::new();
            MultiGzDecoder::new(bytes.as_slice()).read_to_end(&mut plain)?;
            Ok(plain)
        }
        [0x28, 0xb5, 0x2f, 0xfd, ..] => zstd::decode_all(bytes.as_slice()),
        _ => Ok(bytes),
    }
}

fn train(arguments: &TrainLmArguments, tokens: &[u32], decoder: Transformer) -> Run {
    let options = TrainerOptions {
        steps: arguments.steps,
        warmup_steps: (arguments.steps / 10).clamp(1, 100),
        learning_rate: arguments.learning_rate,
        optimizer: match arguments.optimizer {
            OptimizerChoice::AdamW => Optimizer::AdamW,
            OptimizerChoice::Muon => Optimizer::Muon,
        },
        schedule: match arguments.schedule {
            ScheduleChoice::Cosine => Schedule::Cosine,
            ScheduleChoice::Stable => Schedule::WarmupStableDecay {
                decay_fraction: DECAY_FRACTION,
                decay: Decay::OneMinusRoot,
            },
        },
        threads: std::thread::available_parallelism().map_or(1, usize::from),
        seed: SEED,
        ..TrainerOptions::default()
    };
    let mut random = ChaCha8Rng::seed_from_u64(SEED);
    let mut trainer = Trainer::new(decoder, options);
    let (mut losses, mut seconds) = (Vec::new(), Vec::new());
    for _ in watched("train", 0..arguments.steps) {
        let batch: Vec<Sequence> = (0..arguments.batch)
            .map(|_| {
                let start = random.random_range(0..tokens.len() - arguments.context);
                Sequence::next_tokens(&tokens[start..=start + arguments.context])
            })
            .collect();
        let start = Instant::now();
        losses.push(trainer.step(&batch).loss);
        seconds.push(start.elapsed().as_secs_f64());
    }
    Run {
        trainer,
        losses,
        seconds,
    }
}

/// The mean over the timed steps.
fn tokens_per_second(arguments: &TrainLmArguments, seconds: &[f64]) -> f64 {
    let timed = &seconds[UNTIMED_STEPS.min(seconds.len() - 1)..];
    let tokens = timed.len() * arguments.batch * arguments.context;
    tokens as f64 / timed.iter().sum::<f64>()
}

/// The cost of the held-out text under the model, in consecutive pieces as
/// long as the context. A first token stands without a past: it costs what a
/// uniform choice costs.
fn bits_per_byte(trainer: &Trainer, tokens: &[u32], bytes: usize) -> f64 {
    let config = trainer.decoder().config();
    let pieces: Vec<&[u32]> = tokens.chunks(config.context).collect();
    let mut nats = pieces.len() as f64 * (config.vocabulary as f64).ln();
    for pieces in pieces.chunks(16) {
        let batch: Vec<Sequence> = pieces
            .iter()
            .map(|piece| Sequence::next_tokens(piece))
            .collect();
        nats += trainer.evaluate(&batch).0;
    }
    nats / std::f64::consts::LN_2 / bytes as f64
}

fn print(arguments: &TrainLmArguments, run: &Run, tokens_per_second: f64, bits_per_byte: f64) {
    let mut rows = table::with_headings(&["step", "loss", "seconds"]);
    let every = arguments.steps.div_ceil(10);
    for (step, (loss, seconds)) in run.losses.iter().zip(&run.seconds).enumerate() {
        if step % every == 0 || step + 1 == arguments.steps {
            rows.add_row([
                (step + 1).to_string(),
                format!("{loss:.4}"),
                format!("{seconds:.3}"),
            ]);
        }
    }
    eprintln!("{rows}");
    eprintln!("{tokens_per_second:.0} tokens/s, {bits_per_byte:.4} bits per byte held out");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(text: PathBuf) -> TrainLmArguments {
        TrainLmArguments {
            text,
            layers: 1,
            width: 16,
            heads: 2,
            context: 16,
            vocabulary: 300,
            batch: 4,
            steps: 3,
            optimizer: OptimizerChoice::Muon,
            learning_rate: 1e-3,
            schedule: ScheduleChoice::Stable,
        }
    }

    #[test]
    fn a_text_is_trained_on_and_measured() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("text.txt");
        std::fs::write(
            &path,
            "The cat sat on the mat. 猫坐在垫子上。\n".repeat(100),
        )?;
        let keys = run(&arguments(path.clone()))?;
        assert_eq!(keys["loss"].as_array().map(Vec::len), Some(3));
        let packed = folder.path().join("text.zst");
        std::fs::write(&packed, zstd::encode_all(&*std::fs::read(path)?, 1)?)?;
        assert_eq!(run(&arguments(packed))?["loss"], keys["loss"]);
        assert!(
            keys["tokens_per_second"]
                .as_f64()
                .is_some_and(|speed| speed > 0.0)
        );
        // An untrained model costs about the logarithm of its vocabulary for
        // each token, and no token is shorter than a byte.
        let bits = keys["bits_per_byte"].as_f64();
        assert!(
            bits.is_some_and(|bits| (0.5..9.0).contains(&bits)),
            "{bits:?}"
        );
        Ok(())
    }

    #[test]
    fn a_file_that_cannot_be_used_is_named() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        for (name, content) in [
            ("missing", None),
            ("empty", Some(&b""[..])),
            ("binary", Some(&[0xff; 400])),
            ("short", Some(b"ab")),
        ] {
            let path = folder.path().join(name);
            if let Some(content) = content {
                std::fs::write(&path, content)?;
            }
            let error = run(&arguments(path)).expect_err("an unusable file");
            assert!(format!("{error:#}").contains(name), "{error:#}");
        }
        Ok(())
    }
}
