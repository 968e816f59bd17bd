//! One flat training loop for each service: a corpus becomes the files of an
//! artifact, with its figures beside those of a simple baseline.
#![forbid(unsafe_code)]

pub mod insight;
mod job;
pub mod recommend;
pub mod search;
pub mod support;

use std::collections::BTreeMap;

use corpus::Corpus;
use shop::Service;

pub use job::{Job, Size, TrainError, Trained};
pub use shop::Metric;

/// Trains a service from a corpus.
///
/// # Errors
/// [`TrainError::NoData`] where [`missing_data`] names something.
pub fn train(service: Service, corpus: &Corpus, job: &Job) -> Result<Trained, TrainError> {
    match service {
        Service::Support => support::train(corpus, job),
        Service::Search => search::train(corpus, job),
        Service::Recommend => recommend::train(corpus, job),
        Service::Insight => insight::train(corpus, job),
    }
}

/// Measures a version of before, given by its files, on the held-out part of
/// this corpus: the figures that [`train`] gives for a new one, by which the two
/// are compared.
///
/// # Errors
/// Where its files are missing, damaged or made by another program.
pub fn evaluate(
    service: Service,
    corpus: &Corpus,
    files: &BTreeMap<String, Vec<u8>>,
    job: &Job,
) -> Result<Vec<Metric>, TrainError> {
    match service {
        Service::Support => support::evaluate(corpus, files, job),
        Service::Search => search::evaluate(corpus, files, job),
        Service::Recommend => recommend::evaluate(corpus, files, job),
        Service::Insight => insight::evaluate(corpus, files),
    }
}

/// What a shop lacks to train a service, and how to bring it; `None` where there
/// is enough.
pub fn missing_data(service: Service, corpus: &Corpus) -> Option<String> {
    match service {
        Service::Support => support::missing_data(corpus),
        Service::Search => search::missing_data(corpus),
        Service::Recommend => recommend::missing_data(corpus),
        Service::Insight => insight::missing_data(corpus),
    }
}
