//! The `runner` program: its memory, its clock, its command line.

use std::process::ExitCode;

use runner::kernels::system_memory::{Aligned, return_large_blocks};

/// Large blocks start a cache line, so that no vector of a kernel lies across two.
#[global_allocator]
static MEMORY: Aligned = Aligned;

fn main() -> ExitCode {
    runner::sys::clock::begin();
    // What training gives back is there for the figures.
    return_large_blocks();
    runner::cmd::main()
}
