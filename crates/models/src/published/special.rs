//! The tokens with a meaning.

use serde::{Deserialize, Serialize};

/// The tokens with a meaning, and which of them stand around a text.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SpecialTokens {
    /// Begins a text; `[CLS]` for BERT.
    pub begin: Option<u32>,
    /// Any of these ends an answer; `[SEP]` for BERT.
    pub end: Vec<u32>,
    /// Fills up a batch.
    pub padding: Option<u32>,
    /// Stands for what has no token.
    pub unknown: Option<u32>,
    /// Whether the model expects `begin` before each text.
    pub add_begin: bool,
    /// Whether the model expects the first of `end` after each text.
    pub add_end: bool,
}

impl SpecialTokens {
    /// A text's tokens with what the model expects around them.
    pub fn around(&self, tokens: &[u32]) -> Vec<u32> {
        let begin = self.begin.filter(|_| self.add_begin);
        let end = self.end.first().copied().filter(|_| self.add_end);
        let tokens = tokens.iter().copied();
        begin.into_iter().chain(tokens).chain(end).collect()
    }

    /// Leaves out what is not in a vocabulary of this size.
    pub(crate) fn within(mut self, vocabulary: usize) -> SpecialTokens {
        let known = |token: &u32| (*token as usize) < vocabulary;
        self.begin = self.begin.filter(known);
        self.padding = self.padding.filter(known);
        self.unknown = self.unknown.filter(known);
        self.end.retain(known);
        self
    }
}
