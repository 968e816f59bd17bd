//! The canonical names and shapes of a model's tensors.

use crate::architecture::{Biases, Norm, NormPlace, Positions, TransformerConfig};

/// Collects names and shapes.
#[derive(Default)]
struct Collector {
    tensors: Vec<(String, Vec<usize>)>,
}

impl Collector {
    fn add(&mut self, name: String, shape: &[usize]) {
        self.tensors.push((name, shape.to_vec()));
    }

    fn linear(&mut self, name: &str, (inputs, outputs): (usize, usize), bias: bool) {
        self.add(format!("{name}.weight"), &[outputs, inputs]);
        if bias {
            self.add(format!("{name}.bias"), &[outputs]);
        }
    }

    fn norm(&mut self, name: &str, width: usize, norm: Norm) {
        self.add(format!("{name}.weight"), &[width]);
        if norm == Norm::Layer {
            self.add(format!("{name}.bias"), &[width]);
        }
    }
}

/// Every tensor that a model of this shape has in published files, with its
/// shape: linear layers are `[outputs, inputs]`.
pub fn expected_tensors(config: &TransformerConfig) -> Vec<(String, Vec<usize>)> {
    match config.norm_place {
        NormPlace::After => encoder_tensors(config),
        NormPlace::Before | NormPlace::Around => decoder_tensors(config),
    }
}

fn decoder_tensors(config: &TransformerConfig) -> Vec<(String, Vec<usize>)> {
    let mut all = Collector::default();
    let (width, norm) = (config.width, config.norm);
    let around = config.norm_place == NormPlace::Around;
    let all_biases = config.biases == Biases::All;
    let attention_bias = config.biases != Biases::None;
    all.add(
        "model.embed_tokens.weight".to_owned(),
        &[config.vocabulary, width],
    );
    for layer in 0..config.layers {
        let name = |part: &str| format!("model.layers.{layer}.{part}");
        all.norm(&name("input_layernorm"), width, norm);
        let query = (width, config.query_width());
        let key = (width, config.key_width());
        for (part, shape) in [("q_proj", query), ("k_proj", key), ("v_proj", key)] {
            all.linear(&name(&format!("self_attn.{part}")), shape, attention_bias);
        }
        all.linear(
            &name("self_attn.o_proj"),
            (config.query_width(), width),
            all_biases,
        );
        if config.query_key_norm {
            all.norm(&name("self_attn.q_norm"), config.head_width, norm);
            all.norm(&name("self_attn.k_norm"), config.head_width, norm);
        }
        all.norm(&name("post_attention_layernorm"), width, norm);
        if around {
            all.norm(&name("pre_feedforward_layernorm"), width, norm);
            all.norm(&name("post_feedforward_layernorm"), width, norm);
        }
        if config.activation.is_gated() {
            all.linear(&name("mlp.gate_proj"), (width, config.hidden), all_biases);
        }
        all.linear(&name("mlp.up_proj"), (width, config.hidden), all_biases);
        all.linear(&name("mlp.down_proj"), (config.hidden, width), all_biases);
    }
    all.norm("model.norm", width, norm);
    if !config.tied {
        all.linear("lm_head", (width, config.vocabulary), false);
    }
    all.tensors
}

fn encoder_tensors(config: &TransformerConfig) -> Vec<(String, Vec<usize>)> {
    let mut all = Collector::default();
    let (width, norm) = (config.width, config.norm);
    let bias = config.biases == Biases::All;
    let table = |part: &str| format!("embeddings.{part}_embeddings.weight");
    all.add(table("word"), &[config.vocabulary, width]);
    if config.positions == Positions::Learned {
        all.add(table("position"), &[config.context, width]);
    }
    if config.segments > 0 {
        all.add(table("token_type"), &[config.segments, width]);
    }
    all.norm("embeddings.LayerNorm", width, norm);
    for layer in 0..config.layers {
        let name = |part: &str| format!("encoder.layer.{layer}.{part}");
        let (query, key) = (config.query_width(), config.key_width());
        all.linear(&name("attention.self.query"), (width, query), bias);
        all.linear(&name("attention.self.key"), (width, key), bias);
        all.linear(&name("attention.self.value"), (width, key), bias);
        all.linear(&name("attention.output.dense"), (query, width), bias);
        all.norm(&name("attention.output.LayerNorm"), width, norm);
        all.linear(&name("intermediate.dense"), (width, config.hidden), bias);
        all.linear(&name("output.dense"), (config.hidden, width), bias);
        all.norm(&name("output.LayerNorm"), width, norm);
    }
    all.tensors
}
