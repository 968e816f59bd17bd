//! The bytes of each token, in a form that constraints search.

use std::sync::Arc;

use llguidance::ParserFactory;
use llguidance::toktrie::{InferenceCapabilities, TokRxInfo, TokTrie, TokenizerEnv};

use crate::error::ModelError;

/// ChatFormat a text into the tokens that a model knows it by.
pub type Encoder = Box<dyn Fn(&str) -> Vec<u32> + Send + Sync>;

/// The longest token in bytes that the tree of tokens can hold.
const LONGEST_TOKEN_BYTES: usize = 255;

/// The bytes of each token of a model. Making one takes a moment (all tokens
/// are sorted into a tree): make it once for each model.
pub struct Vocabulary {
    tokens: Arc<Tokens>,
    factory: ParserFactory,
}

pub(super) struct Tokens {
    pub(super) trie: TokTrie,
    pub(super) encoder: Option<Encoder>,
}

impl TokenizerEnv for Tokens {
    fn tok_trie(&self) -> &TokTrie {
        &self.trie
    }

    fn tokenize_bytes(&self, bytes: &[u8]) -> Vec<u32> {
        match (std::str::from_utf8(bytes), &self.encoder) {
            (Ok(text), Some(encoder)) => encoder(text),
            _ => self.trie.greedy_tokenize(bytes),
        }
    }

    fn tokenize_is_canonical(&self) -> bool {
        self.encoder.is_some()
    }
}

impl Vocabulary {
    /// The bytes of each token, which may hold a part of a character; empty
    /// for special tokens, which no constraint lets through. `end_token` ends
    /// a text.
    pub fn new(tokens: Vec<Vec<u8>>, end_token: u32) -> Result<Vocabulary, ModelError> {
        Vocabulary::build(tokens, end_token, None)
    }

    /// The same with an encoder, by which what is forced comes in the tokens
    /// that the model was trained on (and in many at once).
    pub fn with_encoder(
        tokens: Vec<Vec<u8>>,
        end_token: u32,
        encoder: Encoder,
    ) -> Result<Vocabulary, ModelError> {
        Vocabulary::build(tokens, end_token, Some(encoder))
    }

    fn build(
        mut tokens: Vec<Vec<u8>>,
        end_token: u32,
        encoder: Option<Encoder>,
    ) -> Result<Vocabulary, ModelError> {
        let size = tokens.len();
        let refuse = |message| Err(ModelError::Decoding(message));
        let Some(end) = tokens.get_mut(end_token as usize) else {
            return refuse(format!(
                "the end token {end_token} is not one of the {size} of the vocabulary"
            ));
        };
        end.clear();
        // No UTF-8 has a byte 255, and the tree marks special tokens by it.
        for token in &mut tokens {
            if token.contains(&0xFF) || token.len() > LONGEST_TOKEN_BYTES {
                token.clear();
            }
        }
        let trie = TokTrie::from(&TokRxInfo::new(size as u32, end_token), &tokens);
        let encoded = encoder.is_some();
        let tokens = Arc::new(Tokens { trie, encoder });
        let environment: Arc<dyn TokenizerEnv + Sync> = tokens.clone();
        let slices = llguidance::earley::SlicedBiasComputer::json_slices();
        let capabilities = InferenceCapabilities {
            ff_tokens: encoded,
            ..InferenceCapabilities::default()
        };
        match ParserFactory::new(&environment, capabilities, &slices) {
            Ok(mut factory) => {
                factory.quiet();
                factory.limits_mut().verbose_errors = false;
                Ok(Vocabulary { tokens, factory })
            }
            Err(error) => refuse(format!("the vocabulary cannot be searched: {error}")),
        }
    }

    /// How many tokens there are.
    pub fn len(&self) -> usize {
        self.tokens.trie.vocab_size()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The token that ends a text.
    pub fn end_token(&self) -> u32 {
        self.tokens.trie.eos_token()
    }

    pub(super) fn tokens(&self) -> &Arc<Tokens> {
        &self.tokens
    }

    pub(super) fn factory(&self) -> &ParserFactory {
        &self.factory
    }
}
