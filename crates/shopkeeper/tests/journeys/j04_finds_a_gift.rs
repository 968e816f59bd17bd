//! J04: a gift under a price, the cheapest of what was shown, and one of them
//! in the cart. The assistant's language model is a server elsewhere.

use serde_json::json;
use shop::EventKind;

use crate::browser::{Browser, Driver, Screen, walk};
use crate::catalogue;
use crate::language_model::{LanguageModel, Script, Step};
use crate::program::{Shop, logged};

#[tokio::test(flavor = "multi_thread")]
async fn j04_a_gift_goes_from_the_chat_into_the_cart() {
    let Some(driver) = Driver::start() else {
        return;
    };
    for screen in Screen::ALL {
        let shop = Shop::new();
        catalogue::fill(&shop);
        let model = LanguageModel::serve(script());
        model.works_for(&shop);
        let server = shop.serve();
        let customer = driver.open("j04-customer", screen, &server.address).await;
        walk(vec![customer], |browsers| async move {
            talk(&browsers[0]).await;
            browsers
        })
        .await;
        server.stop();
        tokio::task::block_in_place(|| check(&shop));
    }
}

fn script() -> Script {
    let searches = |arguments| Step::Calls(vec![("search_products", arguments)]);
    vec![
        (
            "tea lover",
            vec![
                searches(json!({"query": "tea", "max_price": 40})),
                Step::Says("NONE"),
            ],
        ),
        (
            "cheapest",
            vec![
                searches(json!({"query": "tea", "max_price": 40, "sort": "price_asc"})),
                Step::Says("The cheapest of them is the Green tea. [1] It costs 3 dollars. [1]"),
            ],
        ),
    ]
}

async fn ask(customer: &Browser, message: &str) {
    customer.write("#message", message).await;
    customer.write("#message", "\u{e007}").await;
}

async fn talk(customer: &Browser) {
    customer.go("/").await;
    customer.click("#chat-open").await;
    ask(customer, "I need a gift for a tea lover, under 40 dollars").await;
    customer.see(".chat-card[href='/products/tea-green']").await;
    customer.see(".chat-card[href='/products/tea-black']").await;
    customer.picture("cards").await;
    // All are of the kind and under the price.
    let amounts = customer.attributes(".chat-cards li", "data-amount").await;
    let amounts: Vec<i64> = amounts.iter().map(|one| one.parse().unwrap()).collect();
    assert!(amounts.iter().all(|amount| *amount < 4_000), "{amounts:?}");
    let shown = customer.attributes(".chat-cards li", "data-product").await;
    assert!(shown.iter().all(|id| id.starts_with("tea")), "{shown:?}");

    ask(customer, "which of them is the cheapest?").await;
    customer
        .see_text(".turn.agent .words", |text| {
            text.contains("The cheapest of them is the Green tea.")
        })
        .await;
    let said = customer.texts(".turn.agent .words").await;
    assert!(
        !said.iter().any(|text| text.contains("3 dollars")),
        "{said:?}"
    );
    customer.picture("cheapest").await;

    let button = ".turn.agent .chat-cards li[data-product='tea-black'] [data-event='add_to_cart']";
    customer.click(button).await;
    customer.see_text("#cart-count", |text| text == "1").await;
    customer.picture("in-the-cart").await;
    customer.fits().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn j04_without_a_language_model_too() {
    let Some(driver) = Driver::start() else {
        return;
    };
    for screen in Screen::ALL {
        let shop = Shop::new();
        catalogue::fill(&shop);
        let server = shop.serve();
        let customer = driver.open("j04-words", screen, &server.address).await;
        walk(vec![customer], |browsers| async move {
            talk_to_words(&browsers[0]).await;
            browsers
        })
        .await;
        server.stop();
        tokio::task::block_in_place(|| check(&shop));
    }
}

async fn talk_to_words(customer: &Browser) {
    customer.go("/").await;
    customer.click("#chat-open").await;
    ask(customer, "I'm looking for tea under 40").await;
    customer.see(".chat-card[href='/products/tea-green']").await;
    let shown = customer.attributes(".chat-cards li", "data-product").await;
    assert!(shown.iter().all(|id| id.starts_with("tea")), "{shown:?}");
    customer.picture("found").await;

    ask(customer, "which of them is the cheapest?").await;
    customer
        .see(".turn.agent:last-of-type .chat-card[href='/products/tea-black']")
        .await;
    customer.picture("the-cheapest").await;
    ask(customer, "put it into my cart please").await;
    customer.see_text("#cart-count", |text| text == "1").await;
    customer.picture("put-into-the-cart").await;
    customer.fits().await;
}

/// The log joins what was put into the cart to the answer that showed it.
fn check(shop: &Shop) {
    let (_, events) = logged(&shop.data());
    let added: Vec<_> = (events.iter())
        .filter(|event| event.kind == EventKind::AddToCart)
        .collect();
    let [added] = added.as_slice() else {
        panic!("{added:?}");
    };
    assert_eq!(added.product_id.as_ref().unwrap().as_str(), "tea-black");
    assert!(
        added.decision_id.is_some() && added.position.is_some(),
        "{added:?}"
    );
}
