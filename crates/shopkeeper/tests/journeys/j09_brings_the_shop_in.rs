//! J09, its import part: an owner opens the console of an empty folder, drops
//! in what the old shop exports, corrects a guess, stores, trains, and sees the
//! shop. The same over HTTP for the next file.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::browser::{Browser, Driver, Screen, walk};
use crate::language_model::{LanguageModel, Step};
use crate::program::{Server, Shop};

/// What the old shop's program writes: `name` is the kind of goods, and a price
/// in it is broken.
const PRODUCTS: &str = "sku,name,item,price,colour\n\
    S-1,Tea,Sencha from Uji,\"12,90\",green\n\
    S-2,Tea,Assam in tins,\"8,50\",black\n\
    S-3,Pots,Iron pot,\"59,00\",black\n\
    S-4,Pots,Glass pot,twenty,clear\n";
const NEXT_PRODUCTS: &str = "sku,name,item,price,colour\nS-5,Cups,Paper-thin cup,\"14,00\",white\n";
const ORDERS: &str = "order id,customer id,date,sku,quantity,price\n\
    1001,c1,2026-10-03 10:00,S-1,2,\"12,90\"\n\
    1001,c1,2026-10-03 10:00,S-3,1,\"59,00\"\n\
    1002,c2,2026-10-05 18:30,S-2,1,\"8,50\"\n";
const CUSTOMERS: &str = "customer id,email,first name,last name,country\n\
    c1,ada@example.com,Ada,Byron,GB\nc2,max@example.com,Max,Born,DE\n";
const REVIEWS: &str = "review id,product id,rating,review,date\n\
    r1,S-1,5,Fresh and sweet,2026-10-20\nr2,S-3,2,It rusts after a week,2026-10-25\n";
const RETURNS: &str = "# Returns\n\nUnopened tea may be sent back within 45 days.\n";
const SHIPPING: &str = "# Shipping\n\nWe send parcels on Tuesdays and Fridays.\n";

#[tokio::test(flavor = "multi_thread")]
async fn j09_brings_the_exports_of_a_shop_in() {
    let Some(driver) = Driver::start() else {
        return;
    };
    for screen in Screen::ALL {
        let shop = Shop::new();
        let server = shop.serve();
        let owner = driver.open("j09", screen, &server.address).await;
        walk(vec![owner], |browsers| async {
            let owner = &browsers[0];
            owner.go("/console").await;
            owner.follow("main a[href='/console/import']").await;
            products(owner, &shop).await;
            tokio::task::block_in_place(|| only_products_are_stored(&server));
            others(owner, &shop).await;
            tokio::task::block_in_place(|| all_is_stored(&server));
            known_the_next_time(owner, &shop, &server).await;
            owner.follow("#next a").await;
            train(owner).await;
            shows_the_shop(owner).await;
            browsers
        })
        .await;
        server.stop();
    }
}

/// The card of the nth file, or what is in it.
fn card(number: usize, inside: &str) -> String {
    format!("#uploads article:nth-of-type({number}) {inside}")
}

