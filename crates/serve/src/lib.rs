//! The four services: a snapshot and a request become a [`Decision`]. Nothing
//! in here writes; the program records each decision as an event.
#![forbid(unsafe_code)]

mod decision;
mod error;
pub mod insight;
pub mod recommend;
pub mod search;
pub mod support;

pub use decision::{Context, Decision, Stages};
pub use error::ServeError;
