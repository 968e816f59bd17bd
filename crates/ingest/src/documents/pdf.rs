//! The text of PDF files, as far as they hold text.

use std::path::Path;

use lopdf::Document;

use super::{MOST_KEPT_BYTES, Parts};
use crate::workbook::guarded;

const MOST_FILE_BYTES: u64 = 256 << 20;
/// Pages that are read; what comes after is left out.
const MOST_PAGES: usize = 2_000;
/// Pages that are read together.
const PAGES_AT_ONCE: usize = 64;
/// What the content of a page may unpack to.
const MOST_PAGE_BYTES: usize = 16 << 20;

pub(super) fn read(path: &Path) -> Result<Parts, String> {
    let length = std::fs::metadata(path).map_or(0, |metadata| metadata.len());
    if length > MOST_FILE_BYTES {
        return Err(format!(
            "a PDF of {length} bytes: {MOST_FILE_BYTES} are read"
        ));
    }
    let (document, pages, all) = guarded(|| {
        let document = Document::load(path).map_err(|error| error.to_string())?;
        if document.is_encrypted() {
            return Err("locked with a password".to_owned());
        }
        let all = document.get_pages();
        let pages: Vec<u32> = all.keys().copied().take(MOST_PAGES).collect();
        Ok((document, pages, all.len()))
    })?;
    let extract = |pages: &[u32]| {
        let read = guarded(|| {
            let read = document.extract_text_with_limit(pages, MOST_PAGE_BYTES);
            read.map_err(|error| error.to_string())
        });
        read.ok().map(|text| format!("{}\n\n", text.trim()))
    };
    let mut text = String::new();
    // Each look for a page goes through all of them: many are taken at once. A
    // page that cannot be read costs itself alone.
    for pages in pages.chunks(PAGES_AT_ONCE) {
        let one_by_one = || pages.iter().filter_map(|page| extract(&[*page])).collect();
        text.push_str(&extract(pages).unwrap_or_else(one_by_one));
        if text.len() > MOST_KEPT_BYTES {
            break;
        }
    }
    let text = text.trim().to_owned();
    if text.is_empty() {
        return Err("a PDF without text: it may hold pictures of pages".to_owned());
    }
    Ok(Parts {
        title: None,
        text,
        language: None,
        left_out: (all > MOST_PAGES)
            .then(|| format!("what comes after {MOST_PAGES} pages of {all}")),
    })
}
