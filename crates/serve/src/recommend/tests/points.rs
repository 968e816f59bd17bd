//! What a shop asks of its lists, point by point.

use shop::Filter;

use super::*;

fn controlled(scenario: Scenario, controls: Controls) -> RecommendRequest {
    RecommendRequest {
        limit: 8,
        controls,
        ..request(scenario)
    }
}

fn viewed() -> Vec<Entry> {
    vec![event(EventKind::View, 8, 1), event(EventKind::View, 5, 2)]
}

/// A product changed after it was put there.
fn changed(number: usize, change: impl FnOnce(&mut Product)) -> Entry {
    let mut product = product(number);
    change(&mut product);
    Entry::Record(Record::Product(product))
}

fn brands() -> Vec<Entry> {
    let brand = |number: usize| if number < 12 { "Acme" } else { "Other" };
    let branded = |number| changed(number, |product| product.brand = Some(brand(number).into()));
    (0..20).map(branded).chain(viewed()).collect()
}

#[test]
fn pins_come_first_and_hides_never() {
    let shop = snapshot(viewed());
    let plain = ask(
        &shop,
        Some(&MODEL),
        &controlled(Scenario::ForYou, Controls::default()),
    )
    .unwrap();
    let controls = Controls {
        // 3 is out of stock, and nothing is called p99.
        pins: ["p3", "p16", "p99", "p12"].map(id).to_vec(),
        hides: vec![plain[0].id.clone()],
        ..Controls::default()
    };
    for scenario in [Scenario::ForYou, Scenario::Trending, Scenario::Similar] {
        let items = ask(&shop, Some(&MODEL), &controlled(scenario, controls.clone())).unwrap();
        assert_eq!(ids(&items)[..2], ["p16", "p12"], "{scenario:?}");
        assert_eq!(items[0].reasons[0].code, ReasonCode::ChosenByShop);
        assert!(!ids(&items).contains(&plain[0].id.as_str()));
        assert!(!ids(&items)[2..].contains(&"p16"));
        assert!(items.windows(2).all(|pair| pair[0].score >= pair[1].score));
    }
}

#[test]
fn boosts_lift_and_demote_and_brands_are_capped() {
    let shop = snapshot(brands());
    let list =
        |controls| ask(&shop, Some(&MODEL), &controlled(Scenario::ForYou, controls)).unwrap();
    let of_brand = |items: &[RecommendedItem], name: &str| {
        let brand = |item: &&RecommendedItem| {
            shop.catalogue.by_id(&item.id).unwrap().brand.as_deref() == Some(name)
        };
        items.iter().filter(brand).count()
    };
    let boost = |by| Controls {
        boosts: vec![Boost {
            filter: "brand = Other".parse().unwrap(),
            by,
        }],
        ..Controls::default()
    };
    let [lifted, plain, demoted] = [9.0, 0.0, -9.0].map(|by| of_brand(&list(boost(by)), "Other"));
    assert!(
        lifted > plain && plain >= demoted,
        "{lifted} {plain} {demoted}"
    );
    assert_eq!(demoted, 0);
    let capped = list(Controls {
        brand_cap: Some(2),
        ..Controls::default()
    });
    assert_eq!(
        (of_brand(&capped, "Acme"), of_brand(&capped, "Other")),
        (2, 2)
    );
}

#[test]
fn what_is_out_of_stock_or_hidden_by_the_shop_never_shows() {
    let mut entries = viewed();
    entries.push(changed(9, |p| p.availability = Availability::Discontinued));
    entries.push(changed(1, |p| {
        p.properties.insert("hidden".into(), true.into());
    }));
    let shop = snapshot(entries);
    for scenario in Scenario::ALL {
        let request = RecommendRequest {
            limit: 24,
            controls: Controls {
                pins: vec![id("p9"), id("p1")],
                ..Controls::default()
            },
            ..request(scenario)
        };
        let items = ask(&shop, Some(&MODEL), &request).unwrap();
        for gone in ["p9", "p1", "p3", "p10"] {
            assert!(!ids(&items).contains(&gone), "{scenario:?} {gone}");
        }
    }
}

