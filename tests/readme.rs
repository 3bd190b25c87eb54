//! The README and the example experiments say what the program does.

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::Lab;

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
    let expected = runner::spec::settings_markdown();
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
        runner::spec::settings_markdown().trim()
    );
}

#[test]
fn every_example_experiment_loads() {
    let files = experiments();
    for name in ["fmnist_vae.toml", "quickstart.toml"] {
        assert!(files.iter().any(|file| file.ends_with(name)), "{name}");
    }
    for file in files {
        let loaded = runner::spec::load(&file, &[]);
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
