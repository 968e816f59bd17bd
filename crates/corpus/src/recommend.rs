//! Recommendation: products become item numbers, a history becomes the
//! sequence that the model reads, texts tell which products are alike.
//! Training and serving both do it with this code.

mod repurchase_interval;
mod text_index;

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use shop::{EventKind, Id};

pub use repurchase_interval::{
    RepurchaseInterval, RepurchaseIntervals, purchase_intervals, repurchase_due,
};
pub use text_index::{Alike, TextIndex};

/// The most recent interactions that the model reads.
pub const MAX_HISTORY: usize = 50;

/// What a text says of a product that nobody has touched is worth less than
/// what people did: the score of those described alike counts so much.
pub const TEXT_TRUST: f32 = 0.8;

/// The files that a recommendation model has besides those of its next-item
/// model; training writes them and serving reads them.
pub mod artifact {
    /// [`super::ItemVocabulary`] as JSON: numbers mean nothing without it.
    pub const ITEMS: &str = "items.json";
    /// [`super::TextIndex`] as JSON.
    pub const TEXT: &str = "text.json";
    /// What the same people are interested in.
    pub const SIMILAR: &str = "similar.safetensors";
    /// What is bought together.
    pub const TOGETHER: &str = "together.safetensors";
    /// For products that nobody has touched, those with a text like theirs.
    pub const COLD: &str = "cold.safetensors";
    /// [`super::RepurchaseIntervals`] as JSON; absent in older artifacts.
    pub const REPURCHASE_INTERVALS: &str = "repurchase_intervals.json";
    /// What that file was called in artifacts of before.
    pub const OLD_REPURCHASE_INTERVALS: &str = "rhythms.json";
    /// What was learned from, and how.
    pub const CARD: &str = "card.json";
}

/// Product ids as consecutive numbers.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(from = "Vec<Id>", into = "Vec<Id>")]
pub struct ItemVocabulary {
    ids: Vec<Id>,
    places: FxHashMap<Id, u32>,
}

impl From<Vec<Id>> for ItemVocabulary {
    /// The first of two equal ids counts.
    fn from(ids: Vec<Id>) -> Self {
        let mut places = FxHashMap::default();
        for (place, id) in (0..).zip(&ids) {
            places.entry(id.clone()).or_insert(place);
        }
        Self { ids, places }
    }
}

impl From<ItemVocabulary> for Vec<Id> {
    fn from(vocabulary: ItemVocabulary) -> Self {
        vocabulary.ids
    }
}

impl ItemVocabulary {
    /// Those that occur most get the lowest numbers; equal counts go by id.
    pub fn from_counts(counts: impl IntoIterator<Item = (Id, u64)>) -> Self {
        let mut counts: Vec<(Id, u64)> = counts.into_iter().collect();
        counts.sort_by(|left, right| right.1.cmp(&left.1).then_with(|| left.0.cmp(&right.0)));
        let ids: Vec<Id> = counts.into_iter().map(|(id, _)| id).collect();
        ids.into()
    }

    /// The number of a product.
    pub fn place(&self, id: &Id) -> Option<u32> {
        self.places.get(id).copied()
    }

    /// The product with a number.
    pub fn id(&self, place: u32) -> Option<&Id> {
        self.ids.get(place as usize)
    }

    /// All ids in the order of their numbers.
    pub fn ids(&self) -> &[Id] {
        &self.ids
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }
}

/// What the model reads of a history in the order of time: what the actor
/// showed interest in, a product that follows itself only once, the last
/// `longest` of it.
pub fn sequence<T: Copy + PartialEq>(
    interactions: impl IntoIterator<Item = (T, EventKind)>,
    longest: usize,
) -> Vec<T> {
    let liked = interactions
        .into_iter()
        .filter(|(_, kind)| kind.interest() > 0.0)
        .map(|(item, _)| item);
    let mut items: Vec<T> = Vec::new();
    for item in liked {
        if items.last() != Some(&item) {
            items.push(item);
        }
    }
    let surplus = items.len().saturating_sub(longest);
    items.split_off(surplus)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_history_becomes_its_last_liked_items() {
        use EventKind::{AddToCart, Hide, Impression, Purchase, View};
        let history = [
            (1, View),
            (2, View),
            (2, AddToCart),
            (3, Hide),
            (2, Purchase),
            (4, Impression),
            (1, View),
        ];
        assert_eq!(sequence(history, 9), [1, 2, 1]);
        assert_eq!(sequence(history, 2), [2, 1]);
        assert!(sequence(history, 0).is_empty());
    }

    #[test]
    fn numbers_go_by_count_then_by_id_and_survive_a_file() {
        let id = |text: &str| Id::new(text).unwrap();
        let counts = [(id("b"), 2), (id("c"), 5), (id("a"), 2)];
        let vocabulary = ItemVocabulary::from_counts(counts);
        assert_eq!(vocabulary.place(&id("c")), Some(0));
        assert_eq!(vocabulary.id(1), Some(&id("a")));
        assert_eq!(vocabulary.place(&id("z")), None);
        let json = serde_json::to_string(&vocabulary).unwrap();
        assert_eq!(json, r#"["c","a","b"]"#);
        assert_eq!(
            serde_json::from_str::<ItemVocabulary>(&json).unwrap(),
            vocabulary
        );
    }
}
