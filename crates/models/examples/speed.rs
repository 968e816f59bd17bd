//! How fast the engine trains on this machine, on made-up tokens:
//! `cargo run --release -p models --example speed --
//! [language|muon|items|long-items|many-items|pairs|generate] [threads]`, or
//! `adapters MODEL [threads]` beside a published model.

use std::ops::ControlFlow;
use std::time::Instant;

use models::{
    AdapterOptions, LanguageModel, Loss, ModelError, Optimizer, Pooling, Sampling, Sequence,
    Trainer, TrainerOptions, Transformer, TransformerConfig, generate,
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

fn main() -> Result<(), ModelError> {
    let mut arguments = std::env::args().skip(1);
    let which = arguments.next().unwrap_or_else(|| "language".to_owned());
    let threads = arguments.next().and_then(|n| n.parse().ok()).unwrap_or(2);
    if which == "adapters" {
        return measure_adapters(&std::env::args().nth(2).unwrap_or_default());
    }
    if which == "generate" {
        return measure_generation(TransformerConfig::new(6, 384, 6, 256, 8192));
    }
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let plain = TrainerOptions {
        threads,
        ..TrainerOptions::default()
    };
    match which.as_str() {
        "items" => {
            let config = TransformerConfig::new(2, 64, 2, 50, 12_000);
            let batch = items(12_000, &mut random);
            let full = trainer(config.clone(), plain.clone())?;
            measure("items, full", full, &batch, 12);
            let options = TrainerOptions {
                loss: Loss::Sampled { negatives: 256 },
                ..plain
            };
            measure("items, sampled", trainer(config, options)?, &batch, 100);
        }
        "long-items" => {
            let mut lengths = ChaCha8Rng::seed_from_u64(2);
            let batch: Vec<Sequence> = (0..128)
                .map(|_| sequence(lengths.random_range(30..=70), 20_000, &mut random))
                .collect();
            let config = TransformerConfig::new(2, 64, 2, 70, 20_000);
            measure("items, full", trainer(config, plain)?, &batch, 12);
        }
        "many-items" => {
            let config = TransformerConfig::new(2, 64, 2, 50, 1_000_000);
            let batch = items(1_000_000, &mut random);
            for (name, loss) in [
                ("popular", Loss::Popular { negatives: 1024 }),
                ("in batch", Loss::InBatch),
            ] {
                for sparse_tables in [true, false] {
                    let options = TrainerOptions {
                        loss,
                        sparse_tables,
                        ..plain.clone()
                    };
                    let counts = (1..=1_000_000).map(|rank| 1e6 / rank as f32).collect();
                    let trainer = trainer(config.clone(), options)?.with_frequencies(counts)?;
                    let tables = if sparse_tables { "sparse" } else { "dense" };
                    measure(&format!("1M items, {name}, {tables}"), trainer, &batch, 12);
                }
            }
        }
        "pairs" => measure_pairs(plain, &mut random)?,
        _ => {
            let config = TransformerConfig::new(6, 384, 6, 256, 8192);
            let batch: Vec<Sequence> = (0..16).map(|_| sequence(256, 8192, &mut random)).collect();
            let options = TrainerOptions {
                optimizer: match which.as_str() {
                    "muon" => Optimizer::Muon,
                    _ => Optimizer::AdamW,
                },
                ..plain
            };
            measure(&which, trainer(config, options)?, &batch, 6);
        }
    }
    Ok(())
}

/// Adapters of rank 16 beside all layers of a published model, 4 sequences of
/// 256 tokens a step.
fn measure_adapters(path: &str) -> Result<(), ModelError> {
    let threads = std::env::args().nth(3).and_then(|n| n.parse().ok());
    let mut model = LanguageModel::published(path.as_ref())?.network;
    model.adapt(AdapterOptions::default(), 1)?;
    let vocabulary = model.config().vocabulary as u32;
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let batch: Vec<Sequence> = (0..4)
        .map(|_| sequence(256, vocabulary, &mut random))
        .collect();
    let options = TrainerOptions {
        threads: threads.unwrap_or(2),
        ..TrainerOptions::default()
    };
    measure("adapters", Trainer::new(model, options), &batch, 4);
    Ok(())
}

/// Sequences of a mean of 9 items, between 3 and 50, most of them short.
fn items(vocabulary: u32, random: &mut ChaCha8Rng) -> Vec<Sequence> {
    (0..256)
        .map(|_| {
            let length = 3.0 - 6.0 * (1.0 - random.random::<f64>()).ln();
            sequence((length as usize).min(50), vocabulary, random)
        })
        .collect()
}

fn trainer(config: TransformerConfig, options: TrainerOptions) -> Result<Trainer, ModelError> {
    Ok(Trainer::new(Transformer::new(config, 1)?, options))
}

fn sequence(length: usize, vocabulary: u32, random: &mut ChaCha8Rng) -> Sequence {
    let tokens: Vec<u32> = (0..=length)
        .map(|_| random.random_range(0..vocabulary))
        .collect();
    Sequence::next_tokens(&tokens)
}

fn measure(name: &str, mut trainer: Trainer, batch: &[Sequence], steps: usize) {
    trainer.step(batch);
    let processor_start = processor_seconds();
    let mut seconds: Vec<f64> = (0..steps)
        .map(|_| {
            let start = Instant::now();
            trainer.step(batch);
            start.elapsed().as_secs_f64()
        })
        .collect();
    seconds.sort_unstable_by(f64::total_cmp);
    let tokens: usize = batch.iter().map(|sequence| sequence.inputs.len()).sum();
    for (which, seconds) in [("median", seconds[steps / 2]), ("best", seconds[0])] {
        println!(
            "{name}: {which} step {:.1} ms, {:.0} tokens/s, {:.0} sequences/s",
            seconds * 1e3,
            tokens as f64 / seconds,
            batch.len() as f64 / seconds,
        );
    }
    // On a busy machine this figure says more than the clock does.
    if let (Some(start), Some(end)) = (processor_start, processor_seconds()) {
        let spent = (end - start) / steps as f64;
        println!(
            "{name}: {:.1} ms of processor time a step, {:.0} tokens and {:.0} sequences \
             a processor second",
            spent * 1e3,
            tokens as f64 / spent,
            batch.len() as f64 / spent,
        );
    }
    if let Some(kilobytes) = peak_kilobytes() {
        println!("{name}: at most {:.0} MB so far", kilobytes / 1e3);
    }
}

/// An encoder of 6 layers on pairs of questions and answers.
fn measure_pairs(options: TrainerOptions, random: &mut ChaCha8Rng) -> Result<(), ModelError> {
    let threads = options.threads;
    let mut trainer = trainer(TransformerConfig::encoder(6, 384, 6, 128, 30_000), options)?;
    let pairs: Vec<(Vec<u32>, Vec<u32>)> = (0..64)
        .map(|_| {
            let mut side = |length| sequence(length, 30_000, random).inputs;
            (side(16), side(64))
        })
        .collect();
    trainer.step_pairs(&pairs, 0.05, Pooling::Mean);
    let start = Instant::now();
    for _ in 0..3 {
        trainer.step_pairs(&pairs, 0.05, Pooling::Mean);
    }
    let seconds = start.elapsed().as_secs_f64() / 3.0;
    println!("pairs: {:.0} pairs/s of 16 and 64 tokens", 64.0 / seconds);
    let sides: Vec<&[u32]> = pairs.iter().map(|pair| pair.1.as_slice()).collect();
    let start = Instant::now();
    for _ in 0..3 {
        trainer.decoder().encode(&sides, Pooling::Mean, threads);
    }
    let seconds = start.elapsed().as_secs_f64() / 3.0;
    println!("encode: {:.0} texts/s of 64 tokens", 64.0 / seconds);
    Ok(())
}

/// The most memory that this process has had, where the system tells.
fn peak_kilobytes() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

fn measure_generation(config: TransformerConfig) -> Result<(), ModelError> {
    let decoder = Transformer::new(config, 1)?;
    let prompt: Vec<u32> = (0..128).collect();
    let sampling = Sampling {
        temperature: 0.8,
        top_p: 0.9,
        maximum_tokens: 100,
        ..Sampling::default()
    };
    let processor_start = processor_seconds();
    let start = Instant::now();
    let mut first = None;
    let tokens = generate(&decoder, &prompt, &sampling, |_| {
        first.get_or_insert_with(|| start.elapsed().as_secs_f64());
        ControlFlow::Continue(())
    })?;
    let first = first.unwrap_or_default();
    let rest = start.elapsed().as_secs_f64() - first;
    println!(
        "generate: {:.0} prompt tokens/s, {:.0} tokens/s on one thread",
        prompt.len() as f64 / first,
        (tokens.len() - 1) as f64 / rest
    );
    if let (Some(start), Some(end)) = (processor_start, processor_seconds()) {
        println!(
            "generate: {:.0} ms of processor time in all",
            1e3 * (end - start)
        );
    }
    Ok(())
}

/// The processor time of all threads of this process so far, where the system
/// tells (Linux, in ticks of 10 ms).
fn processor_seconds() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/stat").ok()?;
    let fields = status.rsplit(')').next()?.split_whitespace();
    let ticks: Vec<f64> = (fields.skip(11).take(2))
        .filter_map(|ticks| ticks.parse().ok())
        .collect();
    Some(ticks.iter().sum::<f64>() / 100.0)
}
