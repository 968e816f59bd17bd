//! One flat training loop for each service: a corpus becomes the files of an
//! artifact, with its figures beside those of a simple baseline.
#![forbid(unsafe_code)]

mod job;

pub use job::{Job, Metric, Progress, Size, TrainError, Trained};
