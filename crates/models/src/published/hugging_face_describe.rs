//! `config.json` of Hugging Face from a model's shape.

use serde_json::{Value, json};

use crate::architecture::{
    Activation, Biases, NormPlace, Positions, RotaryScaling, TransformerConfig,
};

use super::Family;

/// The family whose files can hold a shape, or why none can.
pub(crate) fn family_of(config: &TransformerConfig) -> Result<Family, String> {
    let encoder = TransformerConfig {
        hidden: config.hidden,
        norm_epsilon: config.norm_epsilon,
        segments: config.segments,
        dropout: config.dropout,
        rotary_base: config.rotary_base,
        ..TransformerConfig::encoder(
            config.layers,
            config.width,
            config.heads,
            config.context,
            config.vocabulary,
        )
    };
    if *config == encoder {
        return Ok(Family::Bert);
    }
    let plain = TransformerConfig {
        hidden: config.hidden,
        key_value_heads: config.key_value_heads,
        head_width: config.head_width,
        norm_epsilon: config.norm_epsilon,
        rotary_base: config.rotary_base,
        tied: config.tied,
        dropout: config.dropout,
        ..TransformerConfig::new(
            config.layers,
            config.width,
            config.heads,
            config.context,
            config.vocabulary,
        )
    };
    let global = TransformerConfig {
        positions: config.positions,
        ..plain.clone()
    };
    let has_local_base = matches!(
        config.positions,
        Positions::Rotary {
            local_base: Some(_),
            ..
        }
    );
    let learned = config.positions == Positions::Learned;
    if !has_local_base && !learned {
        if *config == global {
            return Ok(Family::Llama);
        }
        if *config
            == (TransformerConfig {
                biases: Biases::QueryKeyValue,
                ..global.clone()
            })
        {
            return Ok(Family::Qwen2);
        }
        if *config
            == (TransformerConfig {
                query_key_norm: true,
                ..global.clone()
            })
        {
            return Ok(Family::Qwen3);
        }
    }
    let gemma = TransformerConfig {
        window: config.window,
        query_key_norm: true,
        attention_scale: config.attention_scale,
        norm_place: NormPlace::Around,
        activation: Activation::GeGlu,
        embedding_scale: (config.width as f32).sqrt(),
        ..global
    };
    if *config == gemma && config.window.is_some() && has_local_base {
        return Ok(Family::Gemma3);
    }
    Err("no published family has this shape, so that no other program could read it".to_owned())
}

/// The `config.json` of a shape.
pub(crate) fn write_config(config: &TransformerConfig, family: Family) -> Value {
    let architecture = match family {
        Family::Llama => "LlamaForCausalLM",
        Family::Qwen2 => "Qwen2ForCausalLM",
        Family::Qwen3 => "Qwen3ForCausalLM",
        Family::Gemma3 => "Gemma3ForCausalLM",
        Family::Bert => "BertModel",
    };
    let mut json = json!({
        "architectures": [architecture],
        "model_type": family.model_type(),
        "hidden_size": config.width,
        "intermediate_size": config.hidden,
        "num_hidden_layers": config.layers,
        "num_attention_heads": config.heads,
        "max_position_embeddings": config.context,
        "vocab_size": config.vocabulary,
        "torch_dtype": "float32",
    });
    let more = match family {
        Family::Bert => json!({
            "hidden_act": "gelu",
            "layer_norm_eps": config.norm_epsilon,
            "type_vocab_size": config.segments,
            "position_embedding_type": "absolute",
        }),
        _ => write_decoder(config, family),
    };
    merge(&mut json, more);
    json
}

fn merge(json: &mut Value, more: Value) {
    if let (Some(json), Value::Object(more)) = (json.as_object_mut(), more) {
        json.extend(more);
    }
}

fn write_decoder(config: &TransformerConfig, family: Family) -> Value {
    let (scaling, local_base) = match config.positions {
        Positions::Rotary {
            scaling,
            local_base,
        } => (scaling, local_base),
        Positions::Learned => (RotaryScaling::None, None),
    };
    let scaling = match scaling {
        RotaryScaling::None => Value::Null,
        RotaryScaling::Linear { factor } => json!({"rope_type": "linear", "factor": factor}),
        RotaryScaling::Llama3 {
            factor,
            low_frequency_factor,
            high_frequency_factor,
            original_context,
        } => json!({
            "rope_type": "llama3", "factor": factor, "low_freq_factor": low_frequency_factor,
            "high_freq_factor": high_frequency_factor, "original_max_position_embeddings": original_context,
        }),
    };
    let mut json = json!({
        "num_key_value_heads": config.key_value_heads,
        "head_dim": config.head_width,
        "rms_norm_eps": config.norm_epsilon,
        "rope_theta": config.rotary_base,
        "rope_scaling": scaling,
        "tie_word_embeddings": config.tied,
        "attention_bias": false,
        "use_cache": true,
    });
    let more = match (family, config.window) {
        (Family::Gemma3, Some(window)) => {
            let global = |layer: &usize| {
                window.global_every > 0 && (layer + 1).is_multiple_of(window.global_every)
            };
            let kind = |layer| {
                if global(&layer) {
                    "full_attention"
                } else {
                    "sliding_attention"
                }
            };
            let scale = config
                .attention_scale
                .unwrap_or(1.0 / (config.head_width as f32).sqrt());
            json!({
                "hidden_activation": "gelu_pytorch_tanh",
                "sliding_window": window.length,
                "layer_types": (0..config.layers).map(kind).collect::<Vec<_>>(),
                "rope_local_base_freq": local_base,
                "query_pre_attn_scalar": (1.0 / (f64::from(scale) * f64::from(scale))).round() as u64,
            })
        }
        _ => json!({"hidden_act": "silu"}),
    };
    merge(&mut json, more);
    json
}
