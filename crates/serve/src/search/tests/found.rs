//! What counts as found, what is only near, and what is left out.

use super::*;

#[test]
fn a_mistyped_word_is_mended_and_said() {
    let shop = Shop::new(english());
    let results = shop.search(&SearchRequest::new("wireles  keybord"));
    assert_eq!(results.corrected.as_deref(), Some("wireless  keyboard"));
    for known in ["wireless keyboard", "key", "ta", "500gb", "zzzzzzzz"] {
        assert_eq!(
            shop.search(&SearchRequest::new(known)).corrected,
            None,
            "{known}"
        );
    }
}

#[test]
fn nothing_found_says_so() {
    let shop = Shop::new(english());
    for query in ["zzzzzzzz", "?!…", "🎉", "\u{202e}\u{0007}"] {
        let results = shop.search(&SearchRequest::new(query));
        assert_eq!((results.total, results.hits.len()), (0, 0), "{query}");
        assert!(results.interpreted.note.is_some(), "{query}");
    }
    let nothing = Shop::new(Vec::new());
    assert_eq!(nothing.search(&SearchRequest::new("tea")).total, 0);
    assert_eq!(nothing.search(&SearchRequest::new("")).total, 0);
}

#[test]
fn what_is_only_near_is_called_so() {
    let mut products = english();
    products.extend(chinese());
    let mut shop = Shop::new(products);
    for (query, nearest) in [
        ("wireless mouse", false),
        ("wireles mose", false),
        ("smart watch", false),
        ("bluetoo", false),
        ("laptops bag under $50", false),
        ("手机壳", false),
        ("", false),
        ("wedding mouse", true),
        ("green laptop", true),
        ("leather running shoes", true),
        ("婚纱 手机", true),
        // A slip that fingers make, and one that they hardly do.
        ("kyboard", false),
        ("house", true),
    ] {
        let results = shop.search(&SearchRequest::new(query));
        assert!(results.total > 0, "{query}");
        let interpreted = &results.interpreted;
        assert_eq!(interpreted.nearest, nearest, "{query}: {interpreted:?}");
        assert_eq!(interpreted.note.is_some(), nearest, "{query}");
    }
    // What customers chose after it is what was meant.
    shop.append(vec![event(
        EventKind::Click,
        Some("green laptop"),
        "laptop",
        "s",
    )]);
    assert!(
        !shop
            .search(&SearchRequest::new("green laptop"))
            .interpreted
            .nearest
    );
    // Where the filter leaves nothing that has all of it, that is so too.
    let filtered = shop.search(&SearchRequest {
        filter: "id = keyboard".parse().unwrap(),
        ..SearchRequest::new("wireless mouse")
    });
    assert!(filtered.interpreted.nearest);
}

fn dresses() -> Shop {
    let mut products = vec![product("mug", "Red mug", &["Kitchen"], 900)];
    for n in 0..6 {
        products.push(product(
            &format!("dress{n}"),
            "Summer dress",
            &["Dresses"],
            4_900,
        ));
        products.push(product(
            &format!("shirt{n}"),
            "Linen shirt",
            &["Shirts"],
            2_900,
        ));
        products.push(product(&format!("lamp{n}"), "Red lamp", &["Lamps"], 1_900));
    }
    products.push(product("red", "Red summer dress", &["Dresses"], 5_900));
    Shop::new(products)
}

#[test]
fn what_has_too_little_of_what_was_asked_is_left_out() {
    let shop = dresses();
    let request = SearchRequest {
        facets: vec!["category".to_owned()],
        ..SearchRequest::new("red summer dress")
    };
    let results = shop.search(&request);
    let found = ids(&results);
    assert_eq!(found[0], "red");
    assert!(
        found
            .iter()
            .all(|id| id == "red" || id.starts_with("dress")),
        "{found:?}"
    );
    assert_eq!((found.len(), results.total), (7, 7));
    let counted = results.facets["category"].iter().map(|one| one.count);
    assert_eq!(counted.sum::<u64>(), 7, "facets count what is found");
}

#[test]
fn what_the_filter_lets_pass_says_what_is_enough() {
    let shop = dresses();
    let request = SearchRequest {
        filter: "category = Kitchen".parse().unwrap(),
        ..SearchRequest::new("red summer dress")
    };
    let results = shop.search(&request);
    assert_eq!(ids(&results), ["mug"]);
    assert!(results.interpreted.nearest);
}

#[test]
fn what_was_chosen_is_found_with_one_word_of_three() {
    let mut shop = dresses();
    let click = |person: usize| {
        let session = format!("s{person}");
        event(
            EventKind::Purchase,
            Some("red summer dress"),
            "lamp3",
            &session,
        )
    };
    shop.append((0..5).map(click).collect());
    let found = shop.ids("red summer dress");
    assert!(found.contains(&"lamp3".to_owned()), "{found:?}");
    assert!(!found.contains(&"lamp2".to_owned()), "{found:?}");
}

#[test]
fn a_rare_word_leaves_out_nothing_by_itself() {
    let mut shop = dresses();
    let hook = product("hook", "Brass hook", &["Hooks"], 900);
    let mut mug = product("cup", "Cup", &["Kitchen"], 900);
    mug.description = Some("Cute, they say.".to_owned());
    let mut more = vec![hook, mug];
    more.extend(
        (10..70).map(|n| product(&format!("dress{n}"), "Summer dress", &["Dresses"], 4_900)),
    );
    shop.append(more.into_iter().map(Record::Product).collect());
    shop.index = Index::build(&shop.snapshot.catalogue).unwrap();
    // A slip that may have been a hook, and a word of one description.
    for query in ["hoxk dress", "cute dress"] {
        let found = shop.ids(query);
        let dresses = found.iter().filter(|id| id.starts_with("dress"));
        assert!(dresses.count() > 5, "{query}: {found:?}");
    }
}
