//! `runner reconstruct RUN`: images above what the network makes of them.

use crate::cli::ReconstructArgs;
use crate::data::fill_batch;
use crate::figures;
use crate::session::trained::{with_data, write_picture};
use crate::terminal::Outcome;

/// Encodes, decodes, writes a picture.
pub fn main(args: &ReconstructArgs) -> Outcome {
    with_data(&args.trained, |trained, data| {
        let (part, source) = match data.validation.is_empty() {
            true => ("training", &data.train),
            false => ("validation", &data.validation),
        };
        let indices = &source[..source.len().min(args.count as usize)];
        let mut originals = vec![0.0; indices.len() * trained.plan.architecture.image.len()];
        fill_batch(&data.images, indices, &mut originals);
        let inference = trained.inference();
        let pixels = inference.decode(&inference.encode(&data.images, indices)?)?;
        let title = trained.title(&format!("reconstructions of {part} images"));
        let rendered = figures::reconstructions(
            &title,
            &trained.images(&originals)?,
            &trained.images(&pixels)?,
        )?;
        write_picture(&rendered, &args.out, args.trained.quiet)
    })
}
