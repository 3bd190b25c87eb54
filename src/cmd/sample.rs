//! `runner sample RUN`: images decoded from draws of the prior.

use std::path::PathBuf;

use crate::figures;
use crate::session::trained::{with_network, write_picture};
use crate::sys::exit;
use crate::terminal::args::TrainedArgs;
use crate::terminal::{CliError, Outcome};

/// Decode draws from the prior of a trained model
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    trained: TrainedArgs,
    /// How many images
    #[arg(short = 'n', long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    count: u32,
    /// Seed of the draws [default: that of the run]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// The picture, PNG or SVG
    #[arg(long, value_name = "FILE", default_value = "samples.png")]
    out: PathBuf,
}

/// Draws, decodes, writes a picture.
pub fn main(args: &Args) -> Outcome {
    with_network(&args.trained, |trained| {
        if !trained.plan.has_distribution() {
            let kind = trained.plan.spec.latent.name();
            let text = format!("the run has `[latent.{kind}]`, which has no prior to draw from");
            let hint = "see what it has learned with `runner reconstruct`, or train with `[latent.gaussian]`";
            return Err(CliError::new(exit::USAGE, text).with_hint(hint));
        }
        let seed = args.seed.unwrap_or(trained.plan.spec.seed);
        let inference = trained.inference();
        let pixels = inference.decode(&inference.sample(seed, args.count as usize)?)?;
        let rendered = figures::samples(
            &trained.title("samples from the prior"),
            &trained.images(&pixels)?,
        )?;
        write_picture(&rendered, &args.out, args.trained.quiet)
    })
}
