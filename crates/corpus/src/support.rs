//! Customer service: what may be said (units of a source, verbatim), the
//! passages in which a question finds it (BM25 and the cosines of an encoder), and
//! how sure the match is (one logistic model). Training and serving share all
//! of it; what encoder and language model say arrives from outside.

mod answers;
mod bm25;
mod calibration;
mod concepts;
mod examples;
mod index;
mod pairs;
mod passages;
mod question;
mod retrieve;
mod sentences;
mod terms;

pub use answers::{CommonAnswer, LearnedAnswers, MINIMUM_ASKERS, learn_answers};
pub use bm25::Bm25;
pub use calibration::{Calibration, FEATURE_NAMES, FEATURES, Features, JudgedMatch};
pub use examples::{LanguageExample, Segment, examples};
pub use index::Index;
pub use pairs::{QuestionPair, background_questions, pairs, unrelated_questions};
pub use passages::{Passage, QuestionTerms, Source, SourceKind, Unit, split};
pub use question::Question;
pub use retrieve::{Candidate, Similarities};
pub use terms::{Term, is_han, terms};

/// Opens what a customer says.
pub const CUSTOMER_TOKEN: &str = "<|customer|>";
/// Opens what the shop says.
pub const AGENT_TOKEN: &str = "<|agent|>";
/// Opens a text of the shop: a document, a product.
pub const TEXT_TOKEN: &str = "<|text|>";
/// Ends a text or a talk.
pub const END_TOKEN: &str = "<|end|>";
/// Every special token of a support tokenizer.
pub const SPECIAL_TOKENS: [&str; 4] = [CUSTOMER_TOKEN, AGENT_TOKEN, TEXT_TOKEN, END_TOKEN];

/// The most tokens of a question that the language model reads.
pub const QUESTION_TOKENS: usize = 64;
/// The most tokens of a unit that the language model scores.
pub const UNIT_TOKENS: usize = 40;
/// The most units that the language model scores for one question.
pub const CANDIDATES: usize = 12;
