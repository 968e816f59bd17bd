use std::ops::Range;

/// A text with full-width forms, dashes and spaces brought to ASCII, so that
/// one set of patterns reads them all; remembers where each byte came from.
pub(super) struct Folded {
    pub(super) text: String,
    /// For each byte of `text`, and its end, the byte in the original;
    /// `None` when they are the same.
    origins: Option<Vec<u32>>,
}

impl Folded {
    pub(super) fn new(original: &str) -> Self {
        if !original.chars().any(|c| fold(c) != c) {
            return Self {
                text: original.to_owned(),
                origins: None,
            };
        }
        let mut text = String::with_capacity(original.len());
        let mut origins = Vec::with_capacity(original.len() + 1);
        for (at, c) in original.char_indices() {
            let folded = fold(c);
            text.push(folded);
            origins.extend(std::iter::repeat_n(at as u32, folded.len_utf8()));
        }
        origins.push(original.len() as u32);
        Self {
            text,
            origins: Some(origins),
        }
    }

    /// The range of the original that `range` of the folded text stands for.
    pub(super) fn origin(&self, range: Range<usize>) -> Range<usize> {
        match &self.origins {
            None => range,
            Some(origins) => origins[range.start] as usize..origins[range.end] as usize,
        }
    }
}

fn fold(c: char) -> char {
    match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(c as u32 - 0xfee0).unwrap_or(c),
        '\u{2010}'..='\u{2015}' | '\u{2212}' => '-',
        '\u{a0}' | '\u{2007}' | '\u{2009}' | '\u{202f}' | '\u{3000}' => ' ',
        _ => c,
    }
}
