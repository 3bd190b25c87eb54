//! Counts of injected faults. Each test that injects some compares its count with its line in `tests/tally.toml`, and
//! `tests/readme.rs` compares the sums with the table in `tests/README.md`; both write instead where `RUNNER_TALLY=write`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// Counts of faults by `KIND` or `KIND / PART`.
pub type Counts = BTreeMap<String, usize>;

fn file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tally.toml")
}

/// Whether counts are to be written rather than compared.
pub fn writes() -> bool {
    std::env::var("RUNNER_TALLY").as_deref() == Ok("write")
}

/// All counts.
pub fn counts() -> Counts {
    toml::from_str(&fs::read_to_string(file()).unwrap()).unwrap()
}

/// Compares or writes a count; `what` is `KIND`, or `KIND / PART` where several tests have faults of a kind.
#[track_caller]
pub fn tally(what: &str, faults: usize) {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    println!("{what}: {faults} faults, none failed");
    let _guard = ONE_AT_A_TIME.lock();
    let mut counts = counts();
    let known = counts.insert(what.to_owned(), faults);
    if known == Some(faults) {
        return;
    }
    assert!(
        writes(),
        "`{what}`: tests/tally.toml says {known:?}, {faults} were counted; RUNNER_TALLY=write writes it"
    );
    fs::write(file(), toml::to_string(&counts).unwrap()).unwrap();
}
