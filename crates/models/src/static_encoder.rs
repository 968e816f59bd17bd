//! A vector for a text that is the weighted sum of a vector for each of its
//! tokens, brought to length 1: it knows nothing of word order and costs next
//! to nothing (a static two-tower; compare fastText, Joulin et al., 2017).
//! Both sides of a pair share one table, which is trained from nothing by
//! contrast with the other pairs of a batch (InfoNCE).

use half::f16;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rustc_hash::FxHashMap;

use crate::ModelError;
use crate::contrastive::pooled_loss;
use crate::encoder::normalize;
use crate::vector::{add_scaled, dot, vectorized};

/// Tokens by their row in a table, each with how much it counts.
pub type WeightedRows = Vec<(u32, f32)>;

const MAGIC: &[u8; 8] = b"static01";
/// Adagrad's first divisor: the first steps stay small.
const FIRST_SQUARES: f32 = 1e-4;

/// A vector for each token; tokens are known by a hash of what they are.
#[derive(Debug, Clone, PartialEq)]
pub struct StaticEncoder {
    width: usize,
    hashes: Vec<u64>,
    rows: FxHashMap<u64, u32>,
    /// `[tokens, width]`.
    table: Vec<f32>,
}

impl StaticEncoder {
    /// Random vectors for tokens, of about the length that stands beside each:
    /// at first, two texts are near as far as they share tokens. Of a hash
    /// that occurs twice the first stands.
    pub fn new(tokens: &[(u64, f32)], width: usize, seed: u64) -> Self {
        let width = width.max(1);
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut encoder = Self::empty(width);
        // Uniform in ±√3 has variance 1.
        let half = (3.0 / width as f32).sqrt();
        for (hash, length) in tokens {
            if encoder.add_token(*hash) {
                let numbers =
                    (0..width).map(|_| length * half * (2.0 * random.random::<f32>() - 1.0));
                encoder.table.extend(numbers);
            }
        }
        encoder
    }

    fn empty(width: usize) -> Self {
        Self {
            width,
            hashes: Vec::new(),
            rows: FxHashMap::default(),
            table: Vec::new(),
        }
    }

    fn add_token(&mut self, hash: u64) -> bool {
        let row = self.hashes.len() as u32;
        let anew = *self.rows.entry(hash).or_insert(row) == row;
        if anew {
            self.hashes.push(hash);
        }
        anew
    }

    /// Numbers of a vector.
    pub fn width(&self) -> usize {
        self.width
    }

    /// How many tokens it has a vector for.
    pub fn tokens(&self) -> usize {
        self.hashes.len()
    }

    /// Hashed tokens as rows; those without a row are left out.
    pub fn rows(&self, tokens: &[(u64, f32)]) -> WeightedRows {
        let known = tokens
            .iter()
            .map(|(hash, weight)| Some((*self.rows.get(hash)?, *weight)));
        known.flatten().collect()
    }

    fn row(&self, token: u32) -> Option<&[f32]> {
        let start = token as usize * self.width;
        self.table.get(start..start + self.width)
    }

    fn add(&self, tokens: &[(u32, f32)], out: &mut [f32]) {
        for (token, weight) in tokens {
            if let Some(row) = self.row(*token) {
                vectorized(
                    #[inline(always)]
                    || add_scaled(out, row, *weight),
                );
            }
        }
    }

    /// The vector of hashed tokens, of length 1; 0 where none is known.
    pub fn encode(&self, tokens: &[(u64, f32)]) -> Vec<f32> {
        self.encode_rows(&self.rows(tokens))
    }

    /// The vector of rows, of length 1; 0 where there is none.
    pub fn encode_rows(&self, tokens: &[(u32, f32)]) -> Vec<f32> {
        let mut out = vec![0.0; self.width];
        self.add(tokens, &mut out);
        normalize(&mut out, self.width);
        out
    }

