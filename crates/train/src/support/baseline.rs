use corpus::Split;
use corpus::support::LanguageExample;
use rustc_hash::FxHashMap;

/// The most bytes that are counted: more change an order-3 model little.
const MOST_BYTES: usize = 8_000_000;
const ORDER: usize = 3;
/// Stands for the end of a segment; it is no part of UTF-8.
const END: u8 = 0xff;

/// Counts of bytes after up to three bytes, interpolated (Witten and Bell, 1991).
struct ByteCounts {
    /// By order and context: how often each byte followed.
    counts: [FxHashMap<u32, FxHashMap<u8, u32>>; ORDER + 1],
}

/// The bits that the validation texts cost a byte, with or without what
/// customers say; `None` without any.
pub(super) fn bits_per_byte(examples: &[LanguageExample], customers: bool) -> Option<f64> {
    let mut model = ByteCounts {
        counts: Default::default(),
    };
    let mut left = MOST_BYTES;
    for example in examples
        .iter()
        .filter(|example| example.split == Split::Train)
    {
        for segment in example.scored(customers) {
            if left == 0 {
                break;
            }
            left = left.saturating_sub(segment.text.len() + 1);
            model.visit(&segment.text, |model, context, byte| {
                model.count(context, byte)
            });
        }
    }
    let (mut bits, mut bytes) = (0.0, 0_usize);
    for example in examples
        .iter()
        .filter(|example| example.split == Split::Validation)
    {
        for segment in example.scored(customers) {
            model.visit(&segment.text, |model, context, byte| {
                bits -= model.probability(context, byte).log2();
                bytes += 1;
            });
        }
    }
    (bytes > 0).then(|| bits / bytes as f64)
}

impl ByteCounts {
    fn visit(&mut self, text: &str, mut each: impl FnMut(&mut Self, &[u8], u8)) {
        let mut history = [0_u8; ORDER];
        for byte in text.bytes().chain([END]) {
            each(self, &history, byte);
            history.rotate_left(1);
            history[ORDER - 1] = byte;
        }
    }

    fn key(context: &[u8]) -> u32 {
        context
            .iter()
            .fold(0, |key, byte| (key << 8) | u32::from(*byte))
    }

    fn count(&mut self, context: &[u8], byte: u8) {
        for order in 0..=ORDER {
            let key = Self::key(&context[ORDER - order..]);
            let counts = self.counts[order].entry(key).or_default();
            *counts.entry(byte).or_default() += 1;
        }
    }

    fn probability(&self, context: &[u8], byte: u8) -> f64 {
        let mut probability = 1.0 / 256.0;
        for order in 0..=ORDER {
            let key = Self::key(&context[ORDER - order..]);
            let Some(counts) = self.counts[order].get(&key) else {
                break;
            };
            let total = f64::from(counts.values().sum::<u32>());
            let kinds = counts.len() as f64;
            let count = f64::from(counts.get(&byte).copied().unwrap_or_default());
            probability = (count + kinds * probability) / (total + kinds);
        }
        probability
    }
}

#[cfg(test)]
mod tests {
    use corpus::support::{Segment, TEXT_TOKEN};

    use super::*;

    #[test]
    fn repeated_text_costs_little_and_probabilities_sum_to_one() {
        let example = |split, text: &str| LanguageExample {
            split,
            segments: vec![Segment {
                opens: TEXT_TOKEN,
                text: text.to_owned(),
            }],
        };
        let examples = [
            example(Split::Train, &"tea is served hot. ".repeat(50)),
            example(Split::Validation, "tea is served hot. "),
        ];
        assert!(bits_per_byte(&examples, true).unwrap() < 1.0);
        let mut model = ByteCounts {
            counts: Default::default(),
        };
        model.visit("abcabd", |model, context, byte| model.count(context, byte));
        let sum: f64 = (0..=255).map(|byte| model.probability(b"cab", byte)).sum();
        assert!((sum - 1.0).abs() < 1e-9);
    }
}
