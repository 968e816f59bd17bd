//! The published models that are recommended to a shop: a sentence encoder and,
//! by the memory of the machine, a chat model. Which ones is decided here; their
//! revisions, sizes, checksums and licences are the hub's word.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use serde::Serialize;
use shop::Progress;

use super::download::{Checksum, Client};
use super::pull::{Found, Hub, fetch, look as look_at};
use super::{Base, UnfinishedBase, named};

const ENCODER: &str = "hf:intfloat/multilingual-e5-small";

/// The largest first, each from so many GiB of available memory on: about
/// twice what its weights take in 8 bits, and the rest of the shop.
const CHAT_MODELS: [(&str, u64); 3] = [
    ("hf:Qwen/Qwen3-4B", 10),
    ("hf:Qwen/Qwen3-1.7B", 5),
    ("hf:Qwen/Qwen3-0.6B", 2),
];

/// What conversations take beside the weights, in bytes.
const CONVERSATION_BYTES: u64 = 512 << 20;

/// What a model is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// It finds passages and products by meaning.
    Encoder,
    /// It talks with customers.
    Chat,
}

impl Purpose {
    /// The key of `shopkeeper.toml` that names such a model.
    pub fn setting(self) -> &'static str {
        match self {
            Self::Encoder => "support_encoder",
            Self::Chat => "support_model",
        }
    }

    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Encoder => "finds passages by meaning",
            Self::Chat => "reads, decides and writes",
        }
    }
}

/// A recommended model as the hub has it.
#[derive(Debug, Serialize)]
pub struct Offer {
    /// What it is called here.
    pub name: String,
    /// As `intfloat/multilingual-e5-small`.
    pub repository: String,
    /// The commit.
    pub revision: String,
    /// What it is for.
    pub purpose: Purpose,
    /// The licence that the publisher names.
    pub licence: Option<String>,
    /// The files that would be downloaded.
    pub files: Vec<OfferedFile>,
    /// What it will take of memory, about; `None` where the hub tells too
    /// little.
    pub memory_bytes: Option<u64>,
    /// Whether a model of that name is here already.
    pub is_here: bool,
    #[serde(skip)]
    found: Found,
}

/// A file of an offer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OfferedFile {
    /// Its path in the repository.
    pub path: String,
    /// In bytes, where the hub says so.
    pub bytes: Option<u64>,
    /// Whether the hub gives a checksum to hold it against.
    pub is_checked: bool,
}

/// Which models are recommended to a machine with so much memory left.
fn recommended(available: Option<u64>) -> Vec<(&'static str, Purpose)> {
    let gibibytes = available.map(|bytes| bytes >> 30);
    let fits = |(_, least): &&(&str, u64)| match gibibytes {
        Some(gibibytes) => gibibytes >= *least,
        // Nothing is known: the smallest.
        None => false,
    };
    let chat = CHAT_MODELS.iter().find(fits).or(match gibibytes {
        Some(_) => None,
        None => CHAT_MODELS.last(),
    });
    let chat = chat.map(|(model, _)| (*model, Purpose::Chat));
    [(ENCODER, Purpose::Encoder)]
        .into_iter()
        .chain(chat)
        .collect()
}

/// Asks the hub for what is recommended to a machine with so much memory left.
/// Nothing is downloaded.
///
/// # Errors
/// Where the hub does not know a model or does not answer.
pub fn look(
    data: &Path,
    available: Option<u64>,
    hub: &Hub,
    progress: &dyn Progress,
    stop: &AtomicBool,
) -> anyhow::Result<Vec<Offer>> {
    let client = Client::new(hub.token.clone(), stop, progress);
    let all = recommended(available).into_iter();
    all.map(|(reference, purpose)| {
        let found = look_at(reference, None, hub, &client)?;
        Ok(Offer::new(found, purpose, data))
    })
    .collect()
}

impl Offer {
    fn new(found: Found, purpose: Purpose, data: &Path) -> Self {
        let files = found.files.iter().map(|(file, _)| OfferedFile {
            path: file.path.clone(),
            bytes: file.size,
            is_checked: file.checksum != Checksum::Unknown,
        });
        let name = found.name.to_ascii_lowercase();
        Self {
            is_here: named(data, &name).is_some(),
            repository: found.repository.clone(),
            revision: found.commit.clone(),
            licence: found.licence.clone(),
            files: files.collect(),
            memory_bytes: found.parameters.map(|parameters| match purpose {
                // In full: 4 bytes a weight.
                Purpose::Encoder => parameters * 4,
                // In 8 bits, with what conversations take.
                Purpose::Chat => parameters + CONVERSATION_BYTES,
            }),
            name,
            purpose,
            found,
        }
    }

    /// What would be downloaded, in bytes, as far as the hub tells.
    pub fn bytes(&self) -> u64 {
        self.files.iter().filter_map(|file| file.bytes).sum()
    }

    /// Downloads what was offered; what an earlier try received is kept.
    ///
    /// # Errors
    /// As those of a pull.
    pub fn pull(
        &self,
        data: &Path,
        hub: &Hub,
        progress: &dyn Progress,
        stop: &AtomicBool,
    ) -> anyhow::Result<Base> {
        let draft = UnfinishedBase::open(data, &self.name)?;
        let client = Client::new(hub.token.clone(), stop, progress);
        fetch(&self.found, &draft, hub, &client)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chat_model_is_the_largest_that_leaves_room() {
        let chat = |gibibytes: u64| {
            let all = recommended(Some(gibibytes << 30));
            assert_eq!(all[0], (ENCODER, Purpose::Encoder));
            all.get(1).map(|(model, _)| *model)
        };
        for (gibibytes, expected) in [
            (64, Some("hf:Qwen/Qwen3-4B")),
            (10, Some("hf:Qwen/Qwen3-4B")),
            (9, Some("hf:Qwen/Qwen3-1.7B")),
            (5, Some("hf:Qwen/Qwen3-1.7B")),
            (4, Some("hf:Qwen/Qwen3-0.6B")),
            (2, Some("hf:Qwen/Qwen3-0.6B")),
            (1, None),
        ] {
            assert_eq!(chat(gibibytes), expected, "{gibibytes}");
        }
        assert_eq!(recommended(None)[1].0, "hf:Qwen/Qwen3-0.6B");
    }
}
