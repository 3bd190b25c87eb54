//! runner
pub mod cli;
pub mod cmd;
pub mod data;
pub mod figures;
pub mod ground;
pub mod kernels;
pub mod metrics;
pub mod nn;
pub mod optim;
pub mod plan;
pub mod progress;
pub mod run;
pub mod spec;
pub mod train;
pub mod vae;
