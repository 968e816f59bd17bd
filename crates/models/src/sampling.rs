//! How the next token is chosen from a model's logits.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::error::ModelError;
use crate::mask::TokenMask;
use crate::vector::{exponential, maximum, vectorized};

#[cfg(test)]
mod tests;

/// How the next token is chosen. The default takes the likeliest.
///
/// In this order: penalties, the mask of what is allowed, temperature, `top_k`,
/// then `top_p` and `min_p` of what is left.
#[derive(Debug, Clone, PartialEq)]
pub struct Sampling {
    /// 0 (or less) takes the likeliest; below 1 sharpens, above 1 flattens.
    pub temperature: f32,
    /// Only this many of the likeliest tokens; 0 is no limit.
    pub top_k: usize,
    /// Only the likeliest tokens that together hold this probability (nucleus
    /// sampling, Holtzman et al., 2020); 1 is no limit.
    pub top_p: f32,
    /// Only tokens with at least this share of the likeliest one's probability
    /// (Nguyen et al., 2024); 0 is no limit.
    pub min_p: f32,
    /// Divides the positive and multiplies the negative logits of tokens that
    /// were seen (Keskar et al., 2019); 1 changes nothing.
    pub repetition_penalty: f32,
    /// Taken off a token's logit for each time that it was seen.
    pub frequency_penalty: f32,
    /// Taken off a token's logit once if it was seen.
    pub presence_penalty: f32,
    /// The most tokens to produce.
    pub maximum_tokens: usize,
    /// The same seed gives the same text.
    pub seed: u64,
    /// Tokens that end the text; they are not part of it.
    pub stop: Vec<u32>,
    /// Strings that end the text; they are not part of it.
    pub stop_strings: Vec<String>,
}

impl Default for Sampling {
    fn default() -> Sampling {
        Sampling {
            temperature: 0.0,
            top_k: 0,
            top_p: 1.0,
            min_p: 0.0,
            repetition_penalty: 1.0,
            frequency_penalty: 0.0,
            presence_penalty: 0.0,
            maximum_tokens: 128,
            seed: 0,
            stop: Vec::new(),
            stop_strings: Vec::new(),
        }
    }
}

/// The highest temperature: all logits that a model gives are equal by then.
const HIGHEST_TEMPERATURE: f32 = 100.0;

/// Below this a temperature takes the likeliest: the quotients would overflow.
const LOWEST_TEMPERATURE: f32 = 1e-4;

impl Sampling {
    /// Whether every setting lies in its range; the error names the first that
    /// does not, its value and the range.
    pub fn validate(&self) -> Result<(), ModelError> {
        let ranges = [
            (
                "temperature",
                self.temperature,
                f32::MIN..=HIGHEST_TEMPERATURE,
                "a number up to 100 (0 takes the likeliest token)",
            ),
            ("top_p", self.top_p, 0.0..=1.0, "a number from 0 to 1"),
            ("min_p", self.min_p, 0.0..=1.0, "a number from 0 to 1"),
            (
                "repetition_penalty",
                self.repetition_penalty,
                0.01..=100.0,
                "a number from 0.01 to 100 (1 changes nothing)",
            ),
            (
                "frequency_penalty",
                self.frequency_penalty,
                -100.0..=100.0,
                "a number from -100 to 100",
            ),
            (
                "presence_penalty",
                self.presence_penalty,
                -100.0..=100.0,
                "a number from -100 to 100",
            ),
        ];
        for (name, value, range, meaning) in ranges {
            if !range.contains(&value) {
                let message = format!("{name} is {value}: it has to be {meaning}");
                return Err(ModelError::Decoding(message));
            }
        }
        match self.stop_strings.iter().position(String::is_empty) {
            Some(index) => Err(ModelError::Decoding(format!(
                "stop_strings[{index}] is empty: it would end every text at once"
            ))),
            None => Ok(()),
        }
    }

