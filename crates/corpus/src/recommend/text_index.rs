use std::collections::BTreeMap;

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use shop::Product;

use crate::words;

/// The most telling words that are kept of each product.
const MAX_WORDS: usize = 24;

/// A word in more than this share of the products says nothing.
const COMMON_SHARE: f32 = 0.2;

/// So many places are looked at for one product: in a large catalogue the
/// less telling words are left out.
const MAX_POSTINGS: usize = 20_000;

/// A product whose text is like another's.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Alike {
    /// Its number.
    pub place: u32,
    /// The cosine of the two texts, 0 to 1.
    pub similarity: f32,
}

/// Which products are described in the same words: TF-IDF cosine over title,
/// brand, category, tags and description. It knows products that nobody has
/// bought yet, and finds the like of a text that it has never seen.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct TextIndex {
    /// Word → inverse document frequency and the products that have it.
    postings: FxHashMap<String, Posting>,
    /// How many products there are.
    products: usize,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
struct Posting {
    rarity: f32,
    places: Vec<u32>,
    weights: Vec<f32>,
}

impl TextIndex {
    /// Indexes products under their numbers.
    pub fn new<'a>(products: impl IntoIterator<Item = (u32, &'a Product)>) -> Self {
        let counted: Vec<(u32, BTreeMap<String, f32>)> = products
            .into_iter()
            .map(|(place, product)| (place, counts(product)))
            .collect();
        let mut frequency: FxHashMap<&str, usize> = FxHashMap::default();
        for word in counted.iter().flat_map(|(_, counts)| counts.keys()) {
            *frequency.entry(word).or_default() += 1;
        }
        let total = counted.len() as f32;
        let rarity: FxHashMap<String, Posting> = frequency
            .iter()
            .filter(|(_, count)| **count as f32 <= (total * COMMON_SHARE).max(2.0))
            .map(|(word, count)| {
                let posting = Posting {
                    rarity: (1.0 + total / *count as f32).ln(),
                    ..Posting::default()
                };
                ((*word).to_owned(), posting)
            })
            .collect();
        let mut index = Self {
            postings: rarity,
            products: counted.len(),
        };
        for (place, counts) in counted {
            for (word, weight) in index.vector(counts) {
                if let Some(posting) = index.postings.get_mut(&word) {
                    posting.places.push(place);
                    posting.weights.push(weight);
                }
            }
        }
        index
    }

    /// The `count` products whose text is most like that of `product`, which
    /// itself may be among them; equal ones in the order of their numbers.
    pub fn alike(&self, product: &Product, count: usize) -> Vec<Alike> {
        let mut scores: FxHashMap<u32, f32> = FxHashMap::default();
        let mut read = 0;
        // The most telling words come first.
        for (word, weight) in self.vector(counts(product)) {
            let Some(posting) = self.postings.get(&word) else {
                continue;
            };
            read += posting.places.len();
            if read > MAX_POSTINGS && !scores.is_empty() {
                continue;
            }
            for (place, other) in posting.places.iter().zip(&posting.weights) {
                *scores.entry(*place).or_default() += weight * other;
            }
        }
        let mut alike: Vec<Alike> = scores
            .into_iter()
            .map(|(place, similarity)| Alike { place, similarity })
            .collect();
        let better = |left: &Alike, right: &Alike| {
            let order = right.similarity.total_cmp(&left.similarity);
            order.then(left.place.cmp(&right.place))
        };
        if alike.len() > count && count > 0 {
            alike.select_nth_unstable_by(count - 1, better);
        }
        alike.truncate(count);
        alike.sort_by(better);
        // Callers keep lists of many products: the room for all that was
        // looked at would add up to gigabytes.
        alike.shrink_to_fit();
        alike
    }

    /// How many products it knows.
    pub fn len(&self) -> usize {
        self.products
    }

    /// Whether it knows none.
    pub fn is_empty(&self) -> bool {
        self.products == 0
    }

    /// The most telling words with their weights, of length 1 together.
    fn vector(&self, counts: BTreeMap<String, f32>) -> Vec<(String, f32)> {
        let mut vector: Vec<(String, f32)> = counts
            .into_iter()
            .filter_map(|(word, count)| {
                let rarity = self.postings.get(&word)?.rarity;
                Some((word, (1.0 + count.ln().max(0.0)) * rarity))
            })
            .collect();
        vector.sort_by(|left, right| {
            let order = right.1.total_cmp(&left.1);
            order.then_with(|| left.0.cmp(&right.0))
        });
        vector.truncate(MAX_WORDS);
        let squares: f32 = vector.iter().map(|(_, weight)| weight * weight).sum();
        let length = squares.sqrt().max(f32::MIN_POSITIVE);
        for (_, weight) in &mut vector {
            *weight /= length;
        }
        vector
    }
}

/// How often each word occurs; a word of the title counts twice, brand and
/// category are words of their own kind.
fn counts(product: &Product) -> BTreeMap<String, f32> {
    let mut counts: BTreeMap<String, f32> = BTreeMap::new();
    let mut add = |word: String, weight: f32| *counts.entry(word).or_default() += weight;
    words(&product.title)
        .into_iter()
        .for_each(|word| add(word, 2.0));
    for text in product.tags.iter().chain(&product.description) {
        let beginning: String = text.chars().take(600).collect();
        words(&beginning)
            .into_iter()
            .for_each(|word| add(word, 1.0));
    }
    for part in &product.category {
        add(format!("category:{}", part.to_lowercase()), 2.0);
    }
    if let Some(brand) = &product.brand {
        add(format!("brand:{}", brand.to_lowercase()), 2.0);
    }
    counts
}

#[cfg(test)]
mod tests {
    use shop::Id;

    use super::*;

    fn product(id: &str, title: &str, category: &str) -> Product {
        let mut product = Product::new(Id::new(id).unwrap(), title.into());
        product.category = vec![category.into()];
        product
    }

    fn catalogue() -> Vec<Product> {
        [
            ("red running shoe", "Shoes"),
            ("blue running shoe", "Shoes"),
            ("green tea", "Tea"),
            ("绿茶 龙井", "Tea"),
            ("garden hose", "Garden"),
            ("garden rake", "Garden"),
            ("desk lamp", "Lamps"),
            ("reading lamp", "Lamps"),
            ("wool scarf", "Scarves"),
            ("silk scarf", "Scarves"),
        ]
        .iter()
        .enumerate()
        .map(|(at, (title, category))| product(&at.to_string(), title, category))
        .collect()
    }

    #[test]
    fn the_same_words_make_products_alike() {
        let catalogue = catalogue();
        let index = TextIndex::new((0..).zip(&catalogue));
        let nearest = |title: &str| {
            let alike = index.alike(&product("new", title, "None"), 2);
            alike.first().map(|alike| alike.place)
        };
        assert_eq!(nearest("龙井"), Some(3));
        assert_eq!(nearest("a rake for the garden"), Some(5));
        assert_eq!(nearest("nothing known"), None);
        let own = index.alike(&catalogue[0], 2);
        assert_eq!((own[0].place, own[1].place), (0, 1));
        assert!((own[0].similarity - 1.0).abs() < 1e-5);
    }

    #[test]
    fn it_survives_a_file() {
        let catalogue = catalogue();
        let index = TextIndex::new((0..).zip(&catalogue));
        let json = serde_json::to_string(&index).unwrap();
        let read: TextIndex = serde_json::from_str(&json).unwrap();
        assert_eq!(read.alike(&catalogue[3], 5), index.alike(&catalogue[3], 5));
        assert_eq!(read.len(), 10);
        assert!(TextIndex::default().is_empty());
    }
}
