//! What the integration tests share: a temporary folder, tiny specs, and the real program with its exit code.

#![allow(dead_code, unused_imports)]

mod files;

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

pub use files::{bars, gzip, idx, picture};
use runner::run::{Checkpoint, LARGEST_FILE, read_checkpoint, state_digest};

/// No process of these tests takes longer, however busy the machine is.
const PATIENCE: Duration = Duration::from_secs(120);

/// Pictures take most of the time of a tiny run; only those tests that look at them draw them.
pub const NO_FIGURES: &str = "
[figures]
loss = false
manifold = false
clusters = false
reconstructions = false
samples = false
";

/// A spec that trains for a tenth of a second, without `[figures]`.
pub fn tiny() -> String {
    "name = \"tiny\"
[data]
dataset = \"sprites\"
count = 300
image_size = 12
[model]
conv_filters = [4, 8]
[training]
epochs = 2
"
    .to_owned()
}

/// [`tiny`], without pictures.
pub fn plain() -> String {
    tiny() + NO_FIGURES
}

/// [`plain`] with other settings, as TOML.
pub fn plain_with(changes: &str) -> String {
    fn merge(into: &mut toml::Table, from: toml::Table) {
        for (key, value) in from {
            match (into.get_mut(&key), value) {
                (Some(toml::Value::Table(into)), toml::Value::Table(from)) => merge(into, from),
                (_, value) => drop(into.insert(key, value)),
            }
        }
    }
    let mut spec: toml::Table = toml::from_str(&plain()).unwrap();
    merge(&mut spec, toml::from_str(changes).unwrap());
    toml::to_string(&spec).unwrap()
}

/// The rows of a table: lines, with ` | ` between cells.
#[track_caller]
pub fn table<const N: usize>(text: &str) -> Vec<[&str; N]> {
    let row = |line| {
        let cells: Vec<&str> = str::split(line, " | ").map(str::trim).collect();
        cells.try_into().unwrap_or_else(|_| panic!("{line}"))
    };
    text.trim().lines().map(row).collect()
}

/// What a process left behind.
#[derive(Clone, Debug)]
pub struct Ended {
    /// Its exit code; minus the signal where one killed it.
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Ended {
    /// Fails unless the exit code is this one.
    #[track_caller]
    pub fn with_code(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:#?}");
        self
    }

    /// Fails unless stderr has this text.
    #[track_caller]
    pub fn says(&self, text: &str) -> &Self {
        assert!(self.stderr.contains(text), "no {text:?} in {self:#?}");
        self
    }

    /// Fails unless stdout has this text.
    #[track_caller]
    pub fn prints(&self, text: &str) -> &Self {
        assert!(self.stdout.contains(text), "no {text:?} in {self:#?}");
        self
    }
}

/// A folder of its own for a test.
pub struct Lab {
    folder: tempfile::TempDir,
}

impl Lab {
    pub fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// One in memory where the system has such a place, for tests that wait for much that no disk decides.
    pub fn in_memory() -> Self {
        let memory = Path::new("/dev/shm");
        Self {
            folder: tempfile::tempdir_in(memory)
                .or_else(|_| tempfile::tempdir())
                .unwrap(),
        }
    }

    /// A lab with [`plain`] as `spec.toml`.
    pub fn with(spec: &str) -> Self {
        let lab = Self::new();
        lab.write("spec.toml", spec);
        lab
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    /// `runner` with arguments.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = self.program(env!("CARGO_BIN_EXE_runner"));
        command.args(args);
        command
    }

