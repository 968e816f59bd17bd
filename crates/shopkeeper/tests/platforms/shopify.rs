//! Shopify: cursors, costs, refusals; webhooks out of order.

use serde_json::{Value, json};

use crate::local_server::{Asked, LocalServer, Reply, Trouble};
use crate::program::{Shop, text};
use crate::records::{assert_same, standing};
use crate::signature::{SECRET, deliver, sign};

const PRODUCTS: &str = "Handle,Title,Body (HTML),Vendor,Product Category,Type,Tags,Published,Option1 Name,Option1 Value,Option2 Name,Option2 Value,Variant SKU,Variant Inventory Tracker,Variant Inventory Qty,Variant Inventory Policy,Variant Price,Variant Compare At Price,Variant Barcode,Image Src,Image Position,Variant Image,Status\n\
linen-shirt,Linen Shirt,<p>Light &amp; cool.</p>,Example Wear,Apparel > Shirts,Shirts,\"linen, summer\",true,Size,S,Color,White,LIN-S,shopify,7,deny,39.90,49.90,'0012345678905,https://cdn.example/1.jpg,1,,active\n\
linen-shirt,,,,,,,,,M,,White,LIN-M,shopify,0,deny,39.90,,,https://cdn.example/2.jpg,2,https://cdn.example/2.jpg,\n\
linen-shirt,,,,,,,,,M,,Navy,LIN-N,shopify,0,continue,42.00,,,,,,\n\
gift-wrap,Gift Wrap,,Example Wear,,Extras,,true,Paper,Red,,,,,0,deny,9.70,,,,,,active\n\
gift-wrap,,,,,,,,,Blue,,,,,0,deny,9.70,,,,,,\n\
mug,Clay Mug,Clay.,Example Kiln,,Mugs,,true,Title,Default Title,,,MUG-1,shopify,3,deny,12.50,,,,,,active\n\
lamp,Draft Lamp,,Example Kiln,,Lamps,,false,Title,Default Title,,,LAMP-D,shopify,1,deny,99.00,,,,,,draft\n\
vase,Vase,,Example Kiln,,Vases,,true,Title,Default Title,,,VASE,shopify,1,deny,5.00,,,,,,active\n";

const ORDERS: &str = "Name,Email,Financial Status,Currency,Total,Discount Code,Discount Amount,Created at,Lineitem quantity,Lineitem name,Lineitem price,Lineitem sku,Shipping Name,Shipping Street,Shipping City,Shipping Zip,Shipping Province,Shipping Country,Cancelled at,Payment Method\n\
#1001,anna@example.com,paid,USD,104.14,WELCOME10,10.20,2026-10-01 09:59:00 -0400,2,Linen Shirt - S / White,39.90,LIN-S,Anna Example,\"1 Example St, Apt 2\",Boston,'02101,MA,US,,shopify_payments + gift_card\n\
#1001,anna@example.com,,,,,,2026-10-01 09:59:00 -0400,1,Clay Mug,12.50,MUG-1,,,,,,,,\n\
#1002,bob@example.com,partially_refunded,USD,42.00,,0.00,2026-10-03 23:30:00 -0400,1,Linen Shirt - M / Navy,42.00,LIN-N,,,,,,,,paypal\n\
#1003,GUEST@example.com,voided,USD,12.50,,0.00,2026-11-05 08:00:00 -0500,1,Clay Mug,12.50,MUG-1,,,,,,,2026-11-05 09:00:00 -0500,\n";

const CUSTOMERS: &str = "Customer ID,First Name,Last Name,Email,Accepts Email Marketing,Default Address Country Code,Total Spent,Tax Exempt\n\
'71,Anna,Example,anna@example.com,yes,US,1,no\n'72,Bob,,bob@example.com,no,,1,no\n'73,Chen,Example,chen@example.com,yes,,0,no\n";

fn variant(id: u64, sku: &str, choices: &[(&str, &str)], price: &str, stock: i64) -> Value {
    let choices: Vec<Value> = choices
        .iter()
        .map(|(name, value)| json!({"name": name, "value": value}))
        .collect();
    json!({
        "legacyResourceId": id.to_string(), "sku": sku, "barcode": null, "price": price,
        "compareAtPrice": null, "inventoryPolicy": "DENY", "inventoryQuantity": stock,
        "inventoryItem": {"tracked": true}, "selectedOptions": choices, "image": null,
    })
}

