//! The same BM25 as other programs, up to the factor `k1 + 1` that some leave
//! out because it changes no order.
#![allow(clippy::unwrap_used)]

use corpus::search::Collection;
use corpus::search::analysis::Analyser;
use serde_json::Value;
use shop::{Id, Product};

#[path = "../../test_data.rs"]
mod test_data;

const FACTOR: f64 = 1.2 + 1.0;

fn words(list: &Value) -> Vec<&str> {
    let words = list.as_array().unwrap().iter();
    words.map(|word| word.as_str().unwrap()).collect()
}

#[test]
fn bm25_agrees_with_other_programs() {
    let Some(text) = test_data::shared_text("golden/ranking/bm25.json") else {
        return;
    };
    let file: Value = serde_json::from_str(&text).unwrap();
    let mut compared = 0;
    for case in file["cases"].as_array().unwrap() {
        let products: Vec<Product> = case["corpus"]
            .as_array()
            .unwrap()
            .iter()
            .enumerate()
            .map(|(at, title)| {
                Product::new(Id::new(&at.to_string()).unwrap(), words(title).join(" "))
            })
            .collect();
        let collection = Collection::build(&products.iter().collect::<Vec<_>>(), 1);
        let analyser = Analyser::new(Some("en"));
        let expected = case["expect"]["bm25s:lucene_k1_1.2_b_0.75"]
            .as_array()
            .unwrap();
        for (document, expected) in collection.documents().iter().zip(expected) {
            let own: f64 = words(&case["query"])
                .into_iter()
                .filter_map(|word| collection.term(&analyser.stem(word), false))
                .map(|term| f64::from(collection.bm25(term, document)))
                .sum();
            let expected = expected.as_f64().unwrap();
            let apart = (own / FACTOR - expected).abs();
            assert!(
                apart <= 1e-6 * expected.max(1.0),
                "{own} is not {expected} times {FACTOR}"
            );
            compared += 1;
        }
    }
    assert!(compared > 100, "{compared}");
}
