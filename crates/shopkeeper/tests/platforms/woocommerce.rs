//! WooCommerce: pages by number, variations by themselves; webhooks that name
//! them without saying what they are.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::local_server::{Asked, LocalServer, Reply, Trouble};
use crate::program::{Shop, text};
use crate::records::{assert_same, standing};
use crate::signature::{SECRET, deliver, sign};

const PRODUCTS: &str = "ID,Type,SKU,Name,Published,Visibility in catalog,Short description,Description,In stock?,Stock,Backorders allowed?,Sale price,Regular price,Categories,Tags,Images,Parent,Brands,Attribute 1 name,Attribute 1 value(s)\n\
101,variable,HOOD,Fleece Hoodie,1,visible,Warm.,<strong>Warm</strong> fleece.,1,,0,,,\"Clothing > Hoodies, Sale\",\"warm, fleece\",\"https://cdn.example/h1.jpg, https://cdn.example/h2.jpg\",,Example Wear,Color,\"Red, Blue\"\n\
102,variation,HOOD-R,Fleece Hoodie - Red,1,visible,,,1,8,0,39,45,,,https://cdn.example/r.jpg,HOOD,,Color,Red\n\
103,variation,,Fleece Hoodie - Blue,1,visible,,,0,0,0,,45,,,,id:101,,Color,Blue\n\
104,simple,BEANIE,Beanie,1,visible,\"Wool, one size.\",,1,,0,,14.5,Clothing > Hats,,,,,,\n\
106,simple,WIP-1,Draft,-1,visible,,,1,,0,,9,,,,,,,\n\
107,simple,PRE,Preorder Coat,1,visible,,,backorder,,notify,,149,,,,,,,\n";

const ORDERS: &str = "Order Number,Order Status,Order Date,Address 1&2 (Billing),City (Billing),Postcode (Billing),Country Code (Billing),Email (Billing),City (Shipping),Payment Method Title,Cart Discount Amount,Order Total Amount,SKU,Item #,Item Name,Quantity (- Refund),Item Cost,Coupon Code\n\
501,Completed,2026-09-01 10:00,\"1 High St, Flat 2\",Leeds,LS1 1AA,GB,anna@example.com,York,Card,5.00,81.50,HOOD-R,1,Fleece Hoodie - Red,1,39,FIVE\n\
501,Completed,2026-09-01 10:00,,,,,anna@example.com,,,,81.50,BEANIE,2,Beanie,3,14.5,\n\
502,On hold,2026-09-02 23:15,,,,,BOB@example.com,,,,149.00,PRE,1,Preorder Coat,1,149,\n";

const CUSTOMERS: &str = "id,email,first_name,last_name,country\n25,anna@example.com,Anna,Example,GB\n26,cy@example.com,Cy,,DE\n";

fn simple(id: u64, sku: &str, name: &str, price: &str, stock: &str) -> Value {
    json!({
        "id": id, "type": "simple", "sku": sku, "name": name, "status": "publish", "catalog_visibility": "visible",
        "permalink": format!("https://shop.example/{id}"), "date_modified_gmt": "2026-09-01T10:00:00", "description": "",
        "short_description": "", "regular_price": price, "sale_price": "", "on_sale": false, "stock_status": stock,
        "stock_quantity": null, "backorders": "no", "categories": [], "tags": [], "images": [], "attributes": [],
        "variations": [], "average_rating": "0.00", "rating_count": 0,
    })
}

fn products() -> Vec<Value> {
    let mut hood = simple(101, "HOOD", "Fleece Hoodie", "", "instock");
    hood["type"] = json!("variable");
    hood["short_description"] = json!("<p>Warm.</p>");
    hood["description"] = json!("<strong>Warm</strong> fleece.");
    hood["categories"] = json!([{"id": 2, "name": "Hoodies"}, {"id": 3, "name": "Sale"}]);
    hood["tags"] = json!([{"name": "warm"}, {"name": "fleece"}]);
    hood["brands"] = json!([{"name": "Example Wear"}]);
    hood["images"] =
        json!([{"src": "https://cdn.example/h1.jpg"}, {"src": "https://cdn.example/h2.jpg"}]);
    hood["attributes"] = json!([{"name": "Color", "variation": true, "options": ["Red", "Blue"]}]);
    hood["variations"] = json!([102, 103]);
    let mut beanie = simple(104, "BEANIE", "Beanie", "14.5", "instock");
    beanie["short_description"] = json!("Wool, one size.");
    beanie["categories"] = json!([{"id": 4, "name": "Hats"}]);
    let mut draft = simple(106, "WIP-1", "Draft", "9", "instock");
    draft["status"] = json!("draft");
    let mut coat = simple(107, "PRE", "Preorder Coat", "149", "onbackorder");
    coat["backorders"] = json!("notify");
    vec![hood, beanie, draft, coat]
}

