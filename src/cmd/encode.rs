//! `runner encode RUN --out latents.parquet`: the latent mean of every image, or its codes.

use std::path::PathBuf;

use polars::prelude::{Column, DataFrame, PolarsResult};

use crate::data::DataSet;
use crate::report::ReportError;
use crate::session::trained::with_data;
use crate::sys::exit;
use crate::terminal::args::TrainedArgs;
use crate::terminal::tables::{TableFormat, write_table};
use crate::terminal::{CliError, Outcome};

/// Write the latent mean of every image, or its codes, to a table
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    trained: TrainedArgs,
    /// The table, Parquet or CSV: image, part, label, class and a column a latent axis, or a place with its code
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
        let (inference, architecture) = (trained.inference(), &trained.plan.architecture);
        let columns = match inference.codes(&data.images, &indices)? {
            Some(codes) => code_columns(&codes, architecture.places()),
            None => {
                let means = inference.encode(&data.images, &indices)?;
                mean_columns(&means, architecture.latent)
            }
        };
        let table = table(data, &indices, columns).map_err(ReportError::from)?;
        write_table(&table, format, Some(&args.out))?;
        if !args.trained.quiet {
            let line = format!("{}, images: {}\n", args.out.display(), indices.len());
            crate::terminal::print::out(&line)?;
        }
        Ok(exit::DONE)
    })
}

/// The mean of q(z | x), or the point without a distribution, on each latent axis: `z0`, `z1`, ...
fn mean_columns(means: &[f32], latent: usize) -> Vec<Column> {
    let column = |axis: usize| {
        let values: Vec<f32> = means.iter().skip(axis).step_by(latent).copied().collect();
        Column::new(format!("z{axis}").into(), values)
    };
    (0..latent).map(column).collect()
}

/// The row of the codebook at each place of the last feature map, row by row: `code0`, `code1`, ...
fn code_columns(codes: &[usize], places: usize) -> Vec<Column> {
    let column = |place: usize| {
        let rows = codes.iter().skip(place).step_by(places);
        let rows: Vec<u32> = rows.map(|&row| row as u32).collect();
        Column::new(format!("code{place}").into(), rows)
    };
    (0..places).map(column).collect()
}

/// A row an image: `image` (its number, from 0), `part` (`train` or `validation`), `label`, `class`, and what it is encoded
/// as.
fn table(data: &DataSet, indices: &[u32], encoded: Vec<Column>) -> PolarsResult<DataFrame> {
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
    columns.extend(encoded);
    DataFrame::new(indices.len(), columns)
}
