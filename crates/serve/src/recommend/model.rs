use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, Weak};

use corpus::recommend::{ItemVocabulary, RepurchaseIntervals, TextIndex, artifact};
use models::neighbours::ItemItemMatrix;
use models::next_item::{ItemTableIndex, NextItemModel};
use rustc_hash::FxHashMap;
use store::{Catalogue, ProductIndex};

use crate::ServeError;

/// Products that the model has never heard of are joined to those whose text
/// is like theirs, at most so many at once: the rest waits for training.
const MAX_NEW_ITEMS: usize = 2_000;

/// Of how many known products a stranger takes its place.
const NEW_ITEM_NEIGHBOURS: usize = 5;

/// Texts less alike than this say nothing.
const MIN_SIMILARITY: f32 = 0.15;

/// A trained recommendation model.
#[derive(Debug)]
pub struct Model {
    parts: Arc<Parts>,
    /// The products of the catalogue that was asked for last.
    joined: Mutex<Option<(Weak<Catalogue>, Arc<CatalogueMapping>)>>,
}

/// What training left.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) next: NextItemModel,
    pub(super) items: ItemVocabulary,
    pub(super) text: TextIndex,
    /// By interest of the same people.
    pub(super) similar: ItemItemMatrix,
    /// By orders.
    pub(super) together: ItemItemMatrix,
    /// For products that nobody had touched: those with a text like theirs.
    cold: ItemItemMatrix,
    /// How soon products are bought again.
    pub(super) repurchase_intervals: RepurchaseIntervals,
    /// With these a history is read without scoring all products.
    pub(super) item_tables: Vec<ItemTableIndex>,
}

/// How the places of one catalogue and the numbers of the model meet.
#[derive(Debug, Default)]
pub(super) struct CatalogueMapping {
    /// By place; [`NONE`] for a product that the model has never heard of.
    numbers: Vec<u32>,
    /// By number; [`NONE`] for a product that the catalogue has no more.
    places: Vec<u32>,
    /// Strangers, with the numbers of products whose text is like theirs.
    new_items: FxHashMap<ProductIndex, Vec<(u32, f32)>>,
    /// The same for products that nobody had touched when the model was made.
    untouched: FxHashMap<ProductIndex, Vec<(u32, f32)>>,
    /// The places of both by the numbers of those that they are like.
    likes: FxHashMap<u32, Vec<ProductIndex>>,
}

const NONE: u32 = u32::MAX;

/// The model with the catalogue of one request.
#[derive(Debug, Clone)]
pub(super) struct CatalogueView {
    pub(super) parts: Arc<Parts>,
    joined: Arc<CatalogueMapping>,
}

impl Model {
    /// Reads the files that training left.
    pub fn load(files: &BTreeMap<String, Vec<u8>>) -> Result<Self, ServeError> {
        let wrong = |name: &str, error: &dyn std::fmt::Display| {
            ServeError::Artifact(format!("{name}: {error}"))
        };
        let file = |name: &str| {
            let missing = || ServeError::Artifact(format!("{name} is missing"));
            files.get(name).ok_or_else(missing)
        };
        let items: ItemVocabulary = serde_json::from_slice(file(artifact::ITEMS)?)
            .map_err(|error| wrong(artifact::ITEMS, &error))?;
        let text: TextIndex = serde_json::from_slice(file(artifact::TEXT)?)
            .map_err(|error| wrong(artifact::TEXT, &error))?;
        let lists = |name: &str| {
            ItemItemMatrix::from_safetensors(file(name)?, items.len())
                .map_err(|error| wrong(name, &error))
        };
        let next = NextItemModel::from_files(files)
            .map_err(|error| ServeError::Artifact(error.to_string()))?;
        if next.items != items.len() {
            return Err(ServeError::Artifact(format!(
                "{} items where {} have names",
                next.items,
                items.len()
            )));
        }
        let repurchase_intervals = match (files.get(artifact::REPURCHASE_INTERVALS))
            .or_else(|| files.get(artifact::OLD_REPURCHASE_INTERVALS))
        {
            Some(bytes) => serde_json::from_slice(bytes)
                .map_err(|error| wrong(artifact::REPURCHASE_INTERVALS, &error))?,
            None => RepurchaseIntervals::default(),
        };
        let parts = Parts {
            repurchase_intervals,
            item_tables: next.item_tables(),
            similar: lists(artifact::SIMILAR)?,
            together: lists(artifact::TOGETHER)?,
            cold: lists(artifact::COLD)?,
            next,
            items,
            text,
        };
        Ok(Self {
            parts: Arc::new(parts),
            joined: Mutex::new(None),
        })
    }

