//! What the shop's people say about single searches is done, and no more.

use serde_json::Value;
use shop::{Curation, SearchRule, Synonyms};

use super::*;

fn curate(shop: &mut Shop, curation: Curation) {
    let sequence = shop.snapshot.sequence + 1;
    shop.snapshot.extend(&[LogEntry {
        sequence,
        id: format!("c{sequence}"),
        entry: Entry::Curation(curation),
    }]);
}

fn rule(shop: &mut Shop, rule: Value) {
    let rule: SearchRule = serde_json::from_value(rule).unwrap();
    rule.check().unwrap();
    let at = Timestamp::from_seconds(1);
    let rule = Box::new(rule);
    curate(shop, Curation::Rule { rule, at });
}

fn lamps() -> Shop {
    let lamp = |name: &str, brand: &str, price| {
        let mut lamp = product(name, "Lamp", &["Lamps"], price);
        lamp.brand = Some(brand.to_owned());
        lamp
    };
    Shop::new(vec![
        lamp("a", "Acme", 500),
        lamp("b", "Acme", 900),
        lamp("c", "Big Co", 100),
        lamp("d", "Big Co", 700),
        product("tea", "Green Tea", &["Tea"], 300),
    ])
}

#[test]
fn a_rule_pins_hides_boosts_and_filters() {
    for (then, expected) in [
        (
            json!({"pin": [{"product_id": "d", "position": 2}]}),
            ["a", "d", "b", "c"].as_slice(),
        ),
        // Also what has none of the words; what does not exist is passed over.
        (
            json!({"pin": [{"product_id": "tea", "position": 1}, {"product_id": "x", "position": 2}]}),
            &["tea", "a", "b", "c", "d"],
        ),
        (json!({"hide": ["a", "c"]}), &["b", "d"]),
        (
            json!({"boost": [{"filter": "brand = \"big co\"", "by": 5}]}),
            &["c", "d", "a", "b"],
        ),
        (
            json!({"boost": [{"filter": "price >= 600", "by": -5}]}),
            &["a", "c", "b", "d"],
        ),
        (json!({"filter": "price <= 500"}), &["a", "c"]),
        (
            json!({"filter": "price <= 500", "pin": [{"product_id": "b", "position": 1}]}),
            &["a", "c"],
        ),
    ] {
        let mut shop = lamps();
        rule(
            &mut shop,
            json!({"id": "r", "when": {"query": "LAMP"}, "then": then}),
        );
        assert_eq!(shop.ids("lamp"), expected, "{then}");
        assert_eq!(shop.ids("lamps"), ["a", "b", "c", "d"]);
        let without = shop.search(&SearchRequest {
            rules: false,
            ..SearchRequest::new("lamp")
        });
        assert_eq!(ids(&without), ["a", "b", "c", "d"]);
        assert!(without.rules.is_empty());
        let cheapest = shop.search(&SearchRequest {
            sort: Sort::PriceAsc,
            ..SearchRequest::new("lamp")
        });
        let prices = cheapest
            .hits
            .iter()
            .map(|hit| hit.product.price.unwrap().amount);
        assert!(prices.collect::<Vec<_>>().is_sorted());
    }
}

#[test]
fn a_rule_is_for_its_searches_only() {
    let banner = |results: &SearchResults| results.banners.first().cloned().unwrap_or_default();
    let now = 1_800_000_000;
    let time = |seconds: i64| serde_json::to_value(Timestamp::from_seconds(seconds)).unwrap();
    let mut anna = Customer::new(id("anna"));
    anna.country = Some("DE".into());
    for (when, q, request, meets) in [
        (json!({"query": "lamp"}), "Lamp ", json!({}), true),
        (json!({"query": "lamp"}), "desk lamp", json!({}), false),
        (
            json!({"query": "lamp", "matches": "contains"}),
            "desk lamp",
            json!({}),
            true,
        ),
        (
            json!({"query": "lamp", "matches": "contains"}),
            "lampshade",
            json!({}),
            false,
        ),
        (
            json!({"query": "lamp", "matches": "begins"}),
            "lamp for desk",
            json!({}),
            true,
        ),
        (
            json!({"query": "lamp", "matches": "begins"}),
            "desk lamp",
            json!({}),
            false,
        ),
        (
            json!({"query": "台灯", "matches": "contains"}),
            "红色台灯",
            json!({}),
            true,
        ),
        (json!({}), "anything", json!({}), true),
        (
            json!({"category": "lamps"}),
            "",
            json!({"filter": {"category": "Lamps"}}),
            true,
        ),
        (json!({"category": "lamps"}), "", json!({}), false),
        (
            json!({"segment": {"country": "de"}}),
            "lamp",
            json!({"customer": "anna"}),
            true,
        ),
        (
            json!({"segment": {"country": "de"}}),
            "lamp",
            json!({}),
            false,
        ),
        (
            json!({"segment": {"signed_in": false}}),
            "lamp",
            json!({"customer": "anna"}),
            false,
        ),
        (
            json!({"segment": {"has_bought": true}}),
            "lamp",
            json!({"customer": "anna"}),
            false,
        ),
        (
            json!({"segment": {"language": "zh"}}),
            "lamp",
            json!({"language": "zh"}),
            true,
        ),
        (
            json!({"from": time(now - 5), "until": time(now + 5)}),
            "lamp",
            json!({}),
            true,
        ),
        (json!({"from": time(now + 5)}), "lamp", json!({}), false),
        (json!({"until": time(now)}), "lamp", json!({}), false),
    ] {
        let mut shop = lamps();
        shop.append(vec![Record::Customer(anna.clone())]);
        let then = json!({"banner": "said", "redirect": "/sale"});
        rule(&mut shop, json!({"id": "r", "when": when, "then": then}));
        let mut request: SearchRequest = serde_json::from_value(request).unwrap();
        request.q = q.to_owned();
        let results = shop.search(&request);
        assert_eq!(banner(&results) == "said", meets, "{when} {q}");
        assert_eq!(results.redirect.is_some(), meets);
        assert_eq!(results.rules.len(), usize::from(meets));
    }
}