/// Looks at the first file, answers what it leaves open and corrects a guess;
/// only then it is stored.
async fn products(owner: &Browser, shop: &Shop) {
    let file = shop.file("products.csv", PRODUCTS);
    owner.upload("#files", &[file]).await;
    owner
        .see_text(&card(1, "[data-status]"), |text| text.contains("currency"))
        .await;
    owner.picture("asks-for-the-currency").await;
    assert!(owner.is_disabled(&card(1, "[data-store]")).await);
    owner
        .write(&card(1, "[name=currency]"), "eur\u{e007}")
        .await;
    owner
        .see_text(&card(1, "[data-status]"), |text| {
            text == "Can be stored: 3. Refused: 1."
        })
        .await;
    owner.click(&card(1, "[data-problems] summary")).await;
    owner
        .see_text(&card(1, "[data-problems] li"), |text| {
            text.contains("Line 5, price") && text.contains("not an amount")
        })
        .await;

    owner.click(&card(1, "[data-columns] summary")).await;
    let means = |column: &str| card(1, &format!("select[data-column='{column}']"));
    owner.pick(&means("item"), "title").await;
    owner.pick(&means("name"), "category").await;
    owner.click(&card(1, "[data-examples] summary")).await;
    owner
        .see_text(&card(1, "[data-examples] tbody tr:first-child"), |text| {
            text.contains("Sencha from Uji") && text.contains("12.90")
        })
        .await;
    owner.picture("columns").await;
    owner.fits().await;
    owner.write(&card(1, "[name=save]"), "old shop").await;
    owner.click(&card(1, "[data-store]")).await;
    owner
        .see_text(&card(1, "[data-status]"), |text| {
            text == "Stored: 3. Unchanged: 0. Refused: 1."
        })
        .await;
    owner.picture("stored").await;
}

fn only_products_are_stored(server: &Server) {
    let product = server.get("/v1/products/S-1");
    assert_eq!(product["title"], "Sencha from Uji", "{product}");
    assert_eq!(product["category"], json!(["Tea"]));
    assert_eq!(product["price"], json!({"amount": 1290, "currency": "EUR"}));
    assert_eq!(server.get("/v1/products")["total"], 3);
    assert_eq!(server.get("/v1/documents")["total"], 0);
}

/// Everything else at once; what is no file of a shop is refused and keeps
/// nothing from coming in.
async fn others(owner: &Browser, shop: &Shop) {
    let files: Vec<PathBuf> = [
        ("orders.csv", ORDERS),
        ("customers.csv", CUSTOMERS),
        ("reviews.csv", REVIEWS),
        ("returns.md", RETURNS),
        ("shipping.md", SHIPPING),
        ("nothing.bin", "\u{0}\u{1}\u{2}\u{3}"),
    ]
    .map(|(name, content)| shop.file(name, content))
    .to_vec();
    owner.upload("#files", &files).await;
    // The currency was said before; where the clock hung was not.
    owner
        .see_text(&card(2, "[data-status]"), |text| text.contains("time zone"))
        .await;
    owner
        .write(&card(2, "[name=time_zone]"), "Europe/Berlin\u{e007}")
        .await;
    for number in 2..=6 {
        owner
            .see_text(&card(number, "[data-status]"), |text| {
                text.starts_with("Can be stored:") && text.ends_with("Refused: 0.")
            })
            .await;
    }
    owner
        .see_text(&card(7, "[data-error]"), |text| !text.is_empty())
        .await;
    owner.picture("others").await;
    owner.click("#store-all").await;
    for number in 2..=6 {
        owner
            .see_text(&card(number, "[data-status]"), |text| {
                text.ends_with("Unchanged: 0. Refused: 0.")
            })
            .await;
    }
    owner.click(&card(7, "[data-leave]")).await;
    owner.fits().await;
}

fn all_is_stored(server: &Server) {
    let order = server.get("/v1/orders/1001");
    // Ten o'clock in Berlin, in summer.
    assert_eq!(order["time"], "2026-10-03T08:00:00Z", "{order}");
    assert_eq!(order["lines"].as_array().map(Vec::len), Some(2));
    for (kind, count) in [
        ("customers", 2),
        ("reviews", 2),
        ("documents", 2),
        ("orders", 2),
    ] {
        let listed = server.get(&format!("/v1/{kind}"));
        assert_eq!(listed["total"], count, "{listed}");
    }
}

