//! A published sentence encoder with what its files say about its use: how states
//! are pooled, and what stands before a query and before a passage.

use std::path::Path;

use serde_json::Value;

use crate::architecture::AttentionKind;
use crate::encoder::Pooling;
use crate::error::ModelError;
use crate::load::Precision;
use crate::published::{PublishedModel, SpecialTokens};
use crate::tokenizer::Tokenizer;
use crate::transformer::Transformer;

/// Longer settings are no settings.
const MOST_BYTES: u64 = 1 << 20;

/// Turns texts into vectors of length 1, so that the product of two is their
/// cosine.
#[derive(Debug)]
pub struct SentenceEncoder {
    network: Transformer,
    tokenizer: Tokenizer,
    special: SpecialTokens,
    settings: Settings,
    threads: usize,
}

/// What a model's files say about its use.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Settings {
    pooling: Pooling,
    query_prefix: String,
    passage_prefix: String,
    /// Tokens of a text at most.
    longest: Option<usize>,
}

impl Settings {
    /// Reads the files of sentence-transformers in a model's folder; without them
    /// states are averaged and nothing stands before a text. A model card that
    /// names E5's prefixes in quotes is believed.
    fn read(folder: &Path) -> Result<Self, ModelError> {
        let mut settings = Self::default();
        if let Some(pooling) = json(&folder.join("1_Pooling/config.json"))? {
            let says = |key: &str| pooling[key].as_bool() == Some(true);
            settings.pooling = match (
                says("pooling_mode_cls_token"),
                says("pooling_mode_mean_tokens"),
            ) {
                (true, _) => Pooling::First,
                (false, true) => Pooling::Mean,
                (false, false) => {
                    return Err(ModelError::File(format!(
                        "{}: 1_Pooling/config.json asks for neither the mean nor the first token",
                        folder.display()
                    )));
                }
            };
        }
        if let Some(limits) = json(&folder.join("sentence_bert_config.json"))? {
            let longest = limits["max_seq_length"].as_u64();
            settings.longest = longest.and_then(|longest| usize::try_from(longest).ok());
        }
        let prompts = json(&folder.join("config_sentence_transformers.json"))?;
        let prompts = prompts.map_or(Value::Null, |mut all| all["prompts"].take());
        let prompt = |names: &[&str]| {
            let mut found = names.iter().filter_map(|name| prompts[*name].as_str());
            found.next().map(str::to_owned)
        };
        let (query, passage) = (
            prompt(&["query", "search_query"]),
            prompt(&["passage", "document", "search_document"]),
        );
        let card = || text(&folder.join("README.md"));
        if query.is_some() || passage.is_some() {
            settings.query_prefix = query.unwrap_or_default();
            settings.passage_prefix = passage.unwrap_or_default();
        } else if let Some(card) = card()?
            && card.contains("\"query: \"")
            && card.contains("\"passage: \"")
        {
            settings.query_prefix = "query: ".to_owned();
            settings.passage_prefix = "passage: ".to_owned();
        }
        Ok(settings)
    }
}

/// A file of settings as text; `None` where there is none.
fn text(path: &Path) -> Result<Option<String>, ModelError> {
    let refuse = |reason: String| ModelError::File(format!("{}: {reason}", path.display()));
    match std::fs::metadata(path) {
        Ok(file) if file.len() > MOST_BYTES => Err(refuse(format!(
            "{} bytes are too many for settings",
            file.len()
        ))),
        Ok(_) => match std::fs::read_to_string(path) {
            Ok(text) => Ok(Some(text)),
            Err(error) => Err(refuse(error.to_string())),
        },
        Err(_) => Ok(None),
    }
}

fn json(path: &Path) -> Result<Option<Value>, ModelError> {
    let refuse = |error| ModelError::File(format!("{}: {error}", path.display()));
    let text = text(path)?;
    text.map(|text| serde_json::from_str(&text).map_err(refuse))
        .transpose()
}

