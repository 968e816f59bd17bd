//! Brute-force search over quantised vectors: 8 bits a number for a first pass
//! over all of them, 16 bits to rescore the few that it finds.

use half::f16;

use crate::vector::vectorized;

/// Rows of one width, each quantised to int8 with a scale of its own.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Int8Vectors {
    width: usize,
    /// `[rows, width]`, each number times 127 over the row's largest.
    numbers: Vec<i8>,
    /// What a row's numbers are multiplied by.
    scales: Vec<f32>,
}

/// Rows of one width in int8 for the first pass and in half precision for
/// rescoring.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RescoredVectors {
    coarse: Int8Vectors,
    /// `[rows, width]`.
    exact: Vec<f16>,
}

/// Appends the numbers in 8 bits and returns the scale that brings them back.
fn quantized(row: &[f32], out: &mut Vec<i8>) -> f32 {
    let largest = row
        .iter()
        .fold(0.0_f32, |most, number| most.max(number.abs()));
    let scale = if largest > 0.0 { largest / 127.0 } else { 1.0 };
    let numbers = row.iter().map(|number| (number / scale).round() as i8);
    out.extend(numbers);
    scale
}

#[inline(always)]
fn dot(left: &[i8], right: &[i8]) -> i32 {
    let mut sum = 0;
    for (l, r) in left.iter().zip(right) {
        sum += i32::from(*l) * i32::from(*r);
    }
    sum
}

impl Int8Vectors {
    /// `rows` are one after the other, `width` numbers each; what is left over
    /// is left out.
    pub fn new(rows: &[f32], width: usize) -> Self {
        let mut table = Self {
            width: width.max(1),
            ..Self::default()
        };
        table.extend(rows);
        table
    }

    /// Adds rows after the others.
    pub fn extend(&mut self, rows: &[f32]) {
        for row in rows.chunks_exact(self.width.max(1)) {
            let scale = quantized(row, &mut self.numbers);
            self.scales.push(scale);
        }
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.scales.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.scales.is_empty()
    }

    /// The scalar product of each row with `query`, off by about a hundredth
    /// of the product of their lengths.
    pub fn products(&self, query: &[f32]) -> Vec<f32> {
        let mut own = Vec::with_capacity(query.len());
        let scale = quantized(query, &mut own);
        let mut products = vec![0.0; self.scales.len()];
        let rows = self.numbers.chunks_exact(self.width.max(1));
        vectorized(
            #[inline(always)]
            || {
                for ((row, of_row), product) in rows.zip(&self.scales).zip(&mut products) {
                    *product = dot(row, &own) as f32 * of_row * scale;
                }
            },
        );
        products
    }
}

impl RescoredVectors {
    /// `rows` are one after the other, `width` numbers each; what is left over
    /// is left out.
    pub fn new(rows: &[f32], width: usize) -> Self {
        let mut vectors = Self {
            coarse: Int8Vectors::new(&[], width),
            exact: Vec::new(),
        };
        vectors.extend(rows);
        vectors
    }

    /// Adds rows after the others.
    pub fn extend(&mut self, rows: &[f32]) {
        self.coarse.extend(rows);
        for row in rows.chunks_exact(self.coarse.width.max(1)) {
            self.exact
                .extend(row.iter().map(|number| f16::from_f32(*number)));
        }
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.coarse.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.coarse.is_empty()
    }

    /// The scalar product of each row with `query`, off by about a hundredth.
    pub fn products(&self, query: &[f32]) -> Vec<f32> {
        self.coarse.products(query)
    }

    /// The scalar product of one row with `query`, to the third digit; 0 where
    /// there is no such row.
    pub fn product(&self, row: usize, query: &[f32]) -> f32 {
        let start = row * self.coarse.width;
        let Some(row) = self.exact.get(start..start + self.coarse.width) else {
            return 0.0;
        };
        let pairs = row.iter().zip(query);
        pairs.map(|(number, other)| number.to_f32() * other).sum()
    }
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    #[test]
    fn both_looks_are_near_the_truth() {
        let mut random = ChaCha8Rng::seed_from_u64(3);
        let width = 96;
        let mut rows: Vec<f32> = (0..50 * width)
            .map(|_| 2.0 * random.random::<f32>() - 1.0)
            .collect();
        crate::encoder::normalize(&mut rows, width);
        let mut vectors = RescoredVectors::new(&rows[..20 * width], width);
        vectors.extend(&rows[20 * width..]);
        assert_eq!(vectors.len(), 50);
        let query = &rows[7 * width..8 * width];
        let coarse = vectors.products(query);
        for (place, row) in rows.chunks_exact(width).enumerate() {
            let truth: f32 = row.iter().zip(query).map(|(l, r)| l * r).sum();
            assert!((coarse[place] - truth).abs() < 0.02, "{place}");
            assert!((vectors.product(place, query) - truth).abs() < 1e-3);
        }
        assert_eq!(vectors.product(50, query), 0.0);
        assert_eq!(
            RescoredVectors::new(&[0.0; 4], 2).products(&[1.0, 0.0]),
            [0.0, 0.0]
        );
    }
}
