//! Score normalisation before a sum of different methods: z-scores, also where
//! the mean and the deviation of all scores are needed but not the scores.

use crate::next_item::ItemItemMember;
use crate::transformer::Transformer;
use crate::vector::dot;

/// Partial sums that are kept apart, so that the compiler can use vectors.
const LANES: usize = 16;

/// Turns scores into z-scores: minus the mean, over the standard deviation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct ZScore {
    mean: f32,
    /// One over the standard deviation; 0 where all scores are alike.
    scale: f32,
}

impl ZScore {
    /// Of these scores and as many zeros as are missing to `count`.
    pub(crate) fn of(scores: &[f32], count: usize) -> ZScore {
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
        ZScore::from_moments(sum / count, squares / count)
    }

    fn from_moments(mean: f64, square: f64) -> ZScore {
        let variance = square - mean * mean;
        let scale = if variance > 1e-12 {
            variance.sqrt().recip()
        } else {
            0.0
        };
        ZScore {
            mean: mean as f32,
            scale: scale as f32,
        }
    }

    /// The z-score: standard deviations above the mean.
    pub(crate) fn normalise(self, score: f32) -> f32 {
        (score - self.mean) * self.scale
    }
}

/// First and second moments of the rows of a decoder's output table: from them
/// follow the mean and the variance of all logits of a state.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LogitMoments {
    mean: Vec<f32>,
    /// `[width, width]`
    products: Vec<f32>,
}

impl LogitMoments {
    /// Of a decoder's output table.
    pub(crate) fn of(decoder: &Transformer) -> LogitMoments {
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
        LogitMoments {
            mean: divide(mean),
            products: divide(products),
        }
    }

    /// The normalisation of all logits of this state, `[width]`.
    pub(crate) fn z_score(&self, state: &[f32]) -> ZScore {
        let rows = self.products.chunks_exact(state.len().max(1));
        let square: f64 = (rows.zip(state))
            .map(|(row, value)| f64::from(dot(row, state)) * f64::from(*value))
            .sum();
        ZScore::from_moments(f64::from(dot(&self.mean, state)), square)
    }
}

/// Scores by item, most of them 0: the sums of a few sparse rows.
#[derive(Debug, Clone, Default)]
pub(crate) struct SparseScores {
    pub(crate) sums: Vec<f32>,
    /// The items whose score may differ from 0, each once.
    pub(crate) touched: Vec<u32>,
    is_touched: Vec<bool>,
}

impl SparseScores {
    pub(crate) fn new(items: usize) -> SparseScores {
        SparseScores {
            sums: vec![0.0; items],
            touched: Vec::new(),
            is_touched: vec![false; items],
        }
    }

    /// Computes the scores of one member after `history` anew.
    pub(crate) fn collect(&mut self, member: &ItemItemMember, history: &[u32]) -> ZScore {
        for item in self.touched.drain(..) {
            self.sums[item as usize] = 0.0;
            self.is_touched[item as usize] = false;
        }
        let mut weight = 1.0;
        for &item in history.iter().rev() {
            for entry in member.matrix.row(item) {
                let place = entry.place as usize;
                if let Some(sum) = self.sums.get_mut(place) {
                    *sum += weight * entry.score;
                    if !self.is_touched[place] {
                        self.is_touched[place] = true;
                        self.touched.push(entry.place);
                    }
                }
            }
            weight *= member.recency_decay;
        }
        let values: Vec<f32> = (self.touched.iter())
            .map(|&item| self.sums[item as usize])
            .collect();
        ZScore::of(&values, self.sums.len())
    }

    /// Takes an item out of the ranking until the next [`SparseScores::collect`].
    pub(crate) fn mask(&mut self, item: u32) {
        let place = item as usize;
        if let Some(sum) = self.sums.get_mut(place) {
            *sum = f32::NEG_INFINITY;
            if !std::mem::replace(&mut self.is_touched[place], true) {
                self.touched.push(item);
            }
        }
    }

    /// The same as [`crate::index::rank_of`] over the dense scores.
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
