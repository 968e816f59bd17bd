//! Top-k retrieval of next items. A history is encoded once; then any item is
//! scored alone, and the best of all are found by an int8 pass over the item
//! table and exact scores of what that pass found.

use crate::index::Scored;
use crate::int8_vectors::Int8Vectors;
use crate::next_item::{NextItemModel, last_state};
use crate::score_normalisation::{LogitMoments, SparseScores, ZScore};
use crate::transformer::Transformer;
use crate::vector::dot;

/// What is computed of a decoder's output table once, before any history: the
/// moments of its logits and the table in int8.
#[derive(Debug, Clone, PartialEq)]
pub struct ItemTableIndex {
    /// Gives the mean and the variance of all logits of a state.
    z_score: LogitMoments,
    /// The table in 8 bits a number, for the first pass over all items.
    coarse: Int8Vectors,
}

impl ItemTableIndex {
    fn of(decoder: &Transformer) -> Self {
        Self {
            z_score: LogitMoments::of(decoder),
            coarse: Int8Vectors::new(decoder.head(), decoder.config().width),
        }
    }
}

/// Scores items after one history.
pub struct Scorer<'a> {
    decoders: Vec<DecoderScorer<'a>>,
    item_item: ItemItemScores,
}

/// The weighted sum of the item-item members after a history. Most items are
/// in no row of theirs and share one score.
pub(super) struct ItemItemScores {
    /// The score of an item that is in no row.
    pub(super) floor: f32,
    /// `[items]`: what an item has above `floor`.
    pub(super) above_floor: Vec<f32>,
    /// The items that are in a row, once for each member.
    items: Vec<u32>,
}

struct DecoderScorer<'a> {
    table: &'a [f32],
    coarse: &'a Int8Vectors,
    state: Vec<f32>,
    z_score: ZScore,
    /// The weight of this decoder's normalised logit.
    share: f32,
}

/// The items that score highest.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TopItems {
    /// Best first; of equals the lower item.
    pub items: Vec<Scored>,
    /// No item that is not among them scores more than this.
    pub rest: f32,
}

impl NextItemModel {
    /// What [`NextItemModel::scorer`] needs, one for each decoder.
    pub fn item_tables(&self) -> Vec<ItemTableIndex> {
        self.decoders.iter().map(ItemTableIndex::of).collect()
    }

    /// A scorer after `history`; `item_tables` are those of this model.
    pub fn scorer<'a>(&'a self, item_tables: &'a [ItemTableIndex], history: &[u32]) -> Scorer<'a> {
        let share = self.weights.decoder / self.decoders.len().max(1) as f32;
        let pairs = self.decoders.iter().zip(item_tables);
        let read = |(decoder, item_table): (&'a Transformer, &'a ItemTableIndex)| {
            let state = last_state(decoder, history)?;
            Some(DecoderScorer {
                table: decoder.head(),
                coarse: &item_table.coarse,
                z_score: item_table.z_score.z_score(&state),
                state,
                share,
            })
        };
        Scorer {
            decoders: pairs.filter(|_| share != 0.0).filter_map(read).collect(),
            item_item: self.item_item_scores(history),
        }
    }

    /// The weighted sum of the item-item members after a history.
    pub(super) fn item_item_scores(&self, history: &[u32]) -> ItemItemScores {
        let mut item_item = ItemItemScores {
            floor: 0.0,
            above_floor: vec![0.0; self.items],
            items: Vec::new(),
        };
        let mut sums = SparseScores::new(self.items);
        for (member, &weight) in self.item_item.iter().zip(&self.weights.item_item) {
            if weight == 0.0 {
                continue;
            }
            let z_score = sums.collect(member, history);
            let floor = weight * z_score.normalise(0.0);
            item_item.floor += floor;
            for &item in &sums.touched {
                let value = sums.sums[item as usize];
                item_item.above_floor[item as usize] += weight * z_score.normalise(value) - floor;
            }
            item_item.items.extend(&sums.touched);
        }
        item_item
    }
}

impl Scorer<'_> {
    /// What [`NextItemModel::score`] gives an item; 0 for one that the model
    /// does not have.
    pub fn score(&self, item: u32) -> f32 {
        let Some(above_floor) = self.item_item.above_floor.get(item as usize) else {
            return 0.0;
        };
        let decoders = self.decoders.iter().map(|decoder| decoder.score(item));
        decoders.sum::<f32>() + self.item_item.floor + above_floor
    }

    /// The scores of these items.
    pub fn scores(&self, items: &[u32]) -> Vec<f32> {
        items.iter().map(|item| self.score(*item)).collect()
    }

    /// The best items, `count` at most. Candidates are the `count` likeliest of
    /// each decoder by int8 products and all items in an item-item row; each is
    /// scored exactly, and those that nothing else can surpass are kept. The
    /// int8 pass may miss an item at the lower end; no score is approximate.
    pub fn best(&self, count: usize) -> TopItems {
        let mut items = self.item_item.items.clone();
        let mut rest = self.item_item.floor;
        for decoder in &self.decoders {
            let (likely, next) = decoder.likeliest(count);
            items.extend(likely);
            // What the table does not hold stands at the mean.
            let next = match decoder.coarse.len() < self.item_item.above_floor.len() {
                true => next.max(0.0),
                false => next,
            };
            rest += next;
        }
        items.sort_unstable();
        items.dedup();
        let scored = items.into_iter().map(|place| Scored {
            place,
            score: self.score(place),
        });
        let mut items: Vec<Scored> = scored.filter(|scored| scored.score > rest).collect();
        if items.len() > count {
            let by_score = |left: &Scored, right: &Scored| right.cmp(left);
            let (_, next, _) = items.select_nth_unstable_by(count, by_score);
            rest = next.score;
            items.truncate(count);
        }
        items.sort_unstable_by(|left, right| right.cmp(left));
        TopItems { items, rest }
    }
}

