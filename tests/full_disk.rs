//! A disk that is really full: a file system of some hundred KiB in memory. The injected faults (`tests/faults`) fail
//! every single operation; here the operating system does it.

#![cfg(target_os = "linux")]

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use common::{Lab, Session, digest, plain};

const NOTHING: [PathBuf; 0] = [];

/// A small file system, as long as it lives.
struct Disk {
    place: PathBuf,
}

impl Disk {
    /// Nothing where this user may not mount one.
    fn new(place: PathBuf, kib: u32) -> Option<Self> {
        fs::create_dir(&place).unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={kib}k"), "tmpfs"])
            .arg(&place)
            .stderr(Stdio::null())
            .status();
        mounted
            .is_ok_and(|status| status.success())
            .then_some(Self { place })
    }

    fn grow(&self, kib: u32) {
        let grown = Command::new("mount")
            .args(["-o", &format!("remount,size={kib}k")])
            .arg(&self.place)
            .status();
        assert!(grown.unwrap().success());
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.place).status();
    }
}

/// Files that a crash would leave and a full disk must not.
fn temporary(folder: &Path) -> Vec<PathBuf> {
    let files = walkdir::WalkDir::new(folder).into_iter();
    files
        .map(|entry| entry.unwrap().into_path())
        .filter(|path| path.extension().is_some_and(|end| end == "tmp"))
        .collect()
}

#[test]
fn resumes_a_run_that_filled_the_disk_to_the_same_bits() {
    // A checkpoint of 100 kB and more: three of them do not fit.
    let spec = plain()
        .replace("[4, 8]", "[8, 16]")
        .replace("epochs = 2", "epochs = 4");
    let undisturbed = Lab::with(&spec);
    let whole = undisturbed.train(&[]);
    let checkpoint = fs::metadata(whole.join("checkpoints/last.safetensors"))
        .unwrap()
        .len();
    let lab = Lab::with(&spec);
    let kib = (checkpoint * 5 / 2 / 1024) as u32;
    let Some(disk) = Disk::new(lab.path().join("disk"), kib) else {
        eprintln!("skipped: this user may not mount a file system");
        return;
    };
    let ended = lab
        .runner(&["spec.toml", "--runs-dir", "disk/runs"])
        .with_code(74);
    assert!(
        ended.stderr.contains("warning: "),
        "no warning beforehand: {ended:#?}"
    );
    assert!(
        ended.stderr.contains("No space left on device"),
        "{ended:#?}"
    );
    assert!(ended.stderr.contains("disk/runs/"), "no path: {ended:#?}");
    let run = fs::read_dir(disk.place.join("runs"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    assert_eq!(temporary(&run), NOTHING);
    // Still full: the same end, and nothing is lost.
    let path = run.display().to_string();
    let before = digest(&run);
    lab.runner(&["resume", &path]).with_code(74);
    assert_eq!(temporary(&run), NOTHING);
    assert_eq!(digest(&run), before);
    disk.grow(kib * 10);
    lab.runner(&["resume", &path]).with_code(0);
    assert_eq!(digest(&run), digest(&whole));
}

/// The same at every size of the disk, from one that holds nothing to one that holds all.
#[test]
fn resumes_whatever_still_fits() {
    let spec = plain();
    let undisturbed = Lab::with(&spec);
    let whole = undisturbed.train(&[]);
    let lab = Lab::with(&spec);
    let Some(disk) = Disk::new(lab.path().join("disk"), 4096) else {
        eprintln!("skipped: this user may not mount a file system");
        return;
    };
    let mut ends = [0, 0];
    for kib in (4..=200).step_by(14) {
        let runs = disk.place.join("runs");
        let _ = fs::remove_dir_all(&runs);
        disk.grow(kib);
        let ended =
            Session::spawn(lab.command(&["spec.toml", "--quiet", "--runs-dir", "disk/runs"])).end();
        assert!([0, 74].contains(&ended.code), "{kib} KiB: {ended:#?}");
        ends[usize::from(ended.code == 0)] += 1;
        assert_eq!(temporary(&disk.place), NOTHING, "{kib} KiB");
        disk.grow(4096);
        let run = fs::read_dir(&runs)
            .ok()
            .and_then(|mut runs| Some(runs.next()?.unwrap().path()));
        let Some(run) = run.filter(|run| run.join("manifest.json").exists()) else {
            continue;
        };
        lab.runner(&["resume", &run.display().to_string(), "--quiet"])
            .with_code(0);
        assert_eq!(digest(&run), digest(&whole), "{kib} KiB");
    }
    assert!(ends.iter().all(|&count| count > 2), "{ends:?}");
}
