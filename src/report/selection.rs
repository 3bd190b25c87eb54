//! Some runs, sorted, and what is to be shown of them.

use polars::prelude::DataFrame;

/// The runs that a question is about, sorted.
#[derive(Clone, Debug)]
pub struct Selection {
    /// All that is known of them, a row a run ([`runs_frame`]).
    pub frame: DataFrame,
    /// For each row which run it is.
    pub rows: Vec<usize>,
    /// The metrics to show; the first is the one that runs are compared by.
    pub metrics: Vec<String>,
    /// The decisive settings that are not the same in all of them.
    pub differing: Vec<String>,
    /// What a reader must know to compare them.
    pub notes: Vec<String>,
}

impl Selection {
    /// The settings that runs of this selection may be compared by: those that differ, without the seed.
    pub fn varied(&self) -> Vec<&str> {
        self.differing
            .iter()
            .map(String::as_str)
            .filter(|key| *key != "seed")
            .collect()
    }
}
