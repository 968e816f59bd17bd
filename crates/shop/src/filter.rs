//! Which products may be shown.

mod expression;
mod fields;
mod parse;
#[cfg(test)]
mod tests;

use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

use crate::Product;
pub use expression::{Comparison, Expression, NEAR, field_values, record_values};
pub use fields::{NamedField, NamedFields, OWN_FIELDS, each_field};

/// Bounds on a price in minor units, both inclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
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
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Filter {
    /// Any part of the category path.
    #[serde(deserialize_with = "one_or_many")]
    #[schemars(with = "OneOrMany")]
    pub category: Vec<String>,
    /// The brand.
    #[serde(deserialize_with = "one_or_many")]
    #[schemars(with = "OneOrMany")]
    pub brand: Vec<String>,
    /// The language of the product's text.
    #[serde(deserialize_with = "one_or_many")]
    #[schemars(with = "OneOrMany")]
    pub language: Vec<String>,
    /// The current price.
    pub price: Option<PriceRange>,
    /// Only what can be ordered now.
    pub in_stock: Option<bool>,
    /// Attribute name → accepted values. A product that has no such attribute
    /// is asked for what it keeps under `properties` by that name.
    pub attributes: BTreeMap<String, Vec<String>>,
    /// What else must hold, as text: see `FromStr`.
    #[serde(
        rename = "where",
        with = "as_text",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(schema_with = "text_schema")]
    pub expression: Option<Expression>,
    /// The fields that it was read from, where it was a text.
    #[serde(skip)]
    pub named: NamedFields,
}

/// Why a text is not a filter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "filter: {0}; write conditions joined by AND, OR and NOT, as in \
     category = \"Shoes\" AND (price <= 5000 OR brand IN [Acme, \"Big Co\"])"
)]
pub struct FilterError(pub String);

/// One text, or several.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

fn one_or_many<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    Ok(match OneOrMany::deserialize(deserializer)? {
        OneOrMany::One(one) => vec![one],
        OneOrMany::Many(many) => many,
    })
}

fn same(left: &str, right: &str) -> bool {
    left.to_lowercase() == right.to_lowercase()
}

/// A filter as a text; its format is the grammar of `Filter`'s `FromStr`.
fn text_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": ["string", "null"],
        "format": "filter",
        "examples": ["category = \"Shoes\" AND price <= 5000 AND in_stock = true"],
    })
}

impl Filter {
    /// The schema of what [`Filter::from_text_or_object`] reads.
    pub fn text_or_object_schema(generator: &mut SchemaGenerator) -> Schema {
        let object = generator.subschema_for::<Self>();
        if generator.contract().is_serialize() {
            return object;
        }
        json_schema!({"anyOf": [text_schema(generator), object]})
    }

    /// Whether every product passes.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Reads a filter that is written as a text or as an object.
    pub fn from_text_or_object<'de, D: serde::Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum TextOrObject {
            Text(String),
            Object(Value),
        }
        match Option::<TextOrObject>::deserialize(deserializer)? {
            None => Ok(Self::default()),
            Some(TextOrObject::Text(text)) if text.trim().is_empty() => Ok(Self::default()),
            Some(TextOrObject::Text(text)) => text.parse().map_err(serde::de::Error::custom),
            Some(TextOrObject::Object(object)) => {
                serde_json::from_value(object).map_err(serde::de::Error::custom)
            }
        }
    }

    /// The fields that products are asked for beside those of its own.
    pub fn named_fields(&self) -> Vec<NamedField> {
        if !self.named.0.is_empty() {
            return self.named.0.clone();
        }
        let attributes = self.attributes.keys();
        let attributes = attributes.map(|name| format!("attributes.{name}"));
        let expression = self.expression.iter().flat_map(Expression::paths);
        let all = attributes.chain(expression.map(str::to_owned));
        all.map(|path| NamedField {
            path,
            character: None,
        })
        .collect()
    }

    /// The same without what it says of one facet (`category`, `brand`,
    /// `price`, the name of an attribute, also as `attributes.name`, or
    /// another path); `None` where it says nothing of that.
    pub fn without(&self, facet: &str) -> Option<Self> {
        let mut freed = self.clone();
        freed.expression = freed.expression.and_then(|one| one.without(facet));
        let facet = facet.strip_prefix("attributes.").unwrap_or(facet);
        match facet.to_lowercase().as_str() {
            "category" => freed.category.clear(),
            "brand" => freed.brand.clear(),
            "language" => freed.language.clear(),
            "price" => freed.price = None,
            _ => freed.attributes.retain(|name, _| !same(name, facet)),
        }
        (freed != *self).then_some(freed)
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
            let mut own = product.attributes.iter();
            let mut own = own.by_ref().filter(|(key, _)| same(key, name)).peekable();
            if own.peek().is_some() {
                return own.any(|(_, value)| attribute_matches(value, wanted));
            }
            let mut rest = product.properties.iter();
            rest.any(|(key, value)| same(key, name) && attribute_matches(value, wanted))
        });
        let expression = self
            .expression
            .as_ref()
            .is_none_or(|expression| expression.accepts(product));
        category
            && expression
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

    /// Reads conditions joined by `AND`, `OR` and `NOT` with brackets:
    /// `field = value`, `!=`, `<`, `<=`, `>`, `>=`, `field IN [a, b]`,
    /// `field EXISTS`, `field 10 TO 20`, and `_geoRadius(latitude, longitude,
    /// metres)` for products that say where they are. A field is one of a product's own,
    /// the name of an attribute (or of what a product without it keeps under
    /// `properties`), or a path into `attributes.` or `properties.`; prices
    /// are in minor units. JSON of this structure is accepted as well.
    fn from_str(text: &str) -> Result<Self, FilterError> {
        let text = text.trim();
        if text.is_empty() {
            return Ok(Self::default());
        }
        if text.starts_with('{') {
            return serde_json::from_str(text).map_err(|error| FilterError(error.to_string()));
        }
        let mut filter = Self::default();
        let mut rest = Vec::new();
        let (expression, named) = parse::parse(text).map_err(FilterError)?;
        filter.named = named;
        match expression {
            Expression::All(parts) => {
                for part in parts {
                    rest.extend(filter.add(part)?);
                }
            }
            other => rest.extend(filter.add(other)?),
        }
        filter.expression = match rest.len() {
            0 => None,
            1 => rest.pop(),
            _ => Some(Expression::All(rest)),
        };
        Ok(filter)
    }
}

