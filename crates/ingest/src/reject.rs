use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::json;

use super::IngestError;

/// How much of a bad row is shown.
const EXCERPT_CHARACTERS: usize = 300;

/// How much of a field's name and of a reason is shown: both may quote a row.
const FIELD_CHARACTERS: usize = 100;
const REASON_CHARACTERS: usize = 600;

/// What one import writes of its rejected rows: whoever mends a file looks at
/// the first ones, and a small upload can hold millions.
const MOST_BYTES: u64 = 8 << 20;

/// A file of this size is put aside, in the place of the one put aside before.
const FULL_BYTES: u64 = 64 << 20;

/// A row that was not taken, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rejected {
    /// The line on which the row begins, from 1; its place in a request.
    pub line: u64,
    /// The field that is wrong; `row` when it is the row as a whole, `file`
    /// when nothing more can be read.
    pub field: String,
    /// What is wrong and what would be right.
    pub reason: String,
    /// The beginning of the row.
    pub row: String,
}

impl Rejected {
    /// A rejection with an excerpt of `row`.
    pub fn new(line: u64, field: &str, reason: impl ToString, row: &[u8]) -> Self {
        Self {
            line,
            field: shortened(field, FIELD_CHARACTERS),
            reason: shortened(&reason.to_string(), REASON_CHARACTERS),
            row: excerpt(row),
        }
    }
}

fn excerpt(row: &[u8]) -> String {
    let beginning = &row[..row.len().min(EXCERPT_CHARACTERS * 4)];
    let text = String::from_utf8_lossy(beginning);
    let mut excerpt: String = text.trim_end().chars().take(EXCERPT_CHARACTERS).collect();
    if excerpt.len() < row.len() && row.len() > EXCERPT_CHARACTERS {
        excerpt.push('…');
    }
    excerpt
}

fn shortened(text: &str, characters: usize) -> String {
    let mut short: String = text.chars().take(characters).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

/// Writes refused rows of `source` to a file of such rows.
pub fn write_rejected(
    path: &Path,
    source: &Path,
    rejected: &[Rejected],
) -> Result<(), IngestError> {
    RejectedFile::new(path, source).write(rejected)
}

/// `rejected.jsonl`: opened when the first bad row comes, and never longer than
/// anybody would read.
pub(super) struct RejectedFile<'a> {
    path: &'a Path,
    source: String,
    file: Option<File>,
    bytes: u64,
    lines: u64,
}

impl<'a> RejectedFile<'a> {
    /// Of the rows of `source`.
    pub(super) fn new(path: &'a Path, source: &Path) -> Self {
        Self {
            path,
            source: source.display().to_string(),
            file: None,
            bytes: 0,
            lines: 0,
        }
    }

    /// Writes as many of the rows as there is room for.
    pub(super) fn write(&mut self, rejected: &[Rejected]) -> Result<(), IngestError> {
        let mut lines = Vec::new();
        for row in rejected {
            if self.bytes + lines.len() as u64 >= MOST_BYTES {
                break;
            }
            let line = json!({
                "file": self.source,
                "line": row.line,
                "field": row.field,
                "reason": row.reason,
                "row": row.row,
            });
            lines.extend_from_slice(line.to_string().as_bytes());
            lines.push(b'\n');
            self.lines += 1;
        }
        self.append(&lines)
    }

    /// Says so where rows were left out; `rejected` is how many there were.
    pub(super) fn end(&mut self, rejected: u64) -> Result<(), IngestError> {
        let left_out = rejected.saturating_sub(self.lines);
        if left_out == 0 {
            return Ok(());
        }
        let line = json!({
            "file": self.source,
            "field": "file",
            "reason": format!(
                "{rejected} rows were rejected; the first {} stand here, {left_out} more are left out",
                self.lines
            ),
            "left_out": left_out,
        });
        self.append(format!("{line}\n").as_bytes())
    }

    fn append(&mut self, lines: &[u8]) -> Result<(), IngestError> {
        if lines.is_empty() {
            return Ok(());
        }
        self.bytes += lines.len() as u64;
        let written = self.opened().and_then(|file| file.write_all(lines));
        written.map_err(|reason| IngestError::RejectedFile {
            path: self.path.to_owned(),
            reason,
        })
    }

    fn opened(&mut self) -> std::io::Result<&mut File> {
        if self.file.is_none() {
            let size = std::fs::metadata(self.path).map_or(0, |metadata| metadata.len());
            if size > FULL_BYTES {
                let mut aside = PathBuf::from(self.path);
                aside.add_extension("old");
                std::fs::rename(self.path, aside)?;
            }
            let mut options = OpenOptions::new();
            options.create(true).append(true);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            self.file = Some(options.open(self.path)?);
        }
        self.file
            .as_mut()
            .ok_or_else(|| std::io::Error::other("the file was not opened"))
    }
}