#[test]
fn diversity_widens_a_list_without_losing_the_best() {
    // Everything but the last few is of one category.
    let narrow = |number| changed(number, |p| p.category = vec!["All".into(), "Tea".into()]);
    let shop = snapshot((0..14).map(narrow).chain(viewed()));
    let categories = |diversity| {
        let controls = Controls {
            diversity,
            ..Controls::default()
        };
        let items = ask(&shop, Some(&MODEL), &controlled(Scenario::ForYou, controls)).unwrap();
        let leaf = |item: &RecommendedItem| {
            let product = shop.catalogue.by_id(&item.id).unwrap();
            product.leaf_category().unwrap().to_owned()
        };
        let all: std::collections::BTreeSet<String> = items.iter().map(leaf).collect();
        assert!(items.windows(2).all(|pair| pair[0].score >= pair[1].score));
        (all.len(), items[0].id.clone(), items.len())
    };
    let (plain, diverse) = (categories(0.0), categories(0.7));
    assert!(diverse.0 > plain.0, "{plain:?} {diverse:?}");
    assert_eq!((diverse.1, diverse.2), (plain.1, plain.2));
}

#[test]
fn a_list_is_drawn_as_often_as_its_propensity_says() {
    let shop = snapshot(viewed());
    let request = controlled(
        Scenario::ForYou,
        Controls {
            exploration: 0.4,
            ..Controls::default()
        },
    );
    let mut drawn: BTreeMap<Vec<Id>, (f64, f64)> = BTreeMap::new();
    let rounds = 2_000;
    for seed in 0..rounds {
        let context = Context {
            snapshot: &shop,
            decision_id: id("d"),
            now: now(),
            seed,
        };
        let decision = recommend(&context, Some(&MODEL), &request).unwrap();
        let items = decision.content.items;
        let explored = items.iter().filter(|item| item.explored).count();
        let list = items.into_iter().map(|item| item.id).collect();
        let entry = drawn.entry(list).or_default();
        *entry = (decision.propensity.unwrap(), entry.1 + 1.0 / rounds as f64);
        assert_eq!(explored == 0, entry.0 > 0.5);
    }
    assert!(drawn.len() > 5);
    let sum: f64 = drawn.values().map(|(propensity, _)| propensity).sum();
    assert!((sum - 1.0).abs() < 1e-9, "{sum}");
    for (propensity, share) in drawn.values() {
        let deviation = (propensity * (1.0 - propensity) / rounds as f64).sqrt();
        assert!(
            (propensity - share).abs() < 4.5 * deviation,
            "{propensity} {share}"
        );
    }
    let plain = Context {
        snapshot: &shop,
        decision_id: id("d"),
        now: now(),
        seed: 1,
    };
    let plain = recommend(&plain, Some(&MODEL), &super::request(Scenario::ForYou)).unwrap();
    assert_eq!(plain.propensity, None);
}

#[test]
fn without_its_reason_a_product_scores_less() {
    let mut found = 0;
    for start in 0..12_usize {
        let seen = [start, (start + 7) % 19, (start + 12) % 19, (start + 4) % 19];
        let history = |without: Option<&str>| {
            let kept = seen.iter().enumerate();
            let kept = kept.filter(|(_, p)| Some(format!("p{p}").as_str()) != without);
            let events = kept.map(|(at, product)| event(EventKind::View, *product, at as i64));
            snapshot(events.collect::<Vec<_>>())
        };
        let wide = RecommendRequest {
            limit: 24,
            explain: true,
            session: Some(id("s")),
            ..request(Scenario::ForYou)
        };
        let score = |shop: &Snapshot, wanted: &Id| {
            let items = ask(shop, Some(&MODEL), &wide).unwrap();
            let item = items.into_iter().find(|item| item.id == *wanted)?;
            let explanation = item.explanation.unwrap();
            (explanation.tier == "history").then_some(explanation.tier_score)
        };
        let whole = history(None);
        for item in ask(&whole, Some(&MODEL), &wide).unwrap() {
            let reason = &item.reasons[0];
            if reason.code != ReasonCode::BecauseYouViewed {
                continue;
            }
            found += 1;
            let evidence = reason.product.as_ref().unwrap();
            let before = score(&whole, &item.id).unwrap();
            let after = score(&history(Some(evidence.as_str())), &item.id);
            assert!(
                after.is_none_or(|after| after < before),
                "{} because of {evidence}: {before} {after:?}",
                item.id
            );
        }
    }
    assert!(found > 30, "{found}");
}

#[test]
fn what_goes_with_a_cart_goes_when_the_cart_does() {
    let with = snapshot([event(EventKind::AddToCart, 0, 1)]);
    let items = ask(&with, Some(&MODEL), &request(Scenario::Cart)).unwrap();
    assert_eq!(items[0].reasons[0].code, ReasonCode::BoughtTogether);
    let without = snapshot([
        event(EventKind::AddToCart, 0, 1),
        event(EventKind::RemoveFromCart, 0, 2),
    ]);
    let emptied = ask(&without, Some(&MODEL), &request(Scenario::Cart)).unwrap();
    assert!(
        emptied
            .iter()
            .all(|item| item.reasons[0].code != ReasonCode::BoughtTogether)
    );
}

