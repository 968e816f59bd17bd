//! Documents: a text with a title, whatever it was written with.

mod docx;
mod html;
mod pdf;

use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use serde_json::{Map, json};

use super::Rejected;
use super::open::open;
use super::read::Halt;
use super::row::Row;
use super::source::{Each, Item};

/// The most that a text holds.
const MOST_TEXT_BYTES: u64 = 64 << 20;
/// The most of it that is kept: nobody reads on.
const MOST_KEPT_BYTES: usize = 4 << 20;

/// What a document is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Text,
    Markdown,
    Html,
    Pdf,
    Docx,
}

impl Form {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Markdown => "markdown",
            Self::Html => "html",
            Self::Pdf => "pdf",
            Self::Docx => "docx",
        }
    }

    /// The form that a file's name promises.
    pub(super) fn of_name(name: &str) -> Option<Self> {
        let name = name.to_lowercase();
        let name = name.trim_end_matches(".gz").trim_end_matches(".zst");
        Some(match name.rsplit_once('.')?.1 {
            "md" | "markdown" | "mdx" => Self::Markdown,
            "txt" | "text" => Self::Text,
            "html" | "htm" | "xhtml" => Self::Html,
            _ => return None,
        })
    }
}

/// What a document says.
#[derive(Debug, Default, PartialEq, Eq)]
struct Parts {
    title: Option<String>,
    text: String,
    language: Option<String>,
    /// What was not read of it, and why.
    left_out: Option<String>,
}

/// Reads a document as one row.
pub(super) fn read(
    path: &Path,
    form: Form,
    name: &str,
    position: &Arc<AtomicU64>,
    each: Each<'_>,
) -> Result<(), Halt> {
    let broken = |reason: String| Halt::cut(1, 0, std::io::Error::other(reason));
    let parts = match form {
        Form::Pdf => pdf::read(path).map_err(broken)?,
        Form::Docx => docx::read(path).map_err(broken)?,
        _ => {
            let text = text(path, position).map_err(broken)?;
            match form {
                Form::Html => html::read(&text),
                _ => plain(&text),
            }
        }
    };
    let left_out = parts.left_out.clone().or_else(|| {
        let long = parts.text.len() > MOST_KEPT_BYTES;
        long.then(|| format!("what comes after {MOST_KEPT_BYTES} bytes of text"))
    });
    each(Item::Row(Row {
        line: 1,
        cells: cells(parts, name),
    }))?;
    let Some(left_out) = left_out else {
        return Ok(());
    };
    let reason = format!("{left_out} is left out: split the file");
    each(Item::Bad(Rejected::new(1, "text", reason, b"")))
}

fn text(path: &Path, position: &Arc<AtomicU64>) -> Result<String, String> {
    let opened = open(path, position.clone()).map_err(|error| error.to_string())?;
    let mut bytes = Vec::new();
    let read = opened
        .bytes
        .take(MOST_TEXT_BYTES + 1)
        .read_to_end(&mut bytes);
    read.map_err(|error| error.to_string())?;
    if bytes.len() as u64 > MOST_TEXT_BYTES {
        return Err(format!(
            "longer than {MOST_TEXT_BYTES} bytes: no document is"
        ));
    }
    let text = String::from_utf8_lossy(&bytes);
    Ok(text.trim_start_matches('\u{feff}').replace("\r\n", "\n"))
}

fn cells(parts: Parts, name: &str) -> Map<String, serde_json::Value> {
    let mut cells = Map::new();
    let mut text = parts.text;
    let end = (0..=MOST_KEPT_BYTES.min(text.len()))
        .rev()
        .find(|end| text.is_char_boundary(*end));
    text.truncate(end.unwrap_or(0));
    let stem = stem(name);
    let id = match stem.is_empty() {
        true => super::assemble::derived("document", &[&text]),
        false => stem.to_owned(),
    };
    let file_title = || {
        Some(stem.rsplit('/').next()?.replace(['-', '_'], " ")).filter(|title| !title.is_empty())
    };
    let title = parts
        .title
        .or_else(|| first_heading(&text))
        .or_else(file_title);
    cells.insert("id".to_owned(), json!(id));
    if let Some(title) = title {
        cells.insert("title".to_owned(), json!(title));
    }
    cells.insert("text".to_owned(), json!(text));
    if let Some(language) = parts.language {
        cells.insert("language".to_owned(), json!(language));
    }
    cells
}

/// A file's name without its endings.
fn stem(name: &str) -> &str {
    let mut stem = name;
    for ending in [
        ".gz",
        ".zst",
        ".md",
        ".markdown",
        ".mdx",
        ".txt",
        ".text",
        ".html",
        ".htm",
        ".xhtml",
        ".pdf",
        ".docx",
    ] {
        stem = stem.strip_suffix(ending).unwrap_or(stem);
    }
    stem
}

fn first_heading(text: &str) -> Option<String> {
    let heading = text.lines().find_map(|line| line.strip_prefix("# "))?;
    Some(heading.trim().to_owned()).filter(|heading| !heading.is_empty())
}

/// Text or Markdown: its front matter gives the title, its marks of emphasis go.
fn plain(text: &str) -> Parts {
    let mut parts = Parts::default();
    let mut body = text;
    if let Some(rest) = text.strip_prefix("---\n")
        && let Some(end) = rest.find("\n---")
    {
        for line in rest[..end].lines() {
            let Some((name, value)) = line.split_once(':') else {
                continue;
            };
            let value = value.trim().trim_matches(['"', '\'']).to_owned();
            match name.trim() {
                _ if value.is_empty() => {}
                "title" => parts.title = Some(value),
                "language" | "lang" | "locale" => parts.language = Some(value),
                _ => {}
            }
        }
        body = rest[end + 4..].trim_start_matches(['-', ' ']);
    }
    parts.text = body.replace("**", "").replace("__", "").trim().to_owned();
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn front_matter_and_emphasis() {
        let parts = plain("---\ntitle: \"Returns\"\nlang: en\n---\n# One\n\n**30 days**.\n");
        assert_eq!(parts.title.as_deref(), Some("Returns"));
        assert_eq!(parts.language.as_deref(), Some("en"));
        assert_eq!(parts.text, "# One\n\n30 days.");
        let row = cells(plain("No heading"), "policies/how-to_return.txt");
        assert_eq!(row["id"], "policies/how-to_return");
        assert_eq!(row["title"], "how to return");
        let nameless = cells(plain("# Head\ntext"), "");
        assert_eq!(nameless["title"], "Head");
    }
}
