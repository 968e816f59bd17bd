//! Keys and values of the tokens that a stream has seen: each further token
//! is computed alone.

use crate::architecture::TransformerConfig;
use crate::attention::Heads;
use crate::vector::vectorized;

/// The keys and values of one stream, layer by layer.
#[derive(Debug, Clone)]
pub struct Cache {
    layers: Vec<[Rows; 2]>,
    /// The width of a position's keys.
    width: usize,
    /// The width of a head: what shares a scale in 8 bits.
    head_width: usize,
    length: usize,
    /// One layer's in full, as attention reads them.
    decoded: [Vec<f32>; 2],
}

/// The keys, or the values, of one layer: `[positions, key heads · head width]`.
#[derive(Debug, Clone)]
enum Rows {
    Full(Vec<f32>),
    /// A scale for each head of each position.
    Compact {
        numbers: Vec<i8>,
        scales: Vec<f32>,
    },
}

impl Cache {
    /// An empty cache for a model of this shape.
    pub fn new(config: &TransformerConfig) -> Cache {
        Cache::of(config, || Rows::Full(Vec::new()))
    }

    /// An empty cache that keeps 8 bits of each number.
    pub fn compact(config: &TransformerConfig) -> Cache {
        Cache::of(config, || Rows::Compact {
            numbers: Vec::new(),
            scales: Vec::new(),
        })
    }

    fn of(config: &TransformerConfig, rows: impl Fn() -> Rows) -> Cache {
        Cache {
            layers: (0..config.layers).map(|_| [rows(), rows()]).collect(),
            width: config.key_width(),
            head_width: config.head_width,
            length: 0,
            decoded: [Vec::new(), Vec::new()],
        }
    }

    /// How many tokens it holds.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// The bytes that its tokens take.
    pub fn bytes(&self) -> usize {
        let rows = self.layers.iter().flatten();
        rows.map(|rows| match rows {
            Rows::Full(values) => size_of_val(&values[..]),
            Rows::Compact { numbers, scales } => numbers.len() + size_of_val(&scales[..]),
        })
        .sum()
    }

    /// Forgets all but the first `length` tokens.
    pub fn truncate(&mut self, length: usize) {
        self.length = self.length.min(length);
        let size = self.length * self.width;
        for rows in self.layers.iter_mut().flatten() {
            match rows {
                Rows::Full(values) => values.truncate(size),
                Rows::Compact { numbers, scales } => {
                    numbers.truncate(size);
                    scales.truncate(size / self.head_width);
                }
            }
        }
    }

    /// Takes in the keys and values of new tokens in one layer; all of that
    /// layer's come back.
    pub(crate) fn extend(&mut self, layer: usize, rows: &[f32], heads: Heads) -> (&[f32], &[f32]) {
        let [keys, values] = &mut self.layers[layer];
        for row in rows.chunks_exact(heads.row()) {
            let (of_keys, of_values) = row[heads.total()..].split_at(heads.key_total());
            keys.extend(of_keys, heads.width);
            values.extend(of_values, heads.width);
        }
        let [decoded_keys, decoded_values] = &mut self.decoded;
        (
            keys.decode(heads.width, decoded_keys),
            values.decode(heads.width, decoded_values),
        )
    }

    /// All layers have taken in `count` more tokens.
    pub(crate) fn extend_length(&mut self, count: usize) {
        self.length += count;
    }
}

impl Rows {
    fn extend(&mut self, row: &[f32], head_width: usize) {
        match self {
            Rows::Full(values) => values.extend_from_slice(row),
            Rows::Compact { numbers, scales } => {
                for head in row.chunks_exact(head_width) {
                    let largest = head
                        .iter()
                        .fold(0.0_f32, |most, value| most.max(value.abs()));
                    let scale = largest / 127.0;
                    let inverse = if scale > 0.0 { 1.0 / scale } else { 0.0 };
                    scales.push(scale);
                    numbers.extend(head.iter().map(|value| (value * inverse).round() as i8));
                }
            }
        }
    }

    fn decode<'a>(&'a self, head_width: usize, decoded: &'a mut Vec<f32>) -> &'a [f32] {
        match self {
            Rows::Full(values) => values,
            Rows::Compact { numbers, scales } => {
                decoded.resize(numbers.len(), 0.0);
                vectorized(
                    #[inline(always)]
                    || {
                        let heads = decoded.chunks_exact_mut(head_width);
                        let heads = heads.zip(numbers.chunks_exact(head_width)).zip(scales);
                        for ((out, numbers), scale) in heads {
                            for (out, number) in out.iter_mut().zip(numbers) {
                                *out = f32::from(*number) * scale;
                            }
                        }
                    },
                );
                decoded
            }
        }
    }
}
