use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::http::StatusCode;
use corpus::search::Ranker;
use serde_json::json;
use shop::Service;
use store::{Entry, NewEntry, RegistryEntry};

use super::Shop;
use crate::app::refresh_once;

/// Stores a ranker that differs from others by its first weight.
async fn train(shop: &Shop, weight: f32) -> String {
    let mut ranker = Ranker::default();
    ranker.weights[0] = weight;
    let files = BTreeMap::from([(
        "ranker.json".to_owned(),
        serde_json::to_vec(&ranker).unwrap(),
    )]);
    store_model(shop, files).await
}

async fn store_model(shop: &Shop, files: BTreeMap<String, Vec<u8>>) -> String {
    let store = &shop.app.store;
    let version = store
        .put_artifact("search", files, json!([]))
        .await
        .unwrap();
    let entry = RegistryEntry::Trained {
        service: Service::Search,
        version: version.clone(),
        metrics: json!([]),
    };
    store
        .append(vec![NewEntry {
            id: None,
            entry: Entry::Registry(entry),
        }])
        .await
        .unwrap();
    version
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_model_is_served_without_a_failed_request() {
    let shop = Arc::new(Shop::open(&[]).await);
    let versions = [train(&shop, 1.0).await, train(&shop, 2.0).await];
    let ended = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..4)
        .map(|_| {
            let (shop, ended) = (shop.clone(), ended.clone());
            tokio::spawn(async move {
                let mut answered = 0_u32;
                while !ended.load(Ordering::Relaxed) {
                    let answer = shop.get("/v1/search?q=kettle").await;
                    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
                    assert_eq!(answer.json()["total"], 2);
                    answered += 1;
                }
                answered
            })
        })
        .collect();
    for version in versions.iter().cycle().take(6) {
        let path = "/v1/registry/search/promote";
        let promoted = shop.post(path, json!({"version": version})).await;
        assert_eq!(promoted.status, StatusCode::OK, "{}", promoted.text);
        refresh_once(&shop.app).await;
        assert_eq!(
            shop.app.loaded().version(Service::Search).as_ref(),
            Some(version)
        );
        let found = shop.get("/v1/search?q=kettle").await.json();
        assert_eq!(found["models"][0]["version"], json!(version));
    }
    ended.store(true, Ordering::Relaxed);
    for client in clients {
        assert!(client.await.unwrap() > 0);
    }
    let rolled = shop.post("/v1/registry/search/rollback", json!({})).await;
    assert_eq!(
        rolled.json()["version"],
        json!(versions[0]),
        "{}",
        rolled.text
    );
}

/// Asks until `ended`; each answer has to hold all of the kettles.
fn keep_asking(shop: &Arc<Shop>, ended: &Arc<AtomicBool>) -> Vec<tokio::task::JoinHandle<u32>> {
    let clients = (0..4).map(|_| {
        let (shop, ended) = (shop.clone(), ended.clone());
        tokio::spawn(async move {
            let mut answered = 0_u32;
            while !ended.load(Ordering::Relaxed) {
                let answer = shop.get("/v1/search?q=kettle&limit=1").await;
                assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
                assert_eq!(answer.json()["total"], 2);
                answered += 1;
            }
            answered
        })
    });
    clients.collect()
}