fn connection(nodes: Vec<Value>) -> Value {
    json!({"nodes": nodes, "pageInfo": {"hasNextPage": false, "endCursor": null}})
}

fn product(
    id: u64,
    handle: &str,
    title: &str,
    vendor: &str,
    kind: &str,
    options: &[&str],
    variants: Vec<Value>,
) -> Value {
    let options: Vec<Value> = (1..)
        .zip(options)
        .map(|(place, name)| json!({"name": name, "position": place}))
        .collect();
    json!({
        "id": format!("gid://shopify/Product/{id}"), "legacyResourceId": id.to_string(), "title": title,
        "handle": handle, "descriptionHtml": "", "vendor": vendor, "productType": kind, "category": null,
        "tags": [], "status": "ACTIVE", "publishedAt": "2026-01-01T00:00:00Z", "updatedAt": "2026-09-01T10:00:00Z",
        "options": options, "media": {"nodes": []}, "variants": connection(variants),
    })
}

fn products() -> Vec<Value> {
    let size = |size, color| [("Size", size), ("Color", color)];
    let mut small = variant(11, "LIN-S", &size("S", "White"), "39.90", 7);
    small["barcode"] = json!("0012345678905");
    small["compareAtPrice"] = json!("49.90");
    let mut middle = variant(12, "LIN-M", &size("M", "White"), "39.90", 0);
    middle["image"] = json!({"url": "https://cdn.example/2.jpg"});
    let mut navy = variant(13, "LIN-N", &size("M", "Navy"), "42.00", 0);
    navy["inventoryPolicy"] = json!("CONTINUE");
    let mut shirt = product(
        1,
        "linen-shirt",
        "Linen Shirt",
        "Example Wear",
        "Shirts",
        &["Size", "Color"],
        vec![small, middle],
    );
    shirt["descriptionHtml"] = json!("<p>Light &amp; cool.</p>");
    shirt["category"] = json!({"fullName": "Apparel > Shirts"});
    shirt["tags"] = json!(["linen", "summer"]);
    let picture =
        |place: u32| json!({"image": {"url": format!("https://cdn.example/{place}.jpg")}});
    shirt["media"] = json!({"nodes": [picture(1), picture(2)]});
    // The third variant has to be asked for.
    shirt["variants"]["pageInfo"] = json!({"hasNextPage": true, "endCursor": "v2"});
    shirt["more"] = connection(vec![navy]);
    let mut wraps = vec![
        variant(21, "", &[("Paper", "Red")], "9.70", 0),
        variant(22, "", &[("Paper", "Blue")], "9.70", 0),
    ];
    for wrap in &mut wraps {
        wrap["inventoryItem"]["tracked"] = json!(false);
    }
    let alone = |id, sku, price, stock| {
        vec![variant(
            id,
            sku,
            &[("Title", "Default Title")],
            price,
            stock,
        )]
    };
    let mut mug = product(
        3,
        "mug",
        "Clay Mug",
        "Example Kiln",
        "Mugs",
        &["Title"],
        alone(31, "MUG-1", "12.50", 3),
    );
    mug["descriptionHtml"] = json!("Clay.");
    let mut lamp = product(
        4,
        "lamp",
        "Draft Lamp",
        "Example Kiln",
        "Lamps",
        &["Title"],
        alone(41, "LAMP-D", "99.00", 1),
    );
    lamp["status"] = json!("DRAFT");
    lamp["publishedAt"] = Value::Null;
    vec![
        shirt,
        product(
            2,
            "gift-wrap",
            "Gift Wrap",
            "Example Wear",
            "Extras",
            &["Paper"],
            wraps,
        ),
        mug,
        lamp,
        product(
            5,
            "vase",
            "Vase",
            "Example Kiln",
            "Vases",
            &["Title"],
            alone(51, "VASE", "5.00", 1),
        ),
    ]
}

