//! Rows that are JSON objects: a line each, or in arrays and documents.

use std::io::{self, BufRead};
use std::ops::ControlFlow;
use std::sync::Arc;

use serde_json::{Map, Value};
use shop::{Id, Kind, Record, Timestamp};

use super::detect::Shape;
use super::intake::{Intake, Stopped};
use super::lines::{Line, Lines};
use super::read::Halt;
use super::{Batch, MAX_ROW_BYTES, Rejected, ga4, segment};

/// Rows that are looked at to find what they are.
const SAMPLE_ROWS: usize = 100;

/// Whether each line is an object of its own.
pub(super) fn is_json_lines(head: &[u8]) -> bool {
    let mut lines = head.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let Some(first) = lines.find(|line| !line.is_empty()) else {
        return false;
    };
    // `{`, `{"rows": [` and `[` open something that goes on; a broken line
    // among good ones does not end so.
    first.starts_with(b"{") && !matches!(first.last(), Some(b'{' | b'[' | b',' | b':'))
}

/// The first rows of a file, from its beginning.
pub(super) fn sample(head: &[u8], lines: bool) -> Vec<Map<String, Value>> {
    let mut rows = Vec::new();
    if lines {
        let parsed = head
            .split(|byte| *byte == b'\n')
            .filter_map(|line| serde_json::from_slice(line.trim_ascii()).ok());
        rows.extend(parsed.take(SAMPLE_ROWS));
        return rows;
    }
    let mut values = Values::new(head);
    let mut buffer = Vec::new();
    while rows.len() < SAMPLE_ROWS
        && let Ok(Some(_)) = values.next(&mut buffer)
    {
        if let Ok(object) = serde_json::from_slice::<Map<String, Value>>(&buffer) {
            match wrapped_rows(&object) {
                Some(list) => rows.extend(list.iter().filter_map(Value::as_object).cloned()),
                None => rows.push(object),
            }
        }
    }
    rows
}

/// Reads a file of lines.
pub(super) fn read_lines(
    stream: impl BufRead,
    shape: Shape,
    now: Timestamp,
    intake: &mut Intake<'_>,
) -> Result<(), Halt> {
    let mut lines = Lines::new(stream);
    let mut buffer = Vec::new();
    loop {
        match lines.next(&mut buffer, false) {
            Ok(Line::End) => return Ok(()),
            Ok(Line::TooLong { bytes }) => {
                intake.reject(too_long(lines.number, bytes, &buffer))?;
            }
            Ok(Line::Whole) => {
                let row = buffer.trim_ascii();
                if !row.is_empty() {
                    take_object(row, lines.number, shape, now, intake)?;
                }
            }
            Err(error) => return Err(Halt::cut(lines.number + 1, lines.offset, error)),
        }
    }
}

/// Reads a file of arrays or documents.
pub(super) fn read_values(
    stream: impl BufRead,
    shape: Shape,
    now: Timestamp,
    intake: &mut Intake<'_>,
) -> Result<(), Halt> {
    let mut values = Values::new(stream);
    let mut buffer = Vec::new();
    loop {
        match values.next(&mut buffer) {
            Ok(None) => return Ok(()),
            Ok(Some(found)) if found.bytes > MAX_ROW_BYTES as u64 => {
                intake.reject(too_long(found.line, found.bytes, &buffer))?;
            }
            Ok(Some(found)) if !found.complete => {
                let reason = "the file ends inside this object";
                intake.reject(Rejected::new(found.line, "row", reason, &buffer))?;
            }
            Ok(Some(found)) => take_object(&buffer, found.line, shape, now, intake)?,
            Err(error) => return Err(Halt::cut(values.line, values.offset, error)),
        }
    }
}

fn too_long(line: u64, bytes: u64, row: &[u8]) -> Rejected {
    let reason = format!(
        "{bytes} bytes long: a row has at most {MAX_ROW_BYTES}, the rest of it was skipped"
    );
    Rejected::new(line, "row", reason, row)
}

/// Takes one object, or the rows that it wraps.
fn take_object(
    row: &[u8],
    line: u64,
    shape: Shape,
    now: Timestamp,
    intake: &mut Intake<'_>,
) -> Result<(), Stopped> {
    let object: Map<String, Value> = match serde_json::from_slice(row) {
        Ok(object) => object,
        Err(error) => {
            let reason = match std::str::from_utf8(row) {
                Err(utf8) => format!("not UTF-8 at byte {} of the row", utf8.valid_up_to() + 1),
                Ok(_) => format!("not a JSON object: {error}"),
            };
            return intake.reject(Rejected::new(line, "row", reason, row));
        }
    };
    match shape {
        Shape::Ga4 => ga4::take(&object, line, now, intake),
        Shape::Segment => segment::take(&object, line, now, intake),
        Shape::Records(kind) => match wrapped_rows(&object) {
            None => take_record(kind, object, now, line, row, intake),
            Some(rows) => {
                for value in rows {
                    take_value(value, line, kind, now, intake)?;
                }
                Ok(())
            }
        },
    }
}

