use std::path::Path;
use std::sync::atomic::AtomicBool;

use anyhow::{Context, bail};
use serde::Deserialize;
use serde_json::Value;
use shop::Progress;

use super::download::{Checksum, Client, RemoteFile};
use super::{Base, ENCODER_FILES, ENCODER_MODULES, UnfinishedBase, is_wanted};

/// Beside unfinished downloads: the commit that they are of.
const NOTE: &str = ".commit";

/// Where published models are pulled from.
#[derive(Debug, Clone)]
pub struct Hub {
    /// The address of a server that speaks as Hugging Face's hub does,
    /// without a slash at its end.
    pub endpoint: String,
    /// Who asks, for models whose licence has to be accepted first.
    pub token: Option<String>,
}

impl Hub {
    /// The hub that the environment names: `HF_ENDPOINT` and `HF_TOKEN`, as
    /// Hugging Face's own tools read them.
    pub fn from_environment() -> Hub {
        let variable = |name| {
            std::env::var(name)
                .ok()
                .filter(|value: &String| !value.is_empty())
        };
        let endpoint = variable("HF_ENDPOINT");
        let endpoint = endpoint.unwrap_or_else(|| "https://huggingface.co".to_owned());
        Hub {
            endpoint: endpoint.trim_end_matches('/').to_owned(),
            token: variable("HF_TOKEN"),
        }
    }
}

/// What is to be pulled: `hf:ORG/NAME`, with `@REVISION` where it is not
/// the newest.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Reference {
    repository: String,
    revision: String,
}

impl Reference {
    fn parse(text: &str) -> anyhow::Result<Reference> {
        let refuse = || {
            format!(
                "{text:?} names no model: write hf:ORG/NAME, as in \
                 hf:HuggingFaceTB/SmolLM2-135M-Instruct, with @REVISION for another than the newest"
            )
        };
        let rest = text.strip_prefix("hf:").with_context(refuse)?;
        let (repository, revision) = rest.split_once('@').unwrap_or((rest, "main"));
        let part = |part: &str| {
            let plain = |letter: char| letter.is_ascii_alphanumeric() || "._-".contains(letter);
            !part.is_empty() && !part.starts_with('.') && part.chars().all(plain)
        };
        let whole = repository
            .split_once('/')
            .is_some_and(|(organisation, name)| part(organisation) && part(name));
        if !whole || !revision.split('/').all(part) {
            bail!(refuse());
        }
        Ok(Reference {
            repository: repository.to_owned(),
            revision: revision.to_owned(),
        })
    }

    fn name(&self) -> &str {
        let (_, name) = self.repository.split_once('/').unwrap_or_default();
        name
    }
}

/// What the hub says of a repository.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Listing {
    sha: String,
    siblings: Vec<Sibling>,
    tags: Vec<String>,
    card_data: Value,
    safetensors: Value,
}

