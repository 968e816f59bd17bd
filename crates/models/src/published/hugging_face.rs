//! Reading of Hugging Face folders.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde_json::Value;

use crate::error::ModelError;
use crate::tokenizer::Tokenizer;

use super::encoding::Encoding;
use super::hugging_face_config::read_config;
use super::mapped::FileBytes;
use super::names::expected_tensors;
use super::safetensors_header::read_header;
use super::tensors::{Tensor, Tensors};
use super::{ChatTemplate, Family, PublishedModel, Source, SpecialTokens};

/// The most that a JSON file of a model can sensibly have.
const MOST_JSON_BYTES: u64 = 256 << 20;

/// What the weights of a model may be called: an index of parts, or one file.
const INDEX: &str = "model.safetensors.index.json";
const WEIGHTS: &str = "model.safetensors";

/// Reads a Hugging Face folder: `config.json`, `model.safetensors` whole or
/// in parts, and where they are there `tokenizer.json`,
/// `tokenizer_config.json`, `generation_config.json`, `chat_template.jinja`.
///
/// # Errors
/// One sentence with the file's name: a file or tensor is missing, cut off,
/// or describes a model that this engine cannot run as it was meant.
pub fn read_hugging_face(folder: &Path) -> Result<PublishedModel, ModelError> {
    let source = Source::new(&folder.join("config.json"));
    let json = read_json(&source)?;
    let (family, config) = read_config(&json).map_err(|reason| source.refuse(reason))?;
    let tensors = tensors(folder, family)?;
    if config.layers > tensors.len() {
        return Err(source.refuse(format!(
            "{} layers cannot be in {} tensors",
            config.layers,
            tensors.len()
        )));
    }
    let tied_copy = |name: &str| config.tied && name == "lm_head.weight";
    let harmless = |name: &str| tied_copy(name) || is_harmless(family, name);
    let tensors = tensors.conform(&Source::new(folder), expected_tensors(&config), harmless)?;
    let tensors = if family == Family::Gemma3 {
        with_whole_gains(tensors)?
    } else {
        tensors
    };
    let mut tokenizer = read_tokenizer(folder, config.vocabulary)?;
    let settings = optional_json(&folder.join("tokenizer_config.json"))?;
    let generation = optional_json(&folder.join("generation_config.json"))?;
    let special = match &tokenizer {
        Some(tokenizer) => {
            special_tokens(tokenizer, [&generation, &json, &settings]).within(config.vocabulary)
        }
        None => SpecialTokens::default(),
    };
    let template = chat_template(folder, &settings)?;
    let chat_template = (tokenizer.as_mut())
        .and_then(|tokenizer| ChatTemplate::choose(template.as_deref(), tokenizer, &special));
    Ok(PublishedModel {
        family,
        config,
        tensors,
        tokenizer,
        chat_template,
        special,
    })
}

fn read_json(source: &Source) -> Result<Value, ModelError> {
    let bytes = source.read(MOST_JSON_BYTES)?;
    serde_json::from_slice(&bytes).map_err(|error| source.refuse(format!("it is no JSON: {error}")))
}

/// A JSON file, or nothing where there is none.
fn optional_json(path: &Path) -> Result<Value, ModelError> {
    if path.exists() {
        read_json(&Source::new(path))
    } else {
        Ok(Value::Null)
    }
}

/// What is beside the weights of a model and does not change its states.
fn is_harmless(family: Family, name: &str) -> bool {
    let buffer = name.ends_with(".rotary_emb.inv_freq") || name == "embeddings.position_ids";
    let head = ["pooler.", "cls.", "classifier."]
        .iter()
        .any(|head| name.starts_with(head));
    let vision = ["vision_tower.", "multi_modal_projector."]
        .iter()
        .any(|part| name.starts_with(part));
    buffer || (family == Family::Bert && head) || (family == Family::Gemma3 && vision)
}

