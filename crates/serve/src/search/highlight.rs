use corpus::search::analysis::Analyser;
use corpus::search::{Collection, Field, Query, TermId};

/// How much of a description is shown, in characters.
const SNIPPET: usize = 160;

/// Where the query's words are in one text.
#[derive(Default)]
pub(super) struct Matches {
    /// Byte ranges, in order, apart from each other.
    ranges: Vec<(usize, usize)>,
    /// For each word of the query, whether it is there.
    words: Vec<bool>,
}

impl Matches {
    pub(super) fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// The words of `query` that are there.
    pub(super) fn words<'q>(&self, query: &'q Query) -> Vec<&'q str> {
        let pairs = query.words.iter().zip(&self.words);
        pairs
            .filter(|(_, found)| **found)
            .map(|(word, _)| word.text.as_str())
            .collect()
    }
}

/// Looks for the query's words in one text of a product.
pub(super) fn find(
    collection: &Collection,
    query: &Query,
    text: &str,
    analyser: &Analyser,
) -> Matches {
    let mut numbered: Vec<(Option<TermId>, usize, usize)> = Vec::new();
    analyser.visit(text, |term, gram, start, end| {
        numbered.push((collection.term(term, gram), start, end));
    });
    let has = |term: &TermId| numbered.iter().any(|(other, ..)| *other == Some(*term));
    let mut wanted: Vec<TermId> = Vec::new();
    let words: Vec<bool> = query
        .words
        .iter()
        .map(|word| {
            // Only the surest reading: grams mark nothing where the word is.
            let found = word
                .alternatives
                .iter()
                .find(|alternative| alternative.terms.iter().all(has));
            wanted.extend(found.iter().flat_map(|alternative| &alternative.terms));
            found.is_some()
        })
        .collect();
    let mut ranges: Vec<(usize, usize)> = numbered
        .iter()
        .filter(|(term, ..)| term.is_some_and(|term| wanted.contains(&term)))
        .map(|(_, start, end)| (*start, *end))
        .collect();
    ranges.sort_unstable();
    ranges.dedup_by(|next, last| {
        let overlap = next.0 < last.1 || (next.0 == last.1 && !text.is_ascii());
        if overlap {
            last.1 = last.1.max(next.1);
        }
        overlap
    });
    Matches { ranges, words }
}

/// A field's text with its matches marked; `None` where there are none and
/// the field is not the title, and for the fields that nobody reads.
pub(super) fn highlight(text: &str, matches: &Matches, field: Field) -> Option<String> {
    if matches.is_empty() && field != Field::Title {
        return None;
    }
    match field {
        Field::Tags | Field::Attributes => None,
        Field::Description => Some(snippet(text, &matches.ranges)),
        Field::Title | Field::Brand | Field::Category => {
            Some(marked(text, 0, text.len(), &matches.ranges))
        }
    }
}

/// `text[from..to]` as HTML with the ranges in `<mark>`.
pub(super) fn marked(text: &str, from: usize, to: usize, ranges: &[(usize, usize)]) -> String {
    let mut html = String::with_capacity(to - from + 13 * ranges.len());
    let mut at = from;
    for &(start, end) in ranges {
        let (start, end) = (start.max(at), end.min(to));
        if start >= end {
            continue;
        }
        escape(&text[at..start], &mut html);
        html.push_str("<mark>");
        escape(&text[start..end], &mut html);
        html.push_str("</mark>");
        at = end;
    }
    escape(&text[at..to], &mut html);
    html
}

/// The part of a long text around its first match.
fn snippet(text: &str, ranges: &[(usize, usize)]) -> String {
    let Some(&(first, _)) = ranges.first() else {
        return String::new();
    };
    let before = text[..first].char_indices().rev();
    let mut from = before.take(SNIPPET / 4).last().map_or(0, |(at, _)| at);
    let mut to = text[from..]
        .char_indices()
        .nth(SNIPPET)
        .map_or(text.len(), |(at, _)| from + at);
    // Whole words, where there are spaces near.
    if from > 0
        && let Some(space) = text[from..first].find(' ')
    {
        from += space + 1;
    }
    if to < text.len()
        && let Some(space) = text[first..to].rfind(' ')
        && space > SNIPPET / 2
    {
        to = first + space;
    }
    let mut html = String::new();
    if from > 0 {
        html.push('…');
    }
    html.push_str(&marked(text, from, to, ranges));
    if to < text.len() {
        html.push('…');
    }
    html
}

/// Appends `text` so that HTML takes it as text; control characters go.
pub(super) fn escape(text: &str, html: &mut String) {
    for c in text.chars() {
        match c {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            c if c.is_control() => html.push(' '),
            c => html.push(c),
        }
    }
}
