//! The order of hits, and what it is made of.

use proptest::prelude::*;

use super::*;

/// A shop with prices, ratings, clicks and taste to rank by.
fn shop() -> Shop {
    let mut products = english();
    products.extend(chinese());
    let mut shop = Shop::new(products);
    shop.append(vec![
        event(EventKind::Click, Some("wireless mouse"), "mouse", "s"),
        event(EventKind::Purchase, None, "keyboard", "s"),
        event(EventKind::View, None, "laptop", "s"),
    ]);
    shop.refresh();
    shop
}

const QUERIES: [&str; 10] = [
    "wireless mouse",
    "black laptop bag",
    "laptop under $500",
    "wireless keyboard not acme",
    "cheap usb c cable",
    "bluetooth speaker watch",
    "小米 手机 12",
    "nike 运动鞋",
    "wirless mose",
    "external drive 500gb",
];

fn request(q: &str) -> SearchRequest {
    SearchRequest {
        explain: true,
        session: Some(id("s")),
        ..SearchRequest::new(q)
    }
}

/// The score of a product for a query; `None` where it is not found.
fn score(shop: &Shop, q: &str, product: &Id) -> Option<f32> {
    let results = shop.search(&request(q));
    let hit = results.hits.iter().find(|hit| hit.id == *product);
    hit.map(|hit| hit.score)
}

#[test]
fn a_word_that_a_hit_is_explained_by_cannot_be_taken_away_unnoticed() {
    let shop = shop();
    let mut words_seen = 0;
    for q in QUERIES {
        for hit in shop.search(&request(q)).hits {
            let reasons = hit.reasons.iter().filter_map(|reason| match reason {
                Reason::Words { words, .. } => Some(words),
                _ => None,
            });
            for word in reasons.flatten() {
                let without = q.to_lowercase().replacen(word.as_str(), " ", 1);
                assert_ne!(without, q, "{word} of {q}");
                let after = score(&shop, &without, &hit.id);
                assert_ne!(after, Some(hit.score), "{q} without {word}: {}", hit.id);
                words_seen += 1;
            }
        }
    }
    assert!(words_seen > 30, "{words_seen}");
}

#[test]
fn the_parts_of_an_explanation_are_the_score() {
    let shop = shop();
    for q in QUERIES.into_iter().chain([""]) {
        for semantic_ratio in [None, Some(0.0), Some(0.3), Some(0.9)] {
            let request = SearchRequest {
                semantic_ratio,
                ..request(q)
            };
            for hit in shop.search(&request).hits {
                let parts = hit.explanation.unwrap();
                let sum: f32 = parts.values().sum();
                assert!(
                    (sum - hit.score).abs() < 1e-4,
                    "{q}: {parts:?} {}",
                    hit.score
                );
            }
        }
    }
}

#[test]
fn a_wish_is_a_part_of_its_own() {
    let shop = shop();
    let hits = shop.search(&request("wireless under $20")).hits;
    let part = |name: &str| {
        let hit = hits.iter().find(|hit| hit.id.as_str() == name).unwrap();
        hit.explanation
            .as_ref()
            .unwrap()
            .get("constraints")
            .copied()
    };
    assert!(part("mouse").unwrap() > 0.0);
    assert_eq!(part("keyboard"), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// Scores fall, and of equal ones the lower id comes first, however often
    /// the index is refreshed or built.
    #[test]
    fn equal_scores_tie_by_id(
        q in prop::sample::select(vec!["lamp", "lamp red", "red", "lmap", "灯", ""]),
        titles in prop::collection::vec(prop::sample::select(vec!["Lamp", "Red lamp", "Lamp, red", "红灯"]), 1..40),
        later in prop::collection::vec(0_usize..60, 0..20),
        anew in any::<bool>(),
    ) {
        // Not in the order of their ids.
        let lamp = |n: usize, title: &str| product(&format!("l{:02}", n * 29 % 64), title, &["Lamps"], 5);
        let all = titles.iter().enumerate().map(|(n, title)| lamp(n, title));
        let mut shop = Shop::new(all.collect());
        shop.append(later.iter().map(|n| Record::Product(lamp(*n, "Lamp"))).collect());
        shop.refresh();
        if anew {
            shop.index = Index::build(&shop.snapshot.catalogue).unwrap();
        }
        let request = SearchRequest { limit: 100, ..SearchRequest::new(q) };
        let hits = shop.search(&request).hits;
        for pair in hits.windows(2) {
            let ordered = pair[0].score > pair[1].score
                || pair[0].score == pair[1].score && pair[0].id < pair[1].id;
            prop_assert!(ordered, "{} {} before {} {}", pair[0].id, pair[0].score, pair[1].id, pair[1].score);
        }
    }
}