    /// The model as seen from this catalogue. Joining takes a moment after the
    /// catalogue has changed; all else shares what was joined before.
    pub(super) fn view(&self, catalogue: &Arc<Catalogue>) -> CatalogueView {
        let current = Arc::downgrade(catalogue);
        let mut joined = match self.joined.lock() {
            Ok(joined) => joined,
            Err(poisoned) => poisoned.into_inner(),
        };
        let fits = joined
            .as_ref()
            .filter(|(known, _)| known.ptr_eq(&current))
            .map(|(_, joined)| joined.clone());
        let fitting = fits.unwrap_or_else(|| {
            let fresh = Arc::new(CatalogueMapping::new(&self.parts, catalogue));
            *joined = Some((current, fresh.clone()));
            fresh
        });
        CatalogueView {
            parts: self.parts.clone(),
            joined: fitting,
        }
    }
}

impl CatalogueMapping {
    fn new(parts: &Parts, catalogue: &Catalogue) -> Self {
        let mut joined = Self {
            numbers: vec![NONE; catalogue.places()],
            places: vec![NONE; parts.items.len()],
            new_items: FxHashMap::default(),
            untouched: FxHashMap::default(),
            likes: FxHashMap::default(),
        };
        let mut new_items = Vec::new();
        for (place, product) in catalogue.iter() {
            match parts.items.place(&product.id) {
                Some(number) => {
                    joined.numbers[place as usize] = number;
                    joined.places[number as usize] = place;
                    let near = parts.cold.row(number);
                    let near: Vec<(u32, f32)> =
                        near.map(|scored| (scored.place, scored.score)).collect();
                    if !near.is_empty() {
                        joined.untouched.insert(place, near);
                    }
                }
                None => new_items.push((place, product)),
            }
        }
        // A removed product still stands in histories, and still says there
        // what the person likes; finding its number takes its id, which the
        // catalogue gives away by place only while the product is there.
        for (number, id) in (0..).zip(parts.items.ids()) {
            if let Some(place) = catalogue.index_of(id) {
                joined.numbers[place as usize] = number;
            }
        }
        // The newest have the highest places.
        for (place, product) in new_items.into_iter().rev().take(MAX_NEW_ITEMS) {
            let alike = parts.text.alike(product, NEW_ITEM_NEIGHBOURS);
            let near: Vec<(u32, f32)> = alike
                .into_iter()
                .filter(|alike| alike.similarity >= MIN_SIMILARITY)
                .map(|alike| (alike.place, alike.similarity))
                .collect();
            if !near.is_empty() {
                joined.new_items.insert(place, near);
            }
        }
        for (place, near) in joined.untouched.iter().chain(&joined.new_items) {
            for (number, _) in near {
                joined.likes.entry(*number).or_default().push(*place);
            }
        }
        joined
    }
}

impl CatalogueView {
    /// The number of the product at `place`.
    pub(super) fn number(&self, place: ProductIndex) -> Option<u32> {
        let number = self.joined.numbers.get(place as usize).copied();
        number.filter(|number| *number != NONE)
    }

    /// The place of the product with a number, while it is in the catalogue.
    pub(super) fn place(&self, number: u32) -> Option<ProductIndex> {
        let place = self.joined.places.get(number as usize).copied();
        place.filter(|place| *place != NONE)
    }

    /// The number that stands for a product in a history: its own, or that of
    /// the known product whose text is most like a stranger's.
    pub(super) fn cold_start_proxy(&self, place: ProductIndex) -> Option<u32> {
        self.number(place).or_else(|| {
            let near = self.joined.new_items.get(&place)?;
            near.first().map(|(number, _)| *number)
        })
    }

    /// The products of the catalogue that the model knows, with their numbers.
    pub(super) fn numbered(&self) -> impl Iterator<Item = (ProductIndex, u32)> {
        let places = (0..).zip(&self.joined.places);
        places
            .filter(|(_, place)| **place != NONE)
            .map(|(number, place)| (*place, number))
    }

    /// Products that nobody had touched and those that came after training,
    /// with the products whose text is like theirs.
    pub(super) fn by_text(&self) -> impl Iterator<Item = (ProductIndex, &[(u32, f32)])> {
        let all = self.joined.untouched.iter().chain(&self.joined.new_items);
        all.map(|(place, near)| (*place, near.as_slice()))
    }

    /// Those of them that are like the product with this number.
    pub(super) fn like(&self, number: u32) -> &[ProductIndex] {
        self.joined.likes.get(&number).map_or(&[], Vec::as_slice)
    }

    /// The same for one product; none for one that people know.
    pub(super) fn text_neighbours(&self, place: ProductIndex) -> &[(u32, f32)] {
        let untouched = self.joined.untouched.get(&place);
        let near = untouched.or_else(|| self.joined.new_items.get(&place));
        near.map_or(&[], Vec::as_slice)
    }
}
