//! How a word gets mistyped: what typing one word instead of another costs,
//! as the negative logarithm of how often that happens.
//!
//! Leaving a letter out or swapping two can happen in one way; a letter too
//! many or a wrong one is one of many letters, and mostly one whose key lies
//! beside the right one.

/// A letter is missing, or two are swapped.
const LEFT_OUT: f32 = 0.0;
const SWAPPED: f32 = 0.0;
/// A letter is there twice.
const DOUBLED: f32 = 0.5;
const NEIGHBOURING_KEY: f32 = 1.3;
/// Letters that one sound is spelt by: `kup` for `cup`, `definate` for `definite`.
const SOUNDS_ALIKE: f32 = 1.5;
const ANY_KEY: f32 = 2.5;
/// Each edit after the first.
const FURTHER_EDIT: f32 = 4.0;
const FIRST_LETTER: f32 = 0.5;

const KEYS: [&str; 3] = ["qwertyuiop", "asdfghjkl", "zxcvbnm"];

/// Letters that stand for one sound in some words.
const SOUNDS: [&str; 6] = ["ckq", "csz", "fv", "iy", "gj", "aeiou"];

fn sound_alike(left: char, right: char) -> bool {
    (SOUNDS.iter()).any(|letters| letters.contains(left) && letters.contains(right))
}

fn key(letter: char) -> Option<(f32, f32)> {
    KEYS.iter().zip(0_u8..).find_map(|(row, number)| {
        let at = row.chars().position(|other| other == letter)? as f32;
        let row = f32::from(number);
        Some((at + 0.4 * row, row))
    })
}

fn are_neighbours(left: char, right: char) -> bool {
    match (key(left), key(right)) {
        (Some(left), Some(right)) => {
            (left.0 - right.0).abs() <= 1.1 && (left.1 - right.1).abs() <= 1.0
        }
        _ => false,
    }
}

fn wrong_letter(typed: char, meant: char) -> f32 {
    if are_neighbours(typed, meant) {
        NEIGHBOURING_KEY
    } else if sound_alike(typed, meant) {
        SOUNDS_ALIKE
    } else {
        ANY_KEY
    }
}

/// What the letter typed at `at` costs as one too many.
fn letter_too_many(typed: &[char], at: usize) -> f32 {
    let beside = [at.checked_sub(1), Some(at + 1)];
    let beside = beside.into_iter().flatten();
    let beside = beside.filter_map(|other| typed.get(other).copied());
    beside
        .map(|other| {
            if other == typed[at] {
                DOUBLED
            } else if are_neighbours(typed[at], other) {
                NEIGHBOURING_KEY
            } else {
                ANY_KEY
            }
        })
        .fold(ANY_KEY, f32::min)
}

/// What it costs to type `typed` for `meant`, which differ.
pub(super) fn cost(typed: &[char], meant: &[char]) -> f32 {
    let width = meant.len() + 1;
    let edit = |cost: f32| cost + FURTHER_EDIT;
    let mut before = vec![f32::MAX; width];
    let mut above: Vec<f32> = (0..width)
        .map(|count| edit(LEFT_OUT) * count as f32)
        .collect();
    let mut row = vec![0.0; width];
    for (i, letter) in typed.iter().enumerate() {
        let too_many = edit(letter_too_many(typed, i));
        row[0] = above[0] + too_many;
        for (j, other) in meant.iter().enumerate() {
            let changed = if letter == other {
                0.0
            } else {
                edit(wrong_letter(*letter, *other))
            };
            let mut least = (above[j] + changed)
                .min(above[j + 1] + too_many)
                .min(row[j] + edit(LEFT_OUT));
            let swapped = i > 0 && j > 0 && *letter == meant[j - 1] && typed[i - 1] == *other;
            if swapped && letter != other {
                least = least.min(before[j - 1] + edit(SWAPPED));
            }
            row[j + 1] = least;
        }
        std::mem::swap(&mut before, &mut above);
        std::mem::swap(&mut above, &mut row);
    }
    let first = if typed.first() == meant.first() {
        0.0
    } else {
        FIRST_LETTER
    };
    (above[width - 1] - FURTHER_EDIT).max(0.0) + first
}

/// Whether hardly anybody types `typed` for `meant`: a letter that lies
/// nowhere near the right one, or more than one slip.
pub(super) fn is_unlikely(typed: &str, meant: &str) -> bool {
    let letters = |text: &str| text.chars().collect::<Vec<char>>();
    cost(&letters(typed), &letters(meant)) >= ANY_KEY
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happens_more_often_costs_less() {
        let cost = |typed: &str, meant: &str| {
            let letters = |text: &str| text.chars().collect::<Vec<char>>();
            cost(&letters(typed), &letters(meant))
        };
        for (typed, likelier, less_likely) in [
            // Swapped, not a wrong letter or one too many.
            ("ardio", "radio", "audio"),
            ("raido", "radio", "raid"),
            // A letter is missing.
            ("tripo", "tripod", "tripp"),
            ("payer", "player", "paper"),
            // `n` lies beside `m`.
            ("lanp", "lamp", "lasp"),
            ("speakker", "speaker", "speakper"),
            ("kup", "cup", "rup"),
            ("lether", "leather", "lecher"),
            ("organizar", "organizer", "organizxr"),
            ("spekar", "speakr", "speaker"),
        ] {
            let (low, high) = (cost(typed, likelier), cost(typed, less_likely));
            assert!(
                low < high,
                "{typed}: {likelier} {low}, {less_likely} {high}"
            );
        }
    }
}
