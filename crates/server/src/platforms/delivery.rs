//! An object of a platform, with the records that it stands for.

use ingest::{ImportOptions, ObjectFormat, Rejected, records_of};
use serde_json::{Map, Value, json};
use shop::{Id, Kind, Product, Record, Timestamp};
use store::Snapshot;

use super::standing::{number_of, text_of};
use super::{Known, Platform};

/// What came of one product, order or customer.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// What it is.
    pub kind: Kind,
    /// The platform's number of it.
    pub number: String,
    /// When the platform last changed it; nothing where what came is the state
    /// of this moment.
    pub updated_at: Option<Timestamp>,
    /// What is to stand.
    pub records: Vec<Record>,
    /// What of it is refused, and why.
    pub rejected: Vec<Rejected>,
    /// The numbers of variants that are there though they did not come.
    pub elsewhere: Vec<String>,
}

impl Delivery {
    /// Reads an object; nothing where it has no number.
    pub fn read(
        platform: Platform,
        format: ObjectFormat,
        mut object: Map<String, Value>,
        known: Option<&Known>,
        snapshot: &Snapshot,
        options: &ImportOptions,
    ) -> Option<Self> {
        let number = text_of(object.get("id")?)?;
        match format {
            ObjectFormat::ShopifyProduct => complete_product(&mut object, &number, known, snapshot),
            ObjectFormat::ShopifyOrder => name_lines(&mut object, snapshot),
            ObjectFormat::WooCommerceProduct => name_categories(&mut object, known),
            _ => {}
        }
        let (records, rejected) = records_of(format, &object, options);
        Some(Self {
            kind: format.kind(),
            updated_at: updated_at(platform, &object),
            elsewhere: elsewhere(&object),
            number,
            records,
            rejected,
        })
    }
}

/// When the platform last changed an object.
fn updated_at(platform: Platform, object: &Map<String, Value>) -> Option<Timestamp> {
    let text = |field: &str| object.get(field).and_then(Value::as_str);
    match platform {
        Platform::Shopify => text("updated_at")?.parse().ok(),
        // Without a zone it is read as UTC, which it is.
        Platform::WooCommerce => text("date_modified_gmt")?.parse().ok(),
    }
}

/// Of a product with very many variants Shopify sends some and names all.
fn elsewhere(object: &Map<String, Value>) -> Vec<String> {
    let all = object.get("variant_gids").and_then(Value::as_array);
    let number = |one: &Value| {
        let name = one.get("admin_graphql_api_id")?.as_str()?;
        Some(name.rsplit('/').next()?.to_owned())
    };
    all.into_iter().flatten().filter_map(number).collect()
}

/// Adds what Shopify's webhooks leave out: the address of the page, and which
/// variants are not counted, as a back-fill was told.
fn complete_product(
    object: &mut Map<String, Value>,
    number: &str,
    known: Option<&Known>,
    snapshot: &Snapshot,
) {
    let shop = known.and_then(|known| known.url.as_deref());
    if let (Some(shop), Some(handle)) = (shop, object.get("handle").and_then(Value::as_str)) {
        let url = format!("{}/products/{handle}", shop.trim_end_matches('/'));
        object.insert("url".to_owned(), json!(url));
    }
    let variants = object.get_mut("variants").and_then(Value::as_array_mut);
    let says = |variant: &Value| variant.get("inventory_management").is_some();
    let Some(variants) = variants.filter(|list| !list.iter().all(says)) else {
        return;
    };
    let is_untracked = |product: &&std::sync::Arc<Product>| {
        product.properties.get("untracked") == Some(&json!(true))
            && number_of(Platform::Shopify, &product.properties).as_deref() == Some(number)
    };
    let standing = snapshot.catalogue.kept().filter(is_untracked);
    let property = Platform::Shopify.variant_property();
    let untracked: Vec<String> = standing
        .filter_map(|product| text_of(product.properties.get(property)?))
        .collect();
    for variant in variants {
        let id = variant.get("id").and_then(text_of);
        if let Some(variant) = variant.as_object_mut()
            && id.is_some_and(|id| untracked.contains(&id))
        {
            variant.entry("inventory_management").or_insert(Value::Null);
        }
    }
}

/// A line without a SKU is of the product that has its variant's number.
fn name_lines(object: &mut Map<String, Value>, snapshot: &Snapshot) {
    let lines = object.get_mut("line_items").and_then(Value::as_array_mut);
    let lines = lines.into_iter().flatten().filter_map(Value::as_object_mut);
    for line in lines {
        if line.get("sku").and_then(text_of).is_some() {
            continue;
        }
        let Some(variant) = line.get("variant_id").and_then(text_of) else {
            continue;
        };
        if let Some(product) = product_of_variant(snapshot, &variant) {
            line.insert("sku".to_owned(), json!(product));
        }
    }
}

fn product_of_variant(snapshot: &Snapshot, variant: &str) -> Option<Id> {
    let property = Platform::Shopify.variant_property();
    let is_it = |product: &&std::sync::Arc<Product>| {
        product.properties.get(property).and_then(Value::as_str) == Some(variant)
    };
    let found = snapshot.catalogue.kept().find(is_it);
    found.map(|product| product.id.clone())
}

/// Gives categories the path that stands in an exported file.
fn name_categories(object: &mut Map<String, Value>, known: Option<&Known>) {
    let Some(known) = known else {
        return;
    };
    let categories = object.get_mut("categories").and_then(Value::as_array_mut);
    for category in categories.into_iter().flatten() {
        let path = category.get("id").and_then(text_of);
        let path = path.and_then(|id| known.categories.get(&id));
        if let (Some(path), Some(category)) = (path, category.as_object_mut()) {
            category.insert("path".to_owned(), json!(path));
        }
    }
}
