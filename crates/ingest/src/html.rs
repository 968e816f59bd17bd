//! Text that was written as HTML.

use std::borrow::Cow;

/// A piece of HTML.
pub(super) enum Piece<'a> {
    /// Text, its entities as characters.
    Text(Cow<'a, str>),
    /// An element opens: its name in small letters, and what else stands in
    /// its tag.
    Open(String, &'a str),
    /// An element ends.
    Close(String),
}

/// The pieces of a text, scripts and styles without theirs.
pub(super) fn pieces(html: &str) -> Pieces<'_> {
    Pieces { rest: html }
}

pub(super) struct Pieces<'a> {
    rest: &'a str,
}

impl<'a> Iterator for Pieces<'a> {
    type Item = Piece<'a>;

    fn next(&mut self) -> Option<Piece<'a>> {
        let rest = self.rest;
        if rest.is_empty() {
            return None;
        }
        let end = rest.find(['<', '&']).unwrap_or(rest.len());
        if end > 0 {
            self.rest = &rest[end..];
            return Some(Piece::Text(Cow::Borrowed(&rest[..end])));
        }
        if rest.starts_with('&') {
            let mut text = String::new();
            self.rest = entity(rest, &mut text);
            return Some(Piece::Text(Cow::Owned(text)));
        }
        if let Some(comment) = rest.strip_prefix("<!--") {
            self.rest = comment.find("-->").map_or("", |end| &comment[end + 3..]);
            return self.next_after_comment();
        }
        let inner = &rest[1..];
        // `a < b` is no tag.
        if !inner.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/' || c == '!') {
            self.rest = inner;
            return Some(Piece::Text(Cow::Borrowed("<")));
        }
        let Some(end) = inner.find('>') else {
            self.rest = "";
            return None;
        };
        self.rest = &inner[end + 1..];
        let is_end = inner.starts_with('/');
        let tag = inner[..end].trim_start_matches('/');
        let name_end = tag
            .find(|c: char| !c.is_ascii_alphanumeric())
            .unwrap_or(tag.len());
        let name = tag[..name_end].to_ascii_lowercase();
        if is_end {
            return Some(Piece::Close(name));
        }
        if matches!(name.as_str(), "script" | "style") {
            self.rest = from_end(self.rest, &name);
        }
        Some(Piece::Open(name, &tag[name_end..]))
    }
}

impl<'a> Pieces<'a> {
    fn next_after_comment(&mut self) -> Option<Piece<'a>> {
        match self.rest.is_empty() {
            true => None,
            false => Some(Piece::Text(Cow::Borrowed(""))),
        }
    }
}

/// What follows the text of a script: its end.
fn from_end<'a>(rest: &'a str, name: &str) -> &'a str {
    let mut from = 0;
    while let Some(at) = rest[from..].find("</") {
        let end = &rest[from + at..];
        let found = end.get(2..2 + name.len());
        if found.is_some_and(|found| found.eq_ignore_ascii_case(name)) {
            return end;
        }
        from += at + 2;
    }
    ""
}

/// Text without tags: blocks become lines, entities characters, scripts and
/// styles nothing. Text that is no HTML stays as it is.
pub(super) fn to_text(html: &str) -> String {
    if !html.contains(['<', '&']) {
        return html.trim().to_owned();
    }
    let mut text = String::with_capacity(html.len());
    for piece in pieces(html) {
        match piece {
            Piece::Text(piece) => text.push_str(&piece),
            Piece::Open(name, _) if name == "li" => text.push_str("\n- "),
            Piece::Open(name, _) | Piece::Close(name) => match name.as_str() {
                "p" | "br" | "div" | "li" | "ul" | "ol" | "tr" | "table" | "h1" | "h2" | "h3"
                | "h4" | "h5" | "h6" | "section" | "article" | "blockquote" | "hr" | "dd"
                | "dt" => {
                    text.push('\n');
                }
                "td" | "th" => text.push(' '),
                _ => {}
            },
        }
    }
    tidy(&text)
}

/// The longest name of an entity in HTML 5, with its `&` and `;`.
const LONGEST_ENTITY: usize = 33;

/// Puts the text of the entity that `rest` begins with.
fn entity<'a>(rest: &'a str, text: &mut String) -> &'a str {
    let end = rest
        .char_indices()
        .take(LONGEST_ENTITY)
        .find(|(_, c)| *c == ';')
        .map(|(at, _)| at);
    if let Some(end) = end
        && let Some(meant) = entity_text(&rest[1..end])
    {
        text.push_str(&meant);
        return &rest[end + 1..];
    }
    text.push('&');
    &rest[1..]
}

/// The text of an entity by its name or number, as HTML 5 lists them; control
/// characters are none.
pub(super) fn entity_text(name: &str) -> Option<String> {
    let written = format!("&{name};");
    let text = html_escape::decode_html_entities(&written);
    let is_control = |c: char| c.is_control() && !c.is_whitespace();
    (text != written && !text.contains(is_control)).then(|| text.into_owned())
}

/// Single spaces, no blank lines.
fn tidy(text: &str) -> String {
    let lines: Vec<String> = text
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .filter(|line| !line.is_empty() && line != "-")
        .collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_html() {
        for (html, text) in [
            ("plain  text", "plain  text"),
            (
                "<p>Soft &amp; warm.</p><p>100&nbsp;% wool</p>",
                "Soft & warm.\n100 % wool",
            ),
            ("<ul><li>one</li><li>two</li></ul>", "- one\n- two"),
            ("<style>p{}</style>a<script>x<y</script>b", "ab"),
            (
                "a < b &unknown; &#39;c&#x27; &#0;",
                "a < b &unknown; 'c' &#0;",
            ),
            ("Citro&euml;n &rarr; &frac14; &Ouml;l", "Citroën → ¼ Öl"),
            ("cut <b", "cut"),
            ("<!-- x -->y", "y"),
        ] {
            assert_eq!(to_text(html), text, "{html}");
        }
    }

    proptest::proptest! {
        #[test]
        fn anything_is_no_panic(html in "[<>&;#a-z/!\\- é\"]{0,80}") {
            to_text(&html);
        }
    }
}
