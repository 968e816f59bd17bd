use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::record::{Fields, Properties, RecordError};
use crate::{Id, Timestamp};

/// What happened.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum EventKind {
    Search,
    Impression,
    Click,
    View,
    AddToCart,
    RemoveFromCart,
    Purchase,
    Refund,
    Wishlist,
    Hide,
    Rating,
    Message,
    Feedback,
    Redeem,
}

impl EventKind {
    /// How much this says about the customer's liking of the product, as a
    /// weight for trends and neighbours; negative for dislike.
    pub fn interest(self) -> f32 {
        match self {
            Self::Purchase => 1.0,
            Self::AddToCart => 0.6,
            Self::Wishlist => 0.5,
            Self::Click => 0.3,
            Self::View => 0.2,
            Self::Rating => 0.4,
            Self::RemoveFromCart => -0.3,
            Self::Refund => -0.5,
            Self::Hide => -1.0,
            Self::Search | Self::Impression | Self::Message | Self::Feedback | Self::Redeem => 0.0,
        }
    }
}

/// Something that a customer did, or that was shown to them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Event {
    /// What happened.
    #[serde(rename = "type")]
    pub kind: EventKind,
    /// When.
    pub time: Timestamp,
    /// Idempotency key; the store derives one from the content when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<Id>,
    /// Who, when known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer_id: Option<Id>,
    /// Which visit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_id: Option<Id>,
    /// Which product.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub product_id: Option<Id>,
    /// What was searched for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// The answer of ours that led to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decision_id: Option<Id>,
    /// Where in that answer, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position: Option<u32>,
    /// How many.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quantity: Option<i64>,
    /// Money, a rating, a thumb: what the type calls for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<Value>,
    /// Everything else.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub properties: Properties,
}

impl Event {
    /// An event of `kind` at `time` with nothing else said.
    pub fn new(kind: EventKind, time: Timestamp) -> Self {
        Self {
            kind,
            time,
            id: None,
            customer_id: None,
            session_id: None,
            product_id: None,
            query: None,
            decision_id: None,
            position: None,
            quantity: None,
            value: None,
            properties: Map::new(),
        }
    }

    pub(crate) fn from_fields(fields: &mut Fields) -> Result<Self, RecordError> {
        Ok(Self {
            kind: fields.required("type")?,
            time: fields
                .time("time")?
                .ok_or_else(|| RecordError::new("time", "missing, and it is required"))?,
            id: fields.optional("id")?,
            customer_id: fields.optional("customer_id")?,
            session_id: fields.optional("session_id")?,
            product_id: fields.optional("product_id")?,
            query: fields.text("query")?,
            decision_id: fields.optional("decision_id")?,
            position: fields.optional("position")?,
            quantity: fields.optional("quantity")?,
            value: fields.optional("value")?,
            properties: fields.rest()?,
        })
    }
}
