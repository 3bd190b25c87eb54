//! Tables as Parquet.

use polars::prelude::{DataFrame, ParquetCompression, ParquetWriter};

use super::error::ReportError;

/// As Parquet, compressed by nothing but its encodings: every reader has those.
///
/// # Errors
/// Those of polars, of which none is expected.
pub fn parquet(frame: &DataFrame) -> Result<Vec<u8>, ReportError> {
    let mut bytes = Vec::new();
    let mut frame = frame.clone();
    ParquetWriter::new(&mut bytes)
        .with_compression(ParquetCompression::Uncompressed)
        .finish(&mut frame)?;
    Ok(bytes)
}
