use std::ops::Range;

use serde::{Deserialize, Serialize};
use shop::{Document, Id};

use super::sentences::{label, sentence_spans};
use super::terms::is_han;

/// Where a source comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum SourceKind {
    Document,
    Conversation,
    Product,
}

impl SourceKind {
    /// The word before the colon of a citation.
    pub fn name(self) -> &'static str {
        match self {
            Self::Document => "document",
            Self::Conversation => "conversation",
            Self::Product => "product",
        }
    }
}

/// A text that answers may quote.
#[derive(Debug, Clone, PartialEq)]
pub struct Source {
    /// Where it comes from.
    pub kind: SourceKind,
    /// The id of that record.
    pub id: Id,
    /// Its headline.
    pub title: Option<String>,
    /// Where a customer can read it.
    pub url: Option<String>,
    /// As `en` or `zh`.
    pub language: Option<String>,
    /// The text itself.
    pub text: String,
    /// How customers asked for it.
    pub asked: Vec<QuestionTerms>,
}

/// The words with which customers asked for what a source says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct QuestionTerms {
    /// The unit that was the answer; all of the source when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quote: Option<String>,
    /// Words, each with the share of those questions that hold it.
    pub words: Vec<(String, f32)>,
}

impl Source {
    /// A document, as support reads it.
    pub fn of_document(document: &Document) -> Self {
        let language = document
            .language
            .clone()
            .or_else(|| crate::detect_language(&document.text).map(str::to_owned));
        Self {
            kind: SourceKind::Document,
            id: document.id.clone(),
            title: document.title.clone(),
            url: document.url.clone(),
            language,
            text: document.text.clone(),
            asked: Vec::new(),
        }
    }

    /// As `document:returns`.
    pub fn citation(&self) -> String {
        format!("{}:{}", self.kind.name(), self.id)
    }
}

/// A stretch of a source that can be said by itself: a sentence, a list item,
/// or a list with the line that opens it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unit {
    /// First byte in the source's text.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
    /// What stands above it: the headings, the widest first, then the question or
    /// the label that it stands under.
    pub heading: Option<String>,
    /// How many headings came before it: what stands under one heading belongs
    /// together.
    section: usize,
}

/// What is sought and read as one: neighbouring units under one heading, about
/// as much as a paragraph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passage {
    /// Place of its source in the index.
    pub source: usize,
    /// Its units among those of the source.
    pub units: Range<usize>,
    /// The headings that all of it stands under.
    pub heading: Option<String>,
}

/// A passage takes in a further unit up to this size, in tokens.
const PASSAGE_TOKENS: usize = 128;

/// About how many tokens a language model makes of a text: one of a Chinese
/// character, one of four letters elsewhere.
fn tokens(text: &str) -> usize {
    let han = text.chars().filter(|character| is_han(*character)).count();
    let others = text.chars().count() - han;
    han + others.div_ceil(4)
}

/// Puts the units of a text together into passages.
pub(super) fn passages(source: usize, text: &str, units: &[Unit]) -> Vec<Passage> {
    let mut found: Vec<Passage> = Vec::new();
    let mut size = 0;
    for (place, unit) in units.iter().enumerate() {
        let length = tokens(text.get(unit.start..unit.end).unwrap_or_default());
        let before = place.checked_sub(1).and_then(|before| units.get(before));
        let goes_on = before.is_some_and(|before| before.section == unit.section);
        match found.last_mut() {
            Some(passage) if goes_on && size + length <= PASSAGE_TOKENS => {
                passage.units.end = place + 1;
                size += length;
            }
            _ => {
                found.push(Passage {
                    source,
                    units: place..place + 1,
                    heading: unit.heading.clone(),
                });
                size = length;
            }
        }
    }
    found
}

/// A list that is longer than this (in bytes) is said item by item.
const LONGEST_LIST_BYTES: usize = 640;
/// An item that is longer is said sentence by sentence.
const LONGEST_ITEM_BYTES: usize = 360;
const LONGEST_HEADING_CHARACTERS: usize = 70;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LineKind {
    Blank,
    Heading,
    Item,
    Text,
}

#[derive(Debug, Clone, Copy)]
struct Line {
    /// First byte after indentation and list mark.
    start: usize,
    end: usize,
    indent: usize,
    kind: LineKind,
}

/// The units of a text, in its order. Each lies within the text and starts
/// and ends at visible characters.
pub fn split(text: &str) -> Vec<Unit> {
    let lines = read_lines(text);
    let mut splitter = Splitter {
        text,
        lines: &lines,
        units: Vec::new(),
        headings: Vec::new(),
        section: 0,
    };
    splitter.run();
    splitter.units
}

