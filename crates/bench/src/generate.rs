//! `bench generate`: how fast a published model reads a prompt and writes.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use models::engine::{Engine, EngineOptions, Output, Reply, Request};
use models::published::PublishedModel;
use models::sampling::Sampling;
use models::{Precision, Transformer};
use serde_json::{Value, json};

use server::table;

/// Speed of generation.
#[derive(Debug, Args)]
pub struct GenerateArguments {
    /// A GGUF file or a Hugging Face folder.
    #[arg(long, value_name = "PATH")]
    pub model: PathBuf,
    /// Tokens of each prompt.
    #[arg(long, default_value_t = 512)]
    pub prompt_tokens: usize,
    /// Tokens to write in each stream.
    #[arg(long, default_value_t = 128)]
    pub new_tokens: usize,
    /// Streams at once.
    #[arg(long, default_value_t = 1)]
    pub streams: usize,
    /// How the weights are kept.
    #[arg(long, value_enum, default_value_t = PrecisionArgument::AsStored)]
    pub precision: PrecisionArgument,
    /// Tokens drafted from the stream's own text and checked at once; the
    /// measured text is too regular for a fair figure with them.
    #[arg(long, default_value_t = 0)]
    pub draft: usize,
    /// Keep keys and values in eight bits.
    #[arg(long)]
    pub compact_cache: bool,
    /// Threads that compute [default: all].
    #[arg(long)]
    pub threads: Option<usize>,
}

/// `--precision`.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum PrecisionArgument {
    /// 32 bits.
    Full,
    /// 8 bits.
    Int8,
    /// 4 bits, tables of tokens in 8.
    Int4,
    /// 4 bits where the file has 4, else 8.
    AsStored,
}

impl From<PrecisionArgument> for Precision {
    fn from(precision: PrecisionArgument) -> Precision {
        match precision {
            PrecisionArgument::Full => Precision::Full,
            PrecisionArgument::Int8 => Precision::Int8,
            PrecisionArgument::Int4 => Precision::Int4,
            PrecisionArgument::AsStored => Precision::AsStored,
        }
    }
}

/// Reads the model and measures.
pub fn run(arguments: &GenerateArguments) -> anyhow::Result<Value> {
    if arguments.prompt_tokens == 0 || arguments.new_tokens < 2 || arguments.streams == 0 {
        bail!("--prompt-tokens and --streams must be at least 1, --new-tokens at least 2");
    }
    let start = Instant::now();
    let path = &arguments.model;
    let published = PublishedModel::read(path).with_context(|| path.display().to_string())?;
    let model = Arc::new(Transformer::load(&published, arguments.precision.into())?);
    let load_ms = start.elapsed().as_secs_f64() * 1e3;
    let weight_mb = model.bytes() as f64 / 1e6;
    let threads = arguments
        .threads
        .map_or_else(EngineOptions::default, |threads| EngineOptions {
            threads,
            ..EngineOptions::default()
        });
    let options = EngineOptions {
        streams: arguments.streams,
        queue: arguments.streams,
        prefixes: 0,
        draft: arguments.draft,
        prompt_chunk: arguments.prompt_tokens,
        compact_cache: arguments.compact_cache,
        ..threads
    };
    let engine = Engine::start(Arc::clone(&model), options)?;
    // The first pass fills caches and makes buffers: it is not timed.
    engine.submit(request(&model, arguments, 0, 2))?.collect();
    let prompt_seconds = prompt_seconds(&engine, &model, arguments)?;
    let (decoded, decode_seconds) = decode(&engine, &model, arguments)?;
    let prompt_speed = arguments.prompt_tokens as f64 / prompt_seconds;
    let decode_speed = decoded as f64 / decode_seconds;
    // Each pass over the weights serves all streams.
    let read_gb = weight_mb / 1e3 * decode_speed / arguments.streams as f64;
    let mut rows = table::with_headings(&["figure", "value"]);
    for (name, value) in [
        ("prompt tokens/s", format!("{prompt_speed:.0}")),
        (
            "decoded tokens/s, all streams",
            format!("{decode_speed:.1}"),
        ),
        ("weights read, GB/s", format!("{read_gb:.1}")),
        ("weights, MB", format!("{weight_mb:.0}")),
        ("load, ms", format!("{load_ms:.0}")),
    ] {
        rows.add_row([name.to_owned(), value]);
    }
    eprintln!("{rows}");
    Ok(json!({
        "prompt_tokens_per_second": prompt_speed,
        "decode_tokens_per_second": decode_speed,
        "load_ms": load_ms,
        "weight_mb": weight_mb,
        "streams": arguments.streams,
    }))
}

/// A prompt of tokens without a meaning, another for each stream.
fn request(
    model: &Transformer,
    arguments: &GenerateArguments,
    stream: usize,
    new_tokens: usize,
) -> Request {
    let vocabulary = model.config().vocabulary as u64;
    let mut state = 0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(stream as u64 + 1);
    let mut next = || {
        // A multiplicative congruential generator is plenty for filler.
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        ((state >> 33) % vocabulary) as u32
    };
    Request {
        prompt: (0..arguments.prompt_tokens).map(|_| next()).collect(),
        sampling: Sampling {
            maximum_tokens: new_tokens,
            ..Sampling::default()
        },
        constraint: None,
    }
}

/// How long a prompt takes until its first token, at best of three.
fn prompt_seconds(
    engine: &Engine,
    model: &Transformer,
    arguments: &GenerateArguments,
) -> anyhow::Result<f64> {
    let mut best = f64::INFINITY;
    for round in 0..3 {
        let start = Instant::now();
        engine
            .submit(request(model, arguments, 100 + round, 1))?
            .collect();
        best = best.min(start.elapsed().as_secs_f64());
    }
    Ok(best)
}

/// The tokens that all streams write after each has written its first, and the
/// time they take.
fn decode(
    engine: &Engine,
    model: &Transformer,
    arguments: &GenerateArguments,
) -> anyhow::Result<(usize, f64)> {
    let streams = 0..arguments.streams;
    let mut replies: Vec<Reply> = streams
        .map(|stream| engine.submit(request(model, arguments, stream, arguments.new_tokens)))
        .collect::<Result<_, _>>()?;
    for reply in &mut replies {
        reply.next_output();
    }
    // By now the first streams have written more than one token.
    let (start, written) = (Instant::now(), engine.counts().new_tokens);
    for mut reply in replies {
        while let Some(Output::Token(_)) = reply.next_output() {}
    }
    let decoded = engine.counts().new_tokens - written;
    Ok((decoded as usize, start.elapsed().as_secs_f64()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_no_model_is_named() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("model.gguf");
        std::fs::write(&path, "not a model")?;
        let arguments = GenerateArguments {
            model: path,
            prompt_tokens: 4,
            new_tokens: 4,
            streams: 1,
            precision: PrecisionArgument::AsStored,
            draft: 0,
            compact_cache: false,
            threads: None,
        };
        let error = run(&arguments).expect_err("no model");
        assert!(format!("{error:#}").contains("model.gguf"), "{error:#}");
        Ok(())
    }
}
