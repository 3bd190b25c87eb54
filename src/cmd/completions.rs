//! `runner completions SHELL`: a completion script.

use clap::Command;
use clap_complete::Shell;

use crate::sys::exit;
use crate::terminal::Outcome;
use crate::terminal::print::out;

/// Print a completion script
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The shell to complete for
    shell: Shell,
}

/// Prints the script for a command line.
pub fn main(args: &Args, mut command_line: Command) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command_line, "runner", &mut script);
    out(&String::from_utf8_lossy(&script))?;
    Ok(exit::DONE)
}
