//! Measurements, each by one command. A table goes to stderr; the keys of the
//! contract, with what every measurement has, come back as one object.
#![forbid(unsafe_code)]

pub mod agent;
mod chat_model;
mod classify;
mod embed;
mod generate;
mod ingest;
mod recommend;
mod redeem;
mod requests;
mod safety;
mod search;
mod serve;
mod support;
mod train_lm;
mod watched;

use std::time::Instant;

use clap::Subcommand;
use serde_json::{Value, json};

/// What can be measured.
#[derive(Debug, Subcommand)]
pub enum BenchCommand {
    /// Next-item recommendation on sequences (leave-one-out, full ranking).
    Recommend(recommend::RecommendArguments),
    /// Search on judged queries.
    Search(search::SearchArguments),
    /// Text classification.
    Classify(classify::ClassifyArguments),
    /// Tools and conversations on tau2's retail tasks.
    Agent(agent::AgentArguments),
    /// Attacks in messages and in all texts that others write.
    Safety(safety::SafetyArguments),
    /// What customers ask to have done, against what they meant.
    Requests(requests::RequestsArguments),
    /// Grounded answers and abstention.
    Support(support::SupportArguments),
    /// Training speed of the language model.
    TrainLm(train_lm::TrainLmArguments),
    /// Speed of a published model's prompts and replies.
    Generate(generate::GenerateArguments),
    /// Speed of a published encoder.
    Embed(embed::EmbedArguments),
    /// Durable events a second.
    Ingest(ingest::IngestArguments),
    /// Many clients redeeming one coupon.
    Redeem(redeem::RedeemArguments),
    /// Latency of each service over HTTP.
    Serve(serve::ServeArguments),
    /// The server that `bench agent` starts for itself.
    #[command(hide = true)]
    ScriptedModel(agent::ScriptedModelArguments),
}

/// Runs one measurement.
pub async fn run(command: BenchCommand) -> anyhow::Result<Value> {
    let start = Instant::now();
    let measured = match command {
        BenchCommand::Recommend(arguments) => blocking(move || recommend::run(&arguments)).await,
        BenchCommand::Search(arguments) => blocking(move || search::run(&arguments)).await,
        BenchCommand::Classify(arguments) => blocking(move || classify::run(&arguments)).await,
        BenchCommand::Agent(arguments) => blocking(move || agent::run(&arguments)).await,
        BenchCommand::Safety(arguments) => blocking(move || safety::run(&arguments)).await,
        BenchCommand::Requests(arguments) => blocking(move || requests::run(&arguments)).await,
        BenchCommand::Support(arguments) => blocking(move || support::run(&arguments)).await,
        BenchCommand::TrainLm(arguments) => blocking(move || train_lm::run(&arguments)).await,
        BenchCommand::Generate(arguments) => blocking(move || generate::run(&arguments)).await,
        BenchCommand::Embed(arguments) => blocking(move || embed::run(&arguments)).await,
        BenchCommand::Ingest(arguments) => ingest::run(&arguments).await,
        BenchCommand::Redeem(arguments) => redeem::run(&arguments).await,
        BenchCommand::Serve(arguments) => serve::run(&arguments).await,
        BenchCommand::ScriptedModel(arguments) => {
            blocking(move || agent::serve_script(&arguments)).await
        }
    };
    let mut keys = measured?;
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    for (key, value) in [
        ("seconds", json!(start.elapsed().as_secs_f64())),
        ("peak_rss_mb", json!(peak_rss_mb())),
        ("threads", json!(threads)),
        ("version", json!(env!("CARGO_PKG_VERSION"))),
    ] {
        if keys.get(key).is_none() {
            keys[key] = value;
        }
    }
    Ok(keys)
}

async fn blocking(
    work: impl FnOnce() -> anyhow::Result<Value> + Send + 'static,
) -> anyhow::Result<Value> {
    tokio::task::spawn_blocking(work).await?
}

/// The most memory that this process ever held, in MiB, where the system
/// tells (Linux); `None` elsewhere.
pub fn peak_rss_mb() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes / 1_024.0)
}
