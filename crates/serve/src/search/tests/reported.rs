//! What people report of search engines: words that were replaced, codes that
//! were not found, operators that were not heard.

use super::*;

/// A shop of these titles; a product's id is its title.
fn titled(titles: &[&str]) -> Shop {
    let products = titles.iter().map(|title| product(title, title, &[], 1_000));
    Shop::new(products.collect())
}

#[test]
fn a_word_that_the_catalogue_has_is_never_replaced() {
    let mut titles = vec![
        "Dress, summer",
        "Red press",
        "Red wine press",
        "Mug, blue",
        "Hug pillow",
    ];
    titles.extend([
        "Coffee hug",
        "Tea cup",
        "Look up tea",
        "Wash up bowl",
        "The tea box",
    ]);
    titles.extend([
        "Golf tee",
        "The golf bag",
        "Steel pan",
        "Steel pen",
        "Ink pen",
        "Blue pen",
    ]);
    let shop = titled(&titles);
    for (query, first) in [
        ("red dress", None),
        ("mug", Some("Mug, blue")),
        ("coffee mug", None),
        ("tee", Some("Golf tee")),
        ("ink pan", None),
        ("pan", Some("Steel pan")),
    ] {
        let results = shop.search(&SearchRequest::new(query));
        assert_eq!(results.corrected, None, "{query}");
        for word in &results.interpreted.words {
            assert_eq!(
                word.readings[0].origin,
                corpus::search::Origin::Exact,
                "{query}"
            );
        }
        if let Some(first) = first {
            assert_eq!(ids(&results), [first], "{query}");
        }
    }
    // One that it does not have becomes no word that says nothing.
    let results = shop.search(&SearchRequest::new("tea kup"));
    assert_eq!(results.corrected.as_deref(), Some("tea cup"));
    assert_eq!(results.hits[0].id.as_str(), "Tea cup");
}

#[test]
fn a_beginning_stays_one_after_enter() {
    let shop = titled(&[
        "Waterproof jacket",
        "Water bottle",
        "Water jug",
        "Headphones",
        "Head lamp",
    ]);
    for (query, first) in [
        ("waterp", "Waterproof jacket"),
        ("waterp ", "Waterproof jacket"),
        ("headph", "Headphones"),
        ("jacket waterp", "Waterproof jacket"),
    ] {
        let results = shop.search(&SearchRequest::new(query));
        assert_eq!(results.corrected, None, "{query}");
        assert_eq!(results.hits[0].id.as_str(), first, "{query}");
    }
}

#[test]
fn operators_exclude_and_guesses_do_not() {
    let titles = [
        "Red summer dress",
        "Summer red dress",
        "Blue dress",
        "Reddish dress",
        "Hat",
    ];
    let shop = titled(&titles);
    let found = |query: &str| {
        let mut found = shop.ids(query);
        found.sort_unstable();
        found
    };
    for (query, expected) in [
        ("dress -red", vec!["Blue dress", "Reddish dress"]),
        ("dress not red", vec!["Blue dress", "Reddish dress"]),
        (
            "dress -\"red summer\"",
            vec!["Blue dress", "Reddish dress", "Summer red dress"],
        ),
        ("\"red summer\"", vec!["Red summer dress"]),
        ("\"red summer\" -dress", vec![]),
        ("-dress", vec!["Hat"]),
        ("-dresses", vec!["Hat"]),
        ("not dress", vec!["Hat"]),
        ("\"summer blue\"", vec![]),
        // A guess moves products and hides none.
        (
            "dress without red",
            vec![
                "Blue dress",
                "Red summer dress",
                "Reddish dress",
                "Summer red dress",
            ],
        ),
    ] {
        assert_eq!(found(query), expected, "{query}");
    }
}

