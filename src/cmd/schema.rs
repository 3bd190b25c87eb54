//! `runner schema`: the JSON Schema of a spec.

use crate::experiment;
use crate::sys::exit;
use crate::terminal::Outcome;
use crate::terminal::print::out;

/// Print the JSON Schema of a spec, for completion in editors
#[derive(Clone, Debug, clap::Args)]
pub struct Args {}

/// Prints the schema.
pub fn main(_: &Args) -> Outcome {
    out(&format!("{:#}\n", experiment::json_schema()))?;
    Ok(exit::DONE)
}
