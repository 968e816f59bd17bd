//! Conditions on any field of a product, put together with AND, OR and NOT.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use serde_json::{Map, Value};

use super::{FilterError, same};
use crate::{Availability, GeoPoint, Product};

/// How a condition on the place of a product is called.
pub const NEAR: &str = "_geoRadius";

/// How a value compares with a bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Comparison {
    Less,
    AtMost,
    More,
    AtLeast,
}

impl Comparison {
    fn holds(self, order: Ordering) -> bool {
        match self {
            Self::Less => order == Ordering::Less,
            Self::AtMost => order != Ordering::Greater,
            Self::More => order == Ordering::Greater,
            Self::AtLeast => order != Ordering::Less,
        }
    }

    /// As it is written.
    pub fn sign(self) -> &'static str {
        match self {
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::More => ">",
            Self::AtLeast => ">=",
        }
    }
}

/// A condition on a product.
#[derive(Debug, Clone, PartialEq)]
pub enum Expression {
    /// All of them hold.
    All(Vec<Expression>),
    /// One of them holds.
    Any(Vec<Expression>),
    /// It does not hold.
    Not(Box<Expression>),
    /// The field has one of these values.
    Is(String, Vec<String>),
    /// The field compares so with a number or a time.
    Compares(String, Comparison, String),
    /// The field has a value.
    Exists(String),
    /// The product is within so many metres of a place.
    Near(GeoPoint, f64),
}

impl Expression {
    /// Whether `product` meets it.
    pub fn accepts(&self, product: &Product) -> bool {
        self.holds(&|path| field_values(product, path), &|place, metres| {
            let distance = place.distance_to_m(product);
            distance.is_some_and(|distance| distance <= metres)
        })
    }

    /// Whether a record of any kind, as JSON, meets it. Only products are
    /// asked where they are.
    pub fn accepts_record(&self, record: &Map<String, Value>) -> bool {
        self.holds(&|path| record_values(record, path), &|_, _| false)
    }

    fn holds(
        &self,
        values: &dyn Fn(&str) -> Vec<Value>,
        near: &dyn Fn(GeoPoint, f64) -> bool,
    ) -> bool {
        match self {
            Self::All(all) => all.iter().all(|one| one.holds(values, near)),
            Self::Any(any) => any.iter().any(|one| one.holds(values, near)),
            Self::Not(one) => !one.holds(values, near),
            Self::Is(path, wanted) => values(path)
                .iter()
                .any(|value| wanted.iter().any(|wanted| is(value, wanted))),
            Self::Compares(path, comparison, bound) => values(path)
                .iter()
                .any(|value| order(value, bound).is_some_and(|order| comparison.holds(order))),
            Self::Exists(path) => !values(path).is_empty(),
            Self::Near(place, metres) => near(*place, *metres),
        }
    }

    /// The same without the conditions that are for this field alone; `None`
    /// where nothing is left.
    pub(super) fn without(self, field: &str) -> Option<Self> {
        let is_of = |one: &Self| one.paths().iter().all(|path| same(path, field));
        match self {
            Self::All(mut parts) => {
                parts.retain(|part| !is_of(part));
                match parts.len() {
                    0 => None,
                    1 => parts.pop(),
                    _ => Some(Self::All(parts)),
                }
            }
            other => (!is_of(&other)).then_some(other),
        }
    }

    /// The fields that it looks at.
    pub fn paths(&self) -> Vec<&str> {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().flat_map(Self::paths).collect(),
            Self::Not(one) => one.paths(),
            Self::Is(path, _) | Self::Compares(path, ..) | Self::Exists(path) => vec![path],
            Self::Near(..) => vec![NEAR],
        }
    }
}

/// As it is read back.
impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let joined = |parts: &[Self], word: &str| {
            let parts: Vec<String> = parts.iter().map(|part| format!("({part})")).collect();
            parts.join(word)
        };
        match self {
            Self::All(parts) => f.write_str(&joined(parts, " AND ")),
            Self::Any(parts) => f.write_str(&joined(parts, " OR ")),
            Self::Not(one) => write!(f, "NOT ({one})"),
            Self::Is(path, wanted) => {
                let wanted: Vec<String> = wanted.iter().map(|value| quoted(value)).collect();
                write!(f, "{} IN [{}]", quoted(path), wanted.join(", "))
            }
            Self::Compares(path, comparison, bound) => {
                write!(
                    f,
                    "{} {} {}",
                    quoted(path),
                    comparison.sign(),
                    quoted(bound)
                )
            }
            Self::Exists(path) => write!(f, "{} EXISTS", quoted(path)),
            Self::Near(place, metres) => write!(f, "{NEAR}({place}, {metres})"),
        }
    }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// The values of a field: one, several of a list, or none. A name without
