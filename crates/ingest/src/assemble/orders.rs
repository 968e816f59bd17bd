//! Orders: the rows of one order are its lines.

use serde_json::{Map, Value, json};
use shop::{Money, RecordError};

use super::{Made, Outcome, Setting, customer, id_of, number, put, put_id, rest};
use crate::row::Fields;

/// Makes an order of its rows. A line that is none is refused by itself; an
/// order without any other line as well.
pub(super) fn order(rows: &[Fields<'_>], setting: &Setting) -> Vec<Made> {
    let Some(first) = rows.first() else {
        return Vec::new();
    };
    let (mut lines, mut made) = (Vec::new(), Vec::new());
    for (place, row) in rows.iter().enumerate() {
        match line(row, currency(row, first).as_deref(), setting) {
            Ok(line) => lines.push(line),
            Err(error) => made.push((place, Outcome::Rejected(error))),
        }
    }
    if !lines.is_empty() {
        made.push((0, head(rows, lines, setting).into()));
    }
    made
}

fn currency(row: &Fields<'_>, first: &Fields<'_>) -> Option<String> {
    row.text("currency").or_else(|| first.text("currency"))
}

/// What the order says besides its lines: each field as the first row that
/// has it.
fn head(
    rows: &[Fields<'_>],
    lines: Vec<Value>,
    setting: &Setting,
) -> Result<Map<String, Value>, RecordError> {
    let said = |field: &'static str| rows.iter().find(|row| row.has(field));
    let text = |field: &'static str| said(field).and_then(|row| row.text(field));
    let mut row = Map::new();
    let Some(id) = text("id").map(|id| id_of(id.trim_start_matches('#'))) else {
        return Err(RecordError::new(
            "id",
            "missing: a line belongs to an order",
        ));
    };
    let buyer = rows.iter().find_map(customer);
    // Marketplaces do not say who bought; the order stands for somebody.
    put_id(
        &mut row,
        "customer_id",
        Some(&buyer.unwrap_or_else(|| format!("guest-{id}"))),
    );
    put_id(&mut row, "id", Some(&id));
    match said("time") {
        Some(fields) => super::put_time(&mut row, fields, "time", &setting.clock)?,
        None => return Err(RecordError::new("time", "missing, and it is required")),
    }
    row.insert("lines".to_owned(), Value::Array(lines));
    let cancelled = text("cancelled").map(|_| "cancelled".to_owned());
    put(
        &mut row,
        "status",
        cancelled.or_else(|| text("status").map(|word| word.to_lowercase())),
    );
    put(&mut row, "payment_method", text("payment_method"));
    put(&mut row, "tracking", text("tracking"));
    let money = |field: &'static str| -> Result<Option<Money>, RecordError> {
        let Some(fields) = said(field) else {
            return Ok(None);
        };
        let Some(value) = fields.value(field) else {
            return Ok(None);
        };
        let currency = currency(fields, &rows[0]);
        setting
            .prices
            .read(value, currency.as_deref(), fields.column(field))
            .map(Some)
    };
    put(&mut row, "total", money("total")?.map(|total| json!(total)));
    let discount = money("discount")?.filter(|discount| discount.amount != 0);
    let code = text("discount_code");
    if discount.is_some() || code.is_some() {
        put(
            &mut row,
            "discounts",
            Some(json!([{"code": code, "amount": discount}])),
        );
    }
    put(&mut row, "address", address(rows));
    let mut properties = Map::new();
    for fields in rows {
        for (name, value) in rest(fields) {
            properties.entry(name).or_insert(value);
        }
    }
    put(&mut row, "properties", Some(Value::Object(properties)));
    Ok(row)
}

fn address(rows: &[Fields<'_>]) -> Option<Value> {
    const PARTS: [(&str, &str); 6] = [
        ("address_name", "name"),
        ("address_street", "street"),
        ("address_city", "city"),
        ("address_zip", "zip"),
        ("address_region", "region"),
        ("address_country", "country"),
    ];
    let part = |(field, name): (&'static str, &str)| {
        let text = rows.iter().find_map(|row| row.text(field))?;
        Some((name.to_owned(), json!(text.trim_start_matches('\''))))
    };
    let address: Map<String, Value> = PARTS.into_iter().filter_map(part).collect();
    (!address.is_empty()).then_some(Value::Object(address))
}

fn line(
    fields: &Fields<'_>,
    currency: Option<&str>,
    setting: &Setting,
) -> Result<Value, RecordError> {
    let name = fields.text("product_name");
    // What has no number is known by its name.
    let product = fields
        .text("product_id")
        .or_else(|| name.clone())
        .map(|text| id_of(&text));
    let Some(product) = product.filter(|product| !product.is_empty()) else {
        return Err(RecordError::new(
            "product_id",
            "missing: a line is of a product",
        ));
    };
    let quantity = match fields.value("quantity") {
        None => 1.0,
        Some(value) => number(value).ok_or_else(|| {
            RecordError::new(
                fields.column("quantity"),
                format!("{value} is not a number"),
            )
        })?,
    };
    if quantity < 1.0 {
        let reason =
            format!("{quantity} is below 1: what is credited or cancelled is no line of an order");
        return Err(RecordError::new(fields.column("quantity"), reason));
    }
    let quantity = quantity.round() as i64;
    let read = |field: &str| {
        let value = fields.value(field);
        let read = value.map(|value| setting.prices.price(value, currency, fields.column(field)));
        read.transpose()
    };
    let price = match read("price")? {
        Some(price) => Some(price),
        None => read("line_total")?.map(|total| {
            let each = (total.amount as f64 / quantity as f64).round() as i64;
            Money::new(each, total.currency)
        }),
    };
    let mut line = Map::new();
    put(&mut line, "product_id", Some(product));
    put(&mut line, "quantity", Some(quantity));
    put(&mut line, "price", price.map(|price| json!(price)));
    put(&mut line, "name", name);
    put_id(&mut line, "line", fields.text("line").as_deref());
    Ok(Value::Object(line))
}
