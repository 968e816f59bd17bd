//! Tokenizers from the metadata of GGUF files.

use std::collections::HashMap;

use serde_json::{Value, json};
use tokenizers::models::bpe::{BPE, Vocab};
use tokenizers::models::wordpiece::WordPiece;
use tokenizers::{
    AddedToken, DecoderWrapper, ModelWrapper, NormalizerWrapper, PreTokenizerWrapper,
};

use crate::error::ModelError;
use crate::tokenizer::{Pipeline, Tokenizer, refuse};

use super::SpecialTokens;
use super::gguf_metadata::Head;
pub(crate) use super::gguf_vocabulary::{TokenKind, Vocabulary};
use super::split_rules::SplitRule;

/// The longest token in bytes that merges are sought for: published ones
/// have at most 93, and the search takes the square of the length.
const LONGEST_MERGED: usize = 256;

/// Tokens that end an answer beside the one that a file names, as llama.cpp
/// recognises them.
const ENDS: [&str; 6] = [
    "<|im_end|>",
    "<end_of_turn>",
    "<|eot_id|>",
    "<|end|>",
    "<|eom_id|>",
    "<|endoftext|>",
];

/// The tokenizer of a file.
pub(crate) fn tokenizer(
    head: &Head<'_>,
    vocabulary: &Vocabulary<'_>,
) -> Result<Tokenizer, ModelError> {
    let pipeline = match vocabulary.model {
        "gpt2" => byte_level(head, vocabulary),
        "llama" => sentence_piece(head, vocabulary),
        "bert" => word_piece(vocabulary),
        other => Err(refuse(format!(
            "vocabularies of the kind `{other}` are not read; gpt2, llama and bert are"
        ))),
    };
    let built = pipeline.and_then(|mut pipeline| {
        add_tokens(&mut pipeline, vocabulary)?;
        Tokenizer::from_pipeline(pipeline)
    });
    built.map_err(|error| head.refuse(error))
}

fn part<T: serde::de::DeserializeOwned>(json: Value) -> Result<T, ModelError> {
    serde_json::from_value(json).map_err(refuse)
}

fn ids(vocabulary: &Vocabulary<'_>) -> Vocab {
    let tokens = vocabulary.tokens.iter().zip(0..);
    tokens
        .map(|(token, id)| ((*token).to_owned(), id))
        .collect()
}

fn unknown<'a>(vocabulary: &Vocabulary<'a>) -> Option<&'a str> {
    let place = vocabulary
        .kinds
        .iter()
        .position(|kind| *kind == TokenKind::Unknown);
    let named = || {
        vocabulary
            .tokens
            .iter()
            .find(|token| ["<unk>", "[UNK]"].contains(token))
    };
    place
        .map(|place| vocabulary.tokens[place])
        .or_else(|| named().copied())
}

