//! Records become model inputs: redacted, deduplicated, with their language,
//! split by time and customer. One featurisation for training and serving.
#![forbid(unsafe_code)]
