//! Ranking metrics, in the conventions of the TREC evaluation tools: the gain
//! of a grade is the grade itself, the discount is log2(rank + 1), and what
//! nobody judged counts as grade 0.

pub use models::next_item::NextItemFigures;

/// Discounted cumulative gain of the first `k` grades of a ranking.
pub fn dcg(grades: &[f64], k: usize) -> f64 {
    (2_u32..)
        .zip(grades.iter().take(k))
        .map(|(discount, grade)| grade / f64::from(discount).log2())
        .sum()
}

/// [`dcg`] of `ranked` grades over that of the best order of all `judged`
/// grades (Järvelin and Kekäläinen, 2002). `None` where nothing is relevant:
/// such a query says nothing about a ranking.
pub fn ndcg(ranked: &[f64], judged: &[f64], k: usize) -> Option<f64> {
    let mut ideal = judged.to_vec();
    ideal.sort_by(|left, right| right.total_cmp(left));
    let best = dcg(&ideal, k);
    (best > 0.0).then(|| dcg(ranked, k) / best)
}

/// The share of `relevant` things (how many there are) that the first `k`
/// places found; `found` says of each place whether it is one of them.
pub fn recall(found: &[bool], relevant: usize, k: usize) -> Option<f64> {
    let hits = found.iter().take(k).filter(|hit| **hit).count();
    (relevant > 0).then(|| hits as f64 / relevant as f64)
}

/// One over the rank of the first hit; 0 when there is none.
pub fn reciprocal_rank(found: &[bool]) -> f64 {
    found
        .iter()
        .position(|hit| *hit)
        .map_or(0.0, |at| 1.0 / (at as f64 + 1.0))
}

/// The share of `items` things that occur in at least one list.
pub fn coverage<'a>(lists: impl IntoIterator<Item = &'a [u32]>, items: usize) -> f64 {
    let mut seen = vec![false; items];
    for item in lists.into_iter().flatten() {
        if let Some(seen) = seen.get_mut(*item as usize) {
            *seen = true;
        }
    }
    seen.iter().filter(|seen| **seen).count() as f64 / items.max(1) as f64
}

/// The mean; 0 of nothing.
pub fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(left: f64, right: f64) {
        assert!((left - right).abs() < 1e-12, "{left} is not {right}");
    }

    #[test]
    fn gains_are_grades_and_the_ideal_covers_all_that_is_judged() {
        close(dcg(&[3.0, 0.0, 1.0], 10), 3.0 + 0.5);
        close(dcg(&[3.0, 0.0, 1.0], 2), 3.0);
        let judged = [3.0, 1.0, 0.0];
        close(ndcg(&[3.0, 1.0], &judged, 10).unwrap(), 1.0);
        let second = 1.0 / 3_f64.log2();
        let expected = 3.0 * second / (3.0 + second);
        close(ndcg(&[0.0, 3.0], &judged, 10).unwrap(), expected);
        assert_eq!(ndcg(&[0.0], &[0.0], 10), None);
    }

    #[test]
    fn recall_and_reciprocal_rank() {
        for (found, relevant, at_two, rank) in [
            (vec![true, false, true], 2, Some(0.5), 1.0),
            (vec![false, true], 1, Some(1.0), 0.5),
            (vec![false, false], 4, Some(0.0), 0.0),
            (vec![], 0, None, 0.0),
        ] {
            assert_eq!(recall(&found, relevant, 2), at_two);
            close(reciprocal_rank(&found), rank);
        }
    }

    #[test]
    fn coverage_counts_each_item_once() {
        close(coverage([&[0, 1][..], &[1, 9]], 4), 0.5);
        close(coverage([], 0), 0.0);
    }
}