fn read_lines(text: &str) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    let mut offset = 0;
    for raw in text.split_inclusive('\n') {
        lines.push(read_line(raw, offset));
        offset += raw.len();
    }
    mark_headings(text, &mut lines);
    lines
}

fn read_line(raw: &str, offset: usize) -> Line {
    let trimmed = raw.trim_end();
    let body = trimmed.trim_start();
    let indent = trimmed.len() - body.len();
    let (kind, mark) = match body {
        "" => (LineKind::Blank, 0),
        _ if body.chars().all(|c| "-=*_#|: ".contains(c)) => (LineKind::Blank, body.len()),
        _ if body.starts_with('#') => (LineKind::Heading, 0),
        _ => match list_mark(body) {
            0 => (LineKind::Text, 0),
            mark => (LineKind::Item, mark),
        },
    };
    Line {
        start: offset + indent + mark,
        end: offset + trimmed.len(),
        indent,
        kind,
    }
}

/// The bytes of a bullet or number before an item, with the space after it.
fn list_mark(body: &str) -> usize {
    let bullet = body.chars().next().filter(|c| "-*•·▪–".contains(*c));
    if let Some(bullet) = bullet {
        let rest = &body[bullet.len_utf8()..];
        let spaces = rest.len() - rest.trim_start().len();
        return if spaces > 0 {
            bullet.len_utf8() + spaces
        } else {
            0
        };
    }
    let digits = body.bytes().take_while(u8::is_ascii_digit).count();
    if digits == 0 || digits > 2 {
        return 0;
    }
    let rest = &body[digits..];
    let Some(close) = rest.chars().next().filter(|c| ".)、）．".contains(*c)) else {
        return 0;
    };
    let after = &rest[close.len_utf8()..];
    let spaces = after.len() - after.trim_start().len();
    let decimal = after.starts_with(|c: char| c.is_ascii_digit());
    if decimal || (spaces == 0 && after.starts_with(|c: char| c.is_ascii())) {
        return 0;
    }
    digits + close.len_utf8() + spaces
}

/// Short lines that stand alone above other text are headings, and so are
/// lines in bold and questions with their answer right below.
fn mark_headings(text: &str, lines: &mut [Line]) {
    for index in 0..lines.len() {
        let line = lines[index];
        if line.kind != LineKind::Text {
            continue;
        }
        let body = &text[line.start..line.end];
        let alone = index == 0 || lines[index - 1].kind == LineKind::Blank;
        let followed = lines[index + 1..]
            .iter()
            .find(|next| next.kind != LineKind::Blank)
            .is_some_and(|next| next.kind != LineKind::Heading);
        let short = body.chars().count() <= LONGEST_HEADING_CHARACTERS;
        let bold = body.starts_with("**") && body.ends_with("**");
        let question = body.ends_with(['?', '？']) && short;
        let open = !body.ends_with([
            '.', '!', ':', ',', ';', '。', '！', '：', '，', '；', '…', '"',
        ]);
        if followed && alone && (bold || question || (short && open)) {
            lines[index].kind = LineKind::Heading;
        }
    }
}

struct Splitter<'a> {
    text: &'a str,
    lines: &'a [Line],
    units: Vec<Unit>,
    /// The headings that stand above, with their levels.
    headings: Vec<(usize, String)>,
    section: usize,
}

/// The level of a heading that has no marks: it stands below those that have.
const UNMARKED_LEVEL: usize = 7;