fn variation(id: u64, sku: &str, color: &str, sale: &str, stock: i64) -> Value {
    let mut one = simple(
        id,
        sku,
        color,
        "45",
        if stock > 0 { "instock" } else { "outofstock" },
    );
    for parents in [
        "type",
        "catalog_visibility",
        "short_description",
        "categories",
        "tags",
        "images",
    ] {
        one.as_object_mut().unwrap().remove(parents);
    }
    one["sale_price"] = json!(sale);
    one["on_sale"] = json!(!sale.is_empty());
    one["stock_quantity"] = json!(stock);
    one["attributes"] = json!([{"id": 1, "name": "Color", "option": color}]);
    one["image"] = match sku {
        "HOOD-R" => json!({"src": "https://cdn.example/r.jpg"}),
        _ => Value::Null,
    };
    one
}

fn variations() -> Vec<Value> {
    vec![
        variation(102, "HOOD-R", "Red", "39", 8),
        variation(103, "", "Blue", "", 0),
    ]
}

fn orders() -> Vec<Value> {
    vec![
        json!({"id": 501, "number": "501", "status": "completed", "currency": "GBP", "customer_id": 25, "total": "81.50",
            "date_created_gmt": "2026-09-01T10:00:00", "date_modified_gmt": "2026-09-03T10:00:00", "discount_total": "5.00",
            "payment_method_title": "Card", "coupon_lines": [{"code": "FIVE"}],
            "billing": {"email": "anna@example.com", "address_1": "1 High St", "address_2": "Flat 2", "city": "Leeds",
                "postcode": "LS1 1AA", "country": "GB"},
            "shipping": {"address_1": "", "city": "York", "postcode": "", "country": ""},
            "line_items": [
                {"id": 1, "name": "Fleece Hoodie - Red", "product_id": 101, "variation_id": 102, "sku": "HOOD-R", "quantity": 1, "subtotal": "39.00", "price": 36.5},
                {"id": 2, "name": "Beanie", "product_id": 104, "variation_id": 0, "sku": "BEANIE", "quantity": 3, "subtotal": "43.50", "price": 14.5}]}),
        json!({"id": 502, "number": "502", "status": "on-hold", "currency": "GBP", "customer_id": 0, "total": "149.00",
            "date_created_gmt": "2026-09-02T23:15:00", "date_modified_gmt": "2026-09-03T10:00:00", "discount_total": "0.00",
            "payment_method_title": "", "coupon_lines": [], "billing": {"email": "BOB@example.com"}, "shipping": {},
            "line_items": [{"id": 3, "name": "Preorder Coat", "product_id": 107, "variation_id": 0, "sku": "PRE", "quantity": 1, "subtotal": "149.00"}]}),
    ]
}

fn customers() -> Vec<Value> {
    let customer = |id: u64, email: &str, first: &str, last: &str, country: &str| {
        json!({"id": id, "email": email, "first_name": first, "last_name": last, "is_paying_customer": true,
            "date_created_gmt": "2026-01-01T00:00:00", "date_modified_gmt": "2026-02-01T00:00:00",
            "billing": {"country": country}, "shipping": {}})
    };
    vec![
        customer(25, "anna@example.com", "Anna", "Example", "GB"),
        customer(26, "cy@example.com", "Cy", "", "DE"),
    ]
}

/// Two things a page, whatever was asked for.
fn page(all: &[Value], query: &str) -> Reply {
    let page: usize = query
        .split('&')
        .find_map(|pair| pair.strip_prefix("page=")?.parse().ok())
        .unwrap_or(1);
    let from = all.len().min(2 * page - 2);
    let until = all.len().min(2 * page);
    Reply::ok(json!(all[from..until])).with("x-wp-totalpages", all.len().div_ceil(2))
}

