use rust_stemmers::{Algorithm, Stemmer};

use super::concepts::{LONGEST_PHRASE, concepts};

/// A word of a text, as questions and sources are compared by it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Term {
    /// English words stemmed, Chinese ones as the dictionary cuts them.
    pub word: String,
    /// What it means in a shop, where the table of concepts knows.
    pub concept: Option<u16>,
    /// Whether it says something about what is asked.
    pub content: bool,
}

/// Whether a character is Chinese.
pub fn is_han(character: char) -> bool {
    matches!(character, '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3134f}')
}

/// The Snowball stem of an English word (Porter, 1980); others unchanged.
pub(super) fn stem(word: &str) -> String {
    if !word.is_ascii() {
        return word.to_owned();
    }
    Stemmer::create(Algorithm::English).stem(word).into_owned()
}

/// The terms of a text, in its order.
pub fn terms(text: &str) -> Vec<Term> {
    let table = concepts();
    // The sign is no word, and yet it says what kind of an "off" it is.
    let text = if text.contains('%') {
        &text.to_lowercase().replace("% off", " percent off")
    } else {
        text
    };
    let words = crate::words(text);
    let mut found: Vec<Term> = words
        .iter()
        .map(|word| Term {
            word: stem(word),
            concept: None,
            content: !table.is_stop_word(word),
        })
        .collect();
    mark_english(&mut found);
    if text.chars().any(is_han) {
        mark_chinese(text, &mut found);
    }
    found
}

/// What says nothing within a phrase either, as "of" in "way of paying"; "set" and
/// "up" do in "set up".
const PARTICLES: [&str; 19] = [
    "to", "of", "with", "in", "the", "my", "is", "get", "for", "not", "on", "at", "me", "am",
    "are", "your", "no", "from", "as",
];
/// What stands between the parts of "send it back", as stems.
const PRONOUNS: [&str; 6] = ["it", "them", "this", "that", "someth", "anyth"];

/// Longest phrases first, so that "gift card" is not read as a card.
fn mark_english(terms: &mut [Term]) {
    let table = concepts();
    let mut start = 0;
    while start < terms.len() {
        let is_part =
            |place: &usize| *place == start || !PRONOUNS.contains(&terms[*place].word.as_str());
        let parts: Vec<usize> = (start..terms.len())
            .filter(is_part)
            .take(LONGEST_PHRASE)
            .collect();
        let matched = (1..=parts.len()).rev().find_map(|length| {
            let words: Vec<&str> = parts[..length]
                .iter()
                .map(|place| terms[*place].word.as_str())
                .collect();
            let concept = table.phrases.get(&words.join(" "))?;
            Some((length, *concept))
        });
        let Some((length, concept)) = matched else {
            terms[start].concept = unit_of(&terms[start].word);
            start += 1;
            continue;
        };
        for place in &parts[..length] {
            let term = &mut terms[*place];
            term.concept = Some(concept);
            term.content |= length > 1 && !PARTICLES.contains(&term.word.as_str());
        }
        start = parts[length - 1] + 1;
    }
}

/// Units that are told from other words by the figure before them.
const LETTERS: [(&str, &str); 5] = [
    ("g", "gram"),
    ("l", "litr"),
    ("m", "metr"),
    ("v", "volt"),
    ("w", "watt"),
];

/// What the unit at the end of a figure stands for: "500ml" is a capacity.
fn unit_of(word: &str) -> Option<u16> {
    let unit = word.trim_start_matches(|character: char| character.is_ascii_digit());
    if unit.is_empty() || unit.len() == word.len() {
        return None;
    }
    let letter = LETTERS.iter().find(|(letter, _)| *letter == unit);
    let unit = letter.map_or(unit, |(_, unit)| unit);
    concepts().phrases.get(unit).copied()
}

/// The phrases of the table that a text holds, longest first.
fn chinese_phrases_in(text: &str) -> Vec<&'static (String, u16)> {
    let mut characters: Vec<char> = text.chars().filter(|one| is_han(*one)).collect();
    characters.sort_unstable();
    characters.dedup();
    let by_first = &concepts().chinese;
    let begun = characters.iter().filter_map(|first| by_first.get(first));
    let held = begun
        .flatten()
        .filter(|(phrase, _)| text.contains(phrase.as_str()));
    let mut found: Vec<&(String, u16)> = held.collect();
    found.sort_by_key(|(phrase, number)| (std::cmp::Reverse(phrase.len()), *number));
    found
}

/// Phrases are found in the text itself: the dictionary may cut them in two.
fn mark_chinese(text: &str, terms: &mut Vec<Term>) {
    let mut rest = text.to_owned();
    for (phrase, concept) in chinese_phrases_in(text) {
        if !rest.contains(phrase.as_str()) {
            continue;
        }
        // A single character is a word where the dictionary cuts it out alone:
        // there is no weight in "夹克".
        let is_word = phrase.chars().nth(1).is_some();
        if !is_word && terms.iter().all(|term| term.word != *phrase) {
            continue;
        }
        rest = rest.replace(phrase.as_str(), " ");
        let mut known = false;
        for term in terms.iter_mut() {
            let part = term.word.chars().all(is_han)
                && (phrase.contains(&term.word) || is_word && term.word.contains(phrase.as_str()));
            if part && (term.concept.is_none() || term.word == *phrase) {
                term.concept = Some(*concept);
                term.content |= term.word == *phrase;
                known |= term.content;
            }
        }
        if !known {
            terms.push(Term {
                word: phrase.clone(),
                concept: Some(*concept),
                content: true,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shared(first: &str, second: &str) -> bool {
        let second = terms(second);
        terms(first)
            .iter()
            .filter_map(|term| term.concept)
            .any(|concept| second.iter().any(|term| term.concept == Some(concept)))
    }

    #[test]
    fn two_words_for_one_thing_share_a_concept() {
        for (first, second) in [
            ("swap it", "An exchange is free."),
            ("money back", "refunds take 5 days"),
            ("Any discounts?", "10 % off your first order"),
            ("Any discounts?", "20% OFF today"),
            ("can I send it back?", "Returns are free."),
            ("to bring something back", "Returns are free."),
            ("how many grams?", "350g, in black"),
            ("does it hold a litre?", "a 2L bottle"),
            ("运费怎么算？", "单笔订单不满88元，每单收取10元邮费"),
            ("怎么退货", "How to return an item"),
            ("买多少钱可以包邮？", "满88元免邮费"),
        ] {
            assert!(shared(first, second), "{first} / {second}");
        }
        assert!(!shared("gift card", "credit card"));
        assert!(!shared("这件夹克好看", "净重500克"));
    }

    #[test]
    fn function_words_carry_nothing() {
        assert!(
            terms("what is it that you do?")
                .iter()
                .all(|term| !term.content)
        );
        assert!(
            terms("这是什么").iter().all(|term| !term.content),
            "{:?}",
            terms("这是什么")
        );
    }
}