/// What was said of the columns goes for the next file, on the page and over
/// HTTP.
async fn known_the_next_time(owner: &Browser, shop: &Shop, server: &Server) {
    owner.reload().await;
    owner
        .see_text("#mappings", |text| text.contains("old shop"))
        .await;
    let file = shop.file("next.csv", NEXT_PRODUCTS);
    owner.upload("#files", &[file]).await;
    owner
        .see_text(&card(1, "[data-status]"), |text| {
            text.starts_with("Can be stored: 1.")
        })
        .await;
    let found = owner.texts(&card(1, "[data-found]")).await;
    assert!(found[0].starts_with("old shop"), "{found:?}");
    tokio::task::block_in_place(|| {
        let url = server.url("/v1/import/auto?name=next.csv");
        let mut answer = ureq::post(url).send(NEXT_PRODUCTS).unwrap();
        let task: Value =
            serde_json::from_str(&answer.body_mut().read_to_string().unwrap()).unwrap();
        let path = format!("/v1/tasks/{}", task["id"].as_str().unwrap());
        let ended = server.get_when(&path, |task| task["status"] != "running");
        assert_eq!(ended["result"]["accepted"], 1, "{ended}");
        let price = &server.get("/v1/products/S-5")["price"];
        assert_eq!(*price, json!({"amount": 1400, "currency": "EUR"}));
    });
    // The page looked before: to store it now changes nothing.
    owner.click(&card(1, "[data-store]")).await;
    owner
        .see_text(&card(1, "[data-status]"), |text| {
            text == "Stored: 0. Unchanged: 1. Refused: 0."
        })
        .await;
}

async fn train(owner: &Browser) {
    owner
        .leave_after("[data-post='/v1/train']", async {
            owner.see("#training progress").await;
            owner.picture("trains").await;
        })
        .await;
}

async fn shows_the_shop(owner: &Browser) {
    owner.go("/?q=sencha").await;
    owner
        .see_text(".card-title", |text| text == "Sencha from Uji")
        .await;
    owner.picture("storefront").await;
    owner.click("#chat-open").await;
    owner
        .write(
            "#message",
            "How many days do I have to send tea back?\u{e007}",
        )
        .await;
    owner
        .see_text("#chat-log .turn", |text| text.contains("within 45 days"))
        .await;
    owner.picture("answers").await;
}

/// Names that say nothing to a program are read by the shop's language model.
/// What it says is shown, and stored once somebody has said it.
#[test]
fn j09_a_language_model_suggests_what_columns_mean() {
    let shop = Shop::new();
    assert!(shop.run(&["init"]).status.success());
    let called = json!({"kind": "products", "columns": [
        {"column": "kol1", "field": "id"},
        {"column": "kol2", "field": "title"},
        {"column": "kol3", "field": "price"},
    ]});
    let model = LanguageModel::serve(vec![(
        "kol2",
        vec![Step::Calls(vec![("describe_table", called)])],
    )]);
    model.works_for(&shop);
    let file = shop.file(
        "lijst.csv",
        "kol1,kol2,kol3\nA-1,Theepot,12.50\nA-2,Kopje,4.00\n",
    );
    let file = file.to_str().unwrap();
    let said = ["--currency", "EUR"];
    let shown = shop.json(&[&["import", "--dry-run", file], &said[..]].concat());
    let shown = &shown["files"][0];
    assert!(shown["suggested_by"].is_string(), "{shown}");
    assert_eq!(shown["needs"], json!(["mapping"]));
    assert_eq!(
        shown["mapping"],
        json!({"id": "kol1", "price": "kol3", "title": "kol2"})
    );
    assert_eq!(shown["records"][0]["title"], "Theepot");
    // It is a server elsewhere: what the cells say stays here.
    let heard = model.heard();
    assert!(
        heard.contains("Aaaaaaa") && !heard.contains("Theepot"),
        "{heard}"
    );
    // Nothing is stored before somebody has said so.
    let refused = shop.run(&[&["import", file], &said[..]].concat());
    assert_eq!(refused.status.code(), Some(1));
    let map = [
        "--map",
        "id=kol1",
        "--map",
        "title=kol2",
        "--map",
        "price=kol3",
    ];
    let stored = shop.json(&[&["import", file, "--as", "products"], &said[..], &map].concat());
    assert_eq!(stored["accepted"], 2, "{stored}");
}
