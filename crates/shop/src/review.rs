use serde::{Deserialize, Serialize};
use serde_json::Map;

use crate::record::{Fields, Properties, RecordError, check_rating};
use crate::{Id, Timestamp};

/// What a customer wrote about a product, or about the shop.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Review {
    /// The shop's id.
    pub id: Id,
    /// What they wrote.
    pub text: String,
    /// About what.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub product_id: Option<Id>,
    /// Who.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer_id: Option<Id>,
    /// When.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<Timestamp>,
    /// 1 (bad) to 5 (good).
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        serialize_with = "crate::record::rating_as_written"
    )]
    pub rating: Option<f32>,
    /// Their headline.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// As `en` or `zh`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// Everything else.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub properties: Properties,
}

impl Review {
    pub(crate) fn from_fields(fields: &mut Fields) -> Result<Self, RecordError> {
        Ok(Self {
            id: fields.required("id")?,
            text: fields.required_text("text")?,
            product_id: fields.optional("product_id")?,
            customer_id: fields.optional("customer_id")?,
            time: fields.time("time")?,
            rating: check_rating(fields.optional("rating")?)?,
            title: fields.text("title")?,
            language: fields.text("language")?,
            properties: fields.rest()?,
        })
    }
}
