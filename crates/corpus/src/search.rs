//! Search: text becomes terms, products become documents, a query becomes
//! what its words may stand for, and a product that may answer it becomes
//! features. Training and serving both do it with this code.

pub mod analysis;
mod collection;
pub mod constraints;
pub mod encoder_input;
pub mod features;
mod gazetteer;
mod lemma;
mod price_terms;
mod quantities;
mod query;
pub mod term_coverage;
mod title_postings;
mod vocabulary;

pub use collection::{Collection, Document, Field, TermEntry, TermId, exact_key, query_key};
pub use features::{Circumstances, FEATURES, Features, Ranker};
pub use gazetteer::Gazetteer;
pub use query::{Alternative, Origin, Query, QueryWord};
pub use vocabulary::{Correction, Vocabulary, distance};
