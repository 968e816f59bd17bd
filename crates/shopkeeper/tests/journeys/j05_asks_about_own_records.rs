//! J05: asks for points and parcels in several languages, signed in and not.
//! No language model is configured.

use serde_json::json;

use crate::browser::{Browser, Driver, Screen, walk};
use crate::catalogue;
use crate::program::{Server, Shop};

#[tokio::test(flavor = "multi_thread")]
async fn j05_a_customer_hears_of_their_own_records_alone() {
    let Some(driver) = Driver::start() else {
        return;
    };
    for screen in Screen::ALL {
        let shop = Shop::new();
        fill(&shop);
        let server = shop.serve();
        tokio::task::block_in_place(|| {
            server.post("/v1/points/mia/earn", &json!({"points": 120}));
        });
        let customer = driver.open("j05-customer", screen, &server.address).await;
        walk(vec![customer], |browsers| async move {
            talk(&browsers[0]).await;
            browsers
        })
        .await;
        tokio::task::block_in_place(|| check(&server));
        server.stop();
    }
}

fn fill(shop: &Shop) {
    catalogue::fill(shop);
    shop.import("customers", &[json!({"id": "mia", "name": "Mia"})]);
    let order = |id: &str, customer: &str, status: &str, parcel: &str| {
        json!({
            "id": id, "customer_id": customer, "time": "2026-11-20T10:00:00Z", "status": status,
            "lines": [{"product_id": "hat", "quantity": 1}],
            "tracking": {"carrier": "DHL", "number": parcel},
        })
    };
    let mia = order("M1", "mia", "in transit", "TRK-MIA");
    let other = order("X1", "c1", "in transit", "TRK-OTHER");
    shop.import("orders", &[mia, other]);
}

async fn ask(customer: &Browser, message: &str, answer: &str) {
    customer.write("#message", message).await;
    customer.write("#message", "\u{e007}").await;
    customer
        .see_text(".turn.agent .words", |text| text.contains(answer))
        .await;
}

async fn talk(customer: &Browser) {
    customer.go("/").await;
    customer.click("#chat-open").await;
    // Nobody is signed in.
    ask(customer, "Where is my parcel?", "sign in").await;
    customer.picture("guest").await;
    let said = customer.texts(".turn.agent .words").await;
    assert!(!said.iter().any(|text| text.contains("TRK")), "{said:?}");
    customer.choose("#customer", "mia").await;
    if customer.texts("#chat[hidden]").await.len() == 1 {
        customer.click("#chat-open").await;
    }
    ask(
        customer,
        "How many points do I have?",
        "You have 120 points",
    )
    .await;
    ask(
        customer,
        "Wie viele Punkte habe ich?",
        "Sie haben 120 Punkte",
    )
    .await;
    ask(customer, "我现在有多少积分？", "您有120积分").await;
    customer.picture("points").await;
    ask(customer, "where's my parcel", "TRK-MIA").await;
    customer.picture("parcel").await;
    ask(customer, "What did I order in November?", "hat").await;
    let said = customer.texts(".turn.agent .words").await;
    assert!(
        !said.iter().any(|text| text.contains("TRK-OTHER")),
        "{said:?}"
    );
    customer.fits().await;
}

/// Nothing was changed by asking, and two conversations are in the log: the
/// guest's and the customer's.
fn check(server: &Server) {
    assert_eq!(server.get("/v1/points/mia")["points"], 120);
    let answer = server.get("/v1/conversations?limit=10");
    let conversations = answer["conversations"].as_array().unwrap();
    assert_eq!(conversations.len(), 2, "{answer:#}");
}
