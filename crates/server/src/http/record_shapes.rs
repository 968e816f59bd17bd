//! What a record of each kind looks like in requests and answers.

use std::borrow::Cow;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Deserialize;
use serde_json::{Value, json};
use shop::{Availability, Currency, EventKind, Id, Kind, Money, Role, Timestamp};

use crate::records::Row;

/// A kind of record, where it stands and what it is made of.
pub trait Recorded: Send + Sync + 'static {
    /// Which.
    const KIND: Kind;
    /// What one of them is called in the description.
    const NAME: &'static str;
    /// The path of all.
    const COLLECTION: &'static str;
    /// The path of one.
    const ONE: &'static str;
    /// What it has besides its id.
    const REQUIRED: &'static [&'static str];

    /// The schemas of its fields besides its id.
    fn fields(generator: &mut SchemaGenerator) -> Value;
}

/// A record as JSON; in a request its id may be left to the path. Fields that
/// are unknown are kept under `properties`.
#[derive(Deserialize)]
#[serde(transparent, bound = "")]
pub struct RecordBody<K>(Row, #[serde(skip)] PhantomData<K>);

impl<K> RecordBody<K> {
    /// The fields.
    pub fn row(self) -> Row {
        self.0
    }
}

impl<K: Recorded> JsonSchema for RecordBody<K> {
    fn schema_name() -> Cow<'static, str> {
        format!("{}Record", K::NAME).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut fields = K::fields(generator);
        fields["properties"] = object();
        let mut required = vec!["id"];
        if generator.contract().is_serialize() {
            // A row that says that it is deleted is answered with that alone.
            fields["id"] = json!(generator.subschema_for::<Id>());
            fields["deleted"] = json!({"type": "boolean"});
        } else {
            fields["id"] = json!(generator.subschema_for::<Option<Id>>());
            fields["deleted"] = json!({
                "description": "With true the record is deleted",
                "type": ["boolean", "null"],
            });
            required = K::REQUIRED.to_vec();
        }
        let schema = json!({"type": "object", "properties": fields, "required": required});
        Schema::try_from(schema).unwrap_or_default()
    }
}

/// Text that says something.
fn wording() -> Value {
    json!({"type": "string", "minLength": 1, "pattern": r"[^\s\x85]"})
}

fn text() -> Value {
    json!({"type": ["string", "null"]})
}

fn object() -> Value {
    json!({"type": ["object", "null"]})
}

fn texts() -> Value {
    json!({"type": ["array", "null"], "items": {"type": "string"}})
}

fn rating() -> Value {
    json!({"type": ["number", "null"], "minimum": 1, "maximum": 5})
}

/// Money that somebody pays.
fn price(generator: &mut SchemaGenerator) -> Value {
    let currency = generator.subschema_for::<Currency>();
    let price = json!({
        "type": "object",
        "properties": {
            "amount": {"type": "integer", "format": "uint64"},
            "currency": currency,
        },
        "required": ["amount", "currency"],
        "additionalProperties": false,
        "examples": [{"amount": 1999, "currency": "USD"}],
    });
    json!({"anyOf": [price, {"type": "null"}]})
}

fn optional<T: JsonSchema>(generator: &mut SchemaGenerator) -> Value {
    json!(generator.subschema_for::<Option<T>>())
}

fn required<T: JsonSchema>(generator: &mut SchemaGenerator) -> Value {
    json!(generator.subschema_for::<T>())
}

/// See [`Kind::Products`].
pub struct Products;

impl Recorded for Products {
    const KIND: Kind = Kind::Products;
    const NAME: &'static str = "Product";
    const COLLECTION: &'static str = "/v1/products";
    const ONE: &'static str = "/v1/products/{id}";
    const REQUIRED: &'static [&'static str] = &["title"];

    fn fields(generator: &mut SchemaGenerator) -> Value {
        json!({
            "title": wording(),
            "description": text(),
            "brand": text(),
            "category": {"type": ["array", "string", "null"], "items": {"type": "string"}},
            "price": price(generator),
            "list_price": price(generator),
            "availability": optional::<Availability>(generator),
            "attributes": object(),
            "tags": texts(),
            "images": texts(),
            "url": text(),
            "group_id": optional::<Id>(generator),
            "seller": text(),
            "rating": rating(),
            "rating_count": optional::<u64>(generator),
            "language": text(),
            "updated_at": optional::<Timestamp>(generator),
        })
    }
}

/// See [`Kind::Customers`].
pub struct Customers;

