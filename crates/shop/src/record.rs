use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value};

use crate::{
    Conversation, Customer, Document, Event, Id, Judgement, Labelled, Order, Product, Review,
    Timestamp,
};

/// What a record carried beyond the fields that `shopkeeper` knows.
pub type Properties = Map<String, Value>;

/// The kinds of record that a shop hands in.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Kind {
    Products,
    Customers,
    Orders,
    Events,
    Reviews,
    Conversations,
    Documents,
    Judgements,
    Labelled,
}

/// One row of an import, checked. What comes from outside is read by
/// [`Record::from_json`]; `Deserialize` on the records reads back, unchecked,
/// what `Serialize` wrote.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub enum Record {
    Product(Product),
    Customer(Customer),
    Order(Order),
    Event(Event),
    Review(Review),
    Conversation(Conversation),
    Document(Document),
    Judgement(Judgement),
    Labelled(Labelled),
}

/// Why a row is not a record: which field, and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {reason}")]
pub struct RecordError {
    /// The field, or `row` when the row as a whole is wrong.
    pub field: String,
    /// What is wrong and what would be right.
    pub reason: String,
}

impl RecordError {
    /// An error about one field.
    pub fn new(field: &str, reason: impl ToString) -> Self {
        Self {
            field: field.to_owned(),
            reason: reason.to_string(),
        }
    }
}

impl Kind {
    /// Every kind, in the order in which they are best imported.
    pub const ALL: [Self; 9] = [
        Self::Products,
        Self::Customers,
        Self::Orders,
        Self::Events,
        Self::Reviews,
        Self::Conversations,
        Self::Documents,
        Self::Judgements,
        Self::Labelled,
    ];

    /// The name in files, paths and options: `products`, `customers`, …
    pub fn name(self) -> &'static str {
        match self {
            Self::Products => "products",
            Self::Customers => "customers",
            Self::Orders => "orders",
            Self::Events => "events",
            Self::Reviews => "reviews",
            Self::Conversations => "conversations",
            Self::Documents => "documents",
            Self::Judgements => "judgements",
            Self::Labelled => "labelled",
        }
    }

    /// The kind with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The kind that a row's fields speak of, when they leave no doubt.
    ///
    /// Ordered from the most telling field to the least: a conversation is
    /// known by its messages, a document only by having nothing else.
    pub fn of_fields(row: &Map<String, Value>) -> Option<Self> {
        let has = |field: &str| row.contains_key(field);
        if has("messages") {
            Some(Self::Conversations)
        } else if has("grade") && has("query") {
            Some(Self::Judgements)
        } else if has("text") && (has("label") || has("aspects")) {
            Some(Self::Labelled)
        } else if has("lines") && has("customer_id") {
            Some(Self::Orders)
        } else if has("type") && has("time") {
            Some(Self::Events)
        } else if has("text") && (has("product_id") || has("rating")) {
            Some(Self::Reviews)
        } else if has("text") {
            Some(Self::Documents)
        } else if has("id") && has("title") {
            Some(Self::Products)
        } else if has("id")
            && [
                "email",
                "name",
                "consent",
                "country",
                "referred_by",
                "created_at",
            ]
            .iter()
            .any(|field| has(field))
        {
            Some(Self::Customers)
        } else {
            None
        }
    }
}

impl Record {
    /// Reads one JSON object as a record of `kind`. Times later than a day
    /// after `now` are refused; fields unknown to the kind go to `properties`.
    pub fn from_json(
        kind: Kind,
        row: Map<String, Value>,
        now: Timestamp,
    ) -> Result<Self, RecordError> {
        let mut fields = Fields { row, now };
        let fields = &mut fields;
        Ok(match kind {
            Kind::Products => Self::Product(Product::from_fields(fields)?),
            Kind::Customers => Self::Customer(Customer::from_fields(fields)?),
            Kind::Orders => Self::Order(Order::from_fields(fields)?),
            Kind::Events => Self::Event(Event::from_fields(fields)?),
            Kind::Reviews => Self::Review(Review::from_fields(fields)?),
            Kind::Conversations => Self::Conversation(Conversation::from_fields(fields)?),
            Kind::Documents => Self::Document(Document::from_fields(fields)?),
            Kind::Judgements => Self::Judgement(Judgement::from_fields(fields)?),
            Kind::Labelled => Self::Labelled(Labelled::from_fields(fields)?),
        })
    }

