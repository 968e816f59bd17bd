//! Text to tokens and back.

use std::collections::HashSet;

use tokenizers::models::bpe::{BPE, BpeTrainer};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::{
    AddedToken, DecoderWrapper, NormalizerWrapper, PostProcessorWrapper, PreTokenizerWrapper,
    TokenizerImpl,
};

use crate::error::ModelError;

/// The longest token in bytes: a merge beyond it would learn whole sentences
/// by heart, where a language does not separate its words.
const LONGEST_TOKEN_BYTES: usize = 24;

type Pipeline = TokenizerImpl<
    BPE,
    NormalizerWrapper,
    PreTokenizerWrapper,
    PostProcessorWrapper,
    DecoderWrapper,
>;

/// Byte-level byte-pair encoding (Sennrich et al., 2016; Radford et al.,
/// 2019): every text has tokens and comes back from them unchanged.
///
/// A special token is never made from text: a customer who writes its name
/// gets the letters, so that nobody can forge a turn of a conversation.
#[derive(Debug, Clone)]
pub struct Tokenizer {
    pipeline: Pipeline,
}

fn refuse(reason: impl std::fmt::Display) -> ModelError {
    ModelError::Tokenizer(reason.to_string())
}

impl Tokenizer {
    /// Learns merges from texts until the vocabulary is full or nothing
    /// occurs twice. The special tokens come first, in their order.
    pub fn train<'a>(
        texts: impl Iterator<Item = &'a str> + Send,
        vocabulary: usize,
        special: &[&str],
    ) -> Result<Tokenizer, ModelError> {
        let smallest = 256 + special.len();
        if vocabulary < smallest {
            return Err(refuse(format!(
                "a vocabulary of {vocabulary} has no room for the {smallest} tokens it begins with"
            )));
        }
        let special = special.iter().map(|token| AddedToken::from(*token, true));
        let mut trainer = BpeTrainer::builder()
            .vocab_size(vocabulary)
            .min_frequency(2)
            .show_progress(false)
            .max_token_length(Some(LONGEST_TOKEN_BYTES))
            .special_tokens(special.collect())
            .initial_alphabet(ByteLevel::alphabet().into_iter().collect::<HashSet<char>>())
            .build();
        let byte_level = ByteLevel::new(false, false, true);
        let mut pipeline = Pipeline::new(BPE::default());
        pipeline.with_pre_tokenizer(Some(byte_level));
        pipeline.with_decoder(Some(byte_level));
        pipeline.train(&mut trainer, texts).map_err(refuse)?;
        Ok(Tokenizer::from_pipeline(pipeline))
    }

    fn from_pipeline(mut pipeline: Pipeline) -> Tokenizer {
        pipeline.set_encode_special_tokens(true);
        Tokenizer { pipeline }
    }

    /// The tokens of a text.
    pub fn encode(&self, text: &str) -> Vec<u32> {
        match self.pipeline.encode_fast(text, false) {
            Ok(encoding) => encoding.get_ids().to_vec(),
            Err(_) => Vec::new(),
        }
    }

    /// The text of tokens; special ones are left out, and bytes that are no
    /// UTF-8 become the replacement character.
    pub fn decode(&self, ids: &[u32]) -> String {
        self.pipeline.decode(ids, true).unwrap_or_default()
    }

    /// The id of a special token.
    pub fn special(&self, token: &str) -> Option<u32> {
        let added = self.pipeline.get_added_vocabulary();
        added
            .is_special_token(token)
            .then(|| self.pipeline.token_to_id(token))?
    }

    /// How many tokens there are, special ones included.
    pub fn vocabulary_size(&self) -> usize {
        self.pipeline.get_vocab_size(true)
    }

    /// The `tokenizer.json` that other tools read.
    pub fn to_json(&self) -> String {
        self.pipeline.to_string(false).unwrap_or_default()
    }

    /// Reads a `tokenizer.json` of byte-pair encoding.
    pub fn from_json(json: &str) -> Result<Tokenizer, ModelError> {
        let pipeline: Pipeline = json.parse().map_err(refuse)?;
        Ok(Tokenizer::from_pipeline(pipeline))
    }
}
