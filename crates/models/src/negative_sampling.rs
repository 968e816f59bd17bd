//! Negative sampling for the softmax: the classes of one step, where the whole
//! vocabulary would be too many, with the correction of their logits.
//!
//! A negative that is in the sample with probability π counts
//! `exp(logit) / π`: then the sum over the sample is on average that over the
//! whole vocabulary
//! (Bengio and Senécal, 2008; for the targets of a batch, Yi et al., 2019).
//! The target itself always takes part and is not corrected.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::Distribution;
use rand_distr::weighted::WeightedAliasIndex;

use crate::error::ModelError;
use crate::loss::{IGNORE, Loss, SoftmaxClasses};
use crate::sequence::Sequence;

/// How often each token is a target, as a share, and how to draw one so.
#[derive(Debug, Clone)]
pub(crate) struct Frequencies {
    shares: Vec<f32>,
    table: WeightedAliasIndex<f64>,
}

impl Frequencies {
    /// From counts or shares of each token; one that never occurs is taken for
    /// as frequent as the rarest that does.
    pub(crate) fn new(mut counts: Vec<f32>, vocabulary: usize) -> Result<Frequencies, ModelError> {
        let refuse = |reason: String| Err(ModelError::Data(format!("frequencies: {reason}")));
        if counts.len() != vocabulary {
            let length = counts.len();
            return refuse(format!("{length} for a vocabulary of {vocabulary}"));
        }
        let wrong = |count: &&f32| !(count.is_finite() && **count >= 0.0);
        if let Some(count) = counts.iter().find(wrong) {
            return refuse(format!("{count} cannot be one"));
        }
        let occurring = counts.iter().copied().filter(|count| *count > 0.0);
        let rarest = occurring.fold(f32::INFINITY, f32::min);
        if rarest.is_infinite() {
            return refuse("no token occurs".to_owned());
        }
        for count in &mut counts {
            *count = count.max(rarest);
        }
        let sum: f64 = counts.iter().map(|count| f64::from(*count)).sum();
        let weights = counts.iter().map(|count| f64::from(*count)).collect();
        match WeightedAliasIndex::new(weights) {
            Ok(table) => Ok(Frequencies {
                shares: (counts.iter())
                    .map(|count| (f64::from(*count) / sum) as f32)
                    .collect(),
                table,
            }),
            Err(error) => refuse(error.to_string()),
        }
    }

    /// The token at which the shares first add up to more than `sum`.
    #[cfg(test)]
    pub(crate) fn at(&self, sum: f32) -> u32 {
        let sums = self.shares.iter().scan(0.0, |total, share| {
            *total += share;
            Some(*total)
        });
        sums.take_while(|total| *total <= sum)
            .count()
            .min(self.shares.len() - 1) as u32
    }

    /// Minus the logarithm of the probability that a token is among so many
    /// that are drawn.
    fn correction(&self, token: u32, draws: usize) -> f32 {
        let share = f64::from(self.shares[token as usize]);
        let absent = draws as f64 * (-share).ln_1p();
        -(-absent.exp_m1()).ln() as f32
    }
}

/// The sampled classes: distinct tokens and what is added to their logits (the
/// logQ correction); no corrections where all are 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct SampledClasses {
    pub(crate) tokens: Vec<u32>,
    pub(crate) corrections: Vec<f32>,
}

impl SampledClasses {
    pub(crate) fn classes(&self) -> SoftmaxClasses<'_> {
        SoftmaxClasses::Sampled {
            tokens: &self.tokens,
            corrections: &self.corrections,
        }
    }

    fn corrected(mut tokens: Vec<u32>, frequencies: &Frequencies, draws: usize) -> SampledClasses {
        tokens.sort_unstable();
        tokens.dedup();
        let corrections = (tokens.iter())
            .map(|&token| frequencies.correction(token, draws))
            .collect();
        SampledClasses {
            tokens,
            corrections,
        }
    }
}

