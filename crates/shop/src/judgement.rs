use serde::{Deserialize, Serialize};
use serde_json::Map;

use crate::Id;
use crate::record::{Fields, Properties, RecordError};

/// How well a product answers a query, as a person saw it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Judgement {
    /// What was searched for.
    pub query: String,
    /// The product judged.
    pub product_id: Id,
    /// 0 (not at all) to 3 (perfectly).
    pub grade: f32,
    /// Everything else.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub properties: Properties,
}

impl Judgement {
    pub(crate) fn from_fields(fields: &mut Fields) -> Result<Self, RecordError> {
        let grade: f32 = fields.required("grade")?;
        if !(0.0..=3.0).contains(&grade) {
            return Err(RecordError::new(
                "grade",
                format!("{grade} is not between 0 and 3"),
            ));
        }
        Ok(Self {
            query: fields.required_text("query")?,
            product_id: fields.required("product_id")?,
            grade,
            properties: fields.rest()?,
        })
    }
}

/// What a text says about one side of a product.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Aspect {
    /// The words in the text; `None` when it is only implied.
    #[serde(default)]
    pub term: Option<String>,
    /// Which side.
    #[serde(default)]
    pub category: Option<String>,
    /// `positive`, `negative` or `neutral`.
    #[serde(default)]
    pub polarity: Option<String>,
    /// Everything else.
    #[serde(flatten)]
    pub properties: Properties,
}

/// A text whose class is known: an intent, a polarity.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Labelled {
    /// The text.
    pub text: String,
    /// Its class.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// As `en` or `zh`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// What it says about sides of a product.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aspects: Vec<Aspect>,
    /// Everything else.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub properties: Properties,
}

impl Labelled {
    pub(crate) fn from_fields(fields: &mut Fields) -> Result<Self, RecordError> {
        let text = fields.required_text("text")?;
        let label = fields.text("label")?;
        let aspects: Vec<Aspect> = fields.or_default("aspects")?;
        if label.is_none() && aspects.is_empty() {
            return Err(RecordError::new(
                "label",
                "missing, and there are no aspects either",
            ));
        }
        Ok(Self {
            text,
            label,
            language: fields.text("language")?,
            aspects,
            properties: fields.rest()?,
        })
    }
}
