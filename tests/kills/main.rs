//! Signals at random times to the real program: what was saved is there, and the work goes on to the bits of an
//! undisturbed one.

#[path = "../common/mod.rs"]
mod common;
mod runs;
mod sweeps;
