//! Reading of GGUF files.

use std::path::Path;
use std::sync::Arc;

use crate::architecture::TransformerConfig;
use crate::error::ModelError;

use super::gguf_config::{config, family};
use super::gguf_metadata::{Head, TensorPlace};
use super::gguf_names::{canonical_name, row_order};
use super::mapped::FileBytes;
use super::names::expected_tensors;
use super::tensors::{Tensor, Tensors};
use super::tokenizer_gguf::{Vocabulary, special_tokens, tokenizer};
use super::{ChatTemplate, Family, PublishedModel, Source};

/// The tensor of factors for rotary frequencies.
const ROTARY_FACTORS: &str = "rope_freqs.weight";

/// Reads a GGUF file of version 2 or 3 that holds a whole model.
///
/// # Errors
/// One sentence with the file's name: the file is no GGUF file, is cut off,
/// or holds a model that this engine cannot run as it was meant.
pub fn read_gguf(path: &Path) -> Result<PublishedModel, ModelError> {
    let source = Arc::new(Source::new(path));
    let file = Arc::new(FileBytes::open(&source)?);
    read(&source, &file)
}

/// Reads a GGUF file from its bytes.
pub(crate) fn read(
    source: &Arc<Source>,
    file: &Arc<FileBytes>,
) -> Result<PublishedModel, ModelError> {
    let head = Head::read(source, file)?;
    if head.size("split.count")?.is_some_and(|parts| parts > 1) {
        return Err(head.refuse(
            "it is one part of a split model; join the parts with `llama-gguf-split --merge`",
        ));
    }
    let family = family(&head)?;
    let config = shape(&head, family, source, file)?;
    let tensors = tensors(&head, family, &config, source, file)?;
    let vocabulary = Vocabulary::read(&head, config.vocabulary)?;
    let mut tokenizer = (vocabulary.as_ref())
        .map(|vocabulary| tokenizer(&head, vocabulary))
        .transpose()?;
    let special = match &vocabulary {
        Some(vocabulary) => special_tokens(&head, vocabulary)?.within(config.vocabulary),
        None => Default::default(),
    };
    let template = head.text("tokenizer.chat_template")?;
    let chat_template = tokenizer
        .as_mut()
        .and_then(|tokenizer| ChatTemplate::choose(template, tokenizer, &special));
    Ok(PublishedModel {
        family,
        config,
        tensors,
        tokenizer,
        chat_template,
        special,
    })
}

fn shape(
    head: &Head<'_>,
    family: Family,
    source: &Arc<Source>,
    file: &Arc<FileBytes>,
) -> Result<TransformerConfig, ModelError> {
    let find = |name: &str| head.tensors.iter().find(|tensor| tensor.name == name);
    let Some(table) = find("token_embd.weight") else {
        return Err(head.refuse("tensor token_embd.weight is missing"));
    };
    let tied = find("output.weight").is_none();
    let factors = find(ROTARY_FACTORS).map(|place| tensor(source, file, place)?.dequantize());
    let factors = factors.transpose()?;
    let config = config(head, family, table.shape[0], tied, factors.as_deref())?;
    config.validate().map_err(|error| head.refuse(error))?;
    Ok(config)
}

fn tensor(
    source: &Arc<Source>,
    file: &Arc<FileBytes>,
    place: &TensorPlace,
) -> Result<Tensor, ModelError> {
    let shape = (place.shape.clone(), place.encoding);
    Tensor::new(
        source,
        file,
        &place.name,
        shape,
        place.start..place.start + place.size,
    )
}

fn tensors(
    head: &Head<'_>,
    family: Family,
    config: &TransformerConfig,
    source: &Arc<Source>,
    file: &Arc<FileBytes>,
) -> Result<Tensors, ModelError> {
    let mut tensors = Tensors::default();
    for place in &head.tensors {
        let tensor = tensor(source, file, place)?;
        let tensor = match canonical_name(family, &place.name) {
            Some(name) => {
                let order = row_order(family, &name, config);
                tensor.renamed(&name).with_order(order)?
            }
            None => tensor,
        };
        tensors.insert(tensor)?;
    }
    let harmless = |name: &str| name == ROTARY_FACTORS || name.starts_with("cls.");
    tensors.conform(source, expected_tensors(config), harmless)
}