    fn is_greedy(&self) -> bool {
        self.temperature < LOWEST_TEMPERATURE
    }

    fn has_penalties(&self) -> bool {
        self.repetition_penalty != 1.0
            || self.frequency_penalty != 0.0
            || self.presence_penalty != 0.0
    }
}

#[derive(Debug, Clone, Copy)]
struct Candidate {
    /// Its probability times a factor that all share.
    weight: f32,
    token: u32,
}

/// Likelier first, of equals the lower token.
fn order(left: &Candidate, right: &Candidate) -> std::cmp::Ordering {
    let by_weight = right.weight.total_cmp(&left.weight);
    by_weight.then(left.token.cmp(&right.token))
}

/// Chooses the tokens of one text.
#[derive(Debug, Clone)]
pub struct Sampler {
    sampling: Sampling,
    random: ChaCha8Rng,
    candidates: Vec<Candidate>,
    counts: Vec<u32>,
}

impl Sampler {
    /// A sampler at the beginning of its random numbers; the errors are those
    /// of [`Sampling::validate`].
    pub fn new(sampling: &Sampling) -> Result<Sampler, ModelError> {
        sampling.validate()?;
        Ok(Sampler {
            random: ChaCha8Rng::seed_from_u64(sampling.seed),
            sampling: sampling.clone(),
            candidates: Vec::new(),
            counts: Vec::new(),
        })
    }

    /// The settings.
    pub fn sampling(&self) -> &Sampling {
        &self.sampling
    }

    /// Chooses a token by its logits, which are used up. `seen` are the tokens
    /// that the penalties look at (the whole text, or what was produced);
    /// `allowed` restricts the choice. None if no allowed token has a logit
    /// above -∞. A NaN is no logit.
    pub fn choose(
        &mut self,
        logits: &mut [f32],
        seen: &[u32],
        allowed: Option<&TokenMask>,
    ) -> Option<u32> {
        if self.sampling.has_penalties() {
            self.penalize(logits, seen);
        }
        if let Some(mask) = allowed {
            mask.apply(logits);
        }
        let largest = vectorized(
            #[inline(always)]
            || maximum(logits),
        );
        if largest == f32::NEG_INFINITY {
            return None;
        }
        if self.sampling.is_greedy() || largest == f32::INFINITY {
            let first = logits.iter().position(|&logit| logit == largest);
            return first.map(|token| token as u32);
        }
        weigh(logits, largest, 1.0 / self.sampling.temperature);
        let restricted = self.restrict_to_likeliest(logits);
        let drawn = self.random.random::<f32>();
        match restricted {
            true => {
                let weights = self.candidates.iter().map(|c| (c.token, c.weight));
                draw(weights, drawn)
            }
            false => draw((0..).zip(logits.iter().copied()), drawn),
        }
    }

    fn penalize(&mut self, logits: &mut [f32], seen: &[u32]) {
        let sampling = &self.sampling;
        self.counts.resize(logits.len(), 0);
        for &token in seen {
            if let Some(count) = self.counts.get_mut(token as usize) {
                *count += 1;
            }
        }
        for &token in seen {
            let token = token as usize;
            let Some(count) = self.counts.get_mut(token).filter(|count| **count > 0) else {
                continue;
            };
            let logit = &mut logits[token];
            match *logit > 0.0 {
                true => *logit /= sampling.repetition_penalty,
                false => *logit *= sampling.repetition_penalty,
            }
            *logit -= *count as f32 * sampling.frequency_penalty + sampling.presence_penalty;
            *count = 0;
        }
    }

