//! A model's shape from the metadata of a GGUF file.

use crate::architecture::{
    Activation, Biases, NormPlace, Positions, RotaryScaling, SlidingWindow, TransformerConfig,
};
use crate::error::ModelError;

use super::Family;
use super::gguf_metadata::Head;

/// The context where rotary frequencies of Llama 3 were first trained, and
/// its turns that bound what is stretched.
const LLAMA_3: (f32, f32, usize) = (1.0, 4.0, 8192);

/// Gemma 3 with this many layers scales scores by its width, not its heads.
const GEMMA_27B_LAYERS: usize = 62;

/// The family of a file.
pub(crate) fn family(head: &Head<'_>) -> Result<Family, ModelError> {
    let Some(name) = head.text("general.architecture")? else {
        return Err(head.refuse("`general.architecture` is missing"));
    };
    let all = [
        Family::Llama,
        Family::Qwen2,
        Family::Qwen3,
        Family::Gemma3,
        Family::Bert,
    ];
    all.into_iter().find(|family| family.architecture() == name).ok_or_else(|| {
        head.refuse(format!(
            "models of the architecture `{name}` are not read; llama, qwen2, qwen3, gemma3 and bert are"
        ))
    })
}

/// Keys of one architecture.
struct Keys<'h, 'a> {
    head: &'h Head<'a>,
    architecture: &'static str,
}

impl Keys<'_, '_> {
    fn key(&self, name: &str) -> String {
        format!("{}.{name}", self.architecture)
    }

    fn needed(&self, name: &str) -> Result<usize, ModelError> {
        self.head.needed_size(&self.key(name))
    }

    fn size(&self, name: &str) -> Result<Option<usize>, ModelError> {
        self.head.size(&self.key(name))
    }

    fn number(&self, name: &str) -> Result<Option<f32>, ModelError> {
        self.head.number(&self.key(name))
    }
}

/// The shape of the model in a file. `factors` are those of the tensor
/// `rope_freqs.weight`, where the file has one.
pub(crate) fn config(
    head: &Head<'_>,
    family: Family,
    vocabulary: usize,
    tied: bool,
    factors: Option<&[f32]>,
) -> Result<TransformerConfig, ModelError> {
    let architecture = family.architecture();
    let keys = Keys { head, architecture };
    let (layers, width) = (
        keys.needed("block_count")?,
        keys.needed("embedding_length")?,
    );
    let (heads, context) = (
        keys.needed("attention.head_count")?,
        keys.needed("context_length")?,
    );
    if layers > head.tensors.len() {
        return Err(head.refuse(format!(
            "{layers} layers cannot be in {} tensors",
            head.tensors.len()
        )));
    }
    if family == Family::Bert {
        return bert(&keys, (layers, width, heads, context, vocabulary));
    }
    let head_width = match keys.size("attention.key_length")? {
        Some(head_width) => head_width,
        None => width.checked_div(heads).unwrap_or(0),
    };
    refuse_unlike(&keys, head_width)?;
    let base = TransformerConfig {
        hidden: keys.needed("feed_forward_length")?,
        key_value_heads: keys.size("attention.head_count_kv")?.unwrap_or(heads),
        head_width,
        norm_epsilon: keys
            .number("attention.layer_norm_rms_epsilon")?
            .unwrap_or(1e-6),
        rotary_base: keys.number("rope.freq_base")?.unwrap_or(10_000.0),
        positions: Positions::Rotary {
            scaling: scaling(&keys, factors, head_width)?,
            local_base: None,
        },
        tied,
        ..TransformerConfig::new(layers, width, heads, context, vocabulary)
    };
    match family {
        Family::Llama | Family::Bert => Ok(base),
        Family::Qwen2 => Ok(TransformerConfig {
            biases: Biases::QueryKeyValue,
            ..base
        }),
        Family::Qwen3 => Ok(TransformerConfig {
            query_key_norm: true,
            ..base
        }),
        Family::Gemma3 => gemma(&keys, base),
    }
}

fn bert(
    keys: &Keys<'_, '_>,
    (layers, width, heads, context, vocabulary): (usize, usize, usize, usize, usize),
) -> Result<TransformerConfig, ModelError> {
    Ok(TransformerConfig {
        hidden: keys.needed("feed_forward_length")?,
        norm_epsilon: keys
            .number("attention.layer_norm_epsilon")?
            .unwrap_or(1e-12),
        segments: keys
            .head
            .size("tokenizer.ggml.token_type_count")?
            .unwrap_or(2),
        ..TransformerConfig::encoder(layers, width, heads, context, vocabulary)
    })
}

