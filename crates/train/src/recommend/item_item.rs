use corpus::recommend::TextIndex;
use models::ease::{Ease, ease_bytes};
use models::index::Scored;
use models::neighbours::{ItemItemMatrix, NeighbourOptions, neighbours};
use models::next_item::{Example, ItemItemMember, NextItemModel, evaluate_item_item};
use serde::{Deserialize, Serialize};
use shop::Product;

use super::fit::{sample, sample_of};

/// The longest list of neighbours that is kept of an item.
const LONGEST: usize = 200;

/// How many weights of EASE are kept, of all items together: a long history
/// adds up many small ones.
const EASE_ENTRIES: usize = 4_000_000;

/// How many are kept of each of so many items.
fn longest_of_ease(items: usize) -> usize {
    (EASE_ENTRIES / items.max(1)).max(LONGEST)
}

/// The longest list by text.
const LONGEST_BY_TEXT: usize = 100;

/// The most memory that EASE may take for its matrix.
pub const EASE_MEMORY_BYTES: usize = 1_500_000_000;

/// EASE's regularisation is chosen where an inversion takes under a second.
const QUICK_ITEMS: usize = 3_000;

/// The regularisation of EASE where it is not chosen.
const EASE_LAMBDA: f32 = 100.0;

/// The most validation examples that tune_blend the members.
const MAX_WEIGHED: usize = 6_000;

/// The choice of how to count is made on so many interactions at most: it is
/// made nine times, and more would not change it.
const MAX_CHOSEN_FROM: usize = 3_000_000;

/// What an item one place further back may count.
const RECENCIES: [f32; 4] = [0.6, 0.75, 0.9, 1.0];

/// The lists by text of numbered products.
pub fn text_similarity_matrix<'a>(
    index: &TextIndex,
    products: impl IntoIterator<Item = (u32, &'a Product)>,
    items: usize,
    threads: usize,
) -> ItemItemMatrix {
    let mut described = vec![None; items];
    for (number, product) in products {
        if let Some(place) = described.get_mut(number as usize) {
            *place = Some(product);
        }
    }
    let row = |number: usize| {
        let alike = described[number].map(|product| index.alike(product, LONGEST_BY_TEXT + 1));
        let others = alike.into_iter().flatten();
        let others = others.filter(|alike| alike.place as usize != number);
        let scored = others.map(|alike| Scored {
            place: alike.place,
            score: alike.similarity,
        });
        scored.collect()
    };
    ItemItemMatrix::in_parallel(items, threads, |part| {
        ItemItemMatrix::from_rows(part.map(row))
    })
}

/// How the item-to-item lists are made, as chosen on validation.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ItemItemOptions {
    /// Whether a neighbour must come later.
    pub forward: bool,
    /// What a pair one place further apart counts.
    pub decay: f32,
    /// What chance pairs are held down with.
    pub shrinkage: f32,
    /// What an item one place further back in the history counts.
    pub recency: f32,
    /// EASE's regularisation and recency, where its matrix fits in memory.
    pub ease: Option<(f32, f32)>,
    /// The recency of the lists by text, where there are texts.
    pub text: Option<f32>,
}

impl ItemItemOptions {
    /// Chooses on validation by NDCG@10; with the lists of `training` as
    /// chosen. `text` says which items are described alike, where there are
    /// descriptions.
    pub fn select(
        training: &[Vec<u32>],
        validation: &[Example],
        items: usize,
        text: Option<&ItemItemMatrix>,
        threads: usize,
    ) -> (Self, Vec<ItemItemMember>) {
        let validation = sample(validation, 0);
        let ndcg = |member: &ItemItemMember| {
            evaluate_item_item(member, &validation, items, threads).ndcg()
        };
        let sampled = beginning(training);
        let mut best = (f64::NEG_INFINITY, Self::default());
        for (forward, decay) in [(true, 0.8), (false, 0.7), (false, 1.0)] {
            for shrinkage in [2.0, 10.0, 40.0] {
                let choice = Self {
                    forward,
                    decay,
                    shrinkage,
                    ..Self::default()
                };
                let mut member = choice.neighbours(sampled, items, threads);
                let (recency, found) = best_recency(&mut member, &ndcg);
                if found > best.0 {
                    best = (found, Self { recency, ..choice });
                }
            }
        }
        let mut choice = best.1;
        let mut members = vec![choice.neighbours(training, items, threads)];
        if let Some((lambda, member)) = select_ease(training, items, threads, &ndcg) {
            choice.ease = Some((lambda, member.recency_decay));
            members.push(member);
        }
        if let Some(text) = text {
            let mut member = ItemItemMember {
                matrix: text.clone(),
                recency_decay: 1.0,
            };
            member.recency_decay = best_recency(&mut member, &ndcg).0;
            choice.text = Some(member.recency_decay);
            members.push(member);
        }
        (choice, members)
    }

    /// EASE of these sequences, where there is a place for it.
    pub fn ease(&self, sequences: &[Vec<u32>], items: usize, threads: usize) -> Option<Ease> {
        let (lambda, _) = self.ease?;
        solve(sequences, items, lambda, threads)
    }

    /// The lists of these sequences: neighbours, then those of `ease`, then
    /// those by text.
    pub fn members(
        &self,
        sequences: &[Vec<u32>],
        items: usize,
        ease: Option<&Ease>,
        text: Option<&ItemItemMatrix>,
        threads: usize,
    ) -> Vec<ItemItemMember> {
        let mut members = vec![self.neighbours(sequences, items, threads)];
        if let (Some((_, recency)), Some(ease)) = (self.ease, ease) {
            members.push(ItemItemMember {
                matrix: ease.to_matrix(longest_of_ease(items)),
                recency_decay: recency,
            });
        }
        if let (Some(recency), Some(text)) = (self.text, text) {
            members.push(ItemItemMember {
                matrix: text.clone(),
                recency_decay: recency,
            });
        }
        members
    }

