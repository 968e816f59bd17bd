//! A network with what it takes to read and to judge text: its tokenizer and
//! the form in which it was trained.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::chat_format::ChatFormat;
use crate::error::ModelError;
use crate::generate::score_continuations;
use crate::load::Precision;
use crate::published::{PublishedModel, SpecialTokens};
use crate::tokenizer::Tokenizer;
use crate::transformer::Transformer;

/// The files of a language model.
const NETWORK: &str = "decoder.safetensors";
const TOKENIZER: &str = "tokenizer.json";
const FORM: &str = "language.json";

/// How a network was trained and is to be served.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct LanguageForm {
    /// How conversations and texts are written.
    pub turns: ChatFormat,
    /// How its matrices are kept when it serves.
    pub precision: Precision,
    /// The tokens with a meaning.
    pub special: SpecialTokens,
    /// How conversations are written, in Jinja, for whoever it is exported to.
    pub chat_template: Option<String>,
    /// The published model that it was trained from, where there was one.
    pub base: Option<String>,
}

/// A network, its tokenizer and its form.
#[derive(Debug)]
pub struct LanguageModel {
    /// What computes.
    pub network: Transformer,
    /// Text to tokens and back.
    pub tokenizer: Tokenizer,
    /// How it was trained.
    pub form: LanguageForm,
}

impl LanguageModel {
    /// A published model to train from: its weights in full.
    ///
    /// # Errors
    /// Where it cannot be read, is an encoder or has no tokenizer.
    pub fn published(path: &Path) -> Result<LanguageModel, ModelError> {
        let mut model = PublishedModel::read(path)?;
        let refuse = |reason: &str| ModelError::File(format!("{}: {reason}", path.display()));
        if model.config.attention == crate::architecture::AttentionKind::Bidirectional {
            return Err(refuse(
                "an encoder does not write; take a decoder as the base",
            ));
        }
        let tokenizer = (model.tokenizer.take())
            .ok_or_else(|| refuse("it came without a tokenizer (`tokenizer.json`)"))?;
        let template = model.chat_template.as_ref();
        let form = LanguageForm {
            turns: ChatFormat::of(&model, &tokenizer),
            precision: Precision::Int8,
            chat_template: template.and_then(|template| Some(template.source()?.to_owned())),
            special: model.special.clone(),
            base: None,
        };
        form.turns.validate(model.config.vocabulary)?;
        Ok(LanguageModel {
            network: Transformer::load(&model, Precision::Full)?,
            tokenizer,
            form,
        })
    }

    /// Its files by name. The weights are written in 16 bits where they are
    /// served in fewer.
    ///
    /// # Errors
    /// Where the network is in fewer bits already.
    pub fn to_files(&self) -> Result<BTreeMap<String, Vec<u8>>, ModelError> {
        if self.network.is_quantized() {
            let reason = "a network in fewer bits is not written; keep the one in full";
            return Err(ModelError::Configuration(reason.to_owned()));
        }
        let network = match self.form.precision {
            Precision::Full => self.network.to_safetensors(),
            Precision::Int8 | Precision::Int4 | Precision::AsStored => {
                self.network.to_half_safetensors()
            }
        };
        let form = serde_json::to_vec(&self.form);
        let form = form.map_err(|error| ModelError::File(error.to_string()))?;
        Ok(BTreeMap::from([
            (NETWORK.to_owned(), network),
            (TOKENIZER.to_owned(), self.tokenizer.to_json().into_bytes()),
            (FORM.to_owned(), form),
        ]))
    }

    /// Reads what [`LanguageModel::to_files`] gave, with the weights in full.
    ///
    /// # Errors
    /// Which file is missing, broken or does not belong to the others.
    pub fn from_files(files: &BTreeMap<String, Vec<u8>>) -> Result<LanguageModel, ModelError> {
        let refuse = |name: &str, reason: &dyn std::fmt::Display| {
            ModelError::File(format!("{name}: {reason}"))
        };
        let file = |name: &str| {
            let file = files.get(name);
            file.ok_or_else(|| refuse(name, &"it is missing; train again"))
        };
        let network = Transformer::from_safetensors(file(NETWORK)?)
            .map_err(|error| refuse(NETWORK, &error))?;
        let text =
            std::str::from_utf8(file(TOKENIZER)?).map_err(|error| refuse(TOKENIZER, &error))?;
        let mut tokenizer =
            Tokenizer::from_json(text).map_err(|error| refuse(TOKENIZER, &error))?;
        let vocabulary = network.config().vocabulary;
        if tokenizer.id_bound() > vocabulary {
            return Err(refuse(TOKENIZER, &"it has more tokens than the network"));
        }
        let form: LanguageForm =
            serde_json::from_slice(file(FORM)?).map_err(|error| refuse(FORM, &error))?;
        form.turns
            .validate(vocabulary)
            .map_err(|error| refuse(FORM, &error))?;
        if let Some(template) = &form.chat_template {
            tokenizer.reserve_written(template);
        }
        Ok(LanguageModel {
            network,
            tokenizer,
            form,
        })
    }

