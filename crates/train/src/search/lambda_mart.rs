//! Trees on top of the linear ranker: LambdaMART (Burges, 2010). How many are
//! kept is chosen on lists that the trees have not seen; where none helps,
//! the linear ranker stands alone.

use corpus::search::{FEATURES, Ranker};
use models::boosted_trees::{BinnedRows, BoostedTrees, TreeOptions};

use super::lambda_rank::{descending, discount, ideal};
use super::ranking_dataset::QueryGroup;
use crate::{Job, TrainError};

/// Fewer lists than these teach trees nothing that carries.
const LEAST_LISTS: usize = 100;
const MOST_TREES: usize = 300;
/// Trees without a gain on unseen lists before it ends.
const PATIENCE: usize = 40;
/// Products that nobody graded or chose in a list, the best by the linear
/// ranker: without them trees learn what graded products have in common.
const UNJUDGED: usize = 80;
/// Pairs below this rank in both places teach nothing.
const DEEPEST: usize = 30;
/// Each so many'th list is kept to choose the number of trees on.
const HELD_OUT: usize = 4;

/// A list as the trees see it.
struct Rows {
    features: Vec<Vec<f32>>,
    labels: Vec<f32>,
    /// Of the linear ranker.
    base: Vec<f64>,
    /// Where each list ends.
    ends: Vec<usize>,
    ideals: Vec<f64>,
    weights: Vec<f64>,
}

/// Trains trees that add to the scores of `ranker`.
pub(super) fn lambda_mart(
    lists: &[QueryGroup],
    ranker: &Ranker,
    job: &Job,
) -> Result<BoostedTrees, TrainError> {
    if lists.len() < LEAST_LISTS {
        return Ok(BoostedTrees::default());
    }
    let numbered = || lists.iter().enumerate();
    let held_out = numbered().filter(|(at, _)| at % HELD_OUT == 0);
    let learn = numbered().filter(|(at, _)| at % HELD_OUT != 0);
    let held_out = Rows::new(held_out.map(|(_, list)| list), ranker);
    let learn = Rows::new(learn.map(|(_, list)| list), ranker);
    job.progress.begin("search: trees", 2 * MOST_TREES as u64);
    let (_, count) = grow(&learn, MOST_TREES, Some(&held_out), job)?;
    let all = Rows::new(lists.iter(), ranker);
    let (trees, _) = grow(&all, count, None, job)?;
    job.progress.end(&format!(
        "search: {} trees on {} lists",
        trees.len(),
        lists.len()
    ));
    Ok(trees)
}

/// Grows trees; with lists to choose on, says how many were best for them.
fn grow(
    rows: &Rows,
    most: usize,
    held_out: Option<&Rows>,
    job: &Job,
) -> Result<(BoostedTrees, usize), TrainError> {
    let few = rows.ends.len() < 200;
    let options = TreeOptions {
        leaves: if few { 6 } else { 16 },
        least_rows: if few { 30 } else { 20 },
        rate: 0.08,
        hold: 1.0,
    };
    let slices = rows.features.iter().map(Vec::as_slice);
    let binned = BinnedRows::new(slices, FEATURES.len());
    let mut trees = BoostedTrees::default();
    let mut scores = rows.base.clone();
    let mut other_scores = held_out.map(|rows| rows.base.clone()).unwrap_or_default();
    let start = held_out.map_or(0.0, |rows| rows.mean_ndcg(&other_scores));
    let (mut best, mut best_count) = (start + 1e-4, 0);
    for count in 1..=most {
        if job.stopped() {
            return Err(TrainError::Stopped);
        }
        let (slopes, curvatures) = rows.slopes(&scores);
        let answers = trees.grow(&binned, &slopes, &curvatures, &options);
        for (score, answer) in scores.iter_mut().zip(answers) {
            *score += f64::from(answer);
        }
        if let Some(held_out) = held_out {
            for (score, features) in other_scores.iter_mut().zip(&held_out.features) {
                *score += f64::from(trees.last_score(features));
            }
            let ndcg = held_out.mean_ndcg(&other_scores);
            if ndcg > best {
                (best, best_count) = (ndcg, count);
            } else if count > best_count + PATIENCE {
                break;
            }
        }
        job.progress.advance(count as u64, "");
    }
    Ok((trees, best_count))
}