fn order(
    id: u64,
    name: &str,
    (email, customer): (&str, Value),
    status: &str,
    total: &str,
    created: &str,
    lines: &[(&str, &str, u64, &str)],
) -> Value {
    let lines = lines.iter().map(|(sku, name, quantity, price)| {
        json!({"sku": sku, "name": name, "title": name, "quantity": quantity, "variant": null,
            "originalUnitPriceSet": {"shopMoney": {"amount": price}}})
    });
    json!({
        "id": format!("gid://shopify/Order/{id}"), "legacyResourceId": id.to_string(), "name": name, "email": email,
        "phone": null, "createdAt": created, "updatedAt": "2026-11-06T00:00:00Z", "cancelledAt": null,
        "currencyCode": "USD", "displayFinancialStatus": status, "totalPriceSet": {"shopMoney": {"amount": total}},
        "totalDiscountsSet": {"shopMoney": {"amount": "0.0"}}, "discountCodes": [], "paymentGatewayNames": [],
        "customer": customer, "shippingAddress": null, "lineItems": connection(lines.collect()),
    })
}

fn orders() -> Vec<Value> {
    let of = |number: u64| json!({"legacyResourceId": number.to_string()});
    let mut first = order(
        5001,
        "#1001",
        ("anna@example.com", of(71)),
        "PAID",
        "104.14",
        "2026-10-01T13:59:00Z",
        &[
            ("LIN-S", "Linen Shirt - S / White", 2, "39.90"),
            ("MUG-1", "Clay Mug", 1, "12.50"),
        ],
    );
    first["totalDiscountsSet"] = json!({"shopMoney": {"amount": "10.20"}});
    first["discountCodes"] = json!(["WELCOME10"]);
    first["paymentGatewayNames"] = json!(["shopify_payments", "gift_card"]);
    first["shippingAddress"] = json!({"name": "Anna Example", "address1": "1 Example St", "address2": "Apt 2",
        "city": "Boston", "zip": "02101", "provinceCode": "MA", "countryCodeV2": "US"});
    let mut second = order(
        5002,
        "#1002",
        ("bob@example.com", of(72)),
        "PARTIALLY_REFUNDED",
        "42.00",
        "2026-10-04T03:30:00Z",
        &[("LIN-N", "Linen Shirt - M / Navy", 1, "42.00")],
    );
    second["paymentGatewayNames"] = json!(["paypal"]);
    let mut third = order(
        5003,
        "#1003",
        ("GUEST@example.com", Value::Null),
        "VOIDED",
        "12.50",
        "2026-11-05T13:00:00Z",
        &[("MUG-1", "Clay Mug", 1, "12.50")],
    );
    third["cancelledAt"] = json!("2026-11-05T14:00:00Z");
    vec![first, second, third]
}

fn customers() -> Vec<Value> {
    let customer = |id: u64, first: &str, last: Value, email: &str, state: &str, country: Value| {
        json!({"id": format!("gid://shopify/Customer/{id}"), "legacyResourceId": id.to_string(), "firstName": first,
            "lastName": last, "createdAt": "2026-01-02T00:00:00Z", "updatedAt": "2026-09-01T10:00:00Z",
            "defaultEmailAddress": {"emailAddress": email, "marketingState": state}, "defaultAddress": country})
    };
    vec![
        customer(
            71,
            "Anna",
            json!("Example"),
            "anna@example.com",
            "SUBSCRIBED",
            json!({"countryCodeV2": "US"}),
        ),
        customer(
            72,
            "Bob",
            Value::Null,
            "bob@example.com",
            "UNSUBSCRIBED",
            Value::Null,
        ),
        customer(
            73,
            "Chen",
            json!("Example"),
            "chen@example.com",
            "SUBSCRIBED",
            Value::Null,
        ),
    ]
}

