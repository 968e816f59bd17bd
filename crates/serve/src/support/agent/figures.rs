//! The figures of a text: its numbers, whatever way they are written, and its
//! ids. A sentence may hold none that its evidence does not.

use std::collections::BTreeSet;

/// The fewest letters of a word with digits in it that counts as an id.
const SHORTEST_ID: usize = 4;

/// The ways in which each number of a text may be read: "1,299" is 1299 in one
/// country and 1.299 in another. Leading and trailing zeros do not count.
pub(super) fn numbers(text: &str) -> Vec<BTreeSet<String>> {
    let letters: Vec<char> = text.chars().collect();
    let mut found = Vec::new();
    let mut at = 0;
    while at < letters.len() {
        if !letters[at].is_ascii_digit() {
            at += 1;
            continue;
        }
        let start = at;
        let joins = |at: usize| {
            matches!(letters[at], '.' | ',' | '\'' | '’' | '\u{a0}' | '\u{202f}')
                && letters.get(at + 1).is_some_and(char::is_ascii_digit)
        };
        while at < letters.len() && (letters[at].is_ascii_digit() || joins(at)) {
            at += 1;
        }
        found.push(readings(&letters[start..at]));
    }
    found
}

/// How a number with separators may be read.
fn readings(number: &[char]) -> BTreeSet<String> {
    let whole: String = number.iter().filter(|one| one.is_ascii_digit()).collect();
    let mut found = BTreeSet::from([canonical(&whole, "")]);
    let last = number.iter().rposition(|one| matches!(one, '.' | ','));
    if let Some(last) = last {
        let digits =
            |part: &[char]| -> String { part.iter().filter(|one| one.is_ascii_digit()).collect() };
        let fraction = digits(&number[last + 1..]);
        found.insert(canonical(&digits(&number[..last]), &fraction));
        // Three digits behind it group thousands as well; others never do.
        if fraction.len() != 3 {
            found.remove(&canonical(&whole, ""));
        }
    }
    found
}

fn canonical(whole: &str, fraction: &str) -> String {
    let whole = whole.trim_start_matches('0');
    let fraction = fraction.trim_end_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    match fraction {
        "" => whole.to_owned(),
        fraction => format!("{whole}.{fraction}"),
    }
}

/// Words that mean something letter by letter: ids, mail addresses, links.
pub(super) fn ids(text: &str) -> Vec<String> {
    let ends =
        |letter: char| letter.is_whitespace() || "()[]<>\"'“”«»,;、，。！？：".contains(letter);
    let words = text.split(ends);
    let words = words.map(|word| word.trim_matches(['.', ':', '!', '?', '#']));
    let is_id = |word: &&str| {
        let has = |kind: fn(&char) -> bool| word.chars().any(|letter| kind(&letter));
        let mixed = has(|one| one.is_ascii_digit()) && has(|one| one.is_ascii_alphabetic());
        let long = word.chars().count() >= SHORTEST_ID && word.is_ascii();
        mixed && long || word.contains('@') || word.contains("://")
    };
    words.filter(is_id).map(str::to_lowercase).collect()
}

/// Whether every number and id of a sentence stands in one of the texts.
pub(in crate::support) fn are_held<'t>(
    sentence: &str,
    texts: impl Iterator<Item = &'t str>,
) -> bool {
    let texts: Vec<&str> = texts.collect();
    let known: BTreeSet<String> = (texts.iter())
        .flat_map(|text| numbers(text).into_iter().flatten())
        .collect();
    let lower: Vec<String> = texts.iter().map(|text| text.to_lowercase()).collect();
    let held = |readings: &BTreeSet<String>| readings.iter().any(|one| known.contains(one));
    let stands = |id: &String| lower.iter().any(|text| text.contains(id));
    numbers(sentence).iter().all(held) && ids(sentence).iter().all(stands)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_stand_in_the_evidence_or_nowhere() {
        for (sentence, evidence, expected) in [
            ("You have 30 days.", "within 30 days of delivery", true),
            ("You have 31 days.", "within 30 days of delivery", false),
            ("It costs 1.299,00 €.", "price: 1,299.00 EUR", true),
            ("It costs $1,299.", "1299 USD", true),
            ("It costs 12.99.", "1299", false),
            ("Ordered on 5 May 2026.", "2026-05-05", true),
            ("Ordered on 6 May 2026.", "2026-05-05", false),
            ("Order W1001 is on its way.", "order #w1001: shipped", true),
            ("Order W1002 is on its way.", "order #w1001: shipped", false),
            (
                "Write to help@shop.example.",
                "mail: help@shop.example",
                true,
            ),
            (
                "Write to evil@shop.example.",
                "mail: help@shop.example",
                false,
            ),
            ("退货期为30天。", "30 天内可以退货", true),
            ("退货期为15天。", "30 天内可以退货", false),
            ("Yes, you can.", "", true),
        ] {
            assert_eq!(
                are_held(sentence, [evidence].into_iter()),
                expected,
                "{sentence}"
            );
        }
    }
}
