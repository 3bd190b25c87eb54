//! `runner settings`: every setting of a spec, from the one table that defines them.

use super::print::out;
use super::{Failure, Outcome};
use crate::spec;
use crate::sys::exit;

/// Prints the settings, as Markdown if asked.
pub fn main(markdown: bool) -> Outcome {
    let text = if markdown {
        spec::settings_markdown()
    } else {
        spec::settings_help()
    };
    out(&text).map_err(|e| Failure::new(exit::IO, e))?;
    Ok(exit::DONE)
}
