//! Records become model inputs: redacted, deduplicated, with their language,
//! split by time and customer. One featurisation for training and serving.
//!
//! [`prepare`] is the whole way from a shop's records to a [`Corpus`];
//! [`redact`], [`detect_language`] and [`words`] are the steps that serving
//! takes as well, so that a model sees at work what it saw in training.
#![forbid(unsafe_code)]

mod card;
mod corpus;
mod deduplicate;
mod files;
pub mod insight;
mod language;
mod parallel;
mod prepare;
pub mod recommend;
mod redact;
pub mod search;
mod sequence;
mod split;
pub mod support;
#[cfg(test)]
#[path = "../../test_data.rs"]
mod test_data;
mod words;

pub use card::{DataCard, Period, Shard, SourceCard};
pub use corpus::{
    Corpus, Dialogue, InteractionSequence, QueryClick, ReviewExample, TextExample, TextSource,
};
pub use deduplicate::{Candidate, Deduplicator, Duplicate};
pub use files::CorpusError;
pub use language::{detect_language, normalise_language};
pub use prepare::{PrepareOptions, prepare};
pub use redact::{PersonalData, Pseudonyms, Redacted, redact};
pub use split::{Split, Splitter, TimeSplit};
pub use words::{contains_han, words};
