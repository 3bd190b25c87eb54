//! What the tests of pinned numbers share: digests of a run's results, the kernel paths of this processor, and files
//! of recorded values.
//!
//! Nothing here uses the library. Runs are made by the program, their files are read by other crates and by name, so
//! that the values outlive any change of the code.

#![allow(dead_code)]

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use polars::prelude::{AnyValue, Column, DataFrame, DataType, ParquetReader, SerReader};
use serde_json::Value;
use sha2::{Digest, Sha256};
use toml::Table;

/// The columns of `metrics.parquet` that training decides: all of the first format but the two of the clock. The list
/// stays as it is, so that columns that come later change no digest.
pub const COLUMNS: [&str; 14] = [
    "epoch",
    "loss",
    "reconstruction",
    "kl",
    "kl_nats",
    "elbo",
    "val_loss",
    "val_reconstruction",
    "val_kl",
    "kl_per_axis",
    "active_axes",
    "grad_norm",
    "learning_rate",
    "kl_weight",
];

/// Kernel paths whose values have to be recorded; others are skipped, and said to be.
const RECORDED: [&str; 3] = ["portable", "avx2", "avx512"];

/// The kernel paths of this processor, slowest first: a new run takes the last.
pub fn paths() -> Vec<&'static str> {
    #[cfg(target_arch = "x86_64")]
    {
        let avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
        let avx512 = avx2 && is_x86_feature_detected!("avx512f");
        let all = [("portable", true), ("avx2", avx2), ("avx512", avx512)];
        all.into_iter()
            .filter_map(|(name, is_there)| is_there.then_some(name))
            .collect()
    }
    #[cfg(target_arch = "aarch64")]
    {
        vec!["neon"]
    }
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    {
        vec!["portable"]
    }
}

/// Says, past the capture of test output, that something was not checked.
pub fn skipped(what: &str) {
    let _ = writeln!(std::io::stderr(), "skipped: {what}");
}

/// Digests of what a run has come to: tensors of its last and its best checkpoint, metrics. The first 16 digits of
/// each SHA-256.
pub fn bits(run: &Path) -> Table {
    let mut bits = Table::new();
    for name in ["last", "best"] {
        let file = run.join(format!("checkpoints/{name}.safetensors"));
        // No epoch can be the best one before the KL weight is whole.
        if name == "last" || file.exists() {
            bits.insert(name.to_owned(), tensors(&file).into());
        }
    }
    let frame = parquet(&run.join("metrics.parquet"));
    bits.insert("metrics".to_owned(), metrics(&frame).into());
    bits
}

