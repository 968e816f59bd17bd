//! `bench embed`: how fast a published encoder turns texts into vectors, and
//! what eight bits change in their order.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, bail};
use clap::Args;
use models::published::PublishedModel;
use models::{Pooling, Precision, Transformer};
use serde_json::{Value, json};

use server::table;

/// Tokens of a text at most, as sentence encoders of this size are used.
const LONGEST_TEXT: usize = 256;
/// Texts whose similarities are compared, each with each.
const COMPARED: usize = 500;

/// Speed of an encoder.
#[derive(Debug, Args)]
pub struct EmbedArguments {
    /// A Hugging Face folder of the BERT family.
    #[arg(long, value_name = "PATH")]
    pub model: PathBuf,
    /// Texts, one on each line.
    #[arg(long, value_name = "FILE")]
    pub text: PathBuf,
    /// Take the first token's state instead of the mean.
    #[arg(long)]
    pub first: bool,
}

/// Reads the encoder and measures.
pub fn run(arguments: &EmbedArguments) -> anyhow::Result<Value> {
    let text = std::fs::read_to_string(&arguments.text)
        .with_context(|| arguments.text.display().to_string())?;
    let texts: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    if texts.is_empty() {
        bail!("{}: there is no text", arguments.text.display());
    }
    let path = &arguments.model;
    let published = PublishedModel::read(path).with_context(|| path.display().to_string())?;
    let Some(tokenizer) = &published.tokenizer else {
        bail!("{}: the model has no tokenizer", path.display());
    };
    let pooling = if arguments.first {
        Pooling::First
    } else {
        Pooling::Mean
    };
    let longest = published.config.context.min(LONGEST_TEXT);
    let mut measured = Vec::new();
    for precision in [Precision::Full, Precision::Int8] {
        let model = Transformer::load(&published, precision)?;
        let encode = || {
            let tokens: Vec<Vec<u32>> = (texts.iter())
                .map(|text| {
                    let mut tokens = tokenizer.encode(text);
                    let around = published.special.around(&[]).len();
                    tokens.truncate(longest.saturating_sub(around));
                    published.special.around(&tokens)
                })
                .collect();
            let sequences: Vec<&[u32]> = tokens.iter().map(Vec::as_slice).collect();
            let threads = std::thread::available_parallelism().map_or(1, usize::from);
            model.encode(&sequences, pooling, threads)
        };
        // The first round fills buffers and caches; of three, the best.
        let vectors = encode();
        let mut best = f64::INFINITY;
        for _ in 0..3 {
            let start = Instant::now();
            encode();
            best = best.min(start.elapsed().as_secs_f64());
        }
        measured.push((texts.len() as f64 / best, vectors));
    }
    let width = published.config.width;
    let spearman = spearman(
        &similarities(&measured[0].1, width),
        &similarities(&measured[1].1, width),
    );
    let (full, int8) = (measured[0].0, measured[1].0);
    let mut rows = table::with_headings(&["figure", "value"]);
    for (name, value) in [
        ("texts/s", format!("{full:.0}")),
        ("texts/s in 8 bits", format!("{int8:.0}")),
        (
            "rank correlation of similarities in 8 bits",
            format!("{spearman:.4}"),
        ),
    ] {
        rows.add_row([name.to_owned(), value]);
    }
    eprintln!("{rows}");
    Ok(json!({
        "texts_per_second": full,
        "texts_per_second_int8": int8,
        "spearman_int8": spearman,
        "texts": texts.len(),
    }))
}

/// The cosines of the first texts with each other.
fn similarities(vectors: &[f32], width: usize) -> Vec<f32> {
    let rows: Vec<&[f32]> = vectors.chunks_exact(width).take(COMPARED).collect();
    let mut found = Vec::new();
    for (index, left) in rows.iter().enumerate() {
        for right in &rows[..index] {
            found.push(left.iter().zip(*right).map(|(l, r)| l * r).sum());
        }
    }
    found
}

/// Spearman's rank correlation; ties share the mean of their ranks.
fn spearman(left: &[f32], right: &[f32]) -> f64 {
    let (left, right) = (ranks(left), ranks(right));
    let mean = (left.len() as f64 - 1.0) / 2.0;
    let product = |a: &[f64], b: &[f64]| -> f64 {
        a.iter().zip(b).map(|(a, b)| (a - mean) * (b - mean)).sum()
    };
    let spread = (product(&left, &left) * product(&right, &right)).sqrt();
    if spread > 0.0 {
        product(&left, &right) / spread
    } else {
        1.0
    }
}

fn ranks(values: &[f32]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
    let mut ranks = vec![0.0; values.len()];
    let mut start = 0;
    while start < order.len() {
        let alike = order[start..]
            .iter()
            .take_while(|&&at| values[at] == values[order[start]]);
        let end = start + alike.count().max(1);
        for &at in &order[start..end] {
            ranks[at] = (start + end - 1) as f64 / 2.0;
        }
        start = end;
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rank_correlations_by_hand() {
        assert!((spearman(&[1.0, 2.0, 3.0], &[10.0, 20.0, 21.0]) - 1.0).abs() < 1e-12);
        assert!((spearman(&[1.0, 2.0, 3.0], &[3.0, 2.0, 1.0]) + 1.0).abs() < 1e-12);
        // Ranks 0, 1.5, 1.5, 3 with 0, 1, 2, 3.
        let tied = spearman(&[1.0, 5.0, 5.0, 9.0], &[1.0, 2.0, 3.0, 4.0]);
        assert!(
            (tied - 4.5 / (4.5_f64 * 5.0).sqrt()).abs() < 1e-12,
            "{tied}"
        );
    }
}
