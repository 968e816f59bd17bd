//! One history, read once: then any item is scored by itself, and the best of
//! all are found without scoring the rest.

use crate::coarse::CoarseTable;
use crate::index::Scored;
use crate::next_item::{NextItemModel, last_state};
use crate::spread::{SparseSums, Spread, TableSpread};
use crate::transformer::Transformer;
use crate::vector::dot;

/// What is worth knowing of a decoder's table of items before any history is
/// read.
#[derive(Debug, Clone, PartialEq)]
pub struct TableDigest {
    /// Mean and variance of all logits follow from it.
    spread: TableSpread,
    /// For a first look at all items.
    coarse: CoarseTable,
}

impl TableDigest {
    fn of(decoder: &Transformer) -> Self {
        Self {
            spread: TableSpread::of(decoder),
            coarse: CoarseTable::new(decoder.head(), decoder.config().width),
        }
    }
}

/// What a model makes of one history.
pub struct Reading<'a> {
    decoders: Vec<DecoderReading<'a>>,
    named: Named,
}

/// What the lists add to the scores.
pub(super) struct Named {
    /// To an item that no list names.
    pub(super) floor: f32,
    /// What they add besides, by item.
    pub(super) besides: Vec<f32>,
    /// The items that a list names, once for each list.
    items: Vec<u32>,
}

struct DecoderReading<'a> {
    table: &'a [f32],
    coarse: &'a CoarseTable,
    state: Vec<f32>,
    spread: Spread,
    /// What a standard logit counts.
    share: f32,
}

/// The items that score highest.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Best {
    /// Best first; of equals the lower item.
    pub items: Vec<Scored>,
    /// No item that is not among them scores more than this.
    pub rest: f32,
}

impl NextItemModel {
    /// What [`NextItemModel::read`] wants to know of each decoder.
    pub fn digests(&self) -> Vec<TableDigest> {
        self.decoders.iter().map(TableDigest::of).collect()
    }

    /// Reads a history; `digests` are those of this model.
    pub fn read<'a>(&'a self, digests: &'a [TableDigest], history: &[u32]) -> Reading<'a> {
        let share = self.weights.decoder / self.decoders.len().max(1) as f32;
        let pairs = self.decoders.iter().zip(digests);
        let read = |(decoder, digest): (&'a Transformer, &'a TableDigest)| {
            let state = last_state(decoder, history)?;
            Some(DecoderReading {
                table: decoder.head(),
                coarse: &digest.coarse,
                spread: digest.spread.along(&state),
                state,
                share,
            })
        };
        Reading {
            decoders: pairs.filter(|_| share != 0.0).filter_map(read).collect(),
            named: self.named(history),
        }
    }

    /// What the lists say after a history.
    pub(super) fn named(&self, history: &[u32]) -> Named {
        let mut named = Named {
            floor: 0.0,
            besides: vec![0.0; self.items],
            items: Vec::new(),
        };
        let mut sums = SparseSums::new(self.items);
        for (voice, &weight) in self.lists.iter().zip(&self.weights.lists) {
            if weight == 0.0 {
                continue;
            }
            let spread = sums.collect(voice, history);
            let floor = weight * spread.standard(0.0);
            named.floor += floor;
            for &item in &sums.touched {
                let value = sums.sums[item as usize];
                named.besides[item as usize] += weight * spread.standard(value) - floor;
            }
            named.items.extend(&sums.touched);
        }
        named
    }
}

impl Reading<'_> {
    /// What [`NextItemModel::score`] gives an item; 0 for one that the model
    /// does not have.
    pub fn score(&self, item: u32) -> f32 {
        let Some(besides) = self.named.besides.get(item as usize) else {
            return 0.0;
        };
        let decoders = self.decoders.iter().map(|decoder| decoder.score(item));
        decoders.sum::<f32>() + self.named.floor + besides
    }

    /// The scores of these items.
    pub fn scores(&self, items: &[u32]) -> Vec<f32> {
        items.iter().map(|item| self.score(*item)).collect()
    }

    /// The best items, `count` at most. The `count` likeliest of each decoder
    /// and all that a list names are scored, and those that nothing else
    /// surpasses are kept. Which the likeliest are is told in eight bits a
    /// number: an item at the lower end may be missed, none is scored wrong.
    pub fn best(&self, count: usize) -> Best {
        let mut items = self.named.items.clone();
        let mut rest = self.named.floor;
        for decoder in &self.decoders {
            let (likely, next) = decoder.likeliest(count);
            items.extend(likely);
            // What the table does not hold stands at the mean.
            let next = match decoder.coarse.len() < self.named.besides.len() {
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
        Best { items, rest }
    }
}

impl DecoderReading<'_> {
    fn score(&self, item: u32) -> f32 {
        let start = item as usize * self.state.len();
        let row = self.table.get(start..start + self.state.len());
        row.map_or(0.0, |row| {
            self.share * self.spread.standard(dot(row, &self.state))
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
        let standard = logits.iter().map(|logit| self.spread.standard(*logit));
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
    use crate::next_item::{ListVoice, VoiceWeights};

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
        let voice = |recency| ListVoice {
            lists: neighbours(&sequences, items as usize, &NeighbourOptions::default()),
            recency,
        };
        NextItemModel {
            items: items as usize,
            decoders: (1..=decoders).filter_map(decoder).collect(),
            lists: vec![voice(0.5), voice(1.0)],
            weights: VoiceWeights {
                decoder: 0.6,
                lists: vec![0.3, 0.1],
            },
        }
    }

    #[test]
    fn the_best_are_those_of_all() {
        let mut random = ChaCha8Rng::seed_from_u64(2);
        for decoders in 0..3 {
            let model = model(decoders);
            let digests = model.digests();
            let mut found_at_all = 0;
            for _ in 0..20 {
                let history: Vec<u32> = (0..5).map(|_| random.random_range(0..6_000)).collect();
                let mut scores = vec![0.0; model.items];
                model.score(&history, &mut scores);
                let best = model.read(&digests, &history).best(300);
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
        let digests = model.digests();
        let reading = model.read(&digests, &[]);
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
