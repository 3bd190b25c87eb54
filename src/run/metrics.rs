//! `metrics.parquet`: the history of a run as a table, a row an epoch.
//!
//! A projection of the checkpoint, made again after every epoch. It is there for whoever analyses
//! runs with other programs; this program takes a history from the checkpoint, whose content has a
//! digest, while a Parquet reader may fail in any way on a file that somebody else made.
//!
//! Columns: `epoch` and `active_axes` are `u32`, `kl_per_axis` is a list of `f64`, all others are
//! `f64`; `val_loss`, `val_reconstruction` and `val_kl` are null without a validation part. Written
//! without compression: 100 epochs take about 15 kB, and every reader can read it.

use std::io::Cursor;
use std::path::Path;

use polars::prelude::{
    Column, DataFrame, DataType, Float64Type, ListBuilderTrait, ListPrimitiveChunkedBuilder,
    ParquetCompression, ParquetReader, ParquetWriter, PolarsResult, SerReader,
};
use polars::series::IntoSeries;

use crate::fs::files;
use crate::metrics::EpochMetrics;

use super::error::RunError;

/// Name of the file.
pub const METRICS: &str = "metrics.parquet";
/// Largest table to read, in bytes.
const LARGEST: u64 = 256 << 20;

/// Writes a history as a Parquet file, in place of the one that is there.
///
/// # Errors
/// [`RunError::File`].
pub fn write_metrics(path: &Path, history: &[EpochMetrics]) -> Result<(), RunError> {
    Ok(files::write_atomic(path, &encode(path, history)?)?)
}

/// The bytes of a history's Parquet file; `path` is for messages alone. The same history gives the same
/// bytes, so that whether a file is what it should be can be told without reading it as Parquet.
pub(super) fn encode(path: &Path, history: &[EpochMetrics]) -> Result<Vec<u8>, RunError> {
    let encode = || -> PolarsResult<Vec<u8>> {
        let mut bytes = Vec::new();
        ParquetWriter::new(&mut bytes)
            .with_compression(ParquetCompression::Uncompressed)
            // Threads cost more than they bring for a table of this size.
            .set_parallel(false)
            .finish(&mut to_frame(history)?)?;
        Ok(bytes)
    };
    encode().map_err(|error| RunError::Metrics {
        path: path.to_owned(),
        message: error.to_string(),
    })
}

/// Reads a table of metrics. Only for files that this program wrote on this machine: see above.
///
/// # Errors
/// [`RunError::Metrics`] where polars cannot read it, [`RunError::File`].
pub fn read_metrics(path: &Path) -> Result<DataFrame, RunError> {
    let bytes = files::read(path, LARGEST)?;
    ParquetReader::new(Cursor::new(bytes))
        .finish()
        .map_err(|error| RunError::Metrics {
            path: path.to_owned(),
            message: error.to_string(),
        })
}

