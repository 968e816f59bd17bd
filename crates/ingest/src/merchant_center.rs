//! Google Merchant Center product data: the attributes of a product, whether
//! they come from a table or from a feed.

use std::collections::BTreeMap;
use std::io::BufRead;

use serde_json::{Map, Value, json};
use shop::{Currency, Kind, Record, RecordError, Timestamp};

use super::ImportOptions;
use super::csv_rows::{Row, Table};
use super::html::to_text;
use super::intake::Intake;
use super::money::price;
use super::read::Halt;

/// Attributes that customers choose by.
const CHOICES: [&str; 14] = [
    "color",
    "size",
    "material",
    "pattern",
    "gender",
    "age_group",
    "size_type",
    "size_system",
    "condition",
    "gtin",
    "mpn",
    "energy_efficiency_class",
    "product_weight",
    "unit_pricing_measure",
];

/// What a product says, by Google's names; some come several times.
pub(super) type Attributes = BTreeMap<String, Vec<String>>;

/// Reads a table.
pub(super) fn read(
    stream: impl BufRead,
    delimiter: u8,
    options: &ImportOptions,
    intake: &mut Intake<'_>,
) -> Result<(), Halt> {
    let mut table = Table::open(stream, delimiter)?;
    debug_assert!(table.column("id").is_some());
    let columns = table.columns().to_vec();
    while let Some(row) = table.next()? {
        match row {
            Row::Broken(rejected) => intake.reject(rejected)?,
            Row::Fields(row) => {
                let mut attributes = Attributes::new();
                for (column, value) in columns.iter().zip(&row.values) {
                    if !value.trim().is_empty() {
                        let values = attributes.entry(column.clone()).or_default();
                        values.push(value.trim().to_owned());
                    }
                }
                let made = product(&attributes, options.currency(), options.now);
                intake.take(made, row.line, row.raw.as_bytes())?;
            }
        }
    }
    Ok(())
}

/// Makes a product of Google's attributes.
pub(super) fn product(
    attributes: &Attributes,
    currency: Currency,
    now: Timestamp,
) -> Result<Record, RecordError> {
    let all = |name: &str| attributes.get(name).map_or(&[][..], Vec::as_slice);
    let one = |name: &str| all(name).first().map_or("", String::as_str);
    let mut row = Map::new();
    for (field, name) in [
        ("id", "id"),
        ("brand", "brand"),
        ("url", "link"),
        ("seller", "external_seller_id"),
        ("language", "content_language"),
    ] {
        if !one(name).is_empty() {
            row.insert(field.to_owned(), json!(one(name)));
        }
    }
    if !one("item_group_id").is_empty() {
        row.insert("group_id".to_owned(), json!(one("item_group_id")));
    }
    row.insert("title".to_owned(), json!(to_text(one("title"))));
    row.insert("description".to_owned(), json!(to_text(one("description"))));
    row.insert(
        "category".to_owned(),
        json!(category(
            one("product_type"),
            one("google_product_category")
        )),
    );
    row.insert(
        "availability".to_owned(),
        json!(availability(one("availability"))?),
    );
    let images = [all("image_link"), all("additional_image_link")].concat();
    let images: Vec<&str> = images
        .iter()
        .flat_map(|list| list.split(','))
        .map(str::trim)
        .filter(|address| !address.is_empty())
        .collect();
    row.insert("images".to_owned(), json!(images));
    let written = [one("price"), one("sale_price")];
    prices(written, currency, one("content_language"), &mut row)?;
    let mut choices = Map::new();
    let mut properties = Map::new();
    let used = [
        "id",
        "title",
        "description",
        "link",
        "brand",
        "item_group_id",
        "product_type",
        "availability",
        "image_link",
        "additional_image_link",
        "price",
        "sale_price",
        "external_seller_id",
        "content_language",
    ];
    for (name, values) in attributes {
        let value = match values.as_slice() {
            [value] => json!(value),
            values => json!(values),
        };
        if CHOICES.contains(&name.as_str()) {
            choices.insert(name.clone(), value);
        } else if !used.contains(&name.as_str()) {
            properties.insert(name.clone(), value);
        }
    }
    row.insert("attributes".to_owned(), Value::Object(choices));
    row.insert("properties".to_owned(), Value::Object(properties));
    Record::from_json(Kind::Products, row, now)
}

/// The shop's own path, else Google's where it is written out.
fn category<'a>(own: &'a str, google: &'a str) -> Vec<&'a str> {
    let path = if own.is_empty() { google } else { own };
    if path.bytes().all(|byte| byte.is_ascii_digit()) {
        return Vec::new();
    }
    // Several paths stand one after the other; the first is the main one.
    let first = path.split(',').next().unwrap_or(path);
    let path = if first.contains('>') { first } else { path };
    path.split(['>', '/'])
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .collect()
}

fn availability(text: &str) -> Result<&'static str, RecordError> {
    let word = text.trim().to_ascii_lowercase().replace([' ', '-'], "_");
    let word = word.rsplit('/').next().unwrap_or_default();
    Ok(match word {
        "" | "in_stock" | "instock" | "available" | "available_for_order" => "in_stock",
        "limited_stock" | "limited_availability" | "limitedavailability" => "limited_stock",
        "out_of_stock" | "outofstock" | "sold_out" | "soldout" => "out_of_stock",
        "preorder" | "pre_order" => "preorder",
        "backorder" | "back_order" => "backorder",
        "discontinued" => "discontinued",
        _ => {
            let reason = format!(
                "{text:?} is none of in_stock, limited_stock, out_of_stock, preorder, backorder"
            );
            return Err(RecordError::new("availability", reason));
        }
    })
}

fn prices(
    [regular, sale]: [&str; 2],
    currency: Currency,
    language: &str,
    row: &mut Map<String, Value>,
) -> Result<(), RecordError> {
    let read = |text: &str, field: &str| {
        (!text.is_empty())
            .then(|| price(text, currency, language, field))
            .transpose()
    };
    let regular = read(regular, "price")?;
    let sale = read(sale, "sale_price")?;
    row.insert("price".to_owned(), json!(sale.or(regular)));
    if let (Some(_), Some(regular)) = (sale, regular) {
        row.insert("list_price".to_owned(), json!(regular));
    }
    Ok(())
}
