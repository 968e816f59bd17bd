//! Sheets of OpenDocument files. What is repeated without content costs
//! nothing, what is repeated with content is bounded.

use std::io::{BufReader, Read};
use std::path::Path;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use serde_json::{Value, json};

use super::archive::{self, MOST_BYTES};
use super::html::entity_text;
use super::read::Halt;
use super::source::Each;
use super::table::Rows;

const CONTENT: &str = "content.xml";
/// How often a cell with content is repeated at most.
const MOST_REPEATED: u32 = 1_000;

/// How many sheets there are.
pub(super) fn sheets(path: &Path) -> Result<usize, String> {
    archive::with_entry(path, CONTENT, MOST_BYTES, |stream| {
        let mut reader = Reader::from_reader(BufReader::new(stream));
        let (mut buffer, mut sheets) = (Vec::new(), 0);
        loop {
            buffer.clear();
            match reader
                .read_event_into(&mut buffer)
                .map_err(|error| error.to_string())?
            {
                Event::Eof => return Ok(sheets),
                Event::Start(start) if is(&start, "table") => sheets += 1,
                _ => {}
            }
        }
    })
}

fn is(start: &BytesStart<'_>, name: &str) -> bool {
    start.local_name().into_inner() == name
}

/// Reads a sheet.
pub(super) fn read(path: &Path, sheet: usize, each: Each<'_>) -> Result<(), Halt> {
    let mut halt = None;
    let outcome = archive::with_entry(path, CONTENT, MOST_BYTES, |stream| {
        match Sheet::new(sheet, each).read(stream) {
            Ok(()) => Ok(()),
            Err(Failure::Halt(stopped)) => {
                halt = Some(stopped);
                Ok(())
            }
            Err(Failure::Broken(reason)) => Err(reason),
        }
    });
    match (halt, outcome) {
        (Some(halt), _) => Err(halt),
        (None, Ok(())) => Ok(()),
        (None, Err(reason)) => Err(Halt::cut(0, 0, std::io::Error::other(reason))),
    }
}

enum Failure {
    Halt(Halt),
    Broken(String),
}

impl From<Halt> for Failure {
    fn from(halt: Halt) -> Self {
        Self::Halt(halt)
    }
}

struct Sheet<'a> {
    wanted: usize,
    begun: usize,
    rows: Rows<'a>,
    row: u32,
    column: u32,
    row_repeats: u32,
    cell: Option<Cell>,
    in_comment: bool,
}

#[derive(Default)]
struct Cell {
    value: Value,
    text: String,
    repeats: u32,
}

impl<'a> Sheet<'a> {
    fn new(wanted: usize, each: Each<'a>) -> Self {
        Self {
            wanted,
            begun: 0,
            rows: Rows::new(each),
            row: 0,
            column: 0,
            row_repeats: 1,
            cell: None,
            in_comment: false,
        }
    }

    fn read(mut self, stream: &mut dyn Read) -> Result<(), Failure> {
        let mut reader = Reader::from_reader(BufReader::new(stream));
        reader.config_mut().allow_dangling_amp = true;
        let mut buffer = Vec::new();
        loop {
            buffer.clear();
            let event = reader.read_event_into(&mut buffer);
            match event.map_err(|error| Failure::Broken(error.to_string()))? {
                Event::Eof => break,
                Event::Start(start) if is(&start, "table") => self.begun += 1,
                _ if self.begun != self.wanted + 1 => {}
                Event::Start(start) => self.start(&start),
                Event::Empty(start) => {
                    self.start(&start);
                    self.end(start.local_name().into_inner())?;
                }
                Event::Text(text) => self.push(&text.xml10_content()),
                Event::GeneralRef(name) => {
                    let text = entity_text(&name).unwrap_or_default();
                    self.push(&text);
                }
                Event::End(end) => self.end(end.local_name().into_inner())?,
                _ => {}
            }
        }
        Ok(self.rows.end()?)
    }

    fn push(&mut self, text: &str) {
        if let Some(cell) = self.cell.as_mut().filter(|_| !self.in_comment) {
            cell.text.push_str(text);
        }
    }

    fn start(&mut self, start: &BytesStart<'_>) {
        let attribute = |name: &str| {
            let attribute = start.try_get_attribute(name).ok().flatten();
            attribute.map(|attribute| attribute.value.to_string())
        };
        let number = |name: &str| {
            attribute(name)
                .and_then(|text| text.parse().ok())
                .unwrap_or(1)
        };
        match start.local_name().into_inner() {
            "table-row" => {
                self.column = 0;
                self.row_repeats = number("table:number-rows-repeated");
            }
            "table-cell" | "covered-table-cell" => {
                let text = |name: &str| attribute(name).map_or(Value::Null, Value::from);
                let value = match attribute("office:value-type").as_deref() {
                    Some("float" | "percentage" | "currency") => {
                        let number =
                            attribute("office:value").and_then(|text| text.parse::<f64>().ok());
                        number.map_or(Value::Null, |number| json!(number))
                    }
                    Some("date") => text("office:date-value"),
                    Some("boolean") => text("office:boolean-value"),
                    _ => Value::Null,
                };
                self.cell = Some(Cell {
                    value,
                    text: String::new(),
                    repeats: number("table:number-columns-repeated"),
                });
            }
            "annotation" => self.in_comment = true,
            "p" => {
                if let Some(cell) = self.cell.as_mut().filter(|cell| !cell.text.is_empty()) {
                    cell.text.push('\n');
                }
            }
            "s" | "tab" => self.push(" "),
            "line-break" => self.push("\n"),
            _ => {}
        }
    }

    fn end(&mut self, name: &str) -> Result<(), Failure> {
        match name {
            "annotation" => self.in_comment = false,
            "table-cell" | "covered-table-cell" => {
                let Some(cell) = self.cell.take() else {
                    return Ok(());
                };
                let blank = cell.value.is_null() && cell.text.trim().is_empty();
                let value = if cell.value.is_null() {
                    json!(cell.text)
                } else {
                    cell.value
                };
                let repeats = if blank {
                    0
                } else {
                    cell.repeats.min(MOST_REPEATED)
                };
                for place in 0..repeats {
                    let column = self.column.saturating_add(place);
                    self.rows.cell(self.row, column, value.clone())?;
                }
                self.column = self.column.saturating_add(cell.repeats);
            }
            // A row that is repeated is one: an export has no row twice.
            "table-row" => self.row = self.row.saturating_add(self.row_repeats),
            _ => {}
        }
        Ok(())
    }
}
