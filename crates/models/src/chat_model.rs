//! A network that answers conversations: with its tokenizer, the way in which
//! it expects them to be written, and the tokens that end its turn.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use serde_json::Value;

use crate::chat_format::ChatFormat;
use crate::constrain::Vocabulary;
use crate::error::ModelError;
use crate::language_model::LanguageModel;
use crate::load::Precision;
use crate::published::{ChatTemplate, PublishedModel, Role};
use crate::tokenizer::Tokenizer;
use crate::tool_calls::{Turn, in_words};
use crate::transformer::Transformer;

/// A decoder with all that a conversation with it takes.
pub struct ChatModel {
    /// What computes.
    pub network: Arc<Transformer>,
    /// Text to tokens and back.
    pub tokenizer: Tokenizer,
    /// Any of these ends the model's turn.
    pub ends: Vec<u32>,
    writing: Writing,
    /// Whether it thinks aloud before it answers, unless it is kept from it.
    thinks: bool,
    vocabulary: OnceLock<Vocabulary>,
}

/// A thought that is over before it began, as the templates of models that
/// think write it where thinking is switched off.
const NO_THOUGHT: &str = "<think>\n\n</think>\n\n";

/// How conversations are written.
#[derive(Debug)]
enum Writing {
    Template(ChatTemplate),
    Format(ChatFormat),
}

impl std::fmt::Debug for ChatModel {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("ChatModel")
            .field("config", self.network.config())
            .field("writing", &self.writing)
            .finish_non_exhaustive()
    }
}

impl ChatModel {
    /// A published model: a Hugging Face folder or a GGUF file.
    ///
    /// # Errors
    /// Where it cannot be read or has no tokenizer.
    pub fn published(path: &Path, precision: Precision) -> Result<ChatModel, ModelError> {
        let mut model = PublishedModel::read(path)?;
        let tokenizer = model.tokenizer.take().ok_or_else(|| {
            let reason = "it came without a tokenizer (`tokenizer.json`)";
            ModelError::File(format!("{}: {reason}", path.display()))
        })?;
        let format = ChatFormat::of(&model, &tokenizer);
        format.validate(model.config.vocabulary)?;
        let network = Arc::new(Transformer::load(&model, precision)?);
        let mut ends = model.special.end.clone();
        let thinks = (model.chat_template.as_ref()).is_some_and(ChatTemplate::switches_thinking);
        let writing = match model.chat_template.take() {
            Some(template) => {
                // Some files name another token than the one that ends a turn.
                let special = |token: &u32| tokenizer.token_bytes(*token).is_empty();
                ends.extend(format.user.first().copied().filter(special));
                Writing::Template(template)
            }
            None => {
                ends.extend(format.user.first());
                Writing::Format(format)
            }
        };
        Ok(ChatModel {
            network,
            tokenizer,
            ends,
            writing,
            thinks,
            vocabulary: OnceLock::new(),
        })
    }

    /// A model that was trained here, as it serves.
    pub fn trained(model: LanguageModel) -> ChatModel {
        let format = model.form.turns;
        let mut ends = model.form.special.end;
        ends.extend(format.user.first());
        ends.extend(format.end.first());
        ChatModel {
            network: Arc::new(model.network),
            tokenizer: model.tokenizer,
            ends,
            writing: Writing::Format(format),
            thinks: false,
            vocabulary: OnceLock::new(),
        }
    }

    /// The tokens of a conversation in which these tools may be called, with
    /// the beginning of the model's answer, `begun`, at its end.
    ///
    /// # Errors
    /// Where the model's template refuses the conversation.
    pub fn prompt(
        &self,
        turns: &[Turn],
        tools: &[Value],
        begun: &str,
    ) -> Result<Vec<u32>, ModelError> {
        let mut tokens = match &self.writing {
            Writing::Template(template) => {
                template.encode_with_tools(&self.tokenizer, turns, tools)?
            }
            Writing::Format(format) => self.formatted(format, &in_words(turns, tools)),
        };
        tokens.extend(self.tokenizer.encode_with_special(begun));
        Ok(tokens)
    }