    /// As it serves: with its matrices in the bits that its form says.
    pub fn for_serving(self) -> Result<LanguageModel, ModelError> {
        let network = self.network.quantized(self.form.precision)?;
        Ok(LanguageModel { network, ..self })
    }

    /// For each answer, how many nats a token the question makes it likelier:
    /// the pointwise mutual information of the two, a token. An answer without
    /// tokens has none. Of the question and of each answer the first tokens
    /// are read, as many as `most` says.
    pub fn pointwise_mutual_information(
        &self,
        question: &str,
        answers: &[&str],
        most: (usize, usize),
    ) -> Vec<f32> {
        let first = |text: &str, most: usize| -> Vec<u32> {
            self.tokenizer.encode(text).into_iter().take(most).collect()
        };
        let turns = &self.form.turns;
        let context = self.network.config().context;
        let alone = turns.question(&[]);
        let room = context.saturating_sub(alone.len());
        let question = first(question, most.0.min(room / 2));
        let room = room.saturating_sub(question.len());
        let answers: Vec<Vec<u32>> = (answers.iter())
            .map(|answer| first(answer, most.1.min(room)))
            .collect();
        let given = score_continuations(&self.network, &turns.question(&question), &answers);
        let alone = score_continuations(&self.network, &alone, &answers);
        let lengths = answers.iter().map(|tokens| tokens.len().max(1) as f32);
        (given.iter().zip(alone).zip(lengths))
            .map(|((given, alone), length)| (given - alone) / length)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TransformerConfig;

    fn language(precision: Precision) -> LanguageModel {
        let special = ["<|customer|>", "<|agent|>", "<|end|>"];
        let texts = ["when does it arrive", "it arrives on monday"];
        let tokenizer = Tokenizer::train((0..9).flat_map(|_| texts), 290, &special).unwrap();
        let config = TransformerConfig::new(2, 32, 2, 48, tokenizer.vocabulary_size());
        let turns = ChatFormat {
            first: vec![0],
            user: vec![0],
            assistant: vec![1],
            end: vec![2],
            text: Vec::new(),
            text_end: vec![2],
        };
        LanguageModel {
            network: Transformer::new(config, 3).unwrap(),
            tokenizer,
            form: LanguageForm {
                turns,
                precision,
                ..LanguageForm::default()
            },
        }
    }

    #[test]
    fn an_empty_question_has_no_information() {
        let language = language(Precision::Full);
        let answers = ["it arrives", "", "monday"];
        assert_eq!(
            language.pointwise_mutual_information("", &answers, (9, 9)),
            [0.0; 3]
        );
        let information = language.pointwise_mutual_information("when", &answers, (9, 9));
        assert!(information[0] != 0.0 && information[1] == 0.0 && information[2] != 0.0);
        assert_eq!(
            information[0],
            language.pointwise_mutual_information("when", &answers[..1], (9, 9))[0]
        );
    }

    #[test]
    fn more_than_the_context_holds_is_cut() {
        let language = language(Precision::Full);
        let long = "it arrives on monday ".repeat(50);
        let information =
            language.pointwise_mutual_information(&long, &[&long, "it"], (usize::MAX, usize::MAX));
        assert!(information.iter().all(|nats| nats.is_finite()));
    }

    #[test]
    fn files_come_back_and_what_is_missing_is_named() {
        for precision in [Precision::Full, Precision::Int8] {
            let language = language(precision);
            let files = language.to_files().unwrap();
            let read = LanguageModel::from_files(&files).unwrap();
            assert_eq!(read.form, language.form);
            let information = |language: &LanguageModel| {
                language.pointwise_mutual_information("when", &["monday"], (9, 9))[0]
            };
            assert!((information(&read) - information(&language)).abs() < 2e-3);
            let serving = read.for_serving().unwrap();
            assert_eq!(serving.network.is_quantized(), precision == Precision::Int8);
            assert!((information(&serving) - information(&language)).abs() < 5e-2);
            for name in [NETWORK, TOKENIZER, FORM] {
                let mut fewer = files.clone();
                fewer.remove(name);
                let error = LanguageModel::from_files(&fewer).expect_err(name);
                assert!(error.to_string().contains(name), "{error}");
                fewer.insert(name.to_owned(), b"{}".to_vec());
                assert!(LanguageModel::from_files(&fewer).is_err(), "{name}");
            }
        }
    }
}
