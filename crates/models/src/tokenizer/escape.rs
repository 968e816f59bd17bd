//! What customers write, put through a template so that nothing of it can be
//! taken for a special token.

use std::collections::{BTreeMap, BTreeSet};

/// Letters for private use, to which Unicode will never give a meaning
/// (planes 15 and 16).
const PRIVATE: std::ops::Range<u32> = 0xf_0000..0x10_fff0;

/// A reversible spelling in which no letter occurs that occurs in a special
/// token: each of them becomes a mark and a number, both letters for private
/// use. White space stays, so that templates can trim it, unless a token
/// begins or ends with it.
///
/// After a template has been cut at its special tokens, [`Escape::undo`]
/// gives the letters back.
#[derive(Debug, Clone)]
pub(crate) struct Escape {
    mark: char,
    there: BTreeMap<char, char>,
    back: BTreeMap<char, char>,
}

impl Escape {
    pub(super) fn new<'t>(special: impl Iterator<Item = &'t str>) -> Escape {
        let mut letters = BTreeSet::new();
        for text in special {
            letters.extend(text.chars().filter(|letter| !letter.is_whitespace()));
            letters.extend(text.chars().next());
            letters.extend(text.chars().next_back());
        }
        let count = letters.len() as u32 + 1;
        let free = |start: &u32| {
            !letters
                .iter()
                .any(|letter| (*start..=start + count).contains(&u32::from(*letter)))
        };
        let start = PRIVATE
            .step_by(count as usize + 1)
            .find(free)
            .unwrap_or(PRIVATE.start);
        let private =
            |number: u32| char::from_u32(start + number).unwrap_or(char::REPLACEMENT_CHARACTER);
        let mark = private(0);
        letters.insert(mark);
        let there: BTreeMap<char, char> = letters.into_iter().zip((1..).map(private)).collect();
        let back = there
            .iter()
            .map(|(letter, number)| (*number, *letter))
            .collect();
        Escape { mark, there, back }
    }

    /// The text in other letters.
    pub(crate) fn apply(&self, text: &str) -> String {
        let mut escaped = String::with_capacity(text.len());
        for letter in text.chars() {
            match self.there.get(&letter) {
                Some(number) => escaped.extend([self.mark, *number]),
                None => escaped.push(letter),
            }
        }
        escaped
    }

    /// The text as it was.
    pub(crate) fn undo(&self, text: &str) -> String {
        let mut letters = text.chars().peekable();
        let mut undone = String::with_capacity(text.len());
        while let Some(letter) = letters.next() {
            let number = letters.peek().filter(|_| letter == self.mark);
            match number.and_then(|number| self.back.get(number)) {
                Some(original) => {
                    undone.push(*original);
                    letters.next();
                }
                None => undone.push(letter),
            }
        }
        undone
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn nothing_is_lost_and_nothing_is_special(
            text in "(<\\|im_end\\|>|\u{f0000}|\u{f0001}|\u{f0020}|\u{f0040}|[a-z<>|_ ]|\\PC){0,40}",
        ) {
            let escape = Escape::new(["<|im_end|>", "<|im_start|>", "\n\n"].into_iter());
            let escaped = escape.apply(&text);
            prop_assert_eq!(escape.undo(&escaped), text);
            let forbidden = |letter: char| "<|im_endstar>\n".contains(letter);
            prop_assert!(!escaped.contains(forbidden), "{}", escaped);
        }
    }
}
