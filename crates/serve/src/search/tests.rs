mod fields;
mod found;
mod live;
mod order;
mod pages;
mod private;
mod reported;
mod rules;

use std::collections::BTreeMap;

use corpus::search::{Field, Ranker};
use serde_json::json;
use shop::{
    Availability, Currency, Customer, Event, EventKind, Filter, Id, Kind, Money, Product, Record,
    StageOutcome, Timestamp,
};
use store::{Entry, LogEntry, Snapshot};

use super::model::RANKER_FILE;
use super::*;
use crate::{Context, Decision, ServeError};

fn id(text: &str) -> Id {
    Id::new(text).unwrap()
}

struct Shop {
    snapshot: Snapshot,
    index: Index,
}

impl Shop {
    fn new(products: Vec<Product>) -> Self {
        let mut snapshot = Snapshot::default();
        let records = products.into_iter().map(Record::Product).collect();
        append(&mut snapshot, records);
        let index = Index::build(&snapshot.catalogue).unwrap();
        Self { snapshot, index }
    }

    fn append(&mut self, records: Vec<Record>) {
        append(&mut self.snapshot, records);
    }

    fn remove(&mut self, product: &str) {
        self.snapshot.extend(&[LogEntry {
            sequence: self.snapshot.sequence + 1,
            id: format!("removal of {product}"),
            entry: Entry::Removed {
                kind: Kind::Products,
                id: id(product),
            },
        }]);
    }

    /// As the server does a few times a second.
    fn refresh(&mut self) {
        if let Some(index) = self.index.refreshed(&self.snapshot) {
            self.index = index;
        }
    }

    fn decide(&self, request: &SearchRequest) -> Decision<SearchResults> {
        search(&self.context(), &self.index, None, request).unwrap()
    }

    fn search(&self, request: &SearchRequest) -> SearchResults {
        self.decide(request).content
    }

    fn ids(&self, q: &str) -> Vec<String> {
        ids(&self.search(&SearchRequest::new(q)))
    }

    fn suggestions(&self, q: &str) -> Vec<String> {
        let request = SuggestRequest {
            q: q.to_owned(),
            limit: 5,
            ..SuggestRequest::default()
        };
        let decision = suggest(&self.context(), &self.index, &request).unwrap();
        let suggestions = decision.content.suggestions.into_iter();
        suggestions.map(|suggestion| suggestion.text).collect()
    }

    fn context(&self) -> Context<'_> {
        Context {
            snapshot: &self.snapshot,
            decision_id: id("d"),
            now: Timestamp::from_seconds(1_800_000_000),
            seed: 1,
        }
    }
}

fn append(snapshot: &mut Snapshot, records: Vec<Record>) {
    let next = snapshot.sequence + 1;
    let entries: Vec<LogEntry> = (next..)
        .zip(records)
        .map(|(sequence, record)| LogEntry {
            sequence,
            id: format!("e{sequence}"),
            entry: Entry::Record(record),
        })
        .collect();
    snapshot.extend(&entries);
}

fn ids(results: &SearchResults) -> Vec<String> {
    results.hits.iter().map(|hit| hit.id.to_string()).collect()
}

fn product(name: &str, title: &str, category: &[&str], amount: i64) -> Product {
    let mut product = Product::new(id(name), title.to_owned());
    product.category = category.iter().map(|part| (*part).to_owned()).collect();
    product.price = Some(Money::new(amount, Currency::USD));
    product
}

fn english() -> Vec<Product> {
    let mut products = vec![
        product(
            "laptop",
            "Acer Swift Laptop 14",
            &["Computers", "Laptops"],
            89_900,
        ),
        product("bag", "Laptop Bag, black", &["Bags"], 3_900),
        product(
            "stand",
            "Aluminium Stand for Laptops",
            &["Accessories"],
            2_900,
        ),
        product("mouse", "Wireless Mouse", &["Computers", "Mice"], 1_900),
        product(
            "keyboard",
            "Wireless Keyboard",
            &["Computers", "Keyboards"],
            4_900,
        ),
        product("speaker", "Bluetooth Speaker", &["Audio"], 5_900),
        product("watch", "Acme Smartwatch 2", &["Wearables"], 19_900),
        product("cable", "USB-C Cable 2m", &["Accessories"], 900),
        product("router", "Wi-Fi Router", &["Network"], 7_900),
        product("drive", "External Drive 500GB", &["Storage"], 6_900),
        product("tea", "Green Tea", &["Groceries"], 500),
        product("cafe", "Crème Brûlée Coffee", &["Groceries"], 700),
        product("boots", "Men’s Running Shoes", &["Shoes"], 8_900),
    ];
    products[1]
        .attributes
        .insert("colour".into(), json!("Black"));
    products[3].brand = Some("Logi".into());
    products[3].description = Some("A small <b>mouse</b> & nothing else. ".repeat(12));
    products[4].brand = Some("Acme".into());
    products
}