fn purchase(product: usize, day: i64) -> Entry {
    let mut event = Event::new(EventKind::Purchase, now().plus_seconds(86_400 * day));
    event.customer_id = Some(id("c"));
    event.product_id = Some(id(&format!("p{product}")));
    Entry::Record(Record::Event(event))
}

#[test]
fn what_is_used_up_comes_back_and_what_lasts_does_not() {
    let ids_of = |products: [usize; 2]| products.map(|number| product(number).id);
    let [tea, lamp] = ids_of([0, 2]);
    let buyers = (0..5).map(|_| {
        let day = |day: i64| Timestamp::from_seconds(86_400 * day);
        vec![(&tea, day(1)), (&tea, day(31)), (&lamp, day(2))]
    });
    let repurchase_intervals = corpus::recommend::RepurchaseIntervals::learn(buyers, |_| None);
    let mut files = files();
    files.insert(
        artifact::REPURCHASE_INTERVALS.to_owned(),
        serde_json::to_vec(&repurchase_intervals).unwrap(),
    );
    let model = Model::load(&files).unwrap();
    let due = |entries: Vec<Entry>| {
        ask(
            &snapshot(entries),
            Some(&model),
            &request(Scenario::Replenish),
        )
        .unwrap()
    };
    let items = due(vec![purchase(0, -31), purchase(2, -31)]);
    assert_eq!(ids(&items), ["p0"]);
    assert_eq!(items[0].reasons[0].code, ReasonCode::TimeToReplenish);
    // Artifacts of before have the file under its old name.
    let mut old = files.clone();
    let bytes = old.remove(artifact::REPURCHASE_INTERVALS).unwrap();
    old.insert(artifact::OLD_REPURCHASE_INTERVALS.to_owned(), bytes);
    let old = Model::load(&old).unwrap();
    let shop = snapshot([purchase(0, -31)]);
    let again = ask(&shop, Some(&old), &request(Scenario::Replenish)).unwrap();
    assert_eq!(ids(&again), ["p0"]);
    assert!(due(vec![purchase(0, -3)]).is_empty());
    // One's own rhythm is known without any other buyer.
    let own = vec![purchase(4, -60), purchase(4, -40), purchase(4, -20)];
    assert_eq!(ids(&due(own)), ["p4"]);
    // Elsewhere what was bought does not come back.
    let shop = snapshot([purchase(0, -31)]);
    let items = ask(&shop, Some(&model), &request(Scenario::ForYou)).unwrap();
    assert!(!ids(&items).contains(&"p0"));
}

#[test]
fn of_a_newcomer_the_page_and_the_language_are_known() {
    let chinese = |number: usize| changed(number, |p| p.language = Some("zh".into()));
    let mut newcomer = Customer::new(id("new"));
    newcomer.language = Some("zh".into());
    let mut entries: Vec<Entry> = [12, 13, 16].map(chinese).into();
    entries.push(Entry::Record(Record::Customer(newcomer)));
    entries.push(event(EventKind::Purchase, 14, 1));
    let shop = snapshot(entries);
    let mut request = RecommendRequest {
        customer: Some(id("new")),
        limit: 3,
        ..request(Scenario::ForYou)
    };
    let items = ask(&shop, Some(&MODEL), &request).unwrap();
    assert_eq!(ids(&items), ["p12", "p13", "p16"]);
    // What they look at says more.
    request.product = Some(id("p5"));
    request.limit = 8;
    let items = ask(&shop, Some(&MODEL), &request).unwrap();
    assert!(ids(&items).contains(&"p9") && !ids(&items).contains(&"p5"));
}

#[test]
fn an_impersonal_list_is_the_same_to_the_byte_whatever_the_profile() {
    let bytes = |entries: Vec<Entry>, scenario| {
        let request = RecommendRequest {
            personalise: false,
            session: Some(id("s")),
            explain: true,
            ..request(scenario)
        };
        let items = ask(&snapshot(entries), Some(&MODEL), &request).unwrap();
        serde_json::to_vec(&items).unwrap()
    };
    let profile = |language: &str| {
        let mut customer = Customer::new(id("c"));
        customer.language = Some(language.into());
        customer.country = Some("FR".into());
        Entry::Record(Record::Customer(customer))
    };
    // Searches and impressions change the profile and nobody's demand.
    let looked = |product| event(EventKind::Impression, product, 3);
    let query = || {
        let mut search = Event::new(EventKind::Search, now().plus_seconds(-60));
        search.customer_id = Some(id("c"));
        search.query = Some("lamp".into());
        Entry::Record(Record::Event(search))
    };
    for scenario in Scenario::ALL {
        let plain = bytes(vec![], scenario);
        let changed = bytes(vec![profile("zh"), looked(4), query()], scenario);
        assert_eq!(plain, changed, "{scenario:?}");
    }
}

