//! Okapi BM25 (Robertson and Zaragoza, 2009) over texts that are words already.

use rustc_hash::FxHashMap;

/// How soon a word said again adds nothing, and how much length counts.
const K1: f32 = 1.2;
const B: f32 = 0.75;

/// What all of a few texts hold is not common for that: a shop with one page of
/// rules uses rare words in it.
const FEWEST_TEXTS: usize = 20;

/// An inverted index of short texts that fit into memory.
#[derive(Debug, Clone, Default)]
pub struct Bm25 {
    vocabulary: FxHashMap<String, u32>,
    /// By word: the texts that hold it, with how often.
    postings: Vec<Vec<(u32, f32)>>,
    lengths: Vec<f32>,
    mean_length: f32,
}

impl Bm25 {
    /// Indexes texts, each the words that it holds with how often each counts.
    pub fn new(texts: impl Iterator<Item = Vec<(String, f32)>>) -> Self {
        let mut index = Self::default();
        for (place, words) in (0_u32..).zip(texts) {
            let mut counts: FxHashMap<u32, f32> = FxHashMap::default();
            let mut length = 0.0;
            for (word, count) in words {
                let next = index.vocabulary.len() as u32;
                let number = *index.vocabulary.entry(word).or_insert(next);
                *counts.entry(number).or_default() += count;
                length += count;
            }
            index.lengths.push(length);
            index.postings.resize(index.vocabulary.len(), Vec::new());
            for (word, count) in counts {
                index.postings[word as usize].push((place, count));
            }
        }
        let sum: f32 = index.lengths.iter().sum();
        index.mean_length = (sum / index.lengths.len().max(1) as f32).max(1.0);
        index
    }

    /// Texts that hold a word, with how often; none where it is unknown.
    pub fn postings(&self, word: &str) -> &[(u32, f32)] {
        let number = self.vocabulary.get(word);
        number.map_or(&[], |number| &self.postings[*number as usize])
    }

    /// The inverse document frequency of a word; that of one which no text holds
    /// is the highest.
    fn inverse_document_frequency(&self, word: &str) -> f32 {
        rarity(self.lengths.len(), self.postings(word).len())
    }

    /// How much a word tells of what a question is about: as if there were at least
    /// [`FEWEST_TEXTS`].
    pub fn rarity(&self, word: &str) -> f32 {
        let texts = self.lengths.len().max(FEWEST_TEXTS);
        rarity(texts, self.postings(word).len())
    }

    /// The score of every text for weighted words, `[texts]`.
    pub fn scores<'a>(&self, words: impl Iterator<Item = (&'a str, f32)>) -> Vec<f32> {
        let mut scores = vec![0.0; self.lengths.len()];
        for (word, weight) in words {
            let gain = weight * self.inverse_document_frequency(word);
            for (place, count) in self.postings(word) {
                let length = self.lengths[*place as usize] / self.mean_length;
                let norm = K1 * (1.0 - B + B * length);
                scores[*place as usize] += gain * count * (K1 + 1.0) / (count + norm);
            }
        }
        scores
    }
}

fn rarity(texts: usize, holders: usize) -> f32 {
    let (texts, holders) = (texts as f32, holders as f32);
    (1.0 + (texts - holders + 0.5) / (holders + 0.5)).ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rare_words_and_short_texts_count_more() {
        let words = |text: &str| -> Vec<(String, f32)> {
            text.split(' ').map(|word| (word.to_owned(), 1.0)).collect()
        };
        let texts = ["a b", "a c", "a b b", "a b d d d d d d"];
        let index = Bm25::new(texts.into_iter().map(words));
        let ask = |text: &'static str| index.scores(text.split(' ').map(|word| (word, 1.0)));
        let scores = ask("a b x");
        assert!(scores[0] > scores[1] && scores[0] > scores[3], "{scores:?}");
        assert!(index.rarity("x") > index.rarity("c") && index.rarity("c") > index.rarity("a"));
        // By the formula: idf of `c` is ln(1 + 3.5 / 1.5), length 2 of a mean of 3.75.
        let expected = (1.0_f32 + 3.5 / 1.5).ln() * 2.2 / (1.0 + 1.2 * (0.25 + 0.75 * 2.0 / 3.75));
        let only = ask("c");
        assert!((only[1] - expected).abs() < 1e-5, "{only:?}");
        assert!(Bm25::default().scores([("a", 1.0)].into_iter()).is_empty());
    }
}