/// Two things a page, whatever was asked for.
fn answer(asked: &Asked) -> Reply {
    if asked.header("x-shopify-access-token") != "shpat_right" {
        return Reply::status(
            401,
            "{\"errors\":\"[API] Invalid API key or access token\"}",
        );
    }
    assert_eq!(
        (asked.method.as_str(), asked.path.as_str()),
        ("POST", "/admin/api/2026-01/graphql.json")
    );
    let body: Value = serde_json::from_str(&asked.body).unwrap();
    let (query, cursor) = (
        body["query"].as_str().unwrap(),
        body["variables"]["cursor"].as_str(),
    );
    let cost = json!({"cost": {"requestedQueryCost": 90, "actualQueryCost": 20, "throttleStatus":
        {"maximumAvailable": 2000.0, "currentlyAvailable": 1900, "restoreRate": 100.0}}});
    if query.contains("shop {") {
        let shop = json!({"currencyCode": "USD", "primaryDomain": {"url": "https://shop.example"}});
        return Reply::ok(json!({"data": {"shop": shop}, "extensions": cost}));
    }
    if query.contains("product(id") {
        assert_eq!(
            (body["variables"]["id"].as_str(), cursor),
            (Some("gid://shopify/Product/1"), Some("v2"))
        );
        return Reply::ok(json!({"data": {"product": {"variants": products()[0]["more"]}}}));
    }
    let (field, all) = match query {
        _ if query.contains("products(") => ("products", products()),
        _ if query.contains("orders(") => ("orders", orders()),
        _ => ("customers", customers()),
    };
    let from: usize = cursor.map_or(0, |cursor| {
        cursor.strip_prefix("after-").unwrap().parse().unwrap()
    });
    let until = all.len().min(from + 2);
    let page = json!({"nodes": all[from..until], "pageInfo":
        {"hasNextPage": until < all.len(), "endCursor": format!("after-{until}")}});
    Reply::ok(json!({"data": {field: page}, "extensions": cost}))
}

fn throttled() -> Reply {
    Reply::ok(
        json!({"errors": [{"message": "Throttled", "extensions": {"code": "THROTTLED"}}],
        "extensions": {"cost": {"requestedQueryCost": 90, "actualQueryCost": null, "throttleStatus":
            {"maximumAvailable": 2000.0, "currentlyAvailable": 0, "restoreRate": 1000.0}}}}),
    )
}

fn shop() -> Shop {
    let shop = Shop::new();
    std::fs::create_dir_all(shop.data()).unwrap();
    let settings = format!(
        "shopify_token = \"shpat_right\"\nshopify_webhook_secret = \"{SECRET}\"\nplatform_timeout_ms = 1500\n"
    );
    std::fs::write(shop.data().join("shopkeeper.toml"), settings).unwrap();
    shop
}

fn exported() -> Shop {
    let shop = Shop::new();
    for (name, content) in [
        ("products.csv", PRODUCTS),
        ("customers.csv", CUSTOMERS),
        ("orders.csv", ORDERS),
    ] {
        let file = shop.file(name, content);
        let report = shop.json(&["import", "--currency", "USD", file.to_str().unwrap()]);
        assert_eq!(report["rejected"], 0, "{report}");
    }
    shop
}

#[test]
fn a_back_fill_over_a_bad_line_is_what_the_exported_files_are() {
    let server = LocalServer::start(answer);
    server.trouble("products(", Trouble::Busy(1.2));
    server.trouble("products(", Trouble::Answers(throttled()));
    server.trouble("\"after-2\"", Trouble::Hangs);
    server.trouble("customers(", Trouble::BreaksOff);
    server.trouble("orders(", Trouble::Answers(Reply::status(500, "oh")));
    let shop = shop();
    let source = format!("shopify:{}", server.address);
    let report = shop.json(&["import", &source]);
    assert_eq!(report["accepted"], 14, "{report}");
    server.assert_met();
    let exported = exported();
    assert_same(&standing(&shop.data()), &standing(&exported.data()));
    // Again nothing is new, also where a server holds the folder and does it.
    let _running = shop.serve();
    let again = shop.json(&["import", &source]);
    assert_eq!(
        (&again["accepted"], &again["unchanged"]),
        (&json!(0), &json!(14)),
        "{again}"
    );
}

#[test]
fn what_was_killed_goes_on_where_it_was() {
    let server = LocalServer::start(answer);
    server.trouble("orders(", Trouble::Hangs);
    let shop = shop();
    let source = format!("shopify:{}", server.address);
    let mut killed = shop.command(&["import", &source]).spawn().unwrap();
    server.wait_until_hanging();
    killed.kill().unwrap();
    killed.wait().unwrap();
    server.asked();
    let report = shop.json(&["import", &source]);
    let asked = server.asked();
    assert!(
        asked
            .iter()
            .all(|one| !one.body.contains("products(") && !one.body.contains("customers(")),
        "{asked:?}"
    );
    assert_eq!(report["accepted"], 3, "{report}");
    assert_same(&standing(&shop.data()), &standing(&exported().data()));
}

