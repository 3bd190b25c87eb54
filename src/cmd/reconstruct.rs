//! `runner reconstruct RUN`: images above what the network makes of them.

use std::path::PathBuf;

use crate::data::fill_batch;
use crate::figures;
use crate::session::trained::{with_data, write_picture};
use crate::terminal::Outcome;
use crate::terminal::args::TrainedArgs;

/// Show images above what a trained model makes of them
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    trained: TrainedArgs,
    /// How many images, of the validation part where there is one
    #[arg(short = 'n', long, value_name = "N", default_value_t = 24, value_parser = clap::value_parser!(u32).range(1..=48))]
    count: u32,
    /// The picture, PNG or SVG
    #[arg(long, value_name = "FILE", default_value = "reconstructions.png")]
    out: PathBuf,
}

/// Encodes, decodes, writes a picture.
pub fn main(args: &Args) -> Outcome {
    with_data(&args.trained, |trained, data| {
        let (part, source) = match data.validation.is_empty() {
            true => ("training", &data.train),
            false => ("validation", &data.validation),
        };
        let indices = &source[..source.len().min(args.count as usize)];
        let mut originals = vec![0.0; indices.len() * trained.plan.architecture.image.len()];
        fill_batch(&data.images, indices, &mut originals);
        let inference = trained.inference();
        let label = |&image: &u32| data.images.labels[image as usize];
        let labels: Vec<u16> = indices.iter().map(label).collect();
        let pixels = inference.decode(&inference.encode(&data.images, indices)?, &labels)?;
        let title = trained.title(&format!("reconstructions of {part} images"));
        let rendered = figures::reconstructions(
            &title,
            &trained.images(&originals)?,
            &trained.images(&pixels)?,
        )?;
        write_picture(&rendered, &args.out, args.trained.quiet)
    })
}
