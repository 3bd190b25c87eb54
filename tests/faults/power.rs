//! Power cuts: what a process did to its files is recorded, and then cut off at some operation, with what was not
//! brought to the disk by then lost, kept in part, or kept in another order. (A kill loses nothing of that: the system
//! still has it. So a missing fsync shows only here.)
//!
//! The disk of these tests guarantees two things only: what an fsync of a file returned for is in the file, and the
//! changes of names that an fsync of a folder returned for are in the folder. A rename is in it as a whole or not at
//! all.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::common::{Dice, Lab};
use crate::trace::{Traced, read};
use crate::{SPEC, assert_promises, copied, digest, each, run_of, with_faults};

/// What a name stands for: a folder, or the number of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Entry {
    Folder,
    File(usize),
}

#[derive(Clone, Debug, Default)]
struct Content {
    now: Vec<u8>,
    /// Length up to which it is on the disk.
    synced: usize,
}

/// A change of names in one folder, on the disk as a whole or not at all.
#[derive(Clone, Debug)]
struct Change {
    folder: PathBuf,
    names: Vec<(PathBuf, Option<Entry>)>,
}

#[derive(Clone, Debug, Default)]
struct Disk {
    files: Vec<Content>,
    /// As the process sees them.
    seen: BTreeMap<PathBuf, Entry>,
    /// As they would be after a power cut that loses all it can.
    kept: BTreeMap<PathBuf, Entry>,
    pending: Vec<Change>,
    /// Epochs that somebody was told of.
    told: u32,
}

impl Disk {
    /// What is in a folder now, all of it on the disk.
    fn of(root: &Path) -> Self {
        let mut disk = Self::default();
        for entry in walkdir::WalkDir::new(root) {
            let entry = entry.unwrap();
            let kept = if entry.file_type().is_dir() {
                Entry::Folder
            } else {
                let now = fs::read(entry.path()).unwrap();
                let synced = now.len();
                disk.files.push(Content { now, synced });
                Entry::File(disk.files.len() - 1)
            };
            disk.kept.insert(entry.into_path(), kept);
        }
        disk.seen = disk.kept.clone();
        disk
    }

    /// An operation of the process.
    fn does(&mut self, it: &Traced) {
        // Written in place, and nothing depends on them.
        let is_in_place = |path: &Path| path.ends_with("log.txt") || path.ends_with("lock");
        if !it.is_done || is_in_place(&it.path) {
            return;
        }
        match it.kind.as_str() {
            "Told" => self.told = self.told.max(it.path.to_str().map_or(0, number)),
            "CreateFolder" => self.change(&[(&it.path, Some(Entry::Folder))]),
            "Create" => {
                self.files.push(Content::default());
                self.change(&[(&it.path, Some(Entry::File(self.files.len() - 1)))]);
            }
            "Write" => {
                // A file is written under its temporary name.
                let name = format!("{}.tmp", it.path.display());
                let Some(Entry::File(file)) = self.seen.get(Path::new(&name)) else {
                    panic!("{} is written in place", it.path.display());
                };
                self.files[*file].now.extend(it.bytes.as_ref().unwrap());
            }
            "Sync" => match self.seen.get(&it.path) {
                Some(Entry::File(file)) => {
                    self.files[*file].synced = self.files[*file].now.len();
                }
                _ => self.sync_folder(&it.path),
            },
            "Rename" => {
                let moved = self.seen[&it.path];
                self.change(&[(&it.path, None), (&it.to, Some(moved))]);
            }
            "Link" => {
                let linked = self.seen[&it.path];
                self.change(&[(&it.to, Some(linked))]);
            }
            "Remove" => self.change(&[(&it.path, None)]),
            "Open" | "Read" | "List" | "Lock" => {}
            other => panic!("{other} is not known here"),
        }
    }

    fn change(&mut self, names: &[(&PathBuf, Option<Entry>)]) {
        let names: Vec<_> = names.iter().map(|&(name, to)| (name.clone(), to)).collect();
        apply(&mut self.seen, &names);
        let folder = names[0].0.parent().unwrap().to_owned();
        self.pending.push(Change { folder, names });
    }

    fn sync_folder(&mut self, folder: &Path) {
        for change in self
            .pending
            .extract_if(.., |change| change.folder == folder)
        {
            apply(&mut self.kept, &change.names);
        }
    }

