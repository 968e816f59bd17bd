//! Search: words to products.
//!
//! Tantivy finds the products that have any of the query's words (each word
//! standing for its stem, its correction, the words that it begins, …); the
//! filter leaves those that may be shown; the best of them by BM25 are put in
//! order by a linear ranker over the features of [`corpus::search`], which a
//! click changes as soon as it is in the snapshot. What cannot be ordered
//! ranks lower but is shown, unless the filter says otherwise.

mod answer;
mod cursor;
mod delta_index;
mod dense_retrieval;
mod facet;
mod fields;
mod full_match;
mod highlight;
mod index;
mod inverted_index;
mod model;
mod operators;
mod page;
mod presentation;
mod query;
mod query_log_index;
mod rank;
mod rules;
mod sort;
mod suggest;
#[cfg(test)]
mod tests;
mod zero_result_queries;

pub use answer::{search, search_by_words_and_meaning, search_lexically};
pub use facet::FacetCount;
pub use fields::check_filter;
pub use index::Index;
pub use model::Model;
pub use query::{
    Distinct, Hit, Interpretation, InterpretedWord, MAX_LIMIT, MAX_OFFSET, Reading, Reason,
    SearchRequest, SearchResults,
};
pub use sort::Sort;
pub use suggest::{SuggestRequest, Suggestion, SuggestionKind, Suggestions, suggest};
pub use zero_result_queries::{SynonymProposal, ZeroResultQuery, zero_result_queries};
