//! Shops: the Shopify Admin API, and what pages say of their products.

use serde_json::{Map, Value, json};
use shop::{Kind, RecordError};

use super::super::Context;
use super::{at, objects, text};
use crate::assemble::products::{Family, product};
use crate::assemble::{Outcome, Setting, assemble};
use crate::dates::Clock;
use crate::intake::{Intake, Stopped};
use crate::row::{Fields, text_of};

type Said = (&'static str, u16, Value);

fn setting(context: &Context<'_>) -> Setting {
    Setting {
        prices: context.prices,
        clock: Clock::default(),
        known: Default::default(),
        grouped: false,
    }
}

/// A product of the Shopify Admin API with its variants.
pub(super) fn shopify_product(
    row: &Map<String, Value>,
    context: &Context<'_>,
    intake: &mut Intake<'_>,
) -> Result<(), Stopped> {
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
        ("category", 0, get("product_type")),
        ("tags", 0, get("tags")),
        ("images", 0, Value::Array(images)),
        ("shown", 0, status),
    ];
    for (number, option) in (1..).zip(objects(row, &["options"])) {
        shared.push(("option_name", number, at(option, &["name"]).clone()));
    }
    let parent = Fields::said(&shared);
    let setting = setting(context);
    let handle = text(row, &["handle"])
        .or_else(|| text(row, &["id"]))
        .unwrap_or_default();
    let variants: Vec<_> = objects(row, &["variants"]).collect();
    let family = Family {
        key: &handle,
        several: variants.len() > 1,
        rows: &[],
    };
    for variant in variants {
        let said = shopify_variant(variant, row);
        let made = product(&Fields::said(&said), Some(&parent), Some(&family), &setting);
        context.take(Kind::Products, made, row, intake)?;
    }
    Ok(())
}

