//! J20: every verb while `serve` runs on the same folder.

use serde_json::json;

use crate::catalogue;
use crate::program::{Shop, text};

#[test]
fn j20_every_verb_works_while_serve_runs() {
    let shop = Shop::new();
    shop.json(&["init"]);
    catalogue::fill(&shop);
    let server = shop.serve();

    // The server says where it is to the folder's owner alone.
    let file = shop.data().join("server.json");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    for verb in ["serve", "demo"] {
        let again = shop.run(&[verb]);
        assert!(!again.status.success());
        let said = text(&again.stderr);
        assert!(said.contains(&server.address), "{verb}: {said}");
    }

    // What one does is seen by the other at once.
    let new = json!({"id": "kettle", "title": "Copper kettle", "price": {"amount": 8_900, "currency": "USD"}});
    shop.import("products", &[new]);
    server.get_when("/v1/search?q=copper%20kettle", |answer| {
        answer["hits"][0]["id"] == "kettle"
    });
    let found = shop.json(&["search", "copper kettle", "--limit", "3"]);
    assert_eq!(found["hits"][0]["id"], "kettle");
    // It was the server that answered: it knows the decision.
    let decision = format!("/v1/decisions/{}", found["decision_id"].as_str().unwrap());
    assert_eq!(server.get(&decision)["service"], "search");
    let file = shop.file(
        "bad.jsonl",
        "{\"id\": \"x\"}\n{\"id\": \"y\", \"title\": \"Yarn\"}\n",
    );
    let refused = shop.run(&[
        "import",
        "--as",
        "products",
        file.file_name().unwrap().to_str().unwrap(),
    ]);
    assert_eq!(refused.status.code(), Some(3), "{}", text(&refused.stderr));
    let missing = shop.run(&["import", "nowhere.jsonl"]);
    assert_eq!(missing.status.code(), Some(1));
    assert!(text(&missing.stderr).contains("nowhere.jsonl"));

    let answer = shop.json(&["ask", "What is the return policy?"]);
    assert!(
        answer["text"].as_str().unwrap().contains("30 days"),
        "{answer}"
    );
    let said = text(&shop.run(&["ask", "What is the return policy?"]).stdout);
    assert!(said.contains("30 days"), "{said}");
    let list = shop.json(&["recommend", "--customer", "c1", "--limit", "4"]);
    assert_eq!(list["items"].as_array().unwrap().len(), 4, "{list}");
    let coupons = shop.json(&["campaign", "TEN", "--percent", "10"]);
    assert_eq!(coupons["coupons"][0]["coupon"]["code"], "TEN");
    let check = json!({"code": "TEN", "customer": "c1", "order_amount": {"amount": 1_000, "currency": "USD"}});
    assert_eq!(
        server.post("/v1/offers/validate", &check)["discount"]["amount"],
        100
    );

    let prepared = shop.json(&["prepare"]);
    assert!(prepared["version"].is_string(), "{prepared}");
    let exported = shop.json(&["export", "corpus", "--out", "corpus"]);
    assert!(exported["rows"].is_object(), "{exported}");
    assert!(
        shop.data()
            .with_file_name("corpus")
            .join("card.json")
            .is_file()
    );
    let doctor = shop.run(&["--json", "doctor"]);
    let examined = text(&doctor.stdout);
    assert!(examined.contains("log entries"), "{examined}");

    train(&shop, &server);

    let rest = server.stop();
    assert!(!shop.data().join("server.json").exists(), "{rest:?}");
    // Without a server the folder is opened, and nothing was lost.
    assert_eq!(
        shop.json(&["search", "copper kettle"])["hits"][0]["id"],
        "kettle"
    );
}

/// Trains, judges, promotes and rolls back in the server, which serves on.
fn train(shop: &Shop, server: &crate::program::Server) {
    let trained = shop.json(&["train", "search", "--size", "tiny"]);
    assert!(trained["outcomes"].is_array(), "{trained}");
    let models = shop.json(&["models"]);
    let listed = models["models"].as_array().unwrap().clone();
    assert_eq!(
        server.get("/v1/registry")["models"]
            .as_array()
            .unwrap()
            .len(),
        listed.len()
    );
    let Some(model) = listed.first() else {
        panic!("nothing was trained: {trained}");
    };
    let name = format!("search/{}", model["version"].as_str().unwrap());
    let judged = shop.json(&["evaluate", &name]);
    assert_eq!(judged["models"][0]["model"], json!(name));
    assert_eq!(shop.json(&["promote", &name])["version"], model["version"]);
    assert_eq!(server.get("/v1/registry")["models"][0]["serving"], true);
    let rolled = shop.run(&["rollback", "search"]);
    assert_eq!(
        rolled.status.code(),
        Some(1),
        "there is nothing to go back to"
    );
    let exported = shop.json(&[
        "export", "model", &name, "--format", "files", "--out", "model",
    ]);
    assert_eq!(exported["version"], model["version"]);
    assert!(shop.data().with_file_name("model").is_dir());
}

/// A server that was killed leaves its file behind; the next command sees that
/// nobody is there.
#[test]
fn j20_a_killed_server_is_no_hindrance() {
    let shop = Shop::new();
    catalogue::fill(&shop);
    let server = shop.serve();
    let file = std::fs::read(shop.data().join("server.json")).unwrap();
    server.stop();
    std::fs::write(shop.data().join("server.json"), file).unwrap();
    assert_eq!(
        shop.json(&["search", "green tea"])["hits"][0]["id"],
        "tea-green"
    );
}

/// Whoever cannot read the folder gets nothing done.
#[test]
fn j20_commands_need_the_folders_token() {
    let shop = Shop::new();
    catalogue::fill(&shop);
    let server = shop.serve();
    for token in [None, Some(""), Some("0123456789abcdef")] {
        let mut request =
            ureq::post(server.url("/folder/command")).header("content-type", "application/json");
        if let Some(token) = token {
            request = request.header("x-folder-token", token);
        }
        let refused = request.send(r#"{"arguments": ["models"], "directory": "/"}"#);
        assert!(
            matches!(refused, Err(ureq::Error::StatusCode(401))),
            "{refused:?}"
        );
    }
}
