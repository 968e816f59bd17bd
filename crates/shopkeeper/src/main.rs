//! One program that a shop runs itself: it prepares the shop's data, trains
//! language models on it and serves support, recommendation, search and
//! insight, with offers on top.
#![forbid(unsafe_code)]

mod cli;
mod commands;
mod demo;
mod doctor;
mod remote;

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::Parser;
use cli::{Cli, Verb};

fn main() -> ExitCode {
    let cli = Cli::parse();
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "warn".into()),
        )
        .with_writer(std::io::stderr)
        .init();
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: no threads to run on: {error}");
            return ExitCode::FAILURE;
        }
    };
    let measuring = matches!(cli.verb, Verb::Bench(_));
    let json = cli.json;
    match runtime.block_on(commands::run(cli)) {
        Ok(done) => {
            // Whatever was said line by line is not said again.
            if json && !done.json.is_null() {
                println!("{}", done.json);
            }
            ExitCode::from(done.status)
        }
        Err(error) => {
            eprintln!("error: {error:#}");
            // A measurement is only as wrong as the files and options it got.
            ExitCode::from(if measuring { 2 } else { 1 })
        }
    }
}

/// A flag that Ctrl-C raises. Work that watches it saves what it has and
/// returns; a second Ctrl-C ends the process.
fn stop_on_interrupt() -> Arc<AtomicBool> {
    let stop = Arc::new(AtomicBool::new(false));
    let raised = stop.clone();
    tokio::spawn(async move {
        while tokio::signal::ctrl_c().await.is_ok() {
            if raised.swap(true, Ordering::Relaxed) {
                std::process::exit(130);
            }
            eprintln!("\nstopping: saving what is done (Ctrl-C again ends at once)");
        }
    });
    stop
}
