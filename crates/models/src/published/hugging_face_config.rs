//! A model's shape from `config.json` of Hugging Face.

use serde_json::Value;

use crate::architecture::{
    Activation, Biases, NormPlace, Positions, RotaryScaling, SlidingWindow, TransformerConfig,
};

use super::Family;

/// A refusal: the rest of a sentence that begins with the file's name.
type Read<T> = Result<T, String>;

/// Fields of a JSON object; `null` is as good as absent.
#[derive(Clone, Copy)]
struct Fields<'j> {
    json: &'j Value,
}

impl<'j> Fields<'j> {
    fn get(self, name: &str) -> Option<&'j Value> {
        self.json.get(name).filter(|value| !value.is_null())
    }

    fn size(self, name: &str) -> Read<Option<usize>> {
        let Some(value) = self.get(name) else {
            return Ok(None);
        };
        let size = value
            .as_u64()
            .and_then(|number| usize::try_from(number).ok());
        size.map(Some)
            .ok_or_else(|| format!("`{name}` is {value}, no usable whole number"))
    }

    fn needed(self, name: &str) -> Read<usize> {
        self.size(name)?
            .ok_or_else(|| format!("`{name}` is missing"))
    }

    fn number(self, name: &str) -> Read<Option<f32>> {
        let Some(value) = self.get(name) else {
            return Ok(None);
        };
        let number = value
            .as_f64()
            .map(|number| number as f32)
            .filter(|number| number.is_finite());
        number
            .map(Some)
            .ok_or_else(|| format!("`{name}` is {value}, no usable number"))
    }

    fn flag(self, name: &str) -> Read<Option<bool>> {
        let Some(value) = self.get(name) else {
            return Ok(None);
        };
        value
            .as_bool()
            .map(Some)
            .ok_or_else(|| format!("`{name}` is {value}, no truth value"))
    }

    fn text(self, name: &str) -> Read<Option<&'j str>> {
        let Some(value) = self.get(name) else {
            return Ok(None);
        };
        value
            .as_str()
            .map(Some)
            .ok_or_else(|| format!("`{name}` is {value}, no text"))
    }

    /// Refuses a field with a value that this engine would not obey.
    fn refuse_unless(self, name: &str, harmless: impl Fn(&Value) -> bool) -> Read<()> {
        match self.get(name) {
            Some(value) if !harmless(value) => Err(format!("`{name}` of {value} is not supported")),
            _ => Ok(()),
        }
    }
}

/// The family and shape that a `config.json` describes.
pub(crate) fn read_config(json: &Value) -> Read<(Family, TransformerConfig)> {
    let Some(model_type) = (Fields { json }).text("model_type")? else {
        return Err("`model_type` is missing".to_owned());
    };
    let (family, json) = match model_type {
        "llama" => (Family::Llama, json),
        "qwen2" => (Family::Qwen2, json),
        "qwen3" => (Family::Qwen3, json),
        "gemma3_text" => (Family::Gemma3, json),
        "gemma3" => match json.get("text_config") {
            Some(text) => (Family::Gemma3, text),
            None => return Err("`text_config` is missing".to_owned()),
        },
        "bert" => (Family::Bert, json),
        other => {
            return Err(format!(
                "models of the type `{other}` are not read; llama, qwen2, qwen3, gemma3_text, gemma3 and bert are"
            ));
        }
    };
    let fields = Fields { json };
    let config = match family {
        Family::Bert => bert(fields)?,
        _ => decoder(fields, family)?,
    };
    config.validate().map_err(|error| error.to_string())?;
    Ok((family, config))
}

fn bert(fields: Fields<'_>) -> Read<TransformerConfig> {
    fields.refuse_unless("hidden_act", |act| act == "gelu")?;
    fields.refuse_unless("position_embedding_type", |kind| kind == "absolute")?;
    fields.refuse_unless("is_decoder", |flag| flag == false)?;
    let config = TransformerConfig::encoder(
        fields.needed("num_hidden_layers")?,
        fields.needed("hidden_size")?,
        fields.needed("num_attention_heads")?,
        fields.needed("max_position_embeddings")?,
        fields.needed("vocab_size")?,
    );
    Ok(TransformerConfig {
        hidden: fields.needed("intermediate_size")?,
        norm_epsilon: fields.number("layer_norm_eps")?.unwrap_or(1e-12),
        segments: fields.size("type_vocab_size")?.unwrap_or(2),
        ..config
    })
}

