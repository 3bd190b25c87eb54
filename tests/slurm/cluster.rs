//! A cluster for a test, and what the tests share.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::common::{self, Ended, Lab, Session, digest, plain_with};

pub const PATIENCE: Duration = Duration::from_secs(240);

/// One cluster at a time: the ports are the same.
pub fn one() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

pub struct Cluster {
    folder: tempfile::TempDir,
    conf: String,
}

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/slurm/cluster.sh")
}

impl Cluster {
    /// So many nodes, each of which says that it has so many processors.
    pub fn start(nodes: usize, processors: Option<usize>) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new(script());
        command.arg("up").arg(folder.path()).arg(nodes.to_string());
        if let Some(processors) = processors {
            command.env("SLURM_TEST_CPUS", processors.to_string());
        }
        let up = command.output().unwrap();
        let said = String::from_utf8_lossy(&up.stdout).into_owned();
        match said.trim().strip_prefix("SLURM_CONF=") {
            Some(conf) => Some(Self {
                conf: conf.to_owned(),
                folder,
            }),
            None => {
                eprintln!(
                    "skipped, no Slurm here: {}",
                    String::from_utf8_lossy(&up.stderr)
                );
                None
            }
        }
    }

    /// Does something to a node: `lose`, `start`, or `in` with a command.
    #[track_caller]
    pub fn node(&self, verb: &str, node: &str, more: &[&str]) {
        let mut command = Command::new(script());
        command.arg(verb).arg(self.folder.path()).arg(node);
        let output = command.args(more).output().unwrap();
        assert!(
            output.status.success(),
            "{verb} {node} {more:?}: {output:?}"
        );
    }

    /// What a command of Slurm says.
    pub fn ask(&self, command: &str) -> String {
        let mut words = command.split(' ');
        let output = Command::new(words.next().unwrap())
            .args(words)
            .env("SLURM_CONF", &self.conf)
            .output()
            .unwrap();
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    pub fn runner(&self, lab: &Lab, args: &[&str]) -> Ended {
        let mut command = lab.command(args);
        command.env("SLURM_CONF", &self.conf);
        Session::spawn(command).end()
    }

    /// What `runner status` prints of the sweep.
    #[track_caller]
    pub fn status(&self, lab: &Lab) -> String {
        let ended = self.runner(lab, &["status", "runs/many.sweep"]);
        ended.with_code(0).stdout
    }

    /// Jobs of the running tasks.
    pub fn running(&self) -> Vec<String> {
        let text = self.ask("squeue -h -r -t R -o %A");
        text.lines().map(str::to_owned).collect()
    }

    #[track_caller]
    pub fn wait_until(&self, what: &str, is_so: impl Fn() -> bool) {
        let started = Instant::now();
        while !is_so() {
            let queue = self.ask("squeue -r");
            assert!(started.elapsed() < PATIENCE, "{what}: {queue}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    #[track_caller]
    pub fn wait_until_empty(&self) {
        self.wait_until("the queue is not empty", || {
            self.ask("squeue -h -r -o %A").is_empty()
        });
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let _ = Command::new("scancel")
            .args(["-u", "root", "--signal=KILL"])
            .env("SLURM_CONF", &self.conf)
            .status();
        let _ = Command::new(script())
            .arg("down")
            .arg(self.folder.path())
            .status();
    }
}

/// Two trials a seed, each of which takes some seconds.
pub fn spec(epochs: u32, seeds: &str) -> String {
    plain_with(&format!(
        "name = \"many\"
        data = {{ count = 200, image_size = 10 }}
        model.conv_filters = [3]
        training = {{ epochs = {epochs}, batch_size = 20 }}
        sweep.over = {{ \"model.latent_dim\" = [2, 3], seed = {seeds} }}
        launcher.slurm.cpus = 1"
    ))
}

/// A lab with a spec, in memory: each epoch waits for its checkpoint to be on the disk.
pub fn lab(spec: &str) -> Lab {
    let lab = Lab::in_memory();
    lab.write("spec.toml", spec);
    lab
}

/// Runs the spec of a lab without Slurm; gives what [`ends`] does.
#[track_caller]
pub fn locally(lab: &Lab) -> BTreeMap<String, String> {
    let local = ["spec.toml", "--launcher", "local", "--jobs", "2", "--quiet"];
    let args = [&local[..], &["--runs-dir", "local"]].concat();
    lab.runner(&args).with_code(0);
    ends(&lab.path().join("local/many.sweep"))
}

/// The state of every trial of a sweep, by the name of its folder.
#[track_caller]
pub fn ends(sweep: &Path) -> BTreeMap<String, String> {
    let mut ends = BTreeMap::new();
    for entry in std::fs::read_dir(sweep).unwrap() {
        let path = entry.unwrap().path();
        if path.join("manifest.json").exists() {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            assert_eq!(common::manifest(&path)["status"], "completed", "{name}");
            ends.insert(name, digest(&path));
        }
    }
    ends
}
