//! `runner completions SHELL`: a completion script.

use clap::CommandFactory;
use clap_complete::Shell;

use crate::sys::exit;
use crate::terminal::print::out;
use crate::terminal::{CliError, Outcome};

/// Prints the script for the command line `C`.
pub fn main<C: CommandFactory>(shell: Shell) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut C::command(), "runner", &mut script);
    out(&String::from_utf8_lossy(&script)).map_err(|e| CliError::new(exit::IO, e))?;
    Ok(exit::DONE)
}
