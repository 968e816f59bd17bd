use std::collections::BTreeMap;
use std::sync::LazyLock;

use corpus::recommend::{ItemVocabulary, TextIndex, artifact};
use models::index::Scored;
use models::neighbours::{ItemItemMatrix, NeighbourOptions, neighbours};
use models::next_item::{BlendWeights, ItemItemMember, NextItemModel};
use models::{Transformer, TransformerConfig};
use proptest::prelude::*;
use shop::{
    Availability, Currency, Customer, Event, EventKind, Money, Order, OrderLine, PriceRange,
    Product, Record, Timestamp,
};
use store::{Entry, LogEntry, Snapshot};

use super::*;

mod large;
mod points;

const PRODUCTS: usize = 24;

fn id(text: &str) -> Id {
    Id::new(text).unwrap()
}

fn product(number: usize) -> Product {
    let aisles = [
        "Tea", "Shoes", "Lamps", "Garden", "Toys", "Books", "Music", "Pens",
    ];
    let aisle = aisles[number % aisles.len()];
    let mut product = Product::new(id(&format!("p{number}")), format!("{aisle} thing {number}"));
    product.category = vec!["All".into(), aisle.into()];
    product.price = Some(Money::new(100 * number as i64 + 100, Currency::USD));
    if number % 7 == 3 {
        product.availability = Availability::OutOfStock;
    }
    if number >= 20 {
        product.group_id = Some(id("group"));
    }
    product
}

/// Knows the first 20 of 24 products; nobody has touched number 19.
fn files() -> BTreeMap<String, Vec<u8>> {
    let items = 20;
    let ids: Vec<Id> = (0..items).map(|number| product(number).id).collect();
    let walks: Vec<Vec<u32>> = (0..15_u32)
        .map(|start| vec![start, start + 4, start + 3])
        .collect();
    let options = NeighbourOptions::default();
    let lists = neighbours(&walks, items, &options);
    let next = NextItemModel {
        items,
        decoders: Transformer::new(TransformerConfig::new(1, 16, 1, 50, 19), 5)
            .into_iter()
            .collect(),
        item_item: vec![ItemItemMember {
            matrix: lists.clone(),
            recency_decay: 0.8,
        }],
        weights: BlendWeights {
            decoder: 0.1,
            item_item: vec![1.0],
        },
    };
    let catalogue: Vec<Product> = (0..items).map(product).collect();
    let text = TextIndex::new((0..).zip(&catalogue));
    let cold = ItemItemMatrix::from_rows((0..items).map(|item| match item {
        19 => vec![Scored {
            place: 3,
            score: 0.5,
        }],
        _ => Vec::new(),
    }));
    let together = neighbours(&[vec![0, 1], vec![0, 1], vec![0, 2]], items, &options);
    let mut files = next.to_files().unwrap();
    for (name, lists) in [
        (artifact::SIMILAR, lists),
        (artifact::TOGETHER, together),
        (artifact::COLD, cold),
    ] {
        files.insert(name.to_owned(), lists.to_safetensors().unwrap());
    }
    let vocabulary = ItemVocabulary::from(ids);
    files.insert(
        artifact::ITEMS.to_owned(),
        serde_json::to_vec(&vocabulary).unwrap(),
    );
    files.insert(
        artifact::TEXT.to_owned(),
        serde_json::to_vec(&text).unwrap(),
    );
    files
}

static MODEL: LazyLock<Model> = LazyLock::new(|| Model::load(&files()).unwrap());

fn now() -> Timestamp {
    "2026-05-01T12:00:00Z".parse().unwrap()
}

fn event(kind: EventKind, product: usize, minute: i64) -> Entry {
    let mut event = Event::new(kind, now().plus_seconds(60 * minute - 100_000));
    event.customer_id = Some(id("c"));
    event.session_id = (minute % 2 == 0).then(|| id("s"));
    event.product_id = Some(id(&format!("p{product}")));
    Entry::Record(Record::Event(event))
}

fn snapshot(entries: impl IntoIterator<Item = Entry>) -> Snapshot {
    let products = (0..PRODUCTS).map(|number| Entry::Record(Record::Product(product(number))));
    applied(products.chain(entries))
}

/// What a log with these entries makes.
fn applied(entries: impl IntoIterator<Item = Entry>) -> Snapshot {
    let numbered = (1..).zip(entries);
    let log: Vec<LogEntry> = numbered
        .map(|(sequence, entry)| LogEntry {
            sequence,
            id: sequence.to_string(),
            entry,
        })
        .collect();
    Snapshot::default().apply(&log)
}

