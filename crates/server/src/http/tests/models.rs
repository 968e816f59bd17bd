//! Models that cannot be loaded.

use std::collections::BTreeMap;

use corpus::search::Ranker;
use serde_json::json;
use shop::{Id, Service};
use store::{Entry, NewEntry, RegistryEntry};

use super::Shop;

/// Stores and promotes a search model whose weights are all so large.
async fn serving(shop: &Shop, weight: f32) -> String {
    let mut ranker = Ranker::default();
    ranker.weights.fill(weight);
    let files = BTreeMap::from([(
        "ranker.json".to_owned(),
        serde_json::to_vec(&ranker).unwrap(),
    )]);
    let store = &shop.app.store;
    let version = store
        .put_artifact("search", files, json!([]))
        .await
        .unwrap();
    let service = Service::Search;
    let trained = RegistryEntry::Trained {
        service,
        version: version.clone(),
        metrics: json!([]),
    };
    let promoted = RegistryEntry::Promoted {
        service,
        version: version.clone(),
    };
    for (number, entry) in [trained, promoted].into_iter().enumerate() {
        let id = Id::new(&format!("{version}/{number}")).ok();
        let entry = Entry::Registry(entry);
        store.append(vec![NewEntry { id, entry }]).await.unwrap();
    }
    version
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newest_intact_version_serves_in_place_of_a_damaged_one() {
    let shop = Shop::open(&[]).await;
    let oldest = serving(&shop, 0.5).await;
    let intact = serving(&shop, 1.0).await;
    let damaged = serving(&shop, 2.0).await;
    let artifacts = shop.app.store.folder().join("artifacts/search");
    for version in [&damaged, &intact, &oldest] {
        assert!(artifacts.join(version).join("ranker.json").exists());
    }
    let file = artifacts.join(&damaged).join("ranker.json");
    let bytes = std::fs::read(&file).unwrap();
    std::fs::write(&file, &bytes[..bytes.len() / 2]).unwrap();

    let shop = shop.restarted().await;
    let ready = shop.get("/readyz").await.json();
    assert_eq!(ready["models"]["search"], json!(intact), "{ready}");
    let alarm = ready["alarms"][0].as_str().unwrap_or_default();
    assert!(
        alarm.contains(&damaged) && alarm.contains(&intact),
        "{ready}"
    );
    // An answer names the version that gave it.
    let found = shop.get("/v1/search?q=kettle").await.json();
    assert_eq!(found["models"][0]["version"], json!(intact), "{found}");
    let metrics = shop.get("/metrics").await.text;
    let is_damaged =
        |line: &str| line.starts_with("shopkeeper_model_damaged") && line.contains(&damaged);
    assert!(metrics.lines().any(is_damaged), "{metrics}");
    for page in ["/console", "/console/models", "/console/search"] {
        let page = shop.get(page).await.text;
        assert!(page.contains("role=\"alert\"") && page.contains(&damaged));
    }
    let models = shop.get("/v1/registry").await.json();
    let of = |version: &str| {
        let all = models["models"].as_array().unwrap();
        let found = all.iter().find(|model| model["version"] == version);
        found.unwrap().clone()
    };
    assert!(of(&damaged)["damaged"].is_string(), "{models}");
    assert_eq!(of(&intact)["loaded"], json!(true), "{models}");

    // Whoever promotes an intact one ends the alarm, without a restart.
    let body = json!({"version": oldest});
    let promoted = shop.post("/v1/registry/search/promote", body).await;
    assert!(promoted.status.is_success(), "{}", promoted.text);
    crate::app::refresh_once(&shop.app).await;
    let ready = shop.get("/readyz").await.json();
    assert_eq!(ready["models"]["search"], json!(oldest));
    assert_eq!(ready["alarms"], json!([]));
    assert!(!shop.get("/console").await.text.contains("role=\"alert\""));
}