/// Byte-level byte-pair encoding by the file's merges.
fn byte_level(head: &Head<'_>, vocabulary: &Vocabulary<'_>) -> Result<Pipeline, ModelError> {
    let name = head.text("tokenizer.ggml.pre")?.unwrap_or("default");
    let Some(rule) = SplitRule::from_name(name) else {
        return Err(refuse(format!(
            "texts cannot be split by the rule `{name}` (tokenizer.ggml.pre)"
        )));
    };
    let merges =
        (vocabulary.merges.iter()).map(|(left, right)| ((*left).to_owned(), (*right).to_owned()));
    let merges: Vec<_> = merges.collect();
    check_merges(vocabulary, &merges)?;
    let model = BPE::builder()
        .vocab_and_merges(ids(vocabulary), merges)
        .ignore_merges(rule.ignores_merges());
    let mut pipeline = Pipeline::new(ModelWrapper::BPE(model.build().map_err(refuse)?));
    pipeline
        .with_normalizer(part::<Option<NormalizerWrapper>>(rule.normalizer())?)
        .map_err(refuse)?;
    pipeline.with_pre_tokenizer(part::<Option<PreTokenizerWrapper>>(rule.pre_tokenizer())?);
    let decoder = json!({"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true});
    pipeline.with_decoder(part::<Option<DecoderWrapper>>(decoder)?);
    Ok(pipeline)
}

/// The crate's builder panics where a merge is longer than all tokens.
fn check_merges(
    vocabulary: &Vocabulary<'_>,
    merges: &[(String, String)],
) -> Result<(), ModelError> {
    let longest = vocabulary
        .tokens
        .iter()
        .map(|token| token.len())
        .max()
        .unwrap_or(0);
    match merges
        .iter()
        .find(|(left, right)| left.len() + right.len() > longest)
    {
        Some((left, right)) => Err(refuse(format!(
            "the merge of `{left}` and `{right}` is no token"
        ))),
        None => Ok(()),
    }
}

/// SentencePiece's byte-pair encoding (Kudo and Richardson, 2018): of all
/// neighbours whose union is a token, those of the highest score are united
/// first. As merges: every way to halve a token into tokens, the tokens in
/// the order of their scores.
fn sentence_piece(head: &Head<'_>, vocabulary: &Vocabulary<'_>) -> Result<Pipeline, ModelError> {
    let builder = BPE::builder()
        .vocab_and_merges(ids(vocabulary), merges_by_score(vocabulary))
        .byte_fallback(true)
        .fuse_unk(true);
    let builder = match unknown(vocabulary) {
        Some(unknown) => builder.unk_token(unknown.to_owned()),
        None => builder,
    };
    let mut pipeline = Pipeline::new(ModelWrapper::BPE(builder.build().map_err(refuse)?));
    let mark_spaces = json!({"type": "Replace", "pattern": {"String": " "}, "content": "▁"});
    let prefix = head
        .flag("tokenizer.ggml.add_space_prefix")?
        .unwrap_or(true);
    let (normalizer, strip) = if prefix {
        let prepend = json!({"type": "Prepend", "prepend": "▁"});
        let strip = json!({"type": "Strip", "content": " ", "start": 1, "stop": 0});
        (
            json!({"type": "Sequence", "normalizers": [prepend, mark_spaces]}),
            Some(strip),
        )
    } else {
        (mark_spaces, None)
    };
    let spaces = json!({"type": "Replace", "pattern": {"String": "▁"}, "content": " "});
    let steps = [
        spaces,
        json!({"type": "ByteFallback"}),
        json!({"type": "Fuse"}),
    ];
    let steps: Vec<Value> = steps.into_iter().chain(strip).collect();
    pipeline
        .with_normalizer(part::<Option<NormalizerWrapper>>(normalizer)?)
        .map_err(refuse)?;
    pipeline.with_decoder(part::<Option<DecoderWrapper>>(
        json!({"type": "Sequence", "decoders": steps}),
    )?);
    Ok(pipeline)
}

fn merges_by_score(vocabulary: &Vocabulary<'_>) -> Vec<(String, String)> {
    let takes_part = |kind: TokenKind| matches!(kind, TokenKind::Normal | TokenKind::UserDefined);
    let normal = (vocabulary.tokens.iter().zip(&vocabulary.kinds).zip(0u32..))
        .filter(|((_, kind), _)| takes_part(**kind))
        .map(|((token, _), id)| (*token, id));
    let normal: HashMap<&str, u32> = normal.collect();
    let mut order: Vec<(&str, u32)> = normal.iter().map(|(token, id)| (*token, *id)).collect();
    let score = |id: u32| vocabulary.scores[id as usize];
    order.sort_by(|(_, left), (_, right)| {
        score(*right).total_cmp(&score(*left)).then(left.cmp(right))
    });
    let mut merges = Vec::new();
    for (token, _) in order
        .into_iter()
        .filter(|(token, _)| token.len() <= LONGEST_MERGED)
    {
        let halves = token.char_indices().skip(1).filter_map(|(at, _)| {
            let (left, right) = token.split_at(at);
            Some((*normal.get(left)?, *normal.get(right)?, left, right))
        });
        let mut halves: Vec<_> = halves.collect();
        halves.sort_unstable();
        merges.extend(
            halves
                .into_iter()
                .map(|(_, _, left, right)| (left.to_owned(), right.to_owned())),
        );
    }
    merges
}

/// WordPiece (Devlin et al., 2019). llama.cpp marks the beginning of a word,
/// where BERT marks a continuation.
fn word_piece(vocabulary: &Vocabulary<'_>) -> Result<Pipeline, ModelError> {
    let spelled = vocabulary.tokens.iter().zip(0..).map(|(token, id)| {
        let bare = token.starts_with('[') && token.ends_with(']');
        let spelled = match token.strip_prefix('▁') {
            Some(word) => word.to_owned(),
            None if bare => (*token).to_owned(),
            None => format!("##{token}"),
        };
        (spelled, id)
    });
    let model = WordPiece::builder()
        .vocab(spelled.collect::<Vocab>())
        .unk_token("[UNK]".to_owned());
    let mut pipeline = Pipeline::new(ModelWrapper::WordPiece(model.build().map_err(refuse)?));
    let normalizer = json!({
        "type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true,
        "strip_accents": null, "lowercase": true,
    });
    pipeline
        .with_normalizer(part::<Option<NormalizerWrapper>>(normalizer)?)
        .map_err(refuse)?;
    pipeline.with_pre_tokenizer(part::<Option<PreTokenizerWrapper>>(
        json!({"type": "BertPreTokenizer"}),
    )?);
    let decoder = json!({"type": "WordPiece", "prefix": "##", "cleanup": true});
    pipeline.with_decoder(part::<Option<DecoderWrapper>>(decoder)?);
    Ok(pipeline)
}

/// Control tokens become special; what users defined is found in any text.
fn add_tokens(pipeline: &mut Pipeline, vocabulary: &Vocabulary<'_>) -> Result<(), ModelError> {
    let added = vocabulary
        .tokens
        .iter()
        .zip(&vocabulary.kinds)
        .filter_map(|(token, kind)| {
            let special = match kind {
                TokenKind::Control | TokenKind::Unknown => true,
                TokenKind::UserDefined => false,
                TokenKind::Normal | TokenKind::Unused | TokenKind::Byte => return None,
            };
            Some(AddedToken::from(*token, special).normalized(false))
        });
    pipeline.add_tokens(added).map_err(refuse)?;
    Ok(())
}

/// The tokens with a meaning.
pub(crate) fn special_tokens(
    head: &Head<'_>,
    vocabulary: &Vocabulary<'_>,
) -> Result<SpecialTokens, ModelError> {
    let token = |name: &str| -> Result<Option<u32>, ModelError> {
        let id = head.size(&format!("tokenizer.ggml.{name}_token_id"))?;
        // Files write the highest number for a token that they do not have.
        Ok(id
            .filter(|id| *id < vocabulary.tokens.len())
            .map(|id| id as u32))
    };
    let is_bert = vocabulary.model == "bert";
    let find = |text: &str| {
        vocabulary
            .tokens
            .iter()
            .position(|token| *token == text)
            .map(|id| id as u32)
    };
    let mut begin = token("bos")?;
    let mut end: Vec<u32> = [token("eos")?, token("eot")?]
        .into_iter()
        .flatten()
        .collect();
    if is_bert {
        begin = begin.or(token("cls")?).or_else(|| find("[CLS]"));
        let separator = token("seperator")?.or_else(|| find("[SEP]"));
        end = separator.into_iter().collect();
    } else {
        let control = |id: &u32| vocabulary.kinds[*id as usize] == TokenKind::Control;
        end.extend(ENDS.iter().filter_map(|text| find(text)).filter(control));
    }
    let mut seen = std::collections::HashSet::new();
    end.retain(|id| seen.insert(*id));
    let sentence_piece = vocabulary.model == "llama";
    Ok(SpecialTokens {
        begin,
        end,
        padding: token("padding")?,
        unknown: token("unknown")?,
        add_begin: head
            .flag("tokenizer.ggml.add_bos_token")?
            .unwrap_or(sentence_piece || is_bert),
        add_end: head
            .flag("tokenizer.ggml.add_eos_token")?
            .unwrap_or(is_bert),
    })
}
