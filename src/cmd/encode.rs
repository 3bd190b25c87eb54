//! `runner encode RUN --out latents.parquet`: the latent mean of every image.

use std::path::PathBuf;

use polars::prelude::{Column, DataFrame, PolarsResult};

use crate::data::DataSet;
use crate::report::ReportError;
use crate::session::trained::with_data;
use crate::sys::exit;
use crate::terminal::args::TrainedArgs;
use crate::terminal::tables::{TableFormat, write_table};
use crate::terminal::{CliError, Outcome};

/// Write the latent mean of every image to a table
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    trained: TrainedArgs,
    /// The table, Parquet or CSV: image, part, label, class and a column a latent axis
    #[arg(long, value_name = "FILE", default_value = "latents.parquet")]
    out: PathBuf,
}

/// Encodes all images and writes a table, Parquet or, where the file is called so, CSV.
pub fn main(args: &Args) -> Outcome {
    let ending = args
        .out
        .extension()
        .and_then(|ending| ending.to_str())
        .map(str::to_ascii_lowercase);
    let format = match ending.as_deref() {
        Some("csv") => TableFormat::Csv,
        Some("parquet") => TableFormat::Parquet,
        _ => {
            let text = format!(
                "--out {}: expected a name that ends in `.parquet` or `.csv`",
                args.out.display()
            );
            return Err(CliError::new(exit::USAGE, text).with_hint("--out latents.parquet"));
        }
    };
    with_data(&args.trained, |trained, data| {
        let mut indices = [data.train.as_slice(), &data.validation].concat();
        indices.sort_unstable();
        let means = trained.inference().encode(&data.images, &indices)?;
        let table = table(data, &indices, &means, trained.plan.architecture.latent)
            .map_err(ReportError::from)?;
        write_table(&table, format, Some(&args.out))?;
        if !args.trained.quiet {
            let line = format!("{}, images: {}\n", args.out.display(), indices.len());
            crate::terminal::print::out(&line)?;
        }
        Ok(exit::DONE)
    })
}

/// A row an image: `image` (its number, from 0), `part` (`train` or `validation`), `label`, `class`, and the mean
/// of q(z | x) on each latent axis, `z0`, `z1`, ...
fn table(data: &DataSet, indices: &[u32], means: &[f32], latent: usize) -> PolarsResult<DataFrame> {
    let part = |image: &u32| match data.validation.binary_search(image) {
        Ok(_) => "validation",
        Err(_) => "train",
    };
    let label = |image: &u32| data.images.labels[*image as usize];
    let class = |image: &u32| {
        data.images
            .classes
            .get(usize::from(label(image)))
            .map(String::as_str)
    };
    let mut columns = vec![
        Column::new("image".into(), indices),
        Column::new("part".into(), indices.iter().map(part).collect::<Vec<_>>()),
        Column::new(
            "label".into(),
            indices
                .iter()
                .map(|image| u32::from(label(image)))
                .collect::<Vec<_>>(),
        ),
        Column::new(
            "class".into(),
            indices.iter().map(class).collect::<Vec<_>>(),
        ),
    ];
    for axis in 0..latent {
        let values: Vec<f32> = means.iter().skip(axis).step_by(latent).copied().collect();
        columns.push(Column::new(format!("z{axis}").into(), values));
    }
    DataFrame::new(indices.len(), columns)
}