    /// Leaves in `candidates` what `top_k`, `top_p` and `min_p` let through;
    /// false if that is everything. The largest weight is 1.
    fn restrict_to_likeliest(&mut self, weights: &[f32]) -> bool {
        let Sampling {
            top_k,
            top_p,
            min_p,
            ..
        } = self.sampling;
        let limited = top_k > 0 && top_k < weights.len();
        if !limited && top_p >= 1.0 && min_p <= 0.0 {
            return false;
        }
        self.candidates.clear();
        if limited {
            gather(&mut self.candidates, weights, 0.0);
            if top_k < self.candidates.len() {
                self.candidates.select_nth_unstable_by(top_k - 1, order);
                self.candidates.truncate(top_k);
            }
            if top_p < 1.0 {
                let weights = self.candidates.iter().map(|c| f64::from(c.weight));
                let mass = f64::from(top_p) * weights.sum::<f64>();
                keep_nucleus(&mut self.candidates, mass);
            }
        } else if top_p < 1.0 {
            self.gather_nucleus(weights);
        } else {
            gather(&mut self.candidates, weights, min_p);
        }
        self.candidates.retain(|c| c.weight >= min_p);
        true
    }

    /// The nucleus of all tokens. Those so unlikely that all of them together
    /// could not matter are left out of the selection.
    fn gather_nucleus(&mut self, weights: &[f32]) {
        let total: f64 = (weights.chunks(4096))
            .map(|chunk| chunk.iter().map(|&weight| f64::from(weight)).sum::<f64>())
            .sum();
        let top_p = f64::from(self.sampling.top_p);
        let negligible = 0.5 * (1.0 - top_p) * total / weights.len() as f64;
        gather(&mut self.candidates, weights, negligible as f32);
        if !keep_nucleus(&mut self.candidates, top_p * total) {
            self.candidates.clear();
            gather(&mut self.candidates, weights, 0.0);
            keep_nucleus(&mut self.candidates, top_p * total);
        }
    }
}

/// ChatFormat logits into weights: exp((logit - largest) / temperature), 0 where
/// that is below what an `f32` sum could notice.
fn weigh(logits: &mut [f32], largest: f32, inverse: f32) {
    const LOWEST: f32 = -80.0;
    vectorized(
        #[inline(always)]
        || {
            for logit in logits {
                let exponent = (*logit - largest) * inverse;
                let weight = exponential(exponent);
                *logit = if exponent > LOWEST { weight } else { 0.0 };
            }
        },
    );
}

/// The tokens of at least this weight that are not impossible.
fn gather(candidates: &mut Vec<Candidate>, weights: &[f32], least: f32) {
    let all = (0..).zip(weights.iter().copied());
    let kept = all.filter(|&(_, weight)| weight > 0.0 && weight >= least);
    candidates.extend(kept.map(|(token, weight)| Candidate { weight, token }));
}

/// Keeps the shortest sequence of the likeliest that holds `mass`, at least
/// one, in order; false if all together hold less. Only as many as needed are
/// sorted: a part that doubles until it holds the mass.
fn keep_nucleus(candidates: &mut Vec<Candidate>, mass: f64) -> bool {
    const FIRST_PART: usize = 64;
    let (mut sorted, mut held) = (0, 0.0);
    while sorted < candidates.len() {
        let rest = &mut candidates[sorted..];
        let part = sorted.max(FIRST_PART).min(rest.len());
        if part < rest.len() {
            rest.select_nth_unstable_by(part - 1, order);
        }
        rest[..part].sort_unstable_by(order);
        for candidate in &rest[..part] {
            sorted += 1;
            held += f64::from(candidate.weight);
            if held >= mass {
                candidates.truncate(sorted);
                return true;
            }
        }
    }
    false
}

/// The token at the share `drawn`, in [0, 1), of all weights laid end to end.
fn draw(weights: impl Iterator<Item = (u32, f32)> + Clone, drawn: f32) -> Option<u32> {
    let total: f64 = weights.clone().map(|(_, weight)| f64::from(weight)).sum();
    let mut left = f64::from(drawn) * total;
    let mut last = None;
    for (token, weight) in weights.filter(|&(_, weight)| weight > 0.0) {
        last = Some(token);
        left -= f64::from(weight);
        if left < 0.0 {
            break;
        }
    }
    last
}