/// The canonical name of a tensor.
fn canonical(family: Family, name: &str) -> String {
    let prefixes: &[(&str, &str)] = match family {
        Family::Bert => &[("bert.", "")],
        Family::Gemma3 => &[
            ("language_model.model.", "model."),
            ("model.language_model.", "model."),
            ("language_model.lm_head.", "lm_head."),
            ("model.vision_tower.", "vision_tower."),
            ("model.multi_modal_projector.", "multi_modal_projector."),
        ],
        Family::Llama | Family::Qwen2 | Family::Qwen3 => &[],
    };
    let found = prefixes
        .iter()
        .find_map(|(prefix, other)| Some(format!("{other}{}", name.strip_prefix(prefix)?)));
    let name = found.unwrap_or_else(|| name.to_owned());
    if family != Family::Bert {
        return name;
    }
    // The first BERT files name the parts of a norm so.
    name.replace("LayerNorm.gamma", "LayerNorm.weight")
        .replace("LayerNorm.beta", "LayerNorm.bias")
}

fn tensors(folder: &Path, family: Family) -> Result<Tensors, ModelError> {
    let index = folder.join(INDEX);
    let mut tensors = Tensors::default();
    if folder.join(WEIGHTS).is_file() || !index.is_file() {
        add_file(&mut tensors, &folder.join(WEIGHTS), family, None)?;
        return Ok(tensors);
    }
    let source = Source::new(&index);
    let json = read_json(&source)?;
    let Some(map) = json["weight_map"].as_object() else {
        return Err(source.refuse("`weight_map` is missing"));
    };
    let mut parts: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (tensor, file) in map {
        // A name with a folder in it could read any file of the machine.
        let plain = |file: &&str| {
            Path::new(file).components().count() == 1 && file.ends_with(".safetensors")
        };
        match file.as_str().filter(plain) {
            Some(file) => parts.entry(file).or_default().push(tensor),
            None => {
                return Err(source.refuse(format!(
                    "tensor {tensor} is said to be in {file}, no file beside it"
                )));
            }
        }
    }
    for (file, names) in parts {
        add_file(&mut tensors, &folder.join(file), family, Some(&names))?;
    }
    Ok(tensors)
}

/// Adds the tensors of one file, all or those with these names.
fn add_file(
    tensors: &mut Tensors,
    path: &Path,
    family: Family,
    names: Option<&[&str]>,
) -> Result<(), ModelError> {
    let source = Arc::new(Source::new(path));
    let file = Arc::new(FileBytes::open(&source)?);
    add_safetensors(tensors, &source, &file, family, names)
}

pub(crate) fn add_safetensors(
    tensors: &mut Tensors,
    source: &Arc<Source>,
    file: &Arc<FileBytes>,
    family: Family,
    names: Option<&[&str]>,
) -> Result<(), ModelError> {
    let mut described = read_header(file)
        .map_err(|reason| source.refuse(format!("the safetensors file {reason}")))?;
    let wanted: Vec<String> = match names {
        Some(names) => names.iter().map(|name| (*name).to_owned()).collect(),
        None => described.keys().cloned().collect(),
    };
    for name in wanted {
        let Some(info) = described.remove(&name) else {
            return Err(source.refuse(format!("tensor {name} is missing")));
        };
        let canonical = canonical(family, &name);
        let encoding = match info.dtype.as_str() {
            "F32" => Encoding::F32,
            "F16" => Encoding::F16,
            "BF16" => Encoding::Bf16,
            _ if is_harmless(family, &canonical) => continue,
            other => {
                return Err(source.refuse(format!(
                    "tensor {name} is {other}; F32, F16 and BF16 are read"
                )));
            }
        };
        tensors.insert(Tensor::new(
            source,
            file,
            &canonical,
            (info.shape, encoding),
            info.place,
        )?)?;
    }
    Ok(())
}

/// Gemma's files hold gains less 1.
fn with_whole_gains(mut tensors: Tensors) -> Result<Tensors, ModelError> {
    let gains: Vec<String> = tensors
        .iter()
        .map(Tensor::name)
        .filter(|name| name.ends_with("norm.weight"))
        .map(str::to_owned)
        .collect();
    for name in gains {
        if let Some(tensor) = tensors.remove(&name) {
            tensors.insert(tensor.with_added(1.0))?;
        }
    }
    Ok(tensors)
}

