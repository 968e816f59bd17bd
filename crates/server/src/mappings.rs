//! What the shop's people said of the columns of their files, kept in
//! `mappings.json` by name: the next file with the same columns needs no word.

use std::path::Path;

use ingest::SavedMapping;

use crate::shared_file::SharedFile;

/// The file of the data folder.
const FILE: &str = "mappings.json";
/// How many there may be.
const MOST: usize = 1_000;

/// The saved mappings of a shop.
pub struct Mappings(SharedFile<Vec<SavedMapping>>);

impl Mappings {
    /// Those of a data folder.
    pub fn open(folder: &Path) -> Self {
        Self(SharedFile::open(folder.join(FILE)))
    }

    /// All of them, in the order in which they were saved.
    pub fn list(&self) -> Vec<SavedMapping> {
        self.0.load().to_vec()
    }

    /// Saves one, in the place of that of its name.
    ///
    /// # Errors
    /// There are too many, or the file cannot be written.
    pub fn put(&self, mapping: SavedMapping) -> anyhow::Result<()> {
        self.0.edit(|all| {
            all.retain(|other| other.name != mapping.name);
            anyhow::ensure!(
                all.len() < MOST,
                "{MOST} mappings are saved: delete some of them"
            );
            all.push(mapping);
            Ok(())
        })?
    }

    /// Deletes one; `false` where there is none of this name.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn delete(&self, name: &str) -> anyhow::Result<bool> {
        self.0.edit(|all| {
            let before = all.len();
            all.retain(|other| other.name != name);
            all.len() < before
        })
    }
}