fn ask(
    snapshot: &Snapshot,
    model: Option<&Model>,
    request: &RecommendRequest,
) -> Result<Vec<RecommendedItem>, ServeError> {
    let context = Context {
        snapshot,
        decision_id: id("d"),
        now: now(),
        seed: 1,
    };
    recommend(&context, model, request).map(|decision| decision.content.items)
}

fn request(scenario: Scenario) -> RecommendRequest {
    RecommendRequest {
        scenario,
        customer: Some(id("c")),
        product: matches!(scenario, Scenario::Similar | Scenario::BoughtTogether).then(|| id("p0")),
        limit: 6,
        ..RecommendRequest::default()
    }
}

fn ids(items: &[RecommendedItem]) -> Vec<&str> {
    items.iter().map(|item| item.id.as_str()).collect()
}

#[test]
fn requests_that_make_no_sense_are_refused() {
    let shop = snapshot([]);
    let mut unknown = request(Scenario::Similar);
    unknown.product = Some(id("nothing"));
    let refused = ask(&shop, Some(&MODEL), &unknown);
    assert_eq!(refused, Err(ServeError::UnknownProduct(id("nothing"))));
    let mut without = request(Scenario::BoughtTogether);
    without.product = None;
    let mut none = request(Scenario::ForYou);
    none.limit = 0;
    for (request, field) in [(without, "product"), (none, "limit")] {
        let refused = ask(&shop, Some(&MODEL), &request);
        assert!(
            matches!(&refused, Err(ServeError::InvalidRequest { param, .. }) if *param == field)
        );
    }
}

#[test]
fn a_stranger_and_an_empty_shop_get_an_answer() {
    for scenario in Scenario::ALL {
        let mut request = request(scenario);
        request.customer = Some(id("nobody knows"));
        for model in [Some(&*MODEL), None] {
            let items = ask(&snapshot([]), model, &request).unwrap();
            // Nothing is due again for somebody who never bought.
            let due = scenario == Scenario::Replenish;
            assert_eq!(items.is_empty(), due, "{scenario:?}");
            assert!(items.iter().all(|item| !item.reasons.is_empty()));
        }
        request.product = None;
        if !matches!(scenario, Scenario::Similar | Scenario::BoughtTogether) {
            let items = ask(&Snapshot::default(), Some(&MODEL), &request).unwrap();
            assert!(items.is_empty());
        }
    }
}

#[test]
fn a_click_changes_the_next_answer() {
    let before = snapshot([event(EventKind::View, 8, 1)]);
    let after = snapshot([event(EventKind::View, 8, 1), event(EventKind::Click, 5, 2)]);
    let list = |snapshot: &Snapshot| ask(snapshot, Some(&MODEL), &request(Scenario::ForYou));
    let (before, after) = (list(&before).unwrap(), list(&after).unwrap());
    assert_ne!(ids(&before), ids(&after));
    // What follows 5 in the walks; 8 - 4 and 8 + 4 followed and led to 8.
    assert!(ids(&after).contains(&"p9"), "{:?}", ids(&after));
    let reason = &after
        .iter()
        .find(|item| item.id.as_str() == "p9")
        .unwrap()
        .reasons[0];
    assert_eq!(reason.code, ReasonCode::BecauseYouViewed);
    assert_eq!(reason.product, Some(id("p5")));
    assert_eq!(reason.text, "Because you viewed “Books thing 5”");
}

#[test]
fn visits_count_and_so_does_their_joining_a_customer() {
    let shop = snapshot([event(EventKind::View, 5, 2), event(EventKind::View, 8, 3)]);
    let mut visit = request(Scenario::Session);
    visit.customer = None;
    visit.session = Some(id("s"));
    let items = ask(&shop, Some(&MODEL), &visit).unwrap();
    assert!(ids(&items).contains(&"p9"));
    assert!(!ids(&items).contains(&"p5"));
}

