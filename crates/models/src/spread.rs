//! Mean and deviation of scores, with which scores of different methods are
//! brought to one scale; also without making all the scores.

use crate::next_item::ListVoice;
use crate::transformer::Transformer;
use crate::vector::dot;

/// Sums are made in so many lanes.
const LANES: usize = 16;

/// Mean and deviation of scores.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Spread {
    mean: f32,
    /// One over the deviation; 0 where all scores are alike.
    scale: f32,
}

impl Spread {
    /// Of these scores and as many zeros as are missing to `count`.
    pub(crate) fn of(scores: &[f32], count: usize) -> Spread {
        let (mut sum, mut squares) = (0.0_f64, 0.0_f64);
        for part in scores.chunks(4096) {
            let (mut sums, mut products) = ([0.0_f32; LANES], [0.0_f32; LANES]);
            let lanes = part.chunks_exact(LANES);
            for value in lanes.remainder() {
                sum += f64::from(*value);
                squares += f64::from(*value) * f64::from(*value);
            }
            for lane in lanes {
                for index in 0..LANES {
                    sums[index] += lane[index];
                    products[index] += lane[index] * lane[index];
                }
            }
            sum += sums.iter().map(|value| f64::from(*value)).sum::<f64>();
            squares += products.iter().map(|value| f64::from(*value)).sum::<f64>();
        }
        let count = count.max(1) as f64;
        Spread::from_moments(sum / count, squares / count)
    }

    fn from_moments(mean: f64, square: f64) -> Spread {
        let variance = square - mean * mean;
        let scale = if variance > 1e-12 {
            variance.sqrt().recip()
        } else {
            0.0
        };
        Spread {
            mean: mean as f32,
            scale: scale as f32,
        }
    }

    /// A score in deviations from the mean.
    pub(crate) fn standard(self, score: f32) -> f32 {
        (score - self.mean) * self.scale
    }
}

/// The mean row of a decoder's table and the mean product of each two columns.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TableSpread {
    mean: Vec<f32>,
    /// `[width, width]`
    products: Vec<f32>,
}

impl TableSpread {
    /// Of the table of the way out.
    pub(crate) fn of(decoder: &Transformer) -> TableSpread {
        let width = decoder.config().width;
        let (mut mean, mut products) = (vec![0.0_f64; width], vec![0.0_f64; width * width]);
        let rows = decoder.head().chunks_exact(width);
        let count = rows.len().max(1) as f64;
        for row in rows {
            for (index, left) in row.iter().enumerate() {
                mean[index] += f64::from(*left);
                let sums = &mut products[index * width..(index + 1) * width];
                for (sum, right) in sums.iter_mut().zip(row) {
                    *sum += f64::from(left * right);
                }
            }
        }
        let divide = |sums: Vec<f64>| sums.into_iter().map(|sum| (sum / count) as f32).collect();
        TableSpread {
            mean: divide(mean),
            products: divide(products),
        }
    }

    /// The spread of all logits of this state.
    pub(crate) fn along(&self, state: &[f32]) -> Spread {
        let rows = self.products.chunks_exact(state.len().max(1));
        let square: f64 = (rows.zip(state))
            .map(|(row, value)| f64::from(dot(row, state)) * f64::from(*value))
            .sum();
        Spread::from_moments(f64::from(dot(&self.mean, state)), square)
    }
}

/// The sums of list entries by item: most items have none.
#[derive(Debug, Clone, Default)]
pub(crate) struct SparseSums {
    pub(crate) sums: Vec<f32>,
    /// The items that may have one, each once.
    pub(crate) touched: Vec<u32>,
    is_touched: Vec<bool>,
}

impl SparseSums {
    pub(crate) fn new(items: usize) -> SparseSums {
        SparseSums {
            sums: vec![0.0; items],
            touched: Vec::new(),
            is_touched: vec![false; items],
        }
    }

    /// Makes the sums anew: what the items of `history` point to.
    pub(crate) fn collect(&mut self, voice: &ListVoice, history: &[u32]) -> Spread {
        for item in self.touched.drain(..) {
            self.sums[item as usize] = 0.0;
            self.is_touched[item as usize] = false;
        }
        let mut weight = 1.0;
        for &item in history.iter().rev() {
            for entry in voice.lists.row(item) {
                let place = entry.place as usize;
                if let Some(sum) = self.sums.get_mut(place) {
                    *sum += weight * entry.score;
                    if !self.is_touched[place] {
                        self.is_touched[place] = true;
                        self.touched.push(entry.place);
                    }
                }
            }
            weight *= voice.recency;
        }
        let values: Vec<f32> = (self.touched.iter())
            .map(|&item| self.sums[item as usize])
            .collect();
        Spread::of(&values, self.sums.len())
    }

    /// Takes an item out of the ranking, until sums are made anew.
    pub(crate) fn leave_out(&mut self, item: u32) {
        let place = item as usize;
        if let Some(sum) = self.sums.get_mut(place) {
            *sum = f32::NEG_INFINITY;
            if !std::mem::replace(&mut self.is_touched[place], true) {
                self.touched.push(item);
            }
        }
    }

    /// What [`crate::index::rank_of`] finds among all items.
    pub(crate) fn rank_of(&self, target: u32) -> Option<f64> {
        let own = *self.sums.get(target as usize)?;
        if !own.is_finite() {
            return None;
        }
        let silent = self.sums.len() - self.touched.len();
        let (mut above, mut ties) = (0, 0);
        if own < 0.0 {
            above = silent;
        } else if own == 0.0 {
            ties = silent;
        }
        for item in &self.touched {
            let score = self.sums[*item as usize];
            above += usize::from(score > own);
            ties += usize::from(score == own);
        }
        Some(above as f64 + (ties as f64 - 1.0) / 2.0 + 1.0)
    }
}
