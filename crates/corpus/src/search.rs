//! Search: text becomes terms, products become documents, a query becomes
//! what its words may stand for, and a product that may answer it becomes
//! features. Training and serving both do it with this code.

pub mod analysis;
mod collection;
pub mod features;
pub mod meaning;
mod measure;
mod query;
pub mod said;
mod titles;
pub mod understanding;
mod vocabulary;

pub use collection::{Collection, Document, Field, Term, TermEntry, exact_key, query_key};
pub use features::{Circumstances, FEATURES, Features, Ranker};
pub use query::{Alternative, Origin, Query, QueryWord};
pub use vocabulary::{Correction, Vocabulary, distance};