#[test]
fn duplicates_and_bots_do_not_move_trends() {
    let visit = |name: &str, product: usize, second: i64| {
        let mut event = Event::new(EventKind::View, now().plus_seconds(second - 9_000));
        event.session_id = Some(id(name));
        event.product_id = Some(id(&format!("p{product}")));
        Entry::Record(Record::Event(event))
    };
    let honest = || (0..6).map(|at| visit(&format!("v{at}"), at % 2 * 4, at as i64));
    let trending = RecommendRequest {
        customer: None,
        limit: 3,
        ..request(Scenario::Trending)
    };
    let list = |entries: Vec<Entry>| {
        let items = ask(&snapshot(entries), Some(&MODEL), &trending).unwrap();
        items.into_iter().map(|item| item.id).collect::<Vec<_>>()
    };
    let plain = list(honest().collect());
    let duplicates = (0..500).map(|at| visit("v0", 7, at));
    let bot = (0..2_000).map(|at| visit("bot", [6, 9, 11][at % 3], at as i64 / 8));
    let with = |more: Vec<Entry>| list(honest().chain(more).collect());
    assert_eq!(with(duplicates.collect())[..2], plain[..2]);
    assert_eq!(with(bot.collect())[..2], plain[..2]);
    let people = (0..9).map(|at| visit(&format!("w{at}"), 7, at));
    assert_eq!(with(people.collect())[0], id("p7"));
}

#[test]
fn a_long_life_a_gone_product_and_a_tiny_shop_are_answered() {
    let busy = (0..100_000).map(|at| event(EventKind::Click, at % PRODUCTS, at as i64 / 40));
    let shop = snapshot(busy);
    let removed = snapshot([
        event(EventKind::View, 8, 1),
        Entry::Removed {
            kind: shop::Kind::Products,
            id: id("p8"),
        },
        event(EventKind::AddToCart, 8, 2),
        event(EventKind::View, 99, 3),
    ]);
    let one = [Entry::Record(Record::Product(product(0)))];
    let one: Vec<LogEntry> = (1..)
        .zip(one)
        .map(|(sequence, entry)| LogEntry {
            sequence,
            id: "1".into(),
            entry,
        })
        .collect();
    let one = Snapshot::default().apply(&one);
    for scenario in Scenario::ALL {
        let mut request = request(scenario);
        let full = ask(&shop, Some(&MODEL), &request).unwrap();
        assert_eq!(
            full.is_empty(),
            scenario == Scenario::Replenish,
            "{scenario:?}"
        );
        let items = ask(&removed, Some(&MODEL), &request).unwrap();
        assert!(!ids(&items).contains(&"p8"));
        let named = items.iter().flat_map(|item| &item.reasons);
        assert!(
            named
                .into_iter()
                .all(|reason| reason.product != Some(id("p8")))
        );
        assert!(ask(&one, Some(&MODEL), &request).unwrap().len() <= 1);
        request.product = Some(id("p8"));
        let gone = ask(&removed, Some(&MODEL), &request);
        assert_eq!(gone, Err(ServeError::UnknownProduct(id("p8"))));
    }
    let unknown = serde_json::from_str::<RecommendRequest>(r#"{"scenario": "lucky"}"#);
    assert!(unknown.unwrap_err().to_string().contains("lucky"));
}

#[test]
fn controls_that_make_no_sense_are_refused_by_name() {
    let shop = snapshot([]);
    let read = |json: &str| serde_json::from_str::<RecommendRequest>(json).unwrap();
    for (json, field) in [
        (r#"{"diversity": 2}"#, "diversity"),
        (r#"{"exploration": -0.1}"#, "exploration"),
        (r#"{"brand_cap": 0}"#, "brand_cap"),
    ] {
        let refused = ask(&shop, Some(&MODEL), &read(json));
        let named =
            matches!(&refused, Err(ServeError::InvalidRequest { param, .. }) if *param == field);
        assert!(named, "{refused:?}");
    }
    let request = read(r#"{"pins": ["p1"], "boosts": [{"filter": "category = Tea", "by": 1}]}"#);
    assert_eq!(request.controls.pins, [id("p1")]);
    let expected: Filter = "category = Tea".parse().unwrap();
    assert_eq!(request.controls.boosts[0].filter, expected);
}
