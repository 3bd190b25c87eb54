//! The record of a process's file operations.

use std::fs;
use std::path::{Path, PathBuf};

/// An operation of the program, or a word to a person.
#[derive(Clone, Debug)]
pub struct Traced {
    /// From 1, as faults count.
    pub number: u64,
    /// `Create`, `Write`, `Rename`, ... of `fs::files::Operation`, or `Told`.
    pub kind: String,
    pub path: PathBuf,
    pub to: PathBuf,
    /// What was written, where bytes were.
    pub bytes: Option<Vec<u8>>,
    pub is_done: bool,
}

/// Reads what `RUNNER_FAULTS_TRACE` wrote.
pub fn read(folder: &Path) -> Vec<Traced> {
    let text = fs::read_to_string(folder.join("operations")).unwrap();
    let traced = |line: &str| {
        let cells: Vec<_> = line.split('\t').collect();
        let number = cells[0].parse().unwrap();
        let bytes = (cells[4] == "bytes")
            .then(|| fs::read(folder.join(format!("{number}.bytes"))).unwrap());
        Traced {
            number,
            kind: cells[1].to_owned(),
            path: cells[2].into(),
            to: cells[3].into(),
            bytes,
            is_done: cells[4] != "failed",
        }
    };
    text.lines().map(traced).collect()
}

/// Reads it without what is no operation.
pub fn operations(folder: &Path) -> Vec<Traced> {
    let mut all = read(folder);
    all.retain(|traced| traced.kind != "Told");
    let numbers: Vec<u64> = all.iter().map(|traced| traced.number).collect();
    assert!(numbers.iter().copied().eq(1..=all.len() as u64));
    all
}