fn decoder(fields: Fields<'_>, family: Family) -> Read<TransformerConfig> {
    let (width, heads) = (
        fields.needed("hidden_size")?,
        fields.needed("num_attention_heads")?,
    );
    let (layers, vocabulary) = (
        fields.needed("num_hidden_layers")?,
        fields.needed("vocab_size")?,
    );
    let context = fields.needed("max_position_embeddings")?;
    let head_width = match (fields.size("head_dim")?, family) {
        (Some(head_width), _) => head_width,
        (None, Family::Gemma3) => 256,
        (None, Family::Qwen3) => 128,
        (None, _) => width.checked_div(heads).unwrap_or(0),
    };
    let key_value_heads = fields.size("num_key_value_heads")?;
    let (rotary_base, scaling) = rotary(fields, "full_attention")?;
    let base = TransformerConfig {
        hidden: fields.needed("intermediate_size")?,
        key_value_heads: key_value_heads.unwrap_or(heads),
        head_width,
        norm_epsilon: fields.number("rms_norm_eps")?.unwrap_or(1e-6),
        rotary_base: rotary_base.unwrap_or(10_000.0),
        positions: Positions::Rotary {
            scaling,
            local_base: None,
        },
        tied: fields
            .flag("tie_word_embeddings")?
            .unwrap_or(family == Family::Gemma3),
        ..TransformerConfig::new(layers, width, heads, context, vocabulary)
    };
    let is_false = |flag: &Value| flag == false;
    if family == Family::Gemma3 {
        return gemma(fields, base);
    }
    fields.refuse_unless("hidden_act", |act| act == "silu")?;
    fields.refuse_unless("mlp_bias", is_false)?;
    match family {
        Family::Qwen2 => {
            fields.refuse_unless("use_sliding_window", is_false)?;
            Ok(TransformerConfig {
                biases: Biases::QueryKeyValue,
                ..base
            })
        }
        Family::Qwen3 => {
            fields.refuse_unless("use_sliding_window", is_false)?;
            fields.refuse_unless("attention_bias", is_false)?;
            Ok(TransformerConfig {
                query_key_norm: true,
                ..base
            })
        }
        Family::Llama | Family::Gemma3 | Family::Bert => {
            fields.refuse_unless("attention_bias", is_false)?;
            Ok(base)
        }
    }
}

fn gemma(fields: Fields<'_>, base: TransformerConfig) -> Read<TransformerConfig> {
    for act in ["hidden_activation", "hidden_act"] {
        fields.refuse_unless(act, |act| act == "gelu_pytorch_tanh")?;
    }
    for flag in ["attention_bias", "use_bidirectional_attention"] {
        fields.refuse_unless(flag, |flag| flag == false)?;
    }
    for cap in ["final_logit_softcapping", "attn_logit_softcapping"] {
        fields.refuse_unless(cap, |_| false)?;
    }
    let pattern = match fields.size("sliding_window_pattern")? {
        Some(pattern) => Some(pattern),
        None => fields.size("_sliding_window_pattern")?,
    };
    let global_every = match fields.get("layer_types") {
        Some(kinds) => global_every(kinds, base.layers)?,
        None => pattern.unwrap_or(6),
    };
    let length = fields.size("sliding_window")?.unwrap_or(4096);
    let (scaling, local) = match base.positions {
        Positions::Rotary { scaling, .. } => (scaling, rotary(fields, "sliding_attention")?.0),
        Positions::Learned => (RotaryScaling::None, None),
    };
    let has_layers = fields
        .get("rope_parameters")
        .is_some_and(|all| all.get("full_attention").is_some());
    let local = match fields.number("rope_local_base_freq")? {
        Some(local) => local,
        None => local.filter(|_| has_layers).unwrap_or(10_000.0),
    };
    let query_width = fields.number("query_pre_attn_scalar")?.unwrap_or(256.0);
    Ok(TransformerConfig {
        window: Some(SlidingWindow {
            length,
            global_every,
        }),
        query_key_norm: true,
        attention_scale: Some(1.0 / query_width.sqrt()),
        norm_place: NormPlace::Around,
        activation: Activation::GeGlu,
        positions: Positions::Rotary {
            scaling,
            local_base: Some(local),
        },
        rotary_base: rotary(fields, "full_attention")?.0.unwrap_or(1_000_000.0),
        embedding_scale: (base.width as f32).sqrt(),
        ..base
    })
}

