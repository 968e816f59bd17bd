//! The minimum term coverage that a product needs to be shown (minimum should
//! match), learnt from graded pairs where there are enough of them.

use super::ranking_dataset::QueryGroup;

/// Of what is not shown at most this share may be right.
const MOST_WRONG: f64 = 0.05;
/// Fewer pairs say nothing.
const LEAST_PAIRS: usize = 100;
/// Half of what was asked for is always shown.
const MOST: f32 = 0.5;

/// The greatest share below which at most one graded pair in twenty was right;
/// the default where too few pairs lie below any.
pub(super) fn learn(lists: &[QueryGroup], default: f32) -> f32 {
    let mut pairs: Vec<(f32, bool)> = lists.iter().flat_map(|list| list.graded.clone()).collect();
    pairs.sort_by(|left, right| left.0.total_cmp(&right.0));
    let (mut right, mut learnt, mut enough) = (0_usize, 0.0, false);
    for (below, (share, is_right)) in pairs.iter().enumerate() {
        if below >= LEAST_PAIRS {
            enough = true;
            if right as f64 <= MOST_WRONG * below as f64 {
                learnt = share.min(MOST);
            }
        }
        if *share >= MOST {
            break;
        }
        right += usize::from(*is_right);
    }
    if enough { learnt } else { default }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lists(pairs: &[(f32, bool, usize)]) -> Vec<QueryGroup> {
        let graded = pairs.iter();
        let graded = graded.flat_map(|(share, right, times)| vec![(*share, *right); *times]);
        vec![QueryGroup {
            graded: graded.collect(),
            ..QueryGroup::default()
        }]
    }

    #[test]
    fn what_is_hardly_ever_right_is_cut_off() {
        let lists = lists(&[
            (0.2, false, 150),
            (0.3, true, 3),
            (0.45, true, 60),
            (0.45, false, 60),
        ]);
        assert_eq!(learn(&lists, 0.1), 0.45);
    }

    #[test]
    fn where_one_word_is_often_enough_nothing_is_cut_off() {
        let lists = lists(&[(0.1, true, 90), (0.1, false, 90), (0.4, false, 20)]);
        assert_eq!(learn(&lists, 0.35), 0.0);
    }

    #[test]
    fn few_pairs_teach_nothing() {
        assert_eq!(learn(&lists(&[(0.2, true, 90)]), 0.35), 0.35);
        assert_eq!(learn(&[], 0.35), 0.35);
    }
}
