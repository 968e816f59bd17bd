use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Map;

use crate::record::{Fields, Properties, RecordError, check_rating};
use crate::{Id, Timestamp};

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Role {
    Customer,
    Agent,
    Tool,
}

/// One turn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// What they say.
    pub text: String,
    /// When.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<Timestamp>,
    /// Everything else.
    #[serde(flatten)]
    pub properties: Properties,
}

/// A customer talking with the shop.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Conversation {
    /// The shop's id.
    pub id: Id,
    /// The turns, oldest first.
    pub messages: Vec<Message>,
    /// Who asks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer_id: Option<Id>,
    /// What they wanted, by the shop's own names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub intent: Option<String>,
    /// Whether they got it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resolved: Option<bool>,
    /// 1 (bad) to 5 (good).
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        serialize_with = "crate::record::rating_as_written"
    )]
    pub rating: Option<f32>,
    /// As `en` or `zh`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// Everything else.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub properties: Properties,
}

impl Conversation {
    pub(crate) fn from_fields(fields: &mut Fields) -> Result<Self, RecordError> {
        let messages: Vec<Message> = fields.required("messages")?;
        if messages.is_empty() {
            return Err(RecordError::new(
                "messages",
                "empty: a conversation has at least one",
            ));
        }
        Ok(Self {
            id: fields.required("id")?,
            messages,
            customer_id: fields.optional("customer_id")?,
            intent: fields.text("intent")?,
            resolved: fields.optional("resolved")?,
            rating: check_rating(fields.optional("rating")?)?,
            language: fields.text("language")?,
            properties: fields.rest()?,
        })
    }
}