impl Recorded for Customers {
    const KIND: Kind = Kind::Customers;
    const NAME: &'static str = "Customer";
    const COLLECTION: &'static str = "/v1/customers";
    const ONE: &'static str = "/v1/customers/{id}";
    const REQUIRED: &'static [&'static str] = &[];

    fn fields(generator: &mut SchemaGenerator) -> Value {
        json!({
            "email": text(),
            "name": text(),
            "language": text(),
            "country": text(),
            "consent": {
                "type": ["object", "null"],
                "properties": {
                    "personalisation": {"type": "boolean"},
                    "training": {"type": "boolean"},
                    "marketing": {"type": "boolean"},
                },
            },
            "referred_by": optional::<Id>(generator),
            "created_at": optional::<Timestamp>(generator),
        })
    }
}

/// See [`Kind::Orders`].
pub struct Orders;

impl Recorded for Orders {
    const KIND: Kind = Kind::Orders;
    const NAME: &'static str = "Order";
    const COLLECTION: &'static str = "/v1/orders";
    const ONE: &'static str = "/v1/orders/{id}";
    const REQUIRED: &'static [&'static str] = &["customer_id", "time", "lines"];

    fn fields(generator: &mut SchemaGenerator) -> Value {
        json!({
            "customer_id": required::<Id>(generator),
            "time": required::<Timestamp>(generator),
            "lines": {"type": "array", "items": {
                "type": "object",
                "properties": {
                    "product_id": required::<Id>(generator),
                    "quantity": {"type": "integer", "format": "int64", "minimum": 1},
                    "price": optional::<Money>(generator),
                },
                "required": ["product_id", "quantity"],
            }},
            "status": text(),
            "total": optional::<Money>(generator),
            "discounts": {},
            "address": {},
            "payment_method": {},
            "tracking": {},
        })
    }
}

/// See [`Kind::Reviews`].
pub struct Reviews;

impl Recorded for Reviews {
    const KIND: Kind = Kind::Reviews;
    const NAME: &'static str = "Review";
    const COLLECTION: &'static str = "/v1/reviews";
    const ONE: &'static str = "/v1/reviews/{id}";
    const REQUIRED: &'static [&'static str] = &["text"];

    fn fields(generator: &mut SchemaGenerator) -> Value {
        json!({
            "text": wording(),
            "product_id": optional::<Id>(generator),
            "customer_id": optional::<Id>(generator),
            "time": optional::<Timestamp>(generator),
            "rating": rating(),
            "title": text(),
            "language": text(),
        })
    }
}

/// See [`Kind::Documents`].
pub struct Documents;

impl Recorded for Documents {
    const KIND: Kind = Kind::Documents;
    const NAME: &'static str = "Document";
    const COLLECTION: &'static str = "/v1/documents";
    const ONE: &'static str = "/v1/documents/{id}";
    const REQUIRED: &'static [&'static str] = &["text"];

    fn fields(_: &mut SchemaGenerator) -> Value {
        json!({
            "text": wording(),
            "title": text(),
            "kind": {"type": ["string", "null"], "enum": ["policy", "faq", "guide", null]},
            "language": text(),
            "url": text(),
        })
    }
}

/// See [`Kind::Events`].
pub struct Events;

impl Recorded for Events {
    const KIND: Kind = Kind::Events;
    const NAME: &'static str = "Event";
    const COLLECTION: &'static str = "/v1/events";
    const ONE: &'static str = "/v1/events/{id}";
    const REQUIRED: &'static [&'static str] = &["type", "time"];

    fn fields(generator: &mut SchemaGenerator) -> Value {
        json!({
            "type": required::<EventKind>(generator),
            "time": required::<Timestamp>(generator),
            "customer_id": optional::<Id>(generator),
            "session_id": optional::<Id>(generator),
            "product_id": optional::<Id>(generator),
            "query": text(),
            "decision_id": optional::<Id>(generator),
            "position": optional::<u32>(generator),
            "quantity": optional::<i64>(generator),
            "value": {},
        })
    }
}

/// See [`Kind::Conversations`].
pub struct Conversations;

impl Recorded for Conversations {
    const KIND: Kind = Kind::Conversations;
    const NAME: &'static str = "Conversation";
    const COLLECTION: &'static str = "/v1/conversations";
    const ONE: &'static str = "/v1/conversations/{id}";
    const REQUIRED: &'static [&'static str] = &["messages"];

    fn fields(generator: &mut SchemaGenerator) -> Value {
        json!({
            "messages": {"type": "array", "minItems": 1, "items": {
                "type": "object",
                "properties": {
                    "role": required::<Role>(generator),
                    "text": {"type": "string"},
                    "time": optional::<Timestamp>(generator),
                },
                "required": ["role", "text"],
            }},
            "customer_id": optional::<Id>(generator),
            "intent": text(),
            "resolved": {"type": ["boolean", "null"]},
            "rating": rating(),
            "language": text(),
        })
    }
}
