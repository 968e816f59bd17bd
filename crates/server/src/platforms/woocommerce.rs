//! WooCommerce's REST API (v3), page by page. A product with variations comes
//! with their numbers alone, in lists as in webhooks: they are fetched too.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};

use super::client::{Answer, Client, NotThere, Question, Verdict};
use super::known::{Known, Page, Stage};
use super::standing::text_of;
use crate::config::Config;

/// Things of a page, the most that there may be.
const PAGE: usize = 100;
/// How deep categories lie in each other at most.
const DEEPEST: usize = 20;
/// How often a webhook asks for the variations of its product, and how long it
/// waits for an answer.
const TRIES: u32 = 2;
const PATIENCE: Duration = Duration::from_secs(10);

type Object = Map<String, Value>;

/// A shop of WooCommerce.
pub(super) struct WooCommerce {
    pub(super) client: Client,
    pub(super) address: String,
    pub(super) key: String,
    pub(super) secret: SecretString,
}

impl WooCommerce {
    fn get(&self, path: &str) -> anyhow::Result<Answer> {
        let address = format!("{}/wp-json/wc/v3/{path}", self.address);
        let pair = format!("{}:{}", self.key, self.secret.expose_secret());
        let question = Question {
            address: &address,
            credential: (
                "authorization",
                format!("Basic {}", STANDARD.encode(pair)).into(),
            ),
            body: None,
            refused: "the key is not accepted: set woocommerce_key and woocommerce_secret in \
                      shopkeeper.toml to a REST API key with the permission Read (WooCommerce, Settings, \
                      Advanced, REST API)",
        };
        self.client.ask(&question, |_| Verdict::Good)
    }

    /// A page of a list, and whether there is another.
    fn list(&self, path: &str, page: usize) -> anyhow::Result<(Vec<Object>, bool)> {
        let answer = self.get(&format!("{path}per_page={PAGE}&page={page}"))?;
        let Value::Array(rows) = answer.body else {
            anyhow::bail!("{} does not answer {path} with a list", self.address);
        };
        let pages = answer.headers.get("x-wp-totalpages");
        let pages: Option<usize> = pages.and_then(|pages| pages.to_str().ok()?.trim().parse().ok());
        let more = match pages {
            Some(pages) => page < pages,
            None => rows.len() == PAGE,
        };
        let rows = rows.into_iter().filter_map(|row| match row {
            Value::Object(row) => Some(row),
            _ => None,
        });
        Ok((rows.collect(), more))
    }

    fn whole_list(&self, path: &str) -> anyhow::Result<Vec<Object>> {
        let mut all = Vec::new();
        for page in 1.. {
            let (rows, more) = self.list(path, page)?;
            all.extend(rows);
            if !more {
                break;
            }
        }
        Ok(all)
    }

    /// What products do not say: the currency, and where in the tree of
    /// categories theirs stand.
    pub(super) fn learn(&self, known: &mut Known) -> anyhow::Result<()> {
        let currency = self.get("data/currencies/current")?.body;
        known.currency = currency["code"].as_str().and_then(|code| code.parse().ok());
        known.url = Some(self.address.clone());
        let categories = self.whole_list("products/categories?orderby=id&order=asc&")?;
        known.categories = paths(&categories);
        Ok(())
    }

    /// The next page of a stage, and where the one after it begins.
    pub(super) fn page(&self, stage: Stage, cursor: Option<&str>) -> anyhow::Result<Page> {
        let path = match stage {
            Stage::Done => return Ok((Vec::new(), None)),
            stage => format!("{}?orderby=id&order=asc&", stage.name()),
        };
        let page: usize = match cursor {
            None => 1,
            Some(cursor) => cursor.parse().context("the kept place is no page")?,
        };
        let (mut rows, more) = self.list(&path, page)?;
        if stage == Stage::Products {
            for row in &mut rows {
                self.add_variations(row)?;
            }
        }
        Ok((rows, more.then(|| (page + 1).to_string())))
    }

    /// Puts the variations of a product into the place of their numbers.
    fn add_variations(&self, product: &mut Object) -> anyhow::Result<()> {
        if product.get("type").and_then(Value::as_str) != Some("variable") {
            return Ok(());
        }
        let Some(number) = product.get("id").and_then(text_of) else {
            return Ok(());
        };
        let all = self.whole_list(&format!(
            "products/{number}/variations?orderby=id&order=asc&"
        ))?;
        let all = all.into_iter().map(Value::Object).collect();
        product.insert("variations".to_owned(), Value::Array(all));
        Ok(())
    }
}

/// The path of each category: `Clothing > Hoodies`.
fn paths(categories: &[Object]) -> BTreeMap<String, String> {
    let number = |one: &Object, field: &str| one.get(field).and_then(text_of);
    let by_number: BTreeMap<String, &Object> = categories
        .iter()
        .filter_map(|one| Some((number(one, "id")?, one)))
        .collect();
    let path = |one: &Object| {
        let mut names = Vec::new();
        let mut at = Some(one);
        while let Some(one) = at.filter(|_| names.len() < DEEPEST) {
            names.extend(one.get("name").and_then(text_of));
            at = number(one, "parent").and_then(|parent| by_number.get(&parent).copied());
        }
        names.reverse();
        names.join(" > ")
    };
    let paths = by_number
        .iter()
        .map(|(number, one)| (number.clone(), path(one)));
    paths.collect()
}

/// Whether a product came without its variations, or a variation without its
/// product: the number of the product to ask for.
pub fn is_incomplete(object: &Object) -> Option<String> {
    match object.get("type").and_then(Value::as_str)? {
        "variable" => text_of(object.get("id")?),
        "variation" => text_of(object.get("parent_id")?),
        _ => None,
    }
}

/// A product with its variations as they are now, asked for of the shop that a
/// back-fill has named; nothing where it is gone.
pub fn whole_product(
    config: &Config,
    known: &Known,
    number: &str,
) -> anyhow::Result<Option<Object>> {
    let shop = WooCommerce {
        client: Client::new(PATIENCE, TRIES, Arc::default()),
        address: known.address.clone(),
        key: config.woocommerce_key.clone(),
        secret: config.woocommerce_secret.clone(),
    };
    let number: u64 = number
        .parse()
        .context("a product of WooCommerce has a number")?;
    let answer = match shop.get(&format!("products/{number}")) {
        Err(error) if error.is::<NotThere>() => return Ok(None),
        answer => answer?,
    };
    let Value::Object(mut product) = answer.body else {
        anyhow::bail!("{} does not answer with a product", shop.address);
    };
    shop.add_variations(&mut product)?;
    Ok(Some(product))
}
