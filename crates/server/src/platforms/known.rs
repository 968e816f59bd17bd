//! What a back-fill learnt of a shop and how far it is, kept in the data folder:
//! a run that was cut off goes on from there, and webhooks read here what their
//! payloads leave out.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use shop::Currency;

use super::Platform;

/// Objects, and where the next page begins; nothing after the last.
pub(super) type Page = (Vec<Map<String, Value>>, Option<String>);

/// What is asked for, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Stage {
    #[default]
    Products,
    Customers,
    Orders,
    Done,
}

impl Stage {
    /// What comes after it.
    pub fn next(self) -> Self {
        match self {
            Self::Products => Self::Customers,
            Self::Customers => Self::Orders,
            Self::Orders | Self::Done => Self::Done,
        }
    }

    /// What it brings.
    pub fn name(self) -> &'static str {
        match self {
            Self::Products => "products",
            Self::Customers => "customers",
            Self::Orders => "orders",
            Self::Done => "nothing",
        }
    }
}

/// What is known of a shop.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Known {
    /// The address of its platform.
    pub address: String,
    /// Its currency: the platforms' products name none.
    pub currency: Option<Currency>,
    /// The address under which customers know it.
    pub url: Option<String>,
    /// The paths of categories, by the platform's number.
    pub categories: BTreeMap<String, String>,
    /// How far the back-fill is.
    pub stage: Stage,
    /// Where in it the next page begins.
    pub cursor: Option<String>,
}

/// Where such files are.
fn folder_of(data: &Path) -> PathBuf {
    data.join("work/backfill")
}

impl Known {
    fn path(data: &Path, platform: Platform, address: &str) -> PathBuf {
        let name: String = address
            .chars()
            .map(|c| {
                if c.is_ascii_alphanumeric() || c == '.' || c == '-' {
                    c
                } else {
                    '_'
                }
            })
            .take(180)
            .collect();
        folder_of(data).join(format!("{}-{name}.json", platform.name()))
    }

    /// What is known of the shop at this address; nothing where the file
    /// cannot be read: a run begins anew then.
    pub fn of(data: &Path, platform: Platform, address: &str) -> Option<Self> {
        let text = std::fs::read(Self::path(data, platform, address)).ok()?;
        let known: Self = serde_json::from_slice(&text).ok()?;
        (known.address == address).then_some(known)
    }

    /// What is known of the platform's shop that was asked last.
    pub fn newest(data: &Path, platform: Platform) -> Option<Self> {
        let begins = format!("{}-", platform.name());
        let files = std::fs::read_dir(folder_of(data)).ok()?.flatten();
        let files = files.filter(|file| {
            let name = file.file_name();
            let name = name.to_string_lossy();
            name.starts_with(&begins) && name.ends_with(".json")
        });
        let newest = files.max_by_key(|file| file.metadata().and_then(|it| it.modified()).ok())?;
        serde_json::from_slice(&std::fs::read(newest.path()).ok()?).ok()
    }

    /// Writes it down, as a whole or not at all.
    pub fn write(&self, data: &Path, platform: Platform) -> anyhow::Result<()> {
        let path = Self::path(data, platform, &self.address);
        let written = || -> std::io::Result<()> {
            std::fs::create_dir_all(folder_of(data))?;
            let part = path.with_extension("part");
            let mut options = std::fs::OpenOptions::new();
            options.create(true).write(true).truncate(true);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            let mut file = options.open(&part)?;
            file.write_all(&serde_json::to_vec(self)?)?;
            file.sync_all()?;
            std::fs::rename(&part, &path)
        };
        written().with_context(|| format!("cannot write {}", path.display()))
    }
}
