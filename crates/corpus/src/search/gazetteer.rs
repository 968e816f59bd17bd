//! The gazetteer: the catalogue's names of brands, categories and attribute
//! values, by which a query's words are recognised as entities.

use rustc_hash::{FxHashMap, FxHashSet};
use serde_json::Value;
use shop::Product;

use super::constraints::QueryConstraint;

/// Longer names are texts, nobody types them whole.
pub(super) const MOST_NAME_WORDS: usize = 4;
/// An attribute's value counts when so many products have it.
const LEAST_PRODUCTS: u32 = 2;

/// The names that the catalogue has for things.
#[derive(Debug, Clone, Default)]
pub struct Gazetteer {
    by_text: FxHashMap<String, Vec<QueryConstraint>>,
    /// The words that follow "not" in titles: `Do Not Disturb` excludes nothing.
    after_not: FxHashSet<String>,
    /// How many minor units the shop's money has in one.
    pub(super) minor: i64,
}

impl Gazetteer {
    /// Collects the brands, categories and attribute values of products.
    pub fn of(products: &[&Product]) -> Self {
        let mut counts: FxHashMap<(u8, &str, String), (u32, QueryConstraint)> =
            FxHashMap::default();
        let mut add =
            |kind: u8, name: &'static str, text: &str, constraint: &dyn Fn() -> QueryConstraint| {
                let key = super::exact_key(text);
                if !key.is_empty() && key.split(' ').count() <= MOST_NAME_WORDS {
                    let entry = counts.entry((kind, name, key));
                    entry.or_insert_with(|| (0, constraint())).0 += 1;
                }
            };
        let mut attributes: FxHashMap<(String, String), (u32, QueryConstraint)> =
            FxHashMap::default();
        let mut minors: FxHashMap<i64, u32> = FxHashMap::default();
        let mut after_not = FxHashSet::default();
        for product in products {
            let title = super::exact_key(&product.title);
            let words: Vec<&str> = title.split(' ').collect();
            let negated = words.windows(2).filter(|two| two[0] == "not");
            after_not.extend(negated.map(|two| two[1].to_owned()));
            let own = |value: &str| value.to_owned();
            if let Some(brand) = &product.brand {
                add(0, "", brand, &|| QueryConstraint::Brand {
                    value: own(brand),
                });
            }
            for part in &product.category {
                add(1, "", part, &|| QueryConstraint::Category {
                    value: own(part),
                });
            }
            for (name, value) in &product.attributes {
                for text in texts(value) {
                    let key = super::exact_key(text);
                    let short = key.split(' ').count() <= MOST_NAME_WORDS;
                    if short && key.chars().any(char::is_alphabetic) {
                        let entry = attributes.entry((name.clone(), key));
                        let constraint = || QueryConstraint::Attribute {
                            name: name.clone(),
                            value: own(text),
                        };
                        entry.or_insert_with(|| (0, constraint())).0 += 1;
                    }
                }
            }
            if let Some(price) = product.price {
                let minor = 10_i64.pow(price.currency.exponent());
                *minors.entry(minor).or_default() += 1;
            }
        }
        let mut by_text: FxHashMap<String, Vec<(u32, QueryConstraint)>> = FxHashMap::default();
        for ((_, _, text), counted) in counts {
            by_text.entry(text).or_default().push(counted);
        }
        for ((_, text), counted) in attributes {
            if counted.0 >= LEAST_PRODUCTS {
                by_text.entry(text).or_default().push(counted);
            }
        }
        let by_text = by_text.into_iter().map(|(text, mut constraints)| {
            constraints.sort_by_cached_key(|(count, constraint)| {
                (std::cmp::Reverse(*count), format!("{constraint:?}"))
            });
            constraints.truncate(2);
            (
                text,
                constraints
                    .into_iter()
                    .map(|(_, constraint)| constraint)
                    .collect(),
            )
        });
        let minor = minors
            .into_iter()
            .max_by_key(|(minor, count)| (*count, *minor));
        Self {
            by_text: by_text.collect(),
            after_not,
            minor: minor.map_or(100, |(minor, _)| minor),
        }
    }

    /// Whether "not" and this word are part of a product's name.
    pub(super) fn follows_not(&self, word: &str) -> bool {
        self.after_not.contains(&super::exact_key(word))
    }

    pub(super) fn with(&self, text: &str) -> &[QueryConstraint] {
        self.by_text.get(text).map_or(&[], Vec::as_slice)
    }
}

fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(list) => list.iter().flat_map(texts).collect(),
        _ => Vec::new(),
    }
}
