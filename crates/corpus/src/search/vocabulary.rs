//! The words of the catalogue before stemming: which there are, which begin
//! with a prefix, and which somebody may have meant.

use std::sync::Arc;

use rustc_hash::FxHashMap;

/// The catalogue's words, and beside them those that came later.
#[derive(Debug, Clone, Default)]
pub struct Vocabulary {
    known: Arc<Words>,
    delta: Arc<Words>,
}

/// Words in alphabetical order.
#[derive(Debug, Default)]
struct Words {
    words: Vec<Entry>,
    /// Hashed words with a letter left out and the word's number, sorted.
    deletions: Vec<(u64, u32)>,
}

#[derive(Debug, Clone)]
struct Entry {
    word: Box<str>,
    documents: u32,
    /// A bit for each letter that occurs.
    letters: u32,
    length: u8,
}

/// A word that may have been meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Correction<'a> {
    /// The word of the catalogue.
    pub word: &'a str,
    /// Letters changed, added, left out or swapped with their neighbour.
    pub edits: usize,
}

/// Words longer than this are no words, and nobody mistypes them.
const LONGEST: usize = 40;

impl Vocabulary {
    pub(super) fn new(words: FxHashMap<String, u32>) -> Self {
        Self {
            known: Arc::new(Words::new(words)),
            delta: Arc::default(),
        }
    }

    /// The same with those of `words` that it did not have, in the place of
    /// what was added before.
    pub(super) fn with_delta(&self, mut words: FxHashMap<String, u32>) -> Self {
        words.retain(|word, _| self.known.get(word).is_none());
        Self {
            known: self.known.clone(),
            delta: Arc::new(Words::new(words)),
        }
    }

    fn parts(&self) -> impl Iterator<Item = &Words> {
        [&*self.known, &*self.delta].into_iter()
    }

    /// How many words there are.
    pub fn len(&self) -> usize {
        self.parts().map(|part| part.words.len()).sum()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// In how many products `word` occurs.
    pub fn documents(&self, word: &str) -> u32 {
        let found = self.parts().find_map(|part| part.get(word));
        found.map_or(0, |entry| entry.documents)
    }

    /// The most frequent words that begin with `prefix`, at most `limit`.
    pub fn with_prefix(&self, prefix: &str, limit: usize) -> Vec<&str> {
        let mut found: Vec<&Entry> = self
            .parts()
            .flat_map(|part| part.with_prefix(prefix))
            .collect();
        found.sort_by_key(|entry| std::cmp::Reverse(entry.documents));
        found.truncate(limit);
        found.iter().map(|entry| &*entry.word).collect()
    }

    /// The words that one edit makes of `word` or, where there is none and
    /// `edits` allows it, two: one from three letters, two from seven. Two
    /// letters may lack a third or be swapped. Numbers in a word stay as they
    /// are.
    pub fn near(&self, word: &str, edits: usize) -> Vec<Correction<'_>> {
        let characters: Vec<char> = word.chars().collect();
        let plain = characters.iter().all(|c| c.is_alphanumeric());
        if !(2..=LONGEST).contains(&characters.len()) || edits == 0 || !plain {
            return Vec::new();
        }
        let parts = self.parts();
        let found: Vec<_> = parts
            .flat_map(|part| part.one_edit_from(&characters))
            .collect();
        let far = found.is_empty() && edits > 1 && characters.len() >= 7;
        if !far || characters.iter().any(|c| c.is_numeric()) {
            return found;
        }
        let parts = self.parts();
        parts
            .flat_map(|part| part.two_edits_from(&characters))
            .collect()
    }
}

impl Words {
    fn new(words: FxHashMap<String, u32>) -> Self {
        let mut words: Vec<Entry> = words
            .into_iter()
            .map(|(word, documents)| Entry {
                letters: letters(&word.chars().collect::<Vec<char>>()),
                length: word.chars().count().min(255) as u8,
                word: word.into(),
                documents,
            })
            .collect();
        words.sort_unstable_by(|left, right| left.word.cmp(&right.word));
        let mut all: Vec<(u64, u32)> = Vec::new();
        for (number, entry) in (0_u32..).zip(&words) {
            let characters: Vec<char> = entry.word.chars().collect();
            if (2..=LONGEST).contains(&characters.len()) {
                all.extend(deletions(&characters).map(|hash| (hash, number)));
            }
        }
        all.sort_unstable();
        all.dedup();
        all.shrink_to_fit();
        Self {
            words,
            deletions: all,
        }
    }

    fn get(&self, word: &str) -> Option<&Entry> {
        let place = self.words.binary_search_by(|entry| (*entry.word).cmp(word));
        place.ok().map(|at| &self.words[at])
    }

    fn with_prefix(&self, prefix: &str) -> &[Entry] {
        let start = self.words.partition_point(|entry| &*entry.word < prefix);
        let words = &self.words[start..];
        let count = words.partition_point(|entry| entry.word.starts_with(prefix));
        &words[..count]
    }

