//! One flat training loop for each service: a corpus becomes the files of an
//! artifact, with its figures beside those of a simple baseline.
#![forbid(unsafe_code)]

mod job;
pub mod insight;
pub mod recommend;
pub mod support;
pub mod search;

pub use job::{Job, Progress, Size, TrainError, Trained};
pub use shop::Metric;
