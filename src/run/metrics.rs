//! `metrics.parquet`: the history of a run as a table, a row an epoch.
//!
//! A projection of the checkpoint, made again after every epoch. It is there for whoever analyses
//! runs with other programs; this program takes a history from the checkpoint, whose content has a
//! digest, while a Parquet reader may fail in any way on a file that somebody else made.
//!
//! Columns are the metrics under their names ([`metric`](crate::metric)): counts are `u32`, lists by latent axis lists of
//! `f64`, all others `f64`; null where an epoch does not have it. Those of the first format are always there, others where
//! some epoch has them. Written without compression: 100 epochs take about 15 kB, and every reader can read it.

use std::io::Cursor;
use std::path::Path;

use polars::prelude::{
    DataFrame, ParquetCompression, ParquetReader, ParquetWriter, PolarsResult, SerReader,
};

use crate::fs::files;
use crate::metric::Row;

use super::epoch_table::EpochTable;
use super::error::RunError;

/// Name of the file.
pub const METRICS_FILE: &str = "metrics.parquet";
/// Largest table to read, in bytes.
const LARGEST: u64 = 256 << 20;

/// Writes a history as a Parquet file, in place of the one that is there.
///
/// # Errors
/// [`RunError::File`].
pub fn write_metrics(path: &Path, history: &[Row]) -> Result<(), RunError> {
    Ok(files::write_atomic(path, &encode(path, history)?)?)
}

/// The bytes of a history's Parquet file; `path` is for messages alone. The same history gives the same
/// bytes, so that whether a file is what it should be can be told without reading it as Parquet.
pub(super) fn encode(path: &Path, history: &[Row]) -> Result<Vec<u8>, RunError> {
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
pub fn to_frame(history: &[Row]) -> PolarsResult<DataFrame> {
    let mut table = EpochTable::default();
    history.iter().for_each(|row| table.push(row));
    DataFrame::new(history.len(), table.into_columns())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::{FIRST_FORMAT, METRICS};
    use crate::run::checkpoint::tests::example;
    use polars::prelude::{AnyValue, DataType};

    #[test]
    fn writes_literal_values() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(METRICS_FILE);
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
    fn writes_the_documented_columns_in_order() {
        let frame = to_frame(&[]).unwrap();
        let names: Vec<_> = frame
            .get_column_names()
            .into_iter()
            .map(|name| name.as_str())
            .collect();
        let expected = METRICS[..FIRST_FORMAT].iter().map(|metric| metric.name);
        assert_eq!(names, expected.collect::<Vec<_>>());
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
    fn writes_no_rows_without_a_finished_epoch() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(METRICS_FILE);
        write_metrics(&path, &[]).unwrap();
        assert_eq!(read_metrics(&path).unwrap().shape(), (0, 16));
    }

    /// SHA-256 of what the version wrote that had these columns alone.
    #[test]
    fn keeps_the_bytes_of_format_1_tables() {
        let digest = |rows: &[Row]| {
            let bytes = encode(Path::new("m"), rows).unwrap();
            (bytes.len(), crate::fs::digest::sha256_hex(&bytes))
        };
        let rows = example().history;
        let mut row = rows[0].clone();
        row.set("val_reconstruction", 7.0);
        row.set("val_kl", 0.5);
        let many = (1..=100).map(|epoch| {
            let (mut row, at) = (row.clone(), f64::from(epoch));
            row.set("epoch", epoch);
            row.set("loss", 300.0 / at);
            row.set("val_loss", 310.0 / at);
            row
        });
        for (rows, length, expected) in [
            (
                &[][..],
                1688,
                "06988971f7458d74d42952aea6f206f188eac72d3e50e1378da886d0e6ec126e",
            ),
            (
                &rows,
                5467,
                "521a2a069068e9331a3970010bf4fd9a0de5d561943aba6354b0b47325854c1b",
            ),
            (
                &rows[..1],
                4995,
                "6f9d3de1e4c9ec645b8da017ca178af14f1fd0e696c1d1c1557504f81bafbea0",
            ),
            (
                &rows[1..],
                5312,
                "012ee688dc035ed4c68946437c267872b0cd1d0c683135601396486c768e5ced",
            ),
            (
                &many.collect::<Vec<_>>(),
                17865,
                "f4c18ce3372e088add7df1f72bd0391a1a1cc19d531bfbb1280bac3a77e4c8bf",
            ),
        ] {
            assert_eq!(
                digest(rows),
                (length, expected.to_owned()),
                "{} rows",
                rows.len()
            );
        }
    }

    #[test]
    fn rejects_what_is_no_table() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(METRICS_FILE);
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
