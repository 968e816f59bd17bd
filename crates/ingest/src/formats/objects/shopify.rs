//! Shopify's Admin API: products, orders and customers as its REST interface and
//! its webhooks write them. Things are called as in the CSV files that Shopify
//! exports: a variant by its SKU, else by handle and options, an order by its
//! name, a customer by their number.

use serde_json::{Map, Value, json};
use shop::Kind;

use super::super::Context;
use super::shops::{
    Said, first_text, joined, moment, setting, take_customer, take_named, take_order,
};
use super::{at, objects, text};
use crate::assemble::products::{Family, product};
use crate::intake::{Intake, Stopped};
use crate::row::{Fields, text_of};

/// The column of the exported file that barcodes stand in.
const BARCODE: &str = "Variant Barcode";

/// A product with its variants.
pub(super) fn product_with_variants(
    row: &Map<String, Value>,
    context: &Context<'_>,
    intake: &mut Intake<'_>,
) -> Result<(), Stopped> {
    let shared = shared(row);
    let parent = Fields::said(&shared);
    let setting = setting(context);
    let handle = text(row, &["handle"]).or_else(|| text(row, &["id"]));
    let handle = handle.unwrap_or_default();
    let variants: Vec<_> = objects(row, &["variants"]).collect();
    let family = Family {
        key: &handle,
        several: variants.len() > 1,
        rows: &[],
    };
    for variant in variants {
        let said = variant_says(variant, row);
        let made = product(&Fields::said(&said), Some(&parent), Some(&family), &setting);
        let made = made.map(|mut made| {
            let attributes = made.get_mut("attributes").and_then(Value::as_object_mut);
            if let (Some(attributes), Some(code)) = (attributes, text(variant, &["barcode"])) {
                attributes.insert(BARCODE.to_owned(), json!(code));
            }
            made
        });
        let untracked = variant.get("inventory_management") == Some(&Value::Null);
        let names = [
            ("handle", json!(handle)),
            ("shopify_id", json!(text(row, &["id"]))),
            ("shopify_variant_id", json!(text(variant, &["id"]))),
            (
                "untracked",
                if untracked { json!(true) } else { Value::Null },
            ),
        ];
        take_named(Kind::Products, made, &names, row, context, intake)?;
    }
    Ok(())
}

/// What the variants of a product share.
fn shared(row: &Map<String, Value>) -> Vec<Said> {
    let get = |key: &str| row.get(key).cloned().unwrap_or_default();
    let images: Vec<Value> = objects(row, &["images"])
        .map(|image| at(image, &["src"]).clone())
        .collect();
    let unpublished = row.get("published_at").is_some_and(Value::is_null);
    let status = if unpublished {
        json!("unpublished")
    } else {
        get("status")
    };
    let mut shared: Vec<Said> = vec![
        ("title", 0, get("title")),
        ("description", 0, get("body_html")),
        ("brand", 0, get("vendor")),
        (
            "category",
            0,
            first_text(row, &[&["category", "full_name"], &["product_type"]]),
        ),
        ("tags", 0, get("tags")),
        ("images", 0, Value::Array(images)),
        ("url", 0, get("url")),
        ("shown", 0, status),
    ];
    for (number, option) in (1..).zip(objects(row, &["options"])) {
        shared.push(("option_name", number, at(option, &["name"]).clone()));
    }
    shared
}

fn variant_says(variant: &Map<String, Value>, row: &Map<String, Value>) -> Vec<Said> {
    let get = |key: &str| variant.get(key).cloned().unwrap_or_default();
    let tracked = variant
        .get("inventory_management")
        .is_none_or(|by| !by.is_null());
    let stock = if tracked {
        get("inventory_quantity")
    } else {
        json!("in stock")
    };
    let number = text(variant, &["image_id"]);
    let is_its = |image: &&Map<String, Value>| {
        number.is_some() && image.get("id").and_then(text_of) == number
    };
    let image = objects(row, &["images"]).find(is_its);
    let mut said: Vec<Said> = vec![
        ("sku", 0, get("sku")),
        ("price", 0, get("price")),
        ("list_price", 0, get("compare_at_price")),
        ("stock", 0, stock),
        ("sell_without_stock", 0, get("inventory_policy")),
        (
            "image",
            0,
            image.map_or(Value::Null, |image| at(image, &["src"]).clone()),
        ),
        (
            "updated_at",
            0,
            row.get("updated_at").cloned().unwrap_or_default(),
        ),
    ];
    for (number, option) in (1..).zip(["option1", "option2", "option3"]) {
        said.push(("option_value", number, get(option)));
    }
    said
}

