//! tau2's retail database as the records of a shop: a variant is a product of
//! its own whose `group_id` is tau2's product, a user is a customer, an amount
//! is whole cents.

use std::path::Path;

use anyhow::{Context as _, bail};
use serde_json::{Map, Value, json};
use shop::{Kind, Record, Timestamp};
use store::{Entry, LogEntry, Snapshot};

/// The databases hold no time: everything is of one moment.
pub const NOW: Timestamp = Timestamp::from_seconds(1_715_731_200);

/// The records of a database, products first.
pub fn records(database: &Value) -> anyhow::Result<Vec<Record>> {
    let mut records = Vec::new();
    for product in rows(database, "products")? {
        for variant in rows(product, "variants")? {
            records.push(record(Kind::Products, variant_row(product, variant)?)?);
        }
    }
    for user in rows(database, "users")? {
        records.push(record(Kind::Customers, customer_row(user)?)?);
    }
    for order in rows(database, "orders")? {
        records.push(record(Kind::Orders, order_row(order)?)?);
    }
    Ok(records)
}

/// A shop that holds the database.
pub fn snapshot(database: &Value) -> anyhow::Result<Snapshot> {
    let entries: Vec<LogEntry> = (1..)
        .zip(records(database)?)
        .map(|(sequence, record)| LogEntry {
            sequence,
            id: sequence.to_string(),
            entry: Entry::Record(record),
        })
        .collect();
    Ok(Snapshot::default().apply(&entries))
}

/// Reads a database; a file that is none is an error with its name.
pub fn read(file: &Path) -> anyhow::Result<Value> {
    let place = || file.display().to_string();
    let text = crate::support::read_text(file)?;
    let database: Value = serde_json::from_str(&text).with_context(place)?;
    for part in ["products", "users", "orders"] {
        if !database[part].is_object() {
            bail!("{}: no object {part:?} in it", place());
        }
    }
    Ok(database)
}

fn rows<'a>(of: &'a Value, part: &str) -> anyhow::Result<impl Iterator<Item = &'a Value>> {
    let rows = of[part].as_object();
    Ok(rows
        .with_context(|| format!("the database has no object {part:?}"))?
        .values())
}

fn record(kind: Kind, row: Value) -> anyhow::Result<Record> {
    let Value::Object(row) = row else {
        bail!("a row is no object");
    };
    Ok(Record::from_json(kind, row, NOW)?)
}

/// An amount in dollars as money.
pub fn money(amount: &Value) -> anyhow::Result<Value> {
    let dollars = amount
        .as_f64()
        .with_context(|| format!("{amount} is not an amount"))?;
    Ok(json!({"amount": (dollars * 100.0).round() as i64, "currency": "USD"}))
}

fn variant_row(product: &Value, variant: &Value) -> anyhow::Result<Value> {
    let available = variant["available"].as_bool().unwrap_or(false);
    Ok(json!({
        "id": variant["item_id"],
        "title": product["name"],
        "group_id": product["product_id"],
        "price": money(&variant["price"])?,
        "availability": if available { "in_stock" } else { "out_of_stock" },
        "attributes": variant["options"],
    }))
}

fn customer_row(user: &Value) -> anyhow::Result<Value> {
    let name = |part: &str| user["name"][part].as_str().unwrap_or_default();
    let mut methods = Vec::new();
    for method in rows(user, "payment_methods")? {
        let mut method = method.clone();
        if !method["balance"].is_null() {
            method["balance"] = money(&method["balance"])?;
        }
        methods.push(method);
    }
    Ok(json!({
        "id": user["user_id"],
        "email": user["email"],
        "name": format!("{} {}", name("first_name"), name("last_name")),
        "address": user["address"],
        "payment_methods": methods,
    }))
}

fn order_row(order: &Value) -> anyhow::Result<Value> {
    let mut lines = Vec::new();
    let mut total = 0;
    for item in order["items"].as_array().into_iter().flatten() {
        let price = money(&item["price"])?;
        total += price["amount"].as_i64().unwrap_or_default();
        lines.push(json!({
            "product_id": item["item_id"],
            "quantity": 1,
            "price": price,
            "name": item["name"],
            "group_id": item["product_id"],
            "options": item["options"],
        }));
    }
    let mut payments = Vec::new();
    for payment in order["payment_history"].as_array().into_iter().flatten() {
        let mut payment = payment.clone();
        payment["amount"] = money(&payment["amount"])?;
        payments.push(payment);
    }
    let mut row: Map<String, Value> = Map::new();
    for (field, value) in order.as_object().into_iter().flatten() {
        match field.as_str() {
            "order_id" | "user_id" | "items" | "payment_history" => {}
            "exchange_price_difference" if !value.is_null() => {
                row.insert(field.clone(), money(value)?);
            }
            _ if value.is_null() => {}
            _ => {
                row.insert(field.clone(), value.clone());
            }
        }
    }
    for (field, value) in [
        ("id", order["order_id"].clone()),
        ("customer_id", order["user_id"].clone()),
        ("time", json!("2024-05-15T00:00:00Z")),
        ("lines", json!(lines)),
        ("total", json!({"amount": total, "currency": "USD"})),
        ("payment_history", json!(payments)),
    ] {
        row.insert(field.to_owned(), value);
    }
    Ok(Value::Object(row))
}
