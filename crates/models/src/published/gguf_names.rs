//! The names that GGUF files give to tensors, and how queries and keys are
//! ordered there.

use crate::architecture::TransformerConfig;

use super::Family;
use super::tensors::RowOrder;

/// Pairs of names in GGUF and of the canonical form, `{}` being the layer.
const DECODER: &[(&str, &str)] = &[
    ("token_embd", "model.embed_tokens"),
    ("output_norm", "model.norm"),
    ("output", "lm_head"),
    ("blk.{}.attn_norm", "model.layers.{}.input_layernorm"),
    ("blk.{}.attn_q", "model.layers.{}.self_attn.q_proj"),
    ("blk.{}.attn_k", "model.layers.{}.self_attn.k_proj"),
    ("blk.{}.attn_v", "model.layers.{}.self_attn.v_proj"),
    ("blk.{}.attn_output", "model.layers.{}.self_attn.o_proj"),
    ("blk.{}.attn_q_norm", "model.layers.{}.self_attn.q_norm"),
    ("blk.{}.attn_k_norm", "model.layers.{}.self_attn.k_norm"),
    ("blk.{}.ffn_gate", "model.layers.{}.mlp.gate_proj"),
    ("blk.{}.ffn_up", "model.layers.{}.mlp.up_proj"),
    ("blk.{}.ffn_down", "model.layers.{}.mlp.down_proj"),
];

const BEFORE: &[(&str, &str)] = &[(
    "blk.{}.ffn_norm",
    "model.layers.{}.post_attention_layernorm",
)];

const AROUND: &[(&str, &str)] = &[
    (
        "blk.{}.post_attention_norm",
        "model.layers.{}.post_attention_layernorm",
    ),
    (
        "blk.{}.ffn_norm",
        "model.layers.{}.pre_feedforward_layernorm",
    ),
    (
        "blk.{}.post_ffw_norm",
        "model.layers.{}.post_feedforward_layernorm",
    ),
];

const BERT: &[(&str, &str)] = &[
    ("token_embd", "embeddings.word_embeddings"),
    ("position_embd", "embeddings.position_embeddings"),
    ("token_types", "embeddings.token_type_embeddings"),
    ("token_embd_norm", "embeddings.LayerNorm"),
    ("blk.{}.attn_q", "encoder.layer.{}.attention.self.query"),
    ("blk.{}.attn_k", "encoder.layer.{}.attention.self.key"),
    ("blk.{}.attn_v", "encoder.layer.{}.attention.self.value"),
    (
        "blk.{}.attn_output",
        "encoder.layer.{}.attention.output.dense",
    ),
    (
        "blk.{}.attn_output_norm",
        "encoder.layer.{}.attention.output.LayerNorm",
    ),
    ("blk.{}.ffn_up", "encoder.layer.{}.intermediate.dense"),
    ("blk.{}.ffn_down", "encoder.layer.{}.output.dense"),
    (
        "blk.{}.layer_output_norm",
        "encoder.layer.{}.output.LayerNorm",
    ),
];

fn tables(family: Family) -> [&'static [(&'static str, &'static str)]; 2] {
    match family {
        Family::Llama | Family::Qwen2 | Family::Qwen3 => [DECODER, BEFORE],
        Family::Gemma3 => [DECODER, AROUND],
        Family::Bert => [BERT, &[]],
    }
}

/// Splits `a.12.b.weight` into `a.{}.b`, `12` and `weight`.
fn parts(name: &str) -> Option<(String, Option<&str>, &str)> {
    let (stem, ending) = name.rsplit_once('.')?;
    let number = |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let layer = stem.split('.').find(number);
    let stem = match layer {
        Some(layer) => stem.replacen(&format!(".{layer}."), ".{}.", 1),
        None => stem.to_owned(),
    };
    Some((stem, layer, ending))
}

fn translated(name: &str, find: impl Fn(&str) -> Option<&'static str>) -> Option<String> {
    let (stem, layer, ending) = parts(name)?;
    let other = find(&stem)?.replace("{}", layer.unwrap_or_default());
    Some(format!("{other}.{ending}"))
}

/// The canonical name of a tensor of a GGUF file.
pub(crate) fn canonical_name(family: Family, name: &str) -> Option<String> {
    translated(name, |stem| {
        let mut pairs = tables(family).into_iter().flatten();
        pairs.find(|pair| pair.0 == stem).map(|pair| pair.1)
    })
}

/// The name in GGUF of a tensor of the canonical form.
pub(crate) fn gguf_name(family: Family, name: &str) -> Option<String> {
    translated(name, |stem| {
        let mut pairs = tables(family).into_iter().flatten();
        pairs.find(|pair| pair.1 == stem).map(|pair| pair.0)
    })
}

/// How a GGUF file orders the rows of a tensor: llama.cpp turns neighbours in
/// models of the Llama family, halves in the others.
pub(crate) fn row_order(family: Family, canonical: &str, config: &TransformerConfig) -> RowOrder {
    let turned = [".self_attn.q_proj.", ".self_attn.k_proj."];
    if family == Family::Llama && turned.iter().any(|part| canonical.contains(part)) {
        let head_width = config.head_width;
        return RowOrder::Interleaved { head_width };
    }
    RowOrder::Direct
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_there_and_back() {
        for family in [
            Family::Llama,
            Family::Qwen2,
            Family::Qwen3,
            Family::Gemma3,
            Family::Bert,
        ] {
            for (gguf, canonical) in tables(family).into_iter().flatten() {
                let (gguf, canonical) = (format!("{gguf}.weight"), format!("{canonical}.weight"));
                let [gguf, canonical] = [gguf, canonical].map(|name| name.replace("{}", "17"));
                assert_eq!(canonical_name(family, &gguf).as_deref(), Some(&*canonical));
                assert_eq!(gguf_name(family, &canonical).as_deref(), Some(&*gguf));
            }
        }
        assert_eq!(
            canonical_name(Family::Llama, "blk.0.ssm_conv1d.weight"),
            None
        );
        assert_eq!(canonical_name(Family::Llama, "x"), None);
    }
}
