//! The pages of documentation and the example experiments say what the program does.

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use common::Lab;

const PAGES: [&str; 5] = [
    "README.md",
    "benches/README.md",
    "experiments/README.md",
    "experiments/SETTINGS.md",
    "tests/README.md",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[track_caller]
fn read(file: impl AsRef<Path>) -> String {
    let file = root().join(file);
    fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
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
fn keeps_the_readme_short() {
    let lines = read("README.md").lines().count();
    assert!(lines < 200, "{lines} lines");
}

/// The anchor that GitHub gives to a heading.
fn anchor(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    text.chars()
        .filter(|c| c.is_alphanumeric() || "-_ ".contains(*c))
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}

#[test]
fn links_to_existing_files_and_headings() {
    let mut links = 0;
    for page in PAGES {
        let text = read(page);
        let targets = [("](", ')'), ("src=\"", '"')]
            .into_iter()
            .flat_map(|(start, end)| {
                let rests = text.split(start).skip(1);
                rests.map(move |rest| rest.split_once(end).expect(page).0)
            });
        for target in targets.filter(|target| !target.contains("://")) {
            let (path, heading) = target.split_once('#').unwrap_or((target, ""));
            let folder = Path::new(page).parent().unwrap();
            let file = match path {
                "" => PathBuf::from(page),
                _ => folder.join(path),
            };
            assert!(root().join(&file).exists(), "{page}: {target}");
            let known = |line: &str| line.starts_with('#') && anchor(line) == heading;
            assert!(
                heading.is_empty() || read(file).lines().any(known),
                "{page}: no such heading: {target}"
            );
            links += 1;
        }
    }
    assert!(links > 40, "{links}");
}

/// What follows `runner` in the blocks of shell commands of a page, without comments.
fn shown_commands(page: &str) -> Vec<String> {
    let text = read(page);
    let blocks = text.split("```sh\n").skip(1);
    blocks
        .flat_map(|rest| rest.split_once("```").expect(page).0.lines())
        .map(|line| line.split(" #").next().unwrap())
        .filter_map(|line| line.strip_prefix("runner ").map(str::to_owned))
        .collect()
}

#[test]
fn shows_only_commands_and_options_that_exist() {
    let lab = Lab::new();
    let mut helps = BTreeMap::<Vec<String>, String>::new();
    let commands = PAGES.map(shown_commands).concat();
    assert!(commands.len() > 60, "{commands:#?}");
    for command in commands {
        let words: Vec<&str> = command.split_whitespace().collect();
        let name = match words[0] {
            "sweep" => &words[..2],
            spec if spec.ends_with(".toml") => &["run"],
            _ => &words[..1],
        };
        let name: Vec<String> = name.iter().map(|&word| word.to_owned()).collect();
        let help = helps.entry(name).or_insert_with_key(|name| {
            let args: Vec<&str> = [
                &["help"],
                &*name.iter().map(String::as_str).collect::<Vec<_>>(),
            ]
            .concat();
            lab.runner(&args).with_code(0).stdout
        });
        for option in words.iter().filter(|word| word.starts_with("--")) {
            let mut known = help.split(|c: char| !c.is_alphanumeric() && c != '-');
            assert!(known.any(|word| word == *option), "{command}: {option}");
        }
    }
}

#[test]
fn shows_the_spec_of_the_quickstart() {
    assert!(read("README.md").contains(&read("experiments/quickstart.toml")));
}

#[test]
fn lists_the_settings() {
    let expected = format!(
        "# Settings of a spec\n\n{}",
        runner::experiment::settings_markdown()
    );
    assert!(expected.contains("`latent_dim`"));
    assert!(
        read("experiments/SETTINGS.md") == expected,
        "experiments/SETTINGS.md is old; this makes it: {{ printf '# Settings of a spec\\n\\n'; \
         runner settings --markdown; }} > experiments/SETTINGS.md"
    );
}

#[test]
fn prints_the_tables_of_the_library() {
    let ended = Lab::new().runner(&["settings", "--markdown"]).with_code(0);
    assert_eq!(ended.stdout, runner::experiment::settings_markdown());
    let ended = Lab::new().runner(&["metrics"]).with_code(0);
    let metrics = runner::objective::metrics();
    assert_eq!(ended.stdout, runner::metric::metrics_markdown(metrics));
}

#[test]
fn loads_every_example_experiment() {
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
fn checks_every_example_experiment() {
    for file in experiments() {
        let ended = Lab::new().runner(&["check", file.to_str().unwrap()]);
        assert_eq!(ended.code, 0, "{}: {ended:#?}", file.display());
        assert!(ended.stderr.is_empty(), "{}: {ended:#?}", file.display());
    }
}
