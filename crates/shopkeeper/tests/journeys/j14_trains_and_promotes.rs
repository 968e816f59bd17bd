//! J14: starts a training, reads the gate's report, promotes, rolls back, while
//! customers go on asking.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use crate::browser::{Browser, Driver, Screen, walk};
use crate::catalogue;
use crate::program::{Server, Shop};

#[tokio::test(flavor = "multi_thread")]
async fn j14_trains_promotes_and_rolls_back_while_the_shop_is_open() {
    let Some(driver) = Driver::start() else {
        return;
    };
    for screen in Screen::ALL {
        let shop = Shop::new();
        catalogue::fill(&shop);
        buy(&shop, 0);
        let server = shop.serve();
        let customers = Customers::come(&server);
        let owner = driver.open("j14-owner", screen, &server.address).await;
        walk(vec![owner], |browsers| async {
            tokio::task::block_in_place(|| assert_eq!(served(&server), None));
            train_twice(&browsers[0], &shop, &server).await;
            promote_and_roll_back(&browsers[0], &server).await;
            browsers
        })
        .await;
        let answered = tokio::task::block_in_place(|| customers.leave());
        assert!(answered.len() > 20, "{answered:?}");
        let failed: BTreeSet<&String> = answered.iter().filter(|one| *one != "200").collect();
        assert!(failed.is_empty(), "{failed:?}");
        server.stop();
    }
}

/// People who buy in the same order, so that the next purchase can be learnt.
fn buy(shop: &Shop, round: usize) {
    let goods = ["mug", "tea-green", "hat", "belt", "press-red", "table"];
    let orders: Vec<Value> = (0..40)
        .flat_map(|person| {
            let ordered = (0..4).map(move |step| {
                let bought = goods[(person + step) % goods.len()];
                json!({"id": format!("r{round}-{person}-{step}"), "customer_id": format!("r{round}-{person}"),
                       "time": format!("2026-10-{:02}T10:00:00Z", 5 * round + step + 1), "status": "delivered",
                       "lines": [{"product_id": bought, "quantity": 1}]})
            });
            ordered.collect::<Vec<_>>()
        })
        .collect();
    let customers: Vec<Value> = (0..40)
        .map(|person| json!({"id": format!("r{round}-{person}")}))
        .collect();
    shop.import("customers", &customers);
    shop.import("orders", &orders);
}

/// Customers who ask all the time from another thread.
struct Customers {
    gone: Arc<AtomicBool>,
    asking: std::thread::JoinHandle<Vec<String>>,
}

impl Customers {
    fn come(server: &Server) -> Self {
        let gone = Arc::new(AtomicBool::new(false));
        let search = server.url("/v1/search?q=red%20dress");
        let recommend = server.url("/v1/recommendations");
        let leave = gone.clone();
        let asking = std::thread::spawn(move || {
            let mut answered = Vec::new();
            while !leave.load(Ordering::Relaxed) {
                let wanted = json!({"customer": "c1"}).to_string();
                let post = ureq::post(&recommend).header("content-type", "application/json");
                for answer in [ureq::get(&search).call(), post.send(wanted)] {
                    answered.push(match answer {
                        Ok(answer) => answer.status().as_u16().to_string(),
                        Err(error) => error.to_string(),
                    });
                }
                std::thread::sleep(std::time::Duration::from_millis(100));
            }
            answered
        });
        Self { gone, asking }
    }

    /// What each request was answered with.
    fn leave(self) -> Vec<String> {
        self.gone.store(true, Ordering::Relaxed);
        self.asking.join().unwrap()
    }
}

/// The version that a recommendation says it was made by.
fn served(server: &Server) -> Option<String> {
    let answer = server.post("/v1/recommendations", &json!({"customer": "c1"}));
    let mut models = answer["models"].as_array().unwrap().iter();
    let model = models.find(|model| model["service"] == "recommend")?;
    model["version"].as_str().map(str::to_owned)
}

/// What the page says serves; what a customer is answered by is the same.
async fn says_serves(owner: &Browser, server: &Server) -> Option<String> {
    let shown = owner
        .attributes("#recommend .pane.serves h3", "title")
        .await
        .pop();
    assert_eq!(tokio::task::block_in_place(|| served(server)), shown);
    shown
}

/// Starts a training on the page and waits until the page shows what came of it.
async fn train(owner: &Browser) {
    owner
        .leave_after("[data-post='/v1/train']", async {
            owner.see("#training progress").await;
            owner
                .see_text("#training [role=status]", |text| text.len() > 3)
                .await;
            owner.picture("trains").await;
        })
        .await;
}

async fn train_twice(owner: &Browser, shop: &Shop, server: &Server) {
    owner.go("/console/models").await;
    owner.picture("nothing-trained").await;
    train(owner).await;
    let report = owner.see_text("#recommend details.gate summary", |text| !text.is_empty());
    println!("the gate: {}", report.await);
    owner.click("#recommend details.gate summary").await;
    owner
        .see_text("#recommend details.gate li", |text| text.contains('·'))
        .await;
    owner.picture("gate").await;
    owner.fits().await;
    says_serves(owner, server).await;

    tokio::task::block_in_place(|| buy(shop, 1));
    train(owner).await;
    owner.picture("two-versions").await;
    let versions = owner.attributes("#recommend .pane h3", "title").await;
    assert_eq!(versions.len(), 2, "{versions:?}");
}

async fn promote_and_roll_back(owner: &Browser, server: &Server) {
    let promote = "#recommend [data-post$='/promote']";
    // Each of the two once, whichever the gate let serve.
    if says_serves(owner, server).await.is_none() {
        owner.follow(promote).await;
    }
    let first = says_serves(owner, server).await;
    assert!(first.is_some());
    owner.follow(promote).await;
    let second = says_serves(owner, server).await;
    assert!(second.is_some() && second != first, "{first:?} {second:?}");
    owner.picture("promoted").await;
    owner.follow("#recommend [data-post$='/rollback']").await;
    assert_eq!(says_serves(owner, server).await, first);
    owner.picture("rolled-back").await;
    owner.fits().await;
}
