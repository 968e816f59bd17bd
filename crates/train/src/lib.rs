//! One flat training loop for each service: a corpus becomes the files of an
//! artifact, with its figures beside those of a simple baseline.
#![forbid(unsafe_code)]

pub mod insight;
mod job;
pub mod recommend;
pub mod search;
pub mod support;

pub use job::{Job, Size, TrainError, Trained};
pub use shop::Metric;
