//! Exact and near duplicates: MinHash signatures (Broder 1997) in bands
//! (locality-sensitive hashing), each candidate checked by its true Jaccard
//! similarity. The first text of a group of like ones stays.

use std::hash::{Hash, Hasher};

use rustc_hash::{FxHashMap, FxHasher};
use unicode_normalization::UnicodeNormalization;

use crate::parallel;

/// Rows of a band: two texts meet in a band when all of them agree.
const ROWS: usize = 4;
const BANDS: usize = 16;
/// Texts with fewer shingles are compared exactly only: one word more or
/// less is a different text there.
const FEWEST_SHINGLES: usize = 24;
/// How far the estimate may lie below the truth: about three standard
/// deviations of 64 samples.
const MARGIN: f64 = 0.15;
/// Longer texts are compared by their beginning.
const MOST_CHARACTERS: usize = 4_000;
/// How many earlier texts of a bucket a text is compared with.
const MOST_COMPARISONS: usize = 64;

/// Finds duplicates among texts.
#[derive(Debug, Clone, Copy)]
pub struct Deduplicator {
    /// Jaccard similarity of shingles from which two texts are the same.
    pub threshold: f64,
    /// How many threads compute signatures.
    pub threads: usize,
}

/// Which earlier text a duplicate repeats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Duplicate {
    /// The same up to case, punctuation and spaces.
    Exact(usize),
    /// Nearly the same.
    Near(usize),
}

/// A text, and what else must be equal for it to be a duplicate.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'a> {
    /// Compared by its shingles.
    pub text: &'a str,
    /// Compared exactly: the answer to a question, a label.
    pub group: &'a str,
}

