//! The small words by which a message points at one of several: "the last
//! one", "the other", "the blue one", "all except". Each language's file
//! lists its own; a message may mix languages, so all are looked for.

use std::sync::LazyLock;

use locale::Locale;

/// What a small word stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cue {
    /// Joins two wishes.
    Conjunction,
    Last,
    First,
    Other,
    All,
    /// "All except".
    Exception,
    /// Between what is and what it should become.
    Turn,
    /// What comes after it is liked better and not asked for.
    Preference,
    /// Begins a message that hangs on the one before it.
    FollowUp,
    /// The address in the account.
    AccountAddress,
    CreditCard,
    GiftCard,
    BankTransfer,
    /// The whole order and not an item of it.
    Order,
    Cheapest,
    Dearest,
    More,
    Less,
    Most,
    Least,
}

/// Reads one text of a language.
type Text = fn(&Locale) -> &'static str;

const CUES: [(Cue, Text); 20] = [
    (Cue::Conjunction, |locale| locale.heard_conjunctions),
    (Cue::Last, |locale| locale.heard_last),
    (Cue::First, |locale| locale.heard_first),
    (Cue::Other, |locale| locale.heard_other),
    (Cue::All, |locale| locale.heard_all),
    (Cue::Exception, |locale| locale.heard_exceptions),
    (Cue::Turn, |locale| locale.heard_turns),
    (Cue::Preference, |locale| locale.heard_preferences),
    (Cue::FollowUp, |locale| locale.heard_follow_ups),
    (Cue::AccountAddress, |locale| locale.heard_account),
    (Cue::CreditCard, |locale| locale.heard_credit_card),
    (Cue::GiftCard, |locale| locale.heard_gift_card),
    (Cue::BankTransfer, |locale| locale.heard_bank_transfer),
    (Cue::Order, |locale| locale.heard_order),
    (Cue::Cheapest, |locale| locale.heard_cheapest),
    (Cue::Dearest, |locale| locale.heard_dearest),
    (Cue::More, |locale| locale.heard_more),
    (Cue::Less, |locale| locale.heard_less),
    (Cue::Most, |locale| locale.heard_most),
    (Cue::Least, |locale| locale.heard_least),
];

/// The phrases of each cue, in every language, as they are written and as stems.
static PHRASES: LazyLock<Vec<Vec<String>>> = LazyLock::new(|| {
    let stems = |phrase: &str| -> String {
        let stems = corpus::support::terms(phrase).into_iter();
        stems.map(|term| term.word).collect::<Vec<_>>().join(" ")
    };
    let of = |read: Text| -> Vec<String> {
        let locales = Locale::all().iter();
        let phrases = locales.flat_map(|locale| alternatives(read(locale)));
        let mut forms: Vec<String> = phrases
            .flat_map(|phrase| [phrase.to_owned(), stems(phrase)])
            .filter(|form| !form.is_empty())
            .collect();
        forms.sort();
        forms.dedup();
        forms
    };
    CUES.iter().map(|(_, read)| of(*read)).collect()
});

fn alternatives(text: &'static str) -> impl Iterator<Item = &'static str> {
    text.split('|').map(str::trim).filter(|one| !one.is_empty())
}

impl Cue {
    fn phrases(self) -> &'static [String] {
        let place = CUES.iter().position(|(cue, _)| *cue == self);
        place.map_or(&[], |place| &PHRASES[place])
    }

    /// Whether a text in small letters holds it.
    pub(super) fn is_in(self, text: &str) -> bool {
        self.first_in(text).is_some()
    }

    /// Where a text in small letters holds it first: its bytes.
    pub(super) fn first_in(self, text: &str) -> Option<std::ops::Range<usize>> {
        let found = self
            .phrases()
            .iter()
            .filter_map(|phrase| find(text, phrase));
        found.min_by_key(|range| (range.start, std::cmp::Reverse(range.end)))
    }
}

/// A message with fewer content words asks nothing by itself.
const FEWEST_WORDS: usize = 2;

/// Whether a message only makes sense after the one before it.
pub(super) fn follows_up(message: &str) -> bool {
    let lower = message.trim().to_lowercase();
    let terms = corpus::support::terms(&lower);
    let content = terms.iter().filter(|term| term.content).count();
    let begins = Cue::FollowUp.first_in(&lower);
    begins.is_some_and(|place| place.start == 0)
        || content < FEWEST_WORDS
        || content == FEWEST_WORDS && lower.trim_end_matches(['？', '?']).ends_with('呢')
}

