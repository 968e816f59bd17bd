use std::collections::BTreeMap;

use corpus::words;

/// Multinomial naive Bayes over words with add-one smoothing: the simple
/// method that the classifier is printed beside.
pub struct NaiveBayes {
    /// Log of the share of each class.
    prior: Vec<f64>,
    /// Occurrences of each word by class.
    counts: BTreeMap<String, Vec<u32>>,
    /// Words in each class.
    totals: Vec<u64>,
}

impl NaiveBayes {
    /// Counts the words of `rows` (text and class).
    pub fn train(rows: &[(&str, usize)], classes: usize) -> Self {
        let mut counts: BTreeMap<String, Vec<u32>> = BTreeMap::new();
        let mut totals = vec![0; classes];
        let mut texts = vec![0_u64; classes];
        for (text, class) in rows {
            texts[*class] += 1;
            for word in words(text) {
                totals[*class] += 1;
                counts.entry(word).or_insert_with(|| vec![0; classes])[*class] += 1;
            }
        }
        let all = rows.len() as f64 + classes as f64;
        let prior = texts
            .iter()
            .map(|&count| ((count as f64 + 1.0) / all).ln())
            .collect();
        Self {
            prior,
            counts,
            totals,
        }
    }

    /// The likeliest class, the first of equals.
    pub fn best(&self, text: &str) -> usize {
        let mut scores = self.prior.clone();
        let vocabulary = self.counts.len() as f64;
        for counts in words(text).iter().filter_map(|word| self.counts.get(word)) {
            for (class, score) in scores.iter_mut().enumerate() {
                let likelihood =
                    (f64::from(counts[class]) + 1.0) / (self.totals[class] as f64 + vocabulary);
                *score += likelihood.ln();
            }
        }
        let mut best = 0;
        for class in 1..scores.len() {
            if scores[class] > scores[best] {
                best = class;
            }
        }
        best
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_decide() {
        let rows = [
            ("good and great", 1),
            ("bad and broken", 0),
            ("great fit", 1),
        ];
        let model = NaiveBayes::train(&rows, 2);
        assert_eq!(model.best("great"), 1);
        assert_eq!(model.best("broken zip"), 0);
        assert_eq!(model.best("unseen"), 1);
    }
}
