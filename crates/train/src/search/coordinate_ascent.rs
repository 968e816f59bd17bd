//! Weights from few lists: one weight is moved at a time, to where nDCG
//! itself is best (coordinate ascent; Metzler and Croft, 2007), and the mean of
//! what several drawings of the lists say is taken (bagging; Breiman, 1996):
//! what a few lists say by chance cancels out.

use corpus::search::{FEATURES, Ranker};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::lambda_rank::{CUT, discount, floors, ideal};
use super::ranking_dataset::QueryGroup;
use crate::{Job, TrainError};

const BAGS: u64 = 8;
const MOST_STEPS: usize = 6;
const STEPS: [f64; 6] = [-0.6, -0.3, -0.15, 0.15, 0.3, 0.6];
/// A step that gains less is chance.
const LEAST_GAIN: f64 = 0.003;

/// A list with the scores that it has now.
struct ScoredGroup<'a> {
    list: &'a QueryGroup,
    scores: Vec<f64>,
    ideal: f64,
}

impl ScoredGroup<'_> {
    /// The nDCG with `step` more of one weight.
    fn ndcg(&self, feature: usize, step: f64, best: &mut Vec<(f64, usize)>) -> f64 {
        best.clear();
        let moved = self.list.features.iter().zip(&self.scores);
        let moved = moved.map(|(features, score)| score + step * f64::from(features[feature]));
        for (at, score) in moved.enumerate() {
            if best.len() == CUT && best.last().is_some_and(|last| last.0 >= score) {
                continue;
            }
            let place = best.partition_point(|other| other.0 >= score);
            best.insert(place, (score, at));
            best.truncate(CUT);
        }
        let gains = best.iter().enumerate();
        let found: f64 = gains
            .map(|(rank, (_, at))| f64::from(self.list.labels[*at]) * discount(rank))
            .sum();
        found / self.ideal.max(f64::MIN_POSITIVE)
    }
}

/// The weights that lists ask for, beginning from `default`.
pub(super) fn coordinate_ascent(
    lists: &[QueryGroup],
    default: &Ranker,
    job: &Job,
) -> Result<Ranker, TrainError> {
    let held: Vec<f64> = default.weights.iter().map(|one| f64::from(*one)).collect();
    let mut sums = vec![0.0; FEATURES.len()];
    for bag in 0..BAGS {
        if job.stopped() {
            return Err(TrainError::Stopped);
        }
        let mut chance = ChaCha8Rng::seed_from_u64(job.seed ^ (0x636c_696d << 8) ^ bag);
        let drawn = (0..lists.len()).map(|_| &lists[chance.random_range(0..lists.len())]);
        for (sum, weight) in sums.iter_mut().zip(ascend(drawn, &held)) {
            *sum += weight;
        }
    }
    Ok(Ranker {
        weights: sums.iter().map(|sum| (sum / BAGS as f64) as f32).collect(),
        ..default.clone()
    })
}

fn ascend<'a>(lists: impl Iterator<Item = &'a QueryGroup>, held: &[f64]) -> Vec<f64> {
    let mut weights = held.to_vec();
    let mut lists: Vec<ScoredGroup<'_>> = lists
        .map(|list| {
            let mut labels = list.labels.clone();
            labels.extend(&list.missed);
            let score = |features: &corpus::search::Features| -> f64 {
                let pairs = features.iter().zip(held);
                pairs.map(|(f, w)| f64::from(*f) * w).sum()
            };
            ScoredGroup {
                scores: list.features.iter().map(score).collect(),
                ideal: ideal(&labels),
                list,
            }
        })
        .collect();
    let mut best = Vec::new();
    let least = floors(held);
    let allowed = |feature: usize, weight: f64| {
        let mut floors = least.iter();
        !floors.any(|(own, least)| *own == feature && weight < *least)
    };
    for _ in 0..MOST_STEPS {
        let mut mean = |feature: usize, step: f64| {
            let all = lists.iter().map(|list| list.ndcg(feature, step, &mut best));
            all.sum::<f64>() / lists.len().max(1) as f64
        };
        let (mut most, mut chosen) = (mean(0, 0.0) + LEAST_GAIN, None);
        for (feature, weight) in weights.iter().enumerate() {
            for step in STEPS {
                if allowed(feature, weight + step) {
                    let gained = mean(feature, step);
                    if gained > most {
                        (most, chosen) = (gained, Some((feature, step)));
                    }
                }
            }
        }
        let Some((feature, step)) = chosen else { break };
        weights[feature] += step;
        for list in &mut lists {
            for (score, features) in list.scores.iter_mut().zip(&list.list.features) {
                *score += step * f64::from(features[feature]);
            }
        }
    }
    weights
}