impl SentenceEncoder {
    /// Reads a Hugging Face folder of the BERT family (`all-MiniLM-L6-v2`, E5, BGE)
    /// or a GGUF file; `threads` encode.
    pub fn load(path: &Path, precision: Precision, threads: usize) -> Result<Self, ModelError> {
        let refuse = |reason: &str| {
            ModelError::File(format!(
                "{}: {reason}; give the folder of a sentence encoder",
                path.display()
            ))
        };
        let mut published = PublishedModel::read(path)?;
        let tokenizer = published.tokenizer.take();
        let tokenizer = tokenizer.ok_or_else(|| refuse("it has no tokenizer"))?;
        if published.config.attention != AttentionKind::Bidirectional {
            return Err(refuse("it is no encoder"));
        }
        Ok(Self {
            network: Transformer::load(&published, precision)?,
            tokenizer,
            special: published.special,
            settings: Settings::read(path)?,
            threads: threads.max(1),
        })
    }

    /// Numbers of a vector.
    pub fn width(&self) -> usize {
        self.network.config().width
    }

    /// Whether it knows the letters of a text.
    pub fn reads(&self, text: &str) -> bool {
        let unknown = self.tokenizer.special("[UNK]");
        unknown.is_none_or(|unknown| !self.tokenizer.encode(text).contains(&unknown))
    }

    /// The vectors of what is sought, `[texts, width]`; of each text the first
    /// `longest` tokens count.
    pub fn encode_queries(&self, texts: &[&str], longest: usize) -> Vec<f32> {
        self.encode(texts, &self.settings.query_prefix, longest)
    }

    /// The vectors of what is found, `[texts, width]`; of each text the first
    /// `longest` tokens count.
    pub fn encode_passages(&self, texts: &[&str], longest: usize) -> Vec<f32> {
        self.encode(texts, &self.settings.passage_prefix, longest)
    }

    /// The tokens of a text as it is, in the tokens that the model expects
    /// around it.
    pub fn tokens(&self, text: &str) -> Vec<u32> {
        self.special.around(&self.tokenizer.encode(text))
    }

    /// How many tokens a text may have, with those around it.
    pub fn longest(&self) -> usize {
        let context = self.network.config().context;
        self.settings.longest.unwrap_or(context).min(context)
    }

    /// The vectors of texts in [`SentenceEncoder::tokens`], `[texts, width]`.
    pub fn encode_tokens(&self, texts: &[Vec<u32>]) -> Vec<f32> {
        let sequences: Vec<&[u32]> = texts.iter().map(Vec::as_slice).collect();
        let pooling = self.settings.pooling;
        self.network.encode(&sequences, pooling, self.threads)
    }

    fn encode(&self, texts: &[&str], prefix: &str, longest: usize) -> Vec<f32> {
        let around = self.special.around(&[]).len();
        let longest = longest.min(self.longest()).saturating_sub(around);
        let tokens: Vec<Vec<u32>> = texts
            .iter()
            .map(|text| {
                let mut tokens = self.tokenizer.encode(&format!("{prefix}{text}"));
                tokens.truncate(longest);
                self.special.around(&tokens)
            })
            .collect();
        self.encode_tokens(&tokens)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_where_the_files_have_them() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        let read = || Settings::read(folder.path());
        assert_eq!(read().unwrap(), Settings::default());
        write(
            "README.md",
            "Texts want a prefix: \"query: \" or \"passage: \".",
        );
        assert_eq!(read().unwrap().passage_prefix, "passage: ");
        write(
            "config_sentence_transformers.json",
            r#"{"prompts": {"query": "ask ", "document": ""}}"#,
        );
        write(
            "1_Pooling/config.json",
            r#"{"pooling_mode_cls_token": true}"#,
        );
        write("sentence_bert_config.json", r#"{"max_seq_length": 512}"#);
        let expected = Settings {
            pooling: Pooling::First,
            query_prefix: "ask ".to_owned(),
            passage_prefix: String::new(),
            longest: Some(512),
        };
        assert_eq!(read().unwrap(), expected);
        write(
            "1_Pooling/config.json",
            r#"{"pooling_mode_max_tokens": true}"#,
        );
        assert!(read().unwrap_err().to_string().contains("1_Pooling"));
        write("1_Pooling/config.json", "{");
        assert!(read().is_err());
    }
}
