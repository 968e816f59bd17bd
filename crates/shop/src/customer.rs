use serde::{Deserialize, Serialize};
use serde_json::Map;

use crate::record::{Fields, Properties, RecordError};
use crate::{Id, Timestamp};

/// What a customer allowed. Nothing said means allowed, as shops run today;
/// a shop that needs opt-in writes `false`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Consent {
    /// Lists made for this person.
    pub personalisation: bool,
    /// Their texts and behaviour in training data.
    pub training: bool,
    /// Offers sent to them.
    pub marketing: bool,
}

impl Default for Consent {
    fn default() -> Self {
        Self {
            personalisation: true,
            training: true,
            marketing: true,
        }
    }
}

/// A person who shops here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Customer {
    /// The shop's id.
    pub id: Id,
    /// Where they get mail.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// What they are called.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The language they want, as `en` or `zh`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// Where they live (ISO 3166).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    /// What they allowed.
    pub consent: Consent,
    /// Who brought them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub referred_by: Option<Id>,
    /// When they first came.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// Everything else that the shop keeps about them.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub properties: Properties,
}

impl Customer {
    /// A customer of whom only the id is known.
    pub fn new(id: Id) -> Self {
        Self {
            id,
            email: None,
            name: None,
            language: None,
            country: None,
            consent: Consent::default(),
            referred_by: None,
            created_at: None,
            properties: Map::new(),
        }
    }

    pub(crate) fn from_fields(fields: &mut Fields) -> Result<Self, RecordError> {
        Ok(Self {
            id: fields.required("id")?,
            email: fields.text("email")?,
            name: fields.text("name")?,
            language: fields.text("language")?,
            country: fields.text("country")?,
            consent: fields.or_default("consent")?,
            referred_by: fields.optional("referred_by")?,
            created_at: fields.time("created_at")?,
            properties: fields.rest()?,
        })
    }
}
