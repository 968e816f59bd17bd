//! How a ranking of all items fares: the place of what came next, with what
//! was seen left out.

use std::thread;

use crate::forward::Activations;
use crate::index::{finite, rank_of, top};
use crate::next_item::{ItemItemMember, NextItemModel, known};
use crate::products::Products;
use crate::score_normalisation::{SparseScores, ZScore};
use crate::transformer::Transformer;

/// A history and the item that came next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Example {
    /// Oldest first.
    pub history: Vec<u32>,
    /// What came next.
    pub target: u32,
}

/// How a way of scoring fared.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Evaluation {
    /// Its figures.
    pub figures: NextItemFigures,
    /// The first places that it gave to each user, all in one list.
    pub shown: Vec<u32>,
}

/// Ranks all items for each example by `score`, the seen ones removed.
pub fn evaluate(
    examples: &[Example],
    items: usize,
    threads: usize,
    score: impl Fn(&[u32], &mut [f32]) + Sync,
) -> Evaluation {
    let evaluated = in_parallel(examples, threads, |example| {
        let mut scores = vec![0.0; items];
        score(&example.history, &mut scores);
        place(&mut scores, example)
    });
    evaluated.into_iter().collect()
}

/// Of how many logits all threads together keep at once, about.
const LOGITS: usize = 32 << 20;

/// How many histories each thread reads at once: the table is what takes the
/// time, and is gone through once for all of them.
fn together(items: usize, threads: usize) -> usize {
    (LOGITS / items.max(1) / threads.max(1)).clamp(1, 32)
}

/// Ranks the items that a decoder knows by it alone.
pub fn evaluate_decoder(decoder: &Transformer, examples: &[Example], threads: usize) -> Evaluation {
    let items = decoder.config().vocabulary;
    in_groups(examples, together(items, threads), threads, |group| {
        let mut logits = logits_of_each(decoder, group);
        let rows = logits.chunks_exact_mut(items).zip(group);
        rows.map(|(row, example)| place(row, example)).collect()
    })
}

/// Ranks all items by a model as [`NextItemModel::score`] does, one history
/// after the other.
pub fn evaluate_model(model: &NextItemModel, examples: &[Example], threads: usize) -> Evaluation {
    let share = model.weights.decoder / model.decoders.len().max(1) as f32;
    in_groups(examples, together(model.items, threads), threads, |group| {
        let mut scores = vec![0.0; group.len() * model.items];
        for decoder in model.decoders.iter().filter(|_| share != 0.0) {
            let known = decoder.config().vocabulary;
            let logits = logits_of_each(decoder, group);
            let rows = scores.chunks_exact_mut(model.items);
            for (row, logits) in rows.zip(logits.chunks_exact(known)) {
                let z_score = ZScore::of(logits, known);
                for (score, logit) in row.iter_mut().zip(logits) {
                    *score += share * z_score.normalise(*logit);
                }
            }
        }
        let rows = scores.chunks_exact_mut(model.items).zip(group);
        let placed = rows.map(|(row, example)| {
            model.add_item_item_scores(&example.history, row);
            place(row, example)
        });
        placed.collect()
    })
}

/// Ranks all items by one list, as [`judge`] does, without looking at those
/// that it says nothing of.
pub fn evaluate_item_item(
    member: &ItemItemMember,
    examples: &[Example],
    items: usize,
    threads: usize,
) -> NextItemFigures {
    let share = examples.len().div_ceil(threads.max(1)).max(1);
    let parts: Vec<&[Example]> = examples.chunks(share).collect();
    let ranks = in_parallel(&parts, threads, |part| {
        let mut sums = SparseScores::new(items);
        let ranks = part.iter().map(|example| {
            sums.collect(member, &example.history);
            example.history.iter().for_each(|item| sums.mask(*item));
            sums.rank_of(example.target)
        });
        ranks.collect::<Vec<_>>()
    });
    let mut figures = NextItemFigures::default();
    ranks
        .into_iter()
        .flatten()
        .for_each(|rank| figures.add(rank));
    figures
}

/// The logits of what follows each history, one row after the other; of
/// nothing known, all alike.
fn logits_of_each(decoder: &Transformer, examples: &[Example]) -> Vec<f32> {
    let width = decoder.config().width;
    let histories: Vec<Vec<u32>> = (examples.iter())
        .map(|example| known(decoder, &example.history))
        .collect();
    let read = histories.iter().map(Vec::len).filter(|length| *length > 0);
    let lengths: Vec<usize> = read.collect();
    let mut activations = Activations::for_serving(1);
    let hidden = decoder.hidden_of(&histories.concat(), &lengths, &mut activations);
    let mut states = Vec::with_capacity(examples.len() * width);
    let mut end = 0;
    for history in &histories {
        end += history.len();
        match history.len() {
            0 => states.extend(std::iter::repeat_n(0.0, width)),
            _ => states.extend(&hidden[(end - 1) * width..end * width]),
        }
    }
    decoder.logits_of(&states, &mut Products::default())
}

/// Judges so many examples at once on several threads.
fn in_groups(
    examples: &[Example],
    together: usize,
    threads: usize,
    work: impl Fn(&[Example]) -> Vec<(Option<f64>, Vec<u32>)> + Sync,
) -> Evaluation {
    let groups: Vec<&[Example]> = examples.chunks(together).collect();
    let evaluated = in_parallel(&groups, threads, |group| work(group));
    evaluated.into_iter().flatten().collect()
}

