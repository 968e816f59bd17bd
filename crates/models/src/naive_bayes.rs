//! Multinomial naive Bayes over words with add-one smoothing (Maron 1961;
//! McCallum and Nigam 1998): the simple text classifier that others have to
//! beat, and a good second voice beside a linear one on long texts.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A word that occurs less often is forgotten.
const FEWEST: u32 = 2;

/// Counts of words by class.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct NaiveBayes {
    /// Logarithm of the share of each class.
    prior: Vec<f64>,
    /// Occurrences of each word by class.
    counts: BTreeMap<String, Vec<u32>>,
    /// Words in each class.
    totals: Vec<u64>,
}

impl NaiveBayes {
    /// Counts the words of `rows` (words and class, below `classes`).
    pub fn train(rows: impl IntoIterator<Item = (Vec<String>, usize)>, classes: usize) -> Self {
        let mut counts: BTreeMap<String, Vec<u32>> = BTreeMap::new();
        let mut totals = vec![0; classes];
        let mut texts = vec![0_u64; classes];
        for (words, class) in rows {
            texts[class] += 1;
            totals[class] += words.len() as u64;
            for word in words {
                counts.entry(word).or_insert_with(|| vec![0; classes])[class] += 1;
            }
        }
        counts.retain(|_, count| count.iter().sum::<u32>() >= FEWEST);
        let all = (texts.iter().sum::<u64>() + classes as u64) as f64;
        let prior = texts
            .iter()
            .map(|&count| ((count + 1) as f64 / all).ln())
            .collect();
        Self {
            prior,
            counts,
            totals,
        }
    }

    /// How many classes it knows.
    pub fn classes(&self) -> usize {
        self.prior.len()
    }

    /// Whether its lists fit each other; what was read from a file may not.
    pub fn is_sound(&self) -> bool {
        let classes = self.classes();
        self.totals.len() == classes && self.counts.values().all(|count| count.len() == classes)
    }

    /// Logarithm of the joint probability of the words and each class, up to
    /// a constant.
    pub fn scores(&self, words: &[String]) -> Vec<f64> {
        let mut scores = self.prior.clone();
        let vocabulary = self.counts.len() as f64;
        for counts in words.iter().filter_map(|word| self.counts.get(word)) {
            for ((score, count), total) in scores.iter_mut().zip(counts).zip(&self.totals) {
                *score += ((f64::from(*count) + 1.0) / (*total as f64 + vocabulary)).ln();
            }
        }
        scores
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_decide() {
        let words = |text: &str| -> Vec<String> { text.split(' ').map(str::to_owned).collect() };
        let rows = [
            ("good great", 1),
            ("bad broken", 0),
            ("great fit", 1),
            ("bad fit", 0),
        ];
        let model = NaiveBayes::train(rows.map(|(text, class)| (words(text), class)), 2);
        let scores = model.scores(&words("great"));
        assert!(scores[1] > scores[0]);
        let scores = model.scores(&words("bad zip"));
        assert!(scores[0] > scores[1]);
        // Nothing known: the prior decides, and it is even.
        let scores = model.scores(&words("unseen"));
        assert_eq!(scores[0], scores[1]);
        assert!(model.is_sound());
    }
}
