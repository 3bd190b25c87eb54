//! Whatever happens to the files of the checkpoints, the newest whole one is found and never lost.

use std::fs;

use super::*;
use crate::fs::files;
use crate::run::checkpoint::tests::example;
use crate::run::state_digest;
use crate::run::tensor_file::LARGEST_FILE;

struct Folder {
    folder: tempfile::TempDir,
}

impl Folder {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// As a process that has just started sees the folder.
    fn open(&self) -> Checkpoints {
        Checkpoints::new(self.folder.path().to_owned(), LARGEST_FILE)
    }

    fn names(&self) -> Vec<String> {
        let name = |path: PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
        files::list(self.folder.path())
            .unwrap()
            .into_iter()
            .map(name)
            .collect()
    }

    fn step_of(&self, name: &str) -> u64 {
        read_checkpoint(&self.path(name), LARGEST_FILE)
            .unwrap()
            .progress
            .step
    }

    fn damage(&self, name: &str) {
        let mut bytes = fs::read(self.path(name)).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 4;
        fs::write(self.path(name), bytes).unwrap();
    }
}

fn at_step(step: u64) -> Checkpoint {
    let mut checkpoint = example();
    checkpoint.progress.step = step;
    checkpoint.weights[0].data[0] = step as f32;
    checkpoint
}

fn step(loaded: &Loaded) -> u64 {
    loaded.checkpoint.progress.step
}

#[test]
fn keeps_the_last_two_and_the_best() {
    let folder = Folder::new();
    let mut checkpoints = folder.open();
    checkpoints.commit(&at_step(1), false).unwrap();
    assert_eq!(folder.names(), [LAST]);
    checkpoints.commit(&at_step(2), true).unwrap();
    for step in 3..6 {
        checkpoints.commit(&at_step(step), false).unwrap();
    }
    assert_eq!(folder.names(), [BEST, LAST, PREVIOUS]);
    assert_eq!(
        [BEST, LAST, PREVIOUS].map(|name| folder.step_of(name)),
        [2, 5, 4]
    );
    let loaded = folder.open().load_latest().unwrap().unwrap();
    assert_eq!((step(&loaded), loaded.warning), (5, None));
    assert_eq!(state_digest(&loaded.checkpoint), state_digest(&at_step(5)));
}

#[test]
fn keeps_each_file_separate() {
    let folder = Folder::new();
    let mut checkpoints = folder.open();
    checkpoints.commit(&at_step(1), true).unwrap();
    checkpoints.commit(&at_step(2), true).unwrap();
    folder.damage(LAST);
    assert_eq!([BEST, PREVIOUS].map(|name| folder.step_of(name)), [2, 1]);
}

#[test]
fn loads_nothing_from_an_empty_folder() {
    let folder = Folder::new();
    assert_eq!(folder.open().load_latest().unwrap(), None);
    fs::write(folder.path("last.safetensors.tmp"), b"half").unwrap();
    assert_eq!(folder.open().load_latest().unwrap(), None);
}

#[test]
fn falls_back_from_a_half_written_checkpoint_with_a_warning() {
    let folder = Folder::new();
    let mut checkpoints = folder.open();
    checkpoints.commit(&at_step(1), false).unwrap();
    checkpoints.commit(&at_step(2), false).unwrap();
    let whole = fs::read(folder.path(LAST)).unwrap();
    fs::write(folder.path(LAST), &whole[..whole.len() / 2]).unwrap();
    let loaded = folder.open().load_latest().unwrap().unwrap();
    assert_eq!((step(&loaded), &loaded.path), (1, &folder.path(PREVIOUS)));
    let warning = loaded.warning.unwrap();
    for part in [
        "last.safetensors` is damaged: ",
        "; going on from `",
        "previous.safetensors` (epoch 4, step 17)",
    ] {
        assert!(warning.contains(part), "{warning}");
    }
}

#[test]
fn falls_back_from_damage_in_any_of_2000_places() {
    let folder = Folder::new();
    let mut checkpoints = folder.open();
    checkpoints.commit(&at_step(1), false).unwrap();
    checkpoints.commit(&at_step(2), false).unwrap();
    let whole = fs::read(folder.path(LAST)).unwrap();
    for i in 0..2_000 {
        let mut bytes = whole.clone();
        let position = i * whole.len() / 2_000;
        bytes[position] ^= 1 << (i % 8);
        fs::write(folder.path(LAST), bytes).unwrap();
        let loaded = folder.open().load_latest().unwrap().unwrap();
        assert_eq!(step(&loaded), 1, "byte {position}");
        assert!(loaded.warning.is_some());
    }
}