#[test]
fn what_is_refused_names_the_setting() {
    let server = LocalServer::start(answer);
    let shop = shop();
    let source = format!("shopify:{}", server.address);
    let path = shop.data().join("shopkeeper.toml");
    std::fs::write(&path, "shopify_token = \"shpat_wrong\"").unwrap();
    let refused = shop.run(&["import", &source]);
    assert_eq!(refused.status.code(), Some(1));
    let said = text(&refused.stderr);
    assert!(
        said.contains("shopify_token") && said.contains("read_products"),
        "{said}"
    );
    assert!(!said.contains("shpat_wrong"), "{said}");
    std::fs::write(&path, "").unwrap();
    assert!(text(&shop.run(&["import", &source]).stderr).contains("shopify_token is not set"));
}

fn rest_product(
    id: u64,
    handle: &str,
    updated: &str,
    variants: &[(u64, &str, &str, &str)],
) -> Value {
    let variants: Vec<Value> = variants.iter().map(|(id, sku, choice, price)| {
        json!({"id": id, "sku": sku, "price": price, "option1": choice, "inventory_policy": "deny", "inventory_quantity": 4})
    }).collect();
    json!({"id": id, "title": handle, "handle": handle, "body_html": null, "vendor": "V", "product_type": "T", "tags": "",
        "status": "active", "published_at": "2026-01-01T00:00:00Z", "updated_at": updated,
        "options": [{"name": "Size"}], "images": [], "variants": variants})
}

