//! What stands in a data folder that nobody serves any more, compared with what
//! an exported file brought.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, Value, json};
use shop::Record;
use store::Store;

/// Records by kind and id.
pub type Standing = BTreeMap<(&'static str, String), Map<String, Value>>;

pub fn standing(data: &Path) -> Standing {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let store = Store::open(data).await.unwrap();
        let snapshot = store.snapshot();
        let products = snapshot
            .catalogue
            .kept()
            .map(|one| Record::Product((**one).clone()));
        let orders = snapshot
            .orders
            .values()
            .map(|one| Record::Order((**one).clone()));
        let customers = snapshot
            .customers
            .values()
            .map(|one| Record::Customer((**one).clone()));
        let all = products.chain(orders).chain(customers);
        let pair = |record: Record| {
            let Value::Object(row) = record.to_json() else {
                unreachable!()
            };
            (
                (record.kind().name(), record.id().unwrap().to_string()),
                row,
            )
        };
        all.map(pair).collect()
    })
}

/// Compares what a platform brought with what its exported files did: the same
/// records, and each field that the file gives.
pub fn assert_same(live: &Standing, exported: &Standing) {
    let names = |all: &Standing| all.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(live), names(exported));
    assert!(exported.len() > 6);
    for (key, expected) in exported {
        let mut found = live[key].clone();
        let mut expected = expected.clone();
        let of_live = properties(&mut found);
        let of_export = properties(&mut expected);
        for name in ["hidden", "handle"] {
            assert_eq!(of_live.get(name), of_export.get(name), "{key:?} {name}");
        }
        // What an exported file does not say.
        for more in ["url", "updated_at", "created_at", "rating", "rating_count"] {
            found.remove(more);
        }
        if key.0 == "orders" {
            // The file of orders knows customers by their address alone.
            let customer = found["customer_id"].as_str().unwrap().to_owned();
            if let Some(customer) = live.get(&("customers", customer)) {
                found.insert("customer_id".to_owned(), customer["email"].clone());
            }
        }
        assert_eq!(json!(found), json!(expected), "{key:?}");
    }
}

fn properties(row: &mut Map<String, Value>) -> Map<String, Value> {
    match row.remove("properties") {
        Some(Value::Object(properties)) => properties,
        _ => Map::new(),
    }
}
