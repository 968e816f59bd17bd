//! Writing of Hugging Face folders.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;

use serde_json::{Value, json};

use crate::error::ModelError;
use crate::tokenizer::Tokenizer;

use super::encoding::Encoding;
use super::gguf_quantize::encode;
use super::hugging_face_describe::{family_of, write_config};
use super::names::expected_tensors;
use super::{Family, Publication, Source, SpecialTokens};

/// Writes a folder that Hugging Face's libraries load: `config.json`,
/// `model.safetensors` in 32 bits and, where there is a tokenizer,
/// `tokenizer.json` and `tokenizer_config.json`. The tensors may come in any
/// order, under their canonical names.
///
/// # Errors
/// Where no published family has such a shape, a tensor is missing or has
/// another shape, or a file cannot be written.
pub fn write_hugging_face<V: AsRef<[f32]>>(
    folder: &Path,
    publication: &Publication<'_>,
    tensors: impl IntoIterator<Item = (String, Vec<usize>, V)>,
) -> Result<(), ModelError> {
    let (config, special) = (publication.config, publication.special);
    let source = Source::new(folder);
    let family = family_of(config).map_err(|reason| source.refuse(reason))?;
    std::fs::create_dir_all(folder).map_err(|error| source.refuse(error))?;
    let mut description = write_config(config, family);
    if let Some(json) = description.as_object_mut() {
        json.insert("bos_token_id".to_owned(), json!(special.begin));
        json.insert("eos_token_id".to_owned(), json!(special.end.first()));
        json.insert("pad_token_id".to_owned(), json!(special.padding));
    }
    write_json(&folder.join("config.json"), &description)?;
    if family != Family::Bert {
        let generation = json!({"bos_token_id": special.begin, "eos_token_id": special.end});
        write_json(&folder.join("generation_config.json"), &generation)?;
    }
    if let Some(tokenizer) = publication.tokenizer {
        let path = folder.join("tokenizer.json");
        let json = tokenizer_json(tokenizer, special).map_err(|reason| source.refuse(reason))?;
        std::fs::write(&path, json).map_err(|error| Source::new(&path).refuse(error))?;
        let settings = tokenizer_config(publication, family, tokenizer);
        write_json(&folder.join("tokenizer_config.json"), &settings)?;
    }
    let path = folder.join("model.safetensors");
    write_weights(&path, expected_tensors(config), family, tensors)
}

/// The tokenizer, which has to say itself what stands around a text: other
/// libraries take it from nowhere else.
fn tokenizer_json(tokenizer: &Tokenizer, special: &SpecialTokens) -> Result<String, String> {
    let json = tokenizer.to_json();
    let begin = special.begin.filter(|_| special.add_begin);
    let end = special.end.first().copied().filter(|_| special.add_end);
    if (begin.is_none() && end.is_none()) || !tokenizer.around_nothing().is_empty() {
        return Ok(json);
    }
    let mut json: Value = serde_json::from_str(&json).map_err(|error| error.to_string())?;
    let added = tokenizer.added_tokens();
    let mut tokens = serde_json::Map::new();
    let mut piece = |id: u32| {
        let (_, text, _) = added.iter().find(|token| token.0 == id)?;
        tokens.insert(
            text.clone(),
            json!({"id": text, "ids": [id], "tokens": [text]}),
        );
        Some(json!({"SpecialToken": {"id": text, "type_id": 0}}))
    };
    let (begin, end) = (begin.and_then(&mut piece), end.and_then(&mut piece));
    let text = |name: &str, kind: u8| json!({"Sequence": {"id": name, "type_id": kind}});
    let around = |name: &str, kind: u8| {
        let pieces = begin.clone().into_iter().chain([text(name, kind)]);
        pieces.chain(end.clone()).collect::<Vec<Value>>()
    };
    let pair = [around("A", 0), around("B", 1)].concat();
    json["post_processor"] = json!({
        "type": "TemplateProcessing", "single": around("A", 0), "pair": pair, "special_tokens": tokens,
    });
    Ok(json.to_string())
}

fn write_json(path: &Path, json: &Value) -> Result<(), ModelError> {
    let text = serde_json::to_string_pretty(json).unwrap_or_default();
    std::fs::write(path, text).map_err(|error| Source::new(path).refuse(error))
}

