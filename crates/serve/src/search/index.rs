use std::sync::Arc;
use std::time::Duration;

use corpus::search::understanding::{Names, Understanding, understand};
use corpus::search::{Collection, Query, QueryWord, exact_key};
use rustc_hash::FxHashMap;
use store::{Catalogue, ProductIndex};
use tantivy::collector::{Collector, SegmentCollector};
use tantivy::columnar::Column;
use tantivy::directory::RamDirectory;
use tantivy::query::{
    BooleanQuery, BoostQuery, DisjunctionMaxQuery, Occur, Query as Clause, TermQuery,
};
use tantivy::schema::{FAST, Field, IndexRecordOption, Schema, TextFieldIndexing, TextOptions};
use tantivy::tokenizer::{PreTokenizedString, Token};
use tantivy::{DocId, Score, Searcher, SegmentOrdinal, SegmentReader, TantivyDocument, Term};

use super::Model;
use super::facet::FacetTable;
use super::meaning::Meaning;
use super::suggest::SuggestionTable;
use crate::ServeError;

/// What tantivy may use while it builds; the index itself is far smaller.
const BUILD_BYTES: usize = 64 << 20;

/// A product's number in the index: its rank among the catalogue's places.
pub(super) type DocumentNumber = u32;

/// The catalogue made searchable, held in memory: built anew whenever
/// [`Catalogue::revision`] changes.
pub struct Index {
    revision: u64,
    collection: Collection,
    /// Of each document.
    places: Vec<ProductIndex>,
    /// The documents whose title folds to this.
    titles: FxHashMap<String, Vec<DocumentNumber>>,
    pub(super) facets: FacetTable,
    pub(super) suggestions: SuggestionTable,
    searcher: Searcher,
    words: Field,
    grams: Field,
    pub(super) meaning: Option<Meaning>,
    names: Names,
    build_time: Duration,
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
        let start = std::time::Instant::now();
        let (places, products): (Vec<ProductIndex>, Vec<&shop::Product>) = catalogue
            .iter()
            .map(|(place, product)| (place, &**product))
            .unzip();
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let collection = Collection::build(&products, threads);
        let fields = Fields::new();
        let searcher = fields
            .build(&collection)
            .map_err(|error| ServeError::Artifact(format!("the search index: {error}")))?;
        let mut titles: FxHashMap<String, Vec<DocumentNumber>> = FxHashMap::default();
        for (number, product) in (0..).zip(&products) {
            titles
                .entry(exact_key(&product.title))
                .or_default()
                .push(number);
        }
        let encoder = model.and_then(|model| model.encoder.clone());
        Ok(Self {
            revision: catalogue.revision,
            meaning: encoder.map(|encoder| Meaning::build(&collection, encoder, threads)),
            facets: FacetTable::build(&products),
            names: Names::of(&products),
            suggestions: SuggestionTable::build(&places, &products),
            collection,
            places,
            titles,
            searcher,
            words: fields.words,
            grams: fields.grams,
            build_time: start.elapsed(),
        })
    }

    /// The catalogue's revision that this is the index of.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// What a query says, and the terms that its words stand for.
    pub(super) fn interpret(&self, text: &str, language: Option<&str>) -> (Understanding, Query) {
        let mut understanding = understand(&self.names, text);
        let mut query = Query::interpret(&self.collection, &understanding.words, language);
        if understanding.words != text {
            // A wrong guess must not hide what is called so.
            if query.is_unknown() {
                understanding.words = text.to_owned();
                query = Query::interpret(&self.collection, text, language);
            }
            query.exact = exact_key(text);
        }
        (understanding, query)
    }

    /// Whether the products have their vectors by the encoder of `model`.
    pub fn is_for(&self, model: Option<&Model>) -> bool {
        let own = self.meaning.as_ref().map(Meaning::encoder);
        match (own, model.and_then(|model| model.encoder.as_ref())) {
            (None, None) => true,
            (Some(own), Some(other)) => Arc::ptr_eq(own, other),
            _ => false,
        }
    }

    /// How many products are in it.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// How long building took.
    pub fn build_time(&self) -> Duration {
        self.build_time
    }

    /// The products as terms.
    pub fn collection(&self) -> &Collection {
        &self.collection
    }

    /// Where the catalogue keeps the product of a document.
    pub(super) fn place(&self, document: DocumentNumber) -> Option<ProductIndex> {
        self.places.get(document as usize).copied()
    }

    /// The document of a product.
    pub(super) fn document(&self, place: ProductIndex) -> Option<DocumentNumber> {
        self.places
            .binary_search(&place)
            .ok()
            .and_then(|at| DocumentNumber::try_from(at).ok())
    }

    /// The documents whose title is the query.
    pub(super) fn with_title(&self, exact: &str) -> &[DocumentNumber] {
        self.titles.get(exact).map_or(&[], Vec::as_slice)
    }

    /// Every document with its score: those with all of the query's known
    /// words, or with any of them. In the order of document numbers.
    pub(super) fn retrieve(
        &self,
        query: &Query,
        wanted: Wanted,
    ) -> Result<Vec<(DocumentNumber, Score)>, ServeError> {
        let occur = match wanted {
            Wanted::AllWords => Occur::Must,
            Wanted::AnyWord => Occur::Should,
        };
        let clauses: Vec<(Occur, Box<dyn Clause>)> = query
            .words
            .iter()
            .filter(|word| !word.alternatives.is_empty())
            .map(|word| (occur, self.clause(word)))
            .collect();
        if clauses.is_empty() {
            return Ok(Vec::new());
        }
        let mut found = self
            .searcher
            .search(&BooleanQuery::new(clauses), &Everything)
            .map_err(|error| ServeError::Artifact(format!("the search index: {error}")))?;
        found.sort_unstable_by_key(|(document, _)| *document);
        Ok(found)
    }

    /// A word scores as the best of what it may stand for.
    fn clause(&self, word: &QueryWord) -> Box<dyn Clause> {
        let alternatives = word.alternatives.iter().map(|alternative| {
            let mut terms: Vec<Box<dyn Clause>> = alternative
                .terms
                .iter()
                .map(|term| self.term_clause(*term))
                .collect();
            let all: Box<dyn Clause> = if terms.len() == 1 {
                terms.remove(0)
            } else {
                let musts = terms.into_iter().map(|term| (Occur::Must, term));
                Box::new(BooleanQuery::new(musts.collect()))
            };
            Box::new(BoostQuery::new(all, alternative.weight)) as Box<dyn Clause>
        });
        Box::new(DisjunctionMaxQuery::new(alternatives.collect()))
    }

    fn term_clause(&self, term: corpus::search::Term) -> Box<dyn Clause> {
        let gram = self.collection.entry(term).is_some_and(|entry| entry.gram);
        let field = if gram { self.grams } else { self.words };
        let term = Term::from_field_text(field, self.collection.text(term));
        Box::new(TermQuery::new(term, IndexRecordOption::WithFreqs))
    }
}

