//! J01: searches with a slip, narrows, sorts, chooses a size, buys.

use shop::{EventKind, Id};

use crate::browser::{Browser, Driver, Screen, walk};
use crate::catalogue;
use crate::program::{Shop, logged};

#[tokio::test(flavor = "multi_thread")]
async fn j01_a_shopper_searches_and_buys() {
    let Some(driver) = Driver::start() else {
        return;
    };
    for screen in Screen::ALL {
        let shop = Shop::new();
        catalogue::fill(&shop);
        let server = shop.serve();
        let browser = driver.open("j01", screen, &server.address).await;
        walk(vec![browser], |browsers| async move {
            shopping(&browsers[0]).await;
            browsers
        })
        .await;
        let known = tokio::task::block_in_place(|| server.get("/v1/search?q=red%20dress&limit=1"));
        assert!(
            known["corrected"].is_null(),
            "the catalogue knows both words: {known}"
        );
        server.stop();
        let data = shop.data();
        tokio::task::spawn_blocking(move || check_log(&data))
            .await
            .unwrap();
    }
}

async fn shopping(page: &Browser) {
    page.go("/").await;
    page.picture("home").await;
    page.fits().await;
    let list_before = page
        .attributes("ul.row [data-product]", "data-product")
        .await;

    page.write("#q", "red dres").await;
    page.enter("#q").await;
    let titles = page.texts(".grid .card-title").await;
    page.picture("results").await;
    page.fits().await;
    // Variants are one card, and what was meant comes before what sounds alike.
    let red_dresses = ["Red summer dress", "Red evening dress", "Red wrap dress"];
    assert!(red_dresses.contains(&titles[0].as_str()), "{titles:?}");
    for title in red_dresses {
        let cards = titles.iter().filter(|one| *one == title).count();
        assert_eq!(cards, 1, "{title} in {titles:?}");
    }
    for heading in page.texts(".section-head strong").await {
        assert!(!heading.contains("press"), "dres became {heading}");
    }

    page.click("form.refine details:nth-of-type(1) summary")
        .await;
    page.picture("brands").await;
    page.click("input[name=brand][value=Lindgren]").await;
    page.follow("form.refine details:nth-of-type(1) button")
        .await;
    page.click("form.refine details:nth-of-type(2) summary")
        .await;
    page.write("input[name=max]", "80").await;
    page.picture("price").await;
    page.follow("form.refine details:nth-of-type(2) button")
        .await;
    page.choose("select[name=sort]", "price_desc").await;
    page.picture("narrowed").await;
    page.fits().await;
    let narrowed = page.texts(".grid .card-title").await;
    assert_eq!(
        narrowed[..2],
        ["Red wrap dress", "Red summer dress"],
        "{narrowed:?}"
    );
    assert!(
        !narrowed.contains(&"Red evening dress".to_owned()),
        "{narrowed:?}"
    );

    page.follow(".grid li:nth-child(2) .card-title").await;
    // The card leads to a size that can be had.
    page.see("main[data-product=summer-red-S]").await;
    page.picture("product").await;
    page.fits().await;
    let sizes = page.texts(".variants a").await;
    assert_eq!(sizes, ["S", "M", "L"]);
    page.see(".variants a.gone").await;
    page.follow(".variants a[href^='/products/summer-red-M']")
        .await;
    page.see("main[data-product=summer-red-M]").await;
    page.click(".actions [data-event=add_to_cart]").await;
    page.see_text("#cart-count", |count| count == "1").await;
    page.click("#cart-open").await;
    page.see_text("#cart-sum", |sum| sum == "$59.00").await;
    page.picture("cart").await;
    page.click("#checkout").await;
    page.see_text("#cart-done", |done| done.contains("$59.00"))
        .await;
    page.picture("bought").await;

    page.go("/").await;
    page.picture("home-after").await;
    let list_after = page
        .attributes("ul.row [data-product]", "data-product")
        .await;
    assert_ne!(list_before, list_after, "the next list has not changed");
}

/// The order is in the log, and joined to the search that led to it.
fn check_log(data: &std::path::Path) {
    let (orders, events) = logged(data);
    let bought = orders.last().unwrap();
    let line = &bought.lines[0];
    assert_eq!(line.product_id.as_str(), "summer-red-M");
    assert_eq!(line.price.unwrap().amount, 5_900);
    assert_eq!(bought.total.unwrap().amount, 5_900);
    let of = |kind: EventKind| events.iter().filter(move |event| event.kind == kind);
    let purchase = of(EventKind::Purchase).next().unwrap();
    assert_eq!(purchase.properties["order_id"], bought.id.as_str());
    let decision = purchase.decision_id.as_ref().unwrap();
    assert_eq!(line.properties["decision_id"], decision.as_str());
    let searches: Vec<&Id> = of(EventKind::Search)
        .filter_map(|event| event.decision_id.as_ref())
        .collect();
    assert!(
        searches.contains(&decision),
        "{decision} is none of {searches:?}"
    );
}
