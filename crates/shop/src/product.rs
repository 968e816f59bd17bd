use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::record::{Fields, Properties, RecordError, check_rating};
use crate::{Id, Money, Timestamp};

/// Whether a product can be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Availability {
    #[default]
    InStock,
    LimitedStock,
    Backorder,
    Preorder,
    OutOfStock,
    Discontinued,
}

impl Availability {
    /// Whether a customer can order it now.
    pub fn can_be_ordered(self) -> bool {
        !matches!(self, Self::OutOfStock | Self::Discontinued)
    }
}

/// Something that the shop sells.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Product {
    /// The shop's id.
    pub id: Id,
    /// What it is called.
    pub title: String,
    /// What the shop says about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Who makes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub brand: Option<String>,
    /// Path from the widest category to the narrowest.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub category: Vec<String>,
    /// What it costs now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price: Option<Money>,
    /// What it cost before a reduction.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub list_price: Option<Money>,
    /// Whether it can be had; in stock when the shop does not say.
    pub availability: Availability,
    /// Colour, size, material, …
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub attributes: Map<String, Value>,
    /// Free words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Addresses of pictures.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<String>,
    /// Address of its page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Variants of one thing share this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group_id: Option<Id>,
    /// Who sells it, on a marketplace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seller: Option<String>,
    /// Mean rating, 1 to 5.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        serialize_with = "crate::record::rating_as_written"
    )]
    pub rating: Option<f32>,
    /// How many ratings that is the mean of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rating_count: Option<u64>,
    /// Language of the text, as `en` or `zh`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// When the shop last changed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<Timestamp>,
    /// Everything else that the shop keeps about it.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub properties: Properties,
}

impl Product {
    /// A product with an id and a title and nothing else.
    pub fn new(id: Id, title: String) -> Self {
        Self {
            id,
            title,
            description: None,
            brand: None,
            category: Vec::new(),
            price: None,
            list_price: None,
            availability: Availability::InStock,
            attributes: Map::new(),
            tags: Vec::new(),
            images: Vec::new(),
            url: None,
            group_id: None,
            seller: None,
            rating: None,
            rating_count: None,
            language: None,
            updated_at: None,
            properties: Map::new(),
        }
    }

    pub(crate) fn from_fields(fields: &mut Fields) -> Result<Self, RecordError> {
        Ok(Self {
            id: fields.required("id")?,
            title: fields.required_text("title")?,
            description: fields.text("description")?,
            brand: fields.text("brand")?,
            category: category(fields)?,
            price: price(fields, "price")?,
            list_price: price(fields, "list_price")?,
            availability: fields.or_default("availability")?,
            attributes: fields.or_default("attributes")?,
            tags: fields.or_default("tags")?,
            images: fields.or_default("images")?,
            url: fields.text("url")?,
            group_id: fields.optional("group_id")?,
            seller: fields.text("seller")?,
            rating: check_rating(fields.optional("rating")?)?,
            rating_count: fields.optional("rating_count")?,
            language: fields.text("language")?,
            updated_at: fields.time("updated_at")?,
            properties: fields.rest()?,
        })
    }

    /// Whether the shop keeps it from its customers: a draft, an archived one.
    pub fn is_hidden(&self) -> bool {
        self.properties.get("hidden") == Some(&Value::Bool(true))
    }

    /// The narrowest category.
    pub fn leaf_category(&self) -> Option<&str> {
        self.category.last().map(String::as_str)
    }
}

/// A path as a list, or as one text with ` > ` between its parts.
fn category(fields: &mut Fields) -> Result<Vec<String>, RecordError> {
    let value: Option<Value> = fields.optional("category")?;
    let parts: Vec<String> = match value {
        None => Vec::new(),
        Some(Value::String(path)) => path.split('>').map(str::to_owned).collect(),
        Some(list) => {
            serde_json::from_value(list).map_err(|error| RecordError::new("category", error))?
        }
    };
    Ok(parts
        .iter()
        .map(|part| part.trim().to_owned())
        .filter(|part| !part.is_empty())
        .collect())
}

fn price(fields: &mut Fields, field: &str) -> Result<Option<Money>, RecordError> {
    let price: Option<Money> = fields.optional(field)?;
    match price {
        Some(price) if price.amount < 0 => Err(RecordError::new(
            field,
            format!("{price} is negative: a price is at least 0"),
        )),
        price => Ok(price),
    }
}