/// Where a phrase stands in a text, as whole words; of letters that write no
/// spaces anywhere.
pub(super) fn find(text: &str, phrase: &str) -> Option<std::ops::Range<usize>> {
    let is_han = phrase.chars().any(corpus::support::is_han);
    text.match_indices(phrase).find_map(|(at, _)| {
        let end = at + phrase.len();
        let joins = |letter: Option<char>| letter.is_some_and(char::is_alphanumeric);
        let before = joins(text[..at].chars().next_back());
        let after = joins(text[end..].chars().next());
        (is_han || !before && !after).then_some(at..end)
    })
}

/// The places of names in lists that every language writes in the same order,
/// such as months and colours.
fn listed(text: &str, read: Text) -> Vec<usize> {
    let mut found: Vec<usize> = Vec::new();
    for locale in Locale::all() {
        for (place, names) in alternatives(read(locale)).enumerate() {
            let mut names = names.split_whitespace();
            if names.any(|name| find(text, name).is_some()) && !found.contains(&place) {
                found.push(place);
            }
        }
    }
    found
}

/// The month that a text in small letters names, from 1.
pub(super) fn month(text: &str) -> Option<u8> {
    let found = listed(text, |locale| locale.heard_months);
    // "11月" holds "1月" as well.
    let month = found.into_iter().max()?;
    u8::try_from(month + 1).ok()
}

/// Which of several a text in small letters counts, from 0: "the second".
pub(super) fn ordinal(text: &str) -> Option<usize> {
    let found = listed(text, |locale| locale.heard_ordinals);
    found.into_iter().min()
}

/// The colours that a text names, as places in a list: the same for "blue",
/// "blaue" and "蓝色".
pub(super) fn colours(words: &[String], text: &str) -> Vec<usize> {
    let mut found = Vec::new();
    for locale in Locale::all() {
        for (place, names) in alternatives(locale.heard_colours).enumerate() {
            let mut names = names.split_whitespace();
            let is_named = names.any(|name| {
                let is_han = name.chars().any(corpus::support::is_han);
                if is_han {
                    text.contains(name)
                } else {
                    words.iter().any(|word| is_form_of(word, name))
                }
            });
            if is_named && !found.contains(&place) {
                found.push(place);
            }
        }
    }
    found
}

/// The most letters that an ending adds.
const LONGEST_ENDING: usize = 2;
/// The shortest word that takes one.
const SHORTEST_STEM: usize = 3;

/// Whether two words are forms of one: the same, or the one with an ending.
pub(super) fn is_form_of(one: &str, other: &str) -> bool {
    let count = |word: &str| word.chars().count();
    let (long, short) = if count(one) >= count(other) {
        (one, other)
    } else {
        (other, one)
    };
    long == short
        || count(short) >= SHORTEST_STEM
            && count(long) - count(short) <= LONGEST_ENDING
            && long.starts_with(short)
            && !long.chars().any(|letter| letter.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cues_are_whole_words_of_any_language() {
        for (text, cue, expected) in [
            ("cancel my last order", Cue::Last, true),
            ("the lasting one", Cue::Last, false),
            ("取消我最近的订单", Cue::Last, true),
            ("die andere bitte", Cue::Other, true),
            ("all but not the lamp", Cue::Exception, true),
            ("mother", Cue::Other, false),
            ("", Cue::All, false),
        ] {
            assert_eq!(cue.is_in(text), expected, "{text}");
        }
    }

    #[test]
    fn follow_ups() {
        for (message, expected) in [
            ("and for the blue one?", true),
            ("und für Schuhe?", true),
            ("那蓝色的呢？", true),
            ("What is the return policy for shoes?", false),
        ] {
            assert_eq!(follows_up(message), expected, "{message}");
        }
    }

    #[test]
    fn lists_are_the_same_in_every_language() {
        for (text, expected) in [
            ("the one from march", Some(3)),
            ("die vom märz", Some(3)),
            ("11月买的", Some(11)),
            ("me gustaría", None),
        ] {
            assert_eq!(month(text), expected, "{text}");
        }
        assert_eq!(ordinal("put the second into my cart"), Some(1));
        assert_eq!(ordinal("就要第三个"), Some(2));
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let blue = colours(&words("the blue one"), "the blue one");
        assert_eq!(blue.len(), 1);
        assert_eq!(colours(&words("das blaue"), "das blaue"), blue);
        assert_eq!(colours(&words("蓝色的那个"), "蓝色的那个"), blue);
    }
}
