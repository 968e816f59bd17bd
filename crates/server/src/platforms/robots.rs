//! What a site asks of programs that read it (RFC 9309).

/// What may be read of a site.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Robots {
    /// Patterns of paths, and whether they may be read.
    rules: Vec<(String, bool)>,
}

/// Our name there.
const NAME: &str = "shopkeeper";

impl Robots {
    /// Reads a `robots.txt`: the group for us, else the one for everybody.
    pub(super) fn read(text: &str) -> Self {
        let (mut ours, mut all) = (None::<Self>, Self::default());
        let (mut for_us, mut for_all, mut in_rules) = (false, false, true);
        for line in text.lines() {
            let line = line.split('#').next().unwrap_or_default();
            let Some((field, value)) = line.split_once(':') else {
                continue;
            };
            let value = value.trim();
            match field.trim().to_ascii_lowercase().as_str() {
                "user-agent" => {
                    // Names in a row share their rules.
                    if in_rules {
                        (for_us, for_all, in_rules) = (false, false, false);
                    }
                    for_all |= value == "*";
                    if value.eq_ignore_ascii_case(NAME) {
                        for_us = true;
                        ours.get_or_insert_default();
                    }
                }
                field @ ("allow" | "disallow") => {
                    in_rules = true;
                    if value.is_empty() {
                        continue;
                    }
                    let rule = (value.to_owned(), field == "allow");
                    if let Some(ours) = ours.as_mut().filter(|_| for_us) {
                        ours.rules.push(rule.clone());
                    }
                    if for_all {
                        all.rules.push(rule);
                    }
                }
                _ => {}
            }
        }
        ours.unwrap_or(all)
    }

    /// Whether a path may be read: the longest rule that fits decides, of two
    /// as long the one that allows.
    pub(super) fn allows(&self, path: &str) -> bool {
        let fits = self.rules.iter().filter(|(pattern, _)| fits(pattern, path));
        let longest = fits.max_by_key(|(pattern, allows)| (pattern.len(), *allows));
        longest.is_none_or(|(_, allows)| *allows)
    }
}

/// `*` stands for anything, `$` for the end.
fn fits(pattern: &str, path: &str) -> bool {
    let (pattern, whole) = match pattern.strip_suffix('$') {
        Some(pattern) => (pattern, true),
        None => (pattern, false),
    };
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| path.strip_prefix(first)) else {
        return false;
    };
    let mut parts: Vec<&str> = parts.collect();
    let last = if whole { parts.pop() } else { None };
    for part in parts {
        match rest.find(part) {
            Some(place) => rest = &rest[place + part.len()..],
            None => return false,
        }
    }
    match last {
        Some(last) => rest.ends_with(last),
        None => !whole || rest.is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_rule_of_our_group_decides() {
        let text = "User-agent: other\nDisallow: /\n\nUser-agent: *\nDisallow: /cart\nDisallow: /*.pdf$\n\
            Allow: /cart/help\n";
        let robots = Robots::read(text);
        for (path, allowed) in [
            ("/", true),
            ("/cart", false),
            ("/cart/1", false),
            ("/cart/help", true),
            ("/a/b.pdf", false),
            ("/a/b.pdf?x", true),
        ] {
            assert_eq!(robots.allows(path), allowed, "{path}");
        }
        let ours = Robots::read(&format!(
            "{text}User-agent: ShopKeeper\nUser-agent: z\nDisallow: /a\n"
        ));
        assert!(ours.allows("/cart") && !ours.allows("/a/b"));
        let open = Robots::read("User-agent: shopkeeper\nDisallow:\nUser-agent: *\nDisallow: /\n");
        assert!(open.allows("/x"));
        assert!(Robots::read("<html>not found").allows("/x"));
    }
}
