//! `runner interpolate RUN --from A --to B`: the way from one image to another through the latent space.

use std::path::PathBuf;

use crate::data::fill_batch;
use crate::figures;
use crate::session::trained::{with_data, write_picture};
use crate::sys::exit;
use crate::terminal::args::TrainedArgs;
use crate::terminal::{CliError, Outcome};

/// Go from one image to another through the latent space of a trained model
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    trained: TrainedArgs,
    /// The image to begin with, counted from 0 in the order of the data
    #[arg(long, value_name = "IMAGE")]
    from: u32,
    /// The image to end with
    #[arg(long, value_name = "IMAGE")]
    to: u32,
    /// Points on the way, both ends included
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(2..=100))]
    steps: u32,
    /// The class that a conditional model decodes the points as, by its name or its number [default: that of the nearer
    /// end]
    #[arg(long, value_name = "CLASS")]
    label: Option<String>,
    /// The picture, PNG or SVG
    #[arg(long, value_name = "FILE", default_value = "interpolation.png")]
    out: PathBuf,
}

/// Encodes both images, decodes points on the straight line between their means, writes a picture.
pub fn main(args: &Args) -> Outcome {
    with_data(&args.trained, |trained, data| {
        if trained.plan.spec.latent.codes() > 0 {
            let kind = trained.plan.spec.latent.name();
            let text = format!(
                "the run has `[latent.{kind}]`: between two rows of its codebook there is no other"
            );
            let hint = "see what it has learned with `runner reconstruct`";
            return Err(CliError::new(exit::USAGE, text).with_hint(hint));
        }
        let count = data.images.len();
        for (option, image) in [("--from", args.from), ("--to", args.to)] {
            if image as usize >= count {
                let text = format!("{option} {image}: the data has {count} images");
                return Err(CliError::new(exit::USAGE, text)
                    .with_hint(format!("images are counted from 0 to {}", count - 1)));
            }
        }
        let ends = [args.from, args.to];
        let mut originals = vec![0.0; 2 * trained.plan.architecture.image.len()];
        fill_batch(&data.images, &ends, &mut originals);
        let inference = trained.inference();
        let means = inference.encode(&data.images, &ends)?;
        let label = trained.label(args.label.as_deref())?;
        let steps = args.steps as usize;
        let own = ends.map(|image| data.images.labels[image as usize]);
        let labels: Vec<u16> = (0..steps)
            .map(|step| label.unwrap_or(own[usize::from(2 * step >= steps)]))
            .collect();
        let pixels = inference.decode(&line(&means, steps), &labels)?;
        let name = |image: u32| {
            let class = data
                .images
                .classes
                .get(usize::from(data.images.labels[image as usize]));
            class.map_or(format!("image {image}"), |class| {
                format!("image {image}: {class}")
            })
        };
        let (from, to) = (name(args.from), name(args.to));
        let title = trained.title(&match label {
            Some(label) => format!(
                "interpolation as class {}",
                trained.plan.classes.name(label)
            ),
            None => "interpolation".to_owned(),
        });
        let rendered = figures::interpolation(
            &title,
            [&from, &to],
            &trained.images(&originals)?,
            &trained.images(&pixels)?,
        )?;
        write_picture(&rendered, &args.out, args.trained.quiet)
    })
}

/// `steps` points from the first to the second of two latent points, both included.
fn line(ends: &[f32], steps: usize) -> Vec<f32> {
    let (from, to) = ends.split_at(ends.len() / 2);
    let point = |step: usize| {
        let share = step as f32 / (steps - 1).max(1) as f32;
        from.iter().zip(to).map(move |(a, b)| a + share * (b - a))
    };
    (0..steps).flat_map(point).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interpolates_from_end_to_end() {
        assert_eq!(
            line(&[0.0, 8.0, 1.0, 4.0], 5),
            [0.0, 8.0, 0.25, 7.0, 0.5, 6.0, 0.75, 5.0, 1.0, 4.0]
        );
        assert_eq!(line(&[3.0, 4.0], 2), [3.0, 4.0]);
    }
}
