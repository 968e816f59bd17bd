//! WooCommerce's REST API (v3): products with their variations, orders and
//! customers. Things are called as in the CSV file that WooCommerce exports: by
//! their SKU, else by their number.
//!
//! A list of products names the variations by number. Who has fetched them puts
//! the objects in the place of the numbers; a product of which the numbers alone
//! are there says nothing that could be sold.

use serde_json::{Map, Value, json};
use shop::Kind;

use super::super::Context;
use super::shops::{
    Said, first_text, joined, moment, setting, take_customer, take_named, take_order,
};
use super::{at, objects, text};
use crate::assemble::products::{Family, product};
use crate::html::to_text;
use crate::intake::{Intake, Stopped};
use crate::row::Fields;

/// A product, or each variation of one.
pub(super) fn product_with_variations(
    row: &Map<String, Value>,
    context: &Context<'_>,
    intake: &mut Intake<'_>,
) -> Result<(), Stopped> {
    let setting = setting(context);
    let number = text(row, &["id"]);
    let said = says(row);
    match text(row, &["type"]).as_deref() {
        Some("variable") => {}
        Some("variation") => {
            let parent = text(row, &["parent_id"]).unwrap_or_default();
            let family = Family {
                key: &parent,
                several: true,
                rows: &[],
            };
            let made = product(&Fields::said(&said), None, Some(&family), &setting);
            let names = names(&Some(parent.clone()), number);
            return take_named(Kind::Products, made, &names, row, context, intake);
        }
        _ => {
            let made = product(&Fields::said(&said), None, None, &setting);
            let names = names(&number, None);
            return take_named(Kind::Products, made, &names, row, context, intake);
        }
    }
    let parent = Fields::said(&said);
    let key = first_text(row, &[&["sku"], &["id"]]);
    let family = Family {
        key: key.as_str().unwrap_or_default(),
        several: true,
        rows: &[],
    };
    let mut any = false;
    for variation in objects(row, &["variations"]) {
        any = true;
        let mut own = says(variation);
        own.retain(|(field, ..)| *field != "title");
        own.push(("title", 0, json!(variation_title(variation, row))));
        let made = product(&Fields::said(&own), Some(&parent), Some(&family), &setting);
        let names = names(&number, text(variation, &["id"]));
        take_named(Kind::Products, made, &names, variation, context, intake)?;
    }
    if !any {
        intake.ignore("products whose variations are not in the file");
    }
    Ok(())
}

