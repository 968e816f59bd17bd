//! The names and shapes that model files give to the weights: those of the
//! Llama family in Hugging Face's files, those of BERT for an encoder with
//! norms after its branches.

use std::ops::Range;

use crate::architecture::{Norm, NormPlace, TransformerConfig};
use crate::parameters::{Branch, Layout, Linear, Tensor};

/// The names that one family gives.
#[derive(Debug, Clone, Copy)]
struct Family {
    embedding: &'static str,
    positions: &'static str,
    segments: &'static str,
    embedding_norm: &'static str,
    layer: &'static str,
    queries_keys_values: [&'static str; 3],
    attention_out: &'static str,
    attention_norms: [&'static str; 2],
    gate_up: [&'static str; 2],
    down: &'static str,
    feed_forward_norms: [&'static str; 2],
}

const LLAMA: Family = Family {
    embedding: "model.embed_tokens",
    positions: "model.embed_positions",
    segments: "model.embed_segments",
    embedding_norm: "model.embed_norm",
    layer: "model.layers",
    queries_keys_values: ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"],
    attention_out: "self_attn.o_proj",
    attention_norms: ["input_layernorm", "post_attention_layernorm"],
    gate_up: ["mlp.gate_proj", "mlp.up_proj"],
    down: "mlp.down_proj",
    feed_forward_norms: ["post_attention_layernorm", "post_feedforward_layernorm"],
};

/// With norms around each branch the second name means another norm.
const GEMMA: Family = Family {
    feed_forward_norms: ["pre_feedforward_layernorm", "post_feedforward_layernorm"],
    ..LLAMA
};

const BERT: Family = Family {
    embedding: "embeddings.word_embeddings",
    positions: "embeddings.position_embeddings",
    segments: "embeddings.token_type_embeddings",
    embedding_norm: "embeddings.LayerNorm",
    layer: "encoder.layer",
    queries_keys_values: [
        "attention.self.query",
        "attention.self.key",
        "attention.self.value",
    ],
    attention_out: "attention.output.dense",
    attention_norms: ["", "attention.output.LayerNorm"],
    gate_up: ["intermediate.gate", "intermediate.dense"],
    down: "output.dense",
    feed_forward_norms: ["", "output.LayerNorm"],
};

/// Collects the tensors of a layout.
struct Collector {
    tensors: Vec<Tensor>,
    width: usize,
    norm: Norm,
}

impl Collector {
    fn add(&mut self, name: String, shape: Vec<usize>, start: usize) {
        let size: usize = shape.iter().product();
        self.tensors.push(Tensor {
            name,
            shape,
            place: start..start + size,
        });
    }

    fn norm(&mut self, name: &str, place: Option<&Range<usize>>) {
        let Some(place) = place else {
            return;
        };
        self.add(format!("{name}.weight"), vec![self.width], place.start);
        if self.norm == Norm::Layer {
            let start = place.start + self.width;
            self.add(format!("{name}.bias"), vec![self.width], start);
        }
    }

    /// A linear layer whose outputs are these parts, each with its name.
    fn linear(&mut self, linear: &Linear, parts: &[(String, usize)]) {
        let mut first = 0;
        for (name, outputs) in parts {
            let start = linear.weight.start + first * linear.inputs;
            self.add(
                format!("{name}.weight"),
                vec![*outputs, linear.inputs],
                start,
            );
            if let Some(bias) = &linear.bias {
                self.add(format!("{name}.bias"), vec![*outputs], bias.start + first);
            }
            first += outputs;
        }
    }

    fn branch_norms(&mut self, prefix: &str, branch: &Branch, names: [&str; 2]) {
        self.norm(&format!("{prefix}.{}", names[0]), branch.norm.as_ref());
        self.norm(
            &format!("{prefix}.{}", names[1]),
            branch.norm_after.as_ref(),
        );
    }
}

impl Layout {
    /// Every tensor's name, shape and place.
    pub(crate) fn tensors(&self, config: &TransformerConfig) -> Vec<Tensor> {
        let family = match config.norm_place {
            NormPlace::Before => LLAMA,
            NormPlace::Around => GEMMA,
            NormPlace::After => BERT,
        };
        let width = config.width;
        let mut all = Collector {
            tensors: Vec::new(),
            width,
            norm: config.norm,
        };
        let table = |name: &str| format!("{name}.weight");
        let start = self.embedding.weight.start;
        all.add(
            table(family.embedding),
            vec![config.vocabulary, width],
            start,
        );
        if let Some(place) = &self.positions {
            all.add(
                table(family.positions),
                vec![config.context, width],
                place.start,
            );
        }
        if let Some(place) = &self.segments {
            all.add(
                table(family.segments),
                vec![config.segments, width],
                place.start,
            );
        }
        all.norm(family.embedding_norm, self.embedding_norm.as_ref());
        for (index, layer) in self.layers.iter().enumerate() {
            let prefix = format!("{}.{index}", family.layer);
            let named = |name: &str, outputs: usize| (format!("{prefix}.{name}"), outputs);
            let [queries, keys, values] = family.queries_keys_values;
            let parts = [
                named(queries, config.query_width()),
                named(keys, config.key_width()),
                named(values, config.key_width()),
            ];
            let attention = &layer.attention;
            all.branch_norms(&prefix, attention, family.attention_norms);
            all.linear(&attention.first, &parts);
            for (norm, name) in (layer.query_key_norms.iter().flatten()).zip(["q_norm", "k_norm"]) {
                let name = format!("{prefix}.self_attn.{name}.weight");
                all.add(name, vec![config.head_width], norm.start);
            }
            all.linear(&attention.second, &[named(family.attention_out, width)]);
            let feed = &layer.feed_forward;
            all.branch_norms(&prefix, feed, family.feed_forward_norms);
            let halves = family.gate_up.map(|name| named(name, config.hidden));
            let gated = usize::from(!config.activation.is_gated());
            all.linear(&feed.first, &halves[gated..]);
            all.linear(&feed.second, &[named(family.down, width)]);
            for (branch, name) in [(attention, "attention"), (feed, "feed_forward")] {
                if let Some(gate) = &branch.gate {
                    all.add(
                        format!("{prefix}.{name}_gate.weight"),
                        vec![width],
                        gate.start,
                    );
                }
            }
        }
        all.norm("model.norm", self.final_norm.as_ref());
        if !config.tied {
            let start = self.head.weight.start;
            all.add(
                "lm_head.weight".to_owned(),
                vec![config.vocabulary, width],
                start,
            );
        }
        all.tensors
    }
}
