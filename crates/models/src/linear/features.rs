//! A text as hashed n-grams.

use rustc_hash::FxHashMap;

/// Longest n-gram of letters inside a word.
const LETTERS: std::ops::RangeInclusive<usize> = 2..=5;
/// Set in the hashes of n-grams of letters inside a word: there are many of
/// them, and each tells less.
pub(super) const LETTERS_BIT: u32 = 1 << 31;
/// Longest n-gram in writing without spaces.
const SIGNS: std::ops::RangeInclusive<usize> = 1..=4;
/// More of a text than this is not read.
const MAX_WORDS: usize = 2_000;

/// The n-grams of a text with their counts, in the order of their hashes.
pub(super) fn terms(text: &str) -> Vec<(u32, u32)> {
    let words = words(text);
    let mut hashes = Vec::with_capacity(words.len() * 8);
    let mut previous: Option<&[char]> = None;
    for word in words.iter().take(MAX_WORDS) {
        if is_sign(word[0]) {
            for length in SIGNS {
                hashes.extend(word.windows(length).map(|part| hash(0, part.iter())));
            }
        } else {
            hashes.push(hash(1, word.iter()));
            if let Some(previous) = previous {
                let pair = previous.iter().chain([&' ']).chain(word.iter());
                hashes.push(hash(2, pair));
            }
            let edged: Vec<char> = [' ']
                .into_iter()
                .chain(word.iter().copied())
                .chain([' '])
                .collect();
            for length in LETTERS {
                hashes.extend(edged.windows(length).map(|part| hash(3, part.iter())));
            }
        }
        previous = Some(word);
    }
    let mut counts: FxHashMap<u32, u32> = FxHashMap::default();
    for hash in hashes {
        *counts.entry(hash).or_default() += 1;
    }
    let mut counts: Vec<(u32, u32)> = counts.into_iter().collect();
    counts.sort_unstable();
    counts
}

/// Runs of letters and digits in lower case; writing without spaces gives
/// runs of its own, and long numbers become one sign, for they are names.
fn words(text: &str) -> Vec<Vec<char>> {
    let mut words: Vec<Vec<char>> = Vec::new();
    let mut word: Vec<char> = Vec::new();
    for letter in text.chars().map(narrow).flat_map(char::to_lowercase) {
        let inside = letter.is_alphanumeric() || (letter == '\'' && !word.is_empty());
        let breaks = word
            .last()
            .is_some_and(|last| is_sign(*last) != is_sign(letter));
        if !word.is_empty() && (!inside || breaks) {
            words.push(number_as_sign(std::mem::take(&mut word)));
        }
        if inside && letter != '\'' {
            word.push(letter);
        }
    }
    if !word.is_empty() {
        words.push(number_as_sign(word));
    }
    words
}

fn number_as_sign(word: Vec<char>) -> Vec<char> {
    let digits = word.iter().filter(|letter| letter.is_ascii_digit()).count();
    if digits >= 4 { vec!['#'] } else { word }
}

/// Full-width forms as the plain ones.
fn narrow(letter: char) -> char {
    match letter {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(letter as u32 - 0xfee0).unwrap_or(letter),
        '\u{3000}' => ' ',
        '\u{2019}' => '\'',
        other => other,
    }
}

/// Han, kana, hangul, Thai, Lao, Khmer, Burmese: words are not set apart.
fn is_sign(letter: char) -> bool {
    matches!(letter as u32,
        0x0e00..=0x0eff | 0x1000..=0x109f | 0x1780..=0x17ff
        | 0x3040..=0x30ff | 0x3400..=0x4dbf | 0x4e00..=0x9fff
        | 0xac00..=0xd7af | 0xf900..=0xfaff | 0x20000..=0x3134f)
}

/// FNV-1a over the letters; `kind` keeps the kinds of n-grams apart.
fn hash<'a>(kind: u32, letters: impl Iterator<Item = &'a char>) -> u32 {
    let mut state = 0xcbf2_9ce4_8422_2325_u64 ^ u64::from(kind);
    for letter in letters {
        for byte in (*letter as u32).to_le_bytes() {
            state = (state ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    let hash = (state ^ (state >> 32)) as u32 & !LETTERS_BIT;
    if kind == 3 { hash | LETTERS_BIT } else { hash }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_any_script() {
        for (text, expected) in [
            ("Don't STOP", vec!["dont", "stop"]),
            ("iPhone手机壳ok", vec!["iphone", "手机壳", "ok"]),
            ("order W1004788 now", vec!["order", "#", "now"]),
            ("ＡＢＣ　１２", vec!["abc", "12"]),
            ("…!", vec![]),
        ] {
            let words: Vec<String> = words(text)
                .into_iter()
                .map(|word| word.into_iter().collect())
                .collect();
            assert_eq!(words, expected);
        }
    }

    #[test]
    fn counts_are_kept() {
        let counts = terms("好好");
        assert_eq!(counts.len(), 2);
        assert!(counts.iter().any(|(_, count)| *count == 2));
    }
}
