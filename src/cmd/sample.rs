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
    /// How many images; full rows where each class has its own
    #[arg(short = 'n', long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    count: u32,
    /// The class of a conditional model's images, by its name or its number [default: each in a row of its own]
    #[arg(long, value_name = "CLASS")]
    label: Option<String>,
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
        let label = trained.label(args.label.as_deref())?;
        let (classes, latent) = (&trained.plan.classes, trained.plan.architecture.latent);
        let seed = args.seed.unwrap_or(trained.plan.spec.seed);
        let draw = |points: usize| trained.inference().sample(seed, points);
        let count = args.count as usize;
        let rendered = if trained.plan.is_conditional() && label.is_none() {
            let rows = classes.names.len().min(figures::MOST_ROWS);
            let points = draw(count.div_ceil(rows))?;
            let (z, labels) = figures::for_each_class(&points, latent, classes);
            let pixels = trained.inference().decode(&z, &labels)?;
            let title = trained.title("samples from the prior");
            figures::class_rows(&title, &classes.names, &trained.images(&pixels)?)?
        } else {
            let labels = vec![label.unwrap_or(0); count];
            let pixels = trained.inference().decode(&draw(count)?, &labels)?;
            let title = match label {
                Some(label) => format!("samples of class {}", classes.name(label)),
                None => "samples from the prior".to_owned(),
            };
            figures::samples(&trained.title(&title), &trained.images(&pixels)?)?
        };
        write_picture(&rendered, &args.out, args.trained.quiet)
    })
}
