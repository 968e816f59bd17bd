//! What a file is, by its beginning.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;
use serde_json::{Map, Value};
use shop::Kind;

use super::json_rows::{is_json_lines, sample};
use super::{IngestError, csv_rows, ga4, segment};

/// What a file is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Format {
    JsonLines,
    Json,
    ShopifyProducts,
    MerchantCenterTsv,
    MerchantCenterXml,
    Ga4,
    Segment,
}

impl Format {
    /// The name that people are shown.
    pub fn name(self) -> &'static str {
        match self {
            Self::JsonLines => "JSON Lines",
            Self::Json => "JSON",
            Self::ShopifyProducts => "Shopify product CSV",
            Self::MerchantCenterTsv => "Merchant Center TSV",
            Self::MerchantCenterXml => "Merchant Center XML",
            Self::Ga4 => "GA4 events",
            Self::Segment => "Segment events",
        }
    }
}

/// How the objects of a JSON file are to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Records(Kind),
    Ga4,
    Segment,
}

/// What reading needs to know before it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    Json { lines: bool, shape: Shape },
    Shopify { delimiter: u8 },
    MerchantTable { delimiter: u8 },
    MerchantXml,
}

impl Found {
    pub(super) fn format(self) -> Format {
        match self {
            Self::Json {
                shape: Shape::Ga4, ..
            } => Format::Ga4,
            Self::Json {
                shape: Shape::Segment,
                ..
            } => Format::Segment,
            Self::Json { lines: true, .. } => Format::JsonLines,
            Self::Json { lines: false, .. } => Format::Json,
            Self::Shopify { .. } => Format::ShopifyProducts,
            Self::MerchantTable { .. } => Format::MerchantCenterTsv,
            Self::MerchantXml => Format::MerchantCenterXml,
        }
    }
}

/// Finds out what `head`, the beginning of the file, is the beginning of.
pub(super) fn detect(
    path: &Path,
    head: &[u8],
    as_kind: Option<Kind>,
) -> Result<Found, IngestError> {
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    let binary: [(&[u8], &str); 6] = [
        (
            b"PAR1",
            "a Parquet file, which is not read yet: export it as JSON Lines",
        ),
        (
            b"PK\x03\x04",
            "a ZIP archive: unpack it and name the files in it",
        ),
        (b"\xff\xfe", "UTF-16 text: save it as UTF-8"),
        (b"\xfe\xff", "UTF-16 text: save it as UTF-8"),
        (
            b"SQLite format 3",
            "an SQLite database: export its tables as JSON Lines",
        ),
        (
            b"%PDF",
            "a PDF: documents are imported as JSON Lines with id and text",
        ),
    ];
    if let Some((_, what)) = binary.iter().find(|(magic, _)| head.starts_with(magic)) {
        return Err(IngestError::format(path, *what));
    }
    let Some(first) = head.iter().position(|byte| !byte.is_ascii_whitespace()) else {
        return Err(IngestError::Empty(path.to_owned()));
    };
    match head[first] {
        b'<' => xml(path, head),
        b'{' | b'[' => json(path, head, as_kind),
        _ => table(path, &head[first..], as_kind),
    }
}

fn xml(path: &Path, head: &[u8]) -> Result<Found, IngestError> {
    let text = String::from_utf8_lossy(head);
    let feed = ["<rss", "<feed", "<rdf:RDF", "<channel", "<item", "<entry"];
    if feed.iter().any(|element| text.contains(element)) {
        return Ok(Found::MerchantXml);
    }
    Err(IngestError::format(
        path,
        "XML, but neither RSS nor Atom: a product feed has <item> or <entry> elements",
    ))
}

