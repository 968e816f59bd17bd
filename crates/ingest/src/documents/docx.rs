//! Word documents: the paragraphs, headings, lists and tables of the main text.
//! Nothing that a document refers to is fetched, no entity of its own is known.

use std::io::{BufReader, Read};
use std::path::Path;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::{MOST_TEXT_BYTES, Parts};
use crate::archive;
use crate::html::entity_text;

pub(super) const MAIN: &str = "word/document.xml";

pub(super) fn read(path: &Path) -> Result<Parts, String> {
    let text = archive::with_entry(path, MAIN, MOST_TEXT_BYTES, main_text)?;
    let title = archive::with_entry(path, "docProps/core.xml", 1 << 20, title);
    Ok(Parts {
        title: title.ok().flatten(),
        text,
        language: None,
        left_out: None,
    })
}

fn title(stream: &mut dyn Read) -> Result<Option<String>, String> {
    let mut reader = Reader::from_reader(BufReader::new(stream));
    let (mut buffer, mut inside, mut title) = (Vec::new(), false, String::new());
    loop {
        buffer.clear();
        match reader
            .read_event_into(&mut buffer)
            .map_err(|error| error.to_string())?
        {
            Event::Eof => break,
            Event::Start(start) => inside = start.local_name().into_inner() == "title",
            Event::Text(text) if inside => title.push_str(&text.xml10_content()),
            Event::End(_) => inside = false,
            _ => {}
        }
    }
    Ok(Some(title.trim().to_owned()).filter(|title| !title.is_empty()))
}

/// What is open while the text is read.
#[derive(Default)]
struct Reading {
    text: String,
    paragraph: String,
    style: String,
    is_list: bool,
    in_text: bool,
    /// Tables may stand in tables.
    tables: usize,
    cells: Vec<String>,
}

fn main_text(stream: &mut dyn Read) -> Result<String, String> {
    let mut reader = Reader::from_reader(BufReader::new(stream));
    reader.config_mut().allow_dangling_amp = true;
    let (mut buffer, mut reading) = (Vec::new(), Reading::default());
    loop {
        buffer.clear();
        match reader
            .read_event_into(&mut buffer)
            .map_err(|error| error.to_string())?
        {
            Event::Eof => break,
            Event::Start(start) => reading.start(&start),
            Event::Empty(start) => {
                reading.start(&start);
                reading.end(start.local_name().into_inner());
            }
            Event::Text(text) if reading.in_text => {
                reading.paragraph.push_str(&text.xml10_content())
            }
            Event::GeneralRef(name) if reading.in_text => {
                // An entity that the document declares is not looked up.
                reading
                    .paragraph
                    .push_str(&entity_text(&name).unwrap_or_default());
            }
            Event::End(end) => reading.end(end.local_name().into_inner()),
            _ => {}
        }
    }
    Ok(reading.text.trim().to_owned())
}

impl Reading {
    fn start(&mut self, start: &BytesStart<'_>) {
        match start.local_name().into_inner() {
            "p" => {
                self.style.clear();
                self.is_list = false;
            }
            "pStyle" => {
                let value = start.try_get_attribute("w:val").ok().flatten();
                self.style = value
                    .map(|value| value.value.to_string())
                    .unwrap_or_default();
            }
            "numPr" => self.is_list = true,
            "t" => self.in_text = true,
            "tab" | "br" | "cr" => self.paragraph.push(' '),
            "tbl" => self.tables += 1,
            _ => {}
        }
    }

    fn end(&mut self, name: &str) {
        match name {
            "t" => self.in_text = false,
            "p" if self.tables > 0 => self.paragraph.push(' '),
            "p" => self.end_paragraph(),
            "tc" => self
                .cells
                .push(std::mem::take(&mut self.paragraph).trim().to_owned()),
            "tr" => {
                let row = std::mem::take(&mut self.cells).join(" | ");
                self.text.push_str(&format!("| {row} |\n"));
            }
            "tbl" => {
                self.tables = self.tables.saturating_sub(1);
                self.text.push('\n');
            }
            _ => {}
        }
    }

    fn end_paragraph(&mut self) {
        let paragraph = std::mem::take(&mut self.paragraph);
        let paragraph = paragraph.trim();
        if paragraph.is_empty() {
            return;
        }
        let style = self.style.to_lowercase();
        let level = style
            .chars()
            .find_map(|c| c.to_digit(10))
            .unwrap_or(1)
            .clamp(1, 6);
        let heading = ["heading", "berschrift", "titre", "ttulo", "titolo", "kop"];
        let mark = if style == "title" {
            "# ".to_owned()
        } else if heading.iter().any(|name| style.contains(name)) {
            format!("{} ", "#".repeat(level as usize))
        } else if self.is_list || style.starts_with("list") {
            "- ".to_owned()
        } else {
            String::new()
        };
        self.text.push_str(&format!("{mark}{paragraph}\n"));
        if !mark.starts_with('-') {
            self.text.push('\n');
        }
    }
}