fn chinese() -> Vec<Product> {
    let mut products = vec![
        product(
            "quilt",
            "日式法兰绒格子四件套",
            &["居家", "床品件套"],
            39_900,
        ),
        product(
            "blanket",
            "澳洲纯羊毛盖毯 加厚款",
            &["居家", "床品件套"],
            29_900,
        ),
        product("shoes", "Nike Air 女式运动鞋", &["服装", "鞋"], 59_900),
        product("phone", "小米手机 12 Pro 5G", &["数码", "手机"], 399_900),
        product("case", "iPhone15 手机壳", &["数码", "配件"], 4_900),
        product("teapot", "紫砂茶壶", &["茶具"], 19_900),
    ];
    for product in &mut products {
        product.language = Some("zh".into());
    }
    products
}

#[test]
fn english_queries_find_first() {
    let shop = Shop::new(english());
    for (query, first) in [
        ("laptop", "laptop"),
        ("laptops", "laptop"),
        ("laptop bag", "bag"),
        ("bag for a laptop", "bag"),
        ("labtop", "laptop"),
        ("wireles keybord", "keyboard"),
        ("bleutooth", "speaker"),
        ("key", "keyboard"),
        ("blueto", "speaker"),
        ("smart watch", "watch"),
        ("usb c", "cable"),
        ("usbc", "cable"),
        ("USB-C", "cable"),
        ("wifi", "router"),
        ("wi fi", "router"),
        ("500 gb", "drive"),
        ("creme brulee", "cafe"),
        ("CRÈME", "cafe"),
        ("mens shoe", "boots"),
        ("acme", "keyboard"),
        ("GREEN   tea!!", "tea"),
    ] {
        let found = shop.ids(query);
        // Two products are Acme's; the brand says more than the title.
        let first_found = found.first().map(String::as_str);
        if query == "acme" {
            assert!(found.len() == 2, "{found:?}");
        } else {
            assert_eq!(first_found, Some(first), "{query}: {found:?}");
        }
    }
}

#[test]
fn chinese_and_mixed_queries_find_first() {
    let mut products = chinese();
    products.extend(english());
    let shop = Shop::new(products);
    for (query, first) in [
        ("四件套", "quilt"),
        ("兰绒", "quilt"),
        ("格子", "quilt"),
        ("羊毛盖毯", "blanket"),
        ("运动鞋", "shoes"),
        ("nike 运动鞋", "shoes"),
        ("手机壳", "case"),
        ("iphone15", "case"),
        ("手机", "phone"),
        ("我想买一个茶壶", "teapot"),
        ("ＮＩＫＥ", "shoes"),
        ("laptop", "laptop"),
    ] {
        let found = shop.ids(query);
        assert_eq!(
            found.first().map(String::as_str),
            Some(first),
            "{query}: {found:?}"
        );
    }
}

#[test]
fn any_two_neighbouring_characters_find() {
    let shop = Shop::new(chinese());
    for product in chinese() {
        let letters: Vec<char> = product.title.chars().collect();
        for pair in letters.windows(2) {
            if pair.iter().all(|c| ('\u{4e00}'..='\u{9fff}').contains(c)) {
                let query: String = pair.iter().collect();
                assert!(
                    shop.ids(&query).contains(&product.id.to_string()),
                    "{query}"
                );
            }
        }
    }
}

#[test]
fn the_words_found_are_marked_and_everything_else_is_escaped() {
    let shop = Shop::new(english());
    let results = shop.search(&SearchRequest::new("mouse"));
    let hit = &results.hits[0];
    assert_eq!(hit.highlight[&Field::Title], "Wireless <mark>Mouse</mark>");
    let description = &hit.highlight[&Field::Description];
    assert!(description.starts_with("A small &lt;b&gt;<mark>mouse</mark>&lt;/b&gt; &amp; "));
    assert!(description.ends_with('…'), "{description}");
    assert_eq!(
        hit.reasons[0],
        Reason::Words {
            field: Field::Title,
            words: vec!["mouse".into()]
        }
    );
    let chinese = Shop::new(chinese());
    let results = chinese.search(&SearchRequest::new("兰绒"));
    assert_eq!(
        results.hits[0].highlight[&Field::Title],
        "日式法<mark>兰绒</mark>格子四件套"
    );
}

