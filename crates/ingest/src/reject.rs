use serde::Serialize;

/// How much of a bad row is shown.
const EXCERPT_CHARACTERS: usize = 300;

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
            field: field.to_owned(),
            reason: reason.to_string(),
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