fn json(path: &Path, head: &[u8], as_kind: Option<Kind>) -> Result<Found, IngestError> {
    let lines = is_json_lines(head);
    let rows = sample(head, lines);
    let votes = |is: fn(&Map<String, Value>) -> bool| rows.iter().filter(|row| is(row)).count() * 2;
    let shape = match as_kind {
        // An export of another program is what it is, unless the kind says
        // that it cannot be.
        None | Some(Kind::Events) if !rows.is_empty() && votes(ga4::is_ga4) > rows.len() => {
            Shape::Ga4
        }
        None | Some(Kind::Events)
            if !rows.is_empty() && votes(segment::is_segment) > rows.len() =>
        {
            Shape::Segment
        }
        Some(kind) => Shape::Records(kind),
        None => Shape::Records(kind(path, &rows)?),
    };
    Ok(Found::Json { lines, shape })
}

/// The kind that most rows speak of. Where the fields leave a doubt between
/// texts, the file's name decides.
fn kind(path: &Path, rows: &[Map<String, Value>]) -> Result<Kind, IngestError> {
    let mut votes: BTreeMap<Kind, usize> = BTreeMap::new();
    for kind in rows.iter().filter_map(Kind::of_fields) {
        *votes.entry(kind).or_default() += 1;
    }
    let most = votes.iter().rev().max_by_key(|(_, votes)| **votes);
    let named = kind_in_name(path);
    match (most, named) {
        (Some((Kind::Documents, _)), Some(Kind::Reviews)) => Ok(Kind::Reviews),
        (Some((Kind::Reviews, _)), Some(Kind::Documents)) => Ok(Kind::Documents),
        (Some((kind, _)), _) => Ok(*kind),
        (None, Some(kind)) => Ok(kind),
        (None, None) => Err(IngestError::Kind {
            path: path.to_owned(),
            fields: rows.first().map_or_else(
                || "no row could be read".to_owned(),
                |row| row.keys().take(12).cloned().collect::<Vec<_>>().join(", "),
            ),
        }),
    }
}

/// `reviews.jsonl.gz`, `manuals.documents.jsonl`.
fn kind_in_name(path: &Path) -> Option<Kind> {
    let name = path.file_name()?.to_str()?.to_ascii_lowercase();
    name.split(|c: char| !c.is_ascii_alphanumeric())
        .find_map(Kind::from_name)
}

/// A table is told by its header.
fn table(path: &Path, head: &[u8], as_kind: Option<Kind>) -> Result<Found, IngestError> {
    let not_a_table = || {
        IngestError::format(
            path,
            "not a format that is known here: it begins neither with JSON nor with XML nor with \
             the header of a Shopify or Merchant Center product table",
        )
    };
    let end = head
        .iter()
        .position(|byte| *byte == b'\n')
        .unwrap_or(head.len());
    let header = std::str::from_utf8(&head[..end]).map_err(|_| not_a_table())?;
    let delimiter = [b'\t', b',', b';', b'|']
        .into_iter()
        .max_by_key(|delimiter| header.bytes().filter(|byte| byte == delimiter).count())
        .unwrap_or(b',');
    let columns: Vec<String> = csv_rows::split(header.trim_end(), delimiter)
        .map_err(|_| not_a_table())?
        .iter()
        .map(|column| csv_rows::column_name(column))
        .collect();
    let has = |column: &str| columns.iter().any(|other| other == column);
    if as_kind.is_some_and(|kind| kind != Kind::Products) {
        return Err(IngestError::format(
            path,
            "a table, and tables are read for products only: write the rows as JSON Lines",
        ));
    }
    if has("handle") && has("title") {
        Ok(Found::Shopify { delimiter })
    } else if has("id") && has("title") {
        Ok(Found::MerchantTable { delimiter })
    } else if has("lineitem_name") {
        Err(IngestError::format(
            path,
            "a Shopify order table, which is not read yet: write the orders as JSON Lines",
        ))
    } else if columns.len() > 1 {
        let shown: Vec<&str> = columns.iter().take(8).map(String::as_str).collect();
        Err(IngestError::format(
            path,
            format!(
                "a table with the columns {}, which is neither a Shopify product table (Handle, \
                 Title) nor a Merchant Center one (id, title)",
                shown.join(", ")
            ),
        ))
    } else {
        Err(not_a_table())
    }
}
