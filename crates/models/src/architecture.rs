//! The shapes that a transformer may have: one description for our own small
//! decoders and for the published families (Llama, Qwen 2.5 and 3, Gemma 3,
//! BERT).

use serde::{Deserialize, Serialize};

use crate::error::ModelError;
use crate::loss::IGNORE;

/// The most parameters that a model may have: what 32-bit offsets of other
/// tools can address, far above what a processor trains.
const MAXIMUM_PARAMETERS: usize = 1 << 32;

/// What a position may look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttentionKind {
    /// Itself and what is before it: a decoder.
    #[default]
    Causal,
    /// The whole sequence: an encoder.
    Bidirectional,
}

/// Layers that look back only so far (Beltagy et al., 2020).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlidingWindow {
    /// A position sees itself and `length - 1` positions before it.
    pub length: usize,
    /// Every so many layers one sees everything; 0 for none.
    pub global_every: usize,
}

/// Which linear layers add a bias.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Biases {
    /// None (Llama, Gemma, Qwen 3).
    #[default]
    None,
    /// Those of queries, keys and values (Qwen 2.5).
    QueryKeyValue,
    /// All (BERT).
    All,
}

/// How a row is normalised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Norm {
    /// By its root mean square (Zhang and Sennrich, 2019).
    #[default]
    RootMeanSquare,
    /// To mean 0 and variance 1, with a bias (Ba et al., 2016).
    Layer,
}

/// Where the norms of a layer stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NormPlace {
    /// Before each branch, and one after the last layer (Llama, Qwen).
    #[default]
    Before,
    /// After each branch is added to the stream, and one after the embedding
    /// (BERT).
    After,
    /// Before each branch and on its result, and one after the last layer
    /// (Gemma 3).
    Around,
}

/// What stands between the linear layers of a feed-forward block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// `silu(gate) · up` (Shazeer, 2020).
    #[default]
    SwiGlu,
    /// `gelu(gate) · up`, with the tanh form of GELU, as Gemma has it.
    GeGlu,
    /// GELU by the error function, without a gate (BERT).
    Gelu,
}

impl Activation {
    /// Whether the first linear layer has a gate beside the upward half.
    pub fn is_gated(self) -> bool {
        self != Activation::Gelu
    }
}

/// How rotary frequencies are stretched for a longer context.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RotaryScaling {
    /// As they are.
    #[default]
    None,
    /// All divided by a factor (Chen et al., 2023).
    Linear {
        /// The factor.
        factor: f32,
    },
    /// The slow ones divided by a factor, the fast ones left, those between
    /// mixed (Llama 3.1).
    Llama3 {
        /// What the slow ones are divided by.
        factor: f32,
        /// Fewer turns than this in the original context are slow.
        low_frequency_factor: f32,
        /// More turns than this are fast.
        high_frequency_factor: f32,
        /// The context of the first training.
        original_context: usize,
    },
}

/// How a token knows where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Positions {
    /// Queries and keys are turned (Su et al., 2021).
    Rotary {
        /// How frequencies are stretched.
        scaling: RotaryScaling,
        /// The base of the frequencies in layers with a sliding window; that
        /// of the others where none is given.
        local_base: Option<f32>,
    },
    /// A learned row for each position of the context is added to the
    /// embedding.
    Learned,
}

impl Default for Positions {
    fn default() -> Positions {
        Positions::Rotary {
            scaling: RotaryScaling::None,
            local_base: None,
        }
    }
}

/// The shape of a transformer. All fields but the first are those of a plain
/// decoder where a file does not name them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "Described")]
pub struct TransformerConfig {
    /// How many blocks of attention and feed-forward.
    pub layers: usize,
    /// The width of the residual stream.
    pub width: usize,
    /// Heads of queries.
    pub heads: usize,
    /// Heads of keys and values; each serves `heads / key_value_heads` heads
    /// of queries (Ainslie et al., 2023).
    pub key_value_heads: usize,
    /// The width of a head.
    pub head_width: usize,
    /// The inner width of the feed-forward blocks.
    pub hidden: usize,
    /// The longest sequence.
    pub context: usize,
    /// The number of tokens or items.
    pub vocabulary: usize,
    /// What a position may look at.
    pub attention: AttentionKind,
    /// How far back, in which layers; everything where there is none.
    pub window: Option<SlidingWindow>,
    /// Whether each head's queries and keys are normalised before they are
    /// turned (Qwen 3, Gemma 3).
    pub query_key_norm: bool,
    /// What scores are multiplied with; `1 / √head_width` where none is given.
    pub attention_scale: Option<f32>,
    /// Which linear layers have a bias.
    pub biases: Biases,
    /// How rows are normalised.
    pub norm: Norm,
    /// Keeps a row of zeros finite.
    pub norm_epsilon: f32,
    /// Where the norms stand.
    pub norm_place: NormPlace,
    /// What stands between the feed-forward layers.
    pub activation: Activation,
    /// How a token knows where it stands.
    pub positions: Positions,
    /// The base of the rotary frequencies.
    pub rotary_base: f32,
    /// What the embedding is multiplied with (`√width` for Gemma).
    pub embedding_scale: f32,
    /// Rows of segment embeddings, of which the first is used (BERT has 2).
    pub segments: usize,
    /// Whether a learned gain for each value stands at the end of each branch
    /// (Touvron et al., 2021).
    pub residual_gates: bool,
    /// Whether the way out uses the table of the way in.
    pub tied: bool,
    /// The share of values dropped in training, on the embedding and on each
    /// residual branch.
    pub dropout: f32,
}

