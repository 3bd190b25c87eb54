//! Input that was damaged or made to do harm: it is refused with its place and the documented exit code, in bounded memory
//! and time, and nothing is written.

mod checkpoints;
#[path = "../common/mod.rs"]
mod common;
mod corruption;
mod forge;
mod fuzz_inputs;
mod idx;
mod mutate;
mod paths;
mod pictures;
mod run_folders;
mod runs;
mod specs;

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use common::{Ended, Lab, Session};

/// No process that is given bad input takes longer, however busy the machine is.
const PATIENCE: Duration = Duration::from_secs(60);

/// Memory that a process on small bad input may take, in KiB: private and writable, as `ulimit -d` counts it.
pub const LITTLE: u64 = 300 << 10;

/// Runs the program with bounded memory (KiB) and time. Where it asks for more memory it is aborted, and where it
/// takes too long killed; neither is an exit code that a test waits for.
#[track_caller]
pub fn bounded(lab: &Lab, args: &[&str], memory: u64) -> Ended {
    let limited = format!("ulimit -d {memory} && exec \"$@\"");
    let mut command = lab.program("sh");
    command.args(["-c", &limited, "sh", env!("CARGO_BIN_EXE_runner")]);
    command.args(args);
    Session::spawn(command).end_within(PATIENCE)
}

/// Runs `spec.toml`, which has to be refused without anything being written.
#[track_caller]
pub fn refused(lab: &Lab, code: i32, part: &str) -> Ended {
    let before = lab.listing();
    let ended = bounded(lab, &["spec.toml"], LITTLE);
    refusal(&ended, code, part);
    assert_eq!(lab.listing(), before, "something was written");
    ended
}

/// What every refusal has: the exit code, an error that says this, in few words and without a panic, and nothing
/// that a terminal would obey.
#[track_caller]
pub fn refusal(ended: &Ended, code: i32, part: &str) {
    let Ended { stderr, .. } = ended;
    assert_eq!(ended.code, code, "expected {part:?}: {ended:#?}");
    assert!(stderr.contains(part), "no {part:?} in {ended:#?}");
    assert!(stderr.contains("error: "), "{ended:#?}");
    assert!(!stderr.contains("panicked"), "{ended:#?}");
    assert!(stderr.len() < 16_000, "{} bytes of error", stderr.len());
    harmless(ended);
}

/// No control character but line breaks (and carriage returns of nobody) reaches the terminal.
#[track_caller]
pub fn harmless(ended: &Ended) {
    for text in [&ended.stdout, &ended.stderr] {
        let odd = text.chars().find(|&c| c.is_control() && c != '\n');
        assert_eq!(odd, None, "{ended:#?}");
    }
}

/// Everything below a folder: names, kinds, permissions, contents, and where links lead. Two are equal only where
/// nothing was made, changed or removed.
pub fn snapshot(root: &Path) -> Vec<(PathBuf, u32, Vec<u8>, i64)> {
    walkdir::WalkDir::new(root)
        .sort_by_file_name()
        .into_iter()
        .map(|entry| {
            let path = entry.unwrap().into_path();
            let about = fs::symlink_metadata(&path).unwrap();
            let content = if about.is_file() {
                fs::read(&path).unwrap()
            } else if about.is_symlink() {
                fs::read_link(&path)
                    .unwrap()
                    .into_os_string()
                    .into_encoded_bytes()
            } else {
                vec![]
            };
            (
                path,
                about.permissions().mode(),
                content,
                about.mtime_nsec() ^ about.mtime(),
            )
        })
        .collect()
}

/// Makes a pipe that nobody writes to.
pub fn pipe(path: &Path) {
    let status = Command::new("mkfifo").arg(path).status().unwrap();
    assert!(status.success());
}
