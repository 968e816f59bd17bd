//! The text of a product description that was written as HTML.

/// Text without tags: blocks become lines, entities characters, scripts and
/// styles nothing. Text that is no HTML stays as it is.
pub(super) fn to_text(html: &str) -> String {
    if !html.contains(['<', '&']) {
        return html.trim().to_owned();
    }
    let mut text = String::with_capacity(html.len());
    let mut rest = html;
    while let Some(at) = rest.find(['<', '&']) {
        text.push_str(&rest[..at]);
        rest = &rest[at..];
        rest = if rest.starts_with('<') {
            tag(rest, &mut text)
        } else {
            entity(rest, &mut text)
        };
    }
    text.push_str(rest);
    tidy(&text)
}

/// Leaves out the tag that `rest` begins with; returns what follows.
fn tag<'a>(rest: &'a str, text: &mut String) -> &'a str {
    if let Some(comment) = rest.strip_prefix("<!--") {
        return comment.find("-->").map_or("", |end| &comment[end + 3..]);
    }
    let inner = &rest[1..];
    // `a < b` is no tag.
    if !inner.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/' || c == '!') {
        text.push('<');
        return inner;
    }
    let Some(end) = inner.find('>') else {
        return "";
    };
    let name: String = inner
        .trim_start_matches('/')
        .chars()
        .take_while(char::is_ascii_alphanumeric)
        .collect::<String>()
        .to_ascii_lowercase();
    let after = &inner[end + 1..];
    match name.as_str() {
        "script" | "style" if !inner.starts_with('/') => {
            let close = format!("</{name}");
            let lower = after.to_ascii_lowercase();
            return match lower.find(&close) {
                Some(at) => after[at..]
                    .find('>')
                    .map_or("", |end| &after[at + end + 1..]),
                None => "",
            };
        }
        "li" if !inner.starts_with('/') => text.push_str("\n- "),
        "p" | "br" | "div" | "li" | "ul" | "ol" | "tr" | "table" | "h1" | "h2" | "h3" | "h4"
        | "h5" | "h6" | "section" | "article" | "blockquote" | "hr" | "dd" | "dt" => {
            text.push('\n')
        }
        "td" | "th" => text.push(' '),
        _ => {}
    }
    after
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
