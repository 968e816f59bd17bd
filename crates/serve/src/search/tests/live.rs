//! What changes is found at once, what is private stays so.

use super::*;

fn found(shop: &Shop, q: &str, facets: &[&str], filter: &str) -> SearchResults {
    shop.search(&SearchRequest {
        facets: facets.iter().map(|facet| (*facet).to_owned()).collect(),
        filter: filter.parse().unwrap(),
        ..SearchRequest::new(q)
    })
}

#[test]
fn a_new_a_changed_and_a_removed_product_are_seen_without_building_anew() {
    let mut shop = Shop::new(english());
    let before = found(&shop, "", &["category"], "").total;
    let mut mouse = shop
        .snapshot
        .catalogue
        .by_id(&id("mouse"))
        .unwrap()
        .as_ref()
        .clone();
    mouse.title = "Cordless trackball".to_owned();
    mouse.price = Some(Money::new(123, Currency::USD));
    shop.append(vec![
        Record::Product(product("zither", "Zorblax zither", &["Music"], 900)),
        Record::Product(mouse),
    ]);
    shop.remove("tea");
    shop.refresh();
    assert_eq!(shop.ids("zorblax"), ["zither"]);
    // A word that only a new product has is completed and mended as any other.
    assert_eq!(shop.ids("zorbl"), ["zither"]);
    assert_eq!(shop.ids("zorblaks zither"), ["zither"]);
    assert_eq!(shop.suggestions("zorb"), ["Zorblax zither"]);
    assert_eq!(shop.ids("trackball"), ["mouse"]);
    assert!(!shop.ids("wireless mouse").contains(&"tea".to_owned()));
    assert!(shop.ids("green tea").is_empty());
    assert!(
        !shop
            .suggestions("wirel")
            .contains(&"Wireless Mouse".to_owned())
    );
    let music = found(&shop, "", &["category"], "category = music");
    assert_eq!(ids(&music), ["zither"]);
    let all = found(&shop, "", &["*"], "");
    assert_eq!(all.total, before);
    assert_eq!(shop.index.len(), before);
    assert!(
        all.facets["category"]
            .iter()
            .any(|value| value.value == "Music")
    );
    let cheap = found(&shop, "", &[], "price <= 123");
    assert_eq!(ids(&cheap), ["mouse"]);
    assert_eq!(shop.index.changes(), 2);

    // Everything indexed anew says the same.
    let anew = Index::build(&shop.snapshot.catalogue).unwrap();
    for q in [
        "zorblax",
        "trackball",
        "laptop",
        "wireless",
        "green tea",
        "",
    ] {
        let request = SearchRequest::new(q);
        let built = search(&shop.context(), &anew, None, &request).unwrap();
        assert_eq!(shop.ids(q), ids(&built.content), "{q}");
    }
}

#[test]
fn what_is_changed_back_is_no_change() {
    let mut shop = Shop::new(english());
    let tea = shop
        .snapshot
        .catalogue
        .by_id(&id("tea"))
        .unwrap()
        .as_ref()
        .clone();
    shop.remove("tea");
    shop.refresh();
    assert_eq!(shop.index.changes(), 1);
    shop.append(vec![Record::Product(tea)]);
    shop.refresh();
    assert_eq!(shop.index.changes(), 0);
    assert_eq!(shop.ids("green tea")[0], "tea");
    assert!(shop.index.refreshed(&shop.snapshot).is_none());
}

#[test]
fn equal_products_come_in_the_order_of_their_ids() {
    let lamp = |name: &str| product(name, "Lamp", &["Lamps"], 100);
    let mut shop = Shop::new(vec![lamp("d"), lamp("b"), lamp("f")]);
    assert_eq!(shop.ids("lamp"), ["b", "d", "f"]);
    shop.append(vec![Record::Product(lamp("c")), Record::Product(lamp("a"))]);
    shop.refresh();
    assert_eq!(shop.ids("lamp"), ["a", "b", "c", "d", "f"]);
    assert_eq!(shop.ids(""), ["a", "b", "c", "d", "f"]);
}

