//! Files and requests become records: formats found by content, bad rows set
//! aside with their line, field and reason, good ones never lost.
//!
//! A file is opened (`open.rs`: packing, `encoding.rs`: what its letters are),
//! and parted where it is several (`parts.rs`: sheets, ZIP, folders). Each part
//! is a container of rows (`source.rs`): a table (`csv_rows.rs`, `workbook.rs`,
//! `open_document.rs`), JSON (`json_rows.rs`), a feed (`feed.rs`), columns
//! (`columnar.rs`), a document (`documents/`). Its columns tell the format
//! (`formats/`: one declaration each; `plan.rs` decides), `run.rs` puts rows
//! together that belong together, and `assemble/` makes records of what their
//! columns mean. What a file does not say is asked (`needs.rs`), never guessed.
//!
//! Memory stays bounded whatever the file holds: rows go on in batches, and no
//! row is longer than [`MAX_ROW_BYTES`].
#![forbid(unsafe_code)]

mod archive;
mod assemble;
mod columnar;
mod csv_rows;
mod dates;
mod documents;
mod encoding;
mod error;
mod feed;
mod formats;
mod ga4;
mod html;
mod import;
mod intake;
mod json_rows;
mod lines;
mod money;
mod needs;
mod object;
mod open;
mod open_document;
mod parts;
mod plan;
mod read;
mod recognise;
mod reject;
mod row;
mod run;
mod saved;
mod segment;
mod source;
mod table;
mod words;
mod workbook;

pub use dates::DateOrder;
pub use error::IngestError;
pub use ga4::ga4_events;
pub use import::{ImportReport, import, preview};
pub use intake::Batch;
pub use jiff::tz::TimeZone;
pub use needs::Need;
pub use object::{ObjectFormat, records_of};
pub use plan::Column;
pub use read::{ImportOptions, ReadSummary, preview_file, read_file};
pub use recognise::fields_of;
pub use reject::{Rejected, write_rejected};
pub use saved::SavedMapping;
pub use segment::segment_events;

/// The longest row that is read; the rest of a longer one is skipped.
pub const MAX_ROW_BYTES: usize = 16 << 20;

#[cfg(test)]
#[path = "../../test_data.rs"]
mod test_data;
#[cfg(test)]
mod tests;