    /// A program, in the lab's folder, away from what the user's surroundings hold.
    pub fn program(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(self.path())
            .env_remove("RUNNER_DATA_DIR")
            .env("HOME", self.path())
            .env("XDG_CACHE_HOME", self.path().join("cache"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs the program to its end.
    pub fn runner(&self, args: &[&str]) -> Ended {
        Session::spawn(self.command(args)).end()
    }

    /// Runs a command on a folder.
    pub fn on(&self, folder: &Path, command: &str, more: &[&str]) -> Ended {
        self.runner(&[&[command, folder.to_str().unwrap()], more].concat())
    }

    /// Trains `spec.toml` and gives its folder.
    #[track_caller]
    pub fn train(&self, args: &[&str]) -> PathBuf {
        let mut all = vec!["spec.toml", "--quiet"];
        all.extend(args);
        let before = self.runs();
        let ended = self.runner(&all);
        assert_eq!(ended.code, 0, "{ended:#?}");
        self.new_run(&before)
    }

    /// The run folders in `runs`, by name.
    pub fn runs(&self) -> Vec<PathBuf> {
        folders(&self.path().join("runs"))
    }

    /// The one run folder that was not there before.
    #[track_caller]
    pub fn new_run(&self, before: &[PathBuf]) -> PathBuf {
        let mut new = self.runs();
        new.retain(|run| !before.contains(run));
        assert_eq!(new.len(), 1, "{new:?}");
        new.remove(0)
    }

    /// Every file and folder below the lab, relative to it.
    pub fn listing(&self) -> Vec<String> {
        listing(self.path())
    }
}

/// A process under way, whose stdout is read line by line.
pub struct Session {
    child: Child,
    stdout: BufReader<ChildStdout>,
    seen: String,
    started: Instant,
}

impl Session {
    pub fn spawn(mut command: Command) -> Self {
        let mut child = command.spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        Self {
            child,
            stdout,
            seen: String::new(),
            started: Instant::now(),
        }
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it is still under way.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// Waits for so many lines on stdout; false where it ended before.
    pub fn lines(&mut self, count: usize) -> bool {
        (0..count).all(|_| self.stdout.read_line(&mut self.seen).unwrap() > 0)
    }

    /// Waits until a file holds a text; false where the process ended before.
    pub fn until(&mut self, path: &Path, holds: impl Fn(&str) -> bool) -> bool {
        while self.started.elapsed() < PATIENCE {
            if fs::read_to_string(path).is_ok_and(|text| holds(&text)) {
                return true;
            }
            if self.child.try_wait().unwrap().is_some() {
                return false;
            }
            std::thread::sleep(Duration::from_micros(300));
        }
        panic!("{} never held what was waited for", path.display());
    }

    /// Sends a signal by its name: `INT`, `TERM`, `KILL`, `STOP`, `CONT`.
    pub fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.child.id());
        let status = Command::new("sh").args(["-c", &kill]).status().unwrap();
        assert!(status.success(), "{kill}");
    }

    /// Waits for its end.
    #[track_caller]
    pub fn end(self) -> Ended {
        self.end_within(4 * PATIENCE)
    }

    /// Waits for its end, and fails where that does not come.
    #[track_caller]
    pub fn end_within(mut self, time: Duration) -> Ended {
        fn read(mut from: impl Read + Send + 'static) -> JoinHandle<String> {
            std::thread::spawn(move || {
                let mut bytes = vec![];
                from.read_to_end(&mut bytes).unwrap();
                String::from_utf8_lossy(&bytes).into_owned()
            })
        }
        let stderr = read(self.child.stderr.take().unwrap());
        let stdout = read(self.stdout);
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            if self.started.elapsed() > time {
                self.child.kill().unwrap();
                self.child.wait().unwrap();
                panic!("process {} was still at it after {time:?}", self.child.id());
            }
            std::thread::sleep(Duration::from_millis(1));
        };
        Ended {
            code: code(status),
            stdout: self.seen + &stdout.join().unwrap(),
            stderr: stderr.join().unwrap(),
        }
    }
}

fn code(status: std::process::ExitStatus) -> i32 {
    use std::os::unix::process::ExitStatusExt;
    status
        .code()
        .unwrap_or_else(|| -status.signal().unwrap_or(0))
}

/// Numbers to vary a test with: the same ones in every run of it.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// From 0 to `n - 1` (splitmix64).
    pub fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % n
    }

    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len() as u64) as usize]
    }
}

pub fn folders(path: &Path) -> Vec<PathBuf> {
    let mut all: Vec<_> = fs::read_dir(path)
        .into_iter()
        .flatten()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .collect();
    all.sort();
    all
}

/// Every file and folder below a folder, relative to it, sorted.
pub fn listing(root: &Path) -> Vec<String> {
    let mut all: Vec<_> = walkdir::WalkDir::new(root)
        .min_depth(1)
        .into_iter()
        .map(|entry| {
            let entry = entry.unwrap();
            let path = entry.path().strip_prefix(root).unwrap();
            path.to_string_lossy().into_owned()
        })
        .collect();
    all.sort();
    all
}

/// Copies a folder with all that is in it.
pub fn copy_folder(from: &Path, to: &Path) {
    for entry in walkdir::WalkDir::new(from) {
        let entry = entry.unwrap();
        let target = to.join(entry.path().strip_prefix(from).unwrap());
        if entry.file_type().is_dir() {
            fs::create_dir_all(target).unwrap();
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

pub fn checkpoint(run: &Path, name: &str) -> Checkpoint {
    read_checkpoint(&run.join("checkpoints").join(name), LARGEST_FILE).unwrap()
}

/// Digest of everything that training decides.
pub fn digest(run: &Path) -> String {
    state_digest(&checkpoint(run, "last.safetensors"))
}

pub fn manifest(run: &Path) -> serde_json::Value {
    serde_json::from_slice(&fs::read(run.join("manifest.json")).unwrap()).unwrap()
}