    /// The record as one JSON object, as [`Record::from_json`] reads it.
    pub fn to_json(&self) -> Value {
        let value = match self {
            Self::Product(record) => serde_json::to_value(record),
            Self::Customer(record) => serde_json::to_value(record),
            Self::Order(record) => serde_json::to_value(record),
            Self::Event(record) => serde_json::to_value(record),
            Self::Review(record) => serde_json::to_value(record),
            Self::Conversation(record) => serde_json::to_value(record),
            Self::Document(record) => serde_json::to_value(record),
            Self::Judgement(record) => serde_json::to_value(record),
            Self::Labelled(record) => serde_json::to_value(record),
        };
        // Records hold strings, numbers and maps with string keys only.
        value.unwrap_or(Value::Null)
    }

    /// What kind this is.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Product(_) => Kind::Products,
            Self::Customer(_) => Kind::Customers,
            Self::Order(_) => Kind::Orders,
            Self::Event(_) => Kind::Events,
            Self::Review(_) => Kind::Reviews,
            Self::Conversation(_) => Kind::Conversations,
            Self::Document(_) => Kind::Documents,
            Self::Judgement(_) => Kind::Judgements,
            Self::Labelled(_) => Kind::Labelled,
        }
    }

    /// The record's own id; events, judgements and labelled rows may have none.
    pub fn id(&self) -> Option<&Id> {
        match self {
            Self::Product(record) => Some(&record.id),
            Self::Customer(record) => Some(&record.id),
            Self::Order(record) => Some(&record.id),
            Self::Event(record) => record.id.as_ref(),
            Self::Review(record) => Some(&record.id),
            Self::Conversation(record) => Some(&record.id),
            Self::Document(record) => Some(&record.id),
            Self::Judgement(_) | Self::Labelled(_) => None,
        }
    }

    /// The customer that this record is about, where there is one.
    pub fn customer_id(&self) -> Option<&Id> {
        match self {
            Self::Customer(record) => Some(&record.id),
            Self::Order(record) => Some(&record.customer_id),
            Self::Event(record) => record.customer_id.as_ref(),
            Self::Review(record) => record.customer_id.as_ref(),
            Self::Conversation(record) => record.customer_id.as_ref(),
            Self::Product(_) | Self::Document(_) | Self::Judgement(_) | Self::Labelled(_) => None,
        }
    }
}

/// A row's fields, taken out one by one; what is left over is `properties`.
pub(crate) struct Fields {
    row: Map<String, Value>,
    now: Timestamp,
}

impl Fields {
    /// The field, or `None` when it is absent or null.
    pub(crate) fn optional<T: DeserializeOwned>(
        &mut self,
        field: &str,
    ) -> Result<Option<T>, RecordError> {
        match self.row.remove(field) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => serde_json::from_value(value)
                .map(Some)
                .map_err(|error| RecordError::new(field, error)),
        }
    }

    /// The field, or an error that names it.
    pub(crate) fn required<T: DeserializeOwned>(&mut self, field: &str) -> Result<T, RecordError> {
        self.optional(field)?
            .ok_or_else(|| RecordError::new(field, "missing, and it is required"))
    }

    /// The field or its type's empty value.
    pub(crate) fn or_default<T: DeserializeOwned + Default>(
        &mut self,
        field: &str,
    ) -> Result<T, RecordError> {
        Ok(self.optional(field)?.unwrap_or_default())
    }

    /// Text that says something: absent, null and blank are `None`.
    pub(crate) fn text(&mut self, field: &str) -> Result<Option<String>, RecordError> {
        let text: Option<String> = self.optional(field)?;
        Ok(text
            .map(|text| text.trim().to_owned())
            .filter(|text| !text.is_empty()))
    }

    /// Text that must say something.
    pub(crate) fn required_text(&mut self, field: &str) -> Result<String, RecordError> {
        self.text(field)?
            .ok_or_else(|| RecordError::new(field, "missing or empty, and it is required"))
    }

    /// A time that a clock could have shown.
    pub(crate) fn time(&mut self, field: &str) -> Result<Option<Timestamp>, RecordError> {
        let time: Option<Timestamp> = self.optional(field)?;
        time.map(|time| time.plausible(self.now))
            .transpose()
            .map_err(|error| RecordError::new(field, error))
    }

    /// Everything not taken, merged into the row's own `properties`.
    pub(crate) fn rest(&mut self) -> Result<Properties, RecordError> {
        let mut properties: Properties = self.or_default("properties")?;
        for (field, value) in std::mem::take(&mut self.row) {
            properties.entry(field).or_insert(value);
        }
        Ok(properties)
    }
}

