use std::sync::Arc;
use std::time::Duration;

use corpus::search::constraints::{ParsedQuery, parse_constraints};
use corpus::search::{Collection, Document, Gazetteer, Query, exact_key};
use models::int8_vectors::RescoredVectors;
use rustc_hash::FxHashMap;
use shop::{Product, Progress};
use store::{Catalogue, ProductIndex, Snapshot};

use super::Model;
use super::delta_index::{self, DeltaIndex};
use super::dense_retrieval::VectorIndex;
use super::facet::{FacetCounts, FacetTable};
use super::fields::FieldTable;
use super::inverted_index::{InvertedIndex, Match};
use super::query_log_index::QueryLogIndex;
use super::suggest::SuggestionTable;
use crate::ServeError;

/// A product's number in the index: its rank by id among those that were there
/// when the index was built; what came later follows.
pub(super) type DocumentNumber = u32;

const NOWHERE: DocumentNumber = DocumentNumber::MAX;

/// The catalogue made searchable, held in memory. What changes is indexed
/// beside the rest ([`Index::refreshed`]) until there is so much of it that
/// building everything anew is worth it.
pub struct Index {
    base: Arc<Base>,
    revision: u64,
    collection: Collection,
    delta: DeltaIndex,
    pub(super) query_log: Arc<QueryLogIndex>,
}

/// The products as they were when the index was built.
pub(super) struct Base {
    /// By document.
    pub products: Vec<Arc<Product>>,
    /// By document.
    places: Vec<ProductIndex>,
    /// By place.
    documents: Vec<DocumentNumber>,
    /// The documents whose title folds to this.
    titles: FxHashMap<String, Vec<DocumentNumber>>,
    facets: FacetTable,
    fields: FieldTable,
    suggestions: SuggestionTable,
    words: InvertedIndex,
    meaning: Option<VectorIndex>,
    names: Gazetteer,
    build_time: Duration,
}

impl Base {
    /// The vectors of what a collection got later.
    pub fn vectors_of(
        &self,
        collection: &Collection,
        products: &[&Product],
    ) -> Option<RescoredVectors> {
        let meaning = self.meaning.as_ref();
        meaning.map(|meaning| meaning.of_delta(collection, products))
    }

    /// The document of a place, and what its product was.
    pub fn at(&self, place: ProductIndex) -> Option<(DocumentNumber, &Arc<Product>)> {
        let document = *self.documents.get(place as usize)?;
        Some((document, self.products.get(document as usize)?))
    }
}

impl Index {
    /// Builds the index of a catalogue. The same catalogue gives the same
    /// index, however many threads there are.
    pub fn build(catalogue: &Catalogue) -> Result<Self, ServeError> {
        Self::build_for(catalogue, None)
    }

    /// Builds the index that a model searches in: products get their vectors
    /// by its encoder, where it has one.
    pub fn build_for(catalogue: &Catalogue, model: Option<&Model>) -> Result<Self, ServeError> {
        Self::build_with_progress(catalogue, model, None)
    }

    /// The same, saying how far it is: a published encoder takes its time.
    pub fn build_with_progress(
        catalogue: &Catalogue,
        model: Option<&Model>,
        progress: Option<&dyn Progress>,
    ) -> Result<Self, ServeError> {
        let start = std::time::Instant::now();
        let mut all: Vec<(ProductIndex, &Arc<Product>)> = catalogue.iter().collect();
        // Equal scores tie by id.
        all.sort_unstable_by(|left, right| left.1.id.cmp(&right.1.id));
        let places: Vec<ProductIndex> = all.iter().map(|(place, _)| *place).collect();
        let products: Vec<&Product> = all.iter().map(|(_, product)| &***product).collect();
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let collection = Collection::build(&products, threads);
        let mut documents = vec![NOWHERE; catalogue.places()];
        for (number, place) in (0..).zip(&places) {
            documents[*place as usize] = number;
        }
        let encoder = model.and_then(|model| model.encoder.clone());
        // The inverted index is written by one thread; the rest is made beside it.
        let mut base = std::thread::scope(|scope| -> Result<Base, ServeError> {
            let words = scope.spawn(|| InvertedIndex::build(&collection));
            let (titles, facets) = (titles_of(&products, 0), FacetTable::build(&products));
            let suggestions = SuggestionTable::of_products(&places, &products);
            let meaning = encoder.map(|encoder| {
                VectorIndex::build(&collection, &products, encoder, threads, progress)
            });
            Ok(Base {
                titles,
                facets,
                fields: FieldTable::build(&products),
                names: Gazetteer::of(&products),
                suggestions,
                meaning,
                words: words.join().unwrap_or_else(|_| {
                    let reason = "the thread that writes the search index died".to_owned();
                    Err(ServeError::Artifact(reason))
                })?,
                products: all.iter().map(|(_, product)| (*product).clone()).collect(),
                places,
                documents,
                build_time: Duration::ZERO,
            })
        })?;
        base.build_time = start.elapsed();
        Ok(Self {
            base: Arc::new(base),
            revision: catalogue.revision,
            collection,
            delta: DeltaIndex::default(),
            query_log: Arc::default(),
        })
    }

