//! Artifacts: whole and unchanged, or not there.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use serde_json::json;
use store::{Store, StoreError};

fn files(content: &str) -> BTreeMap<String, Vec<u8>> {
    BTreeMap::from([
        ("model.safetensors".to_owned(), content.into()),
        ("text/shard-0.jsonl".to_owned(), b"{}\n".to_vec()),
    ])
}

#[tokio::test]
async fn what_is_stored_comes_back_under_the_hash_of_its_files() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).await.unwrap();
    let card = json!({"recall@10": 0.09});
    let first = store.put_artifact("search", files("a"), card.clone()).await;
    let first = first.unwrap();
    assert_eq!(first.len(), 16);
    let again = store.put_artifact("search", files("a"), card.clone()).await;
    assert_eq!(again.unwrap(), first);
    let other = store.put_artifact("search", files("b"), json!(null)).await;
    assert_ne!(other.unwrap(), first);
    let found = store.get_artifact("search", &first).await.unwrap();
    assert_eq!(found, files("a"));
    let listed = store.artifacts("search").await.unwrap();
    assert_eq!(listed.len(), 2);
    let manifest = listed.iter().find(|one| one.version == first).unwrap();
    assert_eq!(manifest.card, card);
    assert!(store.artifacts("support").await.unwrap().is_empty());
}

#[tokio::test]
async fn an_artifact_cut_short_does_not_exist_and_a_damaged_one_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).await.unwrap();
    let put = store.put_artifact("corpus", files("a"), json!({})).await;
    let version = put.unwrap();
    let inside = folder.path().join("artifacts/corpus").join(&version);
    std::fs::write(inside.join("model.safetensors"), b"z").unwrap();
    let damaged = store.get_artifact("corpus", &version).await.unwrap_err();
    assert!(matches!(damaged, StoreError::DamagedArtifact { .. }));
    std::fs::remove_file(inside.join("manifest.json")).unwrap();
    let unknown = store.get_artifact("corpus", &version).await.unwrap_err();
    assert!(matches!(unknown, StoreError::UnknownArtifact { .. }));
    assert!(store.artifacts("corpus").await.unwrap().is_empty());
    // Storing it again mends it.
    let put = store.put_artifact("corpus", files("a"), json!({})).await;
    assert_eq!(put.unwrap(), version);
    let mended = store.get_artifact("corpus", &version).await.unwrap();
    assert_eq!(mended, files("a"));
}

#[tokio::test]
async fn names_stay_inside_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).await.unwrap();
    for name in ["../outside", "", "/", "a/../../b", "manifest.json", "a//b"] {
        let files = BTreeMap::from([(name.to_owned(), Vec::new())]);
        let refused = store.put_artifact("search", files, json!({})).await;
        assert!(refused.is_err(), "{name:?}");
    }
    for (kind, version) in [("..", "x"), ("a/b", "x"), ("search", "../.."), ("", "")] {
        let refused = store.get_artifact(kind, version).await.unwrap_err();
        assert!(
            matches!(
                refused,
                StoreError::ArtifactName(_) | StoreError::UnknownArtifact { .. }
            ),
            "{kind:?} {version:?} {refused}"
        );
    }
}
