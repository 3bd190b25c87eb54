//! How long many runs take to report, and how much memory: `cargo bench --bench reports`.
//!
//! Makes folders of 100 epochs each, among them one that is corrupt, one half-written, one from a newer version and a
//! loop of symbolic links, and runs the real program on them, three times each: the time is the best one, the memory
//! the most. The files are in the system's memory, as they are after a sweep. Fails where 1,000 runs take more than 1.5 s, 10,000 more than 15 s, or either 500 MB.

#[path = "../tests/report/made.rs"]
mod made;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use made::{Made, epoch};

const EPOCHS: u32 = 100;
const MOST_MEGABYTES: u64 = 500;
/// How often each question is asked.
const ROUNDS: usize = 3;
/// Number of runs, and the seconds that a report of them may take.
const SIZES: [(usize, f64); 2] = [(1_000, 1.5), (10_000, 15.0)];
/// What is asked; the first is held to the limit of time.
const QUESTIONS: [&[&str]; 5] = [
    &["report"],
    &["list"],
    &[
        "report",
        "--by",
        "model.latent_dim",
        "--where",
        "loss < 1000",
    ],
    &["report", "--format", "html", "--out", "report.html"],
    &[
        "report",
        "--table",
        "epochs",
        "--format",
        "parquet",
        "--out",
        "epochs.parquet",
    ],
];

fn main() -> ExitCode {
    let lab = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let mut all_well = true;
    println!(
        "{:>6}  {:>8}  {:>7}  {:>8}  {:>6}  command",
        "runs", "s", "at most", "cpu s", "MB"
    );
    for (count, most_seconds) in SIZES {
        let folder = lab.path().join(count.to_string());
        make(&folder.join("runs"), count);
        for (at, question) in QUESTIONS.into_iter().enumerate() {
            let seen: Vec<Seen> = (0..ROUNDS)
                .map(|_| measure(&folder, question, count))
                .collect();
            let time = seen
                .iter()
                .map(|it| it.time)
                .min()
                .unwrap_or_default()
                .as_secs_f64();
            let cpu = seen
                .iter()
                .map(|it| it.cpu_seconds)
                .fold(f64::INFINITY, f64::min);
            let megabytes = seen.iter().map(|it| it.megabytes).max().unwrap_or(0);
            let limit = if at == 0 { most_seconds } else { f64::INFINITY };
            all_well &= time <= limit && megabytes <= MOST_MEGABYTES;
            let shown = if at == 0 {
                limit.to_string()
            } else {
                String::new()
            };
            println!(
                "{count:>6}  {time:>8.2}  {shown:>7}  {cpu:>8.2}  {megabytes:>6}  runner {}",
                question.join(" ")
            );
        }
        fs::remove_dir_all(&folder).unwrap();
    }
    match all_well {
        true => ExitCode::SUCCESS,
        false => {
            println!("above a limit: {MOST_MEGABYTES} MB, or the seconds of that row");
            ExitCode::FAILURE
        }
    }
}

/// `count` good runs and four that are none. Written once a latent size and then copied, since the disk's syncs would
/// take an hour.
fn make(runs: &Path, count: usize) {
    let models: Vec<PathBuf> = [2, 4, 8, 16, 32]
        .into_iter()
        .map(|latent| {
            let history = (1..=EPOCHS).map(|at| {
                epoch(
                    at,
                    250.0 + 50.0 / f64::from(at) - f64::from(latent) / 7.0,
                    4.0,
                )
            });
            let settings = format!("model.latent_dim={latent}");
            Made::new(&[&settings, "training.epochs=100"], history.collect())
                .make(&runs.with_file_name("models"))
        })
        .collect();
    for at in 0..count {
        let name = format!(
            "202611{:02}-{:02}{:02}{:02}_made_{at:04x}",
            1 + at % 28,
            at % 24,
            at % 60,
            at / 60 % 60
        );
        copy(&models[at % models.len()], &runs.join(name));
    }
    let broken = |name: &str| {
        let path = runs.join(format!("20200101-000000_{name}_0000"));
        copy(&models[0], &path);
        path
    };
    fs::write(
        broken("corrupt").join("checkpoints/last.safetensors"),
        "no tensors",
    )
    .unwrap();
    fs::write(
        broken("half").join("manifest.json"),
        "{\"format_version\": 1,",
    )
    .unwrap();
    fs::write(
        broken("newer").join("manifest.json"),
        "{\"format_version\": 9}",
    )
    .unwrap();
    let link = runs.join("20200101-000000_loop_0000");
    std::os::unix::fs::symlink(&link, &link).unwrap();
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        match path.is_dir() {
            true => copy(&path, &target),
            false => {
                fs::copy(&path, &target).unwrap();
            }
        }
    }
}

/// What a process took.
struct Seen {
    /// From its start to its end.
    time: Duration,
    /// On all cores together, to a hundredth: on a busy machine this is what a free one would need on one core.
    cpu_seconds: f64,
    megabytes: u64,
}

fn measure(folder: &Path, args: &[&str], count: usize) -> Seen {
    let started = Instant::now();
    let mut child = Command::new(env!("CARGO_BIN_EXE_runner"))
        .args(args)
        .current_dir(folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let status = format!("/proc/{}/status", child.id());
    let stat = format!("/proc/{}/stat", child.id());
    let (mut stdout, mut stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let reader = std::thread::spawn(move || std::io::read_to_string(&mut stdout).unwrap());
    let errors = std::thread::spawn(move || std::io::read_to_string(&mut stderr).unwrap());
    let (mut kilobytes, mut cpu_seconds): (u64, f64) = (0, 0.0);
    let code = loop {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let peak = text.lines().find_map(|line| {
            line.strip_prefix("VmHWM:")?
                .trim()
                .strip_suffix(" kB")?
                .parse()
                .ok()
        });
        kilobytes = kilobytes.max(peak.unwrap_or(0));
        cpu_seconds = cpu_seconds.max(cpu(&fs::read_to_string(&stat).unwrap_or_default()));
        if let Some(code) = child.try_wait().unwrap() {
            break code;
        }
        std::thread::sleep(Duration::from_millis(2));
    };
    let time = started.elapsed();
    let (said, warned) = (reader.join().unwrap(), errors.join().unwrap());
    assert!(code.success(), "{args:?}: {warned}");
    if args[0] == "list" {
        assert_eq!(said.lines().count(), count + 5, "a line a run");
        assert_eq!(
            said.lines()
                .filter(|line| line.starts_with("broken"))
                .count(),
            4
        );
    } else {
        assert_eq!(warned.matches(" is left out: ").count(), 4, "{warned}");
    }
    Seen {
        time,
        cpu_seconds,
        megabytes: kilobytes / 1_000,
    }
}

/// User and system time in the text of `/proc/PID/stat` (proc_pid_stat(5)): its fields 14 and 15, in hundredths of a
/// second. The second field may hold anything, in parentheses.
fn cpu(stat: &str) -> f64 {
    let fields = stat
        .rsplit_once(')')
        .map_or("", |(_, rest)| rest)
        .split_whitespace();
    fields
        .skip(11)
        .take(2)
        .filter_map(|field| field.parse::<f64>().ok())
        .sum::<f64>()
        / 100.0
}
