//! Mappings that are kept: what was said once of a file goes for the next one
//! with the same columns.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shop::{Currency, Kind};

use super::dates::DateOrder;
use super::import::ImportReport;
use super::read::ImportOptions;

/// What somebody said of files with these columns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SavedMapping {
    /// What it is called.
    pub name: String,
    /// What the rows are.
    pub kind: Kind,
    /// The columns that a file has to have; it may have more.
    pub columns: Vec<String>,
    /// Fields, and the columns that give them.
    #[serde(default)]
    pub map: Vec<(String, String)>,
    /// The currency of prices that name none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<Currency>,
    /// Where the clock hung whose times name no zone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// Whether `3/4/2026` is in April or in March.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date_order: Option<DateOrder>,
}

impl SavedMapping {
    /// What was said with an import, once it is known what the file holds;
    /// nothing where its rows are of no table.
    pub fn of(name: &str, report: &ImportReport, options: &ImportOptions) -> Option<Self> {
        let columns = report.columns.iter();
        let columns: Vec<String> = columns.map(|column| column.name.clone()).collect();
        let zone = options.time_zone.as_ref();
        (!columns.is_empty()).then_some(Self {
            name: name.to_owned(),
            kind: report.kind?,
            columns,
            map: options.map.clone(),
            currency: options.currency,
            time_zone: zone.and_then(|zone| zone.iana_name().map(str::to_owned)),
            date_order: options.date_order,
        })
    }

    /// The one that was saved for files with these columns: the one of most
    /// columns, the last of several. Who says now what the columns are needs none.
    pub(super) fn fitting<'o>(options: &'o ImportOptions, columns: &[String]) -> Option<&'o Self> {
        if options.as_kind.is_some() || !options.map.is_empty() {
            return None;
        }
        let fits = |saved: &&Self| {
            let has = |column: &String| columns.contains(column);
            !saved.columns.is_empty() && saved.columns.iter().all(has)
        };
        let fitting = options.saved.iter().filter(fits);
        fitting.max_by_key(|saved| saved.columns.len())
    }

    /// The options with what was saved; what is said now counts.
    pub(super) fn applied(&self, options: &ImportOptions) -> ImportOptions {
        let zone = || jiff::tz::TimeZone::get(self.time_zone.as_deref()?).ok();
        ImportOptions {
            as_kind: Some(self.kind),
            map: self.map.clone(),
            currency: options.currency.or(self.currency),
            time_zone: options.time_zone.clone().or_else(zone),
            date_order: options.date_order.or(self.date_order),
            ..options.clone()
        }
    }
}
