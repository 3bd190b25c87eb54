//! Tables as Parquet.

use std::io::Write;

use polars::prelude::{DataFrame, ParquetCompression, ParquetWriter};

use super::error::ReportError;

/// Rows that are encoded at a time, which bounds the memory that writing takes.
const ROWS: usize = 1 << 16;

/// Writes a table as Parquet, compressed by nothing but its encodings: every reader has those.
///
/// # Errors
/// Those of polars, into which it also wraps those of `out`.
pub fn parquet(frame: &DataFrame, out: impl Write) -> Result<(), ReportError> {
    ParquetWriter::new(out)
        .with_compression(ParquetCompression::Uncompressed)
        .with_row_group_size(Some(ROWS))
        .finish(&mut frame.clone())?;
    Ok(())
}
