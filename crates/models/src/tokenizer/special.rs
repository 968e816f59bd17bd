//! The texts of special tokens, and how a text is cut at them.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::Pipeline;

/// The texts of special tokens.
#[derive(Debug, Clone, Default)]
pub(super) struct SpecialTexts {
    ids: HashMap<String, u32>,
    known: HashSet<u32>,
    /// The lengths that occur, in bytes.
    lengths: BTreeSet<usize>,
}

impl SpecialTexts {
    /// Those of a pipeline.
    pub(super) fn of(pipeline: &Pipeline) -> SpecialTexts {
        let added = pipeline.get_added_vocabulary().get_added_tokens_decoder();
        let mut texts = SpecialTexts::default();
        for (id, token) in added.iter().filter(|(_, token)| token.special) {
            texts.insert(&token.content, *id);
        }
        texts
    }

    pub(super) fn insert(&mut self, text: &str, id: u32) {
        if !text.is_empty() {
            self.ids.insert(text.to_owned(), id);
            self.known.insert(id);
            self.lengths.insert(text.len());
        }
    }

    pub(super) fn id(&self, text: &str) -> Option<u32> {
        self.ids.get(text).copied()
    }

    pub(super) fn contains(&self, id: u32) -> bool {
        self.known.contains(&id)
    }

    pub(super) fn texts(&self) -> impl Iterator<Item = &str> {
        self.ids.keys().map(String::as_str)
    }

    /// The longest special token that a text begins with.
    fn first(&self, text: &str) -> Option<(usize, u32)> {
        let lengths = self.lengths.iter().rev();
        lengths
            .filter_map(|length| Some((*length, self.id(text.get(..*length)?)?)))
            .next()
    }

    /// Pieces of a text, each with the special token that ends it.
    pub(super) fn split<'t>(&self, text: &'t str) -> Vec<(&'t str, Option<u32>)> {
        let mut pieces = Vec::new();
        let (mut start, mut at) = (0, 0);
        while let Some(letter) = text[at..].chars().next() {
            match self.first(&text[at..]) {
                Some((length, id)) => {
                    pieces.push((&text[start..at], Some(id)));
                    at += length;
                    start = at;
                }
                None => at += letter.len_utf8(),
            }
        }
        pieces.push((&text[start..], None));
        pieces
    }
}

/// A text cut after the first letter of each of these words, so that none of
/// them is left in a piece.
pub(super) fn cut<'t>(text: &'t str, words: &[String]) -> Vec<&'t str> {
    let mut pieces = vec![text];
    for word in words {
        let Some(first) = word.chars().next() else {
            continue;
        };
        let cuts = |piece: &'t str| {
            let mut cut = Vec::new();
            let mut rest = piece;
            while let Some(at) = rest.find(word.as_str()) {
                let (before, after) = rest.split_at(at + first.len_utf8());
                cut.push(before);
                rest = after;
            }
            cut.push(rest);
            cut
        };
        pieces = pieces.into_iter().flat_map(cuts).collect();
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_token_wins_and_all_text_stays() {
        let mut texts = SpecialTexts::default();
        for (text, id) in [("<a>", 1), ("<a><b>", 2), ("终", 3)] {
            texts.insert(text, id);
        }
        let pieces = texts.split("é<a><b>x<a>终<");
        let expected = [("é", Some(2)), ("x", Some(1)), ("", Some(3)), ("<", None)];
        assert_eq!(pieces, expected);
        assert_eq!(texts.split(""), [("", None)]);
    }

    #[test]
    fn a_cut_leaves_no_word_whole() {
        let words = ["<x>".to_owned(), "aa".to_owned()];
        assert_eq!(cut("b<x>aaa", &words), ["b<", "x>a", "a", "a"]);
        assert_eq!(cut("", &words), [""]);
    }
}
