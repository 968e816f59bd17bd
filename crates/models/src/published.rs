//! Models as others publish them: Hugging Face folders and GGUF files read
//! into one neutral form, and written from it.
//!
//! Weights stay in the file, which is mapped into memory; they are decoded
//! row by row when somebody asks for them.

use std::path::{Path, PathBuf};

use crate::architecture::TransformerConfig;
use crate::error::ModelError;
use crate::tokenizer::Tokenizer;

mod blocks;
pub mod chat_template;
mod encoding;
mod gguf;
mod gguf_config;
mod gguf_metadata;
mod gguf_names;
mod gguf_quantize;
mod gguf_values;
mod gguf_vocabulary;
mod gguf_write;
mod hugging_face;
mod hugging_face_config;
mod hugging_face_describe;
mod hugging_face_write;
mod mapped;
mod names;
mod safetensors_header;
mod special;
mod split_rules;
mod tensors;
mod tokenizer_gguf;

pub use blocks::{FOUR_BIT_GROUP, FourBitGroup};
pub use chat_template::{ChatTemplate, Message, Role};
pub use encoding::Encoding;
pub use gguf::read_gguf;
pub use gguf_quantize::GgufEncoding;
pub use gguf_write::write_gguf;
pub use hugging_face::read_hugging_face;
pub use hugging_face_write::write_hugging_face;
pub use names::expected_tensors;
pub use special::SpecialTokens;
pub use tensors::{Tensor, Tensors};

/// The families that are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// Llama, SmolLM2 and what has their shape.
    Llama,
    /// Qwen 2 and 2.5.
    Qwen2,
    /// Qwen 3.
    Qwen3,
    /// Gemma 3, text only.
    Gemma3,
    /// BERT and its kin: MiniLM, BGE, E5.
    Bert,
}

impl Family {
    /// Its name in Hugging Face's `config.json`.
    pub fn model_type(self) -> &'static str {
        match self {
            Family::Llama => "llama",
            Family::Qwen2 => "qwen2",
            Family::Qwen3 => "qwen3",
            Family::Gemma3 => "gemma3_text",
            Family::Bert => "bert",
        }
    }

    /// Its name in GGUF files.
    pub fn architecture(self) -> &'static str {
        match self {
            Family::Gemma3 => "gemma3",
            other => other.model_type(),
        }
    }
}

/// A model as its publisher made it.
#[derive(Debug)]
pub struct PublishedModel {
    /// Which family it is of.
    pub family: Family,
    /// Its shape.
    pub config: TransformerConfig,
    /// Its weights by canonical names: those of Hugging Face's Llama, Gemma 3
    /// and BERT. Every tensor that the shape needs is there and has its
    /// shape.
    pub tensors: Tensors,
    /// Its tokenizer, where one came with it.
    pub tokenizer: Option<Tokenizer>,
    /// How a conversation is written.
    pub chat_template: Option<ChatTemplate>,
    /// The tokens with a meaning.
    pub special: SpecialTokens,
}

/// What is written of a model beside its weights.
#[derive(Debug, Clone, Copy)]
pub struct Publication<'m> {
    /// What it is called.
    pub name: &'m str,
    /// Its shape.
    pub config: &'m TransformerConfig,
    /// Its tokenizer; an item model has none.
    pub tokenizer: Option<&'m Tokenizer>,
    /// The tokens with a meaning.
    pub special: &'m SpecialTokens,
    /// How a conversation is written, in Jinja.
    pub chat_template: Option<&'m str>,
}

impl PublishedModel {
    /// Reads a Hugging Face folder or a GGUF file.
    pub fn read(path: &Path) -> Result<PublishedModel, ModelError> {
        if !path.is_dir() {
            return read_gguf(path);
        }
        let gguf = path.join("model.gguf");
        if gguf.is_file() && !path.join("config.json").is_file() {
            return read_gguf(&gguf);
        }
        read_hugging_face(path)
    }
}

/// A file's place as errors name it, and its refusals.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    path: PathBuf,
}

impl Source {
    pub(crate) fn new(path: &Path) -> Source {
        let path = path.to_owned();
        Source { path }
    }

    /// An error about this file.
    pub(crate) fn refuse(&self, reason: impl std::fmt::Display) -> ModelError {
        ModelError::File(format!("{}: {reason}", self.path.display()))
    }

    /// The file's bytes, read whole, unless it is larger than any file of its
    /// kind can be.
    pub(crate) fn read(&self, most_bytes: u64) -> Result<Vec<u8>, ModelError> {
        let size = std::fs::metadata(&self.path).map_err(|error| self.refuse(error))?;
        if size.len() > most_bytes {
            return Err(self.refuse(format!(
                "it has {} bytes, at most {most_bytes} make sense",
                size.len()
            )));
        }
        std::fs::read(&self.path).map_err(|error| self.refuse(error))
    }
}