#[test]
fn a_facet_that_is_chosen_says_what_another_choice_would_give() {
    let lamp = |name: &str, brand: &str, price| {
        let mut lamp = product(name, "Lamp", &["Lamps"], price);
        lamp.brand = Some(brand.to_owned());
        lamp
    };
    let shop = Shop::new(vec![
        lamp("a", "Acme", 5),
        lamp("b", "Big Co", 5),
        lamp("c", "Big Co", 9),
    ]);
    let values = |results: &SearchResults, facet: &str| -> Vec<(String, u64)> {
        let values = results.facets[facet].iter();
        values.map(|one| (one.value.clone(), one.count)).collect()
    };
    let results = found(&shop, "lamp", &["brand", "category"], "brand = acme");
    assert_eq!(results.total, 1);
    assert_eq!(
        values(&results, "brand"),
        [("Big Co".to_owned(), 2), ("Acme".to_owned(), 1)]
    );
    assert_eq!(values(&results, "category"), [("Lamps".to_owned(), 1)]);
    // Other conditions hold.
    let results = found(&shop, "lamp", &["brand"], "brand = acme AND price <= 5");
    assert_eq!(
        values(&results, "brand"),
        [("Acme".to_owned(), 1), ("Big Co".to_owned(), 1)]
    );
    let plain = shop.search(&SearchRequest {
        facets: vec!["brand".into()],
        disjunctive: false,
        filter: "brand = acme".parse().unwrap(),
        ..SearchRequest::new("lamp")
    });
    assert_eq!(values(&plain, "brand"), [("Acme".to_owned(), 1)]);
}

fn asked(query: &str, product: &str, customer: &str) -> [Record; 2] {
    [EventKind::Search, EventKind::Click].map(|kind| {
        let mut event = Event::new(kind, Timestamp::from_seconds(1_700_000_000));
        event.query = Some(query.to_owned());
        event.customer_id = Some(id(customer));
        event.product_id = (kind == EventKind::Click).then(|| id(product));
        Record::Event(event)
    })
}

#[test]
fn what_one_customer_asks_is_suggested_to_nobody_else() {
    let mut shop = Shop::new(english());
    let secret = "laptop for anna's divorce";
    for _ in 0..20 {
        shop.append(asked(secret, "laptop", "anna").to_vec());
    }
    for customer in ["anna", "ben", "cleo"] {
        shop.append(asked("laptop stand", "stand", customer).to_vec());
        shop.append(asked("light laptop", "stand", customer).to_vec());
    }
    shop.refresh();
    let to = |customer: Option<&str>, q: &str| -> Vec<String> {
        let request = SuggestRequest {
            q: q.to_owned(),
            limit: 20,
            customer: customer.map(id),
            session: None,
        };
        let decision = suggest(&shop.context(), &shop.index, &request).unwrap();
        let suggestions = decision.content.suggestions.into_iter();
        suggestions.map(|one| one.text).collect()
    };
    for q in ["", "l", "laptop", "laptop for", "divorce", "anna"] {
        for customer in [None, Some("ben")] {
            assert!(!to(customer, q).iter().any(|text| text == secret), "{q}");
        }
    }
    assert!(to(None, "lap").contains(&"laptop stand".to_owned()));
    assert!(to(Some("anna"), "lap").contains(&secret.to_owned()));
    // Nor is it named beside an answer.
    let results = shop.search(&SearchRequest::new("laptop stand"));
    assert_eq!(results.related, ["light laptop"]);
    let mut anna = Customer::new(id("anna"));
    anna.consent.personalisation = false;
    shop.append(vec![Record::Customer(anna)]);
    let request = SuggestRequest {
        q: "laptop for".to_owned(),
        customer: Some(id("anna")),
        ..SuggestRequest::default()
    };
    let decision = suggest(&shop.context(), &shop.index, &request).unwrap();
    assert!(decision.content.suggestions.is_empty());
}

#[test]
fn a_shop_that_begins_empty_is_indexed_anew_with_its_first_products() {
    let mut shop = Shop::new(Vec::new());
    shop.append(vec![Record::Product(Product::new(
        id("kettle"),
        "Red kettle".to_owned(),
    ))]);
    shop.refresh();
    assert!(shop.index.needs_merge());
    let mut shop = Shop {
        index: Index::build(&shop.snapshot.catalogue).unwrap(),
        snapshot: shop.snapshot,
    };
    assert_eq!(shop.ids("kettle"), ["kettle"]);
    // As many as there are may stand beside what is indexed.
    shop.append(vec![Record::Product(Product::new(
        id("lamp"),
        "Blue lamp".to_owned(),
    ))]);
    shop.refresh();
    assert!(!shop.index.needs_merge());
    assert_eq!(shop.ids("lamp"), ["lamp"]);
}
