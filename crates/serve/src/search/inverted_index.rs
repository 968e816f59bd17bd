//! The inverted index: which products have a query's words, and how well.

use corpus::search::{Alternative, Collection, Query, QueryWord};
use tantivy::collector::{Collector, SegmentCollector};
use tantivy::directory::RamDirectory;
use tantivy::query::{
    BooleanQuery, BoostQuery, DisjunctionMaxQuery, Occur, Query as Clause, TermQuery,
};
use tantivy::schema::{Field, IndexRecordOption, Schema, TextFieldIndexing, TextOptions};
use tantivy::tokenizer::{PreTokenizedString, Token};
use tantivy::{DocId, Score, Searcher, SegmentOrdinal, SegmentReader, TantivyDocument, Term};

use super::index::DocumentNumber;
use crate::ServeError;

/// What tantivy may use while it builds; the index itself is far smaller.
const BUILD_BYTES: usize = 64 << 20;

/// A document that has words of a query.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Match {
    pub document: DocumentNumber,
    /// Its BM25.
    pub score: Score,
    /// How much the words say that it has: the sum of their weights.
    pub coverage: u64,
}

/// The terms of a collection's documents, held in memory.
pub(super) struct InvertedIndex {
    searcher: Searcher,
    words: Field,
    grams: Field,
}

impl InvertedIndex {
    pub(super) fn build(collection: &Collection) -> Result<Self, ServeError> {
        let fields = Fields::new();
        let searcher = fields.build(collection).map_err(broken)?;
        Ok(Self {
            searcher,
            words: fields.words,
            grams: fields.grams,
        })
    }

    /// Every document that has all of the query's known words, with its
    /// score. In the order of document numbers.
    pub(super) fn with_all_words(
        &self,
        collection: &Collection,
        query: &Query,
    ) -> Result<Vec<(DocumentNumber, Score)>, ServeError> {
        let words = query.words.iter();
        let clauses: Vec<(Occur, Box<dyn Clause>)> = words
            .filter(|word| !word.alternatives.is_empty())
            .map(|word| (Occur::Must, self.clause(collection, word)))
            .collect();
        if clauses.is_empty() {
            return Ok(Vec::new());
        }
        self.search(&BooleanQuery::new(clauses))
    }

    /// Every document that has any of the query's words; `weights` say how
    /// much each of these says. In the order of document numbers.
    pub(super) fn with_any_word(
        &self,
        collection: &Collection,
        query: &Query,
        weights: &[u64],
    ) -> Result<Vec<Match>, ServeError> {
        let mut matches: Vec<Match> = Vec::new();
        // Words without a weight say nothing.
        let weights = weights.iter().copied().chain(std::iter::repeat(0));
        for (word, coverage) in query.words.iter().zip(weights) {
            if word.alternatives.is_empty() {
                continue;
            }
            matches.extend(self.with_word(collection, word, coverage)?);
        }
        // Sorted runs, one a word: sorting merges them, and equals stay in the
        // order of the words, so that sums are the same each time.
        matches.sort_by_key(|one| one.document);
        matches.dedup_by(|next, sum| {
            let same = next.document == sum.document;
            if same {
                sum.score += next.score;
                sum.coverage += next.coverage;
            }
            same
        });
        Ok(matches)
    }

    /// Every document that has a word in any reading: with the best score and
    /// the surest reading's share of `weight`.
    fn with_word(
        &self,
        collection: &Collection,
        word: &QueryWord,
        weight: u64,
    ) -> Result<Vec<Match>, ServeError> {
        let mut matches: Vec<Match> = Vec::new();
        for alternative in &word.alternatives {
            let found = self.search(&*self.reading_clause(collection, alternative))?;
            matches.extend(found.into_iter().map(|(document, score)| Match {
                document,
                score,
                coverage: (weight as f32 * alternative.weight) as u64,
            }));
        }
        matches.sort_by_key(|one| one.document);
        matches.dedup_by(|next, best| {
            let same = next.document == best.document;
            if same {
                best.score = best.score.max(next.score);
                best.coverage = best.coverage.max(next.coverage);
            }
            same
        });
        Ok(matches)
    }

    fn search(&self, query: &dyn Clause) -> Result<Vec<(DocumentNumber, Score)>, ServeError> {
        let mut found = self.searcher.search(query, &Everything).map_err(broken)?;
        if !found.is_sorted_by_key(|(document, _)| *document) {
            found.sort_unstable_by_key(|(document, _)| *document);
        }
        Ok(found)
    }

    /// A word scores as the best of what it may stand for.
    fn clause(&self, collection: &Collection, word: &QueryWord) -> Box<dyn Clause> {
        let alternatives = word.alternatives.iter();
        let alternatives = alternatives.map(|one| self.reading_clause(collection, one));
        Box::new(DisjunctionMaxQuery::new(alternatives.collect()))
    }

    /// All terms of one reading, by how sure that is.
    fn reading_clause(
        &self,
        collection: &Collection,
        alternative: &Alternative,
    ) -> Box<dyn Clause> {
        let mut terms: Vec<Box<dyn Clause>> = alternative
            .terms
            .iter()
            .map(|term| self.term_clause(collection, *term))
            .collect();
        let all: Box<dyn Clause> = if terms.len() == 1 {
            terms.remove(0)
        } else {
            let musts = terms.into_iter().map(|term| (Occur::Must, term));
            Box::new(BooleanQuery::new(musts.collect()))
        };
        Box::new(BoostQuery::new(all, alternative.weight))
    }

    fn term_clause(
        &self,
        collection: &Collection,
        term: corpus::search::TermId,
    ) -> Box<dyn Clause> {
        let gram = collection.entry(term).is_some_and(|entry| entry.gram);
        let field = if gram { self.grams } else { self.words };
        let term = Term::from_field_text(field, collection.text(term));
        Box::new(TermQuery::new(term, IndexRecordOption::WithFreqs))
    }
}

fn broken(error: tantivy::TantivyError) -> ServeError {
    ServeError::Artifact(format!("the search index: {error}"))
}

/// The schema: all of a product's words in one field and its grams in
/// another. One joined field ranks better than weighted ones (BM25 over
/// several fields counts a word of the title as if it were rarer than it is);
/// which field a word is in, the features tell.
struct Fields {
    schema: Schema,
    words: Field,
    grams: Field,
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
        Self {
            schema: schema.build(),
            words,
            grams,
        }
    }

    /// One segment, written by one thread: the same products, the same bytes,
    /// and tantivy's numbers of documents are ours.
    fn build(&self, collection: &Collection) -> tantivy::Result<Searcher> {
        let mut writer = tantivy::Index::builder()
            .schema(self.schema.clone())
            .single_segment_index_writer(RamDirectory::create(), BUILD_BYTES)?;
        for document in collection.documents() {
            let mut added = TantivyDocument::new();
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
    found: Vec<(DocumentNumber, Score)>,
}

impl Collector for Everything {
    type Fruit = Vec<(DocumentNumber, Score)>;
    type Child = EverythingInSegment;

    fn for_segment(
        &self,
        _: SegmentOrdinal,
        _: &SegmentReader,
    ) -> tantivy::Result<EverythingInSegment> {
        Ok(EverythingInSegment { found: Vec::new() })
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
        self.found.push((document, score));
    }

    fn harvest(self) -> Self::Fruit {
        self.found
    }
}
