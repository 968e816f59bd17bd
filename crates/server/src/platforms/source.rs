//! What `import` may be told in the place of a file.

use std::path::PathBuf;

use anyhow::bail;

use super::Platform;

/// Where records come from that are in no file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A shop, by the address of its platform: `https://shop.example`.
    Shop(Platform, String),
    /// The pages that a sitemap names.
    Sitemap(String),
    /// The pages that a file of addresses names, a line each.
    Addresses(PathBuf),
}

impl Source {
    /// What a word of the command line names; nothing where it is a file.
    pub fn of(word: &str) -> Option<anyhow::Result<Self>> {
        let (kind, rest) = word.split_once(':')?;
        Some(match kind {
            "shopify" => address(rest).map(|it| Self::Shop(Platform::Shopify, it)),
            "woocommerce" => address(rest).map(|it| Self::Shop(Platform::WooCommerce, it)),
            "sitemap" => address(rest).map(Self::Sitemap),
            "urls" => Ok(Self::Addresses(rest.into())),
            _ => return None,
        })
    }
}

/// An address with its scheme: a bare host is asked over TLS.
fn address(text: &str) -> anyhow::Result<String> {
    let text = text.trim().trim_end_matches('/');
    let whole = match text.split_once("://") {
        Some(("http" | "https", _)) => text.to_owned(),
        Some((scheme, _)) => bail!("{scheme:?} is neither http nor https: write https://{text}"),
        None => format!("https://{text}"),
    };
    let uri: ureq::http::Uri = match whole.parse() {
        Ok(uri) => uri,
        Err(error) => bail!("{text:?} is no address ({error}): write https://shop.example"),
    };
    let plain = uri
        .authority()
        .is_some_and(|host| !host.as_str().contains('@'));
    if !plain {
        bail!("{text:?} is no address of a host: write https://shop.example");
    }
    Ok(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_and_files() {
        for (word, address) in [
            (
                "shopify:my-shop.myshopify.com",
                "https://my-shop.myshopify.com",
            ),
            ("shopify:http://127.0.0.1:9/", "http://127.0.0.1:9"),
        ] {
            let source = Source::of(word).unwrap().unwrap();
            assert_eq!(source, Source::Shop(Platform::Shopify, address.to_owned()));
        }
        for wrong in [
            "shopify:",
            "shopify:ftp://x",
            "woocommerce:https://key:secret@x",
        ] {
            assert!(Source::of(wrong).unwrap().is_err(), "{wrong}");
        }
        for file in ["products.csv", "C:\\products.csv", "folder/x.json"] {
            assert!(Source::of(file).is_none(), "{file}");
        }
    }
}
