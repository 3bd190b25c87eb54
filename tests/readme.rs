//! The README and the example experiments say what the program does.

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::Lab;
use common::tally;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn experiments() -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(root().join("experiments"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "toml"))
        .collect();
    files.sort();
    files
}

#[test]
fn the_readme_has_the_table_of_settings() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let (start, end) = ("<!-- settings -->", "<!-- /settings -->");
    let (_, rest) = readme
        .split_once(start)
        .expect("a line `<!-- settings -->`");
    let (table, rest) = rest.split_once(end).expect("a line `<!-- /settings -->`");
    assert!(!rest.contains(start), "two tables");
    let expected = runner::experiment::settings_markdown();
    assert!(expected.contains("`latent_dim`") || expected.contains("latent_dim"));
    assert!(
        table.trim() == expected.trim(),
        "the table is old; put what `runner settings --markdown` prints between `{start}` and `{end}`"
    );
}

#[test]
fn the_table_that_the_program_prints_is_the_librarys() {
    let ended = Lab::new().runner(&["settings", "--markdown"]).with_code(0);
    assert_eq!(
        ended.stdout.trim(),
        runner::experiment::settings_markdown().trim()
    );
}

#[test]
fn every_example_experiment_loads() {
    let files = experiments();
    for name in ["fmnist_vae.toml", "quickstart.toml"] {
        assert!(files.iter().any(|file| file.ends_with(name)), "{name}");
    }
    for file in files {
        let loaded = runner::experiment::load(&file, &[]);
        let loaded = loaded.unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let stem = file.file_stem().unwrap().to_string_lossy();
        assert_eq!(loaded.spec.name, stem, "{}", file.display());
    }
}

#[test]
fn every_example_experiment_passes_the_check() {
    for file in experiments() {
        let ended = Lab::new().runner(&["check", file.to_str().unwrap()]);
        assert_eq!(ended.code, 0, "{}: {ended:#?}", file.display());
        assert!(ended.stderr.is_empty(), "{}: {ended:#?}", file.display());
    }
}

/// A number as the README writes it.
fn thousands(n: usize) -> String {
    match n {
        0..1_000 => n.to_string(),
        _ => format!("{},{:03}", n / 1_000, n % 1_000),
    }
}

#[test]
fn the_table_of_faults_has_the_sums_of_all_counts() {
    let file = root().join("README.md");
    let mut readme = fs::read_to_string(&file).unwrap();
    let mut sums = std::collections::BTreeMap::<String, usize>::new();
    for (what, count) in tally::counts() {
        let kind = what.split(" / ").next().unwrap().to_owned();
        *sums.entry(kind).or_default() += count;
    }
    for (kind, sum) in sums {
        let start = format!("| {kind} | ");
        let line = readme.lines().find(|line| line.starts_with(&start));
        let line = line.unwrap_or_else(|| panic!("README.md has no row `{start}`"));
        let (_, rest) = line[start.len()..].split_once(" |").unwrap();
        let new = format!("{start}{} |{rest}", thousands(sum));
        let (old, text) = (line.to_owned(), readme.replace(line, &new));
        assert!(old == new || tally::writes(), "{old}\nis old:\n{new}");
        readme = text;
    }
    if tally::writes() {
        fs::write(file, readme).unwrap();
    }
}
