//! A text that is JSON of a schema, by the automata of the crate `llguidance`:
//! an Earley parser over lexemes that are matched by derivatives of regular
//! expressions, walked along a tree of all tokens.

mod keywords;

use llguidance::api::TopLevelGrammar;
use llguidance::{JsonCompileOptions, Matcher, panic_utils};

use super::vocabulary::Vocabulary;
use crate::error::ModelError;
use crate::mask::TokenMask;

pub(super) struct Schema {
    matcher: Matcher,
    length: usize,
    complete: Option<bool>,
    /// The mask before any token, which making the schema has computed.
    first: Option<TokenMask>,
}

fn refuse(reason: impl std::fmt::Display) -> ModelError {
    ModelError::Decoding(format!("JSON Schema: {reason}"))
}

impl Schema {
    pub(super) fn new(
        schema: &serde_json::Value,
        vocabulary: &Vocabulary,
    ) -> Result<Schema, ModelError> {
        keywords::check(schema)?;
        let mut schema = match schema {
            // Options travel in an object.
            serde_json::Value::Bool(true) => serde_json::json!({}),
            other => other.clone(),
        };
        if !schema.is_object() {
            return Err(refuse("`false` accepts no text"));
        }
        let options = JsonCompileOptions {
            item_separator: ", ".to_owned(),
            key_separator: ": ".to_owned(),
            whitespace_flexible: false,
            ..JsonCompileOptions::default()
        };
        options.apply_to(&mut schema);
        let factory = vocabulary.factory();
        let build = || factory.create_parser(TopLevelGrammar::from_json_schema(schema));
        let parser = panic_utils::catch_unwind(std::panic::AssertUnwindSafe(build));
        let matcher = Matcher::new(parser);
        match matcher.get_error() {
            Some(error) if error.contains("coerce_one_of") => Err(refuse(
                "the options of a `oneOf` may overlap: write `anyOf`, or options that exclude \
                 each other",
            )),
            Some(error) => Err(refuse(error)),
            None => Schema {
                matcher,
                length: vocabulary.len(),
                complete: None,
                first: None,
            }
            .with_first_mask(),
        }
    }

    /// A schema that no text keeps to shows itself by a mask without tokens.
    fn with_first_mask(mut self) -> Result<Schema, ModelError> {
        match self.mask() {
            Ok(mask) if !mask.is_empty() => {
                self.first = Some(mask);
                Ok(self)
            }
            _ => Err(refuse("no text can keep to it")),
        }
    }

    pub(super) fn mask(&mut self) -> Result<TokenMask, ModelError> {
        if let Some(first) = self.first.take() {
            return Ok(first);
        }
        let set = self.matcher.compute_mask_or_eos().map_err(refuse)?;
        Ok(TokenMask::from_words(set.into(), self.length))
    }

    /// Whether the token keeps to the schema; else nothing changes.
    pub(super) fn accept(&mut self, token: u32) -> Result<bool, ModelError> {
        if token as usize >= self.length || self.matcher.is_stopped() {
            return Ok(false);
        }
        let taken = self.matcher.try_consume_tokens(&[token]).map_err(refuse)?;
        if taken == 1 {
            (self.complete, self.first) = (None, None);
        }
        Ok(taken == 1)
    }

    pub(super) fn is_complete(&mut self) -> bool {
        let matcher = &mut self.matcher;
        *self.complete.get_or_insert_with(|| {
            matcher.stop_reason().is_ok() && matcher.is_accepting().unwrap_or(false)
        })
    }

    pub(super) fn is_finished(&mut self) -> bool {
        self.matcher.is_stopped() && self.is_complete()
    }

    pub(super) fn forced(&mut self) -> Vec<u32> {
        self.matcher.compute_ff_tokens()
    }
}
