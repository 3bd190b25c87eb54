//! Deliberate damage to the code that writes and resumes runs (`tests/sabotage/list.toml`), to see whether the tests
//! notice.

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use common::tally::tally;
use serde::Deserialize;

#[derive(Deserialize)]
struct List {
    sabotage: Vec<Sabotage>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sabotage {
    name: String,
    test: String,
    edits: Vec<Edit>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Edit {
    file: String,
    find: String,
    replace: String,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn list() -> Vec<Sabotage> {
    let text = fs::read_to_string(root().join("tests/sabotage/list.toml")).unwrap();
    toml::from_str::<List>(&text).unwrap().sabotage
}

impl Sabotage {
    /// Does the damage below a folder; gives the files as they were.
    fn apply(&self, root: &Path) -> Vec<(PathBuf, String)> {
        let mut originals = vec![];
        for Edit {
            file,
            find,
            replace,
        } in &self.edits
        {
            let path = root.join(file);
            let text = fs::read_to_string(&path).unwrap();
            assert_eq!(
                text.matches(find.as_str()).count(),
                1,
                "`{}`: in {file} this does not stand once: {find}",
                self.name
            );
            fs::write(&path, text.replace(find, replace)).unwrap();
            originals.push((path, text));
        }
        originals.reverse();
        originals
    }
}

/// A copy of the sources, also of what is not committed yet.
fn copy_sources(to: &Path) {
    for part in [
        "src",
        "tests",
        "benches",
        "experiments",
        "Cargo.toml",
        "Cargo.lock",
        "README.md",
    ] {
        for entry in walkdir::WalkDir::new(root().join(part)) {
            let entry = entry.unwrap();
            let target = to.join(entry.path().strip_prefix(root()).unwrap());
            if entry.file_type().is_dir() {
                fs::create_dir_all(target).unwrap();
            } else if fs::read(&target).ok() != fs::read(entry.path()).ok() {
                fs::copy(entry.path(), target).unwrap();
            }
        }
    }
}

#[test]
fn every_sabotage_finds_its_place() {
    let sabotages = list();
    assert!(sabotages.len() >= 30);
    let names: BTreeSet<_> = sabotages.iter().map(|it| &it.name).collect();
    assert_eq!(names.len(), sabotages.len());
    let copy = tempfile::tempdir().unwrap();
    copy_sources(copy.path());
    for sabotage in sabotages {
        for (path, text) in sabotage.apply(copy.path()) {
            assert_ne!(
                fs::read_to_string(&path).unwrap(),
                text,
                "{}",
                sabotage.name
            );
            fs::write(path, text).unwrap();
        }
    }
}

/// Builds and runs a test in the copy, quickly compiled: it is the behaviour that counts.
fn test(tree: &Path, target: &Path, args: &str) -> Output {
    Command::new(env!("CARGO"))
        .args(["test", "--release", "--features", "faults"])
        .args(["--config", "profile.release.package.runner.opt-level=0"])
        .args([
            "--config",
            "profile.release.package.runner.codegen-units=16",
        ])
        .args([
            "--config",
            "profile.release.package.runner.incremental=true",
        ])
        .args(args.split(' '))
        .current_dir(tree)
        .env("CARGO_TARGET_DIR", target)
        // The behaviour has to be noticed, not a count of operations that is another one.
        .env("RUNNER_TALLY", "write")
        .output()
        .unwrap()
}

/// Does each sabotage to a copy and runs the test that should fail. Results are kept in `results`, so that what was
/// broken off goes on; delete the file to begin anew.
#[test]
#[ignore = "builds the program 38 times; cargo test --release --test sabotage -- --ignored --nocapture"]
fn every_sabotage_is_noticed() {
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join("sabotage");
    let (tree, target, results) = (
        place.join("tree"),
        place.join("target"),
        place.join("results"),
    );
    let _ = fs::remove_dir_all(&tree);
    copy_sources(&tree);
    let known = fs::read_to_string(&results).unwrap_or_default();
    let sabotages = list();
    let tests: BTreeSet<_> = sabotages.iter().map(|it| it.test.as_str()).collect();
    for args in tests {
        if known.contains(&format!("sound\t{args}\n")) {
            continue;
        }
        let output = test(&tree, &target, args);
        assert!(
            output.status.success(),
            "without any damage {args} fails: {output:?}"
        );
        note(&results, "sound", args);
        println!("sound   {args}");
    }
    for sabotage in &sabotages {
        if known.contains(&format!("\t{}\n", sabotage.name)) {
            continue;
        }
        let originals = sabotage.apply(&tree);
        let output = test(&tree, &target, &sabotage.test);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let verdict = match output.status.success() {
            true => "missed",
            false if text.contains("test result: FAILED") => "caught",
            false => "broken",
        };
        println!("{verdict:<7} {}", sabotage.name);
        if verdict == "broken" {
            println!("{}", String::from_utf8_lossy(&output.stderr));
        }
        note(&results, verdict, &sabotage.name);
        for (path, text) in originals {
            fs::write(path, text).unwrap();
        }
    }
    let known = fs::read_to_string(&results).unwrap();
    let caught = |it: &&Sabotage| known.contains(&format!("caught\t{}\n", it.name));
    let missed: Vec<_> = sabotages
        .iter()
        .filter(|it| !caught(it))
        .map(|it| &it.name)
        .collect();
    assert!(missed.is_empty(), "{missed:#?}");
    tally(
        "deliberate sabotage of the writer and the resume code",
        sabotages.len(),
    );
}

fn note(results: &Path, verdict: &str, name: &str) {
    let mut file = fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(results)
        .unwrap();
    writeln!(file, "{verdict}\t{name}").unwrap();
}