/// Every how many layers one sees everything, by a list of all layers.
fn global_every(kinds: &Value, layers: usize) -> Read<usize> {
    let kinds: Option<Vec<bool>> = kinds.as_array().and_then(|kinds| {
        let kinds = kinds.iter().map(|kind| match kind.as_str() {
            Some("full_attention") => Some(true),
            Some("sliding_attention") => Some(false),
            _ => None,
        });
        kinds.collect()
    });
    let kinds = kinds.ok_or("`layer_types` has a kind that is not supported")?;
    let every = kinds
        .iter()
        .position(|global| *global)
        .map_or(0, |place| place + 1);
    let fits = |(layer, global): (usize, &bool)| {
        *global == (every > 0 && (layer + 1).is_multiple_of(every))
    };
    if kinds.len() != layers || !kinds.iter().enumerate().all(fits) {
        return Err("`layer_types` does not repeat in steps, which alone is supported".to_owned());
    }
    Ok(every)
}

/// The base and the scaling of rotary frequencies, in the older fields or
/// the newer `rope_parameters`, where each kind of layers may have its own.
fn rotary(fields: Fields<'_>, kind: &str) -> Read<(Option<f32>, RotaryScaling)> {
    let newer = fields
        .get("rope_parameters")
        .map(|all| all.get(kind).unwrap_or(all));
    let nothing = Value::Null;
    let rope = newer
        .or_else(|| fields.get("rope_scaling"))
        .unwrap_or(&nothing);
    let rope = Fields { json: rope };
    let base = match rope.number("rope_theta")? {
        Some(base) => Some(base),
        None => fields.number("rope_theta")?,
    };
    let name = match rope.text("rope_type")? {
        Some(name) => Some(name),
        None => rope.text("type")?,
    };
    let needed = |name: &str| {
        rope.number(name)?
            .ok_or_else(|| format!("`rope_scaling` lacks `{name}`"))
    };
    let scaling = match name {
        None | Some("default") => RotaryScaling::None,
        Some("linear") => RotaryScaling::Linear {
            factor: needed("factor")?,
        },
        Some("llama3") => RotaryScaling::Llama3 {
            factor: needed("factor")?,
            low_frequency_factor: needed("low_freq_factor")?,
            high_frequency_factor: needed("high_freq_factor")?,
            original_context: rope.needed("original_max_position_embeddings")?,
        },
        Some(other) => return Err(format!("rotary scaling of type `{other}` is not read")),
    };
    Ok((base, scaling))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::hugging_face_describe::{family_of, write_config};
    use super::*;

    #[test]
    fn every_family_goes_there_and_back() {
        let plain = TransformerConfig {
            key_value_heads: 2,
            head_width: 24,
            norm_epsilon: 1e-6,
            tied: false,
            ..TransformerConfig::new(6, 64, 4, 128, 300)
        };
        let llama_3 = RotaryScaling::Llama3 {
            factor: 8.0,
            low_frequency_factor: 1.0,
            high_frequency_factor: 4.0,
            original_context: 8192,
        };
        let rotary = |scaling, local_base| Positions::Rotary {
            scaling,
            local_base,
        };
        let gemma = TransformerConfig {
            window: Some(SlidingWindow {
                length: 32,
                global_every: 3,
            }),
            query_key_norm: true,
            attention_scale: Some(1.0 / 16.0),
            norm_place: NormPlace::Around,
            activation: Activation::GeGlu,
            positions: rotary(RotaryScaling::Linear { factor: 8.0 }, Some(10_000.0)),
            rotary_base: 1e6,
            embedding_scale: 8.0,
            ..plain.clone()
        };
        let cases = [
            (
                Family::Llama,
                TransformerConfig {
                    positions: rotary(llama_3, None),
                    ..plain.clone()
                },
            ),
            (
                Family::Qwen2,
                TransformerConfig {
                    biases: Biases::QueryKeyValue,
                    ..plain.clone()
                },
            ),
            (
                Family::Qwen3,
                TransformerConfig {
                    query_key_norm: true,
                    ..plain.clone()
                },
            ),
            (Family::Gemma3, gemma),
            (Family::Bert, TransformerConfig::encoder(3, 64, 4, 128, 300)),
        ];
        for (family, config) in cases {
            assert_eq!(family_of(&config), Ok(family));
            let json = write_config(&config, family);
            assert_eq!(read_config(&json), Ok((family, config)));
        }
    }

    /// Newer files give each kind of layers its own rotary fields.
    #[test]
    fn rotary_fields_may_stand_together() {
        let mut json = json!({
            "model_type": "gemma3_text", "vocab_size": 300, "hidden_size": 64, "intermediate_size": 96,
            "num_hidden_layers": 7, "num_attention_heads": 4, "num_key_value_heads": 1,
            "max_position_embeddings": 128, "sliding_window": 32, "query_pre_attn_scalar": 16,
            "rope_parameters": {
                "sliding_attention": {"rope_type": "default", "rope_theta": 20000.0},
                "full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 3e6},
            },
        });
        let (_, config) = read_config(&json).expect("a shape");
        let scaling = RotaryScaling::Linear { factor: 8.0 };
        let local_base = Some(20_000.0);
        assert_eq!(
            config.positions,
            Positions::Rotary {
                scaling,
                local_base
            }
        );
        assert_eq!(
            (config.rotary_base, config.attention_scale),
            (3e6, Some(0.25))
        );
        assert_eq!((config.window_of(5), config.window_of(6)), (None, Some(32)));
        assert!(config.tied);
        json["layer_types"] = json!(vec!["full_attention"; 7]);
        assert_eq!(read_config(&json).expect("a shape").1.window_of(0), None);
        json["layer_types"] = json!(["full_attention", "sliding_attention"]);
        assert!(read_config(&json).is_err_and(|error| error.contains("layer_types")));
        json["model_type"] = "llama".into();
        json["rope_parameters"] = json!({
            "rope_type": "llama3", "factor": 32.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
            "original_max_position_embeddings": 8192, "rope_theta": 5e5,
        });
        let (_, config) = read_config(&json).expect("a shape");
        let llama_3 = |scaling| {
            matches!(
                scaling,
                RotaryScaling::Llama3 {
                    factor: 32.0,
                    original_context: 8192,
                    ..
                }
            )
        };
        assert!(matches!(config.positions, Positions::Rotary { scaling, .. } if llama_3(scaling)));
        assert_eq!(config.rotary_base, 5e5);
    }

    #[test]
    fn what_would_be_computed_otherwise_is_refused() {
        let config = TransformerConfig::new(2, 64, 4, 128, 300);
        let refused = |field: &str, value: Value| {
            let mut json = write_config(&config, Family::Llama);
            json[field] = value;
            let error = read_config(&json).expect_err(field);
            assert!(
                error.contains(field) || error.contains("mamba") || error.contains("yarn"),
                "{error}"
            );
        };
        refused("model_type", json!("mamba"));
        refused("hidden_act", json!("gelu"));
        refused("attention_bias", json!(true));
        refused("hidden_size", json!("wide"));
        refused("vocab_size", Value::Null);
        refused("rope_scaling", json!({"rope_type": "yarn", "factor": 4.0}));
        refused("rms_norm_eps", json!([1]));
    }
}