fn names(product: &Option<String>, variation: Option<String>) -> [(&'static str, Value); 2] {
    [
        ("woocommerce_id", json!(product)),
        ("woocommerce_variation_id", json!(variation)),
    ]
}

/// What a product or variation says of itself.
fn says(row: &Map<String, Value>) -> Vec<Said> {
    let get = |key: &str| row.get(key).cloned().unwrap_or_default();
    let called = |key: &str, field: &str| -> Value {
        let named = objects(row, &[key]).filter_map(|one| text(one, &[field]));
        json!(named.map(|name| to_text(&name)).collect::<Vec<_>>())
    };
    let images: Vec<Value> = objects(row, &["images"])
        .chain(objects(row, &["image"]))
        .map(|image| at(image, &["src"]).clone())
        .collect();
    // The words of the exported file: a draft is -1, what is private 0.
    let shown = match text(row, &["status"]).as_deref() {
        None => Value::Null,
        Some("publish") => json!("1"),
        Some("private") => json!("0"),
        Some(_) => json!("-1"),
    };
    let rated = at(row, &["rating_count"]).as_u64().unwrap_or_default() > 0;
    let rating = |key: &str| if rated { get(key) } else { Value::Null };
    let brands = called("brands", "name");
    let brands: Vec<_> = brands.as_array().into_iter().flatten().collect();
    let brands: Vec<_> = brands
        .iter()
        .map(|name| name.as_str().map(str::to_owned))
        .collect();
    let paths: Vec<Value> = objects(row, &["categories"])
        .map(|one| first_text(one, &[&["path"], &["name"]]))
        .filter_map(|name| Some(json!(to_text(name.as_str()?))))
        .collect();
    let mut said: Vec<Said> = vec![
        ("id", 0, first_text(row, &[&["sku"], &["id"]])),
        ("title", 0, get("name")),
        ("shown", 0, shown),
        ("shown", 0, get("catalog_visibility")),
        (
            "description",
            0,
            first_text(row, &[&["description"], &["short_description"]]),
        ),
        ("availability", 0, get("stock_status")),
        ("stock", 0, get("stock_quantity")),
        ("sell_without_stock", 0, get("backorders")),
        ("price", 0, get("regular_price")),
        ("sale_price", 0, if_on_sale(row)),
        ("categories", 0, Value::Array(paths)),
        ("tags", 0, called("tags", "name")),
        ("images", 0, Value::Array(images)),
        ("url", 0, get("permalink")),
        ("brand", 0, joined(&brands, ", ")),
        ("rating", 0, rating("average_rating")),
        ("rating_count", 0, rating("rating_count")),
        ("updated_at", 0, time_of(row, "date_modified")),
    ];
    // Lists without a word are no word.
    said.retain(|(.., value)| value.as_array().is_none_or(|list| !list.is_empty()));
    for (number, attribute) in (1..).zip(objects(row, &["attributes"])) {
        said.push(("option_name", number, at(attribute, &["name"]).clone()));
        let options = at(attribute, &["options"]).as_array();
        let options: Vec<_> = options.into_iter().flatten().collect();
        let options: Vec<_> = options
            .iter()
            .map(|one| one.as_str().map(str::to_owned))
            .collect();
        let value = match text(attribute, &["option"]) {
            Some(option) => json!(option),
            None => joined(&options, ", "),
        };
        said.push(("option_value", number, value));
    }
    said
}

/// A reduced price that is not over, and has begun: the shop says which holds.
fn if_on_sale(row: &Map<String, Value>) -> Value {
    match row.get("on_sale") {
        Some(Value::Bool(false)) => Value::Null,
        _ => row.get("sale_price").cloned().unwrap_or_default(),
    }
}

/// A time that is told in UTC without saying so; else the one of the shop.
fn time_of(row: &Map<String, Value>, field: &str) -> Value {
    match text(row, &[&format!("{field}_gmt")]) {
        Some(time) if time.ends_with('Z') => json!(time),
        Some(time) => json!(format!("{time}Z")),
        None => at(row, &[field]).clone(),
    }
}

/// A variation is called as WooCommerce calls it: by its product and its
/// choices, unless these are many or have names of several words.
fn variation_title(variation: &Map<String, Value>, parent: &Map<String, Value>) -> String {
    let product = text(parent, &["name"]).unwrap_or_default();
    let attributes: Vec<_> = objects(variation, &["attributes"]).collect();
    let is_long = |attribute: &&Map<String, Value>| {
        let name = text(attribute, &["name"]).unwrap_or_default();
        name.contains([' ', '-'])
    };
    let several = attributes.len() > 1;
    if attributes.len() > 2 || (several && attributes.iter().any(is_long)) {
        return product;
    }
    let choices = attributes.iter().filter_map(|one| text(one, &["option"]));
    let choices: Vec<String> = choices.collect();
    match choices.is_empty() {
        true => product,
        false => format!("{product} - {}", choices.join(", ")),
    }
}

/// An order.
pub(super) fn order(
    row: &Map<String, Value>,
    context: &Context<'_>,
    intake: &mut Intake<'_>,
) -> Result<(), Stopped> {
    let of = |path: &[&str]| at(row, path).clone();
    let address = |part: &str| first_text(row, &[&["shipping", part], &["billing", part]]);
    let street = |side: &str| {
        let parts = ["address_1", "address_2"].map(|part| text(row, &[side, part]));
        joined(&parts, ", ")
    };
    let street = match street("shipping") {
        Value::Null => street("billing"),
        street => street,
    };
    // Guests have the number 0.
    let customer = text(row, &["customer_id"]).filter(|number| number != "0");
    let status = text(row, &["status"]).map(|status| status.replace('-', " "));
    let head: Vec<Said> = vec![
        ("id", 0, first_text(row, &[&["number"], &["id"]])),
        ("customer_id", 0, json!(customer)),
        (
            "customer_email",
            0,
            first_text(row, &[&["billing", "email"], &["billing", "phone"]]),
        ),
        ("time", 0, time_of(row, "date_created")),
        ("currency", 0, of(&["currency"])),
        ("total", 0, of(&["total"])),
        ("status", 0, json!(status)),
        ("discount", 0, of(&["discount_total"])),
        ("discount_code", 0, of(&["coupon_lines", "code"])),
        ("payment_method", 0, of(&["payment_method_title"])),
        ("address_street", 0, street),
        ("address_city", 0, address("city")),
        ("address_zip", 0, address("postcode")),
        ("address_region", 0, address("state")),
        ("address_country", 0, address("country")),
    ];
    let line = |line: &Map<String, Value>| -> Vec<Said> {
        let get = |key: &str| line.get(key).cloned().unwrap_or_default();
        let variation = text(line, &["variation_id"]).filter(|number| number != "0");
        let number = variation.or_else(|| text(line, &["product_id"]));
        let number = number.filter(|number| number != "0");
        let mut said = head.clone();
        said.extend([
            ("product_id", 0, json!(text(line, &["sku"]).or(number))),
            ("product_name", 0, get("name")),
            ("quantity", 0, get("quantity")),
            // What one of them cost before coupons.
            ("line_total", 0, get("subtotal")),
        ]);
        said
    };
    let lines: Vec<Vec<Said>> = objects(row, &["line_items"]).map(line).collect();
    let names = [
        ("woocommerce_id", json!(text(row, &["id"]))),
        ("updated_at", moment(&time_of(row, "date_modified"))),
    ];
    take_order(&lines, &names, row, context, intake)
}

/// A customer with an account.
pub(super) fn customer(
    row: &Map<String, Value>,
    context: &Context<'_>,
    intake: &mut Intake<'_>,
) -> Result<(), Stopped> {
    let of = |path: &[&str]| at(row, path).clone();
    let said: Vec<Said> = vec![
        ("id", 0, of(&["id"])),
        (
            "email",
            0,
            first_text(row, &[&["email"], &["billing", "email"]]),
        ),
        (
            "first_name",
            0,
            first_text(row, &[&["first_name"], &["billing", "first_name"]]),
        ),
        (
            "last_name",
            0,
            first_text(row, &[&["last_name"], &["billing", "last_name"]]),
        ),
        ("country", 0, of(&["billing", "country"])),
        ("created_at", 0, time_of(row, "date_created")),
    ];
    let names = [
        ("woocommerce_id", json!(text(row, &["id"]))),
        ("updated_at", moment(&time_of(row, "date_modified"))),
    ];
    take_customer(&said, &names, row, context, intake)
}
