use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

use crate::Product;

/// Bounds on a price in minor units, both inclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PriceRange {
    /// At least this.
    #[serde(default)]
    pub min: Option<i64>,
    /// At most this.
    #[serde(default)]
    pub max: Option<i64>,
}

/// Which products may be shown. Empty means all. Values within one field are
/// alternatives; all fields must hold. Names compare without regard to case.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Filter {
    /// Any part of the category path.
    #[serde(deserialize_with = "one_or_many")]
    pub category: Vec<String>,
    /// The brand.
    #[serde(deserialize_with = "one_or_many")]
    pub brand: Vec<String>,
    /// The language of the product's text.
    #[serde(deserialize_with = "one_or_many")]
    pub language: Vec<String>,
    /// The current price.
    pub price: Option<PriceRange>,
    /// Only what can be ordered now.
    pub in_stock: Option<bool>,
    /// Attribute name → accepted values.
    pub attributes: BTreeMap<String, Vec<String>>,
}

/// Why a text is not a filter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "filter: {0}; write conditions joined by AND, as in \
     category = \"Shoes\" AND price <= 5000 AND in_stock = true"
)]
pub struct FilterError(pub String);

fn one_or_many<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum OneOrMany {
        One(String),
        Many(Vec<String>),
    }
    Ok(match OneOrMany::deserialize(deserializer)? {
        OneOrMany::One(one) => vec![one],
        OneOrMany::Many(many) => many,
    })
}

fn same(left: &str, right: &str) -> bool {
    left.to_lowercase() == right.to_lowercase()
}

impl Filter {
    /// Whether every product passes.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether `product` may be shown.
    pub fn accepts(&self, product: &Product) -> bool {
        let any = |wanted: &[String], value: Option<&str>| {
            wanted.is_empty() || value.is_some_and(|value| wanted.iter().any(|w| same(w, value)))
        };
        let category = self.category.is_empty()
            || product
                .category
                .iter()
                .any(|part| any(&self.category, Some(part)));
        let price = self.price.is_none_or(|range| {
            product.price.is_some_and(|price| {
                range.min.is_none_or(|min| price.amount >= min)
                    && range.max.is_none_or(|max| price.amount <= max)
            })
        });
        let stock = self
            .in_stock
            .is_none_or(|wanted| product.availability.can_be_ordered() == wanted);
        let attributes = self.attributes.iter().all(|(name, wanted)| {
            product
                .attributes
                .iter()
                .any(|(key, value)| same(key, name) && attribute_matches(value, wanted))
        });
        category
            && price
            && stock
            && attributes
            && any(&self.brand, product.brand.as_deref())
            && any(&self.language, product.language.as_deref())
    }
}

fn attribute_matches(value: &Value, wanted: &[String]) -> bool {
    match value {
        Value::Array(values) => values.iter().any(|value| attribute_matches(value, wanted)),
        Value::String(text) => wanted.iter().any(|w| same(w, text)),
        other => wanted.iter().any(|w| same(w, &other.to_string())),
    }
}

impl FromStr for Filter {
    type Err = FilterError;

    /// Reads `field op value` conditions joined by `AND`: `category`, `brand`,
    /// `language` and attribute names with `=` or `IN [a, b]`, `price` with
    /// `=`, `<`, `<=`, `>`, `>=` in minor units, `in_stock` with a boolean.
    /// JSON of the same fields is accepted as well.
    fn from_str(text: &str) -> Result<Self, FilterError> {
        let text = text.trim();
        if text.is_empty() {
            return Ok(Self::default());
        }
        if text.starts_with('{') {
            return serde_json::from_str(text).map_err(|error| FilterError(error.to_string()));
        }
        let mut filter = Self::default();
        for condition in split_conditions(text) {
            filter.add_condition(&condition)?;
        }
        Ok(filter)
    }
}