    fn neighbours(&self, sequences: &[Vec<u32>], items: usize, threads: usize) -> ItemItemMember {
        let options = NeighbourOptions {
            longest: LONGEST,
            shrinkage: self.shrinkage,
            decay: self.decay,
            forward: self.forward,
            threads,
            ..NeighbourOptions::default()
        };
        ItemItemMember {
            matrix: neighbours(sequences, items, &options),
            recency_decay: self.recency,
        }
    }
}

impl Default for ItemItemOptions {
    fn default() -> Self {
        Self {
            forward: true,
            decay: 0.8,
            shrinkage: 10.0,
            recency: 0.75,
            ease: None,
            text: None,
        }
    }
}

/// As many of the sequences as are counted for each choice.
fn beginning(sequences: &[Vec<u32>]) -> &[Vec<u32>] {
    let mut left = MAX_CHOSEN_FROM;
    let taken = sequences.iter().take_while(|sequence| {
        let fits = left > 0;
        left = left.saturating_sub(sequence.len());
        fits
    });
    &sequences[..taken.count()]
}

/// Whether EASE's matrix for so many items is within the memory meant for it.
pub fn ease_fits(items: usize) -> bool {
    items > 0 && ease_bytes(items) <= EASE_MEMORY_BYTES
}

/// The regularisations of EASE that are tried for so many items.
pub fn ease_lambdas(items: usize) -> &'static [f32] {
    if items <= QUICK_ITEMS {
        &[EASE_LAMBDA, 400.0, 1_600.0]
    } else {
        &[EASE_LAMBDA]
    }
}

/// EASE; `None` where its matrix does not fit.
fn solve(sequences: &[Vec<u32>], items: usize, lambda: f32, threads: usize) -> Option<Ease> {
    if !ease_fits(items) {
        return None;
    }
    Ease::fit(sequences, items, lambda, threads)
}

/// The recency with which a member is best, and how good it is then.
fn best_recency(member: &mut ItemItemMember, ndcg: &dyn Fn(&ItemItemMember) -> f64) -> (f32, f64) {
    let mut best = (member.recency_decay, f64::NEG_INFINITY);
    for recency in RECENCIES {
        member.recency_decay = recency;
        let found = ndcg(member);
        if found > best.1 {
            best = (recency, found);
        }
    }
    best
}

/// The regularisation with its lists, whose recency is chosen too.
fn select_ease(
    training: &[Vec<u32>],
    items: usize,
    threads: usize,
    ndcg: &dyn Fn(&ItemItemMember) -> f64,
) -> Option<(f32, ItemItemMember)> {
    let mut best: Option<(f64, f32, ItemItemMember)> = None;
    for &lambda in ease_lambdas(items) {
        let mut member = ItemItemMember {
            matrix: solve(training, items, lambda, threads)?.to_matrix(longest_of_ease(items)),
            recency_decay: 1.0,
        };
        let (recency, found) = best_recency(&mut member, ndcg);
        if best.as_ref().is_none_or(|(ndcg, ..)| found > *ndcg) {
            member.recency_decay = recency;
            best = Some((found, lambda, member));
        }
    }
    best.map(|(_, lambda, member)| (lambda, member))
}

/// Weighs decoder and lists against each other on validation; each alone is
/// among the candidates.
pub fn tune_blend(model: &mut NextItemModel, validation: &[Example], seed: u64, threads: usize) {
    let validation = sample_of(validation, seed, MAX_WEIGHED);
    if let Some((chosen, _)) = model.tune(&validation, threads) {
        model.weights = chosen;
    }
}

#[cfg(test)]
mod tests {
    use models::next_item::BlendWeights;

    use super::*;

    #[test]
    fn lists_are_chosen_by_what_they_predict() {
        // 2k is always followed by 2k + 1, never the other way round.
        let training: Vec<Vec<u32>> = (0..40)
            .map(|at| vec![at % 20 * 2, at % 20 * 2 + 1])
            .collect();
        let validation: Vec<Example> = (0..20)
            .map(|pair| Example {
                history: vec![pair * 2],
                target: pair * 2 + 1,
            })
            .collect();
        let (choice, members) = ItemItemOptions::select(&training, &validation, 40, None, 2);
        let ease = choice.ease(&training, 40, 2);
        assert!(ease.is_some());
        assert_eq!(
            choice.members(&training, 40, ease.as_ref(), None, 2),
            members
        );
        let mut model = NextItemModel {
            items: 40,
            decoders: Vec::new(),
            item_item: members,
            weights: BlendWeights {
                decoder: 0.0,
                item_item: vec![0.0, 0.0],
            },
        };
        tune_blend(&mut model, &validation, 0, 2);
        let mut scores = vec![0.0; 40];
        model.score(&[8], &mut scores);
        assert_eq!(
            models::index::ranking(&scores).next().map(|s| s.place),
            Some(9)
        );
    }

    #[test]
    fn ease_is_left_out_where_it_would_not_fit() {
        assert!(ease_fits(12_101));
        assert!(!ease_fits(20_000));
        assert!(!ease_fits(0));
        assert!(solve(&[], 20_000, 1.0, 1).is_none());
    }
}