fn read_tokenizer(folder: &Path, vocabulary: usize) -> Result<Option<Tokenizer>, ModelError> {
    let path = folder.join("tokenizer.json");
    if !path.exists() {
        return Ok(None);
    }
    let source = Source::new(&path);
    let bytes = source.read(MOST_JSON_BYTES)?;
    let json = std::str::from_utf8(&bytes).map_err(|_| source.refuse("it is no UTF-8"))?;
    let tokenizer = Tokenizer::from_json(json).map_err(|error| source.refuse(error))?;
    if tokenizer.id_bound() <= vocabulary {
        return Ok(Some(tokenizer));
    }
    // Gemma's small models share a file with larger ones that also see: its
    // token for images has no row in their tables.
    let mut json: Value = serde_json::from_str(json).map_err(|error| source.refuse(error))?;
    if let Some(added) = json["added_tokens"].as_array_mut() {
        added.retain(|token| {
            token["id"]
                .as_u64()
                .is_some_and(|id| id < vocabulary as u64)
        });
    }
    let tokenizer =
        Tokenizer::from_json(&json.to_string()).map_err(|error| source.refuse(error))?;
    match tokenizer.id_bound() {
        bound if bound <= vocabulary => Ok(Some(tokenizer)),
        bound => Err(source.refuse(format!(
            "it has tokens up to {bound}, the model only {vocabulary}"
        ))),
    }
}

fn chat_template(folder: &Path, settings: &Value) -> Result<Option<String>, ModelError> {
    let path = folder.join("chat_template.jinja");
    if path.exists() {
        let source = Source::new(&path);
        let bytes = source.read(MOST_JSON_BYTES)?;
        return String::from_utf8(bytes)
            .map(Some)
            .map_err(|_| source.refuse("it is no UTF-8"));
    }
    let template = &settings["chat_template"];
    let named = |name: &str| {
        template
            .as_array()?
            .iter()
            .find(|entry| entry["name"] == name)
    };
    let listed = named("default").map(|entry| &entry["template"]);
    Ok(listed.unwrap_or(template).as_str().map(str::to_owned))
}

/// The tokens with a meaning, by what the files say in order of weight.
fn special_tokens(
    tokenizer: &Tokenizer,
    [generation, config, settings]: [&Value; 3],
) -> SpecialTokens {
    let named = |name: &str| {
        let token = &settings[name];
        let text = token.as_str().or_else(|| token["content"].as_str())?;
        tokenizer.token(text)
    };
    let id = |value: &Value| value.as_u64().and_then(|id| u32::try_from(id).ok());
    let numbered = |name: &str| id(&generation[name]).or_else(|| id(&config[name]));
    let mut end: Vec<u32> = Vec::new();
    for file in [generation, config] {
        match &file["eos_token_id"] {
            Value::Array(ids) => end.extend(ids.iter().filter_map(id)),
            one => end.extend(id(one)),
        }
    }
    end.extend(named("eos_token"));
    let (class, separator) = (named("cls_token"), named("sep_token"));
    let begin = named("bos_token")
        .or(class)
        .or_else(|| numbered("bos_token_id"));
    if end.is_empty() {
        end.extend(separator);
    }
    let mut seen = std::collections::HashSet::new();
    end.retain(|id| seen.insert(*id));
    let around = tokenizer.around_nothing();
    let flag = |name: &str| settings[name].as_bool();
    let begins = begin.is_some() && around.first() == begin.as_ref();
    let ends = around
        .last()
        .is_some_and(|last| end.contains(last) && (around.len() > 1 || !begins));
    if let Some(place) =
        (around.last().filter(|_| ends)).and_then(|last| end.iter().position(|id| id == last))
    {
        end.swap(0, place);
    }
    SpecialTokens {
        begin,
        end,
        padding: named("pad_token").or_else(|| numbered("pad_token_id")),
        unknown: named("unk_token"),
        add_begin: flag("add_bos_token").unwrap_or(begins),
        add_end: flag("add_eos_token").unwrap_or(ends),
    }
}
