//! Strings that end a text, wherever the borders of the tokens lie.

/// Watches a text that comes piece by piece for strings that end it. It holds
/// back only what could still become one of them.
#[derive(Debug, Clone, Default)]
pub struct StopWatch {
    strings: Vec<String>,
    held: String,
    finished: bool,
}

impl StopWatch {
    /// A watch for these strings; empty ones are ignored.
    pub fn new(strings: &[String]) -> StopWatch {
        let strings = strings.iter().filter(|string| !string.is_empty());
        StopWatch {
            strings: strings.cloned().collect(),
            ..StopWatch::default()
        }
    }

    /// Takes in the next piece: the text that may now be shown, and whether a
    /// stop string has ended it. The stop string and what follows it are never
    /// shown. The string whose last character comes first counts, of several
    /// such the longest, so that the cut of the pieces makes no difference.
    pub fn push(&mut self, piece: &str) -> (String, bool) {
        if self.finished {
            return (String::new(), true);
        }
        self.held.push_str(piece);
        let found = self.strings.iter().filter_map(|string| {
            let start = self.held.find(string.as_str())?;
            Some((start + string.len(), start))
        });
        if let Some((_, start)) = found.min() {
            self.finished = true;
            self.held.truncate(start);
            return (std::mem::take(&mut self.held), true);
        }
        let kept = self.held.split_off(self.held.len() - self.undecided());
        (std::mem::replace(&mut self.held, kept), false)
    }

    /// What was held back, when the text ends without a stop string.
    pub fn finish(&mut self) -> String {
        self.finished = true;
        std::mem::take(&mut self.held)
    }

    /// The length in bytes of the longest end of the text that begins a stop
    /// string.
    fn undecided(&self) -> usize {
        let begins = |string: &String| {
            let mut borders = string.char_indices().map(|(index, _)| index).rev();
            borders.find(|&length| self.held.ends_with(&string[..length]))
        };
        self.strings.iter().filter_map(begins).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn watch(strings: &[&str]) -> StopWatch {
        StopWatch::new(&strings.iter().map(|s| s.to_string()).collect::<Vec<_>>())
    }

    fn shown(strings: &[&str], pieces: &[&str]) -> (String, bool) {
        let mut watch = watch(strings);
        let mut text = String::new();
        for piece in pieces {
            let (more, finished) = watch.push(piece);
            text.push_str(&more);
            if finished {
                return (text, true);
            }
        }
        (text + &watch.finish(), false)
    }

    #[test]
    fn a_stop_string_may_cross_pieces() {
        let check = |strings: &[&str], pieces: &[&str], text: &str, finished: bool| {
            assert_eq!(shown(strings, pieces), (text.to_owned(), finished));
        };
        check(
            &["\n\nUser:"],
            &["Yes.\n", "\nUs", "er", ": no"],
            "Yes.",
            true,
        );
        check(
            &["\n\nUser:"],
            &["Yes.\n", "\nUs", "e"],
            "Yes.\n\nUse",
            false,
        );
        check(&["aab"], &["a", "a", "a", "b"], "a", true);
        check(&["。停"], &["好", "。", "停", "x"], "好", true);
        check(&[""], &["a"], "a", false);
        check(&["abc", "b"], &["abc"], "a", true);
        check(&["xab", "b"], &["xab"], "", true);
    }

    #[test]
    fn only_what_could_become_a_stop_string_is_held_back() {
        let mut watch = watch(&["</s>"]);
        assert_eq!(watch.push("a<"), ("a".to_owned(), false));
        assert_eq!(watch.push("b"), ("<b".to_owned(), false));
        assert_eq!(watch.push("</s"), (String::new(), false));
        assert_eq!(watch.push("> more"), (String::new(), true));
        assert_eq!(watch.push("still"), (String::new(), true));
        assert_eq!(watch.finish(), "");
    }

    proptest! {
        #[test]
        fn the_cut_of_the_pieces_makes_no_difference(
            text in "[ab停]{0,12}",
            strings in proptest::collection::vec("[ab停]{1,3}", 1..4),
            cuts in proptest::collection::vec(0usize..13, 0..4),
        ) {
            let strings: Vec<&str> = strings.iter().map(String::as_str).collect();
            let characters: Vec<char> = text.chars().collect();
            let mut pieces = vec![String::new()];
            for (index, character) in characters.iter().enumerate() {
                if cuts.contains(&index) {
                    pieces.push(String::new());
                }
                if let Some(piece) = pieces.last_mut() {
                    piece.push(*character);
                }
            }
            let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
            prop_assert_eq!(shown(&strings, &pieces), shown(&strings, &[&text]));
            let (text_shown, finished) = shown(&strings, &[&text]);
            let holds = |text: &str| strings.iter().any(|string| text.contains(string));
            prop_assert_eq!(finished, holds(&text));
            prop_assert!(!holds(&text_shown));
        }
    }
}