    /// Everything as one file, numbers in half precision; the same encoder
    /// gives the same bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend((self.width as u32).to_le_bytes());
        bytes.extend((self.hashes.len() as u32).to_le_bytes());
        bytes.extend(self.hashes.iter().flat_map(|hash| hash.to_le_bytes()));
        let halves = self.table.iter().map(|number| f16::from_f32(*number));
        bytes.extend(halves.flat_map(f16::to_le_bytes));
        bytes
    }

    /// Reads what [`StaticEncoder::to_bytes`] wrote; refuses anything else.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ModelError> {
        let wrong = |reason: &str| ModelError::File(format!("static encoder: {reason}"));
        let rest = bytes
            .strip_prefix(MAGIC)
            .ok_or_else(|| wrong("not a static encoder"))?;
        let (width, rest) = rest
            .split_first_chunk::<4>()
            .ok_or_else(|| wrong("cut short"))?;
        let (tokens, rest) = rest
            .split_first_chunk::<4>()
            .ok_or_else(|| wrong("cut short"))?;
        let width = u32::from_le_bytes(*width) as usize;
        let tokens = u32::from_le_bytes(*tokens) as usize;
        let expected = width
            .checked_mul(2)
            .and_then(|row| row.checked_add(8)?.checked_mul(tokens));
        if width == 0 || expected != Some(rest.len()) {
            return Err(wrong("its rows are not whole"));
        }
        let (hashes, numbers) = rest.split_at(8 * tokens);
        let mut encoder = Self::empty(width);
        for chunk in hashes.as_chunks::<8>().0 {
            if !encoder.add_token(u64::from_le_bytes(*chunk)) {
                return Err(wrong("a token occurs twice"));
            }
        }
        let pairs = numbers.as_chunks::<2>().0.iter();
        encoder.table = pairs
            .map(|pair| f16::from_le_bytes(*pair).to_f32())
            .collect();
        if !encoder.table.iter().all(|number| number.is_finite()) {
            return Err(wrong("it holds something that is not a number"));
        }
        Ok(encoder)
    }
}

/// The scalar product of two vectors.
pub fn product(left: &[f32], right: &[f32]) -> f32 {
    vectorized(
        #[inline(always)]
        || dot(left, right),
    )
}

/// Trains a table by Adagrad (Duchi et al., 2011), touching only the rows
/// that a batch has.
pub struct StaticTrainer {
    encoder: StaticEncoder,
    squares: Vec<f32>,
    rate: f32,
    temperature: f32,
}

impl StaticTrainer {
    /// Goes on from a table. `rate` is the step of each number at first,
    /// `temperature` what cosines are divided by.
    pub fn new(encoder: StaticEncoder, rate: f32, temperature: f32) -> Self {
        Self {
            squares: vec![FIRST_SQUARES; encoder.table.len()],
            encoder,
            rate,
            temperature,
        }
    }

    /// The encoder as it stands.
    pub fn encoder(&self) -> &StaticEncoder {
        &self.encoder
    }

    /// The encoder; what no pair ever had says nothing.
    pub fn into_encoder(mut self) -> StaticEncoder {
        let width = self.encoder.width;
        let rows = self.encoder.table.chunks_exact_mut(width);
        for (row, squares) in rows.zip(self.squares.chunks_exact(width)) {
            if squares.iter().all(|square| *square == FIRST_SQUARES) {
                row.fill(0.0);
            }
        }
        self.encoder
    }

