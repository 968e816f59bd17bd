//! Sentences out of text that comes in pieces, each with the numbers of its
//! evidence, written behind it as `[2]` or `[1, 3]`.

use crate::support::Sentence;

/// What ends a sentence without a space behind it.
const WIDE_ENDS: [char; 3] = ['。', '！', '？'];
/// What ends a sentence where a space or nothing follows.
const ENDS: [char; 3] = ['.', '!', '?'];
/// The longest stretch that is waited for, in bytes, before it is taken as it is.
const LONGEST_SENTENCE_BYTES: usize = 2_000;

/// Takes text in and gives sentences out.
#[derive(Debug, Default)]
pub struct SentenceSplitter {
    text: String,
}

impl SentenceSplitter {
    /// The sentences that are complete with this piece. The one at the end
    /// waits: the numbers of its evidence may follow.
    pub fn push(&mut self, piece: &str) -> Vec<Sentence> {
        self.text.push_str(piece);
        let mut sentences = Vec::new();
        while let Some(end) = end_of_first(&self.text) {
            let rest = self.text.split_off(end);
            let first = std::mem::replace(&mut self.text, rest);
            sentences.extend(sentence(&first));
        }
        sentences
    }

    /// What is left when nothing follows.
    pub fn finish(self) -> Vec<Sentence> {
        let mut all = Vec::new();
        let mut rest = self.text.as_str();
        while let Some(end) = end_of_first(rest) {
            let (first, after) = rest.split_at(end);
            all.extend(sentence(first));
            rest = after;
        }
        all.extend(sentence(rest));
        all
    }
}

/// Where the first sentence ends, its numbers included, once something stands
/// behind them.
fn end_of_first(text: &str) -> Option<usize> {
    let mut letters = text.char_indices().peekable();
    let mut word = String::new();
    while let Some((at, letter)) = letters.next() {
        let after = letters.peek().map(|(_, next)| *next);
        let ends = match letter {
            '\n' => at > 0 && !text[..at].trim().is_empty(),
            _ if WIDE_ENDS.contains(&letter) => true,
            // "z. B.", "e.g.", "J. Doe" and "1." end nothing.
            '.' if is_initial(&word) || is_number_of_list(&text[..at]) => false,
            _ if ENDS.contains(&letter) => after.is_none_or(|next| {
                next.is_whitespace() || matches!(next, '[' | '【' | '"' | '”' | '»')
            }),
            _ => false,
        };
        if letter.is_alphanumeric() {
            word.push(letter);
        } else {
            word.clear();
        }
        if !ends {
            continue;
        }
        let mut end = at + letter.len_utf8();
        loop {
            let rest = &text[end..];
            let quotes = rest.len() - rest.trim_start_matches(['"', '”', '»']).len();
            end += quotes;
            let spaces = text[end..].len() - text[end..].trim_start_matches(' ').len();
            match marker(&text[end + spaces..]) {
                Marker::Whole(length, _) => end += spaces + length,
                // More may come.
                Marker::Open => return None,
                Marker::None if text[end + spaces..].is_empty() => return None,
                Marker::None => return Some(end),
            }
        }
    }
    (text.len() > LONGEST_SENTENCE_BYTES).then_some(text.len())
}

/// Whether a word is one letter alone.
fn is_initial(word: &str) -> bool {
    let mut letters = word.chars();
    letters.next().is_some_and(char::is_alphabetic) && letters.next().is_none()
}

/// Whether the text ends with a number at the beginning of a line: "1".
fn is_number_of_list(text: &str) -> bool {
    let line = text.rsplit('\n').next().unwrap_or_default().trim();
    !line.is_empty() && line.chars().all(|letter| letter.is_ascii_digit())
}

enum Marker {
    /// So many bytes, these numbers.
    Whole(usize, Vec<usize>),
    /// It has begun and is not closed yet.
    Open,
    None,
}