impl Splitter<'_> {
    fn heading(&self) -> Option<String> {
        let words: Vec<&str> = self.headings.iter().map(|one| one.1.as_str()).collect();
        (!words.is_empty()).then(|| words.join(" > "))
    }

    fn begin_section(&mut self, line: Line) {
        let written = &self.text[line.start..line.end];
        let marks = written.chars().take_while(|mark| *mark == '#').count();
        let level = if marks > 0 { marks } else { UNMARKED_LEVEL };
        let words = written.trim_matches(|c: char| "#* ".contains(c));
        self.headings.retain(|(above, _)| *above < level);
        self.headings.push((level, words.to_owned()));
        self.section += 1;
    }

    fn run(&mut self) {
        let mut index = 0;
        while index < self.lines.len() {
            let line = self.lines[index];
            index = match line.kind {
                LineKind::Blank => index + 1,
                LineKind::Heading => {
                    self.begin_section(line);
                    index + 1
                }
                LineKind::Item => self.item(index, None),
                LineKind::Text => self.paragraph(index),
            };
        }
    }

    /// A list item with all that is indented below it.
    fn item(&mut self, index: usize, above: Option<&str>) -> usize {
        let line = self.lines[index];
        let own_end = self.continuation(index);
        let end = self.descendants(own_end, line.indent);
        let last = self.last_text(index, end);
        let heading = above.map(str::to_owned).or_else(|| self.heading());
        if end == own_end {
            if last - line.start > LONGEST_ITEM_BYTES {
                self.sentences(line.start, last, &heading);
            } else {
                self.push(line.start, last, &heading);
            }
        } else if last - line.start <= LONGEST_LIST_BYTES {
            self.push(line.start, last, &heading);
        } else {
            let own_last = self.last_text(index, own_end);
            self.push(line.start, own_last, &heading);
            self.items(own_end, end, &self.text[line.start..own_last]);
        }
        end
    }

    fn items(&mut self, start: usize, end: usize, above: &str) {
        let mut index = start;
        while index < end {
            index = match self.lines[index].kind {
                LineKind::Item => self.item(index, Some(above)),
                LineKind::Blank | LineKind::Heading | LineKind::Text => index + 1,
            };
        }
    }

    /// Running text up to a blank line, with the list that it opens.
    fn paragraph(&mut self, index: usize) -> usize {
        let mut end = index + 1;
        while self
            .lines
            .get(end)
            .is_some_and(|line| line.kind == LineKind::Text)
        {
            end += 1;
        }
        let start = self.lines[index].start;
        let last = self.last_text(index, end);
        let heading = self.heading();
        let opens_list = self.text[start..last].ends_with([':', '：']);
        let mut first_item = end;
        while self
            .lines
            .get(first_item)
            .is_some_and(|line| line.kind == LineKind::Blank)
        {
            first_item += 1;
        }
        let is_item = |line: &Line| line.kind == LineKind::Item;
        if !opens_list || first_item > end + 1 || !self.lines.get(first_item).is_some_and(is_item) {
            self.sentences(start, last, &heading);
            return end;
        }
        let mut list_end = first_item;
        while list_end < self.lines.len() && matches!(self.lines[list_end].kind, LineKind::Item) {
            list_end = self.descendants(self.continuation(list_end), self.lines[list_end].indent);
        }
        let list_last = self.last_text(first_item, list_end);
        let opening = sentence_spans(&self.text[start..last])
            .pop()
            .map_or(start, |(at, _)| start + at);
        if opening > start {
            self.sentences(start, opening, &heading);
        }
        if list_last - opening <= LONGEST_LIST_BYTES {
            self.push(opening, list_last, &heading);
        } else {
            self.push(opening, last, &heading);
            let above = self.text[opening..last].to_owned();
            self.items(first_item, list_end, &above);
        }
        list_end
    }

    /// One past the lines that go on with the item at `index` without a mark.
    fn continuation(&self, index: usize) -> usize {
        let indent = self.lines[index].indent;
        let mut end = index + 1;
        while self
            .lines
            .get(end)
            .is_some_and(|line| line.kind == LineKind::Text && line.indent > indent)
        {
            end += 1;
        }
        end
    }

    /// One past the items below that are indented deeper than `indent`.
    fn descendants(&self, start: usize, indent: usize) -> usize {
        let mut end = start;
        while self.lines.get(end).is_some_and(|line| {
            line.indent > indent && matches!(line.kind, LineKind::Item | LineKind::Text)
        }) {
            end += 1;
        }
        end
    }

    fn last_text(&self, start: usize, end: usize) -> usize {
        self.lines[start..end]
            .iter()
            .rev()
            .find(|line| line.kind != LineKind::Blank)
            .map_or(self.lines[start].end, |line| line.end)
    }

    /// The sentences of running text. A question that is answered right behind
    /// it stands above what follows, and so does a label ("Wrong item: …").
    fn sentences(&mut self, start: usize, end: usize, heading: &Option<String>) {
        let spans = sentence_spans(&self.text[start..end]);
        let mut above = heading.clone();
        let mut after_question = false;
        for (place, (first, last)) in spans.iter().enumerate() {
            let said = &self.text[start + first..start + last];
            let goes_on = place + 1 < spans.len();
            if goes_on && said.ends_with(['?', '？']) {
                above = below(if after_question { &above } else { heading }, said);
                after_question = true;
                continue;
            }
            after_question = false;
            self.push(start + first, start + last, &above);
            if let Some(label) = label(said).filter(|_| goes_on && place == 0) {
                above = below(heading, label);
            }
        }
    }

    fn push(&mut self, start: usize, end: usize, heading: &Option<String>) {
        let start = start + answer_mark(&self.text[start..end]);
        let body = &self.text[start..end];
        let trimmed = body.trim_start();
        let start = end - trimmed.len();
        let end = start + trimmed.trim_end().len();
        let speaks = self.text[start..end]
            .chars()
            .filter(|c| c.is_alphanumeric())
            .count();
        let leaders = self.text[start..end].matches(". . .").count();
        if speaks >= 2 && leaders == 0 {
            self.units.push(Unit {
                start,
                end,
                heading: heading.clone(),
                section: self.section,
            });
        }
    }
}