/// A history as a table.
///
/// # Errors
/// Those of polars, of which none is expected.
pub fn to_frame(history: &[EpochMetrics]) -> PolarsResult<DataFrame> {
    let count = |name: &str, of: fn(&EpochMetrics) -> u32| {
        Column::new(name.into(), history.iter().map(of).collect::<Vec<u32>>())
    };
    let real = |name: &str, of: fn(&EpochMetrics) -> f64| {
        Column::new(name.into(), history.iter().map(of).collect::<Vec<f64>>())
    };
    let perhaps = |name: &str, of: fn(&EpochMetrics) -> Option<f64>| {
        Column::new(
            name.into(),
            history.iter().map(of).collect::<Vec<Option<f64>>>(),
        )
    };
    let values = history.iter().map(|row| row.kl_per_axis.len()).sum();
    let mut axes = ListPrimitiveChunkedBuilder::<Float64Type>::new(
        "kl_per_axis".into(),
        history.len(),
        values,
        DataType::Float64,
    );
    for row in history {
        axes.append_slice(&row.kl_per_axis);
    }
    DataFrame::new(
        history.len(),
        vec![
            count("epoch", |row| row.epoch),
            real("loss", |row| row.loss),
            real("reconstruction", |row| row.reconstruction),
            real("kl", |row| row.kl),
            real("kl_nats", |row| row.kl_nats),
            real("elbo", |row| row.elbo),
            perhaps("val_loss", |row| row.val_loss),
            perhaps("val_reconstruction", |row| row.val_reconstruction),
            perhaps("val_kl", |row| row.val_kl),
            axes.finish().into_series().into(),
            count("active_axes", |row| row.active_axes),
            real("grad_norm", |row| row.grad_norm),
            real("learning_rate", |row| row.learning_rate),
            real("kl_weight", |row| row.kl_weight),
            real("images_per_second", |row| row.images_per_second),
            real("seconds", |row| row.seconds),
        ],
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::SCALARS;
    use crate::run::checkpoint::tests::example;
    use polars::prelude::AnyValue;

    #[test]
    fn the_table_holds_the_literal_values() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(METRICS);
        write_metrics(&path, &example().history).unwrap();
        let frame = read_metrics(&path).unwrap();
        assert_eq!(frame.shape(), (3, 16));

        let reals = |name: &str| -> Vec<Option<f64>> {
            frame.column(name).unwrap().f64().unwrap().iter().collect()
        };
        assert_eq!(reals("loss"), [Some(301.94), Some(259.97), Some(0.1 + 0.2)]);
        assert_eq!(
            reals("elbo"),
            [Some(-300.5), Some(-1e-300), Some(f64::NEG_INFINITY)]
        );
        assert_eq!(reals("val_loss"), [None, Some(-0.0), Some(1e23)]);
        assert_eq!(reals("learning_rate"), [Some(1e-3); 3]);
        assert!(reals("grad_norm")[2].unwrap().is_nan());
        let epochs: Vec<_> = frame
            .column("epoch")
            .unwrap()
            .u32()
            .unwrap()
            .iter()
            .collect();
        assert_eq!(epochs, [Some(1), Some(2), Some(3)]);

        let AnyValue::List(axes) = frame.column("kl_per_axis").unwrap().get(1).unwrap() else {
            panic!("kl_per_axis is no list");
        };
        let axes: Vec<_> = axes.f64().unwrap().iter().collect();
        assert_eq!(axes, [Some(1.25), Some(2.5)]);
    }

    #[test]
    fn columns_are_the_documented_ones_in_the_documented_order() {
        let frame = to_frame(&[]).unwrap();
        let names: Vec<_> = frame
            .get_column_names()
            .into_iter()
            .map(|name| name.as_str())
            .collect();
        let mut expected = SCALARS.to_vec();
        expected.insert(9, "kl_per_axis");
        assert_eq!(names, expected);
        for column in frame.columns() {
            let expected = match column.name().as_str() {
                "epoch" | "active_axes" => DataType::UInt32,
                "kl_per_axis" => DataType::List(Box::new(DataType::Float64)),
                _ => DataType::Float64,
            };
            assert_eq!(*column.dtype(), expected, "{}", column.name());
        }
    }

    #[test]
    fn a_run_without_a_finished_epoch_has_a_table_without_rows() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(METRICS);
        write_metrics(&path, &[]).unwrap();
        assert_eq!(read_metrics(&path).unwrap().shape(), (0, 16));
    }

    #[test]
    fn what_is_no_table_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(METRICS);
        for bytes in [
            &b""[..],
            b"PAR1",
            b"not parquet at all, but long enough to be looked at",
        ] {
            std::fs::write(&path, bytes).unwrap();
            assert!(matches!(read_metrics(&path), Err(RunError::Metrics { .. })));
        }
        assert!(matches!(
            read_metrics(&folder.path().join("no")),
            Err(RunError::File(_))
        ));
    }
}
