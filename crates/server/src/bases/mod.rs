//! Published models that training may start from: copied from a path or
//! pulled from a hub into `bases/NAME` of the data folder.

mod download;
mod import;
mod memory;
mod pull;
mod recommended;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use models::published::PublishedModel;
use models::{Precision, Transformer};
use serde::{Deserialize, Serialize};

pub use import::import;
pub(crate) use import::name_of;
pub use memory::available_bytes;
pub use pull::{Hub, pull};
pub use recommended::{Offer, OfferedFile, Purpose, look as look_for_recommended};

/// What a base's folder says about it; written last, so that a folder
/// without it is not yet a base.
const DESCRIPTION: &str = "base.json";
const LONGEST_NAME: usize = 96;

/// A published model that training may start from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Base {
    /// What `--base` calls it.
    pub name: String,
    /// Where it came from: a path, or `hf:ORG/NAME@COMMIT`.
    pub source: String,
    /// Its family, as Hugging Face calls it.
    pub family: String,
    /// How many weights it has.
    pub parameters: usize,
    /// How many layers.
    pub layers: usize,
    /// How wide its states are.
    pub width: usize,
    /// How many tokens it sees at most.
    pub context: usize,
    /// How many tokens it knows.
    pub vocabulary: usize,
    /// Whether a tokenizer came with it.
    pub tokenizer: bool,
    /// Whether it knows how conversations are written.
    pub chat_template: bool,
    /// What its files take, in bytes.
    pub bytes: u64,
}

/// The folder of all bases.
pub fn base_models_folder(data: &Path) -> PathBuf {
    data.join("bases")
}

/// The bases of a data folder by name. One whose description cannot be read
/// is left out.
pub fn list(data: &Path) -> Vec<Base> {
    let entries = std::fs::read_dir(base_models_folder(data))
        .into_iter()
        .flatten();
    let read = |folder: PathBuf| -> Option<Base> {
        serde_json::from_slice(&std::fs::read(folder.join(DESCRIPTION)).ok()?).ok()
    };
    let mut bases: Vec<Base> = entries
        .filter_map(|entry| read(entry.ok()?.path()))
        .collect();
    bases.sort_by(|left, right| left.name.cmp(&right.name));
    bases
}

/// The folder of the base of this name.
pub fn named(data: &Path, name: &str) -> Option<PathBuf> {
    let known = list(data).iter().any(|base| base.name == name);
    known.then(|| base_models_folder(data).join(name))
}

/// The model that `--base` names: a base of this data folder, or a path.
///
/// # Errors
/// Where there is neither, with the names that there are.
pub fn find(data: &Path, model: &str) -> anyhow::Result<PathBuf> {
    if let Some(folder) = named(data, model) {
        return Ok(folder);
    }
    let bases = list(data);
    let path = PathBuf::from(model);
    if path.exists() {
        return Ok(path);
    }
    let names: Vec<&str> = bases.iter().map(|base| base.name.as_str()).collect();
    let known = match names.as_slice() {
        [] => "there are none yet".to_owned(),
        names => format!("there are {}", names.join(", ")),
    };
    bail!(
        "{model:?} is neither a base ({known}) nor a path; `shopkeeper models import PATH` and \
         `shopkeeper models pull hf:ORG/NAME` bring one"
    )
}

/// A name that can be a folder's and an option's: lower-case letters, digits,
/// `.`, `-` and `_`, beginning with a letter or digit.
fn checked_name(name: &str) -> anyhow::Result<String> {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "._-".contains(letter);
    let begins = name.starts_with(|letter: char| letter.is_ascii_alphanumeric());
    if !begins || name.len() > LONGEST_NAME || !name.chars().all(plain) {
        bail!(
            "{name:?} cannot be a base's name: use up to {LONGEST_NAME} letters, digits, `.`, `-` \
             and `_`, as in `--name smollm2-135m`"
        );
    }
    Ok(name.to_ascii_lowercase())
}

