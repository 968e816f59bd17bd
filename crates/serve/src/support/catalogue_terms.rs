//! The words that each product is known by, so that a question about the
//! catalogue as a whole need not read every product.

use std::collections::BTreeSet;
use std::sync::Arc;

use corpus::support::{is_han, terms};
use rustc_hash::FxHashMap;
use shop::Product;
use store::{ProductIndex, Snapshot};

/// The longest Chinese name of a kind of thing, in characters.
const LONGEST_THING: usize = 6;

/// The products by their words and by what the shop files them under.
#[derive(Debug, Clone, Default)]
pub(crate) struct CatalogueTerms {
    numbers: FxHashMap<String, u32>,
    known: FxHashMap<ProductIndex, Arc<Known>>,
    /// By word, in the order of the catalogue.
    with_word: Vec<Vec<ProductIndex>>,
    filed_under: Vec<Vec<ProductIndex>>,
}

/// What was read of a product.
#[derive(Debug)]
struct Known {
    product: Arc<Product>,
    words: Vec<u32>,
    things: Vec<u32>,
}

impl CatalogueTerms {
    /// The same, brought up to date: only products that changed are read.
    pub fn refreshed(&self, snapshot: &Snapshot) -> Self {
        let mut fresh = Self {
            numbers: self.numbers.clone(),
            ..Self::default()
        };
        for (place, product) in snapshot.catalogue.iter() {
            let before = self.known.get(&place);
            let known = match before.filter(|known| Arc::ptr_eq(&known.product, product)) {
                Some(known) => known.clone(),
                None => Arc::new(Known {
                    product: product.clone(),
                    words: fresh.numbered(words_of(product)),
                    things: fresh.numbered(things_of(product)),
                }),
            };
            fresh.known.insert(place, known);
        }
        fresh.with_word = vec![Vec::new(); fresh.numbers.len()];
        fresh.filed_under = fresh.with_word.clone();
        for (place, _) in snapshot.catalogue.iter() {
            let known = &fresh.known[&place];
            for word in &known.words {
                fresh.with_word[*word as usize].push(place);
            }
            for thing in &known.things {
                fresh.filed_under[*thing as usize].push(place);
            }
        }
        fresh
    }

    fn numbered(&mut self, words: BTreeSet<String>) -> Vec<u32> {
        let mut numbers = Vec::with_capacity(words.len());
        for word in words {
            let next = self.numbers.len() as u32;
            numbers.push(*self.numbers.entry(word).or_insert(next));
        }
        numbers
    }

    /// Whether the shop files products under the word (a stem).
    pub fn is_kind(&self, word: &str) -> bool {
        let number = self.numbers.get(word).map(|number| *number as usize);
        number.is_some_and(|number| !self.filed_under[number].is_empty())
    }

    /// The products that are known by all of the words (stems), and where a
    /// kind is named are filed under it. No words: every product.
    pub fn find(&self, words: &[String], kind: Option<&str>) -> Vec<ProductIndex> {
        let number = |word: &str| self.numbers.get(word).map(|number| *number as usize);
        let mut lists: Vec<&[ProductIndex]> = Vec::new();
        for word in words {
            lists.push(number(word).map_or(&[], |number| &self.with_word[number]));
        }
        if let Some(kind) = kind {
            lists.push(number(kind).map_or(&[], |number| &self.filed_under[number]));
        }
        lists.sort_by_key(|list| list.len());
        let Some((shortest, others)) = lists.split_first() else {
            let mut all: Vec<ProductIndex> = self.known.keys().copied().collect();
            all.sort_unstable();
            return all;
        };
        // Sorted by place, as the catalogue is gone through.
        let in_all =
            |place: &&ProductIndex| others.iter().all(|list| list.binary_search(place).is_ok());
        shortest.iter().filter(in_all).copied().collect()
    }
}

/// The words that a product is known by.
pub(super) fn words_of(product: &Product) -> BTreeSet<String> {
    let mut text = product.title.clone();
    let options = product
        .attributes
        .values()
        .filter_map(|value| value.as_str());
    let more = product.category.iter().map(String::as_str);
    let tags = product.tags.iter().map(String::as_str);
    for part in more
        .chain(tags)
        .chain(options)
        .chain(product.brand.as_deref())
    {
        text.push(' ');
        text.push_str(part);
    }
    let mut words: BTreeSet<String> = terms(&text).into_iter().map(|term| term.word).collect();
    // "tshirt" finds a "T-Shirt".
    let title = terms(&product.title).into_iter();
    words.insert(title.map(|term| term.word).collect());
    words
}

/// What the shop files a product under: a "gravel bike" is a bike and a "bike
/// lock" a lock, 头戴式耳机 is 耳机 and 耳机包 is a 包.
pub(super) fn things_of(product: &Product) -> BTreeSet<String> {
    let mut things = BTreeSet::new();
    for part in &product.category {
        things.extend(terms(part).pop().map(|term| term.word));
        let mut end = String::new();
        let characters = part.chars().rev().take(LONGEST_THING);
        for character in characters.take_while(|character| is_han(*character)) {
            end.insert(0, character);
            things.insert(end.clone());
        }
    }
    things
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use shop::{Kind, Record, Timestamp};
    use store::{Entry, LogEntry};

    use super::*;

    fn with(snapshot: &Snapshot, rows: &[(&str, &str, &str)]) -> Snapshot {
        let first = snapshot.sequence + 1;
        let entries = (first..).zip(rows).map(|(sequence, (id, title, kind))| {
            let row = json!({"id": id, "title": title, "category": [kind]});
            let serde_json::Value::Object(row) = row else {
                unreachable!()
            };
            let record = Record::from_json(Kind::Products, row, Timestamp::from_seconds(1));
            LogEntry {
                sequence,
                id: sequence.to_string(),
                entry: Entry::Record(record.unwrap()),
            }
        });
        snapshot.apply(&entries.collect::<Vec<_>>())
    }

    #[test]
    fn what_is_refreshed_is_as_if_read_anew() {
        let rows = [
            ("b1", "Bike lock, steel", "Bike lock"),
            ("b2", "Gravel bike, green", "Gravel bike"),
            ("e1", "毛毡耳机包", "耳机包"),
            ("e2", "降噪耳机", "头戴式耳机"),
        ];
        let before = with(&Snapshot::default(), &rows);
        let shelf = CatalogueTerms::default().refreshed(&before);
        let words = |text: &str| vec![text.to_owned()];
        assert_eq!(shelf.find(&words("bike"), None).len(), 2);
        assert_eq!(shelf.find(&words("bike"), Some("bike")).len(), 1);
        assert_eq!(shelf.find(&[], Some("耳机")).len(), 1);
        assert_eq!(shelf.find(&[], None).len(), 4);
        assert!(shelf.find(&words("boat"), None).is_empty());
        let changes = [("b1", "Boat", "Boat"), ("b3", "City bike", "City bike")];
        let after = with(&before, &changes);
        let (refreshed, anew) = (
            shelf.refreshed(&after),
            CatalogueTerms::default().refreshed(&after),
        );
        for word in ["bike", "boat", "lock", "steel", "green", "citi"] {
            let (one, other) = (
                refreshed.find(&words(word), None),
                anew.find(&words(word), None),
            );
            assert_eq!(one, other, "{word}");
        }
        assert_eq!(refreshed.find(&words("boat"), None).len(), 1);
        assert_eq!(refreshed.find(&words("bike"), Some("bike")).len(), 2);
    }
}