#[test]
fn the_weightier_rule_wins_and_a_removed_one_is_gone() {
    let mut shop = lamps();
    let pin = |id: &str, priority: i32, product: &str| {
        json!({"id": id, "priority": priority, "then": {
            "pin": [{"product_id": product, "position": 1}], "redirect": format!("/{product}"),
        }})
    };
    rule(&mut shop, pin("light", 1, "c"));
    rule(&mut shop, pin("heavy", 2, "d"));
    let results = shop.search(&SearchRequest::new("lamp"));
    assert_eq!(results.redirect.as_deref(), Some("/d"));
    assert!(
        results.hits.iter().any(|hit| hit.id.as_str() == "d"
            && hit.reasons.contains(&Reason::Rule { rule: id("heavy") }))
    );
    let mut off = pin("heavy", 2, "d");
    off["enabled"] = json!(false);
    rule(&mut shop, off);
    assert_eq!(shop.ids("lamp")[0], "c");
    let at = Timestamp::from_seconds(2);
    let gone = Curation::RuleRemoved {
        id: id("light"),
        at,
    };
    curate(&mut shop, gone);
    assert_eq!(shop.ids("lamp"), ["a", "b", "c", "d"]);
}

#[test]
fn pins_and_cursors_show_everything_once() {
    let all = (0..30).map(|n| product(&format!("lamp{n:02}"), "Lamp", &["Lamps"], n));
    let mut shop = Shop::new(all.collect());
    rule(
        &mut shop,
        json!({"id": "r", "then": {"pin": [
            {"product_id": "lamp20", "position": 1}, {"product_id": "lamp21", "position": 9},
        ]}}),
    );
    let mut request = SearchRequest {
        limit: 7,
        ..SearchRequest::new("lamp")
    };
    let mut seen = Vec::new();
    loop {
        let results = shop.search(&request);
        seen.extend(ids(&results));
        request.cursor = results.next_cursor;
        if request.cursor.is_none() {
            break;
        }
    }
    assert_eq!(seen[0], "lamp20");
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), 30);
}

#[test]
fn synonyms_find_what_is_called_otherwise() {
    let mut shop = Shop::new(english());
    assert!(shop.ids("notebook").is_empty());
    let mut mean = |words: &[&str], from: Option<&str>, id_text: &str| {
        let synonyms = Synonyms {
            id: id(id_text),
            words: words.iter().map(|word| (*word).to_owned()).collect(),
            from: from.map(str::to_owned),
        };
        synonyms.check().unwrap();
        let at = Timestamp::from_seconds(1);
        curate(&mut shop, Curation::Synonyms { synonyms, at });
    };
    mean(&["notebook", "laptop"], None, "s1");
    mean(&["mouse"], Some("clicking thing"), "s2");
    assert!(shop.ids("notebooks").contains(&"laptop".to_owned()));
    assert_eq!(shop.ids("clicking thing"), ["mouse"]);
    let results = shop.search(&SearchRequest::new("notebook"));
    assert_eq!(results.corrected, None);
    let reading = &results.interpreted.words[0].readings[0];
    assert_eq!(reading.origin, corpus::search::Origin::Synonym);
    // One way only.
    assert!(!shop.ids("mouse").is_empty());
    let at = Timestamp::from_seconds(2);
    let gone = Curation::SynonymsRemoved { id: id("s1"), at };
    curate(&mut shop, gone);
    assert!(shop.ids("notebook").is_empty());
}

#[test]
fn queries_that_leave_people_with_nothing_are_shown_with_what_they_asked_next() {
    let mut shop = Shop::new(english());
    let ask = |query: &str, customer: &str, product: Option<&str>| {
        let kind = if product.is_some() {
            EventKind::Click
        } else {
            EventKind::Search
        };
        let mut event = Event::new(kind, Timestamp::from_seconds(1_700_000_000));
        event.query = Some(query.to_owned());
        event.customer_id = Some(id(customer));
        event.product_id = product.map(id);
        Record::Event(event)
    };
    for customer in ["anna", "ben"] {
        shop.append(vec![
            ask("notebook", customer, None),
            ask("laptop", customer, None),
            ask("laptop", customer, Some("laptop")),
            ask("zither", customer, None),
        ]);
    }
    let found = zero_result_queries(&shop.snapshot, 10);
    let queries: Vec<&str> = found.iter().map(|gap| gap.query.as_str()).collect();
    assert_eq!(queries, ["notebook", "zither"]);
    let proposal = SynonymProposal {
        means: "laptop".into(),
        people: 2,
    };
    assert_eq!(found[0].proposals, [proposal]);
    assert!(found[1].proposals.is_empty());
    let synonyms = Synonyms {
        id: id("s"),
        words: vec!["laptop".into()],
        from: Some("notebook".into()),
    };
    let at = Timestamp::from_seconds(2);
    curate(&mut shop, Curation::Synonyms { synonyms, at });
    assert_eq!(zero_result_queries(&shop.snapshot, 10).len(), 1);
    assert_eq!(shop.ids("notebook"), shop.ids("laptop"));
}
