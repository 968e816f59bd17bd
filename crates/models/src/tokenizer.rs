//! Text to tokens and back.

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use tokenizers::models::TrainerWrapper;
use tokenizers::models::bpe::{BPE, BpeTrainer};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::{
    AddedToken, DecoderWrapper, ModelWrapper, NormalizerWrapper, PostProcessorWrapper,
    PreTokenizerWrapper, TokenizerImpl,
};

use crate::error::ModelError;

mod escape;
mod special;
mod spelling;
mod stream;

pub(crate) use escape::Escape;
pub use stream::TokenStream;

use special::SpecialTexts;
use spelling::Spelling;

/// The longest token in bytes: a merge beyond it would learn whole sentences
/// by heart, where a language does not separate its words.
const LONGEST_TOKEN_BYTES: usize = 24;

/// What the crate `tokenizers` runs: any model, any way to split.
pub(crate) type Pipeline = TokenizerImpl<
    ModelWrapper,
    NormalizerWrapper,
    PreTokenizerWrapper,
    PostProcessorWrapper,
    DecoderWrapper,
>;

/// Tokens of text: our own are byte-level byte-pair encoding (Sennrich et
/// al., 2016; Radford et al., 2019), where every text has tokens and comes
/// back from them unchanged; published ones may also be SentencePiece's
/// byte-pair encoding, WordPiece or unigrams.
///
/// A special token is never made from text: a customer who writes its name
/// gets the letters, so that nobody can forge a turn of a conversation.
#[derive(Debug, Clone)]
pub struct Tokenizer {
    pipeline: Pipeline,
    spelling: Spelling,
    /// Special tokens and those that a template of conversations writes.
    special: SpecialTexts,
    /// Of these, the ones that the pipeline would make from text.
    reserved: Vec<String>,
    unknown: Option<u32>,
}

pub(crate) fn refuse(reason: impl std::fmt::Display) -> ModelError {
    ModelError::Tokenizer(reason.to_string())
}

