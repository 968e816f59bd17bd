//! A small engine that trains and runs language and sequence models on a
//! processor: flat buffers, hand-written forward and backward passes, one set
//! of layers for training and serving. It has never heard of a shop.

pub mod adapter;
pub mod architecture;
mod attention;
mod backward;
#[doc(hidden)]
pub mod bench;
mod cache;
mod checkpoint;

pub mod chat_format;
mod chat_model;
pub mod constrain;
mod contrastive;
mod dropout;
pub mod early_stop;
mod encoder;
pub mod engine;
pub mod error;
mod feed_forward;
mod forward;
pub mod generate;
#[cfg(test)]
mod gradient_check;
pub mod int8_vectors;
mod kernels;
pub mod language_model;
mod linear_layer;
pub mod load;
mod logits;
pub mod loss;
pub mod mask;
mod matrix;
mod muon;
mod names;
mod negative_sampling;
mod norm;
mod optimizer;
mod parameters;
mod products;
pub mod prompt_lookup;
pub mod published;
mod quantize;
mod rotary;
pub mod sampling;
mod score_normalisation;
mod sentence_encoder;
mod sequence;
pub mod softmax_regression;
pub mod stop;
pub mod text_blend;
pub mod tokenizer;
pub mod tool_calls;
pub mod trainer;
pub mod transformer;
mod vector;

pub use adapter::{AdapterOptions, AdapterTarget};
pub use architecture::{AttentionKind, TransformerConfig};
pub use cache::Cache;
pub use chat_format::ChatFormat;
pub use chat_model::ChatModel;
pub use early_stop::{EarlyStop, Verdict};
pub use encoder::Pooling;
pub use engine::{Engine, EngineOptions};
pub use error::ModelError;
pub use generate::{Stream, generate, score_continuations};
pub use language_model::{LanguageForm, LanguageModel};
pub use load::Precision;
pub use loss::{IGNORE, Loss};
pub use published::PublishedModel;
pub use sampling::{Sampler, Sampling};
pub use sentence_encoder::SentenceEncoder;
pub use sequence::Sequence;
pub use tokenizer::{TokenStream, Tokenizer};
pub use trainer::{Decay, Optimizer, Schedule, StepReport, Trainer, TrainerOptions};
pub use transformer::Transformer;

pub mod boosted_trees;
pub mod ease;
pub mod index;
pub mod intents;
pub mod linear;
pub mod naive_bayes;
pub mod neighbours;
pub mod next_item;
pub mod static_encoder;
