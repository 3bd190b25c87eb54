//! `runner settings`: every setting of a spec, from the one table that defines them.

use crate::experiment;
use crate::sys::exit;
use crate::terminal::Outcome;
use crate::terminal::print::out;

/// Print all settings of a spec with their ranges and defaults
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// As a Markdown table
    #[arg(long)]
    markdown: bool,
}

/// Prints the settings, as Markdown if asked.
pub fn main(args: &Args) -> Outcome {
    let text = if args.markdown {
        experiment::settings_markdown()
    } else {
        experiment::settings_help()
    };
    out(&text)?;
    Ok(exit::DONE)
}