fn answer(asked: &Asked, variations: &[Value]) -> Reply {
    // ck_right:cs_right
    if asked.header("authorization") != "Basic Y2tfcmlnaHQ6Y3NfcmlnaHQ=" {
        return Reply::status(401, json!({"code": "woocommerce_rest_cannot_view"}));
    }
    let path = asked.path.strip_prefix("/wp-json/wc/v3/").unwrap();
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let category =
        |id: u64, name: &str, parent: u64| json!({"id": id, "name": name, "parent": parent});
    match path {
        "data/currencies/current" => Reply::ok(json!({"code": "GBP", "name": "Pound sterling"})),
        "products/categories" => page(
            &[
                category(1, "Clothing", 0),
                category(2, "Hoodies", 1),
                category(3, "Sale", 0),
                category(4, "Hats", 1),
            ],
            query,
        ),
        "products" => page(&products(), query),
        "products/101" => Reply::ok(&products()[0]),
        "products/101/variations" => page(variations, query),
        "orders" => page(&orders(), query),
        "customers" => page(&customers(), query),
        _ => Reply::status(404, json!({"code": "rest_no_route"})),
    }
}

fn shop() -> Shop {
    let shop = Shop::new();
    std::fs::create_dir_all(shop.data()).unwrap();
    let settings = format!(
        "woocommerce_key = \"ck_right\"\nwoocommerce_secret = \"cs_right\"\n\
        woocommerce_webhook_secret = \"{SECRET}\"\nplatform_timeout_ms = 1500\n"
    );
    std::fs::write(shop.data().join("shopkeeper.toml"), settings).unwrap();
    shop
}

fn exported() -> Shop {
    let shop = Shop::new();
    let products = shop.file("products.csv", PRODUCTS);
    let orders = shop.file("orders.csv", ORDERS);
    let customers = shop.file("customers.csv", CUSTOMERS);
    for (file, kind) in [
        (&products, "products"),
        (&customers, "customers"),
        (&orders, "orders"),
    ] {
        let words = [
            "import",
            "--currency",
            "GBP",
            "--time-zone",
            "UTC",
            "--as",
            kind,
            file.to_str().unwrap(),
        ];
        let report = shop.json(&words);
        assert_eq!(report["rejected"], 0, "{report}");
    }
    shop
}

#[test]
fn a_back_fill_over_a_bad_line_is_what_the_exported_files_are() {
    let server = LocalServer::start(|asked| answer(asked, &variations()));
    server.trouble("/products?", Trouble::Busy(1.2));
    server.trouble("/products?", Trouble::BreaksOff);
    server.trouble("/variations", Trouble::Hangs);
    server.trouble(
        "&page=2",
        Trouble::Answers(Reply::status(503, "maintenance").with("retry-after", 1)),
    );
    server.trouble("/orders", Trouble::Answers(Reply::status(500, "oh")));
    let shop = shop();
    let source = format!("woocommerce:{}", server.address);
    let report = shop.json(&["import", &source]);
    assert_eq!(report["accepted"], 9, "{report}");
    server.assert_met();
    assert_same(&standing(&shop.data()), &standing(&exported().data()));
    let again = shop.json(&["import", &source]);
    assert_eq!(
        (&again["accepted"], &again["unchanged"]),
        (&json!(0), &json!(9)),
        "{again}"
    );
    // What leads elsewhere does not get the key.
    let moved =
        LocalServer::start(|_| Reply::status(301, "").with("location", "http://127.0.0.1:1/"));
    let said = text(
        &shop
            .run(&["import", &format!("woocommerce:{}", moved.address)])
            .stderr,
    );
    assert!(
        said.contains("leads to http://127.0.0.1:1/") && !said.contains("cs_right"),
        "{said}"
    );
}

