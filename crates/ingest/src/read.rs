//! One file from its first byte to its last.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use jiff::tz::TimeZone;
use shop::{Currency, Kind, Timestamp};

use super::dates::DateOrder;
use super::intake::{Counts, Intake, Stopped};
use super::open::Packing;
use super::plan::{Column, Part};
use super::saved::SavedMapping;
use super::{Batch, IngestError, Need, Rejected, parts, run};

/// What an import is told.
#[derive(Debug, Clone, Default)]
pub struct ImportOptions {
    /// The kind of the rows; found by their fields when not given.
    pub as_kind: Option<Kind>,
    /// Times later than a day after this are refused in events.
    pub now: Timestamp,
    /// The currency of prices that name none.
    pub currency: Option<Currency>,
    /// Where the clock hung whose times name no zone.
    pub time_zone: Option<TimeZone>,
    /// Whether `3/4/2026` is in April or in March.
    pub date_order: Option<DateOrder>,
    /// Fields, and the columns that give them.
    pub map: Vec<(String, String)>,
    /// What was said of other files: it goes for files with the same columns of
    /// which nothing is said.
    pub saved: Vec<SavedMapping>,
    /// What the file is called, where its own name is one of ours.
    pub name: Option<String>,
}

/// What was in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadSummary {
    /// What it was written in, or by.
    pub format: String,
    /// The kind of most rows.
    pub kind: Option<Kind>,
    /// The mapping that was saved for such files, by its name.
    pub saved: Option<String>,
    /// Which column gives a field.
    pub mapping: BTreeMap<String, String>,
    /// The columns of its first table.
    pub columns: Vec<Column>,
    /// What it does not say.
    pub needs: BTreeSet<Need>,
    /// Good rows by kind.
    pub kinds: BTreeMap<Kind, u64>,
    /// Rows that stood in the file before, word for word.
    pub repeated: u64,
    /// Bad rows.
    pub rejected: u64,
    /// The first of them.
    pub first_rejected: Vec<Rejected>,
    /// Rows of other programs that say nothing here, by their name.
    pub ignored: BTreeMap<String, u64>,
    /// Parts of the file that hold no records.
    pub passed_over: Vec<String>,
    /// Whether the file ended before its time.
    pub cut_short: bool,
    /// Whether the receiver stopped listening.
    pub stopped: bool,
}

impl ReadSummary {
    /// What deserves a sentence though nothing is wrong.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.repeated > 0 {
            warnings.push(format!(
                "{} rows stand in the file more than once",
                self.repeated
            ));
        }
        if !self.ignored.is_empty() {
            let mut names: Vec<_> = self.ignored.iter().collect();
            names.sort_by_key(|(name, count)| (std::cmp::Reverse(**count), name.as_str()));
            let shown: Vec<String> = names
                .iter()
                .take(5)
                .map(|(name, count)| format!("{name} {count}"))
                .collect();
            let all: u64 = self.ignored.values().sum();
            warnings.push(format!(
                "{all} rows say nothing here ({})",
                shown.join(", ")
            ));
        }
        if !self.passed_over.is_empty() {
            let shown = self.passed_over.iter().take(5).cloned().collect::<Vec<_>>();
            let count = self.passed_over.len();
            warnings.push(format!(
                "{count} parts hold no records ({})",
                shown.join("; ")
            ));
        }
        warnings
    }
}

/// Why reading ended before the end.
#[derive(Debug)]
pub(super) enum Halt {
    /// The receiver wants no more.
    Stopped,
    /// The stream broke.
    Cut {
        line: u64,
        offset: u64,
        error: io::Error,
    },
}

impl Halt {
    pub(super) fn cut(line: u64, offset: u64, error: io::Error) -> Self {
        Self::Cut {
            line,
            offset,
            error,
        }
    }
}

impl From<Stopped> for Halt {
    fn from(_: Stopped) -> Self {
        Self::Stopped
    }
}

/// Reads a file and hands its rows to `sink` in batches; `Break` ends the
/// reading. A file that does not say what is needed is not read: the summary
/// names it. Only a file of which nothing can be read is an error.
pub fn read_file(
    path: &Path,
    options: &ImportOptions,
    sink: &mut dyn FnMut(Batch) -> ControlFlow<()>,
) -> Result<ReadSummary, IngestError> {
    read(path, options, false, sink)
}

/// Reads a file though it does not say all that is needed, to show what it
/// would become.
pub fn preview_file(
    path: &Path,
    options: &ImportOptions,
    sink: &mut dyn FnMut(Batch) -> ControlFlow<()>,
) -> Result<ReadSummary, IngestError> {
    read(path, options, true, sink)
}

fn read(
    path: &Path,
    options: &ImportOptions,
    anyway: bool,
    sink: &mut dyn FnMut(Batch) -> ControlFlow<()>,
) -> Result<ReadSummary, IngestError> {
    let found = parts::parts(path, options)?;
    let mut summary = found.summary();
    if found.parts.is_empty() || (!anyway && !summary.needs.is_empty()) {
        return Ok(summary);
    }
    let mut intake = Intake::new(sink, Arc::default());
    for part in &found.parts {
        let outcome = read_part(part, options, found.packing, &mut intake);
        summary.cut_short |= matches!(outcome, Outcome::Cut);
        if matches!(outcome, Outcome::Stopped) {
            summary.stopped = true;
            break;
        }
        if let Outcome::Broken(reason) = outcome {
            if found.parts.len() == 1 {
                return Err(IngestError::format(path, reason));
            }
            summary.passed_over.push(format!("{}: {reason}", part.name));
        }
    }
    summary.stopped |= !summary.stopped && intake.flush().is_err();
    let Counts {
        kinds,
        repeated,
        rejected,
        shown,
        ignored,
    } = intake.counts;
    let most = kinds.iter().max_by_key(|(_, count)| **count);
    summary.kind = most.map(|(kind, _)| *kind).or(summary.kind);
    Ok(ReadSummary {
        kinds,
        repeated,
        rejected,
        first_rejected: shown,
        ignored,
        ..summary
    })
}

enum Outcome {
    Read,
    /// The end is missing.
    Cut,
    Stopped,
    /// Nothing could be read.
    Broken(String),
}

fn read_part(
    part: &Part,
    options: &ImportOptions,
    packing: Packing,
    intake: &mut Intake<'_>,
) -> Outcome {
    let before = intake.counts.taken();
    let ended = run::run(
        &part.path,
        &part.name,
        &part.source,
        &part.plan,
        options.now,
        None,
        intake,
    );
    match ended {
        Ok(()) => Outcome::Read,
        Err(Halt::Stopped) => Outcome::Stopped,
        Err(Halt::Cut { error, .. })
            if before == intake.counts.taken() && part.source.is_binary() =>
        {
            Outcome::Broken(format!(
                "{}, which cannot be read: {error}",
                part.source.name()
            ))
        }
        Err(Halt::Cut {
            line,
            offset,
            error,
        }) => match intake.reject(cut_row(packing, line, offset, &error)) {
            Ok(()) => Outcome::Cut,
            Err(_) => Outcome::Stopped,
        },
    }
}

fn cut_row(packing: Packing, line: u64, offset: u64, error: &io::Error) -> Rejected {
    let packed = match packing {
        Packing::Plain => "the file cannot be read",
        Packing::Gzip => "the gzip stream is cut short or damaged",
        Packing::Zstandard => "the Zstandard stream is cut short or damaged",
    };
    let reason = format!(
        "{packed} in line {line}, after byte {offset} of its content ({error}): the rows before \
         are taken; get the whole file and import it again"
    );
    Rejected::new(line, "file", reason, b"")
}