/// The bytes of a single letter with a colon before an answer: "A: ", "答：".
fn answer_mark(body: &str) -> usize {
    let mut characters = body.char_indices();
    let letter = characters
        .next()
        .filter(|(_, letter)| letter.is_alphabetic());
    let colon = characters
        .next()
        .filter(|(_, mark)| matches!(mark, ':' | '：'));
    let (Some(_), Some((at, colon))) = (letter, colon) else {
        return 0;
    };
    at + colon.len_utf8()
}

/// What stands above, with what stands below that.
fn below(heading: &Option<String>, words: &str) -> Option<String> {
    Some(match heading {
        Some(heading) => format!("{heading}: {words}"),
        None => words.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[&str]) {
        let said: Vec<&str> = split(text)
            .iter()
            .map(|unit| &text[unit.start..unit.end])
            .collect();
        assert_eq!(said, expected, "{text:?}");
    }

    #[test]
    fn sentences_items_and_lists() {
        check(
            "One day. Two days, e.g. this one! Yes? Never. 5 left",
            &["One day.", "Two days, e.g. this one!", "Never.", "5 left"],
        );
        check(
            "满88元免邮费；不满收10元。退款7天内到账！好吗？",
            &["满88元免邮费；不满收10元。", "退款7天内到账！", "好吗？"],
        );
        check(
            "A user has:\n\n- an id\n- an address\n\nDone.",
            &["A user has:\n\n- an id\n- an address", "Done."],
        );
        check(
            "1.自收到之日起30日内\n2.原路返还",
            &["自收到之日起30日内", "原路返还"],
        );
        check(
            "1. Ask\n   - name\n   - mail\n2. Close",
            &["Ask\n   - name\n   - mail", "Close"],
        );
        check("", &[]);
        check("...\n---\n", &[]);
    }

    #[test]
    fn headings_stand_above() {
        let text = "# Returns\n\nWithin 30 days.\n\nShipping\n\nFree over 50 dollars.";
        let units = split(text);
        let headings: Vec<Option<&str>> =
            units.iter().map(|unit| unit.heading.as_deref()).collect();
        assert_eq!(headings, [Some("Returns"), Some("Returns > Shipping")]);
    }

    #[test]
    fn a_question_and_a_label_stand_above_what_follows_them() {
        let text = "# Orders\n\nAdd items? Never. Place another.\n\nNeed help? Lost one? Write to us.\n\nWrong item: we send a label. Keep the box.\n\nOpen at 9:30. Closed on Sundays.\n\n问：退款退到哪里？\n答：原路退回。实时到账。";
        let said: Vec<(&str, &str)> = split(text)
            .iter()
            .map(|unit| {
                (
                    unit.heading.clone().unwrap_or_default().leak() as &str,
                    &text[unit.start..unit.end],
                )
            })
            .collect();
        let expected = [
            ("Orders: Add items?", "Never."),
            ("Orders: Add items?", "Place another."),
            ("Orders: Need help?: Lost one?", "Write to us."),
            ("Orders", "Wrong item: we send a label."),
            ("Orders: Wrong item", "Keep the box."),
            ("Orders", "Open at 9:30."),
            ("Orders", "Closed on Sundays."),
            ("Orders > 问：退款退到哪里？", "原路退回。"),
            ("Orders > 问：退款退到哪里？", "实时到账。"),
        ];
        assert_eq!(said, expected);
    }

    #[test]
    fn passages_stand_under_their_headings() {
        let long = "A sentence of some length that says one thing. ".repeat(14);
        let text = format!("# Help\n\n## Returns\n\nOne. Two.\n\nThree.\n\n## Fees\n\n{long}");
        let units = split(&text);
        let found: Vec<(usize, Option<String>)> = passages(0, &text, &units)
            .into_iter()
            .map(|passage| (passage.units.len(), passage.heading))
            .collect();
        let fees = Some("Help > Fees".to_owned());
        let expected = [
            (3, Some("Help > Returns".to_owned())),
            (10, fees.clone()),
            (4, fees),
        ];
        assert_eq!(found, expected);
    }

    proptest::proptest! {
        #[test]
        fn units_lie_in_the_text_in_order(text in "[a-zA-Z0-9 .!?:\\n\\-#*。？！你好退货é1-3\\t]{0,200}") {
            let mut last = 0;
            for unit in split(&text) {
                proptest::prop_assert!(unit.start >= last && unit.end > unit.start);
                let said = &text[unit.start..unit.end];
                proptest::prop_assert_eq!(said, said.trim());
                last = unit.end;
            }
        }
    }
}
