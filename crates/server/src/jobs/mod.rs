//! Long work: preparing the corpus, training, promoting. The command line and
//! the server run the same jobs.

mod prepare;
mod registry;
#[cfg(test)]
mod tests;
mod train;

pub use prepare::prepare;
pub use registry::{promote, rollback};
pub use train::{GateReports, Outcome, TrainRequest, gate_reports, train};