impl Deduplicator {
    /// For each text the earlier one that it repeats.
    pub fn find(&self, candidates: &[Candidate<'_>]) -> Vec<Option<Duplicate>> {
        let sketches = parallel::map(candidates, self.threads, Sketch::of);
        let mut exact: FxHashMap<(u64, u64, u64), usize> = FxHashMap::default();
        let mut buckets: Vec<FxHashMap<u64, Vec<u32>>> = vec![FxHashMap::default(); BANDS];
        let mut found = Vec::with_capacity(candidates.len());
        for (place, sketch) in sketches.iter().enumerate() {
            let duplicate = match exact.get(&(sketch.text, sketch.check, sketch.group)) {
                Some(first) => Some(Duplicate::Exact(*first)),
                None => self
                    .near(place, candidates, &sketches, &buckets)
                    .map(Duplicate::Near),
            };
            if duplicate.is_none() {
                exact.insert((sketch.text, sketch.check, sketch.group), place);
                for (bucket, key) in buckets.iter_mut().zip(sketch.bands()) {
                    bucket.entry(key).or_default().push(place as u32);
                }
            }
            found.push(duplicate);
        }
        found
    }

    fn near(
        &self,
        place: usize,
        candidates: &[Candidate<'_>],
        sketches: &[Sketch],
        buckets: &[FxHashMap<u64, Vec<u32>>],
    ) -> Option<usize> {
        let sketch = &sketches[place];
        let mut shingles: Option<Vec<u32>> = None;
        let mut compared: Vec<u32> = Vec::new();
        for (bucket, key) in buckets.iter().zip(sketch.bands()) {
            for other in bucket.get(&key).into_iter().flatten() {
                if compared.contains(other) || compared.len() >= MOST_COMPARISONS {
                    continue;
                }
                compared.push(*other);
                let other = *other as usize;
                let hopeful = sketches[other].group == sketch.group
                    && sketch.agreement(&sketches[other]) + MARGIN >= self.threshold;
                if !hopeful {
                    continue;
                }
                let own = shingles.get_or_insert_with(|| shingle(candidates[place].text));
                if jaccard(own, &shingle(candidates[other].text)) >= self.threshold {
                    return Some(other);
                }
            }
        }
        None
    }
}

/// What is kept of a text for comparing it.
struct Sketch {
    text: u64,
    check: u64,
    group: u64,
    /// Empty for short texts.
    minima: Vec<u32>,
}

impl Sketch {
    fn of(candidate: &Candidate<'_>) -> Self {
        let mut normalised = normalise(candidate.text);
        if normalised.is_empty() {
            // Nothing but signs: `👍` is not `👎`.
            candidate.text.trim().clone_into(&mut normalised);
        }
        let shingles = shingle(candidate.text);
        Self {
            text: hash(&normalised, 1),
            check: hash(&normalised, 2),
            group: hash(candidate.group, 3),
            minima: if shingles.len() < FEWEST_SHINGLES {
                Vec::new()
            } else {
                minima(&shingles)
            },
        }
    }

    fn bands(&self) -> impl Iterator<Item = u64> + '_ {
        self.minima.chunks_exact(ROWS).map(|rows| {
            let mut hasher = FxHasher::default();
            (self.group, rows).hash(&mut hasher);
            hasher.finish()
        })
    }

    /// The estimate of the Jaccard similarity.
    fn agreement(&self, other: &Self) -> f64 {
        let equal = self
            .minima
            .iter()
            .zip(&other.minima)
            .filter(|(own, other)| own == other);
        equal.count() as f64 / (BANDS * ROWS) as f64
    }
}

fn hash(text: &str, seed: u64) -> u64 {
    let mut hasher = FxHasher::default();
    (seed, text).hash(&mut hasher);
    mix(hasher.finish())
}

/// The finaliser of SplitMix64: every bit depends on every bit.
fn mix(mut value: u64) -> u64 {
    value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

/// Letters and digits in lower case, single spaces between.
fn normalise(text: &str) -> String {
    let mut normalised = String::with_capacity(text.len());
    let mut space = false;
    for c in text.nfkc().flat_map(char::to_lowercase) {
        if c.is_alphanumeric() {
            if std::mem::take(&mut space) && !normalised.is_empty() {
                normalised.push(' ');
            }
            normalised.push(c);
        } else {
            space = true;
        }
    }
    normalised
}

/// Hashes of all runs of five characters (three in scripts whose characters
/// are syllables or words), sorted, each once.
fn shingle(text: &str) -> Vec<u32> {
    let characters: Vec<char> = normalise(text).chars().take(MOST_CHARACTERS).collect();
    let dense = characters.iter().filter(|c| **c >= '\u{2e80}').count() * 2 > characters.len();
    let length = if dense { 3 } else { 5 };
    let mut shingles: Vec<u32> = characters
        .windows(length)
        .map(|window| {
            let sum = window.iter().fold(0_u64, |sum, c| {
                mix(sum ^ u64::from(*c as u32).wrapping_add(0x9e37_79b9))
            });
            (sum >> 32) as u32
        })
        .collect();
    shingles.sort_unstable();
    shingles.dedup();
    shingles
}

/// The smallest value of each of 64 permutations of the 32-bit numbers.
fn minima(shingles: &[u32]) -> Vec<u32> {
    let mut minima = [u32::MAX; BANDS * ROWS];
    let mut permutations = [(0_u32, 0_u32); BANDS * ROWS];
    for (place, permutation) in permutations.iter_mut().enumerate() {
        let value = mix(place as u64 + 1);
        *permutation = ((value >> 32) as u32, value as u32 | 1);
    }
    for shingle in shingles {
        for (minimum, (mask, factor)) in minima.iter_mut().zip(&permutations) {
            let value = (shingle ^ mask).wrapping_mul(*factor);
            *minimum = (*minimum).min(value);
        }
    }
    minima.to_vec()
}

/// The similarity of two sorted sets.
fn jaccard(one: &[u32], other: &[u32]) -> f64 {
    let (mut at, mut to, mut both) = (0, 0, 0_usize);
    while at < one.len() && to < other.len() {
        match one[at].cmp(&other[to]) {
            std::cmp::Ordering::Less => at += 1,
            std::cmp::Ordering::Greater => to += 1,
            std::cmp::Ordering::Equal => {
                both += 1;
                at += 1;
                to += 1;
            }
        }
    }
    let all = one.len() + other.len() - both;
    if all == 0 {
        1.0
    } else {
        both as f64 / all as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(texts: &[&str]) -> Vec<Option<Duplicate>> {
        let candidates: Vec<_> = texts
            .iter()
            .map(|text| Candidate { text, group: "" })
            .collect();
        Deduplicator {
            threshold: 0.8,
            threads: 2,
        }
        .find(&candidates)
    }

    #[test]
    fn exact_and_near() {
        let long =
            "This dress is lovely, it fits well and the colour is exactly as shown in the picture.";
        assert_eq!(
            find(&[
                long,
                "this DRESS is lovely; it fits well and the colour is exactly as shown in the picture!!",
                "This dress is lovely, it fits well and the color is exactly as shown in the picture.",
                "A different review that speaks about shoes and how they hurt after walking a mile.",
                "👍",
                "👎",
                "👍",
                "cancel order",
                "cancel my order",
                "这件衣服质量很好，穿着舒服，颜色和图片上的一样，物流也很快，下次还会再来买的，推荐给大家",
                "这件衣服质量很好，穿着舒服，颜色和图片上的一样，物流也很快，下次还会再来买的，推荐给大家。谢谢",
            ]),
            vec![
                None,
                Some(Duplicate::Exact(0)),
                Some(Duplicate::Near(0)),
                None,
                None,
                None,
                Some(Duplicate::Exact(4)),
                None,
                None,
                None,
                Some(Duplicate::Near(9)),
            ]
        );
    }

    #[test]
    fn another_group_is_no_duplicate() {
        let text = "where can I see the status of the refund for the order that I placed last week";
        let candidates = ["a", "b", "a"].map(|group| Candidate { text, group });
        let found = Deduplicator {
            threshold: 0.8,
            threads: 1,
        }
        .find(&candidates);
        assert_eq!(found, [None, None, Some(Duplicate::Exact(0))]);
    }

    proptest::proptest! {
        /// What banding finds is what comparing every pair finds, nearly always.
        #[test]
        fn like_texts_meet(words in proptest::collection::vec("[a-z]{3,8}", 40..60), at in 0_usize..40) {
            let original = words.join(" ");
            let mut changed = words.clone();
            changed[at] = "other".to_owned();
            let changed = changed.join(" ");
            let similarity = jaccard(&shingle(&original), &shingle(&changed));
            let found = find(&[&original, &changed]);
            if similarity >= 0.88 {
                proptest::prop_assert!(found[1].is_some(), "{similarity}");
            } else if similarity < 0.8 {
                proptest::prop_assert!(found[1].is_none(), "{similarity}");
            }
        }
    }
}