#[test]
fn lists_about_products_come_from_orders_and_from_the_same_people() {
    let shop = snapshot([]);
    let together = ask(&shop, Some(&MODEL), &request(Scenario::BoughtTogether)).unwrap();
    assert_eq!(ids(&together)[..2], ["p1", "p2"]);
    assert_eq!(together[0].reasons[0].code, ReasonCode::BoughtTogether);
    let similar = ask(&shop, Some(&MODEL), &request(Scenario::Similar)).unwrap();
    assert_eq!(ids(&similar)[0], "p4");
    assert_eq!(similar[0].reasons[0].code, ReasonCode::AlsoLiked);
    assert!(!ids(&similar).contains(&"p0"));
    // The product came after training: its words alone place it.
    let mut new_item = request(Scenario::Similar);
    new_item.product = Some(id("p21"));
    let items = ask(&shop, Some(&MODEL), &new_item).unwrap();
    assert_eq!(items[0].reasons[0].code, ReasonCode::SimilarTo);
    assert!(items[0].reasons[0].text.contains("thing 21"));
}

#[test]
fn the_cart_decides_what_goes_with_it() {
    let order = Order {
        id: id("o"),
        customer_id: id("c"),
        time: now().plus_seconds(-50_000),
        lines: vec![OrderLine {
            product_id: id("p1"),
            quantity: 1,
            price: None,
            properties: Default::default(),
        }],
        status: None,
        total: None,
        discounts: None,
        address: None,
        payment_method: None,
        tracking: None,
        properties: Default::default(),
    };
    let shop = snapshot([
        event(EventKind::AddToCart, 0, 1),
        event(EventKind::AddToCart, 9, 2),
        event(EventKind::RemoveFromCart, 9, 3),
        Entry::Record(Record::Order(order)),
    ]);
    let items = ask(&shop, Some(&MODEL), &request(Scenario::Cart)).unwrap();
    // p1 goes with p0 best, but has been bought.
    assert_eq!(ids(&items)[0], "p2");
    assert_eq!(items[0].reasons[0].product, Some(id("p0")));
    assert!(!ids(&items).contains(&"p1") && !ids(&items).contains(&"p0"));
}

#[test]
fn what_is_in_demand_fades() {
    let old = (0..9).map(|at| event(EventKind::View, 4, at - 40_000));
    let fresh = [event(EventKind::View, 6, 1), event(EventKind::View, 6, 2)];
    let shop = snapshot(old.chain(fresh));
    let mut trending = request(Scenario::Trending);
    trending.customer = None;
    let items = ask(&shop, Some(&MODEL), &trending).unwrap();
    assert_eq!(ids(&items)[0], "p6");
    assert_eq!(items[0].reasons[0].code, ReasonCode::Trending);
    let mut popular = request(Scenario::ForYou);
    popular.customer = None;
    let items = ask(&shop, None, &popular).unwrap();
    assert_eq!(ids(&items)[0], "p4");
    assert_eq!(items[0].reasons[0].code, ReasonCode::Popular);
}

#[test]
fn an_impersonal_list_is_the_same_for_everybody() {
    let mut refuses = Customer::new(id("refuses"));
    refuses.consent.personalisation = false;
    let mut theirs = Event::new(EventKind::View, now());
    theirs.customer_id = Some(id("refuses"));
    theirs.product_id = Some(id("p8"));
    let shop = snapshot([
        Entry::Record(Record::Customer(refuses)),
        event(EventKind::View, 5, 1),
        event(EventKind::Purchase, 2, 2),
        Entry::Record(Record::Event(theirs)),
    ]);
    for scenario in Scenario::ALL {
        let list = |customer: Option<&str>, personalise: bool| {
            let request = RecommendRequest {
                customer: customer.map(id),
                personalise,
                ..request(scenario)
            };
            ask(&shop, Some(&MODEL), &request).unwrap()
        };
        let impersonal = list(None, true);
        assert_eq!(list(Some("c"), false), impersonal, "{scenario:?}");
        assert_eq!(list(Some("refuses"), true), impersonal, "{scenario:?}");
    }
}

#[test]
fn untouched_products_are_reached_by_their_text() {
    // Number 19 is described like 3, which follows 0 and 7.
    let shop = snapshot([event(EventKind::View, 7, 1)]);
    let mut wide = request(Scenario::ForYou);
    wide.limit = 24;
    let items = ask(&shop, Some(&MODEL), &wide).unwrap();
    let place = |id: &str| ids(&items).iter().position(|item| *item == id);
    assert!(place("p19") < place("p12"), "{:?}", ids(&items));
    // Of the variants of one thing only one is shown.
    let shown = ids(&items);
    let variants = shown
        .iter()
        .filter(|id| ["p20", "p21", "p22", "p23"].contains(id));
    assert_eq!(variants.count(), 1);
}