/// The folder that a base is made in, and its place when it is whole.
struct UnfinishedBase {
    folder: PathBuf,
    place: PathBuf,
    name: String,
}

impl UnfinishedBase {
    /// Opens the draft of a base; what an earlier try left there stays.
    fn open(data: &Path, name: &str) -> anyhow::Result<UnfinishedBase> {
        let name = checked_name(name)?;
        let place = base_models_folder(data).join(&name);
        if place.exists() {
            bail!(
                "there is a base {name} already in {}: give another `--name`, or delete that folder",
                place.display()
            );
        }
        // No base's name begins with a point, so no draft can be taken for one.
        let folder = base_models_folder(data).join(format!(".{name}"));
        std::fs::create_dir_all(&folder)
            .with_context(|| format!("cannot make the folder {}", folder.display()))?;
        Ok(UnfinishedBase {
            folder,
            place,
            name,
        })
    }

    /// Reads the model as serving would, describes it and puts it in its
    /// place. A model that cannot be run here is refused before that.
    fn finish(&self, source: String) -> anyhow::Result<Base> {
        let model = PublishedModel::read(&self.folder)?;
        // Weights are read row by row when they are wanted; reading them all
        // once finds a file that is cut off or holds what is no number.
        let network = Transformer::load(&model, Precision::AsStored)?;
        let base = Base {
            name: self.name.clone(),
            source,
            family: model.family.model_type().to_owned(),
            parameters: network.parameter_count(),
            layers: model.config.layers,
            width: model.config.width,
            context: model.config.context,
            vocabulary: model.config.vocabulary,
            tokenizer: model.tokenizer.is_some(),
            chat_template: model.chat_template.is_some(),
            bytes: folder_bytes(&self.folder)?,
        };
        let description = self.folder.join(DESCRIPTION);
        std::fs::write(&description, serde_json::to_vec_pretty(&base)?)
            .with_context(|| format!("cannot write {}", description.display()))?;
        for entry in std::fs::read_dir(&self.folder)? {
            std::fs::File::open(entry?.path())?.sync_all()?;
        }
        std::fs::rename(&self.folder, &self.place).with_context(|| {
            format!(
                "cannot put the base into its place, {}",
                self.place.display()
            )
        })?;
        std::fs::File::open(base_models_folder_of(&self.place))?.sync_all()?;
        Ok(base)
    }

    /// Takes back what was begun.
    fn discard(&self) {
        // What cannot be deleted is found and replaced by the next try.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn base_models_folder_of(place: &Path) -> &Path {
    place.parent().unwrap_or(Path::new("."))
}

fn folder_bytes(folder: &Path) -> anyhow::Result<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        bytes += match metadata.is_dir() {
            true => folder_bytes(&entry.path())?,
            false => metadata.len(),
        };
    }
    Ok(bytes)
}

/// A repository with this file is one of a sentence encoder.
const ENCODER_MODULES: &str = "modules.json";

/// How a sentence encoder is used: how states are pooled, how long a text may
/// be, and what stands before a query. Wanted beside what all models have.
const ENCODER_FILES: [&str; 5] = [
    ENCODER_MODULES,
    "1_Pooling/config.json",
    "sentence_bert_config.json",
    "config_sentence_transformers.json",
    "README.md",
];

/// Whether a file of a published model is wanted here: weights as
/// safetensors, what describes them, and their licence.
fn is_wanted(file: &str) -> bool {
    const DESCRIBING: [&str; 8] = [
        "config.json",
        "generation_config.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "special_tokens_map.json",
        "chat_template.jinja",
        "chat_template.json",
        "model.safetensors.index.json",
    ];
    let licence = file.to_ascii_uppercase();
    // A name with a folder in it could be written to any place.
    !file.contains(['/', '\\'])
        && (DESCRIBING.contains(&file)
            || (file.starts_with("model") && file.ends_with(".safetensors"))
            || licence.starts_with("LICENSE")
            || licence.starts_with("NOTICE"))
}
