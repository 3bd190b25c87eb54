//! `runner settings`: every setting of a spec, from the one table that defines them.

use crate::experiment;
use crate::sys::exit;
use crate::terminal::print::out;
use crate::terminal::{CliError, Outcome};

/// Prints the settings, as Markdown if asked.
pub fn main(markdown: bool) -> Outcome {
    let text = if markdown {
        experiment::settings_markdown()
    } else {
        experiment::settings_help()
    };
    out(&text).map_err(|e| CliError::new(exit::IO, e))?;
    Ok(exit::DONE)
}