    /// The index of the shop as it is now: what has changed since everything
    /// was indexed stands beside the rest. `None` where nothing has changed.
    pub fn refreshed(&self, snapshot: &Snapshot) -> Option<Self> {
        let same = self.revision == snapshot.catalogue.revision;
        let same_queries = self.query_log.revision() == snapshot.query_log.revision;
        if same && same_queries {
            return None;
        }
        let (collection, delta) = if same {
            (self.collection.clone(), self.delta.clone())
        } else {
            DeltaIndex::build(&self.base, &self.collection, &snapshot.catalogue)
        };
        Some(Self {
            base: self.base.clone(),
            revision: snapshot.catalogue.revision,
            collection,
            delta,
            query_log: if same_queries {
                self.query_log.clone()
            } else {
                Arc::new(QueryLogIndex::build(snapshot))
            },
        })
    }

    /// The catalogue's revision that this is the index of.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// How many products stand beside the rest, or are gone from it.
    pub fn changes(&self) -> usize {
        self.delta.changes()
    }

    /// Whether so much has changed that everything should be indexed anew.
    pub fn needs_merge(&self) -> bool {
        const MANY: usize = 500;
        const SHARE: usize = 50;
        let indexed = self.base.products.len();
        // How telling a word is, is known of what is indexed alone: no more may
        // stand beside it than there is of it.
        self.changes() > MANY.max(indexed / SHARE).min(indexed)
    }

    /// What a query says, and the terms that its words stand for.
    pub(super) fn interpret(
        &self,
        snapshot: &Snapshot,
        text: &str,
        language: Option<&str>,
    ) -> (ParsedQuery, Query) {
        let read = |words: &str| {
            let synonyms = snapshot.synonyms.values().map(|one| &**one);
            Query::interpret_with(&self.collection, words, language, synonyms)
        };
        let mut parsed = parse_constraints(&self.base.names, text);
        let mut query = read(&parsed.words);
        if parsed.words != text {
            // A wrong guess must not hide what is called so.
            if query.is_unknown() && !parsed.has_operators() {
                parsed.words = text.to_owned();
                query = read(text);
            }
            query.exact = exact_key(text);
        }
        for name in &parsed.names {
            query.join_name(name);
        }
        (parsed, query)
    }

    /// Whether the products have their vectors by the encoder of `model`.
    pub fn is_for(&self, model: Option<&Model>) -> bool {
        let own = self.base.meaning.as_ref().map(VectorIndex::encoder);
        match (own, model.and_then(|model| model.encoder.as_ref())) {
            (None, None) => true,
            (Some(own), Some(other)) => own == other,
            _ => false,
        }
    }

    /// How many products are in it.
    pub fn len(&self) -> usize {
        self.base.products.len() + self.delta.products.len() - self.delta.replaced.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How long indexing everything took.
    pub fn build_time(&self) -> Duration {
        self.base.build_time
    }

    /// The products as terms.
    pub fn collection(&self) -> &Collection {
        &self.collection
    }

    /// A document's terms.
    pub(super) fn terms(&self, document: DocumentNumber) -> Option<&Document> {
        self.collection.document(document)
    }

    /// Where the catalogue keeps the product of a document; `None` for one
    /// that another document has superseded.
    pub(super) fn place(&self, document: DocumentNumber) -> Option<ProductIndex> {
        match self.base.places.get(document as usize) {
            Some(place) => (!self.delta.replaced.contains(&document)).then_some(*place),
            None => {
                let own = document as usize - self.base.places.len();
                self.delta.places.get(own).copied()
            }
        }
    }

    /// The document of a product.
    pub(super) fn document(&self, place: ProductIndex) -> Option<DocumentNumber> {
        let first = self.base.places.len() as DocumentNumber;
        if let Some(at) = self.delta.places.iter().position(|own| *own == place) {
            return Some(first + at as DocumentNumber);
        }
        let (document, _) = self.base.at(place)?;
        (!self.delta.replaced.contains(&document)).then_some(document)
    }

    /// Whether the product at a place is another one, or none, since everything
    /// was indexed.
    pub(super) fn is_superseded(&self, place: ProductIndex) -> bool {
        let replaced = &self.delta.replaced;
        !replaced.is_empty()
            && self
                .base
                .at(place)
                .is_some_and(|(document, _)| replaced.contains(&document))
    }

    /// Where a document stands among all by the id of its product.
    pub(super) fn order(&self, document: DocumentNumber) -> u64 {
        let known = self.base.places.len();
        match (document as usize).checked_sub(known) {
            None => u64::from(document) << 32 | u64::from(u32::MAX),
            Some(own) => self.delta.orders.get(own).copied().unwrap_or(u64::MAX),
        }
    }

    /// Every document that is not superseded.
    pub(super) fn all(&self) -> impl Iterator<Item = DocumentNumber> {
        let all = self.base.products.len() + self.delta.products.len();
        let all = 0..all as DocumentNumber;
        all.filter(|document| !self.delta.replaced.contains(document))
    }

    /// The documents whose title is the query.
    pub(super) fn with_title(&self, exact: &str) -> impl Iterator<Item = DocumentNumber> {
        let of = |titles: &'_ FxHashMap<String, Vec<DocumentNumber>>| {
            titles.get(exact).cloned().unwrap_or_default()
        };
        let mut all = of(&self.base.titles);
        all.retain(|document| !self.delta.replaced.contains(document));
        all.extend(of(&self.delta.titles));
        all.into_iter()
    }