/// Digest of the tensors of a checkpoint: name, type, shape and bytes of each, by name.
fn tensors(file: &Path) -> String {
    let bytes = fs::read(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let read = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let mut all = read.tensors();
    all.sort_by(|(one, _), (two, _)| one.cmp(two));
    assert!(!all.is_empty(), "{} is empty", file.display());
    let mut digest = Sha256::new();
    for (name, tensor) in all {
        let head = format!("{name} {:?} {:?}\n", tensor.dtype(), tensor.shape());
        digest.update(head.as_bytes());
        digest.update(tensor.data());
    }
    digits(digest)
}

/// Digest of a table's [`COLUMNS`].
fn metrics(frame: &DataFrame) -> String {
    let mut digest = Sha256::new();
    for name in COLUMNS {
        digest.update(format!("{name}\n").as_bytes());
        for row in rows(frame.column(name).unwrap()) {
            digest.update((row.len() as u64).to_le_bytes());
            row.iter()
                .for_each(|value| digest.update(value.to_bits().to_le_bytes()));
        }
    }
    digits(digest)
}

fn digits(digest: Sha256) -> String {
    let all = digest.finalize();
    all[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Digest of whole columns of `f32`, `f64`, integers or lists, whatever they are called.
pub fn columns_digest<'a>(columns: impl Iterator<Item = &'a Column>) -> String {
    let mut digest = Sha256::new();
    for value in columns.flat_map(rows).flatten() {
        digest.update(value.to_bits().to_le_bytes());
    }
    digits(digest)
}

/// The numbers of each row of a column, as `f64`, which holds all of ours: none for null, one, or those of a list.
pub fn rows(column: &Column) -> Vec<Vec<f64>> {
    let numbers = |column: &Column| -> Vec<Option<f64>> {
        let column = column.cast(&DataType::Float64).unwrap();
        column.f64().unwrap().iter().collect()
    };
    if !matches!(column.dtype(), DataType::List(_)) {
        let all = numbers(column).into_iter();
        return all.map(|value| value.into_iter().collect()).collect();
    }
    (0..column.len())
        .map(|row| match column.get(row).unwrap() {
            AnyValue::List(list) => numbers(&list.into()).into_iter().flatten().collect(),
            other => panic!("{other:?} is no list"),
        })
        .collect()
}

/// A table that this program wrote.
pub fn parquet(file: &Path) -> DataFrame {
    let bytes = fs::read(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    ParquetReader::new(std::io::Cursor::new(bytes))
        .finish()
        .unwrap()
}

/// Copies a folder with all that is in it.
pub fn copy(from: &Path, to: &Path) {
    for entry in walkdir::WalkDir::new(from) {
        let entry = entry.unwrap();
        let place = to.join(entry.path().strip_prefix(from).unwrap());
        if entry.file_type().is_dir() {
            fs::create_dir_all(place).unwrap();
        } else {
            fs::copy(entry.path(), place).unwrap();
        }
    }
}

/// The kernel path that a run was started on.
pub fn path_of(run: &Path) -> String {
    let manifest = crate::common::manifest(run);
    manifest["compute"]["kernel_path"]
        .as_str()
        .unwrap()
        .to_owned()
}

/// Makes a run one that was started on another kernel path: a resume then takes that one.
pub fn take_path(run: &Path, path: &str) {
    if path_of(run) == path {
        return;
    }
    let mut manifest = crate::common::manifest(run);
    manifest["compute"]["kernel_path"] = Value::from(path);
    fs::write(run.join("manifest.json"), manifest.to_string()).unwrap();
}

/// A copy of a run as if it had been started on this path and killed before its first checkpoint.
pub fn begun_on(path: &str, run: &Path, copied: &Path) {
    copy(run, copied);
    fs::remove_dir_all(copied.join("checkpoints")).unwrap();
    fs::remove_file(copied.join("metrics.parquet")).unwrap();
    take_path(copied, path);
}

/// Whether values are recorded instead of compared: with `RUNNER_PIN=write`.
pub fn writes() -> bool {
    std::env::var("RUNNER_PIN").is_ok_and(|value| value == "write")
}

/// Where the fixtures and the recorded values are.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pinned")
}

/// Compares a digest, or whatever table of texts, with that of a kernel path in a file of recorded values.
#[track_caller]
pub fn check(file: &str, name: &str, path: &str, found: &Table) {
    /// The tests of a file run at the same time.
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _lock = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let file = folder().join(file);
    let text = fs::read_to_string(&file).unwrap_or_default();
    let mut all: Table = text.parse().unwrap();
    if !RECORDED.contains(&path) {
        return skipped(&format!("{name}: no values are recorded for `{path}`"));
    }
    let of_name = all
        .entry(name)
        .or_insert_with(|| Table::new().into())
        .as_table_mut()
        .unwrap();
    if writes() {
        of_name.insert(path.to_owned(), found.clone().into());
        let head: String = text
            .split_inclusive('\n')
            .take_while(|line| line.starts_with('#') || line.trim().is_empty())
            .collect();
        let all = toml::to_string(&all).unwrap();
        return fs::write(&file, format!("{}\n\n{all}", head.trim_end())).unwrap();
    }
    let recorded = of_name.get(path).and_then(|it| it.as_table());
    assert!(
        recorded == Some(found),
        "{name} on `{path}` has other bits than recorded in {}:\n{found}\nrecorded:\n{}",
        file.display(),
        recorded.map_or("nothing".to_owned(), ToString::to_string)
    );
}
