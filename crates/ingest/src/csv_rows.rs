//! Tables (RFC 4180, any delimiter) that may hold broken rows: an unbalanced
//! quotation mark costs its own row and no other. The `csv` crate would read
//! it as one field to the end of the file.

use std::collections::VecDeque;
use std::io::{self, BufRead};

use serde_json::Value;

use super::Rejected;
use super::lines::{Line, Lines};
use super::read::Halt;
use super::row::Row;
use super::source::{Each, Item};
use super::table::Header;

/// How far a quoted field may reach before its quotation mark counts as a
/// mistake.
const MOST_LINES: usize = 500;
const MOST_BYTES: usize = 1 << 20;

/// The fields of a row.
struct Fields {
    /// The line on which it begins.
    line: u64,
    /// As many as there are columns.
    values: Vec<String>,
}

/// What came next.
enum Found {
    Fields(Fields),
    Broken(Rejected),
}

/// Reads a table row by row.
pub(super) struct Table<R> {
    lines: Lines<R>,
    delimiter: u8,
    /// Lines that were looked at in vain, to be read again.
    pending: VecDeque<(u64, String)>,
    header: Header,
}

impl<R: BufRead> Table<R> {
    /// Reads the header.
    pub(super) fn open(stream: R, delimiter: u8) -> Result<Self, Halt> {
        let mut table = Self {
            lines: Lines::new(stream),
            delimiter,
            pending: VecDeque::new(),
            header: Header::new(Vec::new()),
        };
        while let Some(found) = table.next()? {
            let Found::Fields(row) = found else {
                break;
            };
            // Excel says how it separates.
            if !row.values[0].starts_with("sep=") {
                table.header = Header::new(row.values);
                break;
            }
        }
        Ok(table)
    }

    /// Hands the columns and the rows to `each`.
    pub(super) fn read(mut self, each: Each<'_>) -> Result<(), Halt> {
        each(Item::Columns(self.header.columns()))?;
        while let Some(found) = self.next()? {
            let item = match found {
                Found::Broken(rejected) => Item::Bad(rejected),
                Found::Fields(row) => {
                    let values = row.values.into_iter().map(Value::String);
                    let cells = self.header.cells(values.enumerate());
                    if cells.is_empty() || self.header.is_repeated_in(&cells) {
                        continue;
                    }
                    Item::Row(Row {
                        line: row.line,
                        cells,
                    })
                }
            };
            each(item)?;
        }
        Ok(())
    }

    /// The next row that is not blank.
    fn next(&mut self) -> Result<Option<Found>, Halt> {
        loop {
            let (line, text) = match self.line() {
                Ok(Some(Ok(line))) => line,
                Ok(Some(Err(rejected))) => return Ok(Some(Found::Broken(rejected))),
                Ok(None) => return Ok(None),
                Err(error) => {
                    return Err(Halt::cut(self.lines.number + 1, self.lines.offset, error));
                }
            };
            if !text.trim().is_empty() {
                return self.row(line, text).map(Some);
            }
        }
    }

    /// The row that begins with `text`.
    fn row(&mut self, line: u64, text: String) -> Result<Found, Halt> {
        let mut parser = Parser::new(self.delimiter);
        let mut outcome = parser.feed(&text);
        let mut more: Vec<(u64, String)> = Vec::new();
        let mut bytes = 0;
        while outcome.is_ok() && parser.is_open() {
            if more.len() >= MOST_LINES || bytes >= MOST_BYTES {
                break;
            }
            match self.line() {
                Ok(Some(Ok((number, next)))) => {
                    bytes += next.len();
                    outcome = parser.feed(&next);
                    more.push((number, next));
                }
                Ok(Some(Err(_)) | None) | Err(_) => break,
            }
        }
        let columns = self.header.width();
        let whole = outcome.is_ok() && !parser.is_open();
        // A row over several lines has to fit exactly: else it is two rows
        // with a quotation mark too few.
        if whole && (more.is_empty() || columns == 0 || parser.fields.len() == columns) {
            let raw = more.iter().fold(text, |raw, (_, line)| raw + line);
            return Ok(self.checked(line, parser.fields, raw));
        }
        for line in more.into_iter().rev() {
            self.pending.push_front(line);
        }
        if self.delimiter == b'\t' {
            // Tab-separated files are often written without any quoting.
            let plain = text.trim_end_matches(['\r', '\n']).split('\t');
            let plain: Vec<String> = plain.map(str::to_owned).collect();
            if plain.len() == columns {
                return Ok(self.checked(line, plain, text));
            }
        }
        let reason = match outcome {
            Err(Malformed) => {
                "text after a closing quotation mark: write \" inside a field as \"\""
            }
            Ok(()) => "a quotation mark that is never closed: write \" inside a field as \"\"",
        };
        Ok(Found::Broken(Rejected::new(
            line,
            "row",
            reason,
            text.as_bytes(),
        )))
    }

    /// A row with as many fields as there are columns.
    fn checked(&self, line: u64, mut values: Vec<String>, raw: String) -> Found {
        let columns = self.header.width();
        if columns > 0 {
            let extra = values
                .iter()
                .skip(columns)
                .any(|value| !value.trim().is_empty());
            if extra {
                let reason = format!(
                    "{} fields where the header has {columns}: quote fields that hold the delimiter",
                    values.len()
                );
                return Found::Broken(Rejected::new(line, "row", reason, raw.as_bytes()));
            }
            values.resize(columns, String::new());
        }
        Found::Fields(Fields { line, values })
    }

