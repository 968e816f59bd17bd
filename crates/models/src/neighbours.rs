//! Sparse item-to-item lists: what goes with what, learned by counting.

use std::ops::Range;
use std::thread;

use rustc_hash::FxHashMap;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use crate::error::ModelError;
use crate::index::{Scored, top};

fn wrong_file(reason: impl ToString) -> ModelError {
    ModelError::File(reason.to_string())
}

/// For each item the items that it points to, heaviest first.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ItemItemMatrix {
    starts: Vec<u32>,
    items: Vec<u32>,
    weights: Vec<f32>,
}

impl ItemItemMatrix {
    /// One list for each item, in the order of items.
    pub fn from_rows(rows: impl IntoIterator<Item = Vec<Scored>>) -> Self {
        let mut lists = Self {
            starts: vec![0],
            ..Self::default()
        };
        for row in rows {
            for scored in row {
                lists.items.push(scored.place);
                lists.weights.push(scored.score);
            }
            lists.starts.push(lists.items.len() as u32);
        }
        lists
    }

    /// The lists of so many items, made by several threads in parts.
    pub fn in_parallel(
        items: usize,
        threads: usize,
        of: impl Fn(Range<usize>) -> Self + Sync,
    ) -> Self {
        let share = items.div_ceil(threads.max(1)).max(1);
        let parts = thread::scope(|scope| {
            let running: Vec<_> = (0..items)
                .step_by(share)
                .map(|start| (start, (start + share).min(items)))
                .map(|(start, end)| {
                    scope.spawn({
                        let of = &of;
                        move || of(start..end)
                    })
                })
                .collect();
            let finished = running.into_iter().map(|thread| {
                let part = thread.join();
                part.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            });
            finished.collect::<Vec<_>>()
        });
        let mut lists = Self::from_rows([]);
        for part in parts {
            let before = lists.items.len() as u32;
            let ends = part.starts.iter().skip(1).map(|end| before + end);
            lists.starts.extend(ends);
            lists.items.extend(part.items);
            lists.weights.extend(part.weights);
        }
        lists
    }

    /// How many items have a list (an empty one too).
    pub fn len(&self) -> usize {
        self.starts.len().saturating_sub(1)
    }

    /// Whether there is no list at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The list of `item`; empty for an item that is not known.
    pub fn row(&self, item: u32) -> impl Iterator<Item = Scored> {
        let bounds = self.starts.get(item as usize..item as usize + 2);
        let range = match bounds {
            Some([start, end]) => *start as usize..*end as usize,
            _ => 0..0,
        };
        let weights = self.weights.get(range.clone()).unwrap_or_default();
        let items = self.items.get(range).unwrap_or_default();
        items
            .iter()
            .zip(weights)
            .map(|(&place, &score)| Scored { place, score })
    }

    /// How strongly `from` points to `to`; 0 when it is not in the list.
    pub fn weight(&self, from: u32, to: u32) -> f32 {
        self.row(from)
            .find(|scored| scored.place == to)
            .map_or(0.0, |scored| scored.score)
    }

    /// Adds `scale` times the list of `item` to `scores`.
    pub fn add_row(&self, item: u32, scale: f32, scores: &mut [f32]) {
        for scored in self.row(item) {
            if let Some(score) = scores.get_mut(scored.place as usize) {
                *score += scale * scored.score;
            }
        }
    }

    /// The lists as a safetensors file.
    pub fn to_safetensors(&self) -> Result<Vec<u8>, ModelError> {
        let bytes: [(&str, Dtype, &[u8], usize); 3] = [
            (
                "starts",
                Dtype::U32,
                bytemuck::cast_slice(&self.starts),
                self.starts.len(),
            ),
            (
                "items",
                Dtype::U32,
                bytemuck::cast_slice(&self.items),
                self.items.len(),
            ),
            (
                "weights",
                Dtype::F32,
                bytemuck::cast_slice(&self.weights),
                self.weights.len(),
            ),
        ];
        let mut views = Vec::new();
        for (name, dtype, data, length) in bytes {
            let view = TensorView::new(dtype, vec![length], data).map_err(wrong_file)?;
            views.push((name, view));
        }
        safetensors::serialize(views, None).map_err(wrong_file)
    }

    /// Reads what [`ItemItemMatrix::to_safetensors`] wrote, for `items` items.
    pub fn from_safetensors(bytes: &[u8], items: usize) -> Result<Self, ModelError> {
        let file = SafeTensors::deserialize(bytes).map_err(wrong_file)?;
        let read = |name: &str, dtype: Dtype| -> Result<Vec<u32>, ModelError> {
            let tensor = file.tensor(name).map_err(wrong_file)?;
            if tensor.dtype() != dtype {
                return Err(wrong_file(format!("{name} has the wrong type")));
            }
            let words = tensor.data().chunks_exact(4);
            Ok(words.map(bytemuck::pod_read_unaligned).collect())
        };
        let weights = read("weights", Dtype::F32)?;
        let lists = Self {
            starts: read("starts", Dtype::U32)?,
            items: read("items", Dtype::U32)?,
            weights: weights.into_iter().map(f32::from_bits).collect(),
        };
        if !lists.is_valid(items) {
            return Err(wrong_file(format!("the lists do not fit {items} items")));
        }
        Ok(lists)
    }

