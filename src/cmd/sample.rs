//! `runner sample RUN`: images decoded from draws of the prior.

use crate::cli::SampleArgs;
use crate::figures;
use crate::numeric::random::{Purpose, Stream};
use crate::session::trained::{with_network, write_picture};
use crate::terminal::Outcome;

/// Draws, decodes, writes a picture.
pub fn main(args: &SampleArgs) -> Outcome {
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
