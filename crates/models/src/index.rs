//! Exact ranking: the places of the highest scores, and the rank of one place.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// A place with its score; greater is better, an equal score goes to the
/// lower place, so that every ranking has one order.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scored {
    /// The place in the scored list.
    pub place: u32,
    /// Its score.
    pub score: f32,
}

impl Eq for Scored {}

impl PartialOrd for Scored {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Scored {
    fn cmp(&self, other: &Self) -> Ordering {
        self.score
            .total_cmp(&other.score)
            .then(other.place.cmp(&self.place))
    }
}

/// How many are sorted first: most lists end within them.
const FIRST: usize = 1_024;

/// The finite scores from the best down, sorted only as far as they are read.
pub fn ranking(scores: &[f32]) -> impl Iterator<Item = Scored> + use<> {
    let mut first: Vec<Scored> = finite(scores).collect();
    let mut rest = Vec::new();
    if first.len() > 2 * FIRST {
        first.select_nth_unstable_by(FIRST, |left, right| right.cmp(left));
        rest = first.split_off(FIRST);
    }
    first.sort_unstable_by(|left, right| right.cmp(left));
    let mut first = first.into_iter();
    let mut heap: Option<BinaryHeap<Scored>> = None;
    std::iter::from_fn(move || {
        first.next().or_else(|| {
            heap.get_or_insert_with(|| std::mem::take(&mut rest).into())
                .pop()
        })
    })
}

/// The places that are in the ranking at all.
pub(crate) fn finite(scores: &[f32]) -> impl Iterator<Item = Scored> {
    let places = (0..).zip(scores).filter(|(_, score)| score.is_finite());
    places.map(|(place, &score)| Scored { place, score })
}

/// The `count` best of `scores`, best first.
pub fn top(scores: impl IntoIterator<Item = Scored>, count: usize) -> Vec<Scored> {
    let mut kept: BinaryHeap<std::cmp::Reverse<Scored>> = BinaryHeap::with_capacity(count + 1);
    for scored in scores {
        if kept.len() < count {
            kept.push(std::cmp::Reverse(scored));
        } else if let Some(mut worst) = kept.peek_mut()
            && scored > worst.0
        {
            worst.0 = scored;
        }
    }
    let ascending = kept.into_sorted_vec();
    ascending.into_iter().map(|reversed| reversed.0).collect()
}

/// Brings the finite scores to mean 0 and variance 1, so that scores of
/// different methods can be added. Constant scores become 0.
pub fn standardise(scores: &mut [f32]) {
    let (mut count, mut sum, mut squares) = (0_usize, 0.0_f64, 0.0_f64);
    for score in scores.iter().filter(|score| score.is_finite()) {
        count += 1;
        sum += f64::from(*score);
        squares += f64::from(*score) * f64::from(*score);
    }
    let mean = sum / count.max(1) as f64;
    let variance = squares / count.max(1) as f64 - mean * mean;
    let scale = if variance > 1e-12 {
        variance.sqrt().recip()
    } else {
        0.0
    };
    for score in scores.iter_mut().filter(|score| score.is_finite()) {
        *score = ((f64::from(*score) - mean) * scale) as f32;
    }
}

/// The rank (from 1) of `target` when everything is sorted by score. Items
/// whose score is not finite are out of the ranking. A tie counts half, so
/// that a constant score earns what chance would; `None` when the target
/// itself is out.
pub fn rank_of(scores: &[f32], target: usize) -> Option<f64> {
    let own = *scores.get(target).filter(|score| score.is_finite())?;
    let (mut above, mut ties) = (0_usize, 0_usize);
    for &score in scores.iter().filter(|score| score.is_finite()) {
        above += usize::from(score > own);
        ties += usize::from(score == own);
    }
    Some(above as f64 + (ties as f64 - 1.0) / 2.0 + 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scored(scores: &[f32]) -> Vec<Scored> {
        ranking(scores).collect()
    }

    #[test]
    fn the_best_come_first_and_ties_go_to_the_lower_place() {
        let scores = [0.5, f32::NEG_INFINITY, 0.9, 0.5, f32::NAN];
        let places: Vec<u32> = scored(&scores).iter().map(|s| s.place).collect();
        assert_eq!(places, [2, 0, 3]);
        assert_eq!(top(scored(&scores), 2), scored(&scores)[..2]);
        assert_eq!(top(scored(&scores), 9).len(), 3);
        assert!(top(scored(&scores), 0).is_empty());
    }

    #[test]
    fn a_long_ranking_goes_on_to_its_end() {
        let scores: Vec<f32> = (0..5_000).map(|at| (at * 7_919 % 4_993) as f32).collect();
        let ranked = scored(&scores);
        assert_eq!(ranked.len(), 5_000);
        assert!(ranked.windows(2).all(|pair| pair[0] > pair[1]));
    }

    #[test]
    fn standard_scores_have_mean_0_and_variance_1() {
        let mut scores = [1.0, 3.0, f32::NEG_INFINITY];
        standardise(&mut scores);
        assert_eq!(scores, [-1.0, 1.0, f32::NEG_INFINITY]);
        let mut constant = [7.0; 3];
        standardise(&mut constant);
        assert_eq!(constant, [0.0; 3]);
        standardise(&mut []);
    }

    #[test]
    fn ties_earn_what_chance_would() {
        assert_eq!(rank_of(&[0.1, 0.9, 0.5], 2), Some(2.0));
        assert_eq!(rank_of(&[1.0; 9], 4), Some(5.0));
        assert_eq!(rank_of(&[1.0, f32::NEG_INFINITY, 0.5], 2), Some(2.0));
        assert_eq!(rank_of(&[f32::NEG_INFINITY, 1.0], 0), None);
        assert_eq!(rank_of(&[1.0], 3), None);
    }
}