fn shopify_variant(variant: &Map<String, Value>, row: &Map<String, Value>) -> Vec<Said> {
    let get = |key: &str| variant.get(key).cloned().unwrap_or_default();
    let tracked = variant
        .get("inventory_management")
        .is_none_or(|by| !by.is_null());
    let mut said: Vec<Said> = vec![
        (
            "sku",
            0,
            text(variant, &["sku"]).map_or_else(|| get("id"), Value::from),
        ),
        ("price", 0, get("price")),
        ("list_price", 0, get("compare_at_price")),
        (
            "stock",
            0,
            if tracked {
                get("inventory_quantity")
            } else {
                json!("in stock")
            },
        ),
        ("sell_without_stock", 0, get("inventory_policy")),
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

/// An order of the Shopify Admin API.
pub(super) fn shopify_order(
    row: &Map<String, Value>,
    context: &Context<'_>,
    intake: &mut Intake<'_>,
) -> Result<(), Stopped> {
    let said = |line: &Map<String, Value>| -> Vec<Said> {
        let get = |key: &str| line.get(key).cloned().unwrap_or_default();
        let of = |path: &[&str]| at(row, path).clone();
        let number = text(row, &["name"]).map_or_else(|| of(&["id"]), Value::from);
        vec![
            ("id", 0, number),
            ("customer_id", 0, of(&["customer", "id"])),
            ("customer_email", 0, of(&["email"])),
            ("time", 0, of(&["created_at"])),
            ("currency", 0, of(&["currency"])),
            ("total", 0, of(&["total_price"])),
            ("status", 0, of(&["financial_status"])),
            ("cancelled", 0, of(&["cancelled_at"])),
            ("discount", 0, of(&["total_discounts"])),
            ("discount_code", 0, of(&["discount_codes", "code"])),
            ("payment_method", 0, of(&["payment_gateway_names"])),
            ("address_street", 0, of(&["shipping_address", "address1"])),
            ("address_city", 0, of(&["shipping_address", "city"])),
            ("address_zip", 0, of(&["shipping_address", "zip"])),
            (
                "address_country",
                0,
                of(&["shipping_address", "country_code"]),
            ),
            (
                "product_id",
                0,
                text(line, &["sku"]).map_or_else(|| get("variant_id"), Value::from),
            ),
            ("product_name", 0, get("title")),
            ("quantity", 0, get("quantity")),
            ("price", 0, get("price")),
        ]
    };
    let said: Vec<Vec<Said>> = objects(row, &["line_items"]).map(said).collect();
    let lines: Vec<Fields<'_>> = said.iter().map(|said| Fields::said(said)).collect();
    if lines.is_empty() {
        let none = Err(RecordError::new("line_items", "empty: an order has lines"));
        return context.take(Kind::Orders, none, row, intake);
    }
    for (_, outcome) in assemble(Kind::Orders, &lines, &setting(context)) {
        let made = match outcome {
            Outcome::Record(order) => Ok(order),
            Outcome::Rejected(error) => Err(error),
            Outcome::Ignored(_) => continue,
        };
        context.take(Kind::Orders, made, row, intake)?;
    }
    Ok(())
}

/// An object of schema.org's vocabulary: a product, or a group of variants.
pub(super) fn schema_org(
    row: &Map<String, Value>,
    context: &Context<'_>,
    intake: &mut Intake<'_>,
) -> Result<(), Stopped> {
    let of_type = |row: &Map<String, Value>| {
        let value = at(row, &["@type"]);
        let first = value
            .as_array()
            .and_then(|list| list.first())
            .unwrap_or(value);
        let name = text_of(first).unwrap_or_default();
        name.rsplit(['/', ':'])
            .next()
            .unwrap_or_default()
            .to_owned()
    };
    match of_type(row).as_str() {
        "Product" | "IndividualProduct" | "SomeProducts" | "ProductModel" => {
            let made = thing(row, None, None, context);
            context.take(Kind::Products, made, row, intake)
        }
        "ProductGroup" => {
            let group = text(row, &["productGroupID"]).or_else(|| text(row, &["@id"]));
            let group = group.or_else(|| text(row, &["name"])).unwrap_or_default();
            for variant in objects(row, &["hasVariant"]) {
                let made = thing(variant, Some(row), Some(&group), context);
                context.take(Kind::Products, made, variant, intake)?;
            }
            Ok(())
        }
        other => {
            intake.ignore(other);
            Ok(())
        }
    }
}

fn thing(
    row: &Map<String, Value>,
    parent: Option<&Map<String, Value>>,
    group: Option<&str>,
    context: &Context<'_>,
) -> Result<Map<String, Value>, RecordError> {
    let said = thing_says(row);
    let shared = parent.map(thing_says).unwrap_or_default();
    let family = group.map(|key| Family {
        key,
        several: true,
        rows: &[],
    });
    let parent = Fields::said(&shared);
    product(
        &Fields::said(&said),
        Some(&parent),
        family.as_ref(),
        &setting(context),
    )
}

fn thing_says(row: &Map<String, Value>) -> Vec<Said> {
    let named = |key: &str| {
        let value = at(row, &[key]);
        value.get("name").unwrap_or(value).clone()
    };
    let first = |keys: &[&str]| {
        let mut values = keys.iter().map(|key| at(row, &[key]));
        values
            .find(|value| text_of(value).is_some())
            .cloned()
            .unwrap_or_default()
    };
    let offer = |keys: &[&str]| {
        let mut values = keys.iter().map(|key| at(row, &["offers", key]));
        values
            .find(|value| !value.is_null())
            .cloned()
            .unwrap_or_default()
    };
    let image = match at(row, &["image"]) {
        Value::Object(image) => at(image, &["url"]).clone(),
        image => image.clone(),
    };
    let mut said: Vec<Said> = vec![
        (
            "sku",
            0,
            first(&["sku", "productID", "mpn", "gtin13", "gtin", "@id", "url"]),
        ),
        ("title", 0, first(&["name"])),
        ("description", 0, first(&["description"])),
        ("brand", 0, named("brand")),
        ("category", 0, first(&["category"])),
        ("url", 0, first(&["url"])),
        ("images", 0, image),
        ("price", 0, offer(&["price", "lowPrice"])),
        ("currency", 0, offer(&["priceCurrency"])),
        ("availability", 0, offer(&["availability"])),
        (
            "rating",
            0,
            at(row, &["aggregateRating", "ratingValue"]).clone(),
        ),
        (
            "rating_count",
            0,
            at(row, &["aggregateRating", "reviewCount"]).clone(),
        ),
    ];
    for (number, name) in (1..).zip(["color", "size", "material", "pattern"]) {
        if let Some(value) = text(row, &[name]) {
            said.push(("option_name", number, json!(name)));
            said.push(("option_value", number, json!(value)));
        }
    }
    said
}