fn tokenizer_config(publication: &Publication<'_>, family: Family, tokenizer: &Tokenizer) -> Value {
    let special = publication.special;
    let added = tokenizer.added_tokens();
    let text = |id: Option<u32>| {
        let id = id?;
        added
            .iter()
            .find(|token| token.0 == id)
            .map(|token| token.1.clone())
    };
    let mut settings = json!({
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": publication.config.context,
        "clean_up_tokenization_spaces": false,
    });
    let end = special.end.first().copied();
    let (begin_name, end_name) = match family {
        Family::Bert => ("cls_token", "sep_token"),
        _ => ("bos_token", "eos_token"),
    };
    let entries = [
        (begin_name, text(special.begin)),
        (end_name, text(end)),
        ("pad_token", text(special.padding)),
        ("unk_token", text(special.unknown)),
        (
            "chat_template",
            publication.chat_template.map(str::to_owned),
        ),
    ];
    if let Some(settings) = settings.as_object_mut() {
        let there = entries
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), json!(value?))));
        settings.extend(there);
        if family != Family::Bert {
            settings.insert("add_bos_token".to_owned(), json!(special.add_begin));
            settings.insert("add_eos_token".to_owned(), json!(special.add_end));
        }
    }
    settings
}

/// Writes a safetensors file: the size of the header, the header, the
/// numbers, each tensor at its place.
fn write_weights<V: AsRef<[f32]>>(
    path: &Path,
    expected: Vec<(String, Vec<usize>)>,
    family: Family,
    tensors: impl IntoIterator<Item = (String, Vec<usize>, V)>,
) -> Result<(), ModelError> {
    let mut entries = serde_json::Map::new();
    entries.insert("__metadata__".to_owned(), json!({"format": "pt"}));
    let mut places = BTreeMap::new();
    let mut at = 0;
    for (name, shape) in expected {
        let size = 4 * shape.iter().product::<usize>();
        entries.insert(
            name.clone(),
            json!({"dtype": "F32", "shape": shape, "data_offsets": [at, at + size]}),
        );
        places.insert(name, (at as u64, shape, Encoding::F32));
        at += size;
    }
    let mut header = Value::Object(entries).to_string().into_bytes();
    header.resize(header.len().next_multiple_of(8), b' ');
    let mut head = (header.len() as u64).to_le_bytes().to_vec();
    head.extend(header);
    let change = |name: &str, _: &[usize], values: &[f32]| {
        let gain = family == Family::Gemma3 && name.ends_with("norm.weight");
        gain.then(|| values.iter().map(|value| value - 1.0).collect())
    };
    write_at_places(path, &head, places, tensors, change)
}

/// Writes a file whose tensors have places after its head, through a file
/// beside it, so that nobody sees half of it.
pub(crate) fn write_at_places<V: AsRef<[f32]>>(
    path: &Path,
    head: &[u8],
    mut places: BTreeMap<String, (u64, Vec<usize>, Encoding)>,
    tensors: impl IntoIterator<Item = (String, Vec<usize>, V)>,
    change: impl Fn(&str, &[usize], &[f32]) -> Option<Vec<f32>>,
) -> Result<(), ModelError> {
    let source = Source::new(path);
    let partial = path.with_extension("partial");
    let broken = |error: std::io::Error| source.refuse(format!("it could not be written: {error}"));
    let mut file = File::create(&partial).map_err(broken)?;
    file.write_all(head).map_err(broken)?;
    let mut bytes = Vec::new();
    for (name, shape, values) in tensors {
        let values = values.as_ref();
        let Some((place, expected, encoding)) = places.remove(&name) else {
            return Err(source.refuse(format!(
                "tensor {name} does not belong to such a model or is there twice"
            )));
        };
        if shape != expected || values.len() != expected.iter().product::<usize>() {
            return Err(source.refuse(format!(
                "tensor {name} has the shape {shape:?}, not {expected:?}"
            )));
        }
        let limit = if encoding == Encoding::F32 {
            f32::MAX
        } else {
            f32::from(half::f16::MAX)
        };
        if let Some(value) = values
            .iter()
            .find(|value| !value.is_finite() || value.abs() > limit)
        {
            return Err(source.refuse(format!(
                "tensor {name} holds {value}, which cannot be written"
            )));
        }
        bytes.clear();
        match change(&name, &shape, values) {
            Some(changed) => encode(encoding, &changed, &mut bytes),
            None => encode(encoding, values, &mut bytes),
        }
        file.seek(SeekFrom::Start(head.len() as u64 + place))
            .map_err(broken)?;
        file.write_all(&bytes).map_err(broken)?;
    }
    if let Some((name, _)) = places.pop_first() {
        return Err(source.refuse(format!("tensor {name} was not given")));
    }
    file.sync_all().map_err(broken)?;
    std::fs::rename(&partial, path).map_err(broken)
}