/// A configuration as files hold it: what later versions added may be absent.
#[derive(Deserialize)]
struct Described {
    layers: usize,
    width: usize,
    heads: usize,
    key_value_heads: Option<usize>,
    head_width: Option<usize>,
    hidden: usize,
    context: usize,
    vocabulary: usize,
    #[serde(default)]
    attention: AttentionKind,
    #[serde(default)]
    window: Option<SlidingWindow>,
    #[serde(default)]
    query_key_norm: bool,
    #[serde(default)]
    attention_scale: Option<f32>,
    #[serde(default)]
    biases: Biases,
    #[serde(default)]
    norm: Norm,
    norm_epsilon: Option<f32>,
    #[serde(default)]
    norm_place: NormPlace,
    #[serde(default)]
    activation: Activation,
    #[serde(default)]
    positions: Positions,
    rotary_base: f32,
    embedding_scale: Option<f32>,
    #[serde(default)]
    segments: usize,
    #[serde(default)]
    residual_gates: bool,
    tied: Option<bool>,
    dropout: f32,
}

impl From<Described> for TransformerConfig {
    fn from(described: Described) -> TransformerConfig {
        let Described {
            layers,
            width,
            heads,
            ..
        } = described;
        TransformerConfig {
            layers,
            width,
            heads,
            key_value_heads: described.key_value_heads.unwrap_or(heads),
            head_width: (described.head_width).unwrap_or(width.checked_div(heads).unwrap_or(0)),
            hidden: described.hidden,
            context: described.context,
            vocabulary: described.vocabulary,
            attention: described.attention,
            window: described.window,
            query_key_norm: described.query_key_norm,
            attention_scale: described.attention_scale,
            biases: described.biases,
            norm: described.norm,
            norm_epsilon: described.norm_epsilon.unwrap_or(NORM_EPSILON),
            norm_place: described.norm_place,
            activation: described.activation,
            positions: described.positions,
            rotary_base: described.rotary_base,
            embedding_scale: described.embedding_scale.unwrap_or(1.0),
            segments: described.segments,
            residual_gates: described.residual_gates,
            tied: described.tied.unwrap_or(true),
            dropout: described.dropout,
        }
    }
}

/// The value of the Llama family.
const NORM_EPSILON: f32 = 1e-5;

impl TransformerConfig {
    /// A plain decoder with the usual proportions: an inner width of about
    /// 8/3 of the width in steps of 64, rotary base 10,000, one table for the
    /// way in and the way out, no dropout.
    pub fn new(
        layers: usize,
        width: usize,
        heads: usize,
        context: usize,
        vocabulary: usize,
    ) -> TransformerConfig {
        TransformerConfig::from(Described {
            layers,
            width,
            heads,
            key_value_heads: None,
            head_width: None,
            hidden: (width.saturating_mul(8) / 3).div_ceil(64) * 64,
            context,
            vocabulary,
            attention: AttentionKind::Causal,
            window: None,
            query_key_norm: false,
            attention_scale: None,
            biases: Biases::None,
            norm: Norm::RootMeanSquare,
            norm_epsilon: None,
            norm_place: NormPlace::Before,
            activation: Activation::SwiGlu,
            positions: Positions::default(),
            rotary_base: 10_000.0,
            embedding_scale: None,
            segments: 0,
            residual_gates: false,
            tied: None,
            dropout: 0.0,
        })
    }

    /// An encoder of the BERT family (Devlin et al., 2019): both directions,
    /// layer norms after each branch, learned positions, biases, GELU with
    /// four times the width.
    pub fn encoder(
        layers: usize,
        width: usize,
        heads: usize,
        context: usize,
        vocabulary: usize,
    ) -> TransformerConfig {
        TransformerConfig {
            hidden: width.saturating_mul(4),
            attention: AttentionKind::Bidirectional,
            biases: Biases::All,
            norm: Norm::Layer,
            norm_epsilon: 1e-12,
            norm_place: NormPlace::After,
            activation: Activation::Gelu,
            positions: Positions::Learned,
            segments: 2,
            ..TransformerConfig::new(layers, width, heads, context, vocabulary)
        }
    }

    /// The width of all queries of a position.
    pub fn query_width(&self) -> usize {
        self.heads * self.head_width
    }

    /// The width of all keys, or of all values, of a position.
    pub fn key_width(&self) -> usize {
        self.key_value_heads * self.head_width
    }

