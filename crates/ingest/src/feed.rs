//! Product feeds in XML: RSS 2.0 and Atom, Google's names with or without the
//! prefix `g:`.

use std::collections::BTreeMap;
use std::io::{self, BufRead, Read};

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use serde_json::{Value, json};

use super::html::entity_text;
use super::read::Halt;
use super::row::Row;
use super::source::{Each, Item as Found};
use super::{MAX_ROW_BYTES, Rejected};

/// Reads a feed.
pub(super) fn read(stream: impl BufRead, each: Each<'_>) -> Result<(), Halt> {
    let mut reader = Reader::from_reader(Metered::new(stream));
    reader.config_mut().check_end_names = false;
    reader.config_mut().allow_dangling_amp = true;
    let mut buffer = Vec::new();
    let mut item: Option<Item> = None;
    loop {
        buffer.clear();
        reader.get_mut().left = 2 * MAX_ROW_BYTES;
        let event = match reader.read_event_into(&mut buffer) {
            Ok(event) => event,
            Err(error) => {
                let line = reader.get_ref().line;
                let offset = reader.buffer_position();
                return Err(Halt::cut(line, offset, io::Error::other(error)));
            }
        };
        let line = reader.get_ref().line;
        match (event, &mut item) {
            (Event::Eof, None) => return Ok(()),
            (Event::Eof, Some(item)) => {
                let reason = "the file ends inside this product";
                return each(Found::Bad(Rejected::new(item.line, "row", reason, b"")));
            }
            (Event::Start(start), None) => {
                if matches!(start.local_name().into_inner(), "item" | "entry") {
                    item = Some(Item::new(line));
                }
            }
            (Event::Start(start), Some(item)) => item.start(&start),
            (Event::Empty(start), Some(item)) => item.empty(&start),
            (Event::Text(text), Some(item)) => item.push(&text.xml10_content()),
            (Event::CData(text), Some(item)) => item.push(&text.xml10_content()),
            (Event::GeneralRef(reference), Some(item)) => match entity_text(&reference) {
                Some(text) => item.push(&text),
                None => item.push(&format!("&{};", &*reference)),
            },
            (Event::End(_), Some(open)) => {
                let complete = open.end();
                if complete {
                    each(found(open))?;
                    item = None;
                }
            }
            _ => {}
        }
    }
}

fn found(item: &Item) -> Found {
    if item.bytes > MAX_ROW_BYTES {
        let reason = format!("longer than {MAX_ROW_BYTES} bytes");
        return Found::Bad(Rejected::new(item.line, "row", reason, b""));
    }
    let cells = item
        .attributes
        .iter()
        .map(|(name, values)| match values.as_slice() {
            [value] => (name.clone(), json!(value)),
            values => (name.clone(), Value::from(values)),
        });
    Found::Row(Row {
        line: item.line,
        cells: cells.collect(),
    })
}

/// A product while it is read.
struct Item {
    line: u64,
    /// What it says; some things several times.
    attributes: BTreeMap<String, Vec<String>>,
    /// The elements that are open inside it.
    open: Vec<String>,
    text: String,
    bytes: usize,
}

impl Item {
    fn new(line: u64) -> Self {
        Self {
            line,
            attributes: BTreeMap::new(),
            open: Vec::new(),
            text: String::new(),
            bytes: 0,
        }
    }

    fn start(&mut self, start: &BytesStart<'_>) {
        self.open.push(name(start));
        if self.open.len() == 1 {
            self.text.clear();
            self.link(start);
        }
    }

    fn empty(&mut self, start: &BytesStart<'_>) {
        if self.open.is_empty() {
            self.open.push(name(start));
            self.text.clear();
            self.link(start);
            self.end();
        }
    }

    /// Atom writes addresses as an attribute of `link`.
    fn link(&mut self, start: &BytesStart<'_>) {
        if start.local_name().into_inner() != "link" {
            return;
        }
        let attribute = |name: &str| {
            let attribute = start.try_get_attribute(name).ok().flatten()?;
            Some(attribute.value.replace("&amp;", "&"))
        };
        let main = attribute("rel").is_none_or(|relation| relation == "alternate");
        if let Some(address) = attribute("href").filter(|_| main) {
            self.text = address;
        }
    }

    fn push(&mut self, text: &str) {
        self.bytes += text.len();
        // What stands deeper (the price of a shipping rule) is not the product's.
        if self.open.len() == 1 && self.bytes <= MAX_ROW_BYTES {
            self.text.push_str(text);
        }
    }

    /// Closes an element; true when it is the product itself.
    fn end(&mut self) -> bool {
        let Some(name) = self.open.pop() else {
            return true;
        };
        if self.open.is_empty() {
            let text = std::mem::take(&mut self.text);
            let text = text.trim();
            if !text.is_empty() {
                self.put(name, text);
            }
        }
        false
    }

    /// A `g:` attribute counts more than RSS's or Atom's own of that name.
    fn put(&mut self, name: String, text: &str) {
        let (google, name) = match name.strip_prefix("g:") {
            Some(name) => (true, name.to_owned()),
            None => (false, name),
        };
        let name = match name.as_str() {
            "summary" | "content" => "description".to_owned(),
            _ => name,
        };
        let single = ["id", "title", "description", "link"].contains(&name.as_str());
        let values = self.attributes.entry(name).or_default();
        match (single, google) {
            (true, true) => *values = vec![text.to_owned()],
            (true, false) if !values.is_empty() => {}
            _ => values.push(text.to_owned()),
        }
    }
}

/// The name of an element, with `g:` when it is in Google's namespace.
fn name(start: &BytesStart<'_>) -> String {
    let name = start.name();
    let local = name.local_name().into_inner().to_ascii_lowercase();
    match name.prefix() {
        Some(_) => format!("g:{local}"),
        None => local,
    }
}

/// Counts lines, and refuses to feed a token without end.
struct Metered<R> {
    stream: R,
    line: u64,
    left: usize,
}

impl<R> Metered<R> {
    fn new(stream: R) -> Self {
        Self {
            stream,
            line: 1,
            left: usize::MAX,
        }
    }
}

impl<R: BufRead> Read for Metered<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let available = self.fill_buf()?;
        let length = available.len().min(buffer.len());
        buffer[..length].copy_from_slice(&available[..length]);
        self.consume(length);
        Ok(length)
    }
}

impl<R: BufRead> BufRead for Metered<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.left == 0 {
            return Err(io::Error::other(format!(
                "a text longer than {} bytes",
                2 * MAX_ROW_BYTES
            )));
        }
        self.stream.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.left = self.left.saturating_sub(amount);
        if amount > 0
            && let Ok(bytes) = self.stream.fill_buf()
        {
            let lines = bytes.iter().take(amount).filter(|byte| **byte == b'\n');
            self.line += lines.count() as u64;
        }
        self.stream.consume(amount);
    }
}
