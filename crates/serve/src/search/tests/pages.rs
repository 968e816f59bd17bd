//! Pages by cursor, while the shop changes under them.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

#[test]
fn a_cursor_repeats_and_loses_nothing_while_the_order_changes() {
    let lamps = (0..25).map(|n| product(&format!("lamp{n}"), &format!("Lamp {n}"), &["Lamps"], n));
    let mut shop = Shop::new(lamps.collect());
    let mut request = SearchRequest {
        limit: 7,
        ..SearchRequest::new("lamp")
    };
    let mut seen: Vec<String> = Vec::new();
    for page in 0.. {
        let results = shop.search(&request);
        seen.extend(ids(&results));
        // What was not shown yet becomes the most popular, what was shown sells out.
        let unseen = (0..25).map(|n| format!("lamp{n}"));
        let unseen = unseen.filter(|id| !seen.contains(id)).step_by(2);
        let bought = unseen.map(|id| event(EventKind::Purchase, None, &id, "s"));
        shop.append(bought.collect());
        request.cursor = results.next_cursor;
        if request.cursor.is_none() {
            break;
        }
        assert!(page < 10);
    }
    assert_eq!(seen.len(), 25);
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), 25);

    request = SearchRequest {
        limit: 7,
        ..SearchRequest::new("lamp")
    };
    let cursor = shop.search(&request).next_cursor;
    let other = SearchRequest {
        cursor,
        ..SearchRequest::new("lamps")
    };
    let error = search(&shop.context(), &shop.index, None, &other);
    assert!(matches!(
        error,
        Err(ServeError::Unknown {
            param: "cursor",
            ..
        })
    ));
}

/// What happens to the shop between two pages.
#[derive(Debug, Clone)]
enum Change {
    Buy(usize),
    Reprice(usize, i64),
    Retitle(usize),
    Remove(usize),
    Add(usize),
    Build,
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        (0..40_usize).prop_map(Change::Buy),
        (0..40_usize, 0..500_i64).prop_map(|(at, price)| Change::Reprice(at, price)),
        (0..40_usize).prop_map(Change::Retitle),
        (0..40_usize).prop_map(Change::Remove),
        (0..40_usize).prop_map(Change::Add),
        Just(Change::Build),
    ]
}

fn lamp(number: usize, price: i64) -> Product {
    let mut lamp = product(
        &format!("lamp{number:02}"),
        &format!("Lamp {}", number % 5),
        &["Lamps"],
        price,
    );
    lamp.group_id = (number.is_multiple_of(3)).then(|| id(&format!("group{}", number % 4)));
    lamp
}

/// Applies a change; says which product it was that did not stand there the
/// whole time.
fn apply(shop: &mut Shop, change: &Change) -> Option<String> {
    let name = |number: usize| format!("lamp{number:02}");
    let standing = |shop: &Shop, number: usize| {
        let found = shop.snapshot.catalogue.by_id(&id(&name(number)));
        found.map(|product| product.as_ref().clone())
    };
    match change {
        Change::Buy(number) => {
            shop.append(vec![event(
                EventKind::Purchase,
                Some("lamp"),
                &name(*number),
                "s",
            )]);
            None
        }
        Change::Reprice(number, price) => {
            let mut product = standing(shop, *number)?;
            product.price = Some(Money::new(*price, Currency::USD));
            shop.append(vec![Record::Product(product)]);
            None
        }
        Change::Retitle(number) => {
            let mut product = standing(shop, *number)?;
            product.title.push_str(" lamp bright");
            shop.append(vec![Record::Product(product)]);
            None
        }
        Change::Remove(number) => {
            standing(shop, *number)?;
            shop.remove(&name(*number));
            Some(name(*number))
        }
        Change::Add(number) => {
            shop.append(vec![Record::Product(lamp(*number, 250))]);
            Some(name(*number))
        }
        Change::Build => {
            shop.index = Index::build(&shop.snapshot.catalogue).unwrap();
            None
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    /// What stands there from the first page to the last is shown once; what
    /// comes or goes meanwhile is shown at most once.
    #[test]
    fn nothing_comes_twice_and_nothing_is_lost(
        q in prop::sample::select(vec!["lamp", "lamp 3", "bright lamp", "lmap", ""]),
        sort in prop::sample::select(vec!["relevance", "price_asc", "-price", "newest", "title:desc"]),
        limit in 1_usize..9,
        changes in prop::collection::vec(prop::collection::vec(change(), 0..4), 0..40),
    ) {
        let mut shop = Shop::new((0..20).map(|n| lamp(n, (n * 37 % 11) as i64)).collect());
        let mut request = SearchRequest { limit, sort: sort.parse().unwrap(), ..SearchRequest::new(q) };
        let whole = SearchRequest { limit: 100, ..request.clone() };
        let mut standing: BTreeSet<String> = ids(&shop.search(&whole)).into_iter().collect();
        prop_assert!(!standing.is_empty());
        let mut seen: Vec<String> = Vec::new();
        let mut changes = changes.into_iter();
        loop {
            let results = shop.search(&request);
            seen.extend(ids(&results));
            request.cursor = results.next_cursor;
            if request.cursor.is_none() {
                break;
            }
            for change in changes.next().into_iter().flatten() {
                if let Some(name) = apply(&mut shop, &change) {
                    standing.remove(&name);
                }
            }
            shop.refresh();
        }
        let once: BTreeSet<String> = seen.iter().cloned().collect();
        prop_assert_eq!(once.len(), seen.len(), "{:?}", seen);
        prop_assert!(standing.is_subset(&once), "{:?} without {:?}", once, standing);
    }
}

#[test]
fn a_cursor_reaches_far() {
    let lamps = (0..3_000).map(|n| product(&format!("lamp{n}"), "Lamp", &["Lamps"], n));
    let shop = Shop::new(lamps.collect());
    let mut request = SearchRequest {
        limit: 250,
        ..SearchRequest::new("lamp")
    };
    let mut seen = BTreeSet::new();
    loop {
        let results = shop.search(&request);
        assert_eq!(results.total, 3_000);
        seen.extend(ids(&results));
        request.cursor = results.next_cursor;
        let Some(cursor) = &request.cursor else { break };
        // An address longer than this is refused by many a server.
        assert!(cursor.len() < 60_000, "{}", cursor.len());
    }
    assert_eq!(seen.len(), 3_000);
}
