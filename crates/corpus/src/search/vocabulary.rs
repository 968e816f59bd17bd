//! The words of the catalogue before stemming: which there are, which begin
//! with a prefix, and which somebody may have meant.

use rustc_hash::FxHashMap;

/// The catalogue's words in alphabetical order.
#[derive(Debug, Clone, Default)]
pub struct Vocabulary {
    words: Vec<Entry>,
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
        let mut words: Vec<Entry> = words
            .into_iter()
            .map(|(word, documents)| Entry {
                letters: letters(&word),
                length: word.chars().count().min(255) as u8,
                word: word.into(),
                documents,
            })
            .collect();
        words.sort_unstable_by(|left, right| left.word.cmp(&right.word));
        Self { words }
    }

    /// How many words there are.
    pub fn len(&self) -> usize {
        self.words.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// In how many products `word` occurs.
    pub fn documents(&self, word: &str) -> u32 {
        self.words
            .binary_search_by(|entry| (*entry.word).cmp(word))
            .map_or(0, |at| self.words[at].documents)
    }

    /// The most frequent words that begin with `prefix`, at most `limit`.
    pub fn with_prefix(&self, prefix: &str, limit: usize) -> Vec<&str> {
        let start = self.words.partition_point(|entry| &*entry.word < prefix);
        let mut found: Vec<&Entry> = self.words[start..]
            .iter()
            .take_while(|entry| entry.word.starts_with(prefix))
            .collect();
        found.sort_by_key(|entry| std::cmp::Reverse(entry.documents));
        found.truncate(limit);
        found.iter().map(|entry| &*entry.word).collect()
    }

    /// The words nearest to an unknown `word`: none within 3 letters, one
    /// edit from 4, two from 8. Words with digits are names and numbers:
    /// near is wrong. The best first: fewest edits, the same first letter,
    /// most frequent.
    pub fn corrections(&self, word: &str, limit: usize) -> Vec<Correction<'_>> {
        let characters: Vec<char> = word.chars().collect();
        let allowed = match characters.len() {
            0..=3 => 0,
            4..=7 => 1,
            8..=LONGEST => 2,
            _ => 0,
        };
        if allowed == 0 || characters.iter().any(|c| c.is_numeric()) {
            return Vec::new();
        }
        let own_letters = letters(word);
        let mut found: Vec<(usize, bool, u32, &str)> = Vec::new();
        for entry in &self.words {
            let close = usize::from(entry.length).abs_diff(characters.len()) <= allowed
                && entry.length >= 3
                && (entry.letters ^ own_letters).count_ones() as usize <= 2 * allowed;
            if !close || entry.word.contains(|c: char| c.is_numeric()) {
                continue;
            }
            let other: Vec<char> = entry.word.chars().collect();
            if let Some(edits) = distance(&characters, &other, allowed) {
                let first = other.first() != characters.first();
                found.push((edits, first, u32::MAX - entry.documents, &entry.word));
            }
        }
        found.sort_unstable();
        let best = found.first().map_or(0, |(edits, ..)| *edits);
        found
            .into_iter()
            .filter(|(edits, ..)| *edits == best)
            .take(limit)
            .map(|(edits, _, _, word)| Correction { word, edits })
            .collect()
    }
}

/// A bit for each letter (other letters share bits): one edit changes at
/// most two bits, so most words are ruled out by one operation.
fn letters(word: &str) -> u32 {
    word.chars()
        .fold(0, |bits, c| bits | 1 << (u32::from(c) % 31))
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
            ("tae", None),
            ("1081p", None),
            ("xylophone", None),
        ] {
            let found = words.corrections(typed, 1);
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