/// The damaged one must not take the place of the whole one, or the next crash would cost both.
#[test]
fn never_keeps_a_damaged_checkpoint_as_the_previous_one() {
    for looked_first in [true, false] {
        let folder = Folder::new();
        let mut checkpoints = folder.open();
        checkpoints.commit(&at_step(1), false).unwrap();
        checkpoints.commit(&at_step(2), false).unwrap();
        folder.damage(LAST);
        let mut checkpoints = folder.open();
        if looked_first {
            checkpoints.load_latest().unwrap();
        }
        checkpoints.commit(&at_step(3), false).unwrap();
        assert_eq!([LAST, PREVIOUS].map(|name| folder.step_of(name)), [3, 1]);
        checkpoints.commit(&at_step(4), false).unwrap();
        assert_eq!([LAST, PREVIOUS].map(|name| folder.step_of(name)), [4, 3]);
    }
}

#[test]
fn falls_back_from_a_missing_checkpoint_with_a_warning() {
    let folder = Folder::new();
    let mut checkpoints = folder.open();
    checkpoints.commit(&at_step(1), false).unwrap();
    checkpoints.commit(&at_step(2), false).unwrap();
    fs::remove_file(folder.path(LAST)).unwrap();
    let mut checkpoints = folder.open();
    let loaded = checkpoints.load_latest().unwrap().unwrap();
    assert_eq!(step(&loaded), 1);
    assert!(loaded.warning.unwrap().contains("No such file"));
    checkpoints.commit(&at_step(2), false).unwrap();
    assert_eq!([LAST, PREVIOUS].map(|name| folder.step_of(name)), [2, 1]);
}

#[test]
fn names_both_damaged_checkpoints() {
    let folder = Folder::new();
    let mut checkpoints = folder.open();
    checkpoints.commit(&at_step(1), false).unwrap();
    checkpoints.commit(&at_step(2), false).unwrap();
    folder.damage(LAST);
    folder.damage(PREVIOUS);
    let error = folder.open().load_latest().unwrap_err();
    assert_eq!(error.exit_code(), 65);
    let text = error.to_string();
    assert!(
        text.contains("last.safetensors` is damaged")
            && text.contains("previous.safetensors` is damaged"),
        "{text}"
    );
    // A run whose only checkpoint is damaged does not start from the beginning by itself.
    fs::remove_file(folder.path(PREVIOUS)).unwrap();
    assert!(matches!(
        folder.open().load_latest(),
        Err(RunError::NoCheckpoint { .. })
    ));
}

/// The states of the table in `fs::files`, and what a commit or a load makes of each.
#[test]
fn loads_after_a_kill_at_any_moment_of_a_commit() {
    let prepared = || {
        let folder = Folder::new();
        let mut checkpoints = folder.open();
        for step in 1..4 {
            checkpoints.commit(&at_step(step), false).unwrap();
        }
        let kept = fs::read(folder.path(PREVIOUS)).unwrap();
        (folder, kept)
    };
    // Killed with half of the new file written.
    let (folder, _) = prepared();
    fs::write(folder.path("last.safetensors.tmp"), b"half").unwrap();
    assert_eq!(step(&folder.open().load_latest().unwrap().unwrap()), 3);
    folder.open().commit(&at_step(4), false).unwrap();
    assert_eq!([LAST, PREVIOUS].map(|name| folder.step_of(name)), [4, 3]);
    // Killed when the last one had its second name already.
    let (folder, _) = prepared();
    fs::hard_link(folder.path(LAST), folder.path("previous.safetensors.tmp")).unwrap();
    assert_eq!(step(&folder.open().load_latest().unwrap().unwrap()), 3);
    folder.open().commit(&at_step(4), false).unwrap();
    assert_eq!([LAST, PREVIOUS].map(|name| folder.step_of(name)), [4, 3]);
    // Killed between the two renames: `last` is 3, `previous` is still 1.
    let (folder, kept) = prepared();
    fs::rename(
        folder.path(PREVIOUS),
        folder.path("previous.safetensors.tmp"),
    )
    .unwrap();
    fs::write(folder.path(PREVIOUS), kept).unwrap();
    assert_eq!(step(&folder.open().load_latest().unwrap().unwrap()), 3);
    folder.open().commit(&at_step(4), false).unwrap();
    assert_eq!([LAST, PREVIOUS].map(|name| folder.step_of(name)), [4, 3]);
    assert_eq!(folder.names(), [LAST, PREVIOUS]);
}

#[test]
fn keeps_the_last_checkpoint_when_a_commit_cannot_write() {
    let folder = Folder::new();
    let mut checkpoints = folder.open();
    checkpoints.commit(&at_step(1), false).unwrap();
    // A folder under the temporary name cannot be removed as a file, also not by root.
    fs::create_dir(folder.path("last.safetensors.tmp")).unwrap();
    let error = checkpoints.commit(&at_step(2), false).unwrap_err();
    assert_eq!(error.exit_code(), 74);
    assert!(
        error.to_string().contains("last.safetensors.tmp`"),
        "{error}"
    );
    assert_eq!(folder.step_of(LAST), 1);
    fs::remove_dir(folder.path("last.safetensors.tmp")).unwrap();
    checkpoints.commit(&at_step(2), false).unwrap();
    assert_eq!([LAST, PREVIOUS].map(|name| folder.step_of(name)), [2, 1]);
}
