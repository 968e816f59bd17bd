//! What visitors did, as other programs recorded it.

use serde_json::{Map, Value, json};
use shop::{Currency, Kind, RecordError};

use super::super::Context;
use super::{at, objects, text, time};
use crate::intake::{Intake, Stopped};
use crate::money::minor_units;
use crate::row::text_of;
use crate::words;

/// An event without the fields that are not there.
fn event<const N: usize>(fields: [(&str, Value); N]) -> Map<String, Value> {
    let fields = fields.into_iter().filter(|(_, value)| !value.is_null());
    fields
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

fn whole(value: &Value) -> Value {
    let number = text_of(value).and_then(|text| text.parse::<f64>().ok());
    number
        .filter(|number| *number >= 1.0)
        .map_or(Value::Null, |number| json!(number as u32))
}

fn money(price: &Value, currency: Option<String>) -> Value {
    let currency = currency.and_then(|code| code.parse::<Currency>().ok());
    match (price.as_f64(), currency) {
        (Some(price), Some(currency)) => json!(minor_units(price, currency)),
        _ => Value::Null,
    }
}

pub(super) fn klaviyo(
    row: &Map<String, Value>,
    context: &Context<'_>,
    intake: &mut Intake<'_>,
) -> Result<(), Stopped> {
    let included = |kind: &str, id: Option<&str>| {
        let is_it = |one: &&Value| {
            one.get("type").is_some_and(|name| name == kind)
                && one.get("id").and_then(Value::as_str) == id
        };
        context.beside.iter().find(is_it).and_then(Value::as_object)
    };
    let related = |kind: &str| text(row, &["relationships", kind, "data", "id"]);
    let (metric, profile) = (related("metric"), related("profile"));
    let name =
        included("metric", metric.as_deref()).and_then(|one| text(one, &["attributes", "name"]));
    let name = name.unwrap_or_default();
    let Some(kind) = words::event(&name) else {
        intake.ignore(if name.is_empty() {
            "events of an unnamed metric"
        } else {
            &name
        });
        return Ok(());
    };
    let property = |keys: &[&str]| {
        keys.iter()
            .find_map(|key| text(row, &["attributes", "event_properties", key]))
    };
    let email = included("profile", profile.as_deref());
    let email = email.and_then(|one| text(one, &["attributes", "email"]));
    let time_at: &[&str] = match at(row, &["attributes", "datetime"]) {
        Value::Null => &["attributes", "timestamp"],
        _ => &["attributes", "datetime"],
    };
    let made = time(row, time_at).map(|time| {
        event([
            ("type", json!(kind)),
            ("time", json!(time)),
            ("id", at(row, &["id"]).clone()),
            (
                "customer_id",
                json!(email.map(|email| email.to_lowercase()).or(profile)),
            ),
            (
                "product_id",
                json!(property(&[
                    "ProductID",
                    "AddedItemProductID",
                    "Product ID",
                    "SKU",
                    "AddedItemSKU",
                ])),
            ),
            (
                "query",
                json!(property(&["SearchTerm", "Search Term", "query"])),
            ),
            (
                "quantity",
                whole(&json!(property(&["Quantity", "AddedItemQuantity"]))),
            ),
        ])
    });
    context.take(Kind::Events, made, row, intake)
}

pub(super) fn matomo(
    row: &Map<String, Value>,
    context: &Context<'_>,
    intake: &mut Intake<'_>,
) -> Result<(), Stopped> {
    let (visit, user) = (text(row, &["idVisit"]), text(row, &["userId"]));
    let currency = text(row, &["siteCurrency"]);
    for action in objects(row, &["actionDetails"]) {
        let kind = text(action, &["type"]).unwrap_or_default();
        let made = |name: &str, product: Value, item: &Map<String, Value>| {
            let time = time(action, &["timestamp"])?;
            Ok(event([
                ("type", json!(name)),
                ("time", json!(time)),
                ("customer_id", json!(user)),
                ("session_id", json!(visit)),
                ("product_id", product),
                ("query", json!(text(action, &["siteSearchKeyword"]))),
                ("quantity", whole(at(item, &["quantity"]))),
                ("value", money(at(item, &["price"]), currency.clone())),
            ]))
        };
        match kind.as_str() {
            "search" => context.take(
                Kind::Events,
                made("search", Value::Null, action),
                row,
                intake,
            )?,
            "ecommerceOrder" => {
                for item in objects(action, &["itemDetails"]) {
                    let product = json!(text(item, &["itemSKU"]));
                    context.take(Kind::Events, made("purchase", product, item), row, intake)?;
                }
            }
            _ => match text(action, &["productViewSku"]) {
                Some(product) => {
                    context.take(
                        Kind::Events,
                        made("view", json!(product), action),
                        row,
                        intake,
                    )?;
                }
                None => intake.ignore(&kind),
            },
        }
    }
    Ok(())
}

pub(super) fn algolia(
    row: &Map<String, Value>,
    context: &Context<'_>,
    intake: &mut Intake<'_>,
) -> Result<(), Stopped> {
    let name = |key: &str| text(row, &[key]).unwrap_or_default();
    let kind = [name("eventSubtype"), name("eventType"), name("eventName")];
    let Some(kind) = kind.iter().find_map(|name| words::event(name)) else {
        intake.ignore(&name("eventType"));
        return Ok(());
    };
    let ids = at(row, &["objectIDs"])
        .as_array()
        .map_or(&[][..], Vec::as_slice);
    if ids.is_empty() {
        intake.ignore("events of filters");
    }
    for (place, id) in ids.iter().enumerate() {
        let nth = |key: &str| row.get(key).and_then(|list| list.get(place));
        let data = nth("objectData")
            .and_then(Value::as_object)
            .cloned()
            .unwrap_or_default();
        let made = time(row, &["timestamp"]).map(|time| {
            event([
                ("type", json!(kind)),
                ("time", json!(time)),
                ("customer_id", json!(text(row, &["authenticatedUserToken"]))),
                ("session_id", json!(text(row, &["userToken"]))),
                ("product_id", id.clone()),
                ("position", whole(nth("positions").unwrap_or(&Value::Null))),
                ("quantity", whole(at(&data, &["quantity"]))),
                (
                    "value",
                    money(at(&data, &["price"]), text(row, &["currency"])),
                ),
                ("query_id", json!(text(row, &["queryID"]))),
            ])
        });
        context.take(Kind::Events, made, row, intake)?;
    }
    Ok(())
}

pub(super) fn ubi(
    row: &Map<String, Value>,
    context: &Context<'_>,
    intake: &mut Intake<'_>,
) -> Result<(), Stopped> {
    let name = text(row, &["action_name"]).unwrap_or_default();
    let Some(kind) = words::event(&name) else {
        intake.ignore(&name);
        return Ok(());
    };
    let session = text(row, &["session_id"])
        .or_else(|| text(row, &["event_attributes", "session_id"]))
        .or_else(|| text(row, &["client_id"]));
    let made = time(row, &["timestamp"]).and_then(|time| {
        let product = text(row, &["event_attributes", "object", "object_id"]);
        if product.is_none() && kind != "search" {
            let reason = "missing: the event says what it is about";
            return Err(RecordError::new(
                "event_attributes.object.object_id",
                reason,
            ));
        }
        Ok(event([
            ("type", json!(kind)),
            ("time", json!(time)),
            ("session_id", json!(session)),
            ("customer_id", json!(text(row, &["user_id"]))),
            ("product_id", json!(product)),
            ("query", json!(text(row, &["user_query"]))),
            (
                "position",
                whole(at(row, &["event_attributes", "position", "ordinal"])),
            ),
            ("query_id", json!(text(row, &["query_id"]))),
        ]))
    });
    context.take(Kind::Events, made, row, intake)
}