/// So many products, each read in this language.
async fn import_pots(shop: &Shop, count: usize, language: &str) {
    let pots = (0..count).map(|number| {
        let row = json!({
            "id": format!("pot{number}"),
            "title": format!("Flower pots number {number}"),
            "language": language,
        });
        let row = serde_json::from_value(row).unwrap();
        let record = shop::Record::from_json(shop::Kind::Products, row, crate::app::now());
        NewEntry {
            id: None,
            entry: Entry::Record(record.unwrap()),
        }
    });
    shop.app.store.append(pots.collect()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_is_indexed_anew_without_a_failed_search() {
    let shop = Arc::new(Shop::open(&[]).await);
    let ended = Arc::new(AtomicBool::new(false));
    let clients = keep_asking(&shop, &ended);
    let index = || shop.app.loaded().search.as_ref().unwrap().index.clone();
    // Enough changes that they do not stand beside the rest any more; then
    // the same products are read by another language's analyser.
    for (language, word) in [("en", "pot"), ("de", "pots"), ("en", "pot")] {
        import_pots(&shop, 1_200, language).await;
        // First they stand beside the rest, then there are too many of them.
        for _ in 0..2 {
            refresh_once(&shop.app).await;
        }
        assert_eq!(index().changes(), 0, "not indexed anew");
        assert_eq!(index().len(), 1_204);
        let found = shop.get(&format!("/v1/search?q=flower%20{word}")).await;
        assert_eq!(found.json()["total"], 1_200);
    }
    ended.store(true, Ordering::Relaxed);
    for client in clients {
        assert!(client.await.unwrap() > 0);
    }
}

/// A search model with an encoder that no word means anything to.
async fn train_encoder(shop: &Shop, width: usize) -> String {
    let encoder = models::static_encoder::StaticEncoder::new(&[(1, 1.0), (2, 1.0)], width, 7);
    let files = BTreeMap::from([
        (
            "ranker.json".to_owned(),
            serde_json::to_vec(&Ranker::default()).unwrap(),
        ),
        ("encoder.bin".to_owned(), encoder.to_bytes()),
    ]);
    store_model(shop, files).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_encoder_indexes_anew_without_a_failed_search() {
    let shop = Arc::new(Shop::open(&[]).await);
    import_pots(&shop, 600, "en").await;
    refresh_once(&shop.app).await;
    let ended = Arc::new(AtomicBool::new(false));
    let clients = keep_asking(&shop, &ended);
    let versions = [
        train_encoder(&shop, 8).await,
        train_encoder(&shop, 16).await,
        train(&shop, 1.5).await,
    ];
    for version in versions.iter().cycle().take(6) {
        let path = "/v1/registry/search/promote";
        let promoted = shop.post(path, json!({"version": version})).await;
        assert_eq!(promoted.status, StatusCode::OK, "{}", promoted.text);
        // One that began for the model before may still have been under way.
        for _ in 0..2 {
            refresh_once(&shop.app).await;
        }
        let loaded = shop.app.loaded();
        let part = loaded.search.as_ref().unwrap();
        let model = part.model.as_ref().unwrap();
        assert_eq!(&model.version, version);
        assert!(part.index.is_for(Some(&model.model)), "indexed for another");
    }
    ended.store(true, Ordering::Relaxed);
    for client in clients {
        assert!(client.await.unwrap() > 0);
    }
}

#[tokio::test]
async fn a_damaged_model_leaves_the_old_one_serving() {
    let shop = Shop::open(&[]).await;
    let good = train(&shop, 1.0).await;
    shop.post("/v1/registry/search/promote", json!({"version": good}))
        .await;
    refresh_once(&shop.app).await;
    let files = BTreeMap::from([("ranker.json".to_owned(), b"{}".to_vec())]);
    let bad = shop
        .app
        .store
        .put_artifact("search", files, json!([]))
        .await
        .unwrap();
    let entry = RegistryEntry::Promoted {
        service: Service::Search,
        version: bad,
    };
    shop.app
        .store
        .append(vec![NewEntry {
            id: None,
            entry: Entry::Registry(entry),
        }])
        .await
        .unwrap();
    refresh_once(&shop.app).await;
    assert_eq!(shop.app.loaded().version(Service::Search), Some(good));
    assert_eq!(shop.get("/v1/search?q=kettle").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_new_product_is_found() {
    let shop = Shop::open(&[]).await;
    let row = serde_json::from_value(json!({"id": "p9", "title": "Copper samovar"})).unwrap();
    let record = shop::Record::from_json(shop::Kind::Products, row, crate::app::now()).unwrap();
    shop.app
        .store
        .append(vec![NewEntry {
            id: None,
            entry: Entry::Record(record),
        }])
        .await
        .unwrap();
    refresh_once(&shop.app).await;
    let found = shop.get("/v1/search?q=samovar").await.json();
    assert_eq!(found["hits"][0]["id"], "p9");
}

#[tokio::test]
async fn pages_in_every_language() {
    let shop = Shop::open(&[]).await;
    for (path, words) in [
        ("/?lang=en", "What are you looking for?"),
        ("/?lang=zh", "想找点什么"),
        ("/?lang=de", "Wonach suchen Sie?"),
        ("/?lang=de-AT", "<html lang=\"de\">"),
        ("/?lang=es", "¿Qué estás buscando?"),
        ("/?lang=es", "href=\"/?lang=de\""),
        ("/?lang=tlh", "<html lang=\"en\">"),
        ("/?q=kettle&lang=de", "Ergebnisse"),
        ("/?q=kettle&lang=en", "Red"),
        ("/products/p1?lang=de", "In den Warenkorb"),
        ("/products/p1?lang=de", "25,00\u{a0}$"),
        ("/products/p1?lang=es", "25,00\u{a0}US$"),
        ("/products/p1?lang=zh", "US$25.00"),
        ("/products/p1?lang=en", "$25.00"),
        ("/products/p1?lang=zh", "加入购物车"),
        ("/console?lang=en", "The loop"),
        ("/console?lang=de", "Der Kreislauf"),
        ("/console?lang=es", "El ciclo"),
        ("/console/search?q=kettle", "kettle"),
        ("/console/conversations", "<main"),
        ("/console/models", "<main"),
        ("/console/offers", "<main"),
        ("/console/decisions", "<main"),
        ("/metrics", "shopkeeper_records"),
    ] {
        let answer = shop.get(path).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
        assert!(answer.text.contains(words), "{path}");
    }
    assert_eq!(
        shop.get("/products/none").await.status,
        StatusCode::NOT_FOUND
    );
    let live = shop.get("/console/live").await.json();
    assert_eq!(live["records"]["products"], 4);
}

#[tokio::test]
async fn what_customers_write_is_text_and_never_markup() {
    let shop = Shop::open(&[]).await;
    let evil = "<script>alert(1)</script>";
    let row = serde_json::from_value(
        json!({"id": evil, "title": format!("Tea {evil}"), "description": evil}),
    )
    .unwrap();
    let record = shop::Record::from_json(shop::Kind::Products, row, crate::app::now()).unwrap();
    shop.app
        .store
        .append(vec![NewEntry {
            id: None,
            entry: Entry::Record(record),
        }])
        .await
        .unwrap();
    refresh_once(&shop.app).await;
    for path in [
        "/?q=tea",
        "/?q=%3Cscript%3Ealert(1)%3C/script%3E",
        "/products/%3Cscript%3Ealert(1)%3C%2Fscript%3E",
        "/console/search?q=tea",
        "/console/decisions",
    ] {
        let answer = shop.get(path).await;
        assert!(!answer.text.contains(evil), "{path}");
    }
}
