//! The parts of the program stand on floors: a part uses lower floors and itself, nothing beside or above it. So
//! each one can be read, tested and replaced with only what lies below in mind.

use std::fs;
use std::path::{Path, PathBuf};

/// The floors, lowest first.
const FLOORS: &[&[&str]] = &[
    &["numeric", "fs", "sys", "config"],
    &["metrics", "progress", "slurm"],
    &["spec", "data", "kernels"],
    &["plan", "optim"],
    &["nn"],
    &["vae", "run", "figures"],
    &["train", "report", "sweep"],
    &["cmd", "cli"],
];

/// What a part may use on its own floor.
const BESIDE: &[(&str, &str)] = &[
    ("fs", "sys"),
    ("sys", "fs"),
    // Which images are wanted is said in the plain types of the spec.
    ("data", "spec"),
    // What may be typed, and what it leads to: two sides of one thing.
    ("cli", "cmd"),
    ("cmd", "cli"),
];

/// What a part may not use although it lies below.
const KEPT_APART: &[(&str, &str)] = &[
    ("kernels", "metrics"),
    ("kernels", "progress"),
    ("run", "kernels"),
    ("run", "nn"),
    ("train", "run"),
    ("report", "vae"),
    ("report", "nn"),
    ("report", "optim"),
    ("report", "plan"),
    ("report", "kernels"),
    ("report", "data"),
];

fn floor(part: &str) -> Option<usize> {
    FLOORS.iter().position(|parts| parts.contains(&part))
}

fn may_use(user: &str, used: &str) -> bool {
    let pair = (user, used);
    match (floor(user), floor(used)) {
        _ if user == used || BESIDE.contains(&pair) => true,
        (Some(user), Some(used)) => used < user && !KEPT_APART.contains(&pair),
        _ => false,
    }
}

/// The parts that stand behind `crate::` on a line, also in braces.
fn used(line: &str) -> Vec<String> {
    let code = line.split("//").next().unwrap_or("");
    let mut found = vec![];
    for (at, pattern) in code.match_indices("crate::") {
        let before = code[..at].chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || c == '_') {
            continue;
        }
        let rest = &code[at + pattern.len()..];
        let items = match rest.strip_prefix('{') {
            Some(list) => top_level_items(list),
            None => vec![rest],
        };
        for item in items {
            let word: String = item
                .trim()
                .chars()
                .take_while(|c| c.is_alphanumeric() || *c == '_')
                .collect();
            if !word.is_empty() {
                found.push(word);
            }
        }
    }
    found
}

