//! Google Analytics 4: rows of the BigQuery export and payloads of the
//! Measurement Protocol. Each item of an e-commerce event is an event of ours.

use serde_json::{Map, Value, json};
use shop::{Currency, Kind, Record, RecordError, Timestamp};

use super::Rejected;
use super::intake::{Intake, Stopped};
use super::json_rows::collect;
use super::money::minor_units;

fn is_payload(row: &Map<String, Value>) -> bool {
    let events = row.get("events").and_then(Value::as_array);
    events.is_some_and(|events| {
        events
            .first()
            .is_some_and(|event| event.get("name").is_some_and(Value::is_string))
    })
}

/// The events in a request: one payload or row, or a list of them.
pub fn ga4_events(body: &Value, now: Timestamp) -> (Vec<Record>, Vec<Rejected>) {
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

pub(super) fn not_an_object(line: u64, row: &Value) -> Rejected {
    Rejected::new(line, "row", "not a JSON object", row.to_string().as_bytes())
}

/// Takes one object of an export or a stream.
pub(super) fn take(
    row: &Map<String, Value>,
    line: u64,
    now: Timestamp,
    intake: &mut Intake<'_>,
) -> Result<(), Stopped> {
    if is_payload(row) {
        let events = row.get("events").and_then(Value::as_array);
        for event in events.into_iter().flatten() {
            let Some(event) = event.as_object() else {
                intake.reject(not_an_object(line, event))?;
                continue;
            };
            take_event(
                &Occurrence::of_payload(row, event, now),
                event,
                line,
                now,
                intake,
            )?;
        }
        return Ok(());
    }
    if !row.contains_key("event_name") {
        let reason = "missing: a row of the export names its event, a payload has a list `events`";
        let shown = Value::Object(row.clone()).to_string();
        return intake.reject(Rejected::new(line, "event_name", reason, shown.as_bytes()));
    }
    take_event(&Occurrence::of_export(row), row, line, now, intake)
}

/// What an event says besides its items, in one shape for both sources.
struct Occurrence<'a> {
    name: &'a str,
    /// Microseconds since 1970, or what stands there instead.
    time: Value,
    customer: Option<String>,
    session: Option<String>,
    parameters: Map<String, Value>,
    items: &'a [Value],
}

impl<'a> Occurrence<'a> {
    fn of_payload(
        row: &'a Map<String, Value>,
        event: &'a Map<String, Value>,
        now: Timestamp,
    ) -> Self {
        let parameters = event
            .get("params")
            .and_then(Value::as_object)
            .cloned()
            .unwrap_or_default();
        let time = event
            .get("timestamp_micros")
            .or_else(|| row.get("timestamp_micros"))
            .cloned()
            .unwrap_or_else(|| json!(now.as_micros()));
        let device = text(row.get("client_id")).or_else(|| text(row.get("app_instance_id")));
        Self {
            name: event
                .get("name")
                .and_then(Value::as_str)
                .unwrap_or_default(),
            time,
            customer: text(row.get("user_id")),
            session: session(device, text(parameters.get("session_id"))),
            items: list(
                event
                    .get("params")
                    .and_then(|parameters| parameters.get("items")),
            ),
            parameters,
        }
    }

    fn of_export(row: &'a Map<String, Value>) -> Self {
        let mut parameters = Map::new();
        for parameter in list(row.get("event_params")) {
            let Some(key) = parameter.get("key").and_then(Value::as_str) else {
                continue;
            };
            let value = parameter.get("value").and_then(Value::as_object);
            // One of string_value, int_value, float_value, double_value is set.
            if let Some(value) =
                value.and_then(|value| value.values().find(|value| !value.is_null()))
            {
                parameters.insert(key.to_owned(), value.clone());
            }
        }
        let purchase = row.get("ecommerce").and_then(Value::as_object);
        if let Some(transaction) =
            purchase.and_then(|purchase| text(purchase.get("transaction_id")))
        {
            parameters
                .entry("transaction_id")
                .or_insert(json!(transaction));
        }
        Self {
            name: row
                .get("event_name")
                .and_then(Value::as_str)
                .unwrap_or_default(),
            time: row.get("event_timestamp").cloned().unwrap_or_default(),
            customer: text(row.get("user_id")),
            session: session(
                text(row.get("user_pseudo_id")),
                text(parameters.get("ga_session_id")),
            ),
            items: list(row.get("items")),
            parameters,
        }
    }

    fn time(&self) -> Result<Timestamp, RecordError> {
        let micros = match &self.time {
            Value::Number(number) => number.as_i64(),
            Value::String(digits) => digits.trim().parse().ok(),
            _ => None,
        };
        micros.map(Timestamp::from_micros).ok_or_else(|| {
            RecordError::new("event_timestamp", "not a number of microseconds since 1970")
        })
    }

    fn currency(&self) -> Option<Currency> {
        self.parameters.get("currency")?.as_str()?.parse().ok()
    }
}

/// A visit: the device's number of it, told apart from other devices'.
fn session(device: Option<String>, number: Option<String>) -> Option<String> {
    match (device, number) {
        (Some(device), Some(number)) => Some(format!("{device}.{number}")),
        (device, number) => device.or(number),
    }
}

