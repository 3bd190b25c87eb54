//! `runner schema`: the JSON Schema of a spec.

use crate::experiment;
use crate::sys::exit;
use crate::terminal::print::out;
use crate::terminal::{CliError, Outcome};

/// Print the JSON Schema of a spec, for completion in editors
#[derive(Clone, Debug, clap::Args)]
pub struct Args {}

/// Prints the schema.
pub fn main(_: &Args) -> Outcome {
    out(&format!("{:#}\n", experiment::json_schema())).map_err(|e| CliError::new(exit::IO, e))?;
    Ok(exit::DONE)
}