#[test]
fn webhooks_bring_the_newest_state_and_never_an_older_one() {
    let there: Arc<Mutex<Vec<Value>>> = Arc::new(Mutex::new(variations()));
    let seen = there.clone();
    let server = LocalServer::start(move |asked| answer(asked, &seen.lock().unwrap()));
    let shop = shop();
    shop.json(&["import", &format!("woocommerce:{}", server.address)]);
    let running = shop.serve();
    let mut count = 0;
    let mut send = |topic: &str, body: &Value| {
        count += 1;
        let (body, id) = (body.to_string(), format!("w-{count}"));
        let headers = [
            ("content-type", "application/json"),
            ("x-wc-webhook-topic", topic),
            ("x-wc-webhook-signature", &sign(&body)),
            ("x-wc-webhook-delivery-id", &id),
        ];
        let (status, answer) = deliver(&running, "/v1/hooks/woocommerce", &headers, &body);
        assert_eq!(status, 200, "{topic}: {answer}");
        answer
    };
    let beanie = |time: &str, price: &str| {
        let mut beanie = products().remove(1);
        beanie["date_modified_gmt"] = json!(time);
        beanie["regular_price"] = json!(price);
        beanie
    };
    assert_eq!(
        send("product.updated", &beanie("2026-09-02T10:00:00", "16"))["result"],
        "stored"
    );
    assert_eq!(
        send("product.updated", &beanie("2026-09-02T10:00:00", "16"))["result"],
        "unchanged"
    );
    assert_eq!(
        send("product.updated", &beanie("2026-09-01T23:00:00", "99"))["result"],
        "stale"
    );
    // A variation is gone, and another one is there: the payloads say neither.
    *there.lock().unwrap() = vec![
        variation(102, "HOOD-R", "Red", "", 8),
        variation(109, "HOOD-G", "Green", "", 2),
    ];
    let taken = send(
        "product.updated",
        &json!({"id": 109, "type": "variation", "parent_id": 101, "name": "Fleece Hoodie - Green"}),
    );
    assert_eq!(
        (&taken["stored"], &taken["removed"]),
        (&json!(2), &json!(1)),
        "{taken}"
    );
    // What is gone by the time that it is asked for.
    let gone = json!({"id": 999, "type": "variable", "variations": [1000]});
    assert_eq!(send("product.updated", &gone)["result"], "stale");
    // Thrown away, delivered late, put back.
    assert_eq!(send("product.deleted", &json!({"id": 104}))["removed"], 1);
    assert_eq!(
        send("product.updated", &beanie("2026-09-03T10:00:00", "17"))["result"],
        "stale"
    );
    assert_eq!(
        send("product.restored", &beanie("2026-09-04T10:00:00", "18"))["result"],
        "stored"
    );
    let order = |time: &str, status: &str| {
        let mut order = orders().remove(1);
        order["date_modified_gmt"] = json!(time);
        order["status"] = json!(status);
        order
    };
    assert_eq!(
        send("order.updated", &order("2026-09-02T00:00:00", "failed"))["result"],
        "stale"
    );
    assert_eq!(
        send("order.updated", &order("2026-09-05T00:00:00", "processing"))["result"],
        "stored"
    );
    assert_eq!(send("customer.deleted", &json!({"id": 26}))["removed"], 1);
    assert_eq!(
        send("coupon.created", &json!({"id": 9}))["result"],
        "ignored"
    );

    let ping = [("content-type", "application/x-www-form-urlencoded")];
    let (status, answer) = deliver(&running, "/v1/hooks/woocommerce", &ping, "webhook_id=12");
    assert_eq!((status, &answer["result"]), (200, &json!("acknowledged")));
    let body = beanie("2026-12-01T00:00:00", "1").to_string();
    let wrong = sign("{}");
    for headers in [
        vec![
            ("x-wc-webhook-topic", "product.updated"),
            ("x-wc-webhook-signature", wrong.as_str()),
        ],
        vec![("x-wc-webhook-topic", "product.updated")],
        vec![],
    ] {
        let (status, answer) = deliver(&running, "/v1/hooks/woocommerce", &headers, &body);
        assert_eq!(
            (status, &answer["error"]["code"]),
            (401, &json!("invalid_signature")),
            "{answer}"
        );
    }

    running.stop();
    let after = standing(&shop.data());
    let product = |id: &str| after.get(&("products", id.to_owned()));
    assert_eq!(product("BEANIE").unwrap()["price"]["amount"], 1_800);
    assert_eq!(
        product("BEANIE").unwrap()["category"],
        json!(["Clothing", "Hats"])
    );
    assert_eq!(product("HOOD-R").unwrap()["price"]["amount"], 4_500);
    assert_eq!(
        product("HOOD-G").unwrap()["category"],
        json!(["Clothing", "Hoodies"])
    );
    assert_eq!(product("HOOD-G").unwrap()["group_id"], "HOOD");
    assert!(product("103").is_none());
    assert_eq!(after[&("orders", "502".to_owned())]["status"], "processing");
    assert!(!after.contains_key(&("customers", "26".to_owned())));
}