#[test]
fn filters_sorts_facets_and_pages() {
    let shop = Shop::new(english());
    let request = |q: &str, filter: &str, sort: Sort| SearchRequest {
        filter: filter.parse().unwrap(),
        sort,
        facets: vec!["*".into()],
        ..SearchRequest::new(q)
    };
    let cheap = shop.search(&request("laptop", "price <= 5000", Sort::PriceAsc));
    assert_eq!(ids(&cheap), ["stand", "bag"]);
    assert_eq!(cheap.facets["colour"][0].count, 1);
    let dear = shop.search(&request("laptop", "", Sort::PriceDesc));
    assert_eq!(ids(&dear), ["laptop", "bag", "stand"]);
    // Not the cheapest thing that is wireless or a mouse.
    let both = shop.search(&request("wireless mouse", "", Sort::PriceAsc));
    assert_eq!(ids(&both), ["mouse"]);
    let all = shop.search(&request("", "", Sort::Relevance));
    assert_eq!(all.total, english().len());
    assert_eq!(all.facets["category"][0].value, "Computers");
    assert_eq!(all.facets["category"][0].count, 3);
    let priced: u64 = all.facets["price"].iter().map(|range| range.count).sum();
    assert_eq!(priced, english().len() as u64);
    let mut paged = Vec::new();
    for offset in (0..all.total).step_by(4) {
        paged.extend(ids(&shop.search(&SearchRequest {
            limit: 4,
            offset,
            ..SearchRequest::default()
        })));
    }
    assert_eq!(paged, ids(&all));
}

#[test]
fn what_cannot_be_ordered_ranks_lower_unless_filtered_out() {
    let mut products = vec![
        product("sold", "Green Tea", &["Tea"], 500),
        product("there", "Green Tea", &["Tea"], 500),
    ];
    products[0].availability = Availability::OutOfStock;
    let shop = Shop::new(products);
    let results = shop.search(&SearchRequest::new("green tea"));
    assert_eq!(ids(&results), ["there", "sold"]);
    assert!(results.hits[1].reasons.contains(&Reason::Unavailable));
    let filtered = shop.search(&SearchRequest {
        filter: "in_stock = true".parse().unwrap(),
        ..SearchRequest::new("green tea")
    });
    assert_eq!(ids(&filtered), ["there"]);
}

fn event(kind: EventKind, query: Option<&str>, product: &str, session: &str) -> Record {
    let mut event = Event::new(kind, Timestamp::from_seconds(1_700_000_000));
    event.query = query.map(str::to_owned);
    event.product_id = Some(id(product));
    event.session_id = Some(id(session));
    Record::Event(event)
}

#[test]
fn a_click_changes_the_order_of_the_next_search() {
    let teas = ["a", "b", "c"].map(|name| product(name, "Green Tea", &["Tea"], 500));
    let mut shop = Shop::new(teas.to_vec());
    assert_eq!(shop.ids("green tea"), ["a", "b", "c"]);
    shop.append(vec![event(EventKind::Click, Some("Green Tea "), "c", "s")]);
    let results = shop.search(&SearchRequest::new("green tea"));
    assert_eq!(ids(&results), ["c", "a", "b"]);
    let chosen = |reason: &Reason| matches!(reason, Reason::Chosen { share, .. } if *share > 0.2);
    assert!(results.hits[0].reasons.iter().any(chosen));
}

#[test]
fn what_customers_choose_is_found_without_the_word() {
    let mut shop = Shop::new(english());
    assert!(shop.ids("notebook").is_empty());
    shop.append(vec![event(
        EventKind::Purchase,
        Some("notebook"),
        "laptop",
        "s",
    )]);
    assert_eq!(shop.ids("notebook"), ["laptop"]);
}

#[test]
fn recent_clicks_of_a_visit_change_its_order_and_no_other() {
    let mut products = Vec::new();
    for (name, category) in [("a", "Kitchen"), ("b", "Garden")] {
        products.push(product(name, "Steel Bucket", &[category], 500));
        products.push(product(
            &format!("{name}2"),
            "Other thing",
            &[category],
            500,
        ));
    }
    let mut shop = Shop::new(products);
    let asked = |session: &str| SearchRequest {
        session: Some(id(session)),
        ..SearchRequest::new("bucket")
    };
    assert_eq!(ids(&shop.search(&asked("gardener"))), ["a", "b"]);
    shop.append(vec![
        event(EventKind::Click, None, "b2", "gardener"),
        event(EventKind::View, None, "b2", "gardener"),
    ]);
    assert_eq!(ids(&shop.search(&asked("gardener"))), ["b", "a"]);
    assert_eq!(ids(&shop.search(&asked("somebody"))), ["a", "b"]);
}

