use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The longest id that is accepted, in bytes of UTF-8.
pub const MAX_ID_BYTES: usize = 256;

/// A name that the shop gave to one of its things: a product, a customer, an
/// order. 1 to 256 bytes, without control characters. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id(Arc<str>);

/// Why a string is not an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Nothing at all, or only white space.
    #[error("an id must not be empty")]
    Empty,
    /// More than [`MAX_ID_BYTES`].
    #[error("an id has at most {MAX_ID_BYTES} bytes, this one has {0}")]
    TooLong(usize),
    /// A line break, tab or another control character.
    #[error("an id must not contain control characters")]
    Control,
}

impl Id {
    /// Takes `text` as it stands, apart from white space around it.
    pub fn new(text: &str) -> Result<Self, IdError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(IdError::Empty);
        }
        if text.len() > MAX_ID_BYTES {
            return Err(IdError::TooLong(text.len()));
        }
        if text.chars().any(char::is_control) {
            return Err(IdError::Control);
        }
        Ok(Self(text.into()))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &self.0)
    }
}

impl Borrow<str> for Id {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for Id {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl TryFrom<&str> for Id {
    type Error = IdError;

    fn try_from(text: &str) -> Result<Self, IdError> {
        Self::new(text)
    }
}

impl std::str::FromStr for Id {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        Self::new(text)
    }
}

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Id {
    /// Accepts a string, and a whole number as its decimal digits: many
    /// exports write ids as numbers.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl serde::de::Visitor<'_> for Visitor {
            type Value = Id;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an id (a string of 1 to 256 bytes)")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Id, E> {
                Id::new(text).map_err(E::custom)
            }

            fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Id, E> {
                Id::new(&number.to_string()).map_err(E::custom)
            }

            fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Id, E> {
                Id::new(&number.to_string()).map_err(E::custom)
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}

impl JsonSchema for Id {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Id".into()
    }

    /// As [`Id::new`] reads it. Bytes cannot be counted in a schema: characters
    /// beyond ASCII count more than once.
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = json_schema!({
            "type": "string",
            "minLength": 1,
            "maxLength": MAX_ID_BYTES,
            "pattern": r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$",
            "examples": ["c-17"],
        });
        if generator.contract().is_deserialize() {
            schema.insert("type".to_owned(), serde_json::json!(["string", "integer"]));
            schema.insert("minimum".to_owned(), i64::MIN.into());
            schema.insert("maximum".to_owned(), u64::MAX.into());
        }
        schema
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds() {
        assert_eq!(Id::new("  "), Err(IdError::Empty));
        assert_eq!(Id::new(&"x".repeat(257)), Err(IdError::TooLong(257)));
        assert_eq!(Id::new("a\nb"), Err(IdError::Control));
        assert_eq!(Id::new(" a ").unwrap().as_str(), "a");
        assert!(Id::new(&"é".repeat(128)).is_ok());
    }

    #[test]
    fn reads_numbers() {
        assert_eq!(
            serde_json::from_str::<Id>("17850").unwrap().as_str(),
            "17850"
        );
        assert!(serde_json::from_str::<Id>("1.5").is_err());
    }
}
