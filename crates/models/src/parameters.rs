//! Where each weight lies in the one flat buffer that holds a decoder's
//! parameters; gradients and moments use the same places.

use std::ops::Range;

use crate::decoder::DecoderConfig;

/// The places of one layer's weights.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LayerLayout {
    /// `[width]`
    pub(crate) attention_norm: Range<usize>,
    /// `[3 · width, width]`: queries, keys, values
    pub(crate) query_key_value: Range<usize>,
    /// `[width, width]`
    pub(crate) attention_out: Range<usize>,
    /// `[width]`
    pub(crate) feed_norm: Range<usize>,
    /// `[2 · hidden, width]`: gate, up
    pub(crate) gate_up: Range<usize>,
    /// `[width, hidden]`
    pub(crate) down: Range<usize>,
}

/// The places of all weights. Every weight is `[outputs, inputs]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Layout {
    /// `[vocabulary, width]`, used on the way in and on the way out
    pub(crate) embedding: Range<usize>,
    pub(crate) layers: Vec<LayerLayout>,
    /// `[width]`
    pub(crate) final_norm: Range<usize>,
    pub(crate) total: usize,
}

impl Layout {
    /// The layout of a configuration that [`DecoderConfig::validate`] accepts.
    pub(crate) fn new(config: &DecoderConfig) -> Layout {
        let (width, hidden) = (config.width, config.hidden);
        let mut end = 0;
        let mut place = |size: usize| {
            let start = end;
            end += size;
            start..end
        };
        let embedding = place(config.vocabulary * width);
        let layers = (0..config.layers)
            .map(|_| LayerLayout {
                attention_norm: place(width),
                query_key_value: place(3 * width * width),
                attention_out: place(width * width),
                feed_norm: place(width),
                gate_up: place(2 * hidden * width),
                down: place(width * hidden),
            })
            .collect();
        let final_norm = place(width);
        Layout {
            embedding,
            layers,
            final_norm,
            total: end,
        }
    }

    /// The places of the gains of the norms, which are not decayed.
    pub(crate) fn gains(&self) -> impl Iterator<Item = &Range<usize>> {
        self.layers
            .iter()
            .flat_map(|layer| [&layer.attention_norm, &layer.feed_norm])
            .chain([&self.final_norm])
    }

    /// Every tensor's place under the name and the shape that the Llama
    /// family gives it, so that other tools read the file.
    pub(crate) fn tensors(
        &self,
        config: &DecoderConfig,
    ) -> Vec<(String, Vec<usize>, Range<usize>)> {
        let (width, hidden) = (config.width, config.hidden);
        let mut tensors = vec![(
            "model.embed_tokens.weight".to_owned(),
            vec![config.vocabulary, width],
            self.embedding.clone(),
        )];
        for (index, layer) in self.layers.iter().enumerate() {
            let mut tensor = |name: &str, shape: Vec<usize>, start: usize| {
                let size: usize = shape.iter().product();
                tensors.push((
                    format!("model.layers.{index}.{name}.weight"),
                    shape,
                    start..start + size,
                ));
            };
            let square = width * width;
            let attention = layer.query_key_value.start;
            tensor("input_layernorm", vec![width], layer.attention_norm.start);
            tensor("self_attn.q_proj", vec![width, width], attention);
            tensor("self_attn.k_proj", vec![width, width], attention + square);
            tensor(
                "self_attn.v_proj",
                vec![width, width],
                attention + 2 * square,
            );
            tensor(
                "self_attn.o_proj",
                vec![width, width],
                layer.attention_out.start,
            );
            tensor(
                "post_attention_layernorm",
                vec![width],
                layer.feed_norm.start,
            );
            tensor("mlp.gate_proj", vec![hidden, width], layer.gate_up.start);
            tensor(
                "mlp.up_proj",
                vec![hidden, width],
                layer.gate_up.start + hidden * width,
            );
            tensor("mlp.down_proj", vec![width, hidden], layer.down.start);
        }
        tensors.push((
            "model.norm.weight".to_owned(),
            vec![width],
            self.final_norm.clone(),
        ));
        tensors
    }
}