/// `attributes.` or `properties.` before it is an attribute's; where a product
/// has none of it, what it keeps under `properties` by that name.
pub fn field_values(product: &Product, path: &str) -> Vec<Value> {
    let text = |value: Option<&str>| value.map(Value::from).into_iter().collect();
    match path.to_lowercase().as_str() {
        "id" => vec![Value::from(product.id.as_str())],
        "title" => vec![Value::from(product.title.as_str())],
        "description" => text(product.description.as_deref()),
        "brand" => text(product.brand.as_deref()),
        "seller" => text(product.seller.as_deref()),
        "language" => text(product.language.as_deref()),
        "url" => text(product.url.as_deref()),
        "group_id" => text(product.group_id.as_ref().map(crate::Id::as_str)),
        "category" => product
            .category
            .iter()
            .map(|part| part.as_str().into())
            .collect(),
        "images" => product
            .images
            .iter()
            .map(|one| one.as_str().into())
            .collect(),
        "tags" => product.tags.iter().map(|tag| tag.as_str().into()).collect(),
        "price" => product
            .price
            .map(|price| price.amount.into())
            .into_iter()
            .collect(),
        "list_price" => {
            let price = product.list_price.map(|price| price.amount.into());
            price.into_iter().collect()
        }
        "currency" => {
            let price = product.price.map(|price| price.currency.to_string());
            price.map(Value::from).into_iter().collect()
        }
        "rating" => product
            .rating
            .map(|r| f64::from(r).into())
            .into_iter()
            .collect(),
        "attributes" => whole(&product.attributes),
        "properties" => whole(&product.properties),
        "rating_count" => product.rating_count.map(Value::from).into_iter().collect(),
        "in_stock" => vec![product.availability.can_be_ordered().into()],
        "availability" => vec![availability(product.availability).into()],
        "updated_at" => {
            let time = product.updated_at.map(|time| time.to_string());
            time.map(Value::from).into_iter().collect()
        }
        _ => {
            let mut found = Vec::new();
            let bare = match path.split_once('.') {
                Some((first, rest)) if same(first, "properties") => {
                    descend_object(&product.properties, rest, &mut found);
                    return found;
                }
                Some((first, rest)) if same(first, "attributes") => rest,
                _ => path,
            };
            descend_object(&product.attributes, bare, &mut found);
            if found.is_empty() {
                descend_object(&product.properties, bare, &mut found);
            }
            found
        }
    }
}

/// The values of a field of a record as JSON: a path into it, or into what it
/// keeps under `properties`. Money counts by its amount in minor units.
pub fn record_values(record: &Map<String, Value>, path: &str) -> Vec<Value> {
    let mut found = Vec::new();
    descend_object(record, path, &mut found);
    if let (true, Some(Value::Object(rest))) = (found.is_empty(), record.get("properties")) {
        descend_object(rest, path, &mut found);
    }
    for value in &mut found {
        if let Some(amount) = value
            .get("amount")
            .filter(|_| value.get("currency").is_some())
        {
            *value = amount.clone();
        }
    }
    found
}

impl FromStr for Expression {
    type Err = FilterError;

    /// Reads the text of a filter, see [`Filter`](crate::Filter).
    fn from_str(text: &str) -> Result<Self, FilterError> {
        let (expression, _) = super::parse::parse(text).map_err(FilterError)?;
        Ok(expression)
    }
}

fn whole(object: &Map<String, Value>) -> Vec<Value> {
    let some = (!object.is_empty()).then(|| Value::Object(object.clone()));
    some.into_iter().collect()
}

fn availability(value: Availability) -> &'static str {
    match value {
        Availability::InStock => "in_stock",
        Availability::LimitedStock => "limited_stock",
        Availability::Backorder => "backorder",
        Availability::Preorder => "preorder",
        Availability::OutOfStock => "out_of_stock",
        Availability::Discontinued => "discontinued",
    }
}

/// `a.b` is the key `a.b`, or `b` of what `a` is.
fn descend_object(object: &Map<String, Value>, path: &str, found: &mut Vec<Value>) {
    for (key, value) in object {
        if same(key, path) {
            leaves(value, found);
            continue;
        }
        let rest = path
            .get(key.len()..)
            .and_then(|rest| rest.strip_prefix('.'))
            .filter(|_| path.get(..key.len()).is_some_and(|head| same(head, key)));
        if let Some(rest) = rest {
            descend(value, rest, found);
        }
    }
}

fn descend(value: &Value, path: &str, found: &mut Vec<Value>) {
    match value {
        Value::Object(object) => descend_object(object, path, found),
        Value::Array(list) => list.iter().for_each(|value| descend(value, path, found)),
        _ => {}
    }
}

fn leaves(value: &Value, found: &mut Vec<Value>) {
    match value {
        Value::Null => {}
        Value::Array(list) => list.iter().for_each(|value| leaves(value, found)),
        other => found.push(other.clone()),
    }
}

fn is(value: &Value, wanted: &str) -> bool {
    match value {
        Value::String(text) => same(text, wanted),
        Value::Number(number) => {
            let wanted_number: Option<f64> = wanted.parse().ok();
            wanted_number.is_some() && number.as_f64() == wanted_number
        }
        other => same(&other.to_string(), wanted),
    }
}

/// Numbers by size, times and other texts (ISO 8601 sorts as text) by letter.
fn order(value: &Value, bound: &str) -> Option<Ordering> {
    let own = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.parse().ok(),
        _ => return None,
    };
    match (own, bound.parse::<f64>(), value) {
        (Some(own), Ok(bound), _) => own.partial_cmp(&bound),
        (None, Err(_), Value::String(text)) => Some(text.as_str().cmp(bound)),
        _ => None,
    }
}