/// Which documents a query retrieves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    AllWords,
    AnyWord,
}

/// The schema: all of a product's words in one field and its grams in
/// another. One joined field ranks better than weighted ones (BM25 over
/// several fields counts a word of the title as if it were rarer than it is);
/// which field a word is in, the features tell.
struct Fields {
    schema: Schema,
    words: Field,
    grams: Field,
    document: Field,
}

impl Fields {
    fn new() -> Self {
        let mut schema = Schema::builder();
        // The terms come ready-made: no tokenizer of tantivy's ever runs.
        let counted = TextOptions::default().set_indexing_options(
            TextFieldIndexing::default()
                .set_tokenizer("raw")
                .set_index_option(IndexRecordOption::WithFreqs),
        );
        let words = schema.add_text_field("all", counted.clone());
        let grams = schema.add_text_field("grams", counted);
        let document = schema.add_u64_field("document", FAST);
        Self {
            schema: schema.build(),
            words,
            grams,
            document,
        }
    }

    /// One segment, written by one thread: the same products, the same bytes.
    fn build(&self, collection: &Collection) -> tantivy::Result<Searcher> {
        let mut writer = tantivy::Index::builder()
            .schema(self.schema.clone())
            .single_segment_index_writer(RamDirectory::create(), BUILD_BYTES)?;
        for (number, document) in (0_u64..).zip(collection.documents()) {
            let mut added = TantivyDocument::new();
            added.add_u64(self.document, number);
            let (mut words, mut grams) = (Vec::new(), Vec::new());
            for (term, count) in &document.counts {
                let gram = collection.entry(*term).is_some_and(|entry| entry.gram);
                let tokens = if gram { &mut grams } else { &mut words };
                for _ in 0..*count {
                    tokens.push(Token {
                        text: collection.text(*term).to_owned(),
                        position: tokens.len(),
                        ..Token::default()
                    });
                }
            }
            for (field, tokens) in [(self.words, words), (self.grams, grams)] {
                let text = String::new();
                added.add_pre_tokenized_text(field, PreTokenizedString { text, tokens });
            }
            writer.add_document(added)?;
        }
        let index = writer.finalize()?;
        let reader = index
            .reader_builder()
            .reload_policy(tantivy::ReloadPolicy::Manual)
            .try_into()?;
        Ok(reader.searcher())
    }
}

/// Collects every match with its score: filters, facets and the total look
/// at all of them.
struct Everything;

struct EverythingInSegment {
    numbers: Column<u64>,
    found: Vec<(DocumentNumber, Score)>,
}

impl Collector for Everything {
    type Fruit = Vec<(DocumentNumber, Score)>;
    type Child = EverythingInSegment;

    fn for_segment(
        &self,
        _: SegmentOrdinal,
        segment: &SegmentReader,
    ) -> tantivy::Result<EverythingInSegment> {
        Ok(EverythingInSegment {
            numbers: segment.fast_fields().u64("document")?,
            found: Vec::new(),
        })
    }

    fn requires_scoring(&self) -> bool {
        true
    }

    fn merge_fruits(&self, segments: Vec<Self::Fruit>) -> tantivy::Result<Self::Fruit> {
        Ok(segments.into_iter().flatten().collect())
    }
}

impl SegmentCollector for EverythingInSegment {
    type Fruit = Vec<(DocumentNumber, Score)>;

    fn collect(&mut self, document: DocId, score: Score) {
        if let Some(number) = self.numbers.first(document) {
            self.found.push((number as DocumentNumber, score));
        }
    }

    fn harvest(self) -> Self::Fruit {
        self.found
    }
}
