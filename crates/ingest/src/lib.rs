//! Files and requests become records: formats found by content, bad rows set
//! aside with their line, field and reason, good ones never lost.
//!
//! | format | told by | becomes |
//! | --- | --- | --- |
//! | JSON Lines | a JSON object a line | records of the kind that the fields speak of |
//! | JSON | one array, one object with the rows in a list, objects in a row | the same |
//! | Shopify product CSV | columns `Handle` and `Title` | a product per variant, `group_id` = handle |
//! | Merchant Center TSV | columns `id` and `title` | products |
//! | Merchant Center XML | RSS 2.0 `item`, Atom `entry` | products |
//! | GA4 | `event_name`, or `events` with a `client_id` | an event per item |
//! | Segment | `type`: `track`, `page`, …; `batch` | an event per product |
//!
//! Each may be plain, gzip or Zstandard. Memory stays bounded whatever the
//! file holds: rows go on in batches, and no row is longer than
//! [`MAX_ROW_BYTES`].
#![forbid(unsafe_code)]

mod csv_rows;
mod detect;
mod error;
mod ga4;
mod html;
mod import;
mod intake;
mod json_rows;
mod lines;
mod merchant_center;
mod merchant_xml;
mod money;
mod open;
mod read;
mod reject;
mod segment;
mod shopify;

pub use detect::Format;
pub use error::IngestError;
pub use ga4::ga4_events;
pub use import::{ImportReport, import};
pub use intake::Batch;
pub use read::{ImportOptions, ReadSummary, read_file};
pub use reject::Rejected;
pub use segment::segment_events;

/// The longest row that is read; the rest of a longer one is skipped.
pub const MAX_ROW_BYTES: usize = 16 << 20;

#[cfg(test)]
#[path = "../../test_data.rs"]
mod test_data;
#[cfg(test)]
mod tests;
