//! What is said with an upload.

use std::path::{Path, PathBuf};

use ingest::{DateOrder, ImportOptions, TimeZone};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::json;
use shop::{Currency, Id, Kind};

use super::uploads::ASKED;
use crate::app::{App, now};
use crate::http::error::{ApiError, Code};

/// A kind of record, or `auto`.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(super) struct ImportKind(pub(super) String);

impl JsonSchema for ImportKind {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ImportKind".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let kinds = Kind::ALL.iter().map(|kind| kind.name());
        let kinds: Vec<_> = kinds.chain(["auto"]).collect();
        json_schema!({"type": "string", "enum": kinds})
    }
}

/// The kind that a name means; `auto` finds it by content.
pub(super) fn kind_of(name: &str) -> Result<Option<Kind>, ApiError> {
    if name == "auto" {
        return Ok(None);
    }
    Kind::from_name(name).map(Some).ok_or_else(|| {
        let names: Vec<_> = Kind::ALL.iter().map(|kind| kind.name()).collect();
        ApiError::field(
            "kind",
            format!("{name:?} is none of auto, {}", names.join(", ")),
        )
    })
}

/// What a file does not say by itself, and what is to be done with it.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub(super) struct ImportAsked {
    /// Which columns give which fields, as in `price=Preis`; `-=Preis` leaves a
    /// column out, `properties=Preis` keeps it as it is.
    #[schemars(extend("prefixItems" = [{"type": "string", "pattern": "="}]))]
    map: Vec<String>,
    /// The currency of prices that name none.
    currency: Option<Currency>,
    /// Where the clock hung whose times name no zone, as in `Europe/Berlin`.
    time_zone: Option<String>,
    /// Whether dates like 3/4/2026 begin with the `day` or the `month`.
    date_order: Option<DateOrder>,
    /// Whether nothing is to be stored: the task shows what would be.
    pub(super) dry_run: bool,
    /// Whether the upload is kept for a day as long as nothing of it is stored:
    /// the id of the task names it.
    pub(super) keep: bool,
    /// An upload that was kept, in the place of a body.
    pub(super) upload: Option<Id>,
    /// The name under which all this is saved, once the file is stored: the next
    /// file with the same columns needs no word.
    #[schemars(length(min = 1, max = 100))]
    pub(super) save: Option<String>,
    /// What the file is called; documents are known by it.
    name: Option<String>,
}

impl ImportAsked {
    /// As the import takes it.
    pub(super) fn options(&self, app: &App, kind: Option<Kind>) -> Result<ImportOptions, ApiError> {
        let said = self.time_zone.as_deref().filter(|name| !name.is_empty());
        let zone = said.map(|name| {
            TimeZone::get(name).map_err(|_| ApiError {
                param: Some("time_zone".to_owned()),
                ..ApiError::new(
                    Code::UnknownValue,
                    format!("{name:?} is no time zone, as in Europe/Berlin"),
                )
            })
        });
        Ok(ImportOptions {
            as_kind: kind,
            now: now(),
            currency: self.currency.or(app.config.import_currency),
            time_zone: zone.transpose()?,
            date_order: self.date_order,
            map: self.columns()?,
            saved: app.mappings.list(),
            // The file has a name of ours that says nothing.
            name: Some(self.name.clone().unwrap_or_default()),
        })
    }

    /// A column's name may hold the comma that parts one from the next.
    fn columns(&self) -> Result<Vec<(String, String)>, ApiError> {
        let mut columns: Vec<(String, String)> = Vec::new();
        for part in &self.map {
            match (part.split_once('='), columns.last_mut()) {
                (Some((field, column)), _) => {
                    columns.push((field.trim().to_owned(), column.trim().to_owned()));
                }
                (None, Some((_, column))) => *column = format!("{column},{part}"),
                (None, None) => {
                    let message = format!("{part:?} is not FIELD=COLUMN, as in price=Preis");
                    return Err(ApiError::field("map", message));
                }
            }
        }
        Ok(columns)
    }

    /// Where they stand while the upload waits.
    pub(super) fn path(folder: &Path, id: &Id) -> PathBuf {
        folder.join(format!("{id}.{ASKED}"))
    }

    /// Writes them beside the upload.
    pub(super) fn write(&self, folder: &Path, id: &Id) -> std::io::Result<()> {
        if *self == Self::default() {
            return Ok(());
        }
        std::fs::write(Self::path(folder, id), json!(self).to_string())
    }

    /// What was written beside the upload.
    pub(super) fn of(folder: &Path, id: &Id) -> Self {
        let text = std::fs::read_to_string(Self::path(folder, id));
        let asked = text.ok().and_then(|text| serde_json::from_str(&text).ok());
        asked.unwrap_or_default()
    }
}
