//! Rows that are JSON objects: a line each, or in arrays and documents.

use std::io::{self, BufRead};
use std::ops::ControlFlow;
use std::sync::Arc;

use serde_json::{Map, Value};
use shop::Record;

use super::intake::Intake;
use super::lines::{Line, Lines};
use super::read::Halt;
use super::row::Row;
use super::source::{Each, Item};
use super::{Batch, MAX_ROW_BYTES, Rejected};

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

/// The first objects of a file, from its beginning.
pub(super) fn sample(head: &[u8], lines: bool) -> Vec<Map<String, Value>> {
    if lines {
        let lines = head.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
        let parsed = lines.filter_map(|line| serde_json::from_slice(line).ok());
        return parsed.take(SAMPLE_ROWS).collect();
    }
    let (mut rows, mut buffer) = (Vec::new(), Vec::new());
    let mut values = Values::new(head);
    while rows.len() < SAMPLE_ROWS
        && let Ok(Some(_)) = values.next(&mut buffer)
    {
        rows.extend(serde_json::from_slice::<Map<String, Value>>(&buffer).ok());
    }
    rows
}

/// Reads a file of lines.
pub(super) fn read_lines(stream: impl BufRead, each: Each<'_>) -> Result<(), Halt> {
    let mut lines = Lines::new(stream);
    let mut buffer = Vec::new();
    loop {
        match lines.next(&mut buffer, false) {
            Ok(Line::End) => return Ok(()),
            Ok(Line::TooLong { bytes }) => {
                each(Item::Bad(too_long(lines.number, bytes, &buffer)))?;
            }
            Ok(Line::Whole) => {
                let row = buffer.trim_ascii();
                if !row.is_empty() {
                    each(object(row, lines.number))?;
                }
            }
            Err(error) => return Err(Halt::cut(lines.number + 1, lines.offset, error)),
        }
    }
}

/// Reads the objects of a list, or the ones that stand one after the other
/// where `list` is none.
pub(super) fn read_values(
    mut stream: impl BufRead,
    list: Option<&[String]>,
    each: Each<'_>,
) -> Result<(), Halt> {
    let mut line = 1;
    if let Some(path) = list {
        match skip_to_list(&mut stream, path) {
            Ok(Some(at)) => line = at,
            Ok(None) => return Ok(()),
            Err(error) => return Err(Halt::cut(line, 0, error)),
        }
    }
    let mut values = Values::new(stream);
    (values.line, values.in_list) = (line, list.is_some());
    let mut buffer = Vec::new();
    loop {
        match values.next(&mut buffer) {
            Ok(None) => return Ok(()),
            Ok(Some(found)) if found.bytes > MAX_ROW_BYTES as u64 => {
                each(Item::Bad(too_long(found.line, found.bytes, &buffer)))?;
            }
            Ok(Some(found)) if !found.complete => {
                let reason = "the file ends inside this object";
                each(Item::Bad(Rejected::new(found.line, "row", reason, &buffer)))?;
            }
            Ok(Some(found)) => each(object(&buffer, found.line))?,
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

fn object(row: &[u8], line: u64) -> Item {
    match serde_json::from_slice::<Map<String, Value>>(row) {
        Ok(cells) => Item::Row(Row { line, cells }),
        Err(error) => {
            let reason = match std::str::from_utf8(row) {
                Err(utf8) => format!("not UTF-8 at byte {} of the row", utf8.valid_up_to() + 1),
                Ok(_) => format!("not a JSON object: {error}"),
            };
            Item::Bad(Rejected::new(line, "row", reason, row))
        }
    }
}

/// A list of objects in a document: the names that lead to it, and its first
/// objects.
pub(super) struct List {
    pub(super) path: Vec<String>,
    pub(super) rows: Vec<Map<String, Value>>,
}

/// How deep in a document a list of rows is looked for.
const DEEPEST_LIST: usize = 3;

/// The lists of objects in the beginning of a document.
pub(super) fn lists(head: &[u8]) -> Vec<List> {
    let mut walk = Walk::default();
    let mut lists = Vec::new();
    for (place, byte) in head.iter().enumerate() {
        let Some(path) = walk.step(*byte).filter(|path| path.len() <= DEEPEST_LIST) else {
            continue;
        };
        let mut values = Values::new(&head[place + 1..]);
        values.in_list = true;
        let (mut rows, mut buffer) = (Vec::new(), Vec::new());
        while rows.len() < SAMPLE_ROWS
            && let Ok(Some(_)) = values.next(&mut buffer)
        {
            rows.extend(serde_json::from_slice::<Map<String, Value>>(&buffer).ok());
        }
        if !rows.is_empty() {
            lists.push(List { path, rows });
        }
    }
    lists
}

/// Reads past the `[` of a list, and says on which line that is.
fn skip_to_list(stream: &mut impl BufRead, path: &[String]) -> io::Result<Option<u64>> {
    let mut walk = Walk::default();
    let mut line = 1;
    loop {
        let available = match stream.fill_buf() {
            Ok(available) => available,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if available.is_empty() {
            return Ok(None);
        }
        let (mut taken, mut found) = (0, false);
        for byte in available {
            taken += 1;
            line += u64::from(*byte == b'\n');
            if walk.step(*byte).is_some_and(|opened| opened == path) {
                found = true;
                break;
            }
        }
        stream.consume(taken);
        if found {
            return Ok(Some(line));
        }
    }
}

/// Where in a document a reading is.
#[derive(Default)]
struct Walk {
    /// Objects by the name that is read in them; nothing for a list.
    frames: Vec<Option<Vec<u8>>>,
    name: Vec<u8>,
    in_text: bool,
    escaped: bool,
    is_name: bool,
}

impl Walk {
    /// The names that lead to the list that opens with `byte`, if one does.
    fn step(&mut self, byte: u8) -> Option<Vec<String>> {
        if self.in_text {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = true,
                b'"' => self.in_text = false,
                _ if self.is_name && self.name.len() < 200 => self.name.push(byte),
                _ => {}
            }
            return None;
        }
        match byte {
            b'"' => {
                self.in_text = true;
                if self.is_name {
                    self.name.clear();
                }
            }
            b':' => {
                self.is_name = false;
                if let Some(Some(name)) = self.frames.last_mut() {
                    name.clone_from(&self.name);
                }
            }
            b'{' => {
                self.is_name = true;
                self.frames.push(Some(Vec::new()));
            }
            b',' => self.is_name = matches!(self.frames.last(), Some(Some(_))),
            b'[' => {
                self.is_name = false;
                let text = |name: &Vec<u8>| String::from_utf8_lossy(name).into_owned();
                let names = self
                    .frames
                    .iter()
                    .map(|name| name.as_ref().map(text))
                    .collect();
                self.frames.push(None);
                return names;
            }
            b'}' | b']' => {
                self.frames.pop();
                self.is_name = false;
            }
            _ => {}
        }
        // Nothing that a shop exports is nested so deep.
        self.frames.truncate(1_000);
        None
    }
}

/// Objects at the top of a JSON text, in arrays or one after the other, each
/// cut out without being understood.
pub(super) struct Values<R> {
    stream: R,
    line: u64,
    offset: u64,
    /// Whether the list that is read ends before the text does.
    in_list: bool,
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
            in_list: false,
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
                if begun.is_none() && self.in_list && *byte == b']' {
                    return Ok(None);
                }
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
