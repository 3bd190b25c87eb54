//! `runner metrics`: every metric, as a table of Markdown.

use crate::metric::metrics_markdown;
use crate::objective;
use crate::sys::exit;
use crate::terminal::Outcome;
use crate::terminal::print::out;

/// Print all metrics with their units and meanings
#[derive(Clone, Debug, clap::Args)]
pub struct Args {}

/// Prints those of every run, then the terms of objectives.
pub fn main(_: &Args) -> Outcome {
    out(&metrics_markdown(objective::metrics()))?;
    Ok(exit::DONE)
}