#[test]
fn webhooks_bring_the_newest_state_and_never_an_older_one() {
    let server = LocalServer::start(answer);
    let shop = shop();
    shop.json(&["import", &format!("shopify:{}", server.address)]);
    let before = standing(&shop.data());
    let running = shop.serve();
    let mut count = 0;
    let mut send = |topic: &str, body: &Value| {
        count += 1;
        let body = body.to_string();
        let id = format!("d-{count}");
        let headers = [
            ("content-type", "application/json"),
            ("x-shopify-topic", topic),
            ("x-shopify-hmac-sha256", &sign(&body)),
            ("x-shopify-webhook-id", &id),
        ];
        let (status, answer) = deliver(&running, "/v1/hooks/shopify", &headers, &body);
        assert_eq!(status, 200, "{topic}: {answer}");
        answer
    };
    let shirt = |time: &str, price: &str| {
        rest_product(
            1,
            "linen-shirt",
            time,
            &[(11, "LIN-S", "S", price), (12, "LIN-M", "M", price)],
        )
    };
    let newest = shirt("2026-09-02T10:00:00+02:00", "35.00");
    let taken = send("products/update", &newest);
    assert_eq!(
        (&taken["result"], &taken["stored"], &taken["removed"]),
        (&json!("stored"), &json!(2), &json!(1)),
        "{taken}"
    );
    assert_eq!(send("products/update", &newest)["result"], "unchanged");
    assert_eq!(
        send("products/update", &shirt("2026-09-01T23:00:00Z", "99.00"))["result"],
        "stale"
    );
    // A variant under another SKU is that one now, and what is not counted stays so.
    let renamed = rest_product(
        5,
        "vase",
        "2026-09-03T00:00:00Z",
        &[(51, "VASE-2", "Default Title", "5.00")],
    );
    assert_eq!(send("products/update", &renamed)["removed"], 1);
    let mut wrap = rest_product(
        2,
        "gift-wrap",
        "2026-09-03T00:00:00Z",
        &[(21, "", "Red", "9.70"), (22, "", "Blue", "9.70")],
    );
    wrap["options"] = json!([{"name": "Paper"}]);
    wrap["variants"][0]["inventory_quantity"] = json!(0);
    assert_eq!(send("products/update", &wrap)["result"], "stored");
    // Gone is gone, also for what was on its way.
    assert_eq!(send("products/delete", &json!({"id": 3}))["removed"], 1);
    assert_eq!(send("products/delete", &json!({"id": 3}))["removed"], 0);
    let mug = rest_product(
        3,
        "mug",
        "2026-09-01T10:00:00Z",
        &[(31, "MUG-1", "Default Title", "12.50")],
    );
    assert_eq!(send("products/update", &mug)["result"], "stale");
    // Orders and customers by the time that the platform changed them.
    let order = |time: &str, cancelled: Value| {
        json!({"id": 5002, "name": "#1002", "email": "bob@example.com", "currency": "USD",
        "created_at": "2026-10-04T03:30:00Z", "updated_at": time, "cancelled_at": cancelled, "financial_status": "paid",
        "total_price": "42.00", "customer": {"id": 72}, "shipping_address": {"city": "Bath"},
        "line_items": [{"sku": "", "variant_id": 21, "name": "Gift Wrap - Red", "quantity": 1, "price": "42.00"}]})
    };
    assert_eq!(
        send(
            "orders/updated",
            &order("2026-11-05T00:00:00Z", Value::Null)
        )["result"],
        "stale"
    );
    assert_eq!(
        send(
            "orders/cancelled",
            &order("2026-11-07T00:00:00Z", json!("2026-11-07T00:00:00Z"))
        )["result"],
        "stored"
    );
    let chen = |time: &str| json!({"id": 73, "email": "chen@example.com", "first_name": time, "updated_at": time});
    assert_eq!(
        send("customers/update", &chen("2026-10-01T00:00:00Z"))["result"],
        "stored"
    );
    assert_eq!(
        send("customers/update", &chen("2026-09-30T00:00:00Z"))["result"],
        "stale"
    );
    assert_eq!(
        send("customers/data_request", &json!({"customer": {"id": 72}}))["result"],
        "acknowledged"
    );
    let redact = json!({"shop_id": 1, "customer": {"id": 72, "email": "bob@example.com"}, "orders_to_redact": [5002]});
    assert_eq!(send("customers/redact", &redact)["removed"], 1);
    assert_eq!(
        send("shop/redact", &json!({"shop_id": 1}))["result"],
        "acknowledged"
    );
    assert_eq!(
        send("carts/update", &json!({"id": "x"}))["result"],
        "ignored"
    );

    // The same delivery again, and bodies that nobody signed.
    let body = shirt("2026-12-01T00:00:00Z", "1.00").to_string();
    let again = [
        ("x-shopify-topic", "products/update"),
        ("x-shopify-hmac-sha256", &sign(&body)),
        ("x-shopify-webhook-id", "d-1"),
    ];
    assert_eq!(
        deliver(&running, "/v1/hooks/shopify", &again, &body).1["result"],
        "repeated"
    );
    let wrong = sign(&format!("{body} "));
    for signature in [Some(wrong.as_str()), Some("AAAA"), Some(""), None] {
        let mut headers = vec![("x-shopify-topic", "products/update")];
        headers.extend(signature.map(|signature| ("x-shopify-hmac-sha256", signature)));
        let (status, answer) = deliver(&running, "/v1/hooks/shopify", &headers, &body);
        assert_eq!(
            (status, &answer["error"]["code"]),
            (401, &json!("invalid_signature")),
            "{answer}"
        );
    }

    running.stop();
    let after = standing(&shop.data());
    let product = |id: &str| after.get(&("products", id.to_owned()));
    assert_eq!(product("LIN-S").unwrap()["price"]["amount"], 3_500);
    assert_eq!(
        product("LIN-S").unwrap()["url"],
        "https://shop.example/products/linen-shirt"
    );
    for gone in ["LIN-N", "VASE", "MUG-1"] {
        assert!(
            product(gone).is_none() && before.contains_key(&("products", gone.to_owned())),
            "{gone}"
        );
    }
    assert!(product("VASE-2").is_some());
    assert_eq!(
        product("gift-wrap/Red").unwrap()["availability"],
        "in_stock"
    );
    let order = &after[&("orders", "1002".to_owned())];
    assert_eq!(order["status"], "cancelled");
    assert_eq!(order["lines"][0]["product_id"], "gift-wrap/Red");
    assert!(
        order.get("address").is_none() && order["customer_id"] == "guest-1002",
        "{order:?}"
    );
    assert!(!after.contains_key(&("customers", "72".to_owned())));
    assert_eq!(
        after[&("customers", "73".to_owned())]["name"],
        "2026-10-01T00:00:00Z"
    );
    assert_eq!(after.len(), before.len() - 3);
}