/// Samples the classes of one step; `None` where the softmax is over the whole
/// vocabulary.
pub(crate) fn sample(
    loss: Loss,
    batch: &[Sequence],
    vocabulary: usize,
    frequencies: Option<&Frequencies>,
    seed: u64,
) -> Option<SampledClasses> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    match (loss, frequencies) {
        (Loss::Full, _) => None,
        (Loss::Sampled { negatives }, _) if negatives >= vocabulary => None,
        (Loss::Sampled { negatives }, _) => {
            let drawn = rand::seq::index::sample(&mut random, vocabulary, negatives);
            Some(SampledClasses {
                tokens: drawn.into_iter().map(|token| token as u32).collect(),
                corrections: Vec::new(),
            })
        }
        (Loss::Popular { negatives }, Some(frequencies)) => {
            let tokens = (0..negatives)
                .map(|_| frequencies.table.sample(&mut random) as u32)
                .collect();
            Some(SampledClasses::corrected(tokens, frequencies, negatives))
        }
        (Loss::Popular { negatives }, None) => {
            let negatives = negatives.min(vocabulary);
            let drawn = rand::seq::index::sample(&mut random, vocabulary, negatives);
            // Each is drawn with the same probability.
            let correction = (vocabulary as f32 / negatives.max(1) as f32).ln();
            Some(SampledClasses {
                tokens: drawn.into_iter().map(|token| token as u32).collect(),
                corrections: vec![correction; negatives],
            })
        }
        (Loss::InBatch, frequencies) => {
            let targets = batch.iter().flat_map(|sequence| &sequence.targets);
            let mut tokens: Vec<u32> = targets.copied().filter(|t| *t != IGNORE).collect();
            let draws = tokens.len();
            if let Some(frequencies) = frequencies {
                return Some(SampledClasses::corrected(tokens, frequencies, draws));
            }
            tokens.sort_unstable();
            tokens.dedup();
            Some(SampledClasses {
                tokens,
                corrections: Vec::new(),
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_drawn_as_often_as_the_corrections_say() {
        let counts = vec![100.0, 10.0, 1.0, 0.0, 30.0];
        let frequencies = Frequencies::new(counts, 5).expect("frequencies");
        let loss = Loss::Popular { negatives: 6 };
        let mut seen = [0usize; 5];
        let rounds = 20_000;
        let mut corrections = [0.0; 5];
        for seed in 0..rounds {
            let drawn = sample(loss, &[], 5, Some(&frequencies), seed).expect("classes");
            for (token, correction) in drawn.tokens.iter().zip(&drawn.corrections) {
                seen[*token as usize] += 1;
                corrections[*token as usize] = *correction;
            }
        }
        for (token, seen) in seen.into_iter().enumerate() {
            let probability = f64::from(-corrections[token]).exp();
            let found = seen as f64 / rounds as f64;
            let deviation = (probability * (1.0 - probability) / rounds as f64).sqrt();
            let error = (found - probability).abs();
            assert!(error < 4.0 * deviation, "{token}: {found} {probability}");
        }
    }

    #[test]
    fn the_rivals_of_a_batch_are_its_targets() {
        let batch = [
            Sequence::next_tokens(&[1, 2, 3, 2]),
            Sequence::masked(&[4, 3, 0], &[true, true, false]),
        ];
        let drawn = sample(Loss::InBatch, &batch, 5, None, 0).expect("classes");
        assert_eq!((drawn.tokens, drawn.corrections), (vec![2, 3], vec![]));
        let frequencies = Frequencies::new(vec![1.0; 5], 5).expect("frequencies");
        let drawn = sample(Loss::InBatch, &batch, 5, Some(&frequencies), 0).expect("classes");
        let expected = -(1.0 - 0.8f32.powi(4)).ln();
        for correction in drawn.corrections {
            assert!((correction - expected).abs() < 1e-6);
        }
        assert_eq!(
            sample(Loss::InBatch, &[], 5, None, 0).map(|drawn| drawn.tokens.len()),
            Some(0)
        );
    }

    #[test]
    fn frequencies_that_cannot_be_are_errors() {
        for counts in [
            vec![],
            vec![1.0; 4],
            vec![0.0; 5],
            vec![-1.0; 5],
            vec![f32::NAN; 5],
            vec![f32::INFINITY; 5],
        ] {
            assert!(Frequencies::new(counts, 5).is_err());
        }
        let one = Frequencies::new(vec![3.0], 1).expect("frequencies");
        assert_eq!(one.correction(0, 7), 0.0);
    }
}
