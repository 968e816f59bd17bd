//! The main text of a page, with its headings; what leads around the site is
//! left out.

use super::Parts;
use crate::html::{Piece, pieces};

/// Elements whose text is none of the page's.
const LEFT_OUT: [&str; 15] = [
    "script", "style", "nav", "footer", "header", "aside", "form", "noscript", "template", "svg",
    "button", "select", "iframe", "dialog", "head",
];
/// Elements that have no end.
const VOID: [&str; 13] = [
    "br", "hr", "img", "input", "link", "meta", "area", "base", "col", "embed", "source", "track",
    "wbr",
];

pub(super) fn read(page: &str) -> Parts {
    // A page that marks its main text is taken at its word.
    let main = ["main", "article"].into_iter().find(|name| {
        let open = format!("<{name}");
        page.to_ascii_lowercase().contains(&open)
    });
    let mut reading = Reading {
        main,
        ..Reading::default()
    };
    for piece in pieces(page) {
        reading.take(piece);
    }
    let text = tidy(&reading.text);
    let title = Some(
        reading
            .title
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" "),
    );
    Parts {
        title: title.filter(|title| !title.is_empty()),
        text,
        language: reading.language,
        left_out: None,
    }
}

#[derive(Default)]
struct Reading {
    main: Option<&'static str>,
    /// How deep in the main element the reading is.
    in_main: usize,
    /// The elements left out that are open.
    left_out: Vec<String>,
    in_title: bool,
    title: String,
    text: String,
    language: Option<String>,
}

impl Reading {
    fn take(&mut self, piece: Piece<'_>) {
        match piece {
            Piece::Text(text) if self.in_title => self.title.push_str(&text),
            Piece::Text(text) => {
                let is_main = self.main.is_none() || self.in_main > 0;
                if is_main && self.left_out.is_empty() {
                    self.text.push_str(&text);
                }
            }
            Piece::Open(name, attributes) => self.open(&name, attributes),
            Piece::Close(name) => self.close(&name),
        }
    }

    fn open(&mut self, name: &str, attributes: &str) {
        if name == "html" {
            self.language = language(attributes);
        }
        if name == "title" && self.title.is_empty() {
            self.in_title = true;
        }
        if self.main == Some(name) {
            self.in_main += 1;
        }
        let closed = attributes.ends_with('/');
        if LEFT_OUT.contains(&name) && !closed && !VOID.contains(&name) {
            // A header inside of the main text has its heading.
            if !(name == "header" && self.in_main > 0) {
                self.left_out.push(name.to_owned());
            }
        }
        let mark = match name {
            "h1" => "\n\n# ",
            "h2" => "\n\n## ",
            "h3" => "\n\n### ",
            "h4" | "h5" | "h6" => "\n\n#### ",
            "li" => "\n- ",
            "td" | "th" => " | ",
            "p" | "div" | "section" | "article" | "ul" | "ol" | "table" | "blockquote" | "dl"
            | "main" => "\n\n",
            "br" | "tr" | "dt" | "dd" | "hr" => "\n",
            _ => "",
        };
        self.mark(mark);
    }

    fn close(&mut self, name: &str) {
        if name == "title" {
            self.in_title = false;
        }
        if let Some(place) = self.left_out.iter().rposition(|open| open == name) {
            self.left_out.truncate(place);
        }
        if self.main == Some(name) {
            self.in_main = self.in_main.saturating_sub(1);
        }
        if matches!(
            name,
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" | "p" | "div" | "ul" | "ol" | "table"
        ) {
            self.mark("\n\n");
        }
    }

    fn mark(&mut self, mark: &str) {
        let is_main = self.main.is_none() || self.in_main > 0;
        if is_main && self.left_out.is_empty() {
            self.text.push_str(mark);
        }
    }
}

fn language(attributes: &str) -> Option<String> {
    let at = attributes.to_ascii_lowercase().find("lang=")? + 5;
    let value = attributes.get(at..)?.trim_start_matches(['"', '\'']);
    let end = value
        .find(|c: char| !c.is_ascii_alphanumeric() && c != '-')
        .unwrap_or(value.len());
    let primary = value[..end].split('-').next()?.to_lowercase();
    (primary.len() == 2).then_some(primary)
}

/// Single spaces, no more than one empty line.
fn tidy(text: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines() {
        let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
        let said = line.trim_matches(['#', '-', '|', ' ']);
        let line = if said.is_empty() { String::new() } else { line };
        if !line.is_empty() || lines.last().is_some_and(|last| !last.is_empty()) {
            lines.push(line);
        }
    }
    lines.join("\n").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_main_text_with_its_headings() {
        let page = "<!doctype html><html lang=\"de-AT\"><head><title>A &amp; B</title><style>p{}</style></head>\
            <body><nav>Home</nav><main><header><h1>Returns</h1></header><p>Within 30&nbsp;days.</p>\
            <ul><li>One</li><li>Two</li></ul><table><tr><td>x</td><td>y</td></tr></table></main>\
            <footer>Cookies</footer></body></html>";
        let parts = read(page);
        assert_eq!(parts.title.as_deref(), Some("A & B"));
        assert_eq!(parts.language.as_deref(), Some("de"));
        assert_eq!(
            parts.text,
            "# Returns\n\nWithin 30 days.\n\n- One\n- Two\n\n| x | y"
        );
        let parts =
            read("<p>No main</p><script>var x = '<p>';</script><header>Menu</header><p>Text");
        assert_eq!(parts.text, "No main\n\nText");
    }

    #[test]
    fn a_page_of_many_scripts_takes_no_longer_than_its_length() {
        let page = "<script>a</script><p>x".repeat(200_000);
        assert!(read(&page).text.len() > 200_000);
    }
}