impl DecoderScorer<'_> {
    fn score(&self, item: u32) -> f32 {
        let start = item as usize * self.state.len();
        let row = self.table.get(start..start + self.state.len());
        row.map_or(0.0, |row| {
            self.share * self.z_score.normalise(dot(row, &self.state))
        })
    }

    /// The items with the highest logits, about `count`, and what the next one
    /// counts at most.
    fn likeliest(&self, count: usize) -> (Vec<u32>, f32) {
        let logits = self.coarse.products(&self.state);
        if logits.len() <= count {
            return ((0..logits.len() as u32).collect(), f32::NEG_INFINITY);
        }
        // Logits are spread about like a bell: looking at its upper end alone
        // spares sorting; where it holds too few, all are looked at.
        let end = bell_end(1.5 * count as f64 / logits.len() as f64);
        let mut likely = self.above(&logits, end);
        if likely.len() <= count {
            likely = self.above(&logits, f32::NEG_INFINITY);
        }
        let by_score = |left: &Scored, right: &Scored| right.cmp(left);
        let (_, next, _) = likely.select_nth_unstable_by(count, by_score);
        let next = self.share * next.score;
        likely.truncate(count);
        (likely.iter().map(|scored| scored.place).collect(), next)
    }

    /// The items whose standard logit is above this.
    fn above(&self, logits: &[f32], least: f32) -> Vec<Scored> {
        let standard = logits.iter().map(|logit| self.z_score.normalise(*logit));
        let scored = (0..)
            .zip(standard)
            .map(|(place, score)| Scored { place, score });
        scored.filter(|scored| scored.score > least).collect()
    }
}

/// Above which standard score this share of a normal distribution lies, for
/// small shares (the leading terms of the tail's expansion).
fn bell_end(share: f64) -> f32 {
    if share >= 0.2 {
        return f32::NEG_INFINITY;
    }
    let log = -2.0 * share.ln();
    (log - (2.0 * std::f64::consts::PI * log).ln())
        .max(0.0)
        .sqrt() as f32
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::architecture::TransformerConfig;
    use crate::index::ranking;
    use crate::neighbours::{NeighbourOptions, neighbours};
    use crate::next_item::{BlendWeights, ItemItemMember};

    /// As many items as make the shortcut worth it; the decoders know but the
    /// first part of them.
    fn model(decoders: u64) -> NextItemModel {
        let items = 6_000;
        let mut random = ChaCha8Rng::seed_from_u64(1);
        let sequences: Vec<Vec<u32>> = (0..400)
            .map(|_| (0..12).map(|_| random.random_range(0..items)).collect())
            .collect();
        let decoder =
            |seed| Transformer::new(TransformerConfig::new(1, 16, 2, 8, 5_500), seed).ok();
        let member = |recency| ItemItemMember {
            matrix: neighbours(&sequences, items as usize, &NeighbourOptions::default()),
            recency_decay: recency,
        };
        NextItemModel {
            items: items as usize,
            decoders: (1..=decoders).filter_map(decoder).collect(),
            item_item: vec![member(0.5), member(1.0)],
            weights: BlendWeights {
                decoder: 0.6,
                item_item: vec![0.3, 0.1],
            },
        }
    }

    #[test]
    fn the_best_are_those_of_all() {
        let mut random = ChaCha8Rng::seed_from_u64(2);
        for decoders in 0..3 {
            let model = model(decoders);
            let item_tables = model.item_tables();
            let mut found_at_all = 0;
            for _ in 0..20 {
                let history: Vec<u32> = (0..5).map(|_| random.random_range(0..6_000)).collect();
                let mut scores = vec![0.0; model.items];
                model.score(&history, &mut scores);
                let best = model.scorer(&item_tables, &history).best(300);
                let above = scores.iter().filter(|score| **score > best.rest + 5e-2);
                let (found, above) = (best.items.len(), above.count());
                assert!(found >= above, "{decoders}: {found} of {above}");
                found_at_all += found;
                for (found, expected) in best.items.iter().zip(ranking(&scores)).take(100) {
                    assert!((found.score - expected.score).abs() < 1e-3);
                }
            }
            assert!(found_at_all > 500, "{decoders}: {found_at_all}");
        }
    }

    #[test]
    fn nothing_read_is_nothing_found() {
        let model = model(1);
        let item_tables = model.item_tables();
        let reading = model.scorer(&item_tables, &[]);
        assert_eq!(reading.best(10).items, []);
        assert_eq!(reading.scores(&[0, 5_999, 70_000]), [0.0; 3]);
    }

    #[test]
    fn the_end_of_the_bell() {
        for (share, expected) in [(0.1, 1.28), (0.01, 2.33), (0.001, 3.09)] {
            assert!((bell_end(share) - expected).abs() < 0.2, "{share}");
        }
        assert_eq!(bell_end(0.5), f32::NEG_INFINITY);
    }
}
