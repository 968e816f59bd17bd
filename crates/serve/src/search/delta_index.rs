//! What changed since everything was indexed: new and changed products stand
//! beside the rest, and what they supersede is left out.

use corpus::search::features::{bm25, has_all_words};
use corpus::search::term_coverage::term_coverage;
use corpus::search::{Collection, Query};
use models::int8_vectors::RescoredVectors;
use rustc_hash::{FxHashMap, FxHashSet};
use shop::Product;
use std::sync::Arc;
use store::{Catalogue, ProductIndex};

use super::facet::FacetTable;
use super::fields::FieldTable;
use super::index::{Base, DocumentNumber, titles_of};
use super::inverted_index::Match;
use super::suggest::SuggestionTable;

/// The products that came or changed, in the order of their ids.
#[derive(Clone, Default)]
pub(super) struct DeltaIndex {
    pub products: Vec<Arc<Product>>,
    pub places: Vec<ProductIndex>,
    /// Of each: where it stands among all by its id.
    pub orders: Vec<u64>,
    pub titles: FxHashMap<String, Vec<DocumentNumber>>,
    pub facets: Arc<FacetTable>,
    pub fields: Arc<FieldTable>,
    pub suggestions: Arc<SuggestionTable>,
    pub vectors: Option<RescoredVectors>,
    /// The documents that count no more.
    pub replaced: FxHashSet<DocumentNumber>,
}

impl DeltaIndex {
    /// How many products were changed, added or removed.
    pub fn changes(&self) -> usize {
        self.products.len().max(self.replaced.len())
    }

    /// Compares a catalogue with what was indexed.
    pub fn build(
        base: &Base,
        collection: &Collection,
        catalogue: &Catalogue,
    ) -> (Collection, Self) {
        let mut delta = Self::default();
        let mut changed: Vec<(ProductIndex, &Arc<Product>)> = Vec::new();
        for place in 0..catalogue.places() as ProductIndex {
            let now = catalogue.get(place);
            let before = base.at(place);
            if let (Some((_, before)), Some(now)) = (before, now)
                && (Arc::ptr_eq(before, now) || before == now)
            {
                continue;
            }
            delta.replaced.extend(before.map(|(document, _)| document));
            changed.extend(now.map(|now| (place, now)));
        }
        changed.sort_unstable_by(|left, right| left.1.id.cmp(&right.1.id));
        let products: Vec<&Product> = changed.iter().map(|(_, product)| &***product).collect();
        let collection = collection.with_delta(&products);
        delta.places = changed.iter().map(|(place, _)| *place).collect();
        delta.orders = (0_u64..)
            .zip(&products)
            .map(|(own, product)| {
                let after = base.products.partition_point(|other| other.id < product.id);
                (after as u64) << 32 | own
            })
            .collect();
        delta.titles = titles_of(&products, base.products.len() as DocumentNumber);
        delta.facets = Arc::new(FacetTable::build(&products));
        delta.fields = Arc::new(FieldTable::build(&products));
        delta.suggestions = Arc::new(SuggestionTable::of_products(&delta.places, &products));
        delta.vectors = base.vectors_of(&collection, &products);
        delta.products = changed
            .into_iter()
            .map(|(_, product)| product.clone())
            .collect();
        (collection, delta)
    }
}

/// The delta documents that have all of a query's known words, with their
/// scores: there are few, so each is looked at.
pub(super) fn with_all_words(
    collection: &Collection,
    query: &Query,
) -> impl Iterator<Item = (DocumentNumber, f32)> {
    let documents = collection.delta_documents();
    let whole = documents.filter(|(_, document)| has_all_words(query, document));
    let scored = whole.map(|(number, document)| (number, bm25(collection, query, document)));
    scored.filter(|(_, score)| *score > 0.0)
}

/// The delta documents that have any of a query's words.
pub(super) fn with_any_word(
    collection: &Collection,
    query: &Query,
    weights: &[u64],
) -> impl Iterator<Item = Match> {
    let matches = collection
        .delta_documents()
        .map(|(number, document)| Match {
            document: number,
            score: bm25(collection, query, document),
            coverage: term_coverage(query, weights, document),
        });
    matches.filter(|one| one.score > 0.0)
}