/// Refuses a rating outside 1 to 5.
pub(crate) fn check_rating(rating: Option<f32>) -> Result<Option<f32>, RecordError> {
    match rating {
        Some(rating) if !(1.0..=5.0).contains(&rating) => Err(RecordError::new(
            "rating",
            format!("{rating} is not between 1 and 5"),
        )),
        rating => Ok(rating),
    }
}

/// Writes 4.4 as 4.4 and not as the 4.400000095 that it is in full.
pub(crate) fn rating_as_written<S: Serializer>(
    rating: &Option<f32>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let decimal = rating.map(|rating| rating.to_string().parse().unwrap_or(f64::from(rating)));
    match serializer.is_human_readable() {
        true => decimal.serialize(serializer),
        false => rating.serialize(serializer),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(kind: Kind, row: &str) -> Result<Record, RecordError> {
        let now = "2026-05-01T00:00:00Z".parse().unwrap();
        let row = serde_json::from_str(row).unwrap();
        Record::from_json(kind, row, now)
    }

    #[test]
    fn a_bad_row_names_its_field() {
        for (kind, row, field) in [
            (Kind::Products, r#"{"id":"1"}"#, "title"),
            (Kind::Products, r#"{"id":"1","title":"  "}"#, "title"),
            (
                Kind::Products,
                r#"{"id":"1","title":"a","price":{"amount":-5,"currency":"USD"}}"#,
                "price",
            ),
            (
                Kind::Products,
                r#"{"id":"1","title":"a","price":{"amount":5,"currency":"dollars"}}"#,
                "price",
            ),
            (
                Kind::Events,
                r#"{"type":"view","time":"9999-01-01T00:00:00Z"}"#,
                "time",
            ),
            (
                Kind::Events,
                r#"{"type":"gaze","time":"2026-01-01T00:00:00Z"}"#,
                "type",
            ),
            (
                Kind::Reviews,
                r#"{"id":"1","text":"x","rating":9}"#,
                "rating",
            ),
            (
                Kind::Orders,
                r#"{"id":"1","time":"2026-01-01T00:00:00Z","lines":[]}"#,
                "customer_id",
            ),
            (
                Kind::Conversations,
                r#"{"id":"1","messages":[]}"#,
                "messages",
            ),
        ] {
            assert_eq!(read(kind, row).unwrap_err().field, field, "{row}");
        }
    }

    #[test]
    fn unknown_fields_become_properties_and_survive_a_round_trip() {
        let record = read(
            Kind::Products,
            r#"{"id":"1","title":"Tea","colour":"green","properties":{"sku":"x"}}"#,
        )
        .unwrap();
        let json = record.to_json();
        assert_eq!(json["properties"]["colour"], "green");
        assert_eq!(json["properties"]["sku"], "x");
        assert_eq!(read(Kind::Products, &json.to_string()).unwrap(), record);
    }

    #[test]
    fn kind_by_fields() {
        for (row, kind) in [
            (r#"{"id":"1","title":"Tea"}"#, Kind::Products),
            (r#"{"id":"1","email":"a@b.c"}"#, Kind::Customers),
            (
                r#"{"id":"1","customer_id":"c","time":"t","lines":[]}"#,
                Kind::Orders,
            ),
            (r#"{"type":"view","time":"t"}"#, Kind::Events),
            (r#"{"id":"1","text":"nice","rating":5}"#, Kind::Reviews),
            (r#"{"id":"1","messages":[]}"#, Kind::Conversations),
            (
                r#"{"id":"1","text":"Returns…","title":"Returns"}"#,
                Kind::Documents,
            ),
            (
                r#"{"query":"tea","product_id":"1","grade":2}"#,
                Kind::Judgements,
            ),
            (r#"{"text":"x","label":"y"}"#, Kind::Labelled),
        ] {
            assert_eq!(
                Kind::of_fields(&serde_json::from_str(row).unwrap()),
                Some(kind),
                "{row}"
            );
        }
    }
}
