//! Writing of GGUF files that llama.cpp loads.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use serde_json::Value;

use crate::architecture::{Positions, RotaryScaling, TransformerConfig};
use crate::error::ModelError;
use crate::tokenizer::Tokenizer;

use super::encoding::Encoding;
use super::gguf_config::llama_3_factors;
use super::gguf_metadata::{ALIGNMENT, MAGIC};
use super::gguf_names::{gguf_name, row_order};
use super::gguf_quantize::GgufEncoding;
use super::gguf_values::Kind;
use super::gguf_vocabulary::TokenKind;
use super::hugging_face_describe::family_of;
use super::hugging_face_write::write_at_places;
use super::names::expected_tensors;
use super::split_rules::SplitRule;
use super::tensors::RowOrder;
use super::{Family, Publication, Source};

/// The tensor of factors for rotary frequencies.
const ROTARY_FACTORS: &str = "rope_freqs.weight";

/// Entries of metadata as bytes.
#[derive(Default)]
struct Metadata {
    bytes: Vec<u8>,
    entries: u64,
}

fn text(bytes: &mut Vec<u8>, text: &str) {
    bytes.extend((text.len() as u64).to_le_bytes());
    bytes.extend(text.as_bytes());
}

impl Metadata {
    fn entry(&mut self, key: &str, kind: Kind) -> &mut Vec<u8> {
        self.entries += 1;
        text(&mut self.bytes, key);
        self.bytes.extend((kind as u32).to_le_bytes());
        &mut self.bytes
    }

    fn size(&mut self, key: &str, value: usize) {
        let value = u32::try_from(value).unwrap_or(u32::MAX);
        self.entry(key, Kind::U32).extend(value.to_le_bytes());
    }

    fn number(&mut self, key: &str, value: f32) {
        self.entry(key, Kind::F32).extend(value.to_le_bytes());
    }

    fn flag(&mut self, key: &str, value: bool) {
        self.entry(key, Kind::Bool).push(value.into());
    }

    fn text(&mut self, key: &str, value: &str) {
        text(self.entry(key, Kind::String), value);
    }

    fn array(&mut self, key: &str, kind: Kind, count: usize) -> &mut Vec<u8> {
        let bytes = self.entry(key, Kind::Array);
        bytes.extend((kind as u32).to_le_bytes());
        bytes.extend((count as u64).to_le_bytes());
        bytes
    }

    fn texts(&mut self, key: &str, values: &[String]) {
        let bytes = self.array(key, Kind::String, values.len());
        values.iter().for_each(|value| text(bytes, value));
    }
}

/// Writes a GGUF file of version 3 that llama.cpp loads: a decoder of one of
/// the published families, its tokenizer and its template. The tensors may
/// come in any order, under their canonical names.
///
/// # Errors
/// Where no published family has such a shape, the tokenizer has no form in
/// GGUF, a tensor is missing or has another shape, or the file cannot be
/// written.
pub fn write_gguf<V: AsRef<[f32]>>(
    path: &Path,
    publication: &Publication<'_>,
    tensors: impl IntoIterator<Item = (String, Vec<usize>, V)>,
    encoding: GgufEncoding,
) -> Result<(), ModelError> {
    let config = publication.config;
    let source = Source::new(path);
    let family = family_of(config).map_err(|reason| source.refuse(reason))?;
    if family == Family::Bert {
        return Err(source.refuse("encoders are written as Hugging Face folders only"));
    }
    let sixth = |layer: usize| {
        config.window.is_none_or(|window| {
            let length = (!(layer + 1).is_multiple_of(6)).then_some(window.length);
            config.window_of(layer) == length
        })
    };
    if !(0..config.layers).all(sixth) {
        return Err(source.refuse("llama.cpp sees everything in each sixth layer of such a model"));
    }
    let mut metadata = Metadata::default();
    describe(&mut metadata, publication, family, encoding);
    describe_tokenizer(&mut metadata, publication).map_err(|reason| source.refuse(reason))?;
    if let Some(template) = publication.chat_template {
        metadata.text("tokenizer.chat_template", template);
    }
    let factors = rotary_factors(config);
    let (head, places) = head(metadata, config, family, encoding, factors.as_ref());
    let factors = factors.map(|factors| (ROTARY_FACTORS.to_owned(), vec![factors.len()], factors));
    let change = |name: &str, shape: &[usize], values: &[f32]| match row_order(family, name, config)
    {
        RowOrder::Direct => None,
        order => Some(reordered(order, shape, values)),
    };
    let borrowed = factors
        .iter()
        .map(|(name, shape, values)| (name.clone(), shape.clone(), Numbers::Ours(values)));
    let given = tensors
        .into_iter()
        .map(|(name, shape, values)| (name, shape, Numbers::Given(values)));
    write_at_places(path, &head, places, borrowed.chain(given), change)
}

/// Numbers of the caller, or ours.
enum Numbers<'n, V> {
    Given(V),
    Ours(&'n [f32]),
}