fn gemma(keys: &Keys<'_, '_>, base: TransformerConfig) -> Result<TransformerConfig, ModelError> {
    let scaling = match base.positions {
        Positions::Rotary { scaling, .. } => scaling,
        Positions::Learned => RotaryScaling::None,
    };
    let query_width = match base.layers {
        GEMMA_27B_LAYERS => base.width.checked_div(base.heads).unwrap_or(0),
        _ => base.head_width,
    };
    let pattern = keys.key("attention.sliding_window_pattern");
    // Newer files may list the layers; those that count have every sixth.
    let global_every = match keys.head.array(&pattern) {
        Ok(Some(_)) => 6,
        _ => keys.head.size(&pattern)?.unwrap_or(6),
    };
    let window = keys
        .size("attention.sliding_window")?
        .filter(|length| *length > 0);
    Ok(TransformerConfig {
        window: window.map(|length| SlidingWindow {
            length,
            global_every,
        }),
        query_key_norm: true,
        attention_scale: Some(1.0 / (query_width as f32).sqrt()),
        norm_place: NormPlace::Around,
        activation: Activation::GeGlu,
        positions: Positions::Rotary {
            scaling,
            local_base: Some(keys.number("rope.freq_base_swa")?.unwrap_or(10_000.0)),
        },
        rotary_base: keys.number("rope.freq_base")?.unwrap_or(1_000_000.0),
        embedding_scale: (base.width as f32).sqrt(),
        ..base
    })
}

/// Refuses what would change results and is not in [`TransformerConfig`].
fn refuse_unlike(keys: &Keys<'_, '_>, head_width: usize) -> Result<(), ModelError> {
    let refuse = |reason: String| Err(keys.head.refuse(reason));
    if let Some(value_width) = keys.size("attention.value_length")?
        && value_width != head_width
    {
        return refuse(format!(
            "heads of {head_width} for keys and {value_width} for values are not read"
        ));
    }
    if let Some(turned) = keys.size("rope.dimension_count")?
        && turned != head_width
    {
        return refuse(format!(
            "rotary positions on {turned} of a head's {head_width} values are not read"
        ));
    }
    if keys
        .size("expert_count")?
        .is_some_and(|experts| experts > 0)
    {
        return refuse("mixtures of experts are not read".to_owned());
    }
    for cap in ["attn_logit_softcapping", "final_logit_softcapping"] {
        if keys.number(cap)?.is_some_and(|cap| cap > 0.0) {
            return refuse(format!("`{}` is not supported", keys.key(cap)));
        }
    }
    Ok(())
}

fn scaling(
    keys: &Keys<'_, '_>,
    factors: Option<&[f32]>,
    head_width: usize,
) -> Result<RotaryScaling, ModelError> {
    if let Some(factors) = factors {
        let base = keys.number("rope.freq_base")?.unwrap_or(10_000.0);
        return llama_3(factors, head_width, base).ok_or_else(|| {
            keys.head
                .refuse("`rope_freqs.weight` is not the scaling of Llama 3, which alone is read")
        });
    }
    let factor = match keys.number("rope.scaling.factor")? {
        Some(factor) => Some(factor),
        None => keys.number("rope.scale_linear")?,
    };
    match keys.head.text(&keys.key("rope.scaling.type"))? {
        Some("none") => Ok(RotaryScaling::None),
        None | Some("linear") => Ok(match factor {
            Some(factor) if factor != 1.0 && factor != 0.0 => RotaryScaling::Linear { factor },
            _ => RotaryScaling::None,
        }),
        Some(other) => Err(keys
            .head
            .refuse(format!("rotary scaling of type `{other}` is not read"))),
    }
}

/// What each frequency is divided by under the scaling of Llama 3.
pub(crate) fn llama_3_factors(
    scaling: RotaryScaling,
    head_width: usize,
    base: f32,
) -> Option<Vec<f32>> {
    let RotaryScaling::Llama3 {
        factor,
        low_frequency_factor: low,
        high_frequency_factor: high,
        original_context,
    } = scaling
    else {
        return None;
    };
    let context = original_context as f32;
    let factors = (0..head_width / 2).map(|pair| {
        let frequency = base.powf(-2.0 * pair as f32 / head_width as f32);
        let turns = context * frequency / std::f32::consts::TAU;
        if turns < low {
            factor
        } else if turns > high {
            1.0
        } else {
            let smooth = (turns - low) / (high - low);
            1.0 / ((1.0 - smooth) / factor + smooth)
        }
    });
    Some(factors.collect())
}

/// The scaling of Llama 3 that gives these factors, where one does.
fn llama_3(factors: &[f32], head_width: usize, base: f32) -> Option<RotaryScaling> {
    let (low_frequency_factor, high_frequency_factor, original_context) = LLAMA_3;
    let scaling = RotaryScaling::Llama3 {
        factor: factors.iter().copied().fold(1.0, f32::max),
        low_frequency_factor,
        high_frequency_factor,
        original_context,
    };
    let expected = llama_3_factors(scaling, head_width, base)?;
    let close = |(found, expected): (&f32, &f32)| (found - expected).abs() <= 1e-3 * expected;
    (factors.len() == expected.len() && factors.iter().zip(&expected).all(close)).then_some(scaling)
}
