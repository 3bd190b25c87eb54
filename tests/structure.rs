//! The structure of the source: files use lower files only, without circles, and the folders of `src` stand in one
//! order. So each file can be read and tested with only what lies below it in mind.
//!
//! Read as text: `use` declarations and paths that begin with `crate`, `super` or `self`, without what is compiled for
//! tests only. A name that a `mod.rs` re-exports counts as a use of the file that defines it; `mod` and `pub use` lines
//! are no uses.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The folders, lowest first; folders on one line do not use each other.
const FOLDERS: &[&[&str]] = &[
    &["numeric", "sys"],
    &["fs"],
    &["config", "metric", "draw"],
    &["kernels", "optim", "slurm", "progress"],
    &["nn"],
    &["likelihood", "prior", "latent"],
    &["data", "objective"],
    &["figures"],
    &["experiment"],
    &["plan"],
    &["vae", "run"],
    &["train", "report", "sweep"],
    &["terminal"],
    &["session"],
    &["launch"],
    &["cmd"],
];

/// Folders that do not use each other although one stands above the other.
const APART: &[(&str, &str)] = &[
    ("config", "numeric"),
    ("kernels", "config"),
    ("run", "kernels"),
    ("run", "nn"),
    ("report", "nn"),
    ("report", "likelihood"),
    ("report", "kernels"),
    ("report", "data"),
    ("report", "plan"),
    ("report", "vae"),
    ("train", "run"),
];

type Module = Vec<String>;

/// A source file without its tests.
struct File {
    path: PathBuf,
    module: Module,
    code: String,
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|end| end == "rs") {
            found.push(path);
        }
    }
}

fn module_of(path: &Path) -> Module {
    let mut module: Module = path
        .with_extension("")
        .iter()
        .map(|part| part.to_string_lossy().into_owned())
        .collect();
    if module.last().is_some_and(|last| last == "mod") {
        module.pop();
    }
    if matches!(module.as_slice(), [only] if only == "lib" || only == "main") {
        module.clear();
    }
    module
}

/// The code without comments, texts and items for tests; the modules that are for tests only.
fn without_tests(text: &str, module: &Module) -> (String, Vec<Module>) {
    let (mut code, mut test_modules) = (String::new(), vec![]);
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let code_line = line.split("//").next().unwrap_or("");
        if code_line.trim() != "#[cfg(test)]" {
            code += code_line;
            code.push('\n');
            continue;
        }
        let indent = line.len() - line.trim_start().len();
        let Some(item) = lines.by_ref().find(|l| !l.trim().starts_with("#[")) else {
            break;
        };
        if let Some((before, name)) = item
            .trim()
            .strip_suffix(';')
            .and_then(|item| item.rsplit_once(' '))
            && before.ends_with("mod")
        {
            test_modules.push([module.as_slice(), &[name.to_owned()]].concat());
        } else if !item.trim_end().ends_with([';', ',', '}']) {
            // As the formatter has it: the end of a block stands under its beginning.
            let end = format!("{}}}", " ".repeat(indent));
            lines.by_ref().find(|l| *l == end);
        }
    }
    (code, test_modules)
}

fn read(src: &Path) -> Vec<File> {
    let mut paths = vec![];
    sources(src, &mut paths);
    let (mut files, mut for_tests) = (vec![], vec![]);
    for path in paths {
        let path = path.strip_prefix(src).unwrap().to_owned();
        let module = module_of(&path);
        let text = fs::read_to_string(src.join(&path)).unwrap();
        let (code, tests) = without_tests(&text, &module);
        for_tests.extend(tests);
        files.push(File { path, module, code });
    }
    files.retain(|file| !for_tests.iter().any(|test| file.module.starts_with(test)));
    files
}

