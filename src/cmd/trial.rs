//! `runner trial`: one trial of a sweep in a process of its own.

use crate::launch;
use crate::terminal::Outcome;

/// One trial of a sweep, as its worker asks for it on standard input
#[derive(Clone, Debug, clap::Args)]
#[command(hide = true)]
pub struct Args {}

/// Reads the trial, trains it, and tells the worker.
pub fn main(_: &Args) -> Outcome {
    launch::trial::run()
}