/// What a foreign tokenizer does with a text or a file: the crate panics on
/// some files that contradict themselves, which must not end the program.
fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, ModelError> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|_| refuse("it contradicts itself"))
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
        let trainer = BpeTrainer::builder()
            .vocab_size(vocabulary)
            .min_frequency(2)
            .show_progress(false)
            .max_token_length(Some(LONGEST_TOKEN_BYTES))
            .special_tokens(special.collect())
            .initial_alphabet(ByteLevel::alphabet().into_iter().collect::<HashSet<char>>())
            .build();
        let byte_level = ByteLevel::new(false, false, true);
        let mut pipeline = Pipeline::new(ModelWrapper::BPE(BPE::default()));
        pipeline.with_pre_tokenizer(Some(byte_level));
        pipeline.with_decoder(Some(byte_level));
        let mut trainer = TrainerWrapper::BpeTrainer(trainer);
        pipeline.train(&mut trainer, texts).map_err(refuse)?;
        Tokenizer::from_pipeline(pipeline)
    }

    /// A tokenizer around a pipeline. Truncation and padding are left out:
    /// whoever fills a batch decides about them.
    pub(crate) fn from_pipeline(mut pipeline: Pipeline) -> Result<Tokenizer, ModelError> {
        pipeline.set_encode_special_tokens(true);
        pipeline.with_truncation(None).map_err(refuse)?;
        pipeline.with_padding(None);
        let unknown = match pipeline.get_model() {
            ModelWrapper::BPE(model) => model.unk_token.clone(),
            ModelWrapper::WordPiece(model) => Some(model.unk_token.clone()),
            ModelWrapper::WordLevel(model) => Some(model.unk_token.clone()),
            ModelWrapper::Unigram(_) => Some("<unk>".to_owned()),
        };
        Ok(Tokenizer {
            spelling: Spelling::of(&pipeline),
            special: SpecialTexts::of(&pipeline),
            reserved: Vec::new(),
            unknown: unknown.and_then(|token| pipeline.token_to_id(&token)),
            pipeline,
        })
    }

    /// Keeps text from becoming any of these tokens, as if they were special,
    /// though they are written out where a model answers with them: what a
    /// template of conversations writes has a meaning.
    pub(crate) fn reserve<'t>(&mut self, tokens: impl Iterator<Item = &'t str>) {
        for token in tokens {
            let known = self.special.id(token).is_some();
            if let Some(id) = self.pipeline.token_to_id(token).filter(|_| !known) {
                self.special.insert(token, id);
                self.reserved.push(token.to_owned());
            }
        }
    }

    /// [`Tokenizer::reserve`] for the tokens that this template writes between
    /// brackets.
    pub(crate) fn reserve_written(&mut self, template: &str) {
        let bracketed = |text: &str| text.starts_with(['<', '[']) && text.ends_with(['>', ']']);
        let added = self.added_tokens();
        let written = added.iter().map(|token| token.1.as_str());
        self.reserve(written.filter(|text| bracketed(text) && template.contains(text)));
    }

    /// The tokens of a text.
    pub fn encode(&self, text: &str) -> Vec<u32> {
        let mut tokens = Vec::new();
        for piece in special::cut(text, &self.reserved) {
            let piece_tokens = self.encode_piece(piece);
            if piece_tokens
                .iter()
                .any(|token| self.means_something(*token))
            {
                // No published tokenizer does so; a forged file might.
                let mut letters = [0; 4];
                let letters = piece
                    .chars()
                    .flat_map(|letter| self.encode_piece(letter.encode_utf8(&mut letters)));
                tokens.extend(letters.filter(|token| !self.means_something(*token)));
            } else {
                tokens.extend(piece_tokens);
            }
        }
        tokens
    }

    fn encode_piece(&self, text: &str) -> Vec<u32> {
        match guarded(|| self.pipeline.encode_fast(text, false)) {
            Ok(Ok(encoding)) => encoding.get_ids().to_vec(),
            _ => Vec::new(),
        }
    }

    fn means_something(&self, token: u32) -> bool {
        self.special.contains(token) && self.unknown != Some(token)
    }

    /// The tokens of a text of our own, such as a template, in which the
    /// names of special tokens stand for them. Never for what customers
    /// write; see [`crate::published::ChatTemplate::encode`].
    pub fn encode_with_special(&self, text: &str) -> Vec<u32> {
        self.encode_escaped(text, |piece| piece.to_owned())
    }

    /// [`Tokenizer::encode_with_special`], where what stands between special
    /// tokens is first given its real letters.
    pub(crate) fn encode_escaped(&self, text: &str, unescape: impl Fn(&str) -> String) -> Vec<u32> {
        let mut tokens = Vec::new();
        for (piece, token) in self.special.split(text) {
            if !piece.is_empty() {
                tokens.extend(self.encode(&unescape(piece)));
            }
            tokens.extend(token);
        }
        tokens
    }

    /// The text of tokens; special ones are left out, and bytes that are no
    /// UTF-8 become the replacement character.
    pub fn decode(&self, ids: &[u32]) -> String {
        if self.spelling.is_wordpiece() {
            return guarded(|| self.pipeline.decode(ids, true).unwrap_or_default())
                .unwrap_or_default();
        }
        let mut stream = self.stream();
        let mut text: String = ids.iter().map(|id| stream.push(*id)).collect();
        text.push_str(&stream.finish());
        text
    }

    /// Decodes tokens as they come.
    pub fn stream(&self) -> TokenStream<'_> {
        TokenStream::new(self)
    }

    /// The bytes that a token adds to a text: none for a special token and
    /// for one that does not exist. They may be part of a character only.
    pub fn token_bytes(&self, id: u32) -> Vec<u8> {
        let added = self
            .pipeline
            .get_added_vocabulary()
            .get_added_tokens_decoder();
        match added.get(&id) {
            Some(token) if token.special => Vec::new(),
            Some(token) => token.content.clone().into_bytes(),
            None if self.unknown == Some(id) => Vec::new(),
            None => (self.pipeline.id_to_token(id))
                .map_or_else(Vec::new, |token| self.spelling.bytes(token)),
        }
    }

    /// Whether a text's first space was put there by the tokenizer.
    fn adds_first_space(&self) -> bool {
        self.spelling.adds_first_space()
    }

    /// The id of a special token.
    pub fn special(&self, token: &str) -> Option<u32> {
        let added = self.pipeline.get_added_vocabulary();
        added
            .is_special_token(token)
            .then(|| self.pipeline.token_to_id(token))?
    }

    /// The id of any token, by its name in the file.
    pub fn token(&self, name: &str) -> Option<u32> {
        self.pipeline.token_to_id(name)
    }

    /// How many tokens there are, special ones included.
    pub fn vocabulary_size(&self) -> usize {
        self.pipeline.get_vocab_size(true)
    }

    /// One more than the highest id.
    pub fn id_bound(&self) -> usize {
        let ids = self.pipeline.get_vocab(true).into_values();
        ids.max().map_or(0, |highest| highest as usize + 1)
    }

    /// The tokens that a file has beside those of its model: id, text and
    /// whether it is special.
    pub(crate) fn added_tokens(&self) -> Vec<(u32, String, bool)> {
        let added = self
            .pipeline
            .get_added_vocabulary()
            .get_added_tokens_decoder();
        let tokens = added
            .iter()
            .map(|(id, token)| (*id, token.content.clone(), token.special));
        tokens.collect()
    }

    /// What the file itself puts around an empty text: the tokens that begin
    /// and end one.
    pub(crate) fn around_nothing(&self) -> Vec<u32> {
        match guarded(|| self.pipeline.encode("", true)) {
            Ok(Ok(encoding)) => encoding.get_ids().to_vec(),
            _ => Vec::new(),
        }
    }

    /// Takes text that must not be a special token apart from the template
    /// around it.
    pub(crate) fn escape(&self) -> Escape {
        Escape::new(self.special.texts())
    }

    /// Whether a text is one word in which no special token stands: a template
    /// may look for it by name.
    pub(crate) fn is_plain_word(&self, text: &str) -> bool {
        let plain = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
        text.chars().all(plain) && !self.special.texts().any(|special| text.contains(special))
    }

    /// The `tokenizer.json` that other tools read.
    pub fn to_json(&self) -> String {
        self.pipeline.to_string(false).unwrap_or_default()
    }

    /// Reads a `tokenizer.json`.
    pub fn from_json(json: &str) -> Result<Tokenizer, ModelError> {
        let pipeline: Pipeline = guarded(|| json.parse())?.map_err(refuse)?;
        guarded(|| Tokenizer::from_pipeline(pipeline))?
    }
}
