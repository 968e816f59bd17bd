use serde::{Deserialize, Serialize};
use serde_json::Map;

use crate::Id;
use crate::record::{Fields, Properties, RecordError};

/// What a document is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum DocumentKind {
    Policy,
    Faq,
    Guide,
}

/// A text that the shop stands by: what support may say.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Document {
    /// The shop's id.
    pub id: Id,
    /// The text, plain or Markdown.
    pub text: String,
    /// Its headline.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<DocumentKind>,
    /// As `en` or `zh`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// Where a customer can read it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Everything else.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub properties: Properties,
}

impl Document {
    pub(crate) fn from_fields(fields: &mut Fields) -> Result<Self, RecordError> {
        Ok(Self {
            id: fields.required("id")?,
            text: fields.required_text("text")?,
            title: fields.text("title")?,
            kind: fields.optional("kind")?,
            language: fields.text("language")?,
            url: fields.text("url")?,
            properties: fields.rest()?,
        })
    }
}
