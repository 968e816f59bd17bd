//! The orders that hits may come in beside that of relevance.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::Value;
use shop::{GeoPoint, Product, field_values};
use store::Snapshot;

use super::index::Index;
use super::rank::Candidate;

/// The order of hits. Every order but relevance looks only at products that
/// have all the words, if there are any. What a product lacks puts it last.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Sort {
    /// The best answer first: `relevance`.
    #[default]
    Relevance,
    /// The cheapest first: `price_asc`, `price`, `price:asc`.
    PriceAsc,
    /// The dearest first: `price_desc`, `-price`, `price:desc`.
    PriceDesc,
    /// What the shop changed last first: `newest`, `updated_at:desc`.
    Newest,
    /// The best rated first: `rating`, `rating:desc`.
    Rating,
    /// By a field as a filter names it: `field`, `field:asc`, `-field`,
    /// `field:desc`. Numbers come before texts.
    Field {
        /// The field.
        path: String,
        /// The largest first.
        descending: bool,
    },
    /// By distance: `_geoPoint(48.137, 11.575)`, `:asc`, `:desc`.
    Near {
        /// From where.
        place: GeoPoint,
        /// The furthest first.
        descending: bool,
    },
}

/// How an order by distance is called.
const POINT: &str = "_geoPoint";

impl FromStr for Sort {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        Ok(match text.to_lowercase().as_str() {
            "" | "relevance" => Self::Relevance,
            "price_asc" | "price" | "price:asc" => Self::PriceAsc,
            "price_desc" | "-price" | "price:desc" => Self::PriceDesc,
            "newest" | "updated_at:desc" | "-updated_at" => Self::Newest,
            "rating" | "rating:desc" | "-rating" => Self::Rating,
            _ => {
                let (path, descending) = match text.strip_prefix('-') {
                    Some(path) => (path, true),
                    None => match text.rsplit_once(':') {
                        Some((path, way)) if way.eq_ignore_ascii_case("desc") => (path, true),
                        Some((path, way)) if way.eq_ignore_ascii_case("asc") => (path, false),
                        _ => (text, false),
                    },
                };
                let path = path.trim().to_owned();
                if let Some(place) = point(&path) {
                    let place = place?;
                    return Ok(Self::Near { place, descending });
                }
                if path.is_empty() {
                    return Err("expected a field's name before :asc or :desc".to_owned());
                }
                Self::Field { path, descending }
            }
        })
    }
}

/// The place of `_geoPoint(…)`; `None` where it is something else.
fn point(text: &str) -> Option<Result<GeoPoint, String>> {
    let name = text.get(..POINT.len())?;
    let inside = text.get(POINT.len()..)?.trim_start().strip_prefix('(')?;
    name.eq_ignore_ascii_case(POINT).then(|| {
        let inside = inside.trim_end().strip_suffix(')');
        let inside = inside.ok_or_else(|| format!("{POINT}( has no closing )"))?;
        inside.parse()
    })
}

/// As it is read back.
impl fmt::Display for Sort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Relevance => f.write_str("relevance"),
            Self::PriceAsc => f.write_str("price_asc"),
            Self::PriceDesc => f.write_str("price_desc"),
            Self::Newest => f.write_str("newest"),
            Self::Rating => f.write_str("rating"),
            Self::Field { path, descending } => {
                write!(f, "{path}:{}", if *descending { "desc" } else { "asc" })
            }
            Self::Near { place, descending } => {
                let way = if *descending { "desc" } else { "asc" };
                write!(f, "{POINT}({place}):{way}")
            }
        }
    }
}

impl Serialize for Sort {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl JsonSchema for Sort {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Sort".into()
    }

    /// A text without a field before its way is no order.
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "format": "sort",
            "pattern": r"^\s*$|^\s*-?\s*[^\s:-]",
            "examples": ["price_asc", "weight:desc", "_geoPoint(48.137, 11.575)"],
        })
    }
}