impl Listing {
    /// The licence that the publisher names.
    fn licence(&self) -> Option<String> {
        let named = self.card_data["license"].as_str().map(str::to_owned);
        let tagged = self
            .tags
            .iter()
            .find_map(|tag| tag.strip_prefix("license:"));
        named.or_else(|| tagged.map(str::to_owned))
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sibling {
    rfilename: String,
    size: Option<u64>,
    blob_id: Option<String>,
    lfs: Option<LargeFile>,
}

#[derive(Debug, Deserialize)]
struct LargeFile {
    sha256: String,
    size: u64,
}

impl Sibling {
    fn remote(&self) -> RemoteFile {
        let (size, checksum) = match (&self.lfs, &self.blob_id) {
            (Some(large), _) => (Some(large.size), Checksum::Sha256(large.sha256.clone())),
            (None, Some(blob)) => (self.size, Checksum::GitBlob(blob.clone())),
            (None, None) => (self.size, Checksum::Unknown),
        };
        RemoteFile {
            path: self.rfilename.clone(),
            size,
            checksum,
        }
    }
}

/// A model as a hub has it, with the files that are wanted here.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) repository: String,
    /// What `--base` is to call it, unless it is given another name.
    pub(super) name: String,
    pub(super) commit: String,
    /// Each with the name that it gets here.
    pub(super) files: Vec<(RemoteFile, String)>,
    pub(super) licence: Option<String>,
    /// How many weights, where the hub has counted them.
    pub(super) parameters: Option<u64>,
}

/// Asks the hub what a pull would download.
pub(super) fn look(
    reference: &str,
    file: Option<&str>,
    hub: &Hub,
    client: &Client<'_>,
) -> anyhow::Result<Found> {
    let reference = Reference::parse(reference)?;
    let Reference {
        repository,
        revision,
    } = &reference;
    let address = format!(
        "{}/api/models/{repository}/revision/{revision}?blobs=true",
        hub.endpoint
    );
    let listing: Listing = client.json(&address)?;
    let commit = &listing.sha;
    if commit.is_empty() || !commit.chars().all(|letter| letter.is_ascii_hexdigit()) {
        bail!("{address} names no commit");
    }
    Ok(Found {
        files: choose(&listing, file)?,
        licence: listing.licence(),
        parameters: listing.safetensors["total"].as_u64(),
        commit: commit.clone(),
        name: reference.name().to_owned(),
        repository: reference.repository,
    })
}

/// Downloads what was found into the draft of a base, and makes it one.
pub(super) fn fetch(
    found: &Found,
    draft: &UnfinishedBase,
    hub: &Hub,
    client: &Client<'_>,
) -> anyhow::Result<Base> {
    let Found {
        repository, commit, ..
    } = found;
    start_over_at_another_commit(draft, commit)?;
    for (remote, local) in &found.files {
        let address = format!(
            "{}/{repository}/resolve/{commit}/{}",
            hub.endpoint, remote.path
        );
        client.download(&address, remote, &draft.folder.join(local))?;
    }
    let _ = std::fs::remove_file(draft.folder.join(NOTE));
    match draft.finish(format!("hf:{repository}@{commit}")) {
        Ok(base) => Ok(base),
        Err(error) => {
            // The files are those of the hub: another try would not help.
            draft.discard();
            Err(error)
        }
    }
}

/// Downloads a model from a hub. What is already there after an interrupted
/// pull is kept, and every file is compared with its checksum.
///
/// # Errors
/// Where the hub does not know it, does not answer, or sends something else
/// than it promised. What was received stays for the next try, unless it was
/// wrong.
pub fn pull(
    data: &Path,
    reference: &str,
    (name, file): (Option<&str>, Option<&str>),
    hub: &Hub,
    progress: &dyn Progress,
    stop: &AtomicBool,
) -> anyhow::Result<Base> {
    let parsed = Reference::parse(reference)?;
    let draft = UnfinishedBase::open(data, name.unwrap_or(parsed.name()))?;
    let client = Client::new(hub.token.clone(), stop, progress);
    let found = look(reference, file, hub, &client)?;
    fetch(&found, &draft, hub, &client)
}

/// What was received of another commit belongs to another model.
fn start_over_at_another_commit(draft: &UnfinishedBase, commit: &str) -> anyhow::Result<()> {
    let note = draft.folder.join(NOTE);
    if std::fs::read_to_string(&note).is_ok_and(|noted| noted != commit) {
        draft.discard();
        std::fs::create_dir_all(&draft.folder)?;
    }
    std::fs::write(&note, commit).with_context(|| format!("cannot write {}", note.display()))
}

/// The files to download, each with the name that it gets here.
fn choose(listing: &Listing, file: Option<&str>) -> anyhow::Result<Vec<(RemoteFile, String)>> {
    let named = |name: &str| {
        let siblings = &listing.siblings;
        siblings.iter().find(|sibling| sibling.rfilename == name)
    };
    let gguf: Vec<&str> = (listing.siblings.iter())
        .map(|sibling| sibling.rfilename.as_str())
        .filter(|name| name.ends_with(".gguf"))
        .collect();
    if let Some(file) = file {
        let sibling = named(file).filter(|_| file.ends_with(".gguf"));
        let sibling = sibling.with_context(|| match gguf.as_slice() {
            [] => "it has no GGUF files; leave out --file".to_owned(),
            files => format!("it has no {file}; it has {}", files.join(", ")),
        })?;
        return Ok(vec![(sibling.remote(), "model.gguf".to_owned())]);
    }
    let is_weights = |sibling: &&Sibling| {
        is_wanted(&sibling.rfilename) && sibling.rfilename.ends_with(".safetensors")
    };
    if named("config.json").is_some() && listing.siblings.iter().any(|s| is_weights(&s)) {
        // One file holds it all: parts beside it say the same again.
        let whole = named("model.safetensors").is_some();
        let encodes = named(ENCODER_MODULES).is_some();
        let wanted = (listing.siblings.iter())
            .filter(|sibling| {
                let name = sibling.rfilename.as_str();
                is_wanted(name) || (encodes && ENCODER_FILES.contains(&name))
            })
            .filter(|sibling| {
                !whole || !is_weights(sibling) || sibling.rfilename == "model.safetensors"
            });
        return Ok(wanted
            .map(|sibling| (sibling.remote(), sibling.rfilename.clone()))
            .collect());
    }
    match gguf.as_slice() {
        [] => bail!(
            "it has neither `config.json` with safetensors weights nor a GGUF file: only such \
             models are read"
        ),
        [only] => choose(listing, Some(only)),
        files => bail!("choose one of its files with --file: {}", files.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_name_one_repository() {
        let read = |text| {
            Reference::parse(text).map(|reference| (reference.repository, reference.revision))
        };
        let found = |repository: &str, revision: &str| (repository.to_owned(), revision.to_owned());
        assert_eq!(read("hf:org/name").unwrap(), found("org/name", "main"));
        assert_eq!(read("hf:a/b.c@v1").unwrap(), found("a/b.c", "v1"));
        assert_eq!(read("hf:a/b@refs/pr/1").unwrap(), found("a/b", "refs/pr/1"));
        for wrong in [
            "",
            "org/name",
            "hf:",
            "hf:name",
            "hf:a/b/c",
            "hf:../b",
            "hf:a/..",
            "hf:a/b@",
            "hf:a/b@../x",
            "hf:a/b?c",
            "hf:a /b",
        ] {
            let error = read(wrong).expect_err(wrong).to_string();
            assert!(error.contains("hf:ORG/NAME"), "{wrong}: {error}");
        }
    }

    fn listing(files: &[&str]) -> Listing {
        let sibling = |name: &&str| Sibling {
            rfilename: (*name).to_owned(),
            size: None,
            blob_id: None,
            lfs: None,
        };
        Listing {
            sha: "ab".to_owned(),
            siblings: files.iter().map(sibling).collect(),
            ..Listing::default()
        }
    }

    #[test]
    fn only_what_is_read_is_downloaded() {
        let chosen = |files: &[&str], file| -> Result<Vec<String>, String> {
            match choose(&listing(files), file) {
                Ok(chosen) => Ok(chosen.into_iter().map(|(remote, _)| remote.path).collect()),
                Err(error) => Err(error.to_string()),
            }
        };
        let folder = [
            "config.json",
            "model.safetensors",
            "pytorch_model.bin",
            "onnx/model.safetensors",
            "README.md",
            "LICENSE",
            "tokenizer.json",
            "model-00001-of-00002.safetensors",
            "consolidated.safetensors",
        ];
        let expected = [
            "config.json",
            "model.safetensors",
            "LICENSE",
            "tokenizer.json",
        ];
        assert_eq!(chosen(&folder, None).unwrap(), expected);
        // How a sentence encoder is used stands in files of its own.
        let encoder = [
            "config.json",
            "model.safetensors",
            "modules.json",
            "1_Pooling/config.json",
            "README.md",
        ];
        assert_eq!(chosen(&encoder, None).unwrap(), encoder);
        let parts = [
            "config.json",
            "model-1-of-2.safetensors",
            "model-2-of-2.safetensors",
        ];
        assert_eq!(chosen(&parts, None).unwrap(), parts);
        assert_eq!(chosen(&["x.gguf", "README.md"], None).unwrap(), ["x.gguf"]);
        assert!(
            chosen(&["x.gguf", "y.gguf"], None)
                .unwrap_err()
                .contains("x.gguf, y.gguf")
        );
        assert_eq!(
            chosen(&["x.gguf", "y.gguf"], Some("y.gguf")).unwrap(),
            ["y.gguf"]
        );
        assert!(
            chosen(&["x.gguf"], Some("z.gguf"))
                .unwrap_err()
                .contains("it has x.gguf")
        );
        assert!(chosen(&folder, Some("config.json")).is_err());
        assert!(
            chosen(&["pytorch_model.bin"], None)
                .unwrap_err()
                .contains("neither")
        );
    }
}
