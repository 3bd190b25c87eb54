//! `runner schema`: the JSON Schema of a spec.

use super::print::out;
use super::{Failure, Outcome};
use crate::spec;
use crate::sys::exit;

/// Prints the schema.
pub fn main() -> Outcome {
    out(&format!("{:#}\n", spec::json_schema())).map_err(|e| Failure::new(exit::IO, e))?;
    Ok(exit::DONE)
}