/// The rank of the target, and what comes first, with the history taken out
/// of `scores`.
fn place(scores: &mut [f32], example: &Example) -> (Option<f64>, Vec<u32>) {
    let rank = rank_unseen(scores, example);
    let first = top(finite(scores), NextItemFigures::PLACES);
    (rank, first.into_iter().map(|scored| scored.place).collect())
}

impl FromIterator<(Option<f64>, Vec<u32>)> for Evaluation {
    fn from_iter<I: IntoIterator<Item = (Option<f64>, Vec<u32>)>>(evaluated: I) -> Self {
        let mut result = Self::default();
        for (rank, first) in evaluated {
            result.figures.add(rank);
            result.shown.extend(first);
        }
        result
    }
}

/// The rank of the target with the history taken out of `scores`.
fn rank_unseen(scores: &mut [f32], example: &Example) -> Option<f64> {
    for &item in &example.history {
        if let Some(score) = scores.get_mut(item as usize) {
            *score = f32::NEG_INFINITY;
        }
    }
    rank_of(scores, example.target as usize)
}

/// Maps the examples on several threads, in their order.
pub(super) fn in_parallel<E: Sync, T: Send>(
    examples: &[E],
    threads: usize,
    work: impl Fn(&E) -> T + Sync,
) -> Vec<T> {
    let share = examples.len().div_ceil(threads.max(1)).max(1);
    thread::scope(|scope| {
        let running: Vec<_> = examples
            .chunks(share)
            .map(|part| scope.spawn(|| part.iter().map(&work).collect::<Vec<T>>()))
            .collect();
        let finished = running.into_iter().flat_map(|thread| {
            let result = thread.join();
            result.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        });
        finished.collect()
    })
}

/// Next-item figures over many users with one right answer each.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct NextItemFigures {
    users: usize,
    hits: usize,
    gain: f64,
    reciprocal: f64,
}

impl NextItemFigures {
    /// How many places count.
    pub const PLACES: usize = 10;

    /// Adds a user whose right answer stands at `rank` (`None`: nowhere).
    pub fn add(&mut self, rank: Option<f64>) {
        self.users += 1;
        if let Some(rank) = rank.filter(|rank| *rank < Self::PLACES as f64 + 1.0) {
            self.hits += 1;
            self.gain += 1.0 / (rank + 1.0).log2();
            self.reciprocal += 1.0 / rank;
        }
    }

    /// How many users were added.
    pub fn users(&self) -> usize {
        self.users
    }

    /// The share of users whose answer stands in the first ten.
    pub fn recall(&self) -> f64 {
        self.hits as f64 / self.users.max(1) as f64
    }

    /// With one right answer the ideal gain is 1, so this is the mean of
    /// 1 / log2(rank + 1).
    pub fn ndcg(&self) -> f64 {
        self.gain / self.users.max(1) as f64
    }

    /// Mean of 1 / rank within the first ten.
    pub fn mrr(&self) -> f64 {
        self.reciprocal / self.users.max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::model;
    use super::*;
    use crate::neighbours::ItemItemMatrix;

    #[test]
    fn seen_items_are_out_and_threads_change_nothing() {
        let model = model();
        let examples: Vec<Example> = (0..5)
            .map(|target| Example {
                history: vec![(target + 1) % 5, (target + 2) % 5],
                target,
            })
            .collect();
        let score = |history: &[u32], scores: &mut [f32]| model.score(history, scores);
        let one = evaluate(&examples, 6, 1, score);
        assert_eq!(one, evaluate(&examples, 6, 3, score));
        assert_eq!(one, evaluate_model(&model, &examples, 2));
        assert_eq!(one.figures.users(), 5);
        assert_eq!(one.shown.len(), 5 * 4);
        for (shown, example) in one.shown.chunks(4).zip(&examples) {
            assert!(!shown.contains(&example.history[0]));
        }
    }

    #[test]
    fn next_item_figures() {
        let mut figures = NextItemFigures::default();
        for rank in [Some(1.0), Some(3.0), Some(11.0), None] {
            figures.add(rank);
        }
        for (found, expected) in [
            (figures.recall(), 0.5),
            (figures.ndcg(), 1.5 / 4.0),
            (figures.mrr(), (1.0 + 1.0 / 3.0) / 4.0),
            (NextItemFigures::default().recall(), 0.0),
        ] {
            assert!((found - expected).abs() < 1e-12);
        }
    }

    #[test]
    fn a_list_is_judged_alike_with_and_without_the_items_it_is_silent_of() {
        let scored = |place, score| crate::index::Scored { place, score };
        let rows = [
            vec![scored(1, 2.0), scored(4, -1.0)],
            vec![scored(0, 1.0), scored(2, 1.0)],
            vec![],
        ];
        let member = ItemItemMember {
            matrix: ItemItemMatrix::from_rows(rows),
            recency_decay: 0.5,
        };
        let histories: [&[u32]; 5] = [&[0], &[1, 0, 1], &[2], &[], &[0, 99]];
        for history in histories {
            // One target has been seen, and one does not exist.
            for target in 0..41 {
                let example = [Example {
                    history: history.to_vec(),
                    target,
                }];
                let add = |history: &[u32], scores: &mut [f32]| member.add_scores(history, scores);
                assert_eq!(
                    evaluate_item_item(&member, &example, 40, 1),
                    evaluate(&example, 40, 1, add).figures,
                    "{history:?} {target}"
                );
            }
        }
    }
}
