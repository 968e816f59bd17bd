//! Segment calls after its e-commerce specification: each product of a
//! `track` call is an event of ours.

use serde_json::{Map, Value, json};
use shop::{Currency, Kind, Record, RecordError, Timestamp};

use super::Rejected;
use super::ga4::{not_an_object, text};
use super::intake::{Intake, Stopped};
use super::json_rows::collect;
use super::money::minor_units;

/// The events in a request: one call, a batch, or a list of calls.
pub fn segment_events(body: &Value, now: Timestamp) -> (Vec<Record>, Vec<Rejected>) {
    collect(|intake| {
        let rows = body
            .as_array()
            .map_or(std::slice::from_ref(body), Vec::as_slice);
        for (line, row) in (1..).zip(rows) {
            let taken = match row.as_object() {
                Some(row) => take(row, line, now, intake),
                None => intake.reject(not_an_object(line, row)),
            };
            debug_assert!(taken.is_ok());
        }
    })
}

/// Takes one object of an export or a stream.
pub(super) fn take(
    row: &Map<String, Value>,
    line: u64,
    now: Timestamp,
    intake: &mut Intake<'_>,
) -> Result<(), Stopped> {
    let Some(batch) = row.get("batch").and_then(Value::as_array) else {
        return take_call(row, row, line, now, intake);
    };
    for call in batch {
        match call.as_object() {
            Some(call) => take_call(call, row, line, now, intake)?,
            None => intake.reject(not_an_object(line, call))?,
        }
    }
    Ok(())
}

/// The type of our events for Segment's name.
fn kind(name: &str) -> Option<&'static str> {
    Some(match name.trim().to_ascii_lowercase().as_str() {
        "products searched" => "search",
        "product list viewed" | "product list filtered" => "impression",
        "product clicked" => "click",
        "product viewed" => "view",
        "product added" => "add_to_cart",
        "product removed" => "remove_from_cart",
        "product added to wishlist" => "wishlist",
        "order completed" => "purchase",
        "order refunded" => "refund",
        "product reviewed" => "rating",
        _ => return None,
    })
}

fn take_call(
    call: &Map<String, Value>,
    batch: &Map<String, Value>,
    line: u64,
    now: Timestamp,
    intake: &mut Intake<'_>,
) -> Result<(), Stopped> {
    let properties = call.get("properties").and_then(Value::as_object);
    let call_type = call.get("type").and_then(Value::as_str).unwrap_or("track");
    let name = match call_type {
        "track" => text(call.get("event")).unwrap_or_default(),
        // A page that names its product is a look at it.
        "page" | "screen" if properties.is_some_and(|all| all.contains_key("product_id")) => {
            "product viewed".to_owned()
        }
        other => other.to_owned(),
    };
    let shown = || Value::Object(call.clone()).to_string();
    let Some(kind) = kind(&name) else {
        if call_type == "track" && name.is_empty() {
            let reason = "missing: a track call names its event";
            return intake.reject(Rejected::new(line, "event", reason, shown().as_bytes()));
        }
        intake.ignore(&name);
        return Ok(());
    };
    let empty = Map::new();
    let properties = properties.unwrap_or(&empty);
    let event = event(call, batch, properties, kind, now);
    let products = properties.get("products").and_then(Value::as_array);
    match products.filter(|products| !products.is_empty() && kind != "search") {
        None => {
            let made = with_product(event, properties, properties, kind, None)
                .and_then(|event| Record::from_json(Kind::Events, event, now));
            intake.take(made, line, shown().as_bytes())
        }
        Some(products) => {
            for (place, product) in products.iter().enumerate() {
                let made = match product.as_object() {
                    Some(product) => {
                        with_product(event.clone(), product, properties, kind, Some(place))
                            .and_then(|event| Record::from_json(Kind::Events, event, now))
                    }
                    None => Err(RecordError::new(
                        &format!("properties.products[{place}]"),
                        "not an object",
                    )),
                };
                intake.take(made, line, product.to_string().as_bytes())?;
            }
            Ok(())
        }
    }
}

/// What all events of a call share.
fn event(
    call: &Map<String, Value>,
    batch: &Map<String, Value>,
    properties: &Map<String, Value>,
    kind: &str,
    now: Timestamp,
) -> Map<String, Value> {
    let mut event = Map::new();
    event.insert("type".to_owned(), json!(kind));
    let time = ["timestamp", "originalTimestamp", "sentAt", "receivedAt"]
        .iter()
        .find_map(|field| text(call.get(*field)))
        .or_else(|| text(batch.get("sentAt")))
        .unwrap_or_else(|| now.to_string());
    event.insert("time".to_owned(), json!(time));
    event.insert("customer_id".to_owned(), json!(text(call.get("userId"))));
    let context = call.get("context");
    let session = context
        .and_then(|context| text(context.get("sessionId")))
        .or_else(|| text(call.get("anonymousId")));
    event.insert("session_id".to_owned(), json!(session));
    if let Some(query) = text(properties.get("query")) {
        event.insert("query".to_owned(), json!(query));
    }
    if let Some(decision) = text(properties.get("decision_id")) {
        event.insert("decision_id".to_owned(), json!(decision));
    }
    event.insert("id".to_owned(), json!(text(call.get("messageId"))));
    let mut kept = Map::new();
    kept.insert("source".to_owned(), json!("segment"));
    for name in ["order_id", "cart_id", "list_id", "category", "coupon"] {
        if let Some(value) = properties.get(name) {
            kept.insert(name.to_owned(), value.clone());
        }
    }
    event.insert("properties".to_owned(), Value::Object(kept));
    event
}

/// Adds the product that an event is about; `place` is its place in a list.
fn with_product(
    mut event: Map<String, Value>,
    product: &Map<String, Value>,
    properties: &Map<String, Value>,
    kind: &str,
    place: Option<usize>,
) -> Result<Map<String, Value>, RecordError> {
    let id = ["product_id", "productId", "sku", "id"]
        .iter()
        .find_map(|field| text(product.get(*field)));
    match (id, kind) {
        (Some(id), _) => {
            event.insert("product_id".to_owned(), json!(id));
        }
        // A search and an order without its lines say something without one.
        (None, "search" | "purchase" | "refund") if place.is_none() => {}
        (None, _) => {
            let field = match place {
                Some(place) => format!("properties.products[{place}].product_id"),
                None => "properties.product_id".to_owned(),
            };
            return Err(RecordError::new(&field, "missing"));
        }
    }
    if let (Some(place), Some(message)) = (place, text(event.get("id"))) {
        event.insert("id".to_owned(), json!(format!("{message}:{place}")));
    }
    let number = |name: &str| product.get(name).and_then(Value::as_f64);
    if let Some(quantity) = number("quantity").filter(|quantity| *quantity >= 1.0) {
        event.insert("quantity".to_owned(), json!(quantity as i64));
    }
    if let Some(position) = number("position").filter(|position| (1.0..1e9).contains(position)) {
        event.insert("position".to_owned(), json!(position as u32));
    }
    if kind == "rating" {
        let rating = product.get("rating").cloned().unwrap_or_default();
        event.insert("value".to_owned(), rating);
        return Ok(event);
    }
    let currency = text(product.get("currency")).or_else(|| text(properties.get("currency")));
    let currency = currency.and_then(|code| code.parse::<Currency>().ok());
    if let (Some(price), Some(currency)) = (number("price"), currency) {
        event.insert("value".to_owned(), json!(minor_units(price, currency)));
    }
    Ok(event)
}
