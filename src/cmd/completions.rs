//! `runner completions SHELL`: a completion script.

use clap::CommandFactory;
use clap_complete::Shell;

use super::print::out;
use super::{Failure, Outcome};
use crate::sys::exit;

/// Prints the script for the command line `C`.
pub fn main<C: CommandFactory>(shell: Shell) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut C::command(), "runner", &mut script);
    out(&String::from_utf8_lossy(&script)).map_err(|e| Failure::new(exit::IO, e))?;
    Ok(exit::DONE)
}
