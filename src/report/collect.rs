//! Reads all runs below some paths.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use polars::prelude::DataFrame;
use rayon::prelude::*;

use super::epochs::Epochs;
use super::error::ReportError;
use super::run::{LeftOut, Run, open};
use crate::run::find_runs;

/// Folders that are read before what is not needed of them is freed: enough for all threads to be busy, few
/// enough for their histories to take no room.
const AT_A_TIME: usize = 256;

/// The runs below some paths.
#[derive(Clone, Debug, Default)]
pub struct Collection {
    /// Those that could be read, in the order in which they were found.
    pub runs: Vec<Run>,
    /// Their epochs, run by run, where they were asked for.
    pub epochs: Epochs,
    /// Those that could not.
    pub left_out: Vec<LeftOut>,
}

impl Collection {
    /// The table of epochs, of those runs alone whose numbers are in `rows`.
    ///
    /// # Errors
    /// Those of polars, of which none is expected.
    pub fn into_epochs(self, rows: &[usize]) -> Result<DataFrame, ReportError> {
        let mut kept = vec![false; self.runs.len()];
        for &row in rows {
            kept[row] = true;
        }
        Ok(self.epochs.into_frame(&self.runs, &kept)?)
    }
}

/// Finds the run folders at and below paths; each one once, however often it is named.
///
/// # Errors
/// A path is no folder, or there is no run below any.
pub fn find(paths: &[PathBuf]) -> Result<Vec<PathBuf>, ReportError> {
    let mut found = Vec::new();
    let mut seen = BTreeSet::new();
    for path in paths {
        if !path.is_dir() {
            return Err(ReportError::NoFolder { path: path.clone() });
        }
        found.extend(
            find_runs(path)
                .into_iter()
                .filter(|run| seen.insert(run.clone())),
        );
    }
    match found.is_empty() {
        true => Err(ReportError::NoRuns {
            paths: paths.to_vec(),
        }),
        false => Ok(found),
    }
}

/// Reads the runs at and below paths, on all cores. Their epochs are kept `with_epochs` alone.
///
/// # Errors
/// Those of [`find`]. A folder that cannot be read is no error: see [`Collection::left_out`].
pub fn collect(paths: &[PathBuf], with_epochs: bool) -> Result<Collection, ReportError> {
    let mut collection = Collection::default();
    for folders in find(paths)?.chunks(AT_A_TIME) {
        let opened: Vec<_> = folders
            .par_iter()
            .map(|path: &PathBuf| open(Path::new(path)))
            .collect();
        for run in opened {
            match run {
                Ok((run, history)) => {
                    if with_epochs {
                        collection.epochs.push(&history);
                    }
                    collection.runs.push(run);
                }
                Err(left_out) => collection.left_out.push(left_out),
            }
        }
    }
    Ok(collection)
}