impl<'de> Deserialize<'de> for Sort {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

/// What a product is sorted by.
#[derive(Debug, Clone, PartialEq)]
enum Key {
    Number(f64),
    Text(String),
    Missing,
}

impl Key {
    fn number(number: Option<f64>) -> Self {
        number.map_or(Self::Missing, Self::Number)
    }

    /// The first value that can be ordered.
    fn of_field(product: &Product, path: &str) -> Self {
        // As text, a time with a fraction would come before the whole second.
        if path.eq_ignore_ascii_case("updated_at") {
            return Self::number(product.updated_at.map(|time| time.as_micros() as f64));
        }
        let values = field_values(product, path);
        let keys = values.into_iter().filter_map(|value| match value {
            Value::Number(number) => number.as_f64().map(Self::Number),
            Value::Bool(yes) => Some(Self::Number(f64::from(u8::from(yes)))),
            Value::String(text) => Some(match text.trim().parse::<f64>() {
                Ok(number) if number.is_finite() => Self::Number(number),
                _ => Self::Text(text.to_lowercase()),
            }),
            _ => None,
        });
        keys.into_iter().next().unwrap_or(Self::Missing)
    }

    fn compare(&self, other: &Self, descending: bool) -> Ordering {
        let kind = |key: &Self| match key {
            Self::Number(_) => 0,
            Self::Text(_) => 1,
            Self::Missing => 2,
        };
        let order = match (self, other) {
            (Self::Number(own), Self::Number(other)) => own.total_cmp(other),
            (Self::Text(own), Self::Text(other)) => own.cmp(other),
            _ => return kind(self).cmp(&kind(other)),
        };
        if descending { order.reverse() } else { order }
    }
}

/// What decides between two products, the first that differs.
fn keys(sort: &Sort, product: Option<&Product>) -> [Key; 2] {
    let Some(product) = product else {
        return [Key::Missing, Key::Missing];
    };
    let price = || Key::number(product.price.map(|price| price.amount as f64));
    let first = match sort {
        Sort::Relevance => Key::Missing,
        Sort::PriceAsc | Sort::PriceDesc => price(),
        Sort::Newest => Key::of_field(product, "updated_at"),
        Sort::Rating => {
            let rating = Key::number(product.rating.map(f64::from));
            let count = Key::number(product.rating_count.map(|count| count as f64));
            return [rating, count];
        }
        Sort::Field { path, .. } => Key::of_field(product, path),
        Sort::Near { place, .. } => Key::number(place.distance_to_m(product)),
    };
    [first, Key::Missing]
}

/// Puts candidates in any other order than that of relevance; equal ones come
/// as their words match, then by id.
pub(super) fn sort(index: &Index, snapshot: &Snapshot, sort: &Sort, candidates: &mut [Candidate]) {
    let descending = match sort {
        Sort::PriceDesc | Sort::Newest | Sort::Rating => true,
        Sort::Relevance | Sort::PriceAsc => false,
        Sort::Field { descending, .. } | Sort::Near { descending, .. } => *descending,
    };
    let mut keyed: Vec<([Key; 2], Candidate)> = candidates
        .iter()
        .map(|one| {
            let place = index.place(one.document);
            let product = place.and_then(|place| snapshot.catalogue.get(place));
            (keys(sort, product.map(|product| &**product)), one.clone())
        })
        .collect();
    keyed.sort_unstable_by(|(left_keys, left), (right_keys, right)| {
        let pairs = left_keys.iter().zip(right_keys);
        let mut orders = pairs.map(|(left, right)| left.compare(right, descending));
        let order = orders.find(|order| order.is_ne());
        order
            .unwrap_or(Ordering::Equal)
            .then_with(|| right.lexical.total_cmp(&left.lexical))
            .then_with(|| left.order.cmp(&right.order))
    });
    for (place, (_, candidate)) in candidates.iter_mut().zip(keyed) {
        *place = candidate;
    }
}