    /// Cuts the power, and lays out in `to` what is on the disk then.
    fn cut(mut self, dice: &mut Dice, from: &Path, to: &Path) {
        // Nothing, everything, or some of what was not brought to the disk is there all the same.
        let mood = dice.below(4);
        let luck = |dice: &mut Dice| match mood {
            0 => false,
            1 => true,
            _ => dice.below(2) == 0,
        };
        let mut survivors: Vec<_> = self.pending.drain(..).filter(|_| luck(dice)).collect();
        if mood == 3 {
            for i in (1..survivors.len()).rev() {
                survivors.swap(i, dice.below(i as u64 + 1) as usize);
            }
        }
        for change in survivors {
            apply(&mut self.kept, &change.names);
        }
        let mut folders = BTreeSet::from([from.to_owned()]);
        for (path, entry) in &self.kept {
            if path == from || !folders.contains(path.parent().unwrap()) {
                continue;
            }
            let target = to.join(path.strip_prefix(from).unwrap());
            match *entry {
                Entry::Folder => {
                    folders.insert(path.clone());
                    fs::create_dir_all(target).unwrap();
                }
                Entry::File(file) => {
                    let Content { now, synced } = &self.files[file];
                    let mut bytes = now.clone();
                    if *synced < now.len() && !luck(dice) {
                        let rest = (now.len() - synced) as u64;
                        let length = synced + dice.below(rest + 1) as usize;
                        match dice.below(3) {
                            0 => bytes.truncate(*synced),
                            1 => bytes.truncate(length),
                            _ => bytes[length..].fill(0),
                        }
                    }
                    fs::write(target, bytes).unwrap();
                }
            }
        }
    }
}

fn number(text: &str) -> u32 {
    text.rsplit('/').next().unwrap().parse().unwrap()
}

fn apply(names: &mut BTreeMap<PathBuf, Entry>, changes: &[(PathBuf, Option<Entry>)]) {
    for (name, to) in changes {
        match to {
            Some(entry) => names.insert(name.clone(), *entry),
            None => names.remove(name),
        };
    }
}

/// Cuts the power at so many moments of what a process did to a lab.
fn cuts(before: &Disk, lab: &Lab, told: u32, traced: &[Traced], count: u64, end: &str) {
    // What only reads changes nothing.
    let moments: Vec<usize> = (0..=traced.len())
        .filter(|&at| at == 0 || !["Open", "Read", "List", "Lock"].contains(&&*traced[at - 1].kind))
        .collect();
    each(count as usize, 0..count, |i| {
        let mut dice = Dice::new(0x0FF_0FF + i);
        let at = moments[i as usize * (moments.len() - 1) / (count as usize - 1)];
        let mut disk = before.clone();
        traced[..at].iter().for_each(|it| disk.does(it));
        let told = told.max(disk.told);
        let what = format!(
            "cut {i} behind {:?}",
            at.checked_sub(1).map(|at| &traced[at])
        );
        let new = Lab::new();
        disk.cut(&mut dice, lab.path(), new.path());
        assert_promises(&new, told, end, &what);
    });
}

#[test]
fn leaves_the_old_or_the_new_checkpoint_after_a_power_cut() {
    let lab = Lab::with(SPEC);
    let trace = tempfile::tempdir().unwrap();
    let before = Disk::of(lab.path());
    with_faults(&lab, "", Some(trace.path()), &["spec.toml"]).with_code(0);
    let end = digest(&run_of(&lab).unwrap());
    let traced = read(trace.path());
    assert_eq!(traced.iter().filter(|it| it.kind == "Told").count(), 2);
    cuts(&before, &lab, 0, &traced, 140, &end);

    // A resumed run has earlier checkpoints, which it could lose.
    let lab = Lab::with(SPEC);
    with_faults(&lab, "sigterm@step:4", None, &["spec.toml"]).with_code(143);
    let (lab, run) = copied(&run_of(&lab).unwrap());
    let trace = tempfile::tempdir().unwrap();
    let before = Disk::of(lab.path());
    let path = run.display().to_string();
    with_faults(&lab, "", Some(trace.path()), &["resume", &path]).with_code(0);
    assert_eq!(digest(&run), end);
    cuts(&before, &lab, 1, &read(trace.path()), 60, &end);
}

/// The disk of these tests is worse than a real one only where it may be.
#[test]
fn keeps_only_what_was_synced() {
    let root = PathBuf::from("/r");
    let mut disk = Disk::default();
    disk.kept.insert(root.clone(), Entry::Folder);
    disk.seen = disk.kept.clone();
    let mut does = |kind: &str, path: &str, to: &str, bytes: &str| {
        disk.does(&Traced {
            number: 1,
            kind: kind.to_owned(),
            path: path.into(),
            to: to.into(),
            bytes: (!bytes.is_empty()).then(|| bytes.into()),
            is_done: true,
        });
    };
    does("Create", "/r/a.tmp", "", "");
    does("Write", "/r/a", "", "synced");
    does("Sync", "/r/a.tmp", "", "");
    does("Rename", "/r/a.tmp", "/r/a", "");
    does("Sync", "/r", "", "");
    does("Create", "/r/b.tmp", "", "");
    does("Write", "/r/b", "", "not synced");
    does("Rename", "/r/b.tmp", "/r/b", "");
    let (mut without, mut half) = (0, 0);
    for seed in 0..100 {
        let lab = Lab::new();
        disk.clone().cut(&mut Dice::new(seed), &root, lab.path());
        assert_eq!(fs::read(lab.path().join("a")).unwrap(), b"synced");
        match fs::read(lab.path().join("b")) {
            Err(_) => without += 1,
            Ok(bytes) if bytes != b"not synced" => half += 1,
            Ok(_) => {}
        }
    }
    assert!(without > 10 && half > 10, "{without}, {half}");
}