/// Takes a record, or the word that the one with its id is to be deleted.
fn take_record(
    kind: Kind,
    mut object: Map<String, Value>,
    now: Timestamp,
    line: u64,
    row: &[u8],
    intake: &mut Intake<'_>,
) -> Result<(), Stopped> {
    if object.remove("deleted") != Some(Value::Bool(true)) {
        return intake.take(Record::from_json(kind, object, now), line, row);
    }
    if matches!(kind, Kind::Judgements | Kind::Labelled) {
        let reason = format!("{} have no id to be deleted by", kind.name());
        return intake.reject(Rejected::new(line, "deleted", reason, row));
    }
    let id = object.get("id").cloned().unwrap_or_default();
    match serde_json::from_value::<Id>(id) {
        Ok(id) => intake.remove(kind, id, line, row),
        Err(error) => intake.reject(Rejected::new(line, "id", error, row)),
    }
}

fn take_value(
    value: &Value,
    line: u64,
    kind: Kind,
    now: Timestamp,
    intake: &mut Intake<'_>,
) -> Result<(), Stopped> {
    let text = value.to_string();
    match value {
        Value::Object(object) => {
            take_record(kind, object.clone(), now, line, text.as_bytes(), intake)
        }
        _ => intake.reject(Rejected::new(
            line,
            "row",
            "not a JSON object",
            text.as_bytes(),
        )),
    }
}

/// The rows of an object that is nothing but a wrapper around a list.
fn wrapped_rows(object: &Map<String, Value>) -> Option<&Vec<Value>> {
    if Kind::of_fields(object).is_some() {
        return None;
    }
    let general = ["rows", "data", "items", "records", "results"];
    let named = Kind::ALL.iter().map(|kind| kind.name());
    general
        .into_iter()
        .chain(named)
        .filter_map(|key| object.get(key)?.as_array())
        .find(|list| list.first().is_some_and(Value::is_object))
}

/// Objects at the top of a JSON text, in arrays or one after the other, each
/// cut out without being understood.
pub(super) struct Values<R> {
    stream: R,
    line: u64,
    offset: u64,
}

/// An object that was cut out.
pub(super) struct Cut {
    line: u64,
    bytes: u64,
    complete: bool,
}

impl<R: BufRead> Values<R> {
    pub(super) fn new(stream: R) -> Self {
        Self {
            stream,
            line: 1,
            offset: 0,
        }
    }

    /// Puts the next object into `buffer` (its beginning when it is longer
    /// than [`MAX_ROW_BYTES`]); also whatever stands where one should be.
    pub(super) fn next(&mut self, buffer: &mut Vec<u8>) -> io::Result<Option<Cut>> {
        buffer.clear();
        let mut scan = Scan::default();
        let mut begun: Option<u64> = None;
        let mut length = 0_u64;
        loop {
            let available = match self.stream.fill_buf() {
                Ok(available) => available,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if available.is_empty() {
                return Ok(begun.map(|line| Cut {
                    line,
                    bytes: length,
                    complete: false,
                }));
            }
            let mut taken = 0;
            let mut done = false;
            for byte in available {
                taken += 1;
                if *byte == b'\n' {
                    self.line += 1;
                }
                if begun.is_none() {
                    if between(*byte) {
                        continue;
                    }
                    begun = Some(self.line);
                }
                length += 1;
                if buffer.len() < MAX_ROW_BYTES {
                    buffer.push(*byte);
                }
                if scan.ends(*byte) {
                    done = true;
                    break;
                }
            }
            self.stream.consume(taken);
            self.offset += taken as u64;
            if done {
                return Ok(begun.map(|line| Cut {
                    line,
                    bytes: length,
                    complete: true,
                }));
            }
        }
    }
}

/// What may stand between objects, the byte order mark included.
fn between(byte: u8) -> bool {
    byte.is_ascii_whitespace() || matches!(byte, b',' | b'[' | b']' | 0xef | 0xbb | 0xbf)
}

/// How deep in an object a scan is.
#[derive(Default)]
struct Scan {
    depth: u32,
    in_text: bool,
    escaped: bool,
}

impl Scan {
    /// Whether `byte` is the last one of what began at the first.
    fn ends(&mut self, byte: u8) -> bool {
        if self.in_text {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = true,
                b'"' => self.in_text = false,
                _ => {}
            }
            return false;
        }
        match byte {
            b'"' => self.in_text = true,
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
        // A number or a word where an object should be ends with its line.
        self.depth == 0 && matches!(byte, b'}' | b']' | b'\n')
    }
}

/// What `fill` puts into an intake.
pub(super) fn collect(fill: impl FnOnce(&mut Intake<'_>)) -> (Vec<Record>, Vec<Rejected>) {
    let mut all = Batch::default();
    let mut sink = |batch: Batch| {
        all.records.extend(batch.records);
        all.rejected.extend(batch.rejected);
        ControlFlow::Continue(())
    };
    let mut intake = Intake::new(&mut sink, Arc::default());
    fill(&mut intake);
    let flushed = intake.flush();
    debug_assert!(flushed.is_ok());
    (all.records, all.rejected)
}
