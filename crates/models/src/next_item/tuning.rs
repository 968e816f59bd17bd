//! Blend weights by coordinate ascent on validation NDCG@10.

use super::evaluation::in_parallel;
use super::{BlendWeights, Example, NextItemFigures, NextItemModel};
use crate::index::{finite, top};

/// So many items at the top of each member are candidates: what stands in the
/// first ten of a sum stands high in one of its parts.
const TOP: usize = 60;

/// Step sizes, one pass over the weights with each.
const STEPS: [f32; 5] = [0.12, 0.06, 0.03, 0.03, 0.015];

/// Steps on the line from the best weights to the simple ones.
const EASING_STEPS: usize = 10;

/// One example's candidates with their scores by member.
struct Candidates {
    /// None where the target was seen already.
    target: Option<Vec<f32>>,
    /// The negatives' scores, one after the other.
    negatives: Vec<f32>,
}

impl NextItemModel {
    /// Weights for `examples`: those with the best NDCG, found by coordinate
    /// ascent from the decoders alone and from each list alone, brought as near
    /// to simple ones (each member by its own NDCG) as the examples cannot tell
    /// from the best, that is within one standard error (the rule of Breiman et
    /// al., 1984): a few hundred examples would otherwise pick by luck. `None`
    /// without examples.
    pub fn tune(
        &self,
        examples: &[Example],
        threads: usize,
    ) -> Option<(BlendWeights, NextItemFigures)> {
        if examples.is_empty() {
            return None;
        }
        let candidates = in_parallel(examples, threads, |example| self.candidates_of(example));
        let members = 1 + self.item_item.len();
        let first = usize::from(self.decoders.is_empty()).min(members - 1);
        let mut best: Option<(Vec<f32>, NextItemFigures)> = None;
        for start in first..members {
            let found = ascend(&candidates, start, first..members);
            let better = |known: &(Vec<f32>, NextItemFigures)| found.1.ndcg() > known.1.ndcg();
            if best.as_ref().is_none_or(better) {
                best = Some(found);
            }
        }
        let (best, _) = best?;
        let weights = by_one_standard_error(&candidates, &best, first..members);
        let figures = figures(&candidates, &weights);
        let (decoder, lists) = weights.split_first()?;
        let weights = BlendWeights {
            decoder: *decoder,
            item_item: lists.to_vec(),
        };
        Some((weights, figures))
    }

    fn candidates_of(&self, example: &Example) -> Candidates {
        let mut members = self.members(&example.history);
        for &item in &example.history {
            for member in &mut members {
                if let Some(score) = member.get_mut(item as usize) {
                    *score = f32::NEG_INFINITY;
                }
            }
        }
        let mut places: Vec<u32> = members
            .iter()
            .flat_map(|member| top(finite(member), TOP))
            .map(|scored| scored.place)
            .filter(|place| *place != example.target)
            .collect();
        places.sort_unstable();
        places.dedup();
        let scores = |place: u32| members.iter().map(move |member| member[place as usize]);
        let known = (example.target as usize) < self.items;
        let target: Option<Vec<f32>> = known.then(|| scores(example.target).collect());
        Candidates {
            target: target.filter(|scores| scores.iter().all(|score| score.is_finite())),
            negatives: places.into_iter().flat_map(scores).collect(),
        }
    }
}

fn ascend(
    candidates: &[Candidates],
    start: usize,
    members: std::ops::Range<usize>,
) -> (Vec<f32>, NextItemFigures) {
    let mut weights = vec![0.0; members.end];
    weights[start] = 1.0;
    let mut best = figures(candidates, &weights);
    for step in STEPS {
        for member in members.clone().filter(|member| *member != start) {
            for change in [step, -step] {
                let mut moved = weights.clone();
                moved[member] += change;
                while moved[member] >= 0.0 {
                    let found = figures(candidates, &moved);
                    if found.ndcg() <= best.ndcg() {
                        break;
                    }
                    (weights, best) = (moved.clone(), found);
                    moved[member] += change;
                }
            }
        }
    }
    (weights, best)
}

/// Moves `best` towards each member's own NDCG as far as a standard error lets.
fn by_one_standard_error(
    candidates: &[Candidates],
    best: &[f32],
    members: std::ops::Range<usize>,
) -> Vec<f32> {
    let alone = |member: usize| {
        let mut weights = vec![0.0; best.len()];
        weights[member] = 1.0;
        figures(candidates, &weights).ndcg() as f32
    };
    let mut simple = vec![0.0; best.len()];
    for member in members {
        simple[member] = alone(member);
    }
    let share = |weights: &[f32]| -> Vec<f32> {
        let sum = weights.iter().sum::<f32>();
        let sum = if sum > 0.0 { sum } else { 1.0 };
        weights.iter().map(|weight| weight / sum).collect()
    };
    let (best, simple) = (share(best), share(&simple));
    let gains = |weights: &[f32]| -> Vec<f64> {
        let one = |candidates_of| figures(std::slice::from_ref(candidates_of), weights).ndcg();
        candidates.iter().map(one).collect()
    };
    let most = gains(&best);
    let towards = |step: usize| -> Vec<f32> {
        let part = step as f32 / EASING_STEPS as f32;
        let pairs = best.iter().zip(&simple);
        pairs
            .map(|(best, simple)| best + part * (simple - best))
            .collect()
    };
    let steps = (1..=EASING_STEPS).rev().map(towards);
    let near = steps.into_iter().find(|weights| {
        let lost = most
            .iter()
            .zip(gains(weights))
            .map(|(most, gain)| most - gain);
        let lost: Vec<f64> = lost.collect();
        let count = lost.len() as f64;
        let mean = lost.iter().sum::<f64>() / count;
        let square = lost.iter().map(|lost| (lost - mean).powi(2)).sum::<f64>() / count;
        mean <= (square / count).sqrt()
    });
    near.unwrap_or(best)
}

fn figures(candidates: &[Candidates], weights: &[f32]) -> NextItemFigures {
    let sum = |scores: &[f32]| -> f32 {
        let pairs = scores.iter().zip(weights);
        pairs.map(|(score, weight)| score * weight).sum()
    };
    let mut figures = NextItemFigures::default();
    for candidates_of in candidates {
        figures.add(candidates_of.target.as_ref().map(|target| {
            let own = sum(target);
            let (mut above, mut ties) = (0, 0);
            for negative in candidates_of.negatives.chunks_exact(weights.len()) {
                let score = sum(negative);
                above += usize::from(score > own);
                ties += usize::from(score == own);
            }
            above as f64 + ties as f64 / 2.0 + 1.0
        }));
    }
    figures
}
