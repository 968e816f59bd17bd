//! Seeded draws that the parts of the simulator share.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// The generator of one part: parts do not disturb each other's draws.
pub(super) fn generator(seed: u64, part: u64) -> ChaCha8Rng {
    let mut generator = ChaCha8Rng::seed_from_u64(seed);
    generator.set_stream(part);
    generator
}

/// True with probability `probability`.
pub(super) fn chance(random: &mut ChaCha8Rng, probability: f64) -> bool {
    random.random::<f64>() < probability
}

/// One of the texts; empty when there is none.
pub(super) fn pick(random: &mut ChaCha8Rng, texts: &[&'static str]) -> &'static str {
    if texts.is_empty() {
        return "";
    }
    texts[random.random_range(0..texts.len())]
}

/// A place in `0..count`; 0 when `count` is 0.
pub(super) fn place(random: &mut ChaCha8Rng, count: usize) -> usize {
    random.random_range(0..count.max(1))
}

/// A place drawn in proportion to its weight; `None` when all are zero.
pub(super) fn weighted(random: &mut ChaCha8Rng, weights: &[f64]) -> Option<usize> {
    let total: f64 = weights.iter().sum();
    if total <= 0.0 {
        return None;
    }
    let mut left = random.random::<f64>() * total;
    for (at, weight) in weights.iter().enumerate() {
        left -= weight;
        if left < 0.0 {
            return Some(at);
        }
    }
    weights.iter().rposition(|weight| *weight > 0.0)
}

/// A draw from the standard normal distribution.
pub(super) fn normal(random: &mut ChaCha8Rng) -> f64 {
    random.sample(rand_distr::StandardNormal)
}

/// Swaps, drops or doubles one letter of a longer word, as fingers do.
pub(super) fn misspell(random: &mut ChaCha8Rng, text: &str) -> String {
    let mut letters: Vec<char> = text.chars().collect();
    let places: Vec<usize> = (1..letters.len().saturating_sub(2))
        .filter(|&at| {
            letters[at - 1..at + 3]
                .iter()
                .all(char::is_ascii_alphabetic)
        })
        .collect();
    if places.is_empty() {
        return text.to_owned();
    }
    let at = places[place(random, places.len())];
    match place(random, 3) {
        0 => letters.swap(at, at + 1),
        1 => {
            letters.remove(at);
        }
        _ => letters.insert(at, letters[at]),
    }
    letters.into_iter().collect()
}
