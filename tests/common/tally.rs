//! Counts of injected faults: each test that injects some compares its count with the table in the README, or writes
//! it there where `RUNNER_TALLY=write`.

use std::fs;
use std::path::Path;
use std::sync::Mutex;

/// Compares or writes the count of a row, which is found by its first cell.
#[track_caller]
pub fn tally(row: &str, faults: usize) {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    println!("{row}: {faults} faults, none failed");
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let _guard = ONE_AT_A_TIME.lock();
    let text = fs::read_to_string(&readme).unwrap();
    let start = format!("| {row} | ");
    let line = text.lines().find(|line| line.starts_with(&start));
    let line = line.unwrap_or_else(|| panic!("README.md has no row `{start}`"));
    let (count, rest) = line[start.len()..].split_once(" |").unwrap();
    let digits = thousands(faults);
    if count == digits {
        return;
    }
    assert_eq!(
        std::env::var("RUNNER_TALLY").as_deref(),
        Ok("write"),
        "`{row}`: the README says {count}, {digits} were counted; RUNNER_TALLY=write writes it"
    );
    let new = format!("{start}{digits} |{rest}");
    fs::write(&readme, text.replace(line, &new)).unwrap();
}

fn thousands(n: usize) -> String {
    match n {
        0..1_000 => n.to_string(),
        _ => format!("{},{:03}", n / 1_000, n % 1_000),
    }
}
