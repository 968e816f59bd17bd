use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::record::{Fields, Properties, RecordError};
use crate::{Id, Money, Timestamp};

/// One product in an order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OrderLine {
    /// What was bought.
    pub product_id: Id,
    /// How many.
    pub quantity: i64,
    /// What one of them cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<Money>,
    /// Everything else.
    #[serde(flatten)]
    pub properties: Properties,
}

/// What a customer bought at once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Order {
    /// The shop's id.
    pub id: Id,
    /// Who bought.
    pub customer_id: Id,
    /// When.
    pub time: Timestamp,
    /// What.
    pub lines: Vec<OrderLine>,
    /// The shop's word for where it stands: `pending`, `delivered`, …
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// What it cost in all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<Money>,
    /// What was taken off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub discounts: Option<Value>,
    /// Where it goes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<Value>,
    /// How it was paid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payment_method: Option<Value>,
    /// Where the parcel is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tracking: Option<Value>,
    /// Everything else.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub properties: Properties,
}

impl Order {
    pub(crate) fn from_fields(fields: &mut Fields) -> Result<Self, RecordError> {
        let lines: Vec<OrderLine> = fields.required("lines")?;
        if let Some(line) = lines.iter().find(|line| line.quantity < 1) {
            let reason = format!(
                "quantity {} of {} is below 1",
                line.quantity, line.product_id
            );
            return Err(RecordError::new("lines", reason));
        }
        Ok(Self {
            id: fields.required("id")?,
            customer_id: fields.required("customer_id")?,
            time: fields
                .time("time")?
                .ok_or_else(|| RecordError::new("time", "missing, and it is required"))?,
            lines,
            status: fields.text("status")?,
            total: fields.optional("total")?,
            discounts: fields.optional("discounts")?,
            address: fields.optional("address")?,
            payment_method: fields.optional("payment_method")?,
            tracking: fields.optional("tracking")?,
            properties: fields.rest()?,
        })
    }
}