#[test]
fn damaged_files_are_refused() {
    for name in files().keys() {
        let mut damaged = files();
        damaged.insert(name.clone(), b"{}".to_vec());
        let mut missing = files();
        missing.remove(name);
        assert!(Model::load(&damaged).is_err(), "{name}");
        // A model of lists alone is a model.
        assert_eq!(Model::load(&missing).is_ok(), name == "decoder.safetensors");
    }
}

#[test]
fn requests_read_from_json() {
    let read = |json: &str| serde_json::from_str::<RecommendRequest>(json);
    let request = read(r#"{"scenario": "cart", "filter": "price <= 500", "limit": 3}"#).unwrap();
    assert_eq!(request.scenario, Scenario::Cart);
    assert_eq!(request.filter.price.unwrap().max, Some(500));
    assert!(request.personalise && !request.explain);
    assert_eq!(read("{}").unwrap(), RecommendRequest::default());
    let object = read(r#"{"filter": {"category": "Tea"}}"#).unwrap();
    assert_eq!(object.filter.category, ["Tea"]);
    assert!(read(r#"{"filter": {"colour": 1}}"#).is_err());
    for scenario in Scenario::ALL {
        assert_eq!(Scenario::from_name(scenario.name()), Some(scenario));
        assert_eq!(serde_json::to_value(scenario).unwrap(), scenario.name());
    }
}

fn any_kind() -> impl Strategy<Value = EventKind> {
    use EventKind::*;
    prop::sample::select(vec![
        View,
        Click,
        AddToCart,
        RemoveFromCart,
        Purchase,
        Refund,
        Wishlist,
        Hide,
        Rating,
        Impression,
    ])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn no_history_and_no_filter_breaks_the_rules(
        events in prop::collection::vec((any_kind(), 0..PRODUCTS, 0_i64..400), 0..40),
        scenario in prop::sample::select(Scenario::ALL.to_vec()),
        category in prop::option::of(prop::sample::select(vec!["Tea", "Lamps"])),
        range in prop::option::of((0_i64..2_500, 0_i64..2_500)),
        limit in 1_usize..30,
        modelled in any::<bool>(),
    ) {
        let shop = snapshot(events.iter().map(|(kind, product, minute)| event(*kind, *product, *minute)));
        let filter = Filter {
            category: category.into_iter().map(str::to_owned).collect(),
            price: range.map(|(min, max)| PriceRange { min: Some(min), max: Some(max) }),
            ..Filter::default()
        };
        let request = RecommendRequest { limit, filter, session: Some(id("s")), explain: true, ..request(scenario) };
        let model = modelled.then_some(&*MODEL);
        let items = ask(&shop, model, &request).unwrap();
        prop_assert_eq!(&items, &ask(&shop, model, &request).unwrap());
        prop_assert!(items.len() <= limit);
        let history = shop.history(Some(&id("c")), None);
        let mut seen = std::collections::BTreeSet::new();
        for item in &items {
            let place = shop.catalogue.index_of(&item.id).unwrap();
            let product = shop.catalogue.get(place).unwrap();
            prop_assert!(request.filter.accepts(product));
            prop_assert!(product.availability.can_be_ordered());
            prop_assert!(seen.insert(place));
            prop_assert!(Some(&item.id) != request.product.as_ref());
            if let Some(history) = history {
                prop_assert!(scenario == Scenario::Replenish || !history.bought.contains(&place));
                prop_assert!(!history.hidden.contains(&place));
            }
            for reason in &item.reasons {
                if let Some(evidence) = &reason.product {
                    prop_assert!(shop.catalogue.by_id(evidence).is_some());
                    prop_assert!(!reason.text.is_empty());
                }
            }
        }
        prop_assert!(items.windows(2).all(|pair| pair[0].score >= pair[1].score));
        // Whatever may be shown is shown while there is room.
        let may_be_shown = shop.catalogue.iter().filter(|(place, product)| {
            let gone = history.is_some_and(|h| h.bought.contains(place) || h.hidden.contains(place));
            !gone && product.group_id.is_none() && product.availability.can_be_ordered()
                && request.filter.accepts(product) && Some(&product.id) != request.product.as_ref()
        });
        if !matches!(scenario, Scenario::Cart | Scenario::Replenish) {
            prop_assert!(items.len() >= limit.min(may_be_shown.count()));
        }
    }
}
