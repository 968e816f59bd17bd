use corpus::search::features::place;
use corpus::search::{FEATURES, Features, Ranker};

use super::ranking_dataset::QueryGroup;
use crate::{Job, TrainError};

/// How strongly a weight is held to its default.
const HOLD: f64 = 0.02;
const RATE: f64 = 0.05;
/// Adam's decay of the first and second moment (Kingma and Ba, 2015).
const DECAY: [f64; 2] = [0.9, 0.999];
pub(super) const CUT: usize = 10;

/// Fits the weights to lists by gradient descent on all of them at once.
pub(super) fn fit(
    lists: &[QueryGroup],
    default: &Ranker,
    steps: u64,
    job: &Job,
) -> Result<Ranker, TrainError> {
    const N: usize = FEATURES.len();
    let mut weights: Vec<f64> = default
        .weights
        .iter()
        .map(|weight| f64::from(*weight))
        .collect();
    let held: Vec<f64> = weights.clone();
    let (mut first, mut second) = ([0.0; N], [0.0; N]);
    let all: f64 = lists.iter().map(|list| list.weight).sum();
    for step in 1..=steps {
        if job.stopped() {
            return Err(TrainError::Stopped);
        }
        let mut gradient = [0.0; N];
        for list in lists {
            add_gradient(list, &weights, &mut gradient);
        }
        for feature in 0..N {
            let slope = gradient[feature] / all + HOLD * (weights[feature] - held[feature]);
            first[feature] = DECAY[0] * first[feature] + (1.0 - DECAY[0]) * slope;
            second[feature] = DECAY[1] * second[feature] + (1.0 - DECAY[1]) * slope * slope;
            let corrected = |moment: f64, decay: f64| moment / (1.0 - decay.powi(step as i32));
            weights[feature] -= RATE * corrected(first[feature], DECAY[0])
                / (corrected(second[feature], DECAY[1]).sqrt() + 1e-8);
        }
        for (feature, least) in floors(&held) {
            weights[feature] = weights[feature].max(least);
        }
        if step % 20 == 0 {
            job.progress.advance(step, "");
        }
    }
    Ok(Ranker {
        weights: weights.into_iter().map(|weight| weight as f32).collect(),
        ..default.clone()
    })
}

/// What no log may unlearn. Whether a product can be ordered changes after
/// the click that the log shows, so it learns the contrary of what is so; and
/// interest never speaks against a product.
pub(super) fn floors(held: &[f64]) -> [(usize, f64); 5] {
    [
        (place::CAN_BE_ORDERED, held[place::CAN_BE_ORDERED]),
        (place::WORDS, 0.0),
        (place::POPULARITY, 0.0),
        (place::CLICKS, 0.0),
        (place::TASTE, 0.0),
    ]
}

/// Adds the gradient of one list: for each pair with different labels, what
/// the swap would change of nDCG, times how wrong the pair stands.
fn add_gradient(list: &QueryGroup, weights: &[f64], gradient: &mut [f64]) {
    let scores: Vec<f64> = list
        .features
        .iter()
        .map(|features| {
            features
                .iter()
                .zip(weights)
                .map(|(f, w)| f64::from(*f) * w)
                .sum()
        })
        .collect();
    let order = descending(&scores);
    let mut discounts = vec![0.0; scores.len()];
    for (rank, at) in order.iter().enumerate() {
        discounts[*at] = discount(rank);
    }
    let ideal = ideal(&list.labels);
    if ideal <= 0.0 {
        return;
    }
    for (better, label) in list.labels.iter().enumerate() {
        for (worse, other) in list.labels.iter().enumerate() {
            if label <= other {
                continue;
            }
            let gain = f64::from(label - other);
            // Both beyond the cut still count a little, or nothing would ever
            // move up from there.
            let change = (discounts[better] - discounts[worse]).abs() + 0.01;
            let wrong = 1.0 / (1.0 + (scores[better] - scores[worse]).exp());
            let scale = list.weight * gain * change / ideal * wrong;
            let pair = list.features[better].iter().zip(&list.features[worse]);
            for (slope, (of_better, of_worse)) in gradient.iter_mut().zip(pair) {
                *slope -= scale * f64::from(of_better - of_worse);
            }
        }
    }
}

pub(super) fn discount(rank: usize) -> f64 {
    if rank < CUT {
        1.0 / (rank as f64 + 2.0).log2()
    } else {
        0.0
    }
}

pub(super) fn ideal(labels: &[f32]) -> f64 {
    let mut sorted: Vec<f32> = labels.to_vec();
    sorted.sort_by(|left, right| right.total_cmp(left));
    let gains = sorted.iter().enumerate();
    gains
        .map(|(rank, label)| f64::from(*label) * discount(rank))
        .sum()
}

pub(super) fn descending(scores: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|left, right| {
        scores[*right]
            .total_cmp(&scores[*left])
            .then(left.cmp(right))
    });
    order
}

/// The mean nDCG at 10 of the lists in the ranker's order. What was chosen
/// but not retrieved counts as missed.
pub(super) fn mean_ndcg(lists: &[QueryGroup], score: impl Fn(&Features) -> f32) -> f64 {
    let of_list = |list: &QueryGroup| {
        let scores: Vec<f64> = list
            .features
            .iter()
            .map(|features| f64::from(score(features)))
            .collect();
        let order = descending(&scores);
        let gains = order.iter().enumerate();
        let found: f64 = gains
            .map(|(rank, at)| f64::from(list.labels[*at]) * discount(rank))
            .sum();
        let mut labels = list.labels.clone();
        labels.extend(&list.missed);
        found / ideal(&labels).max(f64::MIN_POSITIVE)
    };
    lists.iter().map(of_list).sum::<f64>() / lists.len().max(1) as f64
}