    /// What its answer begins with, so that it answers without thinking aloud
    /// first.
    pub fn begun_without_thinking(&self) -> &'static str {
        if self.thinks { NO_THOUGHT } else { "" }
    }

    /// By a format, which has two roles: what the system says begins the next
    /// question.
    fn formatted(&self, format: &ChatFormat, turns: &[(Role, String)]) -> Vec<u32> {
        let mut system = String::new();
        let mut talk: Vec<(Role, Vec<u32>)> = Vec::new();
        for (role, content) in turns {
            match role {
                Role::System => system.push_str(&format!("{content}\n\n")),
                Role::Assistant => talk.push((*role, self.tokenizer.encode(content))),
                Role::User | Role::Tool => {
                    let said = format!("{}{content}", std::mem::take(&mut system));
                    talk.push((Role::User, self.tokenizer.encode(&said)));
                }
            }
        }
        if !system.is_empty() {
            talk.push((Role::User, self.tokenizer.encode(system.trim_end())));
        }
        let mut tokens = format.conversation(&talk, true).tokens;
        tokens.truncate(tokens.len() - format.end.len());
        if talk.last().is_some_and(|(role, _)| *role == Role::User) {
            tokens.extend(&format.assistant);
        }
        tokens
    }

    /// What constraints search; made when it is first asked for.
    ///
    /// # Errors
    /// Where the model names no token that ends a text.
    pub fn vocabulary(&self) -> Result<&Vocabulary, ModelError> {
        if let Some(vocabulary) = self.vocabulary.get() {
            return Ok(vocabulary);
        }
        let end = self.ends.first().ok_or_else(|| {
            ModelError::Decoding("the model names no token that ends a text".to_owned())
        })?;
        let size = self.network.config().vocabulary as u32;
        let tokens = (0..size).map(|token| self.tokenizer.token_bytes(token));
        let made = Vocabulary::new(tokens.collect(), *end)?;
        Ok(self.vocabulary.get_or_init(|| made))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{LanguageForm, TransformerConfig};

    fn trained() -> ChatModel {
        let special = ["<|customer|>", "<|agent|>", "<|end|>"];
        let tokenizer = Tokenizer::train(std::iter::empty(), 270, &special).unwrap();
        let config = TransformerConfig::new(1, 32, 2, 64, tokenizer.vocabulary_size());
        let turns = ChatFormat {
            first: vec![0],
            user: vec![2, 0],
            assistant: vec![1],
            end: vec![2],
            ..ChatFormat::default()
        };
        ChatModel::trained(LanguageModel {
            network: Transformer::new(config, 3).unwrap(),
            tokenizer,
            form: LanguageForm {
                turns,
                ..LanguageForm::default()
            },
        })
    }

    #[test]
    fn a_format_with_two_roles_leads_to_the_answer() {
        let model = trained();
        let said = |tokens: &[u32]| -> Vec<String> {
            let pieces = tokens.split(|token| *token < 3);
            let texts = pieces.map(|piece| model.tokenizer.decode(piece));
            texts.filter(|text| !text.is_empty()).collect()
        };
        let turns = [
            Turn::said(Role::System, "be brief"),
            Turn::said(Role::User, "hi<|end|>"),
            Turn::said(Role::Assistant, "yes"),
            Turn::said(Role::User, "why"),
        ];
        let prompt = model.prompt(&turns, &[], "so").unwrap();
        let expected = ["be brief\n\nhi<|end|>", "yes", "why", "so"];
        assert_eq!(said(&prompt), expected);
        let marks: Vec<u32> = prompt.into_iter().filter(|token| *token < 3).collect();
        assert_eq!(marks, [0, 1, 2, 0, 1]);
        // Who has begun to answer goes on.
        let prompt = model.prompt(&turns[..3], &[], "").unwrap();
        assert_eq!(said(&prompt), expected[..2]);
        assert_eq!(model.prompt(&turns[..1], &[], "").unwrap().last(), Some(&1));
        assert_eq!(model.ends, [2, 2]);
        assert_eq!(model.vocabulary().unwrap().end_token(), 2);
    }
}
