//! J03: signed in, cancels an order, sends another elsewhere and thinks better
//! of it, returns a thing, and hears why something else is not possible. The
//! assistant's language model is a server elsewhere.

use serde_json::{Value, json};

use crate::browser::{Browser, Driver, Screen, walk};
use crate::catalogue;
use crate::language_model::{LanguageModel, Script, Step};
use crate::program::{Server, Shop};

const NEW_ADDRESS: &str = "12 Elm Street, Springfield, IL, 62701";

#[tokio::test(flavor = "multi_thread")]
async fn j03_a_customer_changes_what_the_policy_lets_them() {
    let Some(driver) = Driver::start() else {
        return;
    };
    for screen in Screen::ALL {
        let shop = Shop::new();
        fill(&shop);
        let model = LanguageModel::serve(script());
        model.works_for(&shop);
        let server = shop.serve();
        let customer = driver.open("j03-customer", screen, &server.address).await;
        walk(vec![customer], |browsers| async move {
            talk(&browsers[0]).await;
            browsers
        })
        .await;
        tokio::task::block_in_place(|| check(&server, &model));
        server.stop();
    }
}

/// A customer with two orders that have not been sent and one delivered.
fn fill(shop: &Shop) {
    catalogue::fill(shop);
    let address = |street: &str| json!({"address1": street, "address2": "", "city": "Bath", "state": "", "country": "UK", "zip": "BA1 1AA"});
    shop.import(
        "customers",
        &[json!({
            "id": "mia", "name": "Mia Moneypenny", "email": "mia@example.org",
            "address": address("7 Quiet Lane"),
            "payment_methods": [{"id": "card-1", "source": "credit_card"}],
        })],
    );
    let order = |id: &str, day: u32, status: &str, product: &str| {
        let price = json!({"amount": 2_500, "currency": "USD"});
        json!({
            "id": id, "customer_id": "mia", "time": format!("2026-11-{day:02}T10:00:00Z"), "status": status,
            "lines": [{"product_id": product, "quantity": 1, "price": price}], "total": price,
            "address": address("7 Quiet Lane"),
            "payment_history": [{"transaction_type": "payment", "amount": price, "payment_method_id": "card-1"}],
        })
    };
    shop.import(
        "orders",
        &[
            order("A1", 20, "pending", "hat"),
            order("A2", 18, "pending", "mug"),
            order("A3", 2, "delivered", "summer-red-M"),
        ],
    );
}

fn script() -> Script {
    let cancel = |order: &str| {
        Step::Calls(vec![(
            "cancel_order",
            json!({"order": order, "reason": "no longer needed"}),
        )])
    };
    vec![
        (
            "Cancel my last order",
            vec![
                Step::Calls(vec![("orders", json!({}))]),
                cancel("A1"),
                Step::Says("NONE"),
            ],
        ),
        (
            "send the other one",
            vec![
                Step::Calls(vec![(
                    "change_order_address",
                    // What the customer wrote never reached the model.
                    json!({"order": "A2", "address": "[ADDRESS_1]"}),
                )]),
                Step::Says("NONE"),
            ],
        ),
        (
            "return the red one",
            vec![
                Step::Calls(vec![(
                    "return_items",
                    json!({"order": "A3", "items": ["summer-red-M"], "payment_method": "card-1"}),
                )]),
                Step::Says("NONE"),
            ],
        ),
        ("cancel A3", vec![cancel("A3"), Step::Says("NONE")]),
        (
            "When did I order",
            vec![
                Step::Calls(vec![("orders", json!({}))]),
                Step::Says(
                    "You ordered the mug on 18 November 2026. [2] You paid 9,999 dollars. [2]",
                ),
            ],
        ),
    ]
}

async fn ask(customer: &Browser, message: &str) {
    customer.write("#message", message).await;
    customer.write("#message", "\u{e007}").await;
}

/// Waits for the card with two buttons, and presses one of them.
async fn press(customer: &Browser, accept: bool, named: &str) {
    customer.see(".action [data-accept='true']").await;
    customer.see(".action [data-accept='false']").await;
    customer
        .see_text(".action:last-of-type dl", |text| text.contains(named))
        .await;
    customer.picture(&format!("card-{named}")).await;
    let button = format!(".action [data-accept='{accept}']");
    customer.click(&button).await;
    let said = if accept {
        "\u{2713}"
    } else {
        "Nothing was changed"
    };
    customer
        .see_text(".action:last-of-type p", |text| text.contains(said))
        .await;
    customer.picture(&format!("pressed-{named}")).await;
}

async fn talk(customer: &Browser) {
    customer.go("/").await;
    customer.choose("#customer", "mia").await;
    customer.click("#chat-open").await;
    ask(customer, "Cancel my last order please, I no longer need it").await;
    press(customer, true, "A1").await;
    ask(
        customer,
        &format!("And send the other one to {NEW_ADDRESS}"),
    )
    .await;
    press(customer, false, "A2").await;
    ask(customer, "I want to return the red one").await;
    press(customer, true, "A3").await;
    ask(customer, "Now cancel A3 as well").await;
    let refused = "This is not possible as the order or the item stands now.";
    customer
        .see_text(".turn.agent .words", |text| text.contains(refused))
        .await;
    customer.picture("refused").await;
    // What a model says is held against the records: the one figure stands
    // there, the other does not.
    ask(customer, "When did I order the mug, and what did I pay?").await;
    customer
        .see_text(".turn.agent .words", |text| {
            text.contains("18 November 2026")
        })
        .await;
    let said = customer.texts(".turn.agent .words").await;
    assert!(!said.iter().any(|text| text.contains("9,999")), "{said:?}");
    customer.picture("told").await;
    customer.fits().await;
}

/// Exactly what was confirmed has changed, and the model has read nothing that
/// tells who the customer is.
fn check(server: &Server, model: &LanguageModel) {
    let listed = server.get("/v1/orders?limit=100");
    let orders = listed["items"].as_array().or(listed["orders"].as_array());
    let orders = orders.unwrap_or_else(|| panic!("{listed:#}"));
    let order = |id: &str| orders.iter().find(|one| one["id"] == id).unwrap();
    assert_eq!(order("A1")["status"], "cancelled");
    assert_eq!(order("A2")["status"], "pending");
    assert_eq!(order("A3")["status"], "return requested");
    let text = |value: &Value| value.to_string();
    assert!(
        text(order("A2")).contains("7 Quiet Lane"),
        "{}",
        order("A2")
    );
    let heard = model.heard().to_lowercase();
    for secret in ["moneypenny", "mia@", "quiet lane", "elm street", "ba1 1aa"] {
        assert!(
            !heard.contains(secret),
            "{secret} left the machine: {heard}"
        );
    }
}