#[test]
fn who_refused_personalisation_gets_the_common_order() {
    let products = vec![
        product("a", "Steel Bucket", &["Kitchen"], 500),
        product("b", "Steel Bucket", &["Garden"], 500),
        product("b2", "Spade", &["Garden"], 500),
    ];
    let mut shop = Shop::new(products);
    let mut customer = Customer::new(id("anna"));
    let mut clicked = Event::new(EventKind::View, Timestamp::from_seconds(1_700_000_000));
    clicked.customer_id = Some(id("anna"));
    clicked.product_id = Some(id("b2"));
    shop.append(vec![
        Record::Customer(customer.clone()),
        Record::Event(clicked),
    ]);
    let request = SearchRequest {
        customer: Some(id("anna")),
        ..SearchRequest::new("bucket")
    };
    assert_eq!(ids(&shop.search(&request)), ["b", "a"]);
    customer.consent.personalisation = false;
    shop.append(vec![Record::Customer(customer)]);
    assert_eq!(ids(&shop.search(&request)), ["a", "b"]);
}

#[test]
fn a_removed_product_is_not_found_before_the_index_is_built_anew() {
    let mut shop = Shop::new(english());
    shop.remove("tea");
    assert!(shop.ids("green tea").is_empty());
    assert_ne!(shop.index.revision(), shop.snapshot.catalogue.revision);
}

#[test]
fn the_customers_language_comes_first() {
    let mut products = vec![
        product("en", "Nike Air", &["Shoes"], 500),
        product("zh", "Nike Air", &["Shoes"], 500),
    ];
    products[0].language = Some("en".into());
    products[1].language = Some("zh".into());
    let shop = Shop::new(products);
    for language in ["zh", "en"] {
        let results = shop.search(&SearchRequest {
            language: Some(language.into()),
            ..SearchRequest::new("nike")
        });
        assert_eq!(results.hits[0].id.as_str(), language);
    }
}

#[test]
fn suggestions() {
    let mut products = chinese();
    products.extend(english());
    let mut shop = Shop::new(products);
    for (typed, first) in [
        ("lapt", "Laptops"),
        ("wirel", "Wireless Mouse"),
        ("mou", "Wireless Mouse"),
        ("creme", "Crème Brûlée Coffee"),
        ("手机", "手机"),
        ("运动", "Nike Air 女式运动鞋"),
        ("茶", "茶具"),
        ("bleutooth", "Bluetooth Speaker"),
    ] {
        let found = shop.suggestions(typed);
        assert_eq!(
            found.first().map(String::as_str),
            Some(first),
            "{typed}: {found:?}"
        );
    }
    assert!(shop.suggestions("zzzz").is_empty());
    let asked = |session: &str| event(EventKind::Click, Some("laptop sleeve"), "bag", session);
    shop.append(vec![asked("s"), asked("t"), asked("u")]);
    shop.refresh();
    assert_eq!(shop.suggestions("lapt")[0], "laptop sleeve");
    assert_eq!(shop.suggestions(""), ["laptop sleeve"]);
}

#[test]
fn the_stages_say_what_ran() {
    let shop = Shop::new(english());
    let decision = shop.decide(&SearchRequest {
        semantic_ratio: Some(0.5),
        explain: true,
        ..SearchRequest::new("mouse")
    });
    let semantic = decision
        .stages
        .iter()
        .find(|stage| stage.name == "semantic")
        .unwrap();
    assert_eq!(semantic.outcome, StageOutcome::Skipped);
    let explanation = decision.content.hits[0].explanation.as_ref().unwrap();
    let sum: f32 = explanation.values().sum();
    assert!((sum - decision.content.hits[0].score).abs() < 1e-5);
}

#[test]
fn requests_as_they_come_over_the_wire() {
    let request: SearchRequest = serde_json::from_value(json!({
        "q": "shoes",
        "filter": "price <= 5000",
        "sort": "price:asc",
        "facets": "brand, price",
        "customer": "c1",
    }))
    .unwrap();
    assert_eq!(request.sort, Sort::PriceAsc);
    assert_eq!(request.facets, ["brand", "price"]);
    assert_eq!(request.filter, "price <= 5000".parse::<Filter>().unwrap());
    let again = serde_json::to_value(&request).unwrap();
    assert_eq!(
        serde_json::from_value::<SearchRequest>(again).unwrap(),
        request
    );
    let shop = Shop::new(english());
    for (request, wrong) in [
        (json!({"limit": 0}), "limit"),
        (json!({"limit": 100_000}), "limit"),
        (json!({"offset": 10_000_000}), "offset"),
        (json!({"semantic_ratio": 3.0}), "semantic_ratio"),
    ] {
        let request: SearchRequest = serde_json::from_value(request).unwrap();
        let error = search(&shop.context(), &shop.index, None, &request).unwrap_err();
        assert!(matches!(error, ServeError::InvalidRequest { param, .. } if param == wrong));
    }
}

