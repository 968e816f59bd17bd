//! The texts of products say what a product is, in either language: with
//! categories, brands and tags taken away, the nearest by text is mostly of
//! the kind that the simulator made it of.
#![allow(clippy::unwrap_used)]

use corpus::recommend::TextIndex;
use evaluate::simulator::{Simulation, simulate};
use shop::Product;

#[test]
fn english_and_chinese_texts_both_tell_what_is_alike() {
    let simulation = Simulation {
        products: 600,
        ..Simulation::default()
    };
    let products = simulate(&simulation).records.products;
    for language in ["en", "zh"] {
        let own: Vec<&Product> = products
            .iter()
            .filter(|product| product.language.as_deref() == Some(language))
            .collect();
        let texts: Vec<Product> = own
            .iter()
            .map(|product| Product {
                category: Vec::new(),
                brand: None,
                tags: Vec::new(),
                ..(*product).clone()
            })
            .collect();
        let index = TextIndex::new((0..).zip(&texts));
        let same_kind = |left: usize, right: usize| own[left].category == own[right].category;
        let nearest_is_same_kind = |at: &usize| {
            let nearest = index.alike(&texts[*at], 2);
            let other = nearest.iter().find(|alike| alike.place as usize != *at);
            other.is_some_and(|other| same_kind(*at, other.place as usize))
        };
        let count = own.len();
        let found = (0..count).filter(nearest_is_same_kind).count() as f64 / count as f64;
        let pairs = (0..count).map(|at| (0..count).filter(|other| same_kind(at, *other)).count());
        let chance =
            pairs.map(|same| same as f64 - 1.0).sum::<f64>() / (count * (count - 1)) as f64;
        println!(
            "{language}: {count} products, nearest of its kind {found:.3}, by chance {chance:.3}"
        );
        assert!(
            found > 0.5 && found > 5.0 * chance,
            "{language}: {found} {chance}"
        );
    }
}
