//! One file from its first byte to its last.

use std::collections::BTreeMap;
use std::io::{self, Read as _};
use std::ops::ControlFlow;
use std::path::Path;

use shop::{Currency, Kind, Timestamp};

use super::detect::{Found, detect};
use super::intake::{Counts, Intake, Stopped};
use super::open::{Opened, Packing, open};
use super::{
    Batch, Format, IngestError, Rejected, json_rows, merchant_center, merchant_xml, shopify,
};

/// What an import is told.
#[derive(Debug, Clone, Copy)]
pub struct ImportOptions {
    /// The kind of the rows; found by their fields when not given.
    pub as_kind: Option<Kind>,
    /// Times later than a day after this are refused.
    pub now: Timestamp,
    /// The currency of prices that name none (Shopify); US dollars when not
    /// given.
    pub currency: Option<Currency>,
}

impl ImportOptions {
    pub(super) fn currency(&self) -> Currency {
        self.currency.unwrap_or(Currency::USD)
    }
}

/// What was in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadSummary {
    /// What it was written in.
    pub format: Format,
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
                "{all} rows are of types that nothing is learnt from ({})",
                shown.join(", ")
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
/// reading. Only a file of which nothing can be read is an error.
pub fn read_file(
    path: &Path,
    options: &ImportOptions,
    sink: &mut dyn FnMut(Batch) -> ControlFlow<()>,
) -> Result<ReadSummary, IngestError> {
    let opened = open(path)?;
    let mut intake = Intake::new(sink, opened.position.clone());
    let found = match detect(path, &opened.head, options.as_kind) {
        Ok(found) => found,
        Err(error) => return Err(unreadable(path, opened, error)),
    };
    let (packing, now) = (opened.packing, options.now);
    let ended = match found {
        Found::Json { lines: true, shape } => {
            json_rows::read_lines(opened.bytes, shape, now, &mut intake)
        }
        Found::Json {
            lines: false,
            shape,
        } => json_rows::read_values(opened.bytes, shape, now, &mut intake),
        Found::Shopify { delimiter } => {
            shopify::read(opened.bytes, delimiter, options, &mut intake)
        }
        Found::MerchantTable { delimiter } => {
            merchant_center::read(opened.bytes, delimiter, options, &mut intake)
        }
        Found::MerchantXml => merchant_xml::read(opened.bytes, options, &mut intake),
    };
    let cut_short = matches!(ended, Err(Halt::Cut { .. }));
    let mut stopped = matches!(ended, Err(Halt::Stopped));
    if let Err(Halt::Cut {
        line,
        offset,
        error,
    }) = ended
    {
        let rejected = cut_row(packing, line, offset, &error);
        stopped |= intake.reject(rejected).is_err();
    }
    stopped |= !stopped && intake.flush().is_err();
    let Counts {
        kinds,
        repeated,
        rejected,
        shown,
        ignored,
    } = intake.counts;
    Ok(ReadSummary {
        format: found.format(),
        kinds,
        repeated,
        rejected,
        first_rejected: shown,
        ignored,
        cut_short,
        stopped,
    })
}

/// A file that breaks before its first row says why, not that it is empty.
fn unreadable(path: &Path, mut opened: Opened, error: IngestError) -> IngestError {
    let mut rest = Vec::new();
    let broken = opened
        .bytes
        .by_ref()
        .take(opened.head.len() as u64 + 1)
        .read_to_end(&mut rest);
    match (error, broken) {
        (IngestError::Empty(_), Err(reason)) => IngestError::read(path, reason),
        (error, _) => error,
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