/// `a::{b, c}, d` as `a::{b, c}` and `d`.
fn top_level_items(list: &str) -> Vec<&str> {
    let (mut depth, mut start, mut items) = (0, 0, vec![]);
    for (at, c) in list.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => {
                items.push(&list[start..at]);
                return items;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                items.push(&list[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    items.push(&list[start..]);
    items
}

/// The lines of a file with their numbers, statements that a formatter broke over several lines put together, what is
/// compiled for tests only left out. Second: the files of modules that are.
fn lines(path: &Path, text: &str) -> (Vec<(usize, String)>, Vec<PathBuf>) {
    let (mut kept, mut test_files): (Vec<(usize, String)>, _) = (vec![], vec![]);
    let mut all = text.lines().enumerate();
    while let Some((number, line)) = all.next() {
        let indent = &line[..line.len() - line.trim_start().len()];
        if line.trim() == "#[cfg(test)]" {
            let Some((_, item)) = all.by_ref().find(|(_, l)| !l.trim().starts_with("#[")) else {
                break;
            };
            if let Some(name) = module(item) {
                test_files.extend(module_files(path, name));
            } else if !item.trim_end().ends_with(';') && !item.trim_end().ends_with(['}', ',']) {
                // As the formatter has it: the end of a block stands under its beginning.
                let end = format!("{indent}}}");
                all.by_ref().find(|(_, l)| *l == end);
            }
            continue;
        }
        let goes_on = kept
            .last()
            .is_some_and(|(_, last)| last.contains("crate::{") && !last.trim_end().ends_with(';'));
        match kept.last_mut() {
            Some((_, last)) if goes_on => *last += line.trim(),
            _ => kept.push((number + 1, line.to_owned())),
        }
    }
    (kept, test_files)
}

/// `name` of `pub mod name;`.
fn module(item: &str) -> Option<&str> {
    let (before, name) = item.trim().strip_suffix(';')?.rsplit_once(' ')?;
    before.ends_with("mod").then_some(name)
}

fn module_files(declared_in: &Path, name: &str) -> [PathBuf; 3] {
    let folder = declared_in.parent().unwrap();
    let own = folder.join(declared_in.file_stem().unwrap());
    let below = if declared_in.ends_with("mod.rs") {
        folder.to_owned()
    } else {
        own
    };
    [
        below.join(format!("{name}.rs")),
        below.join(name).join("mod.rs"),
        below.join(name),
    ]
}

/// The part that a file below `src` belongs to; nothing for the roots.
fn part(src: &Path, path: &Path) -> Option<String> {
    let inside = path.strip_prefix(src).unwrap();
    let first = inside.components().next().unwrap().as_os_str();
    let name = Path::new(first).file_stem().unwrap().to_string_lossy();
    (!["lib", "main", "build"].contains(&&*name)).then(|| name.into_owned())
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = walkdir::WalkDir::new(folder)
        .into_iter()
        .map(|entry| entry.unwrap().into_path())
        .filter(|path| path.extension().is_some_and(|end| end == "rs"))
        .collect();
    files.sort();
    files
}

/// Every use that the floors do not allow, `file:line: part uses part`, and the number of uses looked at.
fn offences(src: &Path) -> (Vec<String>, usize) {
    let mut read = vec![];
    let mut test_files = vec![];
    for path in sources(src) {
        let (lines, tests) = lines(&path, &fs::read_to_string(&path).unwrap());
        test_files.extend(tests);
        read.push((path, lines));
    }
    let (mut found, mut count) = (vec![], 0);
    for (path, lines) in read {
        if test_files.iter().any(|test| path.starts_with(test)) {
            continue;
        }
        let Some(user) = part(src, &path) else {
            continue;
        };
        let name = path.strip_prefix(src.parent().unwrap()).unwrap().display();
        if floor(&user).is_none() {
            found.push(format!("{name}:1: `{user}` stands on no floor"));
        }
        for (number, line) in lines {
            for used in used(&line) {
                count += 1;
                if !may_use(&user, &used) {
                    found.push(format!(
                        "{name}:{number}: `{user}` uses `{used}`: {}",
                        line.trim()
                    ));
                }
            }
        }
    }
    (found, count)
}

#[test]
fn no_part_uses_a_floor_above_it() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let (found, count) = offences(&src);
    assert!(count > 100, "only {count} uses were found");
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn floors_are_what_they_are_said_to_be() {
    for (user, used) in [
        ("run", "run"),
        ("data", "spec"),
        ("kernels", "numeric"),
        ("run", "metrics"),
        ("figures", "spec"),
        ("train", "vae"),
        ("cmd", "run"),
        ("cli", "cmd"),
    ] {
        assert!(may_use(user, used), "{user} {used}");
    }
    for (user, used) in [
        ("fs", "metrics"),
        ("metrics", "progress"),
        ("spec", "data"),
        ("spec", "kernels"),
        ("kernels", "metrics"),
        ("kernels", "spec"),
        ("run", "train"),
        ("run", "vae"),
        ("run", "nn"),
        ("run", "kernels"),
        ("figures", "vae"),
        ("figures", "train"),
        ("train", "run"),
        ("report", "vae"),
        ("report", "train"),
        ("train", "report"),
        ("train", "cmd"),
        ("vae", "run"),
        ("run", "nothing"),
    ] {
        assert!(!may_use(user, used), "{user} {used}");
    }
}

#[test]
fn an_upward_arrow_is_found_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let src = folder.path().join("src");
    let write = |name: &str, text: &str| {
        let path = src.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write("lib.rs", "pub mod run;\n");
    write("nowhere.rs", "");
    write(
        "run/mod.rs",
        "//! Not crate::train in a comment.\nuse crate::fs::files; // crate::vae\nuse crate::train::Trainer;\n\
         #[cfg(test)]\nmod checks;\npub(crate) use x;\nfn f() {\n    crate::vae::g();\n}\n#[cfg(test)]\nmod tests {\n    \
         use crate::train::Trainer;\n}\nuse crate::cmd;\n",
    );
    write("run/checks.rs", "use crate::train::Trainer;\n");
    write(
        "spec/kind.rs",
        "#[cfg(test)]\nuse crate::cmd;\nuse crate::{\n    fs::{a, files},\n    data::Set,\n};\nuse $crate::run::X;\n",
    );
    let (found, count) = offences(&src);
    assert_eq!(
        found,
        [
            "src/nowhere.rs:1: `nowhere` stands on no floor",
            "src/run/mod.rs:3: `run` uses `train`: use crate::train::Trainer;",
            "src/run/mod.rs:8: `run` uses `vae`: crate::vae::g();",
            "src/run/mod.rs:14: `run` uses `cmd`: use crate::cmd;",
            "src/spec/kind.rs:3: `spec` uses `data`: use crate::{fs::{a, files},data::Set,};",
            "src/spec/kind.rs:7: `spec` uses `run`: use $crate::run::X;",
        ]
    );
    assert_eq!(count, 7);
}

/// What writes to the disk past `fs::files`, where the promises of a run folder are kept.
fn writes_by_itself(line: &str) -> bool {
    let code = line.split("//").next().unwrap_or("");
    let calls = [
        "fs::write",
        "fs::rename",
        "fs::copy",
        "fs::remove_",
        "fs::create_dir",
        "fs::hard_link",
        "fs::set_permissions",
        "File::create",
        "OpenOptions",
        "DirBuilder",
    ];
    let begins = |at: usize| !code[..at].ends_with(|c: char| c.is_alphanumeric());
    let stands = |call: &str| code.match_indices(call).any(|(at, _)| begins(at));
    calls.iter().any(|call| stands(call))
}

#[test]
fn one_module_writes_files() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let (mut found, mut test_files, mut inside) = (vec![], vec![], 0);
    for path in sources(&src) {
        let (lines, tests) = lines(&path, &fs::read_to_string(&path).unwrap());
        test_files.extend(tests);
        let name = path.strip_prefix(&src).unwrap().to_owned();
        let offending = lines.into_iter().filter(|(_, line)| writes_by_itself(line));
        if name.starts_with("fs/files") || name.ends_with("files.rs") {
            inside += offending.count();
        } else if !name.ends_with("sys/fault_injection.rs") {
            found.extend(offending.map(|(number, line)| (path.clone(), number, line)));
        }
    }
    found.retain(|(path, ..)| !test_files.iter().any(|test| path.starts_with(test)));
    assert!(
        inside > 5,
        "only {inside} writing calls were found in `fs::files`"
    );
    assert!(found.is_empty(), "{found:#?}");
}
