//! Long work shows how far it is: a bar on a terminal, a plain line elsewhere.

use std::io::IsTerminal;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use shop::Progress;

/// How often a plain line is written while a stage runs.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// A bar on the terminal.
#[derive(Default)]
struct Bars(Mutex<Option<ProgressBar>>);

/// Plain lines on stderr.
struct Lines(Mutex<Line>);

struct Line {
    stage: String,
    total: u64,
    begun: Instant,
    written: Instant,
}

/// The progress that fits where stderr goes.
pub fn for_stderr() -> Arc<dyn Progress + Send + Sync> {
    if std::io::stderr().is_terminal() {
        Arc::new(Bars::default())
    } else {
        let now = Instant::now();
        Arc::new(Lines(Mutex::new(Line {
            stage: String::new(),
            total: 0,
            begun: now,
            written: now,
        })))
    }
}

impl Progress for Bars {
    fn begin(&self, stage: &str, total: u64) {
        let (bar, template) = if total > 0 {
            (
                ProgressBar::new(total),
                "{prefix:<28} {bar:32} {pos}/{len} {elapsed} {msg}",
            )
        } else {
            (
                ProgressBar::new_spinner(),
                "{prefix:<28} {spinner} {elapsed} {msg}",
            )
        };
        bar.enable_steady_tick(Duration::from_millis(200));
        bar.set_style(
            ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()),
        );
        bar.set_prefix(stage.to_owned());
        if let Ok(mut current) = self.0.lock() {
            *current = Some(bar);
        }
    }

    fn advance(&self, done: u64, message: &str) {
        if let Ok(current) = self.0.lock()
            && let Some(bar) = current.as_ref()
        {
            bar.set_position(done);
            bar.set_message(message.to_owned());
        }
    }

    fn end(&self, message: &str) {
        if let Ok(mut current) = self.0.lock()
            && let Some(bar) = current.take()
        {
            bar.finish_with_message(message.to_owned());
        }
    }
}

impl Progress for Lines {
    fn begin(&self, stage: &str, total: u64) {
        if let Ok(mut line) = self.0.lock() {
            let now = Instant::now();
            *line = Line {
                stage: stage.to_owned(),
                total,
                begun: now,
                written: now,
            };
        }
    }

    fn advance(&self, done: u64, message: &str) {
        if let Ok(mut line) = self.0.lock()
            && line.written.elapsed() >= LINE_EVERY
        {
            line.written = Instant::now();
            let of = if line.total > 0 {
                format!("/{}", line.total)
            } else {
                String::new()
            };
            eprintln!("{}: {done}{of} {message}", line.stage);
        }
    }

    fn end(&self, message: &str) {
        if let Ok(line) = self.0.lock() {
            let seconds = line.begun.elapsed().as_secs_f64();
            eprintln!("{}: done in {seconds:.1} s {message}", line.stage);
        }
    }
}
