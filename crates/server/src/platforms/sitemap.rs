//! What a sitemap names (sitemaps.org): pages, or other sitemaps.

/// The addresses in a sitemap, and whether they are those of other sitemaps.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Sitemap {
    pub(super) is_index: bool,
    pub(super) addresses: Vec<String>,
}

/// Reads a sitemap, also one that is a plain list of addresses.
pub(super) fn read(text: &str) -> Sitemap {
    let is_index = text.contains("<sitemapindex");
    if !text.trim_start().starts_with('<') {
        let lines = text.lines().map(str::trim);
        let addresses = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
        return Sitemap {
            is_index: false,
            addresses: addresses.map(str::to_owned).collect(),
        };
    }
    let mut addresses = Vec::new();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once("<loc>") {
        let Some((address, after)) = after.split_once("</loc>") else {
            break;
        };
        rest = after;
        let address = address.trim();
        let plain = address
            .strip_prefix("<![CDATA[")
            .and_then(|text| text.strip_suffix("]]>"));
        addresses.push(match plain {
            Some(plain) => plain.trim().to_owned(),
            None => unescaped(address),
        });
    }
    Sitemap {
        is_index,
        addresses,
    }
}

fn unescaped(text: &str) -> String {
    let text = text.replace("&lt;", "<").replace("&gt;", ">");
    let text = text.replace("&quot;", "\"").replace("&apos;", "'");
    text.replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_and_other_sitemaps() {
        let xml = "<?xml version=\"1.0\"?><urlset><url><loc> https://a/x?y=1&amp;z=2 </loc></url>\
            <url><loc><![CDATA[https://a/b]]></loc></url><url><loc>broken";
        let sitemap = read(xml);
        assert_eq!(sitemap.addresses, ["https://a/x?y=1&z=2", "https://a/b"]);
        assert!(!sitemap.is_index);
        assert!(read("<sitemapindex><sitemap><loc>https://a/1.xml</loc>").is_index);
        assert_eq!(read("# mine\nhttps://a/1\n\n").addresses, ["https://a/1"]);
    }
}
