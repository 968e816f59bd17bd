//! J02: asks about returns, "and for shoes?", the same in German and Chinese,
//! and something that nobody has written down. The assistant's language model
//! is a server elsewhere.

use serde_json::json;

use crate::browser::{Browser, Driver, Screen, walk};
use crate::catalogue;
use crate::language_model::{LanguageModel, Script, Step};
use crate::program::{Server, Shop};

#[tokio::test(flavor = "multi_thread")]
async fn j02_replies_come_in_the_language_asked_with_their_source() {
    let Some(driver) = Driver::start() else {
        return;
    };
    for screen in Screen::ALL {
        let shop = Shop::new();
        fill(&shop);
        let model = LanguageModel::serve(script());
        model.works_for(&shop);
        let server = shop.serve();
        let customer = driver.open("j02-customer", screen, &server.address).await;
        walk(vec![customer], |browsers| async move {
            talk(&browsers[0]).await;
            browsers
        })
        .await;
        tokio::task::block_in_place(|| check(&server, &model));
        server.stop();
    }
}

fn fill(shop: &Shop) {
    catalogue::fill(shop);
    let shoes = [
        (
            "shoes",
            "Returning shoes",
            "en",
            "Shoes can be returned within 14 days, in their box.",
        ),
        (
            "schuhe",
            "Schuhe zurückgeben",
            "de",
            "Schuhe können Sie innerhalb von 14 Tagen im Karton zurückgeben.",
        ),
        ("xie", "鞋子退货", "zh", "鞋子可在14天内连同鞋盒一起退货。"),
    ];
    let documents = shoes.map(|(id, title, language, text)| {
        json!({"id": id, "title": title, "kind": "policy", "language": language, "text": text})
    });
    shop.import("documents", &documents);
}

fn script() -> Script {
    let answered = |words: &'static str, query: &'static str, said: &'static str| {
        let search = Step::Calls(vec![("search_documents", json!({"query": query}))]);
        (words, vec![search, Step::Says(said)])
    };
    vec![
        answered(
            "How long do I have",
            "How long can I return an item?",
            "You have 30 days from delivery. [1]",
        ),
        // What a message hangs on is the model's to see.
        answered(
            "and for shoes?",
            "How long can I return shoes?",
            "For shoes it is 14 days, in their box. [1]",
        ),
        answered(
            "Und wie ist das bei Schuhen",
            "Wie lange kann ich Schuhe zurückgeben?",
            "Schuhe nehmen wir 14 Tage lang zurück. [1]",
        ),
        answered("鞋子呢", "鞋子多少天内可以退货？", "鞋子14天内可以退。[1]"),
        answered("gift wrap", "Do you offer gift wrapping?", "NONE"),
    ]
}

/// Asks, and waits for the answer and its one link.
async fn ask(customer: &Browser, message: &str, answer: &str, source: &str) {
    customer.write("#message", message).await;
    customer.write("#message", "\u{e007}").await;
    customer
        .see_text(".turn.agent .words", |text| text.contains(answer))
        .await;
    let link = format!(".turn.agent:last-of-type .sources a[href='/documents/{source}']");
    customer.see(&link).await;
    let links = customer
        .attributes(".turn.agent:last-of-type .sources a", "href")
        .await;
    assert_eq!(links, [format!("/documents/{source}")], "{message}");
    customer.picture(source).await;
}

async fn talk(customer: &Browser) {
    customer.go("/").await;
    customer.click("#chat-open").await;
    let question = "How long do I have to send something back?";
    ask(customer, question, "You have 30 days", "returns").await;
    ask(
        customer,
        "and for shoes?",
        "For shoes it is 14 days",
        "shoes",
    )
    .await;
    let question = "Und wie ist das bei Schuhen?";
    ask(customer, question, "Schuhe nehmen wir 14 Tage", "schuhe").await;
    ask(
        customer,
        "鞋子呢？几天内可以退？",
        "鞋子14天内可以退",
        "xie",
    )
    .await;
    customer.write("#message", "Do you gift wrap?").await;
    customer.write("#message", "\u{e007}").await;
    customer
        .see_text(".turn.agent:last-of-type .words", |text| {
            text.contains("a person")
        })
        .await;
    customer.picture("declined").await;
    customer.fits().await;
}

/// Every turn is in the log, and the model that answered is told.
fn check(server: &Server, model: &LanguageModel) {
    let answer = server.get("/v1/conversations?limit=10");
    let conversations = answer["conversations"].as_array().unwrap();
    assert_eq!(conversations.len(), 1, "{answer:#}");
    let messages = conversations[0]["messages"].as_array().unwrap();
    assert_eq!(messages.len(), 10, "{messages:#?}");
    // The model has read what was said before.
    assert!(model.heard().contains("You have 30 days from delivery."));
    let last = messages[7]["decision_id"].as_str().unwrap();
    let decision = server.get(&format!("/v1/decisions/{last}"));
    assert!(
        decision["explanation"]["chat_model"].is_string(),
        "{decision}"
    );
}
