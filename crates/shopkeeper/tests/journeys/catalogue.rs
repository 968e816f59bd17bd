//! A small shop: dresses in sizes, things whose names are one letter from
//! others, rules, and people who have bought.

use serde_json::{Value, json};

use crate::program::Shop;

fn dress(
    id: &str,
    title: &str,
    brand: &str,
    cents: i64,
    group: &str,
    (colour, size): (&str, &str),
) -> Value {
    json!({
        "id": id, "title": title, "brand": brand, "group_id": group,
        "description": format!("{title} of light linen, in {colour}."),
        "category": ["Clothing", "Dresses"], "price": {"amount": cents, "currency": "USD"},
        "attributes": {"colour": colour, "size": size}, "rating": 4.5, "rating_count": 12,
    })
}

fn thing(id: &str, title: &str, brand: &str, cents: i64, category: [&str; 2]) -> Value {
    json!({
        "id": id, "title": title, "brand": brand, "category": category,
        "description": format!("{title} by {brand}."), "price": {"amount": cents, "currency": "USD"},
        "rating": 4.0, "rating_count": 3,
    })
}

/// The products.
pub fn products() -> Vec<Value> {
    let mut products = Vec::new();
    for (group, title, brand, cents, colour) in [
        ("summer-red", "Red summer dress", "Lindgren", 5_900, "red"),
        (
            "evening-red",
            "Red evening dress",
            "Maison Rouge",
            18_900,
            "red",
        ),
        ("wrap-red", "Red wrap dress", "Lindgren", 7_900, "red"),
        (
            "summer-blue",
            "Blue summer dress",
            "Lindgren",
            5_900,
            "blue",
        ),
    ] {
        for size in ["S", "M", "L"] {
            let id = format!("{group}-{size}");
            products.push(dress(&id, title, brand, cents, group, (colour, size)));
        }
    }
    // What cannot be had any more is shown, and cannot be chosen by mistake.
    products[2]["availability"] = json!("out_of_stock");
    for (id, title, brand, cents, category) in [
        (
            "press-red",
            "Red press for coffee",
            "Bodega",
            3_900,
            ["Kitchen", "Coffee"],
        ),
        (
            "table",
            "Dressing table",
            "Oakline",
            24_900,
            ["Furniture", "Tables"],
        ),
        ("mug", "Stoneware mug", "Bodega", 1_400, ["Kitchen", "Cups"]),
        ("hug", "Hug blanket", "Oakline", 4_900, ["Home", "Blankets"]),
        (
            "tea-green",
            "Green tea",
            "Sencha House",
            1_200,
            ["Food", "Tea"],
        ),
        (
            "tea-black",
            "Black tea",
            "Sencha House",
            1_100,
            ["Food", "Tea"],
        ),
        (
            "hat",
            "Red straw hat",
            "Lindgren",
            2_900,
            ["Clothing", "Hats"],
        ),
        (
            "belt",
            "Leather belt",
            "Maison Rouge",
            4_500,
            ["Clothing", "Belts"],
        ),
    ] {
        products.push(thing(id, title, brand, cents, category));
    }
    products
}

/// What the shop says about itself.
pub fn documents() -> Vec<Value> {
    vec![
        json!({"id": "returns", "title": "Returns", "kind": "policy", "language": "en",
               "text": "You can return any item within 30 days of delivery. The item has to be unworn. \
                        We refund the price within 5 days after the parcel has arrived."}),
        json!({"id": "delivery", "title": "Delivery", "kind": "policy", "language": "en",
               "text": "Delivery takes 3 working days. Delivery is free from 50 dollars. \
                        Parcels go with the post."}),
    ]
}

/// Puts the small shop into the folder by the command line.
pub fn fill(shop: &Shop) {
    shop.import("products", &products());
    shop.import("documents", &documents());
    let customers: Vec<Value> = (0..12)
        .map(|number| json!({"id": format!("c{number}"), "name": format!("Customer {number}")}))
        .collect();
    shop.import("customers", &customers);
    let orders: Vec<Value> = (0..12)
        .map(|number| {
            let bought = ["summer-red-M", "hat", "tea-green", "mug", "belt", "wrap-red-S"];
            let lines: Vec<Value> = (0..2)
                .map(|line| json!({"product_id": bought[(number + line) % bought.len()], "quantity": 1}))
                .collect();
            json!({"id": format!("o{number}"), "customer_id": format!("c{number}"),
                   "time": format!("2026-10-{:02}T10:00:00Z", number + 1), "lines": lines, "status": "delivered"})
        })
        .collect();
    shop.import("orders", &orders);
}
