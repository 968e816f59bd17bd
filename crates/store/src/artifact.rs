use std::collections::BTreeMap;
use std::path::Path;

use futures::TryStreamExt;
use object_store::local::LocalFileSystem;
use object_store::path::Path as ObjectPath;
use object_store::{ObjectStore, ObjectStoreExt, PutPayload};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::StoreError;

/// The folder of artifacts in the data folder.
pub(crate) const FOLDER: &str = "artifacts";

/// Written last: an artifact without it was cut short and does not exist.
const MANIFEST: &str = "manifest.json";

/// What an artifact says about itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// A service's name, or `corpus`.
    pub kind: String,
    /// The hash of its files.
    pub version: String,
    /// SHA-256 of each file.
    pub files: BTreeMap<String, String>,
    /// What its maker wrote about it: metrics, a data card.
    pub card: serde_json::Value,
}

/// What training makes: sets of files, each named by a hash of what is in it,
/// under `artifacts/KIND/VERSION`.
#[derive(Debug)]
pub(crate) struct Artifacts {
    store: LocalFileSystem,
}

impl Artifacts {
    pub(crate) fn open(folder: &Path) -> Result<Self, StoreError> {
        let root = folder.join(FOLDER);
        let wrong = |reason: String| StoreError::Disk {
            folder: root.clone(),
            reason,
        };
        std::fs::create_dir_all(&root).map_err(|error| wrong(error.to_string()))?;
        let store = LocalFileSystem::new_with_prefix(&root)
            .map_err(|error| wrong(error.to_string()))?
            .with_fsync(true);
        Ok(Self { store })
    }

    pub(crate) async fn put(
        &self,
        kind: &str,
        files: BTreeMap<String, Vec<u8>>,
        card: serde_json::Value,
    ) -> Result<String, StoreError> {
        let version = version(&files);
        let folder = folder_of(kind, &version)?;
        let mut digests = BTreeMap::new();
        for (name, content) in files {
            let path = file_in(&folder, &name)?;
            digests.insert(name, hex::encode(Sha256::digest(&content)));
            self.write(&path, content).await?;
        }
        let manifest = Manifest {
            kind: kind.to_owned(),
            version: version.clone(),
            files: digests,
            card,
        };
        let bytes = serde_json::to_vec_pretty(&manifest).map_err(|error| StoreError::Disk {
            folder: folder.as_ref().into(),
            reason: error.to_string(),
        })?;
        self.write(&folder.clone().join(MANIFEST), bytes).await?;
        Ok(version)
    }

    pub(crate) async fn get(
        &self,
        kind: &str,
        version: &str,
    ) -> Result<BTreeMap<String, Vec<u8>>, StoreError> {
        let manifest = self.manifest(kind, version).await?;
        let folder = folder_of(kind, version)?;
        let mut files = BTreeMap::new();
        for (name, digest) in manifest.files {
            let content = self
                .read(&file_in(&folder, &name)?)
                .await?
                .filter(|content| hex::encode(Sha256::digest(content)) == digest)
                .ok_or_else(|| damaged(kind, version, &format!("{name} is not what was stored")))?;
            files.insert(name, content);
        }
        Ok(files)
    }

    pub(crate) async fn manifest(&self, kind: &str, version: &str) -> Result<Manifest, StoreError> {
        let path = folder_of(kind, version)?.join(MANIFEST);
        let bytes = self
            .read(&path)
            .await?
            .ok_or_else(|| StoreError::UnknownArtifact {
                kind: kind.to_owned(),
                version: version.to_owned(),
            })?;
        serde_json::from_slice(&bytes).map_err(|error| damaged(kind, version, &error.to_string()))
    }

    pub(crate) async fn list(&self, kind: &str) -> Result<Vec<Manifest>, StoreError> {
        let folder = ObjectPath::parse(kind).map_err(|_| named(kind))?;
        let found: Vec<_> = self
            .store
            .list(Some(&folder))
            .try_collect()
            .await
            .map_err(|error| failed(&folder, &error))?;
        let mut written: Vec<_> = found
            .into_iter()
            .filter_map(|object| {
                let parts: Vec<_> = object.location.parts().collect();
                match parts.as_slice() {
                    [.., version, file] if file.as_ref() == MANIFEST => {
                        Some((object.last_modified, version.as_ref().to_owned()))
                    }
                    _ => None,
                }
            })
            .collect();
        written.sort_unstable();
        let mut manifests = Vec::with_capacity(written.len());
        for (_, version) in written {
            manifests.push(self.manifest(kind, &version).await?);
        }
        Ok(manifests)
    }

    async fn write(&self, path: &ObjectPath, content: Vec<u8>) -> Result<(), StoreError> {
        self.store
            .put(path, PutPayload::from(content))
            .await
            .map(|_| ())
            .map_err(|error| failed(path, &error))
    }

    async fn read(&self, path: &ObjectPath) -> Result<Option<Vec<u8>>, StoreError> {
        let found = match self.store.get(path).await {
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            found => found.map_err(|error| failed(path, &error))?,
        };
        let bytes = found.bytes().await.map_err(|error| failed(path, &error))?;
        Ok(Some(bytes.into()))
    }
}

/// SHA-256 over names and contents in the order of the names; each is led by
/// its length, so that no two sets of files look alike.
fn version(files: &BTreeMap<String, Vec<u8>>) -> String {
    let mut hash = Sha256::new();
    for (name, content) in files {
        for part in [name.as_bytes(), content.as_slice()] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
    }
    hex::encode(&hash.finalize()[..8])
}

fn folder_of(kind: &str, version: &str) -> Result<ObjectPath, StoreError> {
    match (ObjectPath::parse(kind), ObjectPath::parse(version)) {
        (Ok(folder), Ok(leaf)) if folder.parts().count() == 1 && leaf.parts().count() == 1 => {
            Ok(folder.join(version))
        }
        _ => Err(named(&format!("{kind}/{version}"))),
    }
}

fn file_in(folder: &ObjectPath, name: &str) -> Result<ObjectPath, StoreError> {
    let inner = ObjectPath::parse(name).map_err(|_| named(name))?;
    if inner.parts().count() == 0 || name == MANIFEST {
        return Err(named(name));
    }
    Ok(inner
        .parts()
        .fold(folder.clone(), |path, part| path.join(part)))
}

fn named(name: &str) -> StoreError {
    StoreError::ArtifactName(name.to_owned())
}

fn damaged(kind: &str, version: &str, reason: &str) -> StoreError {
    StoreError::DamagedArtifact {
        kind: kind.to_owned(),
        version: version.to_owned(),
        reason: reason.to_owned(),
    }
}

fn failed(path: &ObjectPath, error: &object_store::Error) -> StoreError {
    let folder = std::path::PathBuf::from(path.as_ref());
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        if let Some(system) = cause.downcast_ref::<std::io::Error>()
            && system.kind() == std::io::ErrorKind::StorageFull
        {
            return StoreError::DiskFull(folder);
        }
        source = cause.source();
    }
    StoreError::Disk {
        folder,
        reason: error.to_string(),
    }
}