/// Splits at ` AND ` outside quotes.
fn split_conditions(text: &str) -> Vec<String> {
    let mut conditions = vec![String::new()];
    let mut quoted = false;
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        if letter == '"' {
            quoted = !quoted;
        }
        if !quoted
            && rest
                .get(..5)
                .is_some_and(|head| head.eq_ignore_ascii_case(" and "))
        {
            conditions.push(String::new());
            rest = &rest[5..];
            continue;
        }
        if let Some(last) = conditions.last_mut() {
            last.push(letter);
        }
        rest = &rest[letter.len_utf8()..];
    }
    conditions
}

impl Filter {
    fn add_condition(&mut self, condition: &str) -> Result<(), FilterError> {
        let wrong = || FilterError(format!("{:?} is not a condition", condition.trim()));
        let (field, operator, value) = split_condition(condition).ok_or_else(wrong)?;
        match (field.to_lowercase().as_str(), operator) {
            ("price", _) => {
                let bound: i64 = value.trim().parse().map_err(|_| {
                    FilterError(format!(
                        "price {value:?} is not a whole number of minor units"
                    ))
                })?;
                let range = self.price.get_or_insert_default();
                match operator {
                    "<=" => range.max = Some(bound),
                    "<" => range.max = Some(bound.saturating_sub(1)),
                    ">=" => range.min = Some(bound),
                    ">" => range.min = Some(bound.saturating_add(1)),
                    "=" => {
                        *range = PriceRange {
                            min: Some(bound),
                            max: Some(bound),
                        }
                    }
                    _ => return Err(wrong()),
                }
            }
            ("in_stock", "=") => {
                self.in_stock = Some(value.trim().parse().map_err(|_| wrong())?);
            }
            ("category", "=" | "IN") => self.category.extend(values(value)),
            ("brand", "=" | "IN") => self.brand.extend(values(value)),
            ("language", "=" | "IN") => self.language.extend(values(value)),
            (_, "=" | "IN") => {
                let name = field.strip_prefix("attributes.").unwrap_or(field);
                self.attributes
                    .entry(name.to_owned())
                    .or_default()
                    .extend(values(value));
            }
            _ => return Err(wrong()),
        }
        Ok(())
    }
}

fn split_condition(condition: &str) -> Option<(&str, &'static str, &str)> {
    let condition = condition.trim();
    if let Some(at) = condition.to_ascii_lowercase().find(" in [") {
        return Some((condition[..at].trim(), "IN", condition[at + 4..].trim()));
    }
    let at = condition.find(['<', '>', '='])?;
    let operator = ["<=", ">=", "<", ">", "="]
        .into_iter()
        .find(|operator| condition[at..].starts_with(operator))?;
    let field = condition[..at].trim();
    let value = condition[at + operator.len()..].trim();
    (!field.is_empty() && !value.is_empty()).then_some((field, operator, value))
}

fn values(text: &str) -> Vec<String> {
    text.trim_matches(['[', ']'])
        .split(',')
        .map(|value| value.trim().trim_matches(['"', '\'']).to_owned())
        .filter(|value| !value.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Currency, Id, Money};

    fn shoe() -> Product {
        let mut shoe = Product::new(Id::new("1").unwrap(), "Shoe".into());
        shoe.category = vec!["Clothes".into(), "Shoes".into()];
        shoe.price = Some(Money::new(4_999, Currency::USD));
        shoe.attributes.insert("colour".into(), "Red".into());
        shoe
    }

    #[test]
    fn conditions() {
        for (text, accepts) in [
            ("", true),
            ("category = shoes", true),
            ("category = \"Shoes\" AND price <= 4999", true),
            ("price < 4999", false),
            ("price > 4998 AND price < 5000", true),
            ("in_stock = true", true),
            ("in_stock = false", false),
            ("colour = red", true),
            ("attributes.colour IN [blue, red]", true),
            ("colour = blue", false),
            ("brand = acme", false),
            (r#"{"category": "Shoes", "price": {"max": 5000}}"#, true),
        ] {
            assert_eq!(
                text.parse::<Filter>().unwrap().accepts(&shoe()),
                accepts,
                "{text}"
            );
        }
        for text in [
            "price <= cheap",
            "shoes",
            "= 3",
            "brand < x",
            "{\"colour\": 1}",
        ] {
            assert!(text.parse::<Filter>().is_err(), "{text}");
        }
    }
}
