//! The `runner` program: reads the command line, hands over to the library, and exits.

use std::process::ExitCode;

fn main() -> ExitCode {
    runner::sys::clock::begin();
    runner::cli::main()
}