/// The numbers at the beginning of a text.
fn marker(text: &str) -> Marker {
    let Some(inner) = text.strip_prefix('[').or_else(|| text.strip_prefix('【')) else {
        return Marker::None;
    };
    let open = text.len() - inner.len();
    let numeric = |letter: char| letter.is_ascii_digit() || matches!(letter, ',' | ' ' | '，');
    let length = inner.find(|letter| !numeric(letter)).unwrap_or(inner.len());
    let Some(close) = inner[length..].chars().next() else {
        return Marker::Open;
    };
    if length == 0 || !matches!(close, ']' | '】') {
        return Marker::None;
    }
    let numbers = inner[..length].split([',', ' ', '，']);
    let numbers = numbers.filter_map(|number| number.parse().ok()).collect();
    Marker::Whole(open + length + close.len_utf8(), numbers)
}

/// A stretch of text without its numbers, wherever they stand; `None` where
/// nothing is left.
fn sentence(text: &str) -> Option<Sentence> {
    let mut found = Sentence::default();
    let mut rest = text;
    while let Some(at) = rest.find(['[', '【']) {
        found.text.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Marker::Whole(length, numbers) = marker(rest) {
            for number in numbers {
                if !found.evidence.contains(&number) {
                    found.evidence.push(number);
                }
            }
            let spaced = found.text.trim_end_matches(' ').len();
            found.text.truncate(spaced);
            rest = &rest[length..];
        } else {
            let width = rest.chars().next().map_or(0, char::len_utf8);
            found.text.push_str(&rest[..width]);
            rest = &rest[width..];
        }
    }
    found.text.push_str(rest);
    let trimmed = found.text.trim();
    if trimmed.len() < found.text.len() {
        found.text = trimmed.to_owned();
    }
    (found.text.chars().any(char::is_alphanumeric)).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Vec<(String, Vec<usize>)> {
        let mut splitter = SentenceSplitter::default();
        let mut sentences = splitter.push(text);
        sentences.extend(splitter.finish());
        let parts = sentences.into_iter();
        parts.map(|one| (one.text, one.evidence)).collect()
    }

    #[test]
    fn sentences_and_their_numbers() {
        type Parts<'t> = &'t [(&'t str, &'t [usize])];
        let cases: [(&str, Parts<'_>); 9] = [
            (
                "You have 30 days. [1] Shoes too [2, 3].",
                &[("You have 30 days.", &[1]), ("Shoes too.", &[2, 3])],
            ),
            (
                "可以退货。[1]运费是3.5元[2]。",
                &[("可以退货。", &[1]), ("运费是3.5元。", &[2])],
            ),
            ("It costs 3.50 euros[1].", &[("It costs 3.50 euros.", &[1])]),
            (
                "Das geht z. B. mit Karte. [4]",
                &[("Das geht z. B. mit Karte.", &[4])],
            ),
            ("Which one do you mean?", &[("Which one do you mean?", &[])]),
            (
                "1. Pack it. [1]\n2. Send it. [1]",
                &[("1. Pack it.", &[1]), ("2. Send it.", &[1])],
            ),
            ("a [b] c [12", &[("a [b] c [12", &[])]),
            ("【1】", &[]),
            (
                "He said \"no.\" [1] Then left.",
                &[("He said \"no.\"", &[1]), ("Then left.", &[])],
            ),
        ];
        for (text, expected) in cases {
            let expected: Vec<(String, Vec<usize>)> = expected
                .iter()
                .map(|(text, numbers)| ((*text).to_owned(), numbers.to_vec()))
                .collect();
            assert_eq!(all(text), expected, "{text}");
        }
    }

    #[test]
    fn pieces_of_any_length_make_the_same_sentences() {
        let text = "You have 30 days. [1] 运费是3.5元。[2, 3] z. B. so [4]\nOr \"so.\" [1][2] End";
        let whole = all(text);
        let letters: Vec<char> = text.chars().collect();
        for length in 1..9 {
            let mut splitter = SentenceSplitter::default();
            let mut sentences = Vec::new();
            for piece in letters.chunks(length) {
                sentences.extend(splitter.push(&piece.iter().collect::<String>()));
            }
            sentences.extend(splitter.finish());
            let parts = sentences.into_iter();
            let found: Vec<_> = parts.map(|one| (one.text, one.evidence)).collect();
            assert_eq!(found, whole, "pieces of {length}");
        }
    }

    #[test]
    fn a_text_that_never_ends_is_cut() {
        let mut splitter = SentenceSplitter::default();
        assert_eq!(splitter.push(&"a ".repeat(2_000)).len(), 1);
    }
}