impl Filter {
    /// Takes a condition into the field that is for it; gives it back where
    /// there is none.
    fn add(&mut self, condition: Expression) -> Result<Option<Expression>, FilterError> {
        check(&condition)?;
        Ok(match condition {
            Expression::Is(path, values) => self.add_values(path, values),
            Expression::Compares(path, comparison, bound) if path.eq_ignore_ascii_case("price") => {
                let bound: i64 = whole(&bound)?;
                let range = self.price.get_or_insert_default();
                let (low, high) = (range.min.unwrap_or(i64::MIN), range.max.unwrap_or(i64::MAX));
                match comparison {
                    Comparison::AtMost => range.max = Some(high.min(bound)),
                    Comparison::Less => range.max = Some(high.min(bound.saturating_sub(1))),
                    Comparison::AtLeast => range.min = Some(low.max(bound)),
                    Comparison::More => range.min = Some(low.max(bound.saturating_add(1))),
                }
                None
            }
            other => Some(other),
        })
    }

    fn add_values(&mut self, path: String, mut values: Vec<String>) -> Option<Expression> {
        let name = path.to_lowercase();
        let (field, attribute) = match name.strip_prefix("attributes.") {
            Some(attribute) => ("", attribute),
            None => (name.as_str(), name.as_str()),
        };
        // A second condition on a field narrows the first; it does not widen it.
        let free = match field {
            "category" => Some(&mut self.category),
            "brand" => Some(&mut self.brand),
            "language" => Some(&mut self.language),
            "in_stock" if self.in_stock.is_none() && values.len() == 1 => {
                self.in_stock = Some(values[0].eq_ignore_ascii_case("true"));
                return None;
            }
            _ if fields::is_own(field) || attribute.contains('.') => None,
            _ if values.is_empty() => None,
            _ => Some(self.attributes.entry(attribute.to_owned()).or_default()),
        };
        match free {
            Some(free) if free.is_empty() && !values.is_empty() => {
                free.append(&mut values);
                None
            }
            _ => Some(Expression::Is(path, values)),
        }
    }
}

/// Refuses values that a field of this kind never has.
fn check(condition: &Expression) -> Result<(), FilterError> {
    match condition {
        Expression::All(parts) | Expression::Any(parts) => parts.iter().try_for_each(check),
        Expression::Not(one) => check(one),
        Expression::Compares(path, comparison, bound) => match path.to_lowercase().as_str() {
            "price" | "list_price" => whole(bound).map(drop),
            "brand" | "category" | "language" | "in_stock" | "availability" => {
                Err(FilterError(format!(
                    "{path} has no order: expected =, != or IN instead of {}",
                    comparison.sign()
                )))
            }
            _ => Ok(()),
        },
        Expression::Is(path, values) => match path.to_lowercase().as_str() {
            "price" | "list_price" => values.iter().try_for_each(|value| whole(value).map(drop)),
            "in_stock" => values.iter().try_for_each(|value| {
                let known = ["true", "false"].iter().any(|word| same(word, value));
                known.then_some(()).ok_or_else(|| {
                    FilterError(format!(
                        "in_stock is true or false, not {}",
                        parse::shortened(value)
                    ))
                })
            }),
            _ => Ok(()),
        },
        Expression::Exists(_) | Expression::Near(..) => Ok(()),
    }
}

fn whole(value: &str) -> Result<i64, FilterError> {
    value.trim().parse().map_err(|_| {
        FilterError(format!(
            "price {} is not a whole number of minor units",
            parse::shortened(value)
        ))
    })
}

/// An [`Expression`] in JSON is the text that it is read from.
mod as_text {
    use serde::{Deserialize, Deserializer, Serializer, de};

    use super::{Expression, parse};

    pub(super) fn serialize<S: Serializer>(
        expression: &Option<Expression>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match expression {
            Some(expression) => serializer.collect_str(expression),
            None => serializer.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Expression>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        let text = text.filter(|text| !text.trim().is_empty());
        let parse = |text: String| parse::parse(&text).map(|(expression, _)| expression);
        text.map(|text| parse(text).map_err(de::Error::custom))
            .transpose()
    }
}