/// An order. A line without a SKU is called by its name, as in the export.
pub(super) fn order(
    row: &Map<String, Value>,
    context: &Context<'_>,
    intake: &mut Intake<'_>,
) -> Result<(), Stopped> {
    let of = |path: &[&str]| at(row, path).clone();
    let address = |part: &str| text(row, &["shipping_address", part]);
    let names = at(row, &["payment_gateway_names"]).as_array();
    let names: Vec<_> = names.into_iter().flatten().map(text_of).collect();
    let head: Vec<Said> = vec![
        ("id", 0, first_text(row, &[&["name"], &["id"]])),
        ("customer_id", 0, of(&["customer", "id"])),
        (
            "customer_email",
            0,
            first_text(row, &[&["email"], &["phone"]]),
        ),
        ("time", 0, of(&["created_at"])),
        ("currency", 0, of(&["currency"])),
        ("total", 0, of(&["total_price"])),
        ("status", 0, of(&["financial_status"])),
        ("cancelled", 0, of(&["cancelled_at"])),
        ("discount", 0, of(&["total_discounts"])),
        ("discount_code", 0, of(&["discount_codes", "code"])),
        ("payment_method", 0, joined(&names, " + ")),
        ("address_name", 0, json!(address("name"))),
        (
            "address_street",
            0,
            joined(&[address("address1"), address("address2")], ", "),
        ),
        ("address_city", 0, json!(address("city"))),
        ("address_zip", 0, json!(address("zip"))),
        (
            "address_region",
            0,
            json!(address("province_code").or_else(|| address("province"))),
        ),
        ("address_country", 0, json!(address("country_code"))),
    ];
    let line = |line: &Map<String, Value>| -> Vec<Said> {
        let get = |key: &str| line.get(key).cloned().unwrap_or_default();
        let called = first_text(line, &[&["name"], &["title"]]);
        let product = match text(line, &["sku"]) {
            Some(sku) => json!(sku),
            None => called.clone(),
        };
        let mut said = head.clone();
        said.extend([
            ("product_id", 0, product),
            ("product_name", 0, called),
            ("quantity", 0, get("quantity")),
            ("price", 0, get("price")),
        ]);
        said
    };
    let lines: Vec<Vec<Said>> = objects(row, &["line_items"]).map(line).collect();
    let names = [
        ("shopify_id", json!(text(row, &["id"]))),
        ("updated_at", moment(&of(&["updated_at"]))),
    ];
    take_order(&lines, &names, row, context, intake)
}

/// A customer.
pub(super) fn customer(
    row: &Map<String, Value>,
    context: &Context<'_>,
    intake: &mut Intake<'_>,
) -> Result<(), Stopped> {
    let of = |path: &[&str]| at(row, path).clone();
    let marketing = match text(row, &["email_marketing_consent", "state"]) {
        Some(state) => json!(state.eq_ignore_ascii_case("subscribed")),
        None => of(&["accepts_marketing"]),
    };
    let said: Vec<Said> = vec![
        ("id", 0, of(&["id"])),
        ("email", 0, of(&["email"])),
        ("first_name", 0, of(&["first_name"])),
        ("last_name", 0, of(&["last_name"])),
        ("marketing", 0, marketing),
        ("country", 0, of(&["default_address", "country_code"])),
        ("created_at", 0, of(&["created_at"])),
    ];
    let names = [
        ("shopify_id", json!(text(row, &["id"]))),
        ("updated_at", moment(&of(&["updated_at"]))),
    ];
    take_customer(&said, &names, row, context, intake)
}