    /// One update: the two sides of each pair shall be nearer to each other
    /// than to those of other pairs. `groups` numbers what each side belongs
    /// to: pairs with an equal number do not compete. Returns the mean loss.
    pub fn step(
        &mut self,
        pairs: &[(WeightedRows, WeightedRows)],
        groups: &(Vec<usize>, Vec<usize>),
    ) -> f64 {
        let width = self.encoder.width;
        let sides: Vec<&WeightedRows> = pairs
            .iter()
            .map(|pair| &pair.0)
            .chain(pairs.iter().map(|pair| &pair.1))
            .collect();
        let mut sums = vec![0.0; sides.len() * width];
        for (tokens, out) in sides.iter().zip(sums.chunks_exact_mut(width)) {
            self.encoder.add(tokens, out);
        }
        let (loss, gradient) = pooled_loss(sums, width, self.temperature, groups);
        let mut rows: FxHashMap<u32, usize> = FxHashMap::default();
        let mut slopes: Vec<f32> = Vec::new();
        let mut order: Vec<u32> = Vec::new();
        for (tokens, of_sum) in sides.iter().zip(gradient.chunks_exact(width)) {
            for (token, weight) in tokens.iter() {
                if self.encoder.row(*token).is_none() {
                    continue;
                }
                let at = *rows.entry(*token).or_insert_with(|| {
                    order.push(*token);
                    slopes.resize(slopes.len() + width, 0.0);
                    order.len() - 1
                });
                let slope = &mut slopes[at * width..(at + 1) * width];
                vectorized(
                    #[inline(always)]
                    || add_scaled(slope, of_sum, *weight),
                );
            }
        }
        for (token, slope) in order.iter().zip(slopes.chunks_exact(width)) {
            let start = *token as usize * width;
            let row = &mut self.encoder.table[start..start + width];
            let squares = &mut self.squares[start..start + width];
            for ((number, square), slope) in row.iter_mut().zip(squares).zip(slope) {
                *square += slope * slope;
                *number -= self.rate * slope / square.sqrt();
            }
        }
        loss
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pairs whose sides share no token.
    fn pairs() -> Vec<(WeightedRows, WeightedRows)> {
        (0..40)
            .map(|index| {
                let left = vec![(index, 1.0), (80 + index % 7, 0.5)];
                (left, vec![(40 + index, 1.0)])
            })
            .collect()
    }

    fn tokens(count: u64) -> Vec<(u64, f32)> {
        (0..count).map(|hash| (1_000 + hash, 1.0)).collect()
    }

    fn groups(count: usize) -> (Vec<usize>, Vec<usize>) {
        ((0..count).collect(), (0..count).collect())
    }

    #[test]
    fn what_shares_no_token_is_learnt_to_be_near() {
        let encoder = StaticEncoder::new(&tokens(90), 16, 3);
        let mut trainer = StaticTrainer::new(encoder, 0.05, 0.1);
        let pairs = pairs();
        let first = trainer.step(&pairs, &groups(40));
        let mut last = first;
        for _ in 0..150 {
            last = trainer.step(&pairs, &groups(40));
        }
        assert!(first > 2.0 && last < 0.3, "{first} to {last}");
        let encoder = trainer.into_encoder();
        let right: Vec<Vec<f32>> = pairs
            .iter()
            .map(|pair| encoder.encode_rows(&pair.1))
            .collect();
        for (index, pair) in pairs.iter().enumerate() {
            let own = encoder.encode_rows(&pair.0);
            let best = right
                .iter()
                .map(|other| product(&own, other))
                .enumerate()
                .max_by(|a, b| a.1.total_cmp(&b.1));
            assert_eq!(best.map(|best| best.0), Some(index));
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_table_and_files_are_read_back() {
        let trained = || {
            let encoder = StaticEncoder::new(&tokens(90), 8, 5);
            let mut trainer = StaticTrainer::new(encoder, 0.05, 0.1);
            trainer.step(&pairs(), &groups(40));
            trainer.into_encoder()
        };
        let bytes = trained().to_bytes();
        assert_eq!(bytes, trained().to_bytes());
        let read = StaticEncoder::from_bytes(&bytes).expect("a table");
        assert_eq!((read.width(), read.tokens()), (8, 90));
        assert_eq!(read.to_bytes(), bytes);
        for broken in [&bytes[..7], &bytes[..20], &[]] {
            assert!(StaticEncoder::from_bytes(broken).is_err());
        }
        assert!(StaticEncoder::from_bytes(&[]).is_err());
    }

    #[test]
    fn unknown_tokens_say_nothing() {
        let encoder = StaticEncoder::new(&tokens(4), 8, 5);
        assert_eq!(encoder.encode(&[(9, 1.0)]), vec![0.0; 8]);
        let with = encoder.encode(&[(1_001, 1.0), (9, 1.0)]);
        let without = encoder.encode(&[(1_001, 1.0)]);
        assert!(product(&without, &without) > 0.999);
        assert_eq!(with, without);
    }
}