    fn one_edit_from(&self, characters: &[char]) -> Vec<Correction<'_>> {
        let mut numbers: Vec<u32> = Vec::new();
        for hash in deletions(characters) {
            let first = self.deletions.partition_point(|(other, _)| *other < hash);
            let same = self.deletions[first..].iter();
            let same = same.take_while(|(other, _)| *other == hash);
            numbers.extend(same.map(|(_, number)| *number));
        }
        numbers.sort_unstable();
        numbers.dedup();
        let own_digits = digits(characters);
        let near = numbers.into_iter().filter_map(|number| {
            let entry = self.words.get(number as usize)?;
            let other: Vec<char> = entry.word.chars().collect();
            let mut apart = distance(characters, &other, 1)? == 1;
            if let [first, second] = characters {
                apart &= other.len() == 3 || other == [*second, *first];
            }
            (apart && digits(&other) == own_digits).then_some(Correction {
                word: &entry.word,
                edits: 1,
            })
        });
        near.collect()
    }

    fn two_edits_from(&self, characters: &[char]) -> Vec<Correction<'_>> {
        const ALLOWED: usize = 2;
        let own_letters = letters(characters);
        let mut found: Vec<Correction<'_>> = Vec::new();
        for entry in &self.words {
            let close = usize::from(entry.length).abs_diff(characters.len()) <= ALLOWED
                && (entry.letters ^ own_letters).count_ones() as usize <= 2 * ALLOWED;
            if !close || entry.word.contains(|c: char| c.is_numeric()) {
                continue;
            }
            let other: Vec<char> = entry.word.chars().collect();
            if let Some(edits) = distance(characters, &other, ALLOWED) {
                found.push(Correction {
                    word: &entry.word,
                    edits,
                });
            }
        }
        found
    }
}

/// The word and what is left of it without each of its letters, hashed: two
/// words one edit apart share one of these (Garbe's symmetric deletion, 2012).
fn deletions(characters: &[char]) -> impl Iterator<Item = u64> + '_ {
    let without = |left_out: usize| {
        let kept = characters
            .iter()
            .enumerate()
            .filter(move |(at, _)| *at != left_out);
        kept.fold(0xcbf2_9ce4_8422_2325_u64, |hash, (_, c)| {
            (hash ^ u64::from(u32::from(*c))).wrapping_mul(0x0000_0100_0000_01b3)
        })
    };
    (0..=characters.len()).map(without)
}

fn digits(characters: &[char]) -> Vec<char> {
    let digits = characters.iter().filter(|c| c.is_numeric());
    digits.copied().collect()
}

/// A bit for each letter (other letters share bits): one edit changes at
/// most two bits, so most words are ruled out by one operation.
fn letters(characters: &[char]) -> u32 {
    characters
        .iter()
        .fold(0, |bits, c| bits | 1 << (u32::from(*c) % 31))
}

/// Edits between two words, a swap of neighbours counting one (optimal
/// string alignment, Boytsov 2011); `None` above `allowed`.
pub fn distance(left: &[char], right: &[char], allowed: usize) -> Option<usize> {
    let width = right.len() + 1;
    let mut before: Vec<usize> = vec![usize::MAX / 2; width];
    let mut above: Vec<usize> = (0..width).collect();
    let mut row = vec![0; width];
    for (i, a) in left.iter().enumerate() {
        row[0] = i + 1;
        let mut least = row[0];
        for (j, b) in right.iter().enumerate() {
            let mut cost = (above[j] + usize::from(a != b))
                .min(above[j + 1] + 1)
                .min(row[j] + 1);
            if i > 0 && j > 0 && *a == right[j - 1] && left[i - 1] == *b {
                cost = cost.min(before[j - 1] + 1);
            }
            row[j + 1] = cost;
            least = least.min(cost);
        }
        if least > allowed {
            return None;
        }
        std::mem::swap(&mut before, &mut above);
        std::mem::swap(&mut above, &mut row);
    }
    Some(above[width - 1]).filter(|edits| *edits <= allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vocabulary(words: &[(&str, u32)]) -> Vocabulary {
        Vocabulary::new(words.iter().map(|(w, n)| ((*w).to_owned(), *n)).collect())
    }

    #[test]
    fn edits() {
        for (left, right, expected) in [
            ("laptop", "laptop", Some(0)),
            ("latpop", "laptop", Some(1)),
            ("lapto", "laptop", Some(1)),
            ("labptop", "laptop", Some(1)),
            ("lbptap", "laptop", Some(2)),
            ("laptops", "lap", None),
        ] {
            let (left, right): (Vec<char>, Vec<char>) =
                (left.chars().collect(), right.chars().collect());
            assert_eq!(distance(&left, &right, 2), expected);
        }
    }

    #[test]
    fn the_nearest_and_most_frequent_word_is_meant() {
        let words = vocabulary(&[
            ("laptop", 9),
            ("tea", 5),
            ("bluetooth", 7),
            ("keyboard", 3),
            ("speaker", 2),
            ("speakers", 8),
            ("1080p", 1),
        ]);
        for (typed, meant) in [
            ("labtop", Some("laptop")),
            ("latpop", Some("laptop")),
            ("bleutooht", Some("bluetooth")),
            ("keybord", Some("keyboard")),
            ("speakrs", Some("speakers")),
            ("tae", Some("tea")),
            ("ta", Some("tea")),
            ("tt", None),
            ("1081p", None),
            ("1080o", Some("1080p")),
            ("xylophone", None),
        ] {
            let found = words.near(typed, 2);
            assert_eq!(found.first().map(|found| found.word), meant, "{typed}");
        }
    }

    #[test]
    fn prefixes_come_most_frequent_first() {
        let words = vocabulary(&[("tea", 2), ("teapot", 5), ("team", 1), ("toast", 9)]);
        assert_eq!(words.with_prefix("tea", 2), ["teapot", "tea"]);
        assert!(words.with_prefix("x", 2).is_empty());
    }
}
