//! The vocabulary in the metadata of a GGUF file.

use crate::error::ModelError;

use super::gguf_metadata::Head;

/// What a token of a GGUF file is, with its number there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenKind {
    Normal = 1,
    Unknown = 2,
    Control = 3,
    UserDefined = 4,
    Unused = 5,
    Byte = 6,
}

impl TokenKind {
    fn from_number(number: f64) -> Option<TokenKind> {
        use TokenKind::*;
        let all = [Normal, Unknown, Control, UserDefined, Unused, Byte];
        all.into_iter()
            .find(|kind| f64::from(*kind as u8) == number)
    }
}

/// The lists of a vocabulary, checked to be of one length.
#[derive(Debug)]
pub(crate) struct Vocabulary<'a> {
    /// What it is: `gpt2`, `llama`, `bert`.
    pub(crate) model: &'a str,
    pub(crate) tokens: Vec<&'a str>,
    pub(crate) kinds: Vec<TokenKind>,
    pub(crate) scores: Vec<f32>,
    pub(crate) merges: Vec<(&'a str, &'a str)>,
}

impl<'a> Vocabulary<'a> {
    /// Reads it; none where the file has no vocabulary.
    pub(crate) fn read(head: &Head<'a>, rows: usize) -> Result<Option<Vocabulary<'a>>, ModelError> {
        let Some(model) = head
            .text("tokenizer.ggml.model")?
            .filter(|model| *model != "none" && *model != "no_vocab")
        else {
            return Ok(None);
        };
        let Some(tokens) = head.texts("tokenizer.ggml.tokens")? else {
            return Err(head.refuse("`tokenizer.ggml.tokens` is missing"));
        };
        if tokens.len() > rows {
            return Err(head.refuse(format!(
                "{} tokens have only {rows} rows of embedding",
                tokens.len()
            )));
        }
        let kinds = match head.numbers("tokenizer.ggml.token_type")? {
            Some(numbers) => {
                let kinds = numbers
                    .into_iter()
                    .map(TokenKind::from_number)
                    .collect::<Option<Vec<_>>>();
                kinds
                    .ok_or_else(|| head.refuse("`tokenizer.ggml.token_type` has an unknown type"))?
            }
            None => vec![TokenKind::Normal; tokens.len()],
        };
        let scores = match head.numbers("tokenizer.ggml.scores")? {
            Some(numbers) => numbers.into_iter().map(|number| number as f32).collect(),
            None => vec![0.0; tokens.len()],
        };
        for (name, length) in [("token_type", kinds.len()), ("scores", scores.len())] {
            if length != tokens.len() {
                let tokens = tokens.len();
                return Err(head.refuse(format!(
                    "`tokenizer.ggml.{name}` has {length} entries for {tokens} tokens"
                )));
            }
        }
        let merges = head.texts("tokenizer.ggml.merges")?.unwrap_or_default();
        // A part may itself hold a space only after its first letter.
        let pair = |merge: &'a str| {
            let first = merge.chars().next()?.len_utf8();
            let at = first + merge[first..].find(' ')?;
            Some((&merge[..at], &merge[at + 1..]))
        };
        let merges: Option<Vec<_>> = merges.into_iter().map(pair).collect();
        let Some(merges) = merges else {
            return Err(head.refuse("`tokenizer.ggml.merges` has an entry that is no pair"));
        };
        Ok(Some(Vocabulary {
            model,
            tokens,
            kinds,
            scores,
            merges,
        }))
    }
}