impl Rows {
    fn new<'a>(lists: impl Iterator<Item = &'a QueryGroup>, ranker: &Ranker) -> Self {
        let mut rows = Self {
            features: Vec::new(),
            labels: Vec::new(),
            base: Vec::new(),
            ends: Vec::new(),
            ideals: Vec::new(),
            weights: Vec::new(),
        };
        for list in lists {
            let scores: Vec<f64> = list
                .features
                .iter()
                .map(|features| f64::from(ranker.score(features)))
                .collect();
            let mut unjudged = 0;
            for at in descending(&scores) {
                if list.labels[at] <= 0.0 {
                    unjudged += 1;
                    if unjudged > UNJUDGED {
                        continue;
                    }
                }
                rows.features.push(list.features[at].to_vec());
                rows.labels.push(list.labels[at]);
                rows.base.push(scores[at]);
            }
            let mut labels = list.labels.clone();
            labels.extend(&list.missed);
            rows.ideals.push(ideal(&labels));
            rows.weights.push(list.weight);
            rows.ends.push(rows.labels.len());
        }
        rows
    }

    /// Where each list is, the gain of its best order, and its weight.
    fn lists(&self) -> impl Iterator<Item = (std::ops::Range<usize>, f64, f64)> + '_ {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        let ranges = starts.zip(&self.ends).map(|(from, to)| from..*to);
        let beside = self.ideals.iter().zip(&self.weights);
        let all = ranges.zip(beside);
        all.map(|(range, (ideal, weight))| (range, *ideal, *weight))
    }

    fn mean_ndcg(&self, scores: &[f64]) -> f64 {
        let sum: f64 = self
            .lists()
            .map(|(range, ideal, weight)| {
                let order = descending(&scores[range.clone()]);
                let found: f64 = order
                    .iter()
                    .enumerate()
                    .map(|(rank, at)| f64::from(self.labels[range.start + at]) * discount(rank))
                    .sum();
                weight * found / ideal.max(f64::MIN_POSITIVE)
            })
            .sum();
        sum / self.weights.iter().sum::<f64>().max(f64::MIN_POSITIVE)
    }

    /// For each row what its score should do, and how fast that changes.
    fn slopes(&self, scores: &[f64]) -> (Vec<f32>, Vec<f32>) {
        let mut slopes = vec![0.0_f64; scores.len()];
        let mut curvatures = vec![0.0_f64; scores.len()];
        for (range, ideal, list_weight) in self.lists() {
            if ideal <= 0.0 {
                continue;
            }
            let order = descending(&scores[range.clone()]);
            for (rank, &at) in order.iter().enumerate().take(DEEPEST) {
                for (other_rank, &other) in order.iter().enumerate().skip(rank + 1) {
                    let (one, two) = (range.start + at, range.start + other);
                    let (better, worse) = match self.labels[one].total_cmp(&self.labels[two]) {
                        std::cmp::Ordering::Greater => (one, two),
                        std::cmp::Ordering::Less => (two, one),
                        std::cmp::Ordering::Equal => continue,
                    };
                    let gain = f64::from(self.labels[better] - self.labels[worse]);
                    let change = smooth(rank) - smooth(other_rank);
                    let wrong = 1.0 / (1.0 + (scores[better] - scores[worse]).exp());
                    let weight = list_weight * gain * change / ideal;
                    slopes[better] -= weight * wrong;
                    slopes[worse] += weight * wrong;
                    let curvature = weight * wrong * (1.0 - wrong);
                    curvatures[better] += curvature;
                    curvatures[worse] += curvature;
                }
            }
        }
        let narrow = |numbers: Vec<f64>| numbers.into_iter().map(|number| number as f32).collect();
        (narrow(slopes), narrow(curvatures))
    }
}

/// The discount without a cut: what stands at 11 is worth moving up.
fn smooth(rank: usize) -> f64 {
    1.0 / (rank as f64 + 2.0).log2()
}