#[test]
fn a_model_of_other_features_is_refused() {
    let file = |ranker: &Ranker| {
        let bytes = serde_json::to_vec(ranker).unwrap();
        BTreeMap::from([(RANKER_FILE.to_owned(), bytes)])
    };
    let mut ranker = Ranker::default();
    assert!(Model::load(&file(&ranker)).is_ok());
    ranker.features[0] = "horoscope".into();
    assert!(Model::load(&file(&ranker)).is_err());
    assert!(Model::load(&BTreeMap::new()).is_err());
}

#[test]
fn the_same_index_however_it_is_built() {
    let shop = Shop::new(english());
    let again = Shop::new(english());
    for query in ["wireless", "laptop", "e", ""] {
        let (left, right) = (SearchRequest::new(query), SearchRequest::new(query));
        let (left, right) = (shop.search(&left), again.search(&right));
        assert_eq!(ids(&left), ids(&right));
        let scores = |results: &SearchResults| -> Vec<f32> {
            results.hits.iter().map(|hit| hit.score).collect()
        };
        assert_eq!(scores(&left), scores(&right));
    }
}

mod properties {
    use std::sync::LazyLock;

    use proptest::prelude::*;

    use super::*;

    static SHOP: LazyLock<Shop> = LazyLock::new(|| {
        let mut products = english();
        products.extend(chinese());
        Shop::new(products)
    });

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        #[test]
        fn any_text_is_answered(q in "\\PC{0,40}|[\\x00-\\x7f]{0,30}|(laptop|手机| |-|\u{202e}|🎉){0,30}") {
            let results = SHOP.search(&SearchRequest::new(&q));
            prop_assert!(results.hits.len() <= results.total);
            let again = SHOP.search(&SearchRequest::new(&q));
            prop_assert_eq!(ids(&results), ids(&again));
            for hit in &results.hits {
                let bare = hit.highlight[&Field::Title].replace("<mark>", "").replace("</mark>", "");
                prop_assert_eq!(bare, hit.product.title.clone());
            }
            SHOP.suggestions(&q);
        }

        #[test]
        fn a_filter_is_never_broken(
            q in "(laptop|wireless|手机|tea| ){0,3}",
            max in 0_i64..100_000,
            category in prop::option::of(prop::sample::select(vec!["computers", "居家", "Tea"])),
            sort in prop::sample::select(vec![Sort::Relevance, Sort::PriceAsc, Sort::Rating]),
        ) {
            let mut filter: Filter = format!("price <= {max}").parse().unwrap();
            filter.category.extend(category.map(str::to_owned));
            let results = SHOP.search(&SearchRequest { filter: filter.clone(), sort, ..SearchRequest::new(&q) });
            for hit in &results.hits {
                prop_assert!(filter.accepts(&hit.product));
            }
        }
    }

    #[test]
    fn ten_thousand_letters() {
        for q in [
            "a".repeat(10_000),
            "laptop ".repeat(1_500),
            "手机壳".repeat(3_400),
        ] {
            SHOP.search(&SearchRequest::new(&q));
        }
    }
}

#[test]
fn of_variants_only_the_best_is_shown() {
    let mut variants: Vec<Product> = (0..6)
        .map(|n| product(&format!("shirt{n}"), "Shirt", &["Shirts"], 1_000 + n))
        .collect();
    for (at, variant) in variants.iter_mut().enumerate().take(5) {
        variant.group_id = Some(id(if at < 3 { "a" } else { "b" }));
    }
    let shop = Shop::new(variants);
    let mut request = SearchRequest {
        limit: 2,
        distinct: Some(Distinct::GroupId),
        sort: Sort::PriceAsc,
        ..SearchRequest::new("shirt")
    };
    let results = shop.search(&request);
    assert_eq!(ids(&results), ["shirt0", "shirt3"]);
    assert_eq!(results.total, 3);
    request.cursor = results.next_cursor;
    let results = shop.search(&request);
    assert_eq!(ids(&results), ["shirt5"]);
    assert_eq!(results.next_cursor, None);
}