    /// The width of the first feed-forward layer's result.
    pub fn gate_up_width(&self) -> usize {
        self.hidden * if self.activation.is_gated() { 2 } else { 1 }
    }

    /// How many positions a layer looks back over, itself included; none for
    /// all of them.
    pub fn window_of(&self, layer: usize) -> Option<usize> {
        let window = self.window?;
        let global = window.global_every > 0 && (layer + 1).is_multiple_of(window.global_every);
        (!global).then_some(window.length)
    }

    /// How many parameters such a model has; an error if none can have this
    /// configuration.
    pub fn validate(&self) -> Result<usize, ModelError> {
        let refuse = |reason: &str| Err(ModelError::Configuration(reason.to_owned()));
        let positive = [
            ("layers", self.layers),
            ("width", self.width),
            ("heads", self.heads),
            ("key_value_heads", self.key_value_heads),
            ("head_width", self.head_width),
            ("hidden", self.hidden),
            ("context", self.context),
            ("vocabulary", self.vocabulary),
            ("window", self.window.map_or(1, |window| window.length)),
        ];
        if let Some((name, _)) = positive.iter().find(|(_, value)| *value == 0) {
            return refuse(&format!("{name} is 0"));
        }
        let rotary = matches!(self.positions, Positions::Rotary { .. });
        if rotary && !self.head_width.is_multiple_of(2) {
            return refuse("the width of a head must be even");
        }
        if !self.heads.is_multiple_of(self.key_value_heads) {
            return refuse("heads must be a multiple of key_value_heads");
        }
        let above_1 = |base: f32| base > 1.0 && base.is_finite();
        if !above_1(self.rotary_base) {
            return refuse("rotary_base must be above 1");
        }
        if let Positions::Rotary {
            scaling,
            local_base,
        } = self.positions
        {
            if local_base.is_some_and(|base| !above_1(base)) {
                return refuse("local_base must be above 1");
            }
            let positive = |value: f32| value > 0.0 && value.is_finite();
            let sound = match scaling {
                RotaryScaling::None => true,
                RotaryScaling::Linear { factor } => positive(factor),
                RotaryScaling::Llama3 {
                    factor,
                    low_frequency_factor: low,
                    high_frequency_factor: high,
                    original_context,
                } => {
                    positive(factor)
                        && positive(low)
                        && high > low
                        && high.is_finite()
                        && original_context > 0
                }
            };
            if !sound {
                return refuse("a factor of the rotary scaling cannot be");
            }
        }
        let finite = [self.embedding_scale, self.attention_scale.unwrap_or(1.0)];
        if !(finite.iter().all(|value| value.is_finite())
            && (0.0..1.0).contains(&self.norm_epsilon))
        {
            return refuse("a scale or an epsilon is not a usable number");
        }
        if !(0.0..1.0).contains(&self.dropout) {
            return refuse("dropout must be at least 0 and below 1");
        }
        self.count_parameters()
            .filter(|count| *count <= MAXIMUM_PARAMETERS && self.vocabulary < IGNORE as usize)
            .filter(|_| {
                (self.context.checked_mul(self.width.max(self.head_width)))
                    .is_some_and(|size| size <= MAXIMUM_PARAMETERS)
            })
            .map_or_else(|| refuse("it would be too large"), Ok)
    }

    fn count_parameters(&self) -> Option<usize> {
        let product = |left: usize, right: usize| left.checked_mul(right);
        let queries = product(self.heads, self.head_width)?;
        let keys = product(self.key_value_heads, self.head_width)?;
        let gate_up = product(self.hidden, if self.activation.is_gated() { 2 } else { 1 })?;
        let rows = queries.checked_add(product(keys, 2)?)?;
        let weights = [
            product(rows, self.width)?,
            product(queries, self.width)?,
            product(gate_up, self.width)?,
            product(self.hidden, self.width)?,
        ];
        let sum =
            |parts: &[usize]| (parts.iter()).try_fold(0_usize, |sum, part| sum.checked_add(*part));
        let biases = match self.biases {
            Biases::None => 0,
            Biases::QueryKeyValue => rows,
            Biases::All => sum(&[rows, self.width, gate_up, self.width])?,
        };
        let gain = product(self.width, if self.norm == Norm::Layer { 2 } else { 1 })?;
        let norms = match self.norm_place {
            NormPlace::Before | NormPlace::After => 2,
            NormPlace::Around => 4,
        };
        let layer = sum(&[
            sum(&weights)?,
            biases,
            product(gain, norms)?,
            if self.query_key_norm {
                2 * self.head_width
            } else {
                0
            },
            if self.residual_gates {
                product(self.width, 2)?
            } else {
                0
            },
        ])?;
        let table = product(self.vocabulary, self.width)?;
        let positions = match self.positions {
            Positions::Rotary { .. } => 0,
            Positions::Learned => product(self.context, self.width)?,
        };
        sum(&[
            product(table, if self.tied { 1 } else { 2 })?,
            product(layer, self.layers)?,
            gain,
            positions,
            product(self.segments, self.width)?,
        ])
    }
}