    /// The next physical line with its ending, or why it is none.
    fn line(&mut self) -> io::Result<Option<Result<(u64, String), Rejected>>> {
        if let Some(line) = self.pending.pop_front() {
            return Ok(Some(Ok(line)));
        }
        let mut buffer = Vec::new();
        let read = self.lines.next(&mut buffer, true)?;
        let number = self.lines.number;
        Ok(match read {
            Line::End => None,
            Line::TooLong { bytes } => {
                let reason = format!("{bytes} bytes long: the rest of it was skipped");
                Some(Err(Rejected::new(number, "row", reason, &buffer)))
            }
            Line::Whole => Some(
                String::from_utf8(buffer)
                    .map(|text| (number, text))
                    .map_err(|error| {
                        let at = error.utf8_error().valid_up_to() + 1;
                        let reason = format!("not UTF-8 at byte {at} of the row");
                        Rejected::new(number, "row", reason, error.as_bytes())
                    }),
            ),
        })
    }
}

/// The fields of one complete row.
pub(super) fn split(row: &str, delimiter: u8) -> Result<Vec<String>, Malformed> {
    let mut parser = Parser::new(delimiter);
    parser.feed(row)?;
    parser.end_field();
    Ok(parser.fields)
}

/// Text after a closing quotation mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Malformed;

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    FieldStart,
    Plain,
    Quoted,
    QuoteInQuoted,
    Ended,
}

/// Reads a row piece by piece.
struct Parser {
    delimiter: char,
    state: State,
    field: String,
    fields: Vec<String>,
}

impl Parser {
    fn new(delimiter: u8) -> Self {
        Self {
            delimiter: char::from(delimiter),
            state: State::FieldStart,
            field: String::new(),
            fields: Vec::new(),
        }
    }

    /// Whether the row goes on in the next line.
    fn is_open(&self) -> bool {
        self.state == State::Quoted
    }

    fn end_field(&mut self) {
        if self.state != State::Ended {
            self.fields.push(std::mem::take(&mut self.field));
        }
    }

    /// Takes a line with its ending.
    fn feed(&mut self, line: &str) -> Result<(), Malformed> {
        let mut characters = line.chars().peekable();
        while let Some(c) = characters.next() {
            let ends =
                c == '\n' || (c == '\r' && characters.peek().is_none_or(|next| *next == '\n'));
            match (self.state, c) {
                (State::Quoted, '"') => self.state = State::QuoteInQuoted,
                (State::Quoted, _) => self.field.push(c),
                (State::QuoteInQuoted, '"') => {
                    self.field.push('"');
                    self.state = State::Quoted;
                }
                (State::Ended, _) => {}
                (_, _) if c == self.delimiter => {
                    self.end_field();
                    self.state = State::FieldStart;
                }
                (_, _) if ends => {
                    self.end_field();
                    self.state = State::Ended;
                }
                (State::QuoteInQuoted, ' ') => {}
                (State::QuoteInQuoted, _) => return Err(Malformed),
                (State::FieldStart, '"') => self.state = State::Quoted,
                (State::FieldStart | State::Plain, _) => {
                    self.field.push(c);
                    self.state = State::Plain;
                }
            }
        }
        if !self.is_open() {
            self.end_field();
            self.state = State::Ended;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<Result<Vec<String>, u64>> {
        let mut table = Table::open(text.as_bytes(), b',').unwrap();
        let mut rows = Vec::new();
        while let Some(row) = table.next().unwrap() {
            rows.push(match row {
                Found::Fields(fields) => Ok(fields.values),
                Found::Broken(rejected) => Err(rejected.line),
            });
        }
        rows
    }

    #[test]
    fn a_broken_row_costs_itself_alone() {
        let row = |fields: [&str; 3]| Ok(fields.map(str::to_owned).to_vec());
        assert_eq!(
            read(
                "a,b,c\n1,\"broken,x\n2,\"fine, too\",y\n3,plain,z\n4,\"never closed,w\n5,ok,v\n6,a,b,c\n7,short\n"
            ),
            vec![
                Err(2),
                row(["2", "fine, too", "y"]),
                row(["3", "plain", "z"]),
                Err(5),
                row(["5", "ok", "v"]),
                Err(7),
                row(["7", "short", ""]),
            ]
        );
    }

    #[test]
    fn quoted_fields_span_lines() {
        let expected = vec![Ok(vec![
            "1".to_owned(),
            "two\r\nlines \"here\"".to_owned(),
            "x".to_owned(),
        ])];
        assert_eq!(
            read("a,b,c\r\n1,\"two\r\nlines \"\"here\"\"\",x\r\n"),
            expected
        );
    }

    #[test]
    fn the_csv_spectrum() {
        let Some(folder) = crate::test_data::shared("golden/hostile_inputs/csv_spectrum") else {
            return;
        };
        for file in std::fs::read_dir(folder).unwrap() {
            let path = file.unwrap().path();
            if path.extension().is_none_or(|extension| extension != "csv") {
                continue;
            }
            let expected = std::fs::read_to_string(path.with_extension("json")).unwrap();
            let expected: Vec<serde_json::Map<String, Value>> =
                serde_json::from_str(&expected).unwrap();
            let text = std::fs::read_to_string(&path).unwrap();
            let header: Vec<String> = split(text.lines().next().unwrap(), b',').unwrap();
            let rows = read(&text);
            assert_eq!(rows.len(), expected.len(), "{}", path.display());
            for (row, expected) in rows.into_iter().zip(expected) {
                for (name, value) in header.iter().zip(row.unwrap()) {
                    // The tables came with their line breaks made plain.
                    let expected = expected[name.as_str()].as_str().unwrap();
                    assert_eq!(expected.replace("\r\n", "\n"), value, "{}", path.display());
                }
            }
        }
    }
}
