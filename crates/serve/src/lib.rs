//! The four services: a snapshot and a request become a [`Decision`]. Nothing
//! in here writes; the program records each decision as an event.
#![forbid(unsafe_code)]

mod decision;
mod error;
pub mod recommend;
pub mod insight;
pub mod support;
pub mod search;

pub use decision::{Context, Decision, Stages};
pub use error::ServeError;