/// The type of our events for Google's name.
fn kind(name: &str) -> Option<&'static str> {
    Some(match name {
        "view_item" => "view",
        "view_item_list" => "impression",
        "select_item" => "click",
        "add_to_cart" => "add_to_cart",
        "remove_from_cart" => "remove_from_cart",
        "add_to_wishlist" => "wishlist",
        "purchase" | "in_app_purchase" | "ecommerce_purchase" => "purchase",
        "refund" => "refund",
        "search" | "view_search_results" => "search",
        _ => return None,
    })
}

fn take_event(
    occurrence: &Occurrence<'_>,
    row: &Map<String, Value>,
    line: u64,
    now: Timestamp,
    intake: &mut Intake<'_>,
) -> Result<(), Stopped> {
    let Some(kind) = kind(occurrence.name) else {
        intake.ignore(occurrence.name);
        return Ok(());
    };
    let shown = || Value::Object(row.clone()).to_string();
    let time = match occurrence.time() {
        Ok(time) => time,
        Err(error) => {
            let rejected = Rejected::new(line, &error.field, error.reason, shown().as_bytes());
            return intake.reject(rejected);
        }
    };
    if occurrence.items.is_empty() {
        let needs_items = !matches!(kind, "search" | "purchase" | "refund");
        if needs_items {
            let reason = format!("missing: {} is about items", occurrence.name);
            return intake.reject(Rejected::new(line, "items", reason, shown().as_bytes()));
        }
        let event = event(occurrence, kind, time);
        return intake.take(
            Record::from_json(Kind::Events, event, now),
            line,
            shown().as_bytes(),
        );
    }
    for (place, item) in occurrence.items.iter().enumerate() {
        let made = item_event(occurrence, kind, time, place, item)
            .and_then(|event| Record::from_json(Kind::Events, event, now));
        intake.take(made, line, item.to_string().as_bytes())?;
    }
    Ok(())
}

/// What all events of an occurrence share.
fn event(occurrence: &Occurrence<'_>, kind: &str, time: Timestamp) -> Map<String, Value> {
    let mut event = Map::new();
    event.insert("type".to_owned(), json!(kind));
    event.insert("time".to_owned(), json!(time));
    event.insert("customer_id".to_owned(), json!(occurrence.customer));
    event.insert("session_id".to_owned(), json!(occurrence.session));
    if let Some(query) = text(occurrence.parameters.get("search_term")) {
        event.insert("query".to_owned(), json!(query));
    }
    if let Some(decision) = text(occurrence.parameters.get("decision_id")) {
        event.insert("decision_id".to_owned(), json!(decision));
    }
    let mut properties = Map::new();
    properties.insert("source".to_owned(), json!("ga4"));
    for name in ["transaction_id", "coupon", "item_list_id", "item_list_name"] {
        if let Some(value) = occurrence.parameters.get(name) {
            properties.insert(name.to_owned(), value.clone());
        }
    }
    if let Some(value) = occurrence
        .parameters
        .get("value")
        .filter(|_| occurrence.items.is_empty())
    {
        properties.insert("value".to_owned(), value.clone());
    }
    event.insert("properties".to_owned(), Value::Object(properties));
    event
}

fn item_event(
    occurrence: &Occurrence<'_>,
    kind: &str,
    time: Timestamp,
    place: usize,
    item: &Value,
) -> Result<Map<String, Value>, RecordError> {
    let field = |name: &str| text(item.get(name)).filter(|value| value != "(not set)");
    let product = field("item_id")
        .or_else(|| field("id"))
        .ok_or_else(|| RecordError::new(&format!("items[{place}].item_id"), "missing"))?;
    let mut event = event(occurrence, kind, time);
    if let Some(transaction) = text(occurrence.parameters.get("transaction_id")) {
        // The browser and the server may both report an order.
        let id = format!("ga4:{kind}:{transaction}:{product}:{place}");
        if id.len() <= shop::MAX_ID_BYTES {
            event.insert("id".to_owned(), json!(id));
        }
    }
    event.insert("product_id".to_owned(), json!(product));
    let number = |name: &str| text(item.get(name)).and_then(|text| text.parse::<f64>().ok());
    if let Some(quantity) = number("quantity").filter(|quantity| *quantity >= 1.0) {
        event.insert("quantity".to_owned(), json!(quantity as i64));
    }
    let position = number("item_list_index").or_else(|| number("index"));
    if let Some(position) = position.filter(|position| (1.0..1e9).contains(position)) {
        event.insert("position".to_owned(), json!(position as u32));
    }
    if let (Some(price), Some(currency)) = (number("price"), occurrence.currency()) {
        event.insert("value".to_owned(), json!(minor_units(price, currency)));
    }
    if let Some(name) = field("item_name")
        && let Some(Value::Object(properties)) = event.get_mut("properties")
    {
        properties.insert("item_name".to_owned(), json!(name));
    }
    Ok(event)
}

/// Text that says something; numbers as their digits.
pub(super) fn text(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::String(text) if !text.trim().is_empty() => Some(text.trim().to_owned()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn list(value: Option<&Value>) -> &[Value] {
    value.and_then(Value::as_array).map_or(&[], Vec::as_slice)
}