/// `a::{b, c::d}` as `a::b` and `a::c::d`; names after `as` are left out.
fn flatten(tree: &str, prefix: &[String], found: &mut Vec<Module>) {
    let (mut depth, mut start) = (0, 0);
    let mut items = vec![];
    for (at, c) in tree.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                items.push(&tree[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    items.push(&tree[start..]);
    for item in items
        .into_iter()
        .map(str::trim)
        .filter(|item| !item.is_empty())
    {
        let (head, inner) = match item.split_once('{') {
            Some((head, rest)) => (head, rest.rsplit_once('}').map(|(inner, _)| inner)),
            None => (item, None),
        };
        let head = head.split(" as ").next().unwrap_or("");
        let parts = head
            .split("::")
            .map(|part| part.trim().to_owned())
            .filter(|part| !part.is_empty());
        let path: Module = prefix.iter().cloned().chain(parts).collect();
        match inner {
            Some(inner) => flatten(inner, &path, found),
            None => found.push(path),
        }
    }
}

/// The path from the crate's root, where it is one of this crate.
fn absolute(path: &[String], module: &Module) -> Option<Module> {
    let (first, rest) = path.split_first()?;
    match first.as_str() {
        "crate" => Some(rest.to_vec()),
        "self" => Some([module.as_slice(), rest].concat()),
        "super" => {
            let mut module = module.clone();
            module.pop();
            match rest.first().is_some_and(|next| next == "super") {
                true => absolute(rest, &module),
                false => Some([module.as_slice(), rest].concat()),
            }
        }
        _ => None,
    }
}

/// Paths in `use` declarations: those that are re-exported, and the others.
fn declared(file: &File) -> (Vec<Module>, Vec<Module>) {
    let (mut shown, mut used) = (vec![], vec![]);
    for statement in file.code.split_inclusive(';') {
        let Some(at) = statement.rfind("use ").filter(|&at| {
            let before = &statement[..at];
            let line = before.rsplit('\n').next().unwrap_or("").trim();
            line.is_empty() || line == "pub" || line.starts_with("pub(") && line.ends_with(')')
        }) else {
            continue;
        };
        let is_shown = statement[..at]
            .rsplit('\n')
            .next()
            .unwrap_or("")
            .trim()
            .starts_with("pub");
        let mut found = vec![];
        flatten(statement[at + 4..].trim_end_matches(';'), &[], &mut found);
        match is_shown {
            true => shown.extend(found),
            false => used.extend(found),
        }
    }
    (shown, used)
}

/// Paths in expressions and types.
fn inline(file: &File) -> Vec<Module> {
    let mut found = vec![];
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    for root in ["crate::", "super::", "self::"] {
        for (at, _) in file.code.match_indices(root) {
            let before = file.code[..at].chars().next_back();
            if before.is_some_and(|c| is_word(c) || c == ':') {
                continue;
            }
            let end = file.code[at..]
                .find(|c: char| !is_word(c) && c != ':')
                .map_or(file.code.len(), |len| at + len);
            let path = file.code[at..end]
                .split("::")
                .filter(|part| !part.is_empty());
            found.push(path.map(str::to_owned).collect());
        }
    }
    found
}

/// Which file uses which.
fn uses(files: &[File]) -> BTreeMap<&Path, BTreeSet<&Path>> {
    let by_module: BTreeMap<&Module, &File> =
        files.iter().map(|file| (&file.module, file)).collect();
    let mut shown: BTreeMap<Module, Module> = BTreeMap::new();
    for file in files {
        let inner = |path: &Module| match path.first().map(String::as_str) {
            Some("crate" | "self" | "super") => absolute(path, &file.module),
            // `pub use child::Name`.
            _ => Some([file.module.as_slice(), path].concat()),
        };
        for path in declared(file).0 {
            if let (Some(target), Some(name)) = (inner(&path), path.last()) {
                let public = [file.module.as_slice(), std::slice::from_ref(name)].concat();
                if public != target {
                    shown.insert(public, target);
                }
            }
        }
    }
    let resolve = |mut path: Module| {
        for _ in 0..8 {
            let next = (1..=path.len()).find_map(|len| {
                let target = shown.get(&path[..len])?;
                // A module and a function in it may have one name.
                (!by_module.contains_key(&path[..len].to_vec()) || len == path.len())
                    .then(|| [target.as_slice(), &path[len..]].concat())
            });
            match next {
                Some(next) => path = next,
                None => break,
            }
        }
        (0..=path.len())
            .rev()
            .find_map(|len| by_module.get(&path[..len].to_vec()).copied())
    };
    let mut uses: BTreeMap<&Path, BTreeSet<&Path>> = BTreeMap::new();
    for file in files {
        let mut paths = declared(file).1;
        paths.extend(inline(file));
        for path in paths {
            let Some(used) = absolute(&path, &file.module).and_then(resolve) else {
                continue;
            };
            if used.path != file.path && !used.module.is_empty() {
                uses.entry(&file.path).or_default().insert(&used.path);
            }
        }
    }
    uses
}

/// Sets of files of which each uses each, on some way.
fn circles<'a>(uses: &BTreeMap<&'a Path, BTreeSet<&'a Path>>) -> Vec<Vec<&'a Path>> {
    let reach = |from: &'a Path| {
        let (mut seen, mut next) = (BTreeSet::new(), vec![from]);
        while let Some(file) = next.pop() {
            for used in uses.get(file).into_iter().flatten() {
                if seen.insert(*used) {
                    next.push(used);
                }
            }
        }
        seen
    };
    let reached: BTreeMap<&Path, BTreeSet<&Path>> =
        uses.keys().map(|&file| (file, reach(file))).collect();
    let mut found: Vec<Vec<&Path>> = vec![];
    for (&file, all) in &reached {
        if !all.contains(file) || found.iter().any(|circle| circle.contains(&file)) {
            continue;
        }
        let back = |other: &&&Path| reached.get(**other).is_some_and(|all| all.contains(file));
        found.push(all.iter().filter(back).copied().collect());
    }
    found
}

fn folder(path: &Path) -> String {
    let first = path.iter().next().unwrap_or_default().to_string_lossy();
    first.trim_end_matches(".rs").to_owned()
}

fn may_use(user: &str, used: &str) -> bool {
    let level = |folder| FOLDERS.iter().position(|row| row.contains(&folder));
    user == used
        || !APART.contains(&(user, used))
            && matches!((level(user), level(used)), (Some(a), Some(b)) if b < a)
}

fn misplaced(uses: &BTreeMap<&Path, BTreeSet<&Path>>) -> Vec<String> {
    let mut found = vec![];
    for (user, all) in uses {
        if folder(user) == "main" || folder(user) == "lib" {
            continue;
        }
        let wrong = |used: &&&Path| !may_use(&folder(user), &folder(used));
        found.extend(
            all.iter()
                .filter(wrong)
                .map(|used| format!("{} uses {}", user.display(), used.display())),
        );
    }
    found
}

fn src() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

#[test]
fn files_use_each_other_without_circles() {
    let files = read(&src());
    let uses = uses(&files);
    let count: usize = uses.values().map(BTreeSet::len).sum();
    assert!(count > 500, "only {count} uses were found");
    let circles = circles(&uses);
    assert!(circles.is_empty(), "{circles:#?}");
}

#[test]
fn folders_use_lower_folders_only() {
    let files = read(&src());
    let found = misplaced(&uses(&files));
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn finds_circles_and_misplaced_uses() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write("lib.rs", "pub mod run;\npub mod train;\n");
    write(
        "run/mod.rs",
        "mod a;\nmod b;\npub use a::A;\n#[cfg(test)]\nmod checks;\n",
    );
    write(
        "run/a.rs",
        "use super::b::{B, C as D};\n// crate::train::T\n#[cfg(test)]\nmod tests {\n    use crate::train::T;\n}\n",
    );
    write("run/b.rs", "use std::fs;\nfn f(a: super::A) {}\n");
    write("run/checks.rs", "use crate::train::T;\n");
    write(
        "train/mod.rs",
        "use crate::{\n    numeric::N,\n    run::{A, a},\n};\n",
    );
    write("numeric.rs", "fn f() {\n    crate::fs::g();\n}\n");
    write("fs.rs", "");
    let files = read(folder.path());
    let uses = uses(&files);
    let [circle] = &circles(&uses)[..] else {
        panic!("{uses:#?}")
    };
    assert_eq!(circle, &[Path::new("run/a.rs"), Path::new("run/b.rs")]);
    assert_eq!(
        misplaced(&uses),
        ["numeric.rs uses fs.rs", "train/mod.rs uses run/a.rs"]
    );
}

/// Whether a line writes to the disk past `fs::files`, which keeps the promises of a run folder.
fn writes_by_itself(line: &str) -> bool {
    const CALLS: [&str; 10] = [
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
    let begins = |at: usize| !line[..at].ends_with(|c: char| c.is_alphanumeric());
    CALLS
        .iter()
        .any(|call| line.match_indices(call).any(|(at, _)| begins(at)))
}

#[test]
fn one_module_writes_files() {
    let (mut found, mut inside) = (vec![], 0);
    for file in read(&src()) {
        let writing = file.code.lines().filter(|line| writes_by_itself(line));
        if file.path.starts_with("fs/files") || file.path.ends_with("fs/files.rs") {
            inside += writing.count();
        } else if !file.path.ends_with("fs/fault_injection.rs") {
            found.extend(writing.map(|line| format!("{}: {}", file.path.display(), line.trim())));
        }
    }
    assert!(
        inside > 5,
        "only {inside} writing calls were found in `fs::files`"
    );
    assert!(found.is_empty(), "{found:#?}");
}