    /// Counts what documents have of the facets asked for.
    pub(super) fn count_facets(
        &self,
        documents: &[DocumentNumber],
        asked: &[String],
    ) -> FacetCounts {
        let mut counts = FacetCounts::new(asked);
        let known = self.base.places.len() as DocumentNumber;
        let split = |delta: bool| documents.iter().filter(move |d| (**d >= known) == delta);
        counts.add(&self.base.facets, split(false).map(|d| *d as usize));
        if !self.delta.products.is_empty() {
            let own = split(true).map(|d| (*d - known) as usize);
            counts.add(&self.delta.facets, own);
        }
        counts
    }

    /// The fields that products have; those of products that are gone stay
    /// until everything is indexed anew.
    pub(super) fn fields(&self) -> [&FieldTable; 2] {
        [&self.base.fields, &self.delta.fields]
    }

    /// What may be suggested of products.
    pub(super) fn suggestions(&self) -> [&SuggestionTable; 2] {
        [&self.base.suggestions, &self.delta.suggestions]
    }

    pub(super) fn has_meaning(&self) -> bool {
        self.base.meaning.is_some()
    }

    /// The vector of a query, `words` being what was typed; `None` when the encoder
    /// knows none of its words.
    pub(super) fn vector(&self, query: &Query, words: &str) -> Option<Vec<f32>> {
        let meaning = self.base.meaning.as_ref()?;
        let words = query.corrected.as_deref().unwrap_or(words);
        meaning.query_vector(&self.collection, query, words)
    }

    /// How near each document is to a vector, to about a hundredth.
    pub(super) fn cosines(&self, vector: &[f32]) -> Vec<f32> {
        let Some(meaning) = &self.base.meaning else {
            return Vec::new();
        };
        let mut cosines = meaning.vectors.products(vector);
        if let Some(delta) = &self.delta.vectors {
            cosines.extend(delta.products(vector));
        }
        for document in &self.delta.replaced {
            cosines[*document as usize] = 0.0;
        }
        cosines
    }

    /// How near one document is to a vector.
    pub(super) fn cosine(&self, document: DocumentNumber, vector: &[f32]) -> f32 {
        let known = self.base.places.len();
        let (vectors, row) = match (document as usize).checked_sub(known) {
            None => (
                self.base.meaning.as_ref().map(|one| &one.vectors),
                document as usize,
            ),
            Some(own) => (self.delta.vectors.as_ref(), own),
        };
        vectors.map_or(0.0, |vectors| vectors.product(row, vector))
    }

    /// Every document that has all of the query's known words, with its score.
    /// In the order of document numbers.
    pub(super) fn with_all_words(
        &self,
        query: &Query,
    ) -> Result<Vec<(DocumentNumber, f32)>, ServeError> {
        let mut found = self.base.words.with_all_words(&self.collection, query)?;
        self.drop_replaced(&mut found, |(document, _)| *document);
        found.extend(delta_index::with_all_words(&self.collection, query));
        Ok(found)
    }

    /// Every document that has any of the query's words; `weights` say how
    /// much each of these says. In the order of document numbers.
    pub(super) fn with_any_word(
        &self,
        query: &Query,
        weights: &[u64],
    ) -> Result<Vec<Match>, ServeError> {
        let words = &self.base.words;
        let mut found = words.with_any_word(&self.collection, query, weights)?;
        self.drop_replaced(&mut found, |one| one.document);
        found.extend(delta_index::with_any_word(&self.collection, query, weights));
        Ok(found)
    }

    fn drop_replaced<T>(&self, found: &mut Vec<T>, document: impl Fn(&T) -> DocumentNumber) {
        if !self.delta.replaced.is_empty() {
            found.retain(|one| !self.delta.replaced.contains(&document(one)));
        }
    }
}

/// Documents by their folded titles, the first of them with number `first`.
pub(super) fn titles_of(
    products: &[&Product],
    first: DocumentNumber,
) -> FxHashMap<String, Vec<DocumentNumber>> {
    let mut titles: FxHashMap<String, Vec<DocumentNumber>> = FxHashMap::default();
    for (number, product) in (first..).zip(products) {
        titles
            .entry(exact_key(&product.title))
            .or_default()
            .push(number);
    }
    titles
}
