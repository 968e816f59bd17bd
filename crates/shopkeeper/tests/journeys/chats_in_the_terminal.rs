//! The assistant in the terminal: lines are piped in, with a server that holds
//! the folder and without one.

use std::io::Write;
use std::process::{Output, Stdio};

use serde_json::{Value, json};

use crate::catalogue;
use crate::language_model::{LanguageModel, Script, Step};
use crate::program::{Server, Shop, logged, text};

/// A customer with two orders that have not been sent.
fn fill(shop: &Shop) {
    catalogue::fill(shop);
    shop.import(
        "customers",
        &[json!({
            "id": "mia", "name": "Mia Moneypenny",
            "payment_methods": [{"id": "card-1", "source": "credit_card"}],
        })],
    );
    let order = |id: &str, product: &str| {
        let price = json!({"amount": 2_500, "currency": "USD"});
        json!({
            "id": id, "customer_id": "mia", "time": "2026-11-20T10:00:00Z", "status": "pending",
            "lines": [{"product_id": product, "quantity": 1, "price": price}], "total": price,
            "payment_history": [{"transaction_type": "payment", "amount": price, "payment_method_id": "card-1"}],
        })
    };
    shop.import("orders", &[order("A1", "hat"), order("A2", "mug")]);
}

fn script() -> Script {
    let cancel = |order: &str| {
        let arguments = json!({"order": order, "reason": "no longer needed"});
        Step::Calls(vec![("cancel_order", arguments)])
    };
    let search = |tool, query: &str| Step::Calls(vec![(tool, json!({"query": query}))]);
    vec![
        ("cancel A1", vec![cancel("A1"), Step::Says("NONE")]),
        ("cancel A2", vec![cancel("A2"), Step::Says("NONE")]),
        (
            "return",
            vec![
                search("search_documents", "return an item"),
                Step::Says("You can return any item within 30 days of delivery. [1]"),
            ],
        ),
        (
            "mugs",
            vec![
                search("search_products", "stoneware mug"),
                Step::Says("NONE"),
            ],
        ),
        (
            "And unworn",
            vec![
                search("search_documents", "return an item unworn"),
                Step::Says("The item has to be unworn. [1]"),
            ],
        ),
        (
            "your boss",
            vec![Step::Calls(vec![("hand_over", json!({}))])],
        ),
    ]
}

fn pipe(shop: &Shop, words: &[&str], lines: &[&str]) -> Output {
    let mut child = shop
        .command(words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(lines.join("\n").as_bytes()).unwrap();
    drop(stdin);
    child.wait_with_output().unwrap()
}

/// What a person reads.
fn talked(shop: &Shop, lines: &[&str]) -> String {
    let output = pipe(shop, &["chat", "--customer", "mia"], lines);
    let (said, noise) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{said}\n{noise}");
    said
}

/// What a program reads: an object a line.
fn objects(shop: &Shop, words: &[&str], lines: &[&str]) -> Vec<Value> {
    let output = pipe(shop, words, lines);
    let (said, noise) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{said}\n{noise}");
    let read = |line: &str| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"));
    said.lines().map(read).collect()
}

fn check_talk(shop: &Shop, order: &str) {
    let said = talked(
        shop,
        &[
            "Can I return things?",
            "",
            "And unworn?",
            "Show me mugs",
            &format!("Please cancel {order}"),
            "y",
            "/quit",
            "this is not read",
        ],
    );
    assert_eq!(said.matches("within 30 days").count(), 1, "{said}");
    assert!(said.contains("has to be unworn"), "{said}");
    assert!(said.contains("[1] Returns (/documents/returns)"), "{said}");
    assert!(said.contains("- Stoneware mug  14.00 USD"), "{said}");
    assert!(said.contains("cancel order\n"), "{said}");
    let change = format!("order:{order} status: pending \u{2192} cancelled");
    assert!(said.contains(&change), "{said}");
    assert!(
        said.contains("confirm? [y/N]") && said.contains("  done\n"),
        "{said}"
    );
}

/// Who asks for a person gets one, and the assistant is then silent.
fn hand_over(shop: &Shop, server: &Server) {
    let handed = talked(shop, &["I want to talk to your boss"]);
    assert!(handed.contains("a person was asked to go on"), "{handed}");
    let words = ["--json", "chat", "--customer", "mia"];
    let answers = objects(shop, &words, &["Get me your boss"]);
    assert_eq!(answers[0]["handoff"], true, "{answers:?}");
    let conversation = answers[0]["conversation"].as_str().unwrap();
    server.post(
        &format!("/v1/conversations/{conversation}/take"),
        &json!({"by": "Ada"}),
    );
    let words = ["chat", "--customer", "mia", "--conversation", conversation];
    let output = pipe(shop, &words, &["hello?"]);
    let said = text(&output.stdout);
    assert!(said.contains("is kept for them"), "{said}");
}

#[test]
fn a_customer_talks_in_the_terminal() {
    let shop = Shop::new();
    fill(&shop);
    let model = LanguageModel::serve(script());
    model.works_for(&shop);

    // Without a server, by the store itself.
    check_talk(&shop, "A1");
    // The second line was read together with the first.
    let heard = model.heard();
    let together =
        |line: &str| line.contains("Can I return things?") && line.contains("And unworn?");
    assert!(heard.lines().any(together), "{heard}");

    // Through the server that holds the folder.
    let server = shop.serve();
    let declined = talked(&shop, &["Please cancel A2", "n"]);
    assert!(declined.contains("nothing was changed"), "{declined}");
    let unsaid = talked(&shop, &["Please cancel A2"]);
    assert!(unsaid.contains("nothing was changed"), "{unsaid}");
    check_talk(&shop, "A2");
    let audit = server.get("/v1/audit?customer=mia");
    let done = |line: &&Value| line["outcome"]["done"] == true;
    let lines = audit["audit"].as_array().unwrap();
    assert_eq!(lines.iter().filter(done).count(), 2, "{audit}");

    hand_over(&shop, &server);

    let words = ["--json", "chat", "--customer", "mia"];
    let answers = objects(&shop, &words, &["Can I return things?", "Please cancel A2"]);
    assert_eq!(answers.len(), 2, "{answers:?}");
    assert!(answers[0]["text"].as_str().unwrap().contains("30 days"));
    assert_eq!(answers[0]["conversation"], answers[1]["conversation"]);
    server.stop();

    let orders = logged(&shop.data()).0;
    let last = |id: &str| {
        orders
            .iter()
            .rfind(|order| order.id.as_str() == id)
            .unwrap()
    };
    for id in ["A1", "A2"] {
        assert_eq!(last(id).status.as_deref(), Some("cancelled"));
    }
}

#[test]
fn a_guest_talks_without_a_language_model() {
    let shop = Shop::new();
    catalogue::fill(&shop);
    let answers = objects(
        &shop,
        &["--json", "chat"],
        &["What is the return policy?", "\u{fffd}"],
    );
    assert_eq!(answers.len(), 2, "{answers:?}");
    assert!(
        answers[0]["text"].as_str().unwrap().contains("30 days"),
        "{}",
        answers[0]
    );
    let unknown = shop.run(&["chat", "--customer", ""]);
    assert!(!unknown.status.success());
}
