use std::sync::OnceLock;

use rustc_hash::FxHashMap;

use super::terms::{is_han, stem};

/// Words of everyday English that may stand for one another in what shops
/// and customers write, a group a line. A word may be in several: which is
/// meant is not known, so that a match by a group counts less than one by a
/// concept of the trade.
const GROUPS: &str = include_str!("thesaurus.txt");

/// What a word may be met by besides itself: its groups, and each character
/// of a Chinese one, since the dictionary cuts "尺码表" in one text and "尺码" in
/// the other.
pub(super) fn loose_keys(word: &str) -> Vec<String> {
    let groups = groups_of(word).iter().map(|group| group_key(*group));
    groups
        .chain(characters_of(word).map(character_key))
        .collect()
}

/// The characters of a Chinese word.
pub(super) fn characters_of(word: &str) -> impl Iterator<Item = char> + '_ {
    word.chars().filter(|character| is_han(*character))
}

/// What may stand inside a Chinese word that comes apart: a number, or a
/// particle of aspect or measure ("分3期", "打8折", "退了货").
const INSIDE: [char; 8] = ['了', '过', '完', '个', '几', '一', '次', '点'];
const LONGEST_INSIDE: usize = 4;

/// The words of two characters that a text holds with something between them,
/// as keys.
pub(super) fn separable_keys(text: &str) -> Vec<String> {
    let characters: Vec<char> = text.chars().collect();
    let inside = |character: &char| character.is_ascii_digit() || INSIDE.contains(character);
    let ends = |character: &char| is_han(*character) && !INSIDE.contains(character);
    let mut found = Vec::new();
    for (at, first) in characters.iter().enumerate().filter(|(_, one)| ends(one)) {
        let rest = &characters[at + 1..];
        let between = rest.iter().take_while(|one| inside(one)).count();
        if let Some(last) = rest.get(between).filter(|one| ends(one))
            && (1..=LONGEST_INSIDE).contains(&between)
        {
            found.push(separable_key(*first, *last));
        }
    }
    found
}

pub(super) fn separable_key(first: char, last: char) -> String {
    format!("{LOOSE_MARK}{first}{last}")
}

/// Opens the key of a group or of a character.
pub(super) const LOOSE_MARK: char = '~';

pub(super) fn group_key(group: u16) -> String {
    format!("{LOOSE_MARK}{group}")
}

pub(super) fn character_key(character: char) -> String {
    format!("{LOOSE_MARK}{character}")
}

/// The groups of a stem, by their lines.
pub(super) fn groups_of(stem: &str) -> &'static [u16] {
    table().get(stem).map_or(&[], Vec::as_slice)
}

fn table() -> &'static FxHashMap<String, Vec<u16>> {
    static TABLE: OnceLock<FxHashMap<String, Vec<u16>>> = OnceLock::new();
    TABLE.get_or_init(|| {
        let mut table: FxHashMap<String, Vec<u16>> = FxHashMap::default();
        for (number, line) in (0_u16..).zip(GROUPS.lines()) {
            for word in line.split_whitespace() {
                let groups = table.entry(stem(word)).or_default();
                if !groups.contains(&number) {
                    groups.push(number);
                }
            }
        }
        table
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everyday_words_meet_and_others_do_not() {
        let meet = |a: &str, b: &str| {
            let b = groups_of(&stem(b));
            groups_of(&stem(a)).iter().any(|group| b.contains(group))
        };
        for (a, b) in [
            ("state", "status"),
            ("alter", "modify"),
            ("duration", "period"),
            ("forms", "methods"),
        ] {
            assert!(meet(a, b), "{a} / {b}");
        }
        assert!(!meet("weather", "refund"));
    }
}
