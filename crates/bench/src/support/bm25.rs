use std::collections::BTreeMap;

use shop::{Id, Record};

/// Plain Okapi BM25 (k1 1.2, b 0.75) over the paragraphs of the documents, each
/// with its title: what the figures stand beside. It never declines.
pub(super) struct Bm25 {
    passages: Vec<(Id, BTreeMap<String, f64>, f64)>,
    holders: BTreeMap<String, f64>,
    mean_length: f64,
}

impl Bm25 {
    pub(super) fn new(documents: &[Record]) -> Self {
        let mut passages = Vec::new();
        for record in documents {
            let Record::Document(document) = record else {
                continue;
            };
            let title = document.title.as_deref().unwrap_or_default();
            for paragraph in document.text.split("\n\n") {
                if paragraph.trim().is_empty() {
                    continue;
                }
                let words = corpus::words(&format!("{title} {paragraph}"));
                let mut counts: BTreeMap<String, f64> = BTreeMap::new();
                let length = words.len() as f64;
                for word in words {
                    *counts.entry(word).or_default() += 1.0;
                }
                passages.push((document.id.clone(), counts, length));
            }
        }
        let mut holders: BTreeMap<String, f64> = BTreeMap::new();
        for (_, counts, _) in &passages {
            for word in counts.keys() {
                *holders.entry(word.clone()).or_default() += 1.0;
            }
        }
        let lengths: f64 = passages.iter().map(|(_, _, length)| length).sum();
        Self {
            mean_length: lengths / passages.len().max(1) as f64,
            passages,
            holders,
        }
    }

    pub(super) fn best(&self, question: &str) -> Option<&Id> {
        let words = corpus::words(question);
        let total = self.passages.len() as f64;
        let score = |counts: &BTreeMap<String, f64>, length: f64| -> f64 {
            let gain = |word: &String| {
                let count = counts.get(word).copied().unwrap_or_default();
                let held = self.holders.get(word).copied().unwrap_or_default();
                let rarity = (1.0 + (total - held + 0.5) / (held + 0.5)).ln();
                let norm = 1.2 * (0.25 + 0.75 * length / self.mean_length);
                rarity * count * 2.2 / (count + norm)
            };
            words.iter().map(gain).sum()
        };
        let mut best: Option<(f64, &Id)> = None;
        for (id, counts, length) in &self.passages {
            let score = score(counts, *length);
            if best.is_none_or(|(most, _)| score > most) {
                best = Some((score, id));
            }
        }
        best.map(|(_, id)| id)
    }
}