impl<V: AsRef<[f32]>> AsRef<[f32]> for Numbers<'_, V> {
    fn as_ref(&self) -> &[f32] {
        match self {
            Numbers::Given(values) => values.as_ref(),
            Numbers::Ours(values) => values,
        }
    }
}

fn rotary_factors(config: &TransformerConfig) -> Option<Vec<f32>> {
    match config.positions {
        Positions::Rotary { scaling, .. } => {
            llama_3_factors(scaling, config.head_width, config.rotary_base)
        }
        Positions::Learned => None,
    }
}

/// The rows of a tensor, or the values of a vector, as the file has them.
fn reordered(order: RowOrder, shape: &[usize], values: &[f32]) -> Vec<f32> {
    let columns: usize = shape[1..].iter().product();
    let mut stored = vec![0.0; values.len()];
    for (row, from) in values.chunks_exact(columns).enumerate() {
        stored[order.file_row(row) * columns..][..columns].copy_from_slice(from);
    }
    stored
}

fn describe(
    metadata: &mut Metadata,
    publication: &Publication<'_>,
    family: Family,
    encoding: GgufEncoding,
) {
    let config = publication.config;
    let architecture = family.architecture();
    let key = |name: &str| format!("{architecture}.{name}");
    metadata.text("general.architecture", architecture);
    metadata.text("general.name", publication.name);
    metadata.size("general.file_type", encoding.file_type() as usize);
    metadata.size("general.quantization_version", 2);
    let sizes = [
        ("block_count", config.layers),
        ("context_length", config.context),
        ("embedding_length", config.width),
        ("feed_forward_length", config.hidden),
        ("attention.head_count", config.heads),
        ("attention.head_count_kv", config.key_value_heads),
        ("attention.key_length", config.head_width),
        ("attention.value_length", config.head_width),
        ("rope.dimension_count", config.head_width),
        ("vocab_size", config.vocabulary),
    ];
    for (name, size) in sizes {
        metadata.size(&key(name), size);
    }
    metadata.number(&key("rope.freq_base"), config.rotary_base);
    metadata.number(
        &key("attention.layer_norm_rms_epsilon"),
        config.norm_epsilon,
    );
    if let Some(window) = config.window {
        metadata.size(&key("attention.sliding_window"), window.length);
        metadata.size(
            &key("attention.sliding_window_pattern"),
            window.global_every,
        );
    }
    if let Positions::Rotary {
        scaling,
        local_base,
    } = config.positions
    {
        if let RotaryScaling::Linear { factor } = scaling {
            metadata.text(&key("rope.scaling.type"), "linear");
            metadata.number(&key("rope.scaling.factor"), factor);
        }
        if let Some(local_base) = local_base {
            metadata.number(&key("rope.freq_base_swa"), local_base);
        }
    }
}

type Places = BTreeMap<String, (u64, Vec<usize>, Encoding)>;

/// All that stands before the numbers, and where they go.
fn head(
    metadata: Metadata,
    config: &TransformerConfig,
    family: Family,
    encoding: GgufEncoding,
    factors: Option<&Vec<f32>>,
) -> (Vec<u8>, Places) {
    let named = expected_tensors(config).into_iter();
    let named = named.filter_map(|(name, shape)| Some((gguf_name(family, &name)?, name, shape)));
    let factors = factors.map(|factors| {
        (
            ROTARY_FACTORS.to_owned(),
            ROTARY_FACTORS.to_owned(),
            vec![factors.len()],
        )
    });
    let named: Vec<(String, String, Vec<usize>)> = factors.into_iter().chain(named).collect();
    let mut bytes = MAGIC.to_vec();
    bytes.extend(3u32.to_le_bytes());
    bytes.extend((named.len() as u64).to_le_bytes());
    bytes.extend(metadata.entries.to_le_bytes());
    bytes.extend(metadata.bytes);
    let mut places = BTreeMap::new();
    let mut at = 0u64;
    for (gguf, canonical, shape) in named {
        let encoding = encoding.of(&shape);
        text(&mut bytes, &gguf);
        bytes.extend((shape.len() as u32).to_le_bytes());
        shape
            .iter()
            .rev()
            .for_each(|size| bytes.extend((*size as u64).to_le_bytes()));
        bytes.extend(encoding.ggml_type().to_le_bytes());
        bytes.extend(at.to_le_bytes());
        let size = encoding.bytes(shape.iter().product()).unwrap_or(0);
        places.insert(canonical, (at, shape, encoding));
        at += size.next_multiple_of(ALIGNMENT) as u64;
    }
    bytes.resize(bytes.len().next_multiple_of(ALIGNMENT), 0);
    (bytes, places)
}

