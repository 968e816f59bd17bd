use models::Sequence;
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use shop::Timestamp;

use super::Holdout;

/// How often what follows an item within its moment gives way to an item of
/// the next moment.
const AHEAD: f64 = 0.5;

/// The training sequences, augmented anew in each epoch: the lines of one order
/// are permuted, and the target after each is at random another line of that
/// order or one of the next order. Where every item has its own time, every
/// epoch has the same sequences.
pub(super) struct AugmentedSequences {
    items: Vec<Vec<u32>>,
    /// How many items of each moment, one after the other; empty where every
    /// item has its own.
    moments: Vec<Vec<usize>>,
    context: usize,
    windows: usize,
}

impl AugmentedSequences {
    /// Of the training part, cut to what a decoder reads at once.
    pub(super) fn new(holdout: &Holdout, context: usize) -> Self {
        let moments = holdout.moments.iter();
        let moments = moments.map(|times| lengths(times)).collect();
        let mut sequences = Self {
            items: holdout.training.clone(),
            moments,
            context,
            windows: 0,
        };
        sequences.windows = sequences.epoch(0, 0).len();
        sequences
    }

    /// How many sequences an epoch has.
    pub(super) fn len(&self) -> usize {
        self.windows
    }

    pub(super) fn is_empty(&self) -> bool {
        self.windows == 0
    }

    /// The sequences of an epoch in an order of its own. It depends on the
    /// seed and the epoch alone, so that a resumed run repeats it.
    pub(super) fn epoch(&self, seed: u64, epoch: usize) -> Vec<Sequence> {
        let seed = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ epoch as u64;
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut sequences = Vec::with_capacity(self.windows);
        for (story, items) in self.items.iter().enumerate() {
            match self
                .moments
                .get(story)
                .filter(|moments| !moments.is_empty())
            {
                Some(moments) => {
                    let (items, next) = shuffled(items, moments, &mut random);
                    self.cut(&items, &next, &mut sequences);
                }
                None => self.cut(items, items.get(1..).unwrap_or_default(), &mut sequences),
            }
        }
        sequences.shuffle(&mut random);
        sequences
    }

    /// Windows from the end on; what follows each item but the last of all is
    /// predicted exactly once.
    fn cut(&self, items: &[u32], next: &[u32], sequences: &mut Vec<Sequence>) {
        let mut end = next.len();
        while end > 0 {
            let start = end.saturating_sub(self.context);
            sequences.push(Sequence {
                inputs: items[start..end].to_vec(),
                targets: next[start..end].to_vec(),
            });
            end = start;
        }
    }
}

/// How many neighbours happened at the same time; nothing where none did.
fn lengths(times: &[Timestamp]) -> Vec<usize> {
    let lengths: Vec<usize> = times
        .chunk_by(|left, right| left == right)
        .map(<[_]>::len)
        .collect();
    if lengths.iter().all(|length| *length == 1) {
        return Vec::new();
    }
    lengths
}

/// The items with each moment shuffled, and what follows each but the last.
fn shuffled(items: &[u32], moments: &[usize], random: &mut impl Rng) -> (Vec<u32>, Vec<u32>) {
    let mut told = items.to_vec();
    let mut rest = told.as_mut_slice();
    for &length in moments {
        let (moment, later) = rest.split_at_mut(length.min(rest.len()));
        moment.shuffle(random);
        rest = later;
    }
    let mut next = Vec::with_capacity(told.len());
    let mut start = 0;
    for (at, &length) in moments.iter().enumerate() {
        let end = (start + length).min(told.len());
        let after = moments.get(at + 1).map_or(0, |length| *length);
        let after = &told[end..(end + after).min(told.len())];
        for place in start..end {
            let within = told[..end].get(place + 1);
            let ahead = within.is_none() || random.random_bool(AHEAD);
            let ahead = after.choose(random).filter(|_| ahead);
            next.extend(ahead.or(within));
        }
        start = end;
    }
    (told, next)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sequences(training: &[Vec<u32>], times: &[&[i64]], context: usize) -> AugmentedSequences {
        let at = |times: &&[i64]| times.iter().map(|s| Timestamp::from_seconds(*s)).collect();
        let holdout = Holdout {
            training: training.to_vec(),
            moments: times.iter().map(at).collect(),
            ..Holdout::default()
        };
        AugmentedSequences::new(&holdout, context)
    }

    #[test]
    fn each_item_but_the_first_is_predicted_once() {
        let long: Vec<u32> = (0..11).collect();
        let told = sequences(&[long, vec![3], vec![]], &[], 4).epoch(7, 1);
        assert!(told.iter().all(|sequence| sequence.targets.len() <= 4));
        let mut all: Vec<(u32, u32)> = (told.iter())
            .flat_map(|sequence| {
                sequence
                    .inputs
                    .iter()
                    .copied()
                    .zip(sequence.targets.clone())
            })
            .collect();
        all.sort_unstable();
        assert_eq!(
            all,
            (0..10).map(|item| (item, item + 1)).collect::<Vec<_>>()
        );
    }

    #[test]
    fn an_order_is_a_set_and_the_next_one_follows_it() {
        let times: &[i64] = &[1, 1, 1, 2, 3, 3];
        let sequences = sequences(&[vec![0, 1, 2, 3, 4, 5]], &[times], 50);
        let mut seen = std::collections::BTreeSet::new();
        for epoch in 0..60 {
            let told = sequences.epoch(1, epoch);
            assert_eq!(told, sequences.epoch(1, epoch));
            assert_eq!((told.len(), sequences.len()), (1, 1));
            let Sequence { inputs, targets } = &told[0];
            // The first order in any order, then the second, then all of the
            // third but its last.
            let mut first = inputs[..3].to_vec();
            first.sort_unstable();
            assert_eq!((first, inputs[3], inputs.len()), (vec![0, 1, 2], 3, 5));
            seen.extend(inputs.iter().copied().zip(targets.iter().copied()));
        }
        // Of the last order, nothing follows but itself.
        let expected = [
            (0, 1),
            (0, 2),
            (0, 3),
            (1, 0),
            (1, 2),
            (1, 3),
            (2, 0),
            (2, 1),
            (2, 3),
            (3, 4),
            (3, 5),
            (4, 5),
            (5, 4),
        ];
        assert_eq!(seen.into_iter().collect::<Vec<_>>(), expected);
    }
}
