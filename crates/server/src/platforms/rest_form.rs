//! Shopify's GraphQL answers in the form of its REST interface, which webhooks
//! and downloaded files have.

use serde_json::{Map, Value, json};

use super::standing::text_of;

/// The things of a connection, however it lists them.
pub(super) fn nodes(connection: &Value) -> Vec<Value> {
    if let Some(nodes) = connection.get("nodes").and_then(Value::as_array) {
        return nodes.clone();
    }
    let edges = connection.get("edges").and_then(Value::as_array);
    let edges = edges.into_iter().flatten();
    edges.map(|edge| edge["node"].clone()).collect()
}

/// Where the next page of a connection begins; nothing where it does not say.
pub(super) fn next(connection: &Value) -> Option<Option<String>> {
    let info = connection.get("pageInfo")?;
    let more = info.get("hasNextPage")?.as_bool()?;
    let cursor = info.get("endCursor").and_then(Value::as_str);
    Some(cursor.filter(|_| more).map(str::to_owned))
}

/// The number at the end of `gid://shopify/Product/788032119674292922`.
fn number(node: &Value) -> Value {
    let number = node.get("legacyResourceId").and_then(text_of);
    let gid = || Some(node.get("id")?.as_str()?.rsplit('/').next()?.to_owned());
    json!(number.or_else(gid))
}

fn lower(value: &Value) -> Value {
    json!(value.as_str().map(str::to_lowercase))
}

fn shop_money(value: &Value) -> Value {
    value["shopMoney"]["amount"].clone()
}

/// A product as the REST interface writes it.
pub(super) fn product(node: &Value) -> Map<String, Value> {
    let address = |media: &Value| {
        let places = [&media["image"]["url"], &media["url"], &media["src"]];
        places.into_iter().find_map(text_of)
    };
    let mut pictures: Vec<String> = Vec::new();
    for media in nodes(&node["media"]).iter().chain(&nodes(&node["images"])) {
        pictures.extend(address(media));
    }
    let mut options = node["options"].as_array().cloned().unwrap_or_default();
    options.sort_by_key(|option| option["position"].as_u64());
    let names: Vec<&Value> = options.iter().map(|option| &option["name"]).collect();
    let mut variants = Vec::new();
    for variant in nodes(&node["variants"]) {
        let picture = text_of(&variant["image"]["url"]);
        if let Some(picture) = picture.clone().filter(|one| !pictures.contains(one)) {
            pictures.push(picture);
        }
        let mut made = json!({
            "id": number(&variant),
            "sku": variant["sku"],
            "barcode": variant["barcode"],
            "price": variant["price"],
            "compare_at_price": variant["compareAtPrice"],
            "inventory_policy": lower(&variant["inventoryPolicy"]),
            "inventory_quantity": variant["inventoryQuantity"],
            "inventory_management": match variant["inventoryItem"]["tracked"] {
                Value::Bool(false) => Value::Null,
                _ => json!("shopify"),
            },
            "image_id": picture,
        });
        let chosen = variant["selectedOptions"].as_array();
        for choice in chosen.into_iter().flatten() {
            let place = names.iter().position(|name| **name == choice["name"]);
            if let Some(place) = place.filter(|place| *place < 3) {
                made[format!("option{}", place + 1)] = choice["value"].clone();
            }
        }
        variants.push(made);
    }
    let pictures = pictures.iter().map(|one| json!({"id": one, "src": one}));
    let mut made = Map::from_iter([
        ("id".to_owned(), number(node)),
        ("title".to_owned(), node["title"].clone()),
        ("handle".to_owned(), node["handle"].clone()),
        ("body_html".to_owned(), node["descriptionHtml"].clone()),
        ("vendor".to_owned(), node["vendor"].clone()),
        ("product_type".to_owned(), node["productType"].clone()),
        (
            "category".to_owned(),
            json!({"full_name": node["category"]["fullName"]}),
        ),
        ("tags".to_owned(), node["tags"].clone()),
        ("status".to_owned(), lower(&node["status"])),
        ("updated_at".to_owned(), node["updatedAt"].clone()),
        ("options".to_owned(), json!(options)),
        ("images".to_owned(), json!(pictures.collect::<Vec<_>>())),
        ("variants".to_owned(), json!(variants)),
    ]);
    if let Some(published) = node.get("publishedAt") {
        made.insert("published_at".to_owned(), published.clone());
    }
    made
}

/// An order as the REST interface writes it.
pub(super) fn order(node: &Value) -> Map<String, Value> {
    let codes = node["discountCodes"].as_array();
    let codes = codes
        .into_iter()
        .flatten()
        .map(|code| json!({"code": code}));
    let line = |line: &Value| {
        json!({
            "sku": line["sku"],
            "name": line["name"],
            "title": line["title"],
            "quantity": line["quantity"],
            "variant_id": number(&line["variant"]),
            "price": shop_money(&line["originalUnitPriceSet"]),
        })
    };
    let lines: Vec<Value> = nodes(&node["lineItems"]).iter().map(line).collect();
    let address = &node["shippingAddress"];
    Map::from_iter([
        ("id".to_owned(), number(node)),
        ("name".to_owned(), node["name"].clone()),
        ("email".to_owned(), node["email"].clone()),
        ("phone".to_owned(), node["phone"].clone()),
        ("created_at".to_owned(), node["createdAt"].clone()),
        ("updated_at".to_owned(), node["updatedAt"].clone()),
        ("cancelled_at".to_owned(), node["cancelledAt"].clone()),
        ("currency".to_owned(), node["currencyCode"].clone()),
        (
            "financial_status".to_owned(),
            lower(&node["displayFinancialStatus"]),
        ),
        ("total_price".to_owned(), shop_money(&node["totalPriceSet"])),
        (
            "total_discounts".to_owned(),
            shop_money(&node["totalDiscountsSet"]),
        ),
        (
            "discount_codes".to_owned(),
            json!(codes.collect::<Vec<_>>()),
        ),
        (
            "payment_gateway_names".to_owned(),
            node["paymentGatewayNames"].clone(),
        ),
        (
            "customer".to_owned(),
            json!({"id": number(&node["customer"])}),
        ),
        (
            "shipping_address".to_owned(),
            json!({
                "name": address["name"],
                "address1": address["address1"],
                "address2": address["address2"],
                "city": address["city"],
                "zip": address["zip"],
                "province_code": address["provinceCode"],
                "country_code": address["countryCodeV2"],
            }),
        ),
        ("line_items".to_owned(), json!(lines)),
    ])
}

/// A customer as the REST interface writes it.
pub(super) fn customer(node: &Value) -> Map<String, Value> {
    let email = &node["defaultEmailAddress"];
    let state = match &email["marketingState"] {
        Value::Null => &node["emailMarketingConsent"]["marketingState"],
        state => state,
    };
    let address = text_of(&email["emailAddress"]).or_else(|| text_of(&node["email"]));
    Map::from_iter([
        ("id".to_owned(), number(node)),
        ("email".to_owned(), json!(address)),
        ("first_name".to_owned(), node["firstName"].clone()),
        ("last_name".to_owned(), node["lastName"].clone()),
        ("created_at".to_owned(), node["createdAt"].clone()),
        ("updated_at".to_owned(), node["updatedAt"].clone()),
        (
            "email_marketing_consent".to_owned(),
            json!({"state": lower(state)}),
        ),
        (
            "default_address".to_owned(),
            json!({"country_code": node["defaultAddress"]["countryCodeV2"]}),
        ),
    ])
}
