//! Where rows come from: a table, JSON, a feed, a sheet, columns, a document.

use std::io::BufReader;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use super::csv_rows::Table;
use super::documents::{self, Form};
use super::open::open;
use super::read::Halt;
use super::row::Row;
use super::{Rejected, columnar, feed, json_rows, open_document, workbook};

/// What a container holds.
pub(super) enum Item {
    /// The names of all columns, before the first row of a table.
    Columns(Vec<String>),
    Row(Row),
    Bad(Rejected),
}

/// Takes what a container holds.
pub(super) type Each<'a> = &'a mut dyn FnMut(Item) -> Result<(), Halt>;

/// A container of rows, or the part of one that holds them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Source {
    Table {
        delimiter: u8,
    },
    JsonLines,
    /// Objects one after the other.
    JsonObjects,
    /// The objects of the list that these names lead to.
    JsonList(Vec<String>),
    /// RSS or Atom.
    Feed,
    /// A sheet of an Excel file.
    Workbook(String),
    /// A sheet of an OpenDocument file.
    OpenDocument(usize),
    Parquet,
    Arrow,
    Document(Form),
}

impl Source {
    /// The name of the container.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Table { .. } => "table",
            Self::JsonLines => "json_lines",
            Self::JsonObjects | Self::JsonList(_) => "json",
            Self::Feed => "feed",
            Self::Workbook(_) => "xlsx",
            Self::OpenDocument(_) => "ods",
            Self::Parquet => "parquet",
            Self::Arrow => "arrow",
            Self::Document(form) => form.name(),
        }
    }

    /// Whether nothing of a damaged file can be trusted.
    pub(super) fn is_binary(&self) -> bool {
        !matches!(
            self,
            Self::Table { .. }
                | Self::JsonLines
                | Self::JsonObjects
                | Self::JsonList(_)
                | Self::Feed
        )
    }

    /// Whether its values are objects and not cells.
    pub(super) fn is_nested(&self) -> bool {
        matches!(
            self,
            Self::JsonLines | Self::JsonObjects | Self::JsonList(_) | Self::Parquet | Self::Arrow
        )
    }

    /// Hands what the file holds to `each`; `name` is what a document without
    /// a title is called, `position` moves with the reading.
    pub(super) fn read(
        &self,
        path: &Path,
        name: &str,
        position: &Arc<AtomicU64>,
        each: Each<'_>,
    ) -> Result<(), Halt> {
        let broken = |error: super::IngestError| Halt::cut(0, 0, std::io::Error::other(error));
        let text = || open(path, position.clone()).map_err(broken);
        match self {
            Self::Table { delimiter } => Table::open(text()?.bytes, *delimiter)?.read(each),
            Self::JsonLines => json_rows::read_lines(text()?.bytes, each),
            Self::JsonObjects => json_rows::read_values(text()?.bytes, None, each),
            Self::JsonList(list) => json_rows::read_values(text()?.bytes, Some(list), each),
            Self::Feed => feed::read(BufReader::new(text()?.bytes), each),
            Self::Workbook(sheet) => workbook::read(path, sheet, each),
            Self::OpenDocument(sheet) => open_document::read(path, *sheet, each),
            Self::Parquet => columnar::read_parquet(path, each),
            Self::Arrow => columnar::read_arrow(path, each),
            Self::Document(form) => documents::read(path, *form, name, position, each),
        }
    }
}
