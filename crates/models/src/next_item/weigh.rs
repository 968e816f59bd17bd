//! What each voice of a model counts, found by ascent on validation.

use super::judge::in_parallel;
use super::{Example, NextItemFigures, NextItemModel, VoiceWeights};
use crate::index::{finite, top};

/// Of each voice so many items at the top are looked at: what stands in the
/// first ten of a sum stands high in one of its parts.
const TOP: usize = 60;

/// How far a weight is moved at a time, one pass each.
const STEPS: [f32; 5] = [0.12, 0.06, 0.03, 0.03, 0.015];

/// In how many steps the best weights may give way to the simple ones.
const EASING_STEPS: usize = 10;

/// The scores of one example's target and of what may stand before it.
struct Contest {
    /// None where the target was seen already.
    target: Option<Vec<f32>>,
    /// The rivals' scores, one after the other.
    rivals: Vec<f32>,
}

impl NextItemModel {
    /// Weights for `examples`: those with the best NDCG, found by coordinate
    /// ascent from the decoders alone and from each list alone, brought as near
    /// to simple ones (each voice by its own NDCG) as the examples cannot tell
    /// from the best, that is within one standard error (the rule of Breiman et
    /// al., 1984): a few hundred examples would otherwise pick by luck. `None`
    /// without examples.
    pub fn weigh(
        &self,
        examples: &[Example],
        threads: usize,
    ) -> Option<(VoiceWeights, NextItemFigures)> {
        if examples.is_empty() {
            return None;
        }
        let contests = in_parallel(examples, threads, |example| self.contest(example));
        let voices = 1 + self.lists.len();
        let first = usize::from(self.decoders.is_empty()).min(voices - 1);
        let mut best: Option<(Vec<f32>, NextItemFigures)> = None;
        for start in first..voices {
            let found = ascend(&contests, start, first..voices);
            let better = |known: &(Vec<f32>, NextItemFigures)| found.1.ndcg() > known.1.ndcg();
            if best.as_ref().is_none_or(better) {
                best = Some(found);
            }
        }
        let (best, _) = best?;
        let weights = eased(&contests, &best, first..voices);
        let figures = figures(&contests, &weights);
        let (decoder, lists) = weights.split_first()?;
        let weights = VoiceWeights {
            decoder: *decoder,
            lists: lists.to_vec(),
        };
        Some((weights, figures))
    }

    fn contest(&self, example: &Example) -> Contest {
        let mut voices = self.voices(&example.history);
        for &item in &example.history {
            for voice in &mut voices {
                if let Some(score) = voice.get_mut(item as usize) {
                    *score = f32::NEG_INFINITY;
                }
            }
        }
        let mut places: Vec<u32> = voices
            .iter()
            .flat_map(|voice| top(finite(voice), TOP))
            .map(|scored| scored.place)
            .filter(|place| *place != example.target)
            .collect();
        places.sort_unstable();
        places.dedup();
        let scores = |place: u32| voices.iter().map(move |voice| voice[place as usize]);
        let known = (example.target as usize) < self.items;
        let target: Option<Vec<f32>> = known.then(|| scores(example.target).collect());
        Contest {
            target: target.filter(|scores| scores.iter().all(|score| score.is_finite())),
            rivals: places.into_iter().flat_map(scores).collect(),
        }
    }
}

fn ascend(
    contests: &[Contest],
    start: usize,
    voices: std::ops::Range<usize>,
) -> (Vec<f32>, NextItemFigures) {
    let mut weights = vec![0.0; voices.end];
    weights[start] = 1.0;
    let mut best = figures(contests, &weights);
    for step in STEPS {
        for voice in voices.clone().filter(|voice| *voice != start) {
            for change in [step, -step] {
                let mut moved = weights.clone();
                moved[voice] += change;
                while moved[voice] >= 0.0 {
                    let found = figures(contests, &moved);
                    if found.ndcg() <= best.ndcg() {
                        break;
                    }
                    (weights, best) = (moved.clone(), found);
                    moved[voice] += change;
                }
            }
        }
    }
    (weights, best)
}

/// Moves `best` towards each voice's own NDCG as far as a standard error lets.
fn eased(contests: &[Contest], best: &[f32], voices: std::ops::Range<usize>) -> Vec<f32> {
    let alone = |voice: usize| {
        let mut weights = vec![0.0; best.len()];
        weights[voice] = 1.0;
        figures(contests, &weights).ndcg() as f32
    };
    let mut simple = vec![0.0; best.len()];
    for voice in voices {
        simple[voice] = alone(voice);
    }
    let share = |weights: &[f32]| -> Vec<f32> {
        let sum = weights.iter().sum::<f32>();
        let sum = if sum > 0.0 { sum } else { 1.0 };
        weights.iter().map(|weight| weight / sum).collect()
    };
    let (best, simple) = (share(best), share(&simple));
    let gains = |weights: &[f32]| -> Vec<f64> {
        let one = |contest| figures(std::slice::from_ref(contest), weights).ndcg();
        contests.iter().map(one).collect()
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

fn figures(contests: &[Contest], weights: &[f32]) -> NextItemFigures {
    let sum = |scores: &[f32]| -> f32 {
        let pairs = scores.iter().zip(weights);
        pairs.map(|(score, weight)| score * weight).sum()
    };
    let mut figures = NextItemFigures::default();
    for contest in contests {
        figures.add(contest.target.as_ref().map(|target| {
            let own = sum(target);
            let (mut above, mut ties) = (0, 0);
            for rival in contest.rivals.chunks_exact(weights.len()) {
                let score = sum(rival);
                above += usize::from(score > own);
                ties += usize::from(score == own);
            }
            above as f64 + ties as f64 / 2.0 + 1.0
        }));
    }
    figures
}
