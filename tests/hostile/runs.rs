//! Real run folders to be damaged.

use std::fs;
use std::path::{Path, PathBuf};

use runner::run::RunFolder;

use crate::common::{Lab, Session};

/// A run that was stopped in the middle of an epoch: its two checkpoints differ.
pub fn stopped(lab: &Lab) -> PathBuf {
    let before = lab.runs();
    let mut session = Session::spawn(lab.command(&["spec.toml", "--set", "training.epochs=60"]));
    assert!(session.lines(2), "it ended before its second epoch");
    session.signal("INT");
    session.end().with_code(130);
    lab.new_run(&before)
}

/// One of a run's checkpoints.
pub fn file(run: &Path, name: &str) -> PathBuf {
    run.join("checkpoints").join(name)
}

/// What a resume finds: the step of the checkpoint that it takes, and its warning.
pub fn found(run: &Path) -> (u64, Option<String>) {
    let mut folder = RunFolder::open_for_resume(run).unwrap();
    let loaded = folder.load_latest().unwrap().unwrap();
    (loaded.checkpoint.progress.step, loaded.warning)
}

/// The files of a run, to be put back.
pub fn files_of(run: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    walkdir::WalkDir::new(run)
        .into_iter()
        .map(|entry| entry.unwrap().into_path())
        .filter(|path| path.is_file())
        .map(|path| (path.clone(), fs::read(path).unwrap()))
        .collect()
}

/// Makes a run's folder anew from its files.
pub fn restore(run: &Path, files: &[(PathBuf, Vec<u8>)]) {
    fs::remove_dir_all(run).unwrap();
    for (path, bytes) in files {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    fs::create_dir_all(run.join("figures")).unwrap();
}