    /// Whether every index lies within `items` items and the lists fit
    /// together: what is read from a file is checked with this.
    pub fn is_valid(&self, items: usize) -> bool {
        self.starts.first() == Some(&0)
            && self.len() == items
            && self.starts.is_sorted()
            && self.starts.last().map(|end| *end as usize) == Some(self.items.len())
            && self.items.len() == self.weights.len()
            && self.items.iter().all(|item| (*item as usize) < items)
            && self.weights.iter().all(|weight| weight.is_finite())
    }
}

/// How neighbours are counted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NeighbourOptions {
    /// The longest list.
    pub longest: usize,
    /// Added to the denominator of the cosine: pairs seen once or twice are
    /// chance (Bell and Koren, 2007).
    pub shrinkage: f32,
    /// A pair `d` places apart counts `decay^(d-1)`; 1 counts all alike.
    pub decay: f32,
    /// Whether only later items are neighbours of earlier ones.
    pub forward: bool,
    /// Pairs further apart than this are not counted, which also bounds the
    /// work for users with endless histories.
    pub window: usize,
    /// Threads that count.
    pub threads: usize,
}

impl Default for NeighbourOptions {
    fn default() -> Self {
        Self {
            longest: 100,
            shrinkage: 5.0,
            decay: 1.0,
            forward: false,
            window: 50,
            threads: 1,
        }
    }
}

/// Item neighbours by cosine over the sequences in which both occur
/// (Sarwar et al., 2001), shrunk and, where asked, weighted by distance.
pub fn neighbours(
    sequences: &[Vec<u32>],
    items: usize,
    options: &NeighbourOptions,
) -> ItemItemMatrix {
    let mut counts = vec![0.0_f32; items];
    // Postings by earlier item keep one small map alive at a time.
    let mut occurrences: Vec<Vec<(u32, u32)>> = vec![Vec::new(); items];
    for (row, sequence) in (0_u32..).zip(sequences) {
        for (at, &item) in (0_u32..).zip(sequence) {
            if let Some(list) = occurrences.get_mut(item as usize) {
                list.push((row, at));
                counts[item as usize] += 1.0;
            }
        }
    }
    let row = |item: usize, together: &mut FxHashMap<u32, f32>| {
        together.clear();
        for &(row, at) in &occurrences[item] {
            add_pairs(&sequences[row as usize], at as usize, options, together);
        }
        let own = counts[item];
        let scored = together
            .iter()
            .filter(|(other, _)| (**other as usize) < items && **other as usize != item)
            .map(|(&place, &count)| Scored {
                place,
                score: count / ((own * counts[place as usize]).sqrt() + options.shrinkage),
            });
        top(scored, options.longest)
    };
    ItemItemMatrix::in_parallel(items, options.threads, |part| {
        let mut together = FxHashMap::default();
        ItemItemMatrix::from_rows(part.map(|item| row(item, &mut together)))
    })
}

fn add_pairs(
    sequence: &[u32],
    at: usize,
    options: &NeighbourOptions,
    together: &mut FxHashMap<u32, f32>,
) {
    let from = if options.forward {
        at + 1
    } else {
        at.saturating_sub(options.window)
    };
    let to = sequence.len().min(at + 1 + options.window);
    for (place, &other) in sequence.iter().enumerate().take(to).skip(from) {
        let distance = place.abs_diff(at);
        if distance > 0 {
            *together.entry(other).or_default() += options.decay.powi(distance as i32 - 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options() -> NeighbourOptions {
        NeighbourOptions {
            shrinkage: 0.0,
            ..NeighbourOptions::default()
        }
    }

    #[test]
    fn cosine_of_co_occurrence() {
        let sequences = [vec![0, 1], vec![0, 1, 2], vec![2], vec![9, 0]];
        let lists = neighbours(&sequences, 4, &options());
        let row: Vec<_> = lists.row(0).collect();
        assert_eq!(row[0].place, 1);
        assert!((row[0].score - 2.0 / 6_f32.sqrt()).abs() < 1e-6);
        assert_eq!(lists.weight(0, 2), 1.0 / 6_f32.sqrt());
        assert_eq!(lists.row(3).count(), 0);
        assert_eq!(lists.row(77).count(), 0);
        assert!(lists.is_valid(4));
        let bytes = lists.to_safetensors().unwrap();
        assert_eq!(ItemItemMatrix::from_safetensors(&bytes, 4).unwrap(), lists);
        assert!(ItemItemMatrix::from_safetensors(&bytes, 5).is_err());
        assert!(ItemItemMatrix::from_safetensors(&bytes[..20], 4).is_err());
    }

    #[test]
    fn forward_lists_look_ahead_only_and_decay_with_distance() {
        let forward = NeighbourOptions {
            forward: true,
            decay: 0.5,
            ..options()
        };
        let lists = neighbours(&[vec![0, 1, 2]], 3, &forward);
        assert_eq!(lists.weight(0, 1), 1.0);
        assert_eq!(lists.weight(0, 2), 0.5);
        assert_eq!(lists.row(2).count(), 0);
    }

    #[test]
    fn a_damaged_file_is_not_valid() {
        let lists = neighbours(&[vec![0, 1]], 2, &options());
        assert!(!lists.is_valid(3));
        let damaged = ItemItemMatrix {
            starts: vec![0, 5, 1],
            ..lists
        };
        assert!(!damaged.is_valid(2));
        assert_eq!(damaged.row(0).count(), 0);
    }
}
