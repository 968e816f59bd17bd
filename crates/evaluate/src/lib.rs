//! Metrics, the gate and the simulator; it judges what serving really does.
#![forbid(unsafe_code)]

pub mod gate;
pub mod metrics;
pub mod simulator;
