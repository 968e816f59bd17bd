use corpus::{Split, TimeSplit};
use models::next_item::Example;
use rustc_hash::FxHashSet;
use shop::Timestamp;

use super::fit::sample_of;

/// About so many scores are ranked in a judgement: all items for each user.
const MAX_RANKED: usize = 20_000_000_000;

/// So many users are judged however many items there are: the standard error
/// of a recall is then at most .0036.
const MIN_TESTED: usize = 20_000;

/// Sequences, divided into what is learned from, chosen with and judged on.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Holdout {
    /// To learn from.
    pub training: Vec<Vec<u32>>,
    /// When each item of `training` happened, where that is known; what
    /// happened at one moment (the lines of an order) has no order.
    pub moments: Vec<Vec<Timestamp>>,
    /// To select with: each history is in `training`.
    pub validation: Vec<Example>,
    /// Everything before what is judged on: `training` and what validated.
    pub histories: Vec<Vec<u32>>,
    /// To judge on: each history is in `histories`.
    pub test: Vec<Example>,
}

impl Holdout {
    /// Of each sequence of at least three items the last one tests and the
    /// one before it validates; shorter sequences are learned from whole.
    pub fn leave_one_out(sequences: &[Vec<u32>]) -> Self {
        let mut holdout = Self::default();
        for sequence in sequences {
            let [start @ .., second, last] = sequence.as_slice() else {
                holdout.training.push(sequence.clone());
                holdout.histories.push(sequence.clone());
                continue;
            };
            if start.is_empty() {
                holdout.training.push(sequence.clone());
                holdout.histories.push(sequence.clone());
                continue;
            }
            let history = &sequence[..sequence.len() - 1];
            holdout.training.push(start.to_vec());
            holdout.histories.push(history.to_vec());
            push_unseen(&mut holdout.validation, start, &[*second]);
            push_unseen(&mut holdout.test, history, &[*last]);
        }
        holdout
    }

    /// With the times of the sequences that this was made of.
    pub fn with_moments(mut self, times: &[Vec<Timestamp>]) -> Self {
        let past = self.training.iter().zip(times);
        self.moments = past
            .map(|(items, times)| times[..items.len().min(times.len())].to_vec())
            .collect();
        self
    }

    /// What happened from a moment on tests: of each sequence the first item
    /// then that is not in its past. So nobody's future is learned from.
    pub fn by_time(sequences: &[Vec<(u32, Timestamp)>], split: &TimeSplit) -> Self {
        let times: Vec<Vec<Timestamp>> = sequences
            .iter()
            .map(|sequence| sequence.iter().map(|(_, time)| *time).collect())
            .collect();
        let mut holdout = Self::default();
        for sequence in sequences {
            let before = |split_is: &[Split]| -> Vec<u32> {
                let kept = sequence
                    .iter()
                    .filter(|(_, time)| split_is.contains(&split.of(*time)));
                kept.map(|(item, _)| *item).collect()
            };
            let training = before(&[Split::Train]);
            let histories = before(&[Split::Train, Split::Validation]);
            push_unseen(
                &mut holdout.validation,
                &training,
                &before(&[Split::Validation]),
            );
            push_unseen(&mut holdout.test, &histories, &before(&[Split::Test]));
            holdout.training.push(training);
            holdout.histories.push(histories);
        }
        holdout.with_moments(&times)
    }
}

/// As many of the examples as can be judged among so many items within
/// minutes, drawn evenly: all of them up to 200,000 users of 100,000 items.
pub fn subsample(examples: &[Example], items: usize) -> Vec<Example> {
    sample_of(examples, 0, (MAX_RANKED / items.max(1)).max(MIN_TESTED))
}

/// Adds the first of `later` that is not in `history`, where there is a
/// history at all: what was seen is never ranked.
fn push_unseen(examples: &mut Vec<Example>, history: &[u32], later: &[u32]) {
    if history.is_empty() {
        return;
    }
    let seen: FxHashSet<u32> = history.iter().copied().collect();
    if let Some(&target) = later.iter().find(|item| !seen.contains(item)) {
        examples.push(Example {
            history: history.to_vec(),
            target,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example(history: &[u32], target: u32) -> Example {
        Example {
            history: history.to_vec(),
            target,
        }
    }

    #[test]
    fn the_last_tests_and_the_one_before_validates() {
        let holdout = Holdout::leave_one_out(&[vec![1, 2, 3, 4], vec![5, 6], vec![], vec![7]]);
        let whole = [vec![5, 6], vec![], vec![7]];
        assert_eq!(holdout.training[0], [1, 2]);
        assert_eq!(holdout.training[1..], whole);
        assert_eq!(holdout.histories[0], [1, 2, 3]);
        assert_eq!(holdout.validation, [example(&[1, 2], 3)]);
        assert_eq!(holdout.test, [example(&[1, 2, 3], 4)]);
    }

    #[test]
    fn a_target_that_was_seen_is_not_judged() {
        let holdout = Holdout::leave_one_out(&[vec![1, 2, 1]]);
        assert_eq!(holdout.validation, [example(&[1], 2)]);
        assert!(holdout.test.is_empty());
    }

    #[test]
    fn time_divides_past_and_future() {
        let at = Timestamp::from_seconds;
        let split = TimeSplit {
            validation_from: Some(at(10)),
            test_from: Some(at(20)),
        };
        let sequences = [
            vec![
                (1, at(1)),
                (2, at(11)),
                (1, at(21)),
                (3, at(22)),
                (4, at(23)),
            ],
            vec![(5, at(30))],
        ];
        let holdout = Holdout::by_time(&sequences, &split);
        assert_eq!(holdout.training, [vec![1], vec![]]);
        assert_eq!(holdout.moments, [vec![at(1)], vec![]]);
        assert_eq!(holdout.histories, [vec![1, 2], vec![]]);
        assert_eq!(holdout.validation, [example(&[1], 2)]);
        assert_eq!(holdout.test, [example(&[1, 2], 3)]);
    }

    #[test]
    fn of_many_users_of_many_items_some_are_judged() {
        let all: Vec<Example> = (0..20_100).map(|target| example(&[0], target)).collect();
        assert_eq!(subsample(&all, 100_000), all);
        let drawn = subsample(&all, 1_000_000);
        assert_eq!(drawn.len(), 20_000);
        let distinct: FxHashSet<u32> = drawn.iter().map(|example| example.target).collect();
        assert_eq!(distinct.len(), 20_000);
    }
}