fn describe_tokenizer(
    metadata: &mut Metadata,
    publication: &Publication<'_>,
) -> Result<(), String> {
    let special = publication.special;
    let Some(tokenizer) = publication.tokenizer else {
        return Err("a GGUF file needs a tokenizer".to_owned());
    };
    let json: Value =
        serde_json::from_str(&tokenizer.to_json()).map_err(|error| error.to_string())?;
    let merges =
        merges(&json).ok_or("only byte-pair encoding has a form in GGUF that is written")?;
    let (tokens, kinds) = tokens(&json, tokenizer, publication.config.vocabulary)?;
    let byte_level = json["decoder"]["type"] == "ByteLevel";
    if byte_level {
        let rule = SplitRule::of(&json)
            .ok_or("the way in which its tokenizer splits text has no name in GGUF")?;
        metadata.text("tokenizer.ggml.model", "gpt2");
        metadata.text("tokenizer.ggml.pre", rule.name());
    } else {
        metadata.text("tokenizer.ggml.model", "llama");
        metadata.text("tokenizer.ggml.pre", "default");
    }
    metadata.texts("tokenizer.ggml.tokens", &tokens);
    let bytes = metadata.array("tokenizer.ggml.token_type", Kind::I32, kinds.len());
    kinds
        .iter()
        .for_each(|kind| bytes.extend((*kind as i32).to_le_bytes()));
    if byte_level {
        let merges: Vec<String> = merges
            .iter()
            .map(|(left, right)| format!("{left} {right}"))
            .collect();
        metadata.texts("tokenizer.ggml.merges", &merges);
    } else {
        let scores = scores(&tokens, &kinds, &merges);
        let bytes = metadata.array("tokenizer.ggml.scores", Kind::F32, scores.len());
        scores
            .iter()
            .for_each(|score| bytes.extend(score.to_le_bytes()));
        let normalizer = json["normalizer"].to_string();
        metadata.flag(
            "tokenizer.ggml.add_space_prefix",
            normalizer.contains("Prepend"),
        );
    }
    let ids = [
        ("bos", special.begin),
        ("eos", special.end.first().copied()),
        // Another token that ends a reply, where there is one.
        ("eot", special.end.get(1).copied()),
        ("padding", special.padding),
        ("unknown", special.unknown),
    ];
    for (name, id) in ids {
        if let Some(id) = id {
            metadata.size(&format!("tokenizer.ggml.{name}_token_id"), id as usize);
        }
    }
    metadata.flag("tokenizer.ggml.add_bos_token", special.add_begin);
    metadata.flag("tokenizer.ggml.add_eos_token", special.add_end);
    Ok(())
}

/// The merges of a `tokenizer.json`, in pairs.
fn merges(json: &Value) -> Option<Vec<(&str, &str)>> {
    let merges = json["model"]["merges"].as_array()?;
    let pairs = merges.iter().map(|merge| match merge {
        Value::Array(parts) => Some((parts.first()?.as_str()?, parts.get(1)?.as_str()?)),
        Value::String(text) => text.split_once(' '),
        _ => None,
    });
    pairs.collect()
}

/// The tokens in the order of their ids, one for each row of the embedding,
/// and what they are.
fn tokens(
    json: &Value,
    tokenizer: &Tokenizer,
    rows: usize,
) -> Result<(Vec<String>, Vec<TokenKind>), String> {
    let mut tokens: Vec<String> = (0..rows).map(|row| format!("[PAD{row}]")).collect();
    let mut kinds = vec![TokenKind::Unused; rows];
    let vocabulary = json["model"]["vocab"]
        .as_object()
        .ok_or("its tokenizer has no vocabulary")?;
    let falls_back = json["model"]["byte_fallback"] == true;
    let normal = vocabulary.iter().filter_map(|(token, id)| {
        let is_byte = falls_back && token.len() == 6 && token.starts_with("<0x");
        let kind = if is_byte {
            TokenKind::Byte
        } else {
            TokenKind::Normal
        };
        Some((id.as_u64()? as usize, token.clone(), kind))
    });
    let unknown = json["model"]["unk_token"].as_str();
    let added = tokenizer
        .added_tokens()
        .into_iter()
        .map(|(id, token, special)| {
            let kind = match special {
                _ if unknown == Some(&token) => TokenKind::Unknown,
                true => TokenKind::Control,
                false => TokenKind::UserDefined,
            };
            (id as usize, token, kind)
        });
    for (id, token, kind) in normal.chain(added) {
        if id >= rows {
            return Err(format!(
                "its tokenizer has the token {id}, its embedding only {rows} rows"
            ));
        }
        tokens[id] = token;
        kinds[id] = kind;
    }
    Ok((tokens, kinds))
}

/// SentencePiece's scores: the earlier a token is first made, the higher.
fn scores(tokens: &[String], kinds: &[TokenKind], merges: &[(&str, &str)]) -> Vec<f32> {
    let mut rank: HashMap<String, usize> = HashMap::new();
    for (number, (left, right)) in merges.iter().enumerate() {
        rank.entry(format!("{left}{right}")).or_insert(number);
    }
    let score = |(token, kind): (&String, &TokenKind)| match (kind, rank.get(token)) {
        (TokenKind::Normal, Some(rank)) => -(*rank as f32),
        (TokenKind::Byte, _) => 0.0,
        (TokenKind::Normal, None) => -(merges.len() as f32),
        _ => -1000.0,
    };
    tokens.iter().zip(kinds).map(score).collect()
}
