//! Queries as fingers type them: a letter wrong, a space too many or missing.

use std::collections::BTreeSet;

use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::read::Judged;

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Typo {
    /// One letter of a word of at least four changed, added, left out or
    /// swapped with its neighbour.
    LongWord,
    /// The same with any letter of any word.
    AnyWord,
    /// Two words joined; a single word of at least six letters split.
    Space,
}

/// Each query with one such typo, where it has a place for one.
pub(super) fn with_typos(judged: &[Judged], typo: Typo, seed: u64) -> Vec<Judged> {
    let mut chance = ChaCha8Rng::seed_from_u64(seed);
    judged
        .iter()
        .map(|one| Judged {
            query: with_typo(&one.query, typo, &mut chance),
            grades: one.grades.clone(),
        })
        .collect()
}

fn with_typo(query: &str, typo: Typo, chance: &mut ChaCha8Rng) -> String {
    match typo {
        Typo::LongWord => with_edit(query, 4, chance),
        Typo::AnyWord => with_edit(query, 1, chance),
        Typo::Space => with_moved_space(query, chance),
    }
}

fn with_edit(query: &str, shortest: usize, chance: &mut ChaCha8Rng) -> String {
    let mut letters: Vec<char> = query.chars().collect();
    let mut places = BTreeSet::new();
    let mut start = 0;
    for word in letters.split(|c| !c.is_alphabetic()) {
        if word.len() >= shortest {
            places.extend(start..start + word.len());
        }
        start += word.len() + 1;
    }
    let places: Vec<usize> = places.into_iter().collect();
    let Some(&at) = places.choose(chance) else {
        return query.to_owned();
    };
    let other = char::from(b'a' + chance.random_range(0..26_u8));
    match chance.random_range(0..4) {
        0 => letters[at] = other,
        1 => letters.insert(at, other),
        2 => {
            letters.remove(at);
        }
        _ if places.contains(&(at + 1)) => letters.swap(at, at + 1),
        _ if at > 0 && places.contains(&(at - 1)) => letters.swap(at - 1, at),
        _ => letters[at] = other,
    }
    letters.into_iter().collect()
}

fn with_moved_space(query: &str, chance: &mut ChaCha8Rng) -> String {
    let spaces: Vec<usize> = query.match_indices(' ').map(|(at, _)| at).collect();
    if let Some(&at) = spaces.choose(chance) {
        return format!("{}{}", &query[..at], &query[at + 1..]);
    }
    let letters: Vec<char> = query.chars().collect();
    if letters.len() < 6 {
        return query.to_owned();
    }
    let at = chance.random_range(3..=letters.len() - 3);
    let (left, right) = letters.split_at(at);
    left.iter().chain(&[' ']).chain(right).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_one_edit() {
        let mut chance = ChaCha8Rng::seed_from_u64(1);
        for query in ["bluetooth speaker", "tv", "usb hub", "rtx 2060", "a", ""] {
            for typo in [Typo::LongWord, Typo::AnyWord, Typo::Space] {
                for _ in 0..50 {
                    let after = with_typo(query, typo, &mut chance);
                    let letters = |text: &str| text.chars().collect::<Vec<char>>();
                    let edits = corpus::search::distance(&letters(query), &letters(&after), 1);
                    assert!(edits.is_some(), "{query} {after}");
                }
            }
        }
    }
}
