//! What the held-out rows tell: how sure the scores may be, and below which
//! probability a text is a stranger.

use super::{LinearClassifier, largest, softmax};

/// A model measured on rows that it has not seen.
pub(super) struct Held {
    /// Rows answered rightly, by the importance of their class.
    correct: f32,
    loss: f64,
    pub temperature: f32,
    pub threshold: f32,
}

impl Held {
    pub fn measure(model: &LinearClassifier, rows: &[(&str, usize)], unknown: &[&str]) -> Self {
        let logits: Vec<(Vec<f32>, usize)> = rows
            .iter()
            .map(|(text, class)| (model.logits(text), *class))
            .collect();
        let importance = model.importance(rows.iter().map(|(_, class)| *class));
        let correct = logits
            .iter()
            .filter(|(scores, class)| largest(scores).0 == *class)
            .map(|(_, class)| importance[*class])
            .sum();
        let temperature = temperature(&logits);
        let strangers: Vec<Vec<f32>> = unknown.iter().map(|text| model.logits(text)).collect();
        Self {
            correct,
            loss: loss(&logits, temperature),
            temperature,
            threshold: threshold(&logits, &strangers, temperature),
        }
    }

    /// More right; among equals, less surprised.
    pub fn better_than(&self, other: &Self) -> bool {
        (self.correct, -self.loss) > (other.correct, -other.loss)
    }
}

fn loss(logits: &[(Vec<f32>, usize)], temperature: f32) -> f64 {
    let of_row = |(scores, class): &(Vec<f32>, usize)| {
        let probability = scaled(scores, temperature)[*class];
        -f64::from(probability.max(1e-9)).ln()
    };
    logits.iter().map(of_row).sum::<f64>() / logits.len().max(1) as f64
}

fn scaled(scores: &[f32], temperature: f32) -> Vec<f32> {
    let mut scaled: Vec<f32> = scores.iter().map(|score| score / temperature).collect();
    softmax(&mut scaled);
    scaled
}

/// The temperature with the least loss, on a grid fine enough for the use.
fn temperature(logits: &[(Vec<f32>, usize)]) -> f32 {
    let mut best = (f64::INFINITY, 1.0);
    if logits.is_empty() {
        return 1.0;
    }
    for step in 0..25 {
        let temperature = 0.2 * 1.12_f32.powi(step);
        let loss = loss(logits, temperature);
        if loss < best.0 {
            best = (loss, temperature);
        }
    }
    best.1
}

/// With strangers at hand, the threshold with the largest sum of the share of
/// known rows answered rightly and the share of strangers turned away;
/// without, the one that 95 of 100 rightly answered rows pass.
fn threshold(logits: &[(Vec<f32>, usize)], strangers: &[Vec<f32>], temperature: f32) -> f32 {
    let top = |scores: &[f32]| largest(&scaled(scores, temperature));
    let mut right: Vec<f32> = logits
        .iter()
        .map(|(scores, class)| (top(scores), class))
        .filter(|((best, _), class)| best == *class)
        .map(|((_, probability), _)| probability)
        .collect();
    right.sort_by(f32::total_cmp);
    if right.is_empty() {
        return 0.0;
    }
    if strangers.is_empty() {
        return right[right.len() / 20];
    }
    let mut outside: Vec<f32> = strangers.iter().map(|scores| top(scores).1).collect();
    outside.sort_by(f32::total_cmp);
    let mut best = (f64::NEG_INFINITY, 0.0);
    for step in 1..100 {
        let threshold = step as f32 / 100.0;
        let passed = right.len() - right.partition_point(|value| *value < threshold);
        let refused = outside.partition_point(|value| *value < threshold);
        let sum = passed as f64 / logits.len() as f64 + refused as f64 / outside.len() as f64;
        if sum > best.0 {
            best = (sum, threshold);
        }
    }
    best.1
}
