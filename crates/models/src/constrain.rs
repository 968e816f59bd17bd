//! Decoding under a constraint: the text that a model produces is one of a
//! list, or JSON of a schema. For each step there is a mask of the tokens that
//! keep to it; whatever the model prefers, what it writes then parses.

mod schema;
mod strings;
mod vocabulary;

pub use vocabulary::{Encoder, Vocabulary};

use crate::error::ModelError;
use crate::mask::TokenMask;
use schema::Schema;
use strings::Strings;

/// What the text of one answer may be, and how much of it there is.
///
/// A loop: `mask`, choose a token, `accept` it, until it is the end token or
/// the constraint `is_finished`.
pub struct Constraint {
    language: Language,
    mask: TokenMask,
    fresh: bool,
    ended: bool,
    end_token: u32,
}

enum Language {
    Strings(Strings),
    Schema(Box<Schema>),
}

impl std::fmt::Debug for Constraint {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Constraint").finish_non_exhaustive()
    }
}

impl Constraint {
    /// The text is one of these. The error names a string that the vocabulary
    /// cannot spell.
    pub fn allowed_strings(
        strings: &[&str],
        vocabulary: &Vocabulary,
    ) -> Result<Constraint, ModelError> {
        let strings = Strings::new(strings, vocabulary)?;
        Ok(Constraint::of(Language::Strings(strings), vocabulary))
    }

    /// The text is JSON that this schema (JSON Schema, drafts 6 to
    /// 2020-12) accepts, with its properties in the order of the schema,
    /// `", "` between items, `": "` after a name and no other white space.
    ///
    /// The error names what cannot be guaranteed: an unknown keyword, a
    /// reference to another document, `oneOf` whose options overlap. Strings,
    /// numbers and lists without a greatest length may become as long as the
    /// model likes: the limit of tokens is what ends them.
    pub fn json_schema(
        schema: &serde_json::Value,
        vocabulary: &Vocabulary,
    ) -> Result<Constraint, ModelError> {
        let schema = Schema::new(schema, vocabulary)?;
        Ok(Constraint::of(
            Language::Schema(Box::new(schema)),
            vocabulary,
        ))
    }

    fn of(language: Language, vocabulary: &Vocabulary) -> Constraint {
        Constraint {
            language,
            mask: TokenMask::none(vocabulary.len()),
            fresh: false,
            ended: false,
            end_token: vocabulary.end_token(),
        }
    }

    /// The tokens that may come next; the end token is one where the text is
    /// complete. Once it has been accepted there is none.
    ///
    /// An error means that the schema asks for more work in one step than is
    /// allowed.
    pub fn mask(&mut self) -> Result<&TokenMask, ModelError> {
        if !self.fresh {
            match &mut self.language {
                _ if self.ended => self.mask.clear(),
                Language::Strings(strings) => strings.fill(&mut self.mask, self.end_token),
                Language::Schema(schema) => self.mask = schema.mask()?,
            }
            self.fresh = true;
        }
        Ok(&self.mask)
    }

    /// Takes in the token that was chosen; an error, without any effect, if
    /// the mask does not have it.
    pub fn accept(&mut self, token: u32) -> Result<(), ModelError> {
        let refused = || {
            let message = format!("token {token} does not keep to the constraint");
            Err(ModelError::Decoding(message))
        };
        if self.ended {
            return refused();
        }
        if token == self.end_token {
            if !self.is_complete() {
                return refused();
            }
            self.ended = true;
        } else {
            let taken = match &mut self.language {
                Language::Strings(strings) => strings.accept(token),
                Language::Schema(schema) => schema.accept(token)?,
            };
            if !taken {
                return refused();
            }
        }
        self.fresh = false;
        Ok(())
    }

    /// Whether the text so far may be all of it.
    pub fn is_complete(&mut self) -> bool {
        self.ended
            || match &mut self.language {
                Language::Strings(strings) => strings.is_complete(),
                Language::Schema(schema) => schema.is_complete(),
            }
    }

    /// Whether nothing but the end can follow.
    pub fn is_finished(&mut self) -> bool {
        self.ended
            || match &mut self.language {
                Language::Strings(strings) => strings.is_finished(),
                Language::Schema(schema) => schema.is_finished(),
            }
    }

    /// The tokens that are the only way on, the end token apart: they need no
    /// logits, only to be accepted and taken in by the model. Empty where
    /// there is a choice.
    ///
    /// A vocabulary with an encoder gives them whole, in the tokens that a
    /// model knows such text by; without one, where mostly a few tokens are
    /// possible that spell the same, it is seldom more than nothing.
    pub fn forced(&mut self) -> Result<Vec<u32>, ModelError> {
        if self.is_finished() {
            return Ok(Vec::new());
        }
        let forced = match &mut self.language {
            Language::Strings(strings) => strings.forced(),
            Language::Schema(schema) => schema.forced(),
        };
        if !forced.is_empty() {
            return Ok(forced);
        }
        let end_token = self.end_token;
        let only = self.mask()?.only().filter(|&token| token != end_token);
        Ok(only.into_iter().collect())
    }
}
