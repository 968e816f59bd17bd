//! Personal data out of texts that leave the house, and back into what comes
//! in: each value is replaced by a placeholder of its own for as long as one
//! exchange lasts.

use std::ops::Range;

use super::find;

/// A value shorter than this stands in too many other words.
const SHORTEST_KNOWN: usize = 2;

/// The placeholders of one exchange. The same value has the same placeholder,
/// so that a text still says who is who.
#[derive(Debug, Clone, Default)]
pub struct Pseudonyms {
    /// What is known of the customer: a kind as it is written in a placeholder,
    /// and the value; the longest first.
    known: Vec<(&'static str, String)>,
    /// Placeholders given, with what they stand for.
    given: Vec<(String, String)>,
}

impl Pseudonyms {
    /// Hides what [`redact`](super::redact) finds and these values that the shop
    /// knows of the customer, each with its kind, as `("NAME", "Ada Byron")`.
    /// Letter case makes no difference.
    pub fn new(known: impl IntoIterator<Item = (&'static str, String)>) -> Self {
        let mut known: Vec<_> = known
            .into_iter()
            .map(|(kind, value)| (kind, value.trim().to_owned()))
            .filter(|(_, value)| value.chars().count() >= SHORTEST_KNOWN)
            .collect();
        known.sort_by(|(_, one), (_, other)| other.len().cmp(&one.len()).then(one.cmp(other)));
        known.dedup();
        Self {
            known,
            given: Vec::new(),
        }
    }

    /// The text with placeholders, as `[EMAIL_1]`.
    pub fn hide(&mut self, text: &str) -> String {
        let mut spans: Vec<(Range<usize>, &'static str)> = Vec::new();
        let free = |spans: &[(Range<usize>, _)], range: &Range<usize>| {
            let meets =
                |(other, _): &(Range<usize>, _)| other.start < range.end && range.start < other.end;
            !spans.iter().any(meets)
        };
        // What has its form comes first: a name may stand in an e-mail address.
        for (range, kind) in find(text) {
            if free(&spans, &range) {
                let name = kind.placeholder().trim_matches(['[', ']']);
                spans.push((range, name));
            }
        }
        for (kind, value) in &self.known {
            for range in places_of(text, value) {
                if free(&spans, &range) {
                    spans.push((range, kind));
                }
            }
        }
        spans.sort_by_key(|(range, _)| range.start);
        let mut hidden = String::with_capacity(text.len());
        let mut kept_until = 0;
        for (range, kind) in spans {
            hidden.push_str(&text[kept_until..range.start]);
            hidden.push_str(&self.placeholder(kind, &text[range.clone()]));
            kept_until = range.end;
        }
        hidden.push_str(&text[kept_until..]);
        hidden
    }

    /// The text with each placeholder of this exchange replaced by what it
    /// stands for. Placeholders that were never given stay.
    pub fn restore(&self, text: &str) -> String {
        let mut restored = String::with_capacity(text.len());
        let mut rest = text;
        // One pass, so that a value that looks like a placeholder stays what it is.
        while let Some(start) = rest.find('[') {
            let (before, from) = rest.split_at(start);
            restored.push_str(before);
            let given = self.given.iter();
            let mut meant = given.filter(|(placeholder, _)| from.starts_with(placeholder.as_str()));
            match meant.next() {
                Some((placeholder, value)) => {
                    restored.push_str(value);
                    rest = &from[placeholder.len()..];
                }
                None => {
                    restored.push('[');
                    rest = &from[1..];
                }
            }
        }
        restored.push_str(rest);
        restored
    }

    fn placeholder(&mut self, kind: &str, value: &str) -> String {
        if let Some((placeholder, _)) = self.given.iter().find(|(_, known)| known == value) {
            return placeholder.clone();
        }
        let prefix = format!("[{kind}_");
        let of_kind = self.given.iter();
        let count = of_kind.filter(|(placeholder, _)| placeholder.starts_with(&prefix));
        let placeholder = format!("{prefix}{}]", count.count() + 1);
        self.given.push((placeholder.clone(), value.to_owned()));
        placeholder
    }
}

/// Where a value stands in a text as whole words.
fn places_of(text: &str, value: &str) -> Vec<Range<usize>> {
    let pattern = regex::RegexBuilder::new(&regex::escape(value))
        .case_insensitive(true)
        .build();
    let joins = |c: char| c.is_alphanumeric() && !crate::contains_han(c.encode_utf8(&mut [0; 4]));
    let is_whole = |range: &Range<usize>| {
        let before = text[..range.start].chars().next_back();
        let after = text[range.end..].chars().next();
        !before.is_some_and(joins) && !after.is_some_and(joins)
    };
    let found = pattern.iter().flat_map(|pattern| pattern.find_iter(text));
    found.map(|found| found.range()).filter(is_whole).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ada() -> Pseudonyms {
        Pseudonyms::new([
            ("NAME", "Ada Byron".to_owned()),
            ("NAME", "Ada".to_owned()),
            ("ADDRESS", "12 St James's Square".to_owned()),
        ])
    }

    #[test]
    fn what_was_hidden_comes_back() {
        let mut pseudonyms = ada();
        let text = "I am ADA BYRON (ada@example.org, +44 20 7946 0958), 12 St James's Square. \
                    Card 4111 1111 1111 1111. Ada again: ada@example.org";
        let hidden = pseudonyms.hide(text);
        assert_eq!(
            hidden,
            "I am [NAME_1] ([EMAIL_1], [PHONE_1]), [ADDRESS_1]. Card [CARD_1]. [NAME_2] again: \
             [EMAIL_1]"
        );
        assert_eq!(pseudonyms.restore(&hidden), text);
        assert_eq!(
            pseudonyms.restore("[NAME_9] [a [EMAIL_1"),
            "[NAME_9] [a [EMAIL_1"
        );
    }

    #[test]
    fn a_name_in_another_word_stays() {
        let mut pseudonyms = ada();
        let text = "Is Adas chair in Canada?";
        assert_eq!(pseudonyms.hide(text), text);
        let mut pseudonyms = Pseudonyms::new([("NAME", "李雷".to_owned())]);
        assert_eq!(pseudonyms.hide("我是李雷，退货"), "我是[NAME_1]，退货");
        assert_eq!(pseudonyms.restore("[NAME_1]您好"), "李雷您好");
    }
}
