//! Keys and values of the tokens that a stream has seen: each further token
//! is computed alone.

use crate::architecture::TransformerConfig;
use crate::attention::Heads;

/// The keys and values of one stream, layer by layer.
#[derive(Debug, Clone)]
pub struct Cache {
    layers: Vec<LayerCache>,
    /// The width of a position's keys.
    width: usize,
    length: usize,
}

#[derive(Debug, Clone, Default)]
struct LayerCache {
    keys: Vec<f32>,
    values: Vec<f32>,
}

impl Cache {
    /// An empty cache for a model of this shape.
    pub fn new(config: &TransformerConfig) -> Cache {
        Cache {
            layers: vec![LayerCache::default(); config.layers],
            width: config.key_width(),
            length: 0,
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

    /// Forgets all but the first `length` tokens.
    pub fn truncate(&mut self, length: usize) {
        self.length = self.length.min(length);
        for layer in &mut self.layers {
            layer.keys.truncate(self.length * self.width);
            layer.values.truncate(self.length * self.width);
        }
    }

    /// Takes in the keys and values of new tokens in one layer; all of that
    /// layer's come back.
    pub(crate) fn extend(&mut self, layer: usize, rows: &[f32], heads: Heads) -> (&[f32], &[f32]) {
        let layer = &mut self.layers[layer];
        for row in rows.chunks_exact(heads.row()) {
            let (keys, values) = row[heads.total()..].split_at(heads.key_total());
            layer.keys.extend_from_slice(keys);
            layer.values.extend_from_slice(values);
        }
        (&layer.keys, &layer.values)
    }

    /// All layers have taken in `count` more tokens.
    pub(crate) fn extend_length(&mut self, count: usize) {
        self.length += count;
    }
}
