//! `runner sample RUN`: images decoded from draws of the prior.

use std::path::PathBuf;

use crate::figures;
use crate::numeric::random::{Purpose, Stream};
use crate::session::trained::{with_network, write_picture};
use crate::terminal::Outcome;
use crate::terminal::args::TrainedArgs;

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
        let mut z = vec![0.0; args.count as usize * trained.plan.architecture.latent];
        let seed = args.seed.unwrap_or(trained.plan.spec.seed);
        Stream::new(seed, Purpose::Sample, 0, 0).fill_normal(&mut z);
        let pixels = trained.inference().decode(&z)?;
        let rendered = figures::samples(
            &trained.title("samples from the prior"),
            &trained.images(&pixels)?,
        )?;
        write_picture(&rendered, &args.out, args.trained.quiet)
    })
}