#[test]
fn codes_are_found_however_they_are_written() {
    let mut own = product("plug", "Bosch spark plug", &[], 900);
    own.attributes.insert("mpn".into(), "0 242 235 666".into());
    let mut products: Vec<Product> = [
        "Brake disc 0 986 479 S01",
        "Filter ABC-123-X",
        "Pump XY99Z7",
        "S.W.A.T. vest",
    ]
    .iter()
    .chain(&["Wrist watch", "Filter 123", "Disc 479", "U.S. flag"])
    .map(|title| product(title, title, &[], 1_000))
    .collect();
    products.push(own);
    let shop = Shop::new(products);
    for (query, first) in [
        ("0986479S01", "Brake disc 0 986 479 S01"),
        ("0986 479 s01", "Brake disc 0 986 479 S01"),
        ("0-986-479-s01", "Brake disc 0 986 479 S01"),
        ("abc123x", "Filter ABC-123-X"),
        ("abc 123x", "Filter ABC-123-X"),
        ("xy 99 z7", "Pump XY99Z7"),
        ("xy-99-z7", "Pump XY99Z7"),
        ("0242235666", "plug"),
        ("swat", "S.W.A.T. vest"),
        ("s.w.a.t", "S.W.A.T. vest"),
        ("us flag", "U.S. flag"),
    ] {
        let results = shop.search(&SearchRequest::new(query));
        assert_eq!(results.corrected, None, "{query}");
        let found = results.hits.first().map(|hit| hit.id.as_str());
        assert_eq!(found, Some(first), "{query}: {:?}", results.interpreted);
    }
}

#[test]
fn one_quantity_is_found_in_any_unit() {
    let shop = titled(&[
        "Drive 500 GB",
        "Drive 1 TB",
        "Drive 2TB",
        "Bottle 1.5 l",
        "Bottle 750ml",
    ]);
    for (query, first) in [
        ("1000gb", "Drive 1 TB"),
        ("1024 GB drive", "Drive 1 TB"),
        ("2000 gb drive", "Drive 2TB"),
        ("drive 0.5tb", "Drive 500 GB"),
        ("1500 ml bottle", "Bottle 1.5 l"),
        ("75cl", "Bottle 750ml"),
    ] {
        let found = shop.ids(query);
        assert_eq!(found.first().map(String::as_str), Some(first), "{query}");
    }
}

#[test]
fn signs_are_part_of_a_word() {
    let shop = titled(&[
        "C# in depth",
        "C++ primer",
        "C programming",
        "Galaxy S10+",
        "Galaxy S10",
    ]);
    for (query, first) in [
        ("c++", "C++ primer"),
        ("C#", "C# in depth"),
        ("c", "C programming"),
        ("s10+", "Galaxy S10+"),
    ] {
        assert_eq!(shop.ids(query)[0], first, "{query}");
    }
    for query in ["c++", "c#", "c"] {
        assert_eq!(shop.ids(query).len(), 1, "{query}");
    }
}

#[test]
fn words_of_one_stem_are_not_one_thing() {
    let mut products = Vec::new();
    for title in [
        "Summer dress",
        "Evening dress",
        "Dressing table",
        "Wool rug",
        "Rugged phone",
    ] {
        products.push(product(title, title, &[], 1_000));
    }
    let shop = Shop::new(products);
    for (query, expected) in [
        ("dress", vec!["Evening dress", "Summer dress"]),
        ("dresses", vec!["Evening dress", "Summer dress"]),
        ("dressing", vec!["Dressing table"]),
        ("rug", vec!["Wool rug"]),
        ("rugs", vec!["Wool rug"]),
    ] {
        let mut found = shop.ids(query);
        found.sort_unstable();
        assert_eq!(found, expected, "{query}");
    }
    // Where nothing else is there, what is derived is better than nothing.
    let only = titled(&["Dressing table"]);
    assert_eq!(only.ids("dress"), ["Dressing table"]);
}

#[test]
fn absurd_pages_are_refused_with_a_sentence() {
    let shop = titled(&["Tea"]);
    for (limit, offset, param) in [
        (0, 0, "limit"),
        (251, 0, "limit"),
        (1, usize::MAX, "offset"),
    ] {
        let request = SearchRequest {
            limit,
            offset,
            ..SearchRequest::new("tea")
        };
        match search(&shop.context(), &shop.index, None, &request) {
            Err(ServeError::InvalidRequest { param: of, reason }) => {
                assert_eq!(of, param);
                assert!(
                    reason.contains("250") || reason.contains("100000"),
                    "{reason}"
                );
            }
            other => panic!("{limit} {offset}: {other:?}"),
        }
    }
    let request = SuggestRequest {
        limit: 0,
        ..SuggestRequest::default()
    };
    assert!(suggest(&shop.context(), &shop.index, &request).is_err());
}
