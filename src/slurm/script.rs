//! The batch script of an array of workers.

use std::fmt::Write as _;
use std::path::Path;

use crate::config::Kind;
use crate::config::section::section;

section! {
    /// A Slurm cluster: what each task of the job array asks for; what is absent is left to the cluster
    pub struct Request: Default {
        /// Partition (`--partition`)
        pub partition: Option<String>, Kind::Line { max: 200 }, unset("the cluster's default");
        /// Time limit of a task (`--time`), in Slurm's form: `30`, `12:00:00`, `1-00:00:00`. A task that reaches it
        /// saves, goes back into the queue and goes on
        pub time: Option<String>, Kind::Line { max: 40 }, unset("the cluster's default");
        /// Processors of a task (`--cpus-per-task`)
        pub cpus: Option<usize>, Kind::Count { min: 1, max: 1_024 }, unset("the cluster's default");
        /// Memory of a task (`--mem`), in Slurm's form: `4G`
        pub memory: Option<String>, Kind::Line { max: 40 }, unset("the cluster's default");
        /// GPUs of a task (`--gpus`), in Slurm's form: `1`, `a100:1`
        pub gpus: Option<String>, Kind::Line { max: 80 }, unset("none");
        /// Account (`--account`)
        pub account: Option<String>, Kind::Line { max: 200 }, unset("the cluster's default");
        /// Tasks that run at the same time at most
        pub throttle: Option<usize>, Kind::Count { min: 1, max: 10_000 }, unset("no limit");
        /// Further options of `sbatch`, with spaces between them: `--qos=long --constraint=a100`
        pub options: Option<String>, Kind::Line { max: 1000 }, unset("none");
        /// Commands before the work: `module load cuda`
        pub setup: Option<String>, Kind::Line { max: 1000 }, unset("none");
    }
}

/// The workers of an array.
#[derive(Clone, Copy, Debug)]
pub struct Workers<'a> {
    /// What it is called in the queue.
    pub name: &'a str,
    /// Tasks, at least one.
    pub tasks: usize,
    /// Where the nodes find the program.
    pub program: &'a Path,
    /// What the program is told, a word an entry.
    pub args: &'a [String],
    /// A folder that login node and nodes share: the tasks start in it.
    pub folder: &'a Path,
    /// Where logs go, and the file [`CANCELLED`].
    pub logs: &'a Path,
}

/// A file among the logs that says that the array is being cancelled: then no task puts itself back into the queue.
pub const CANCELLED: &str = "cancelled";

/// Seconds before the time limit at which a task is told to save.
const NOTICE: u32 = 60;

/// One word for a shell.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', "'\\''"))
}

/// The script, for `sbatch`.
///
/// A minute before the time limit, and before preemption, Slurm sends SIGTERM to the script alone
/// (`--signal=B:TERM@60`). The script forwards it; the program saves and ends with 143, and the task goes back into the
/// queue as the same task. A task that somebody cancels does not.
pub fn script(request: &Request, workers: &Workers) -> String {
    let mut text = String::from("#!/bin/bash\n");
    let last = workers.tasks.saturating_sub(1);
    let throttle = request.throttle.map_or(String::new(), |n| format!("%{n}"));
    let logs = workers.logs.display();
    let mut option = |line: String| {
        let _ = writeln!(text, "#SBATCH {line}");
    };
    option(format!("--job-name={}", workers.name));
    option(format!("--array=0-{last}{throttle}"));
    option(format!("--output={logs}/%A_%a.log"));
    option("--open-mode=append".to_owned());
    option("--requeue".to_owned());
    option(format!("--signal=B:TERM@{NOTICE}"));
    let asked = [
        ("partition", &request.partition),
        ("time", &request.time),
        ("mem", &request.memory),
        ("gpus", &request.gpus),
        ("account", &request.account),
    ];
    for (name, value) in asked {
        if let Some(value) = value {
            option(format!("--{name}={value}"));
        }
    }
    if let Some(cpus) = request.cpus {
        option(format!("--cpus-per-task={cpus}"));
    }
    let options = request.options.iter();
    for word in options.flat_map(|options| options.split_whitespace()) {
        option(word.to_owned());
    }
    let folder = quoted(&workers.folder.display().to_string());
    let _ = writeln!(
        text,
        "\ncd {folder} || {{ echo \"error: the node $SLURMD_NODENAME does not see {folder}\" >&2; exit 74; }}"
    );
    if let Some(line) = &request.setup {
        let _ = writeln!(text, "{line}");
    }
    let program = quoted(&workers.program.display().to_string());
    let args: Vec<String> = workers.args.iter().map(|arg| quoted(arg)).collect();
    let cancelled = quoted(&workers.logs.join(CANCELLED).display().to_string());
    let _ = write!(
        text,
        "[ -x {program} ] || {{ echo \"error: the node $SLURMD_NODENAME has no program at {program}\" >&2; exit 74; }}
trap 'told=1; kill -TERM \"$!\" 2>/dev/null' TERM
{program} {} &
worker=$!
# It may have been told before there was a worker.
[ -z \"${{told:-}}\" ] || kill -TERM \"$worker\" 2>/dev/null
# A signal ends `wait`, not the worker.
while wait \"$worker\"; code=$?; kill -0 \"$worker\" 2>/dev/null; do :; done
if [ \"$code\" = 143 ] && [ ! -e {cancelled} ]; then
  # The number of the last task's job is that of the whole array too.
  task=\"${{SLURM_ARRAY_JOB_ID}}_${{SLURM_ARRAY_TASK_ID}}\"
  state=$(squeue -h -j \"$task\" -o %T)
  [ \"$state\" = RUNNING ] && scontrol requeue \"$task\"
fi
exit \"$code\"
",
        args.join(" ")
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    fn workers<'a>(folder: &'a Path, program: &'a Path, args: &'a [String]) -> Workers<'a> {
        Workers {
            name: "fmnist",
            tasks: 12,
            program,
            args,
            folder,
            logs: folder,
        }
    }

    #[test]
    fn writes_an_option_for_each_part_of_a_request() {
        let request = Request {
            partition: Some("gpu".to_owned()),
            time: Some("1-00:00:00".to_owned()),
            cpus: Some(4),
            memory: Some("4G".to_owned()),
            gpus: Some("a100:1".to_owned()),
            account: Some("vae".to_owned()),
            throttle: Some(8),
            options: Some("--qos=long  --nice=7".to_owned()),
            setup: Some("module load cuda".to_owned()),
        };
        let text = script(
            &request,
            &workers(Path::new("/f"), Path::new("/bin/true"), &[]),
        );
        for line in [
            "#SBATCH --array=0-11%8",
            "#SBATCH --job-name=fmnist",
            "#SBATCH --partition=gpu",
            "#SBATCH --time=1-00:00:00",
            "#SBATCH --cpus-per-task=4",
            "#SBATCH --mem=4G",
            "#SBATCH --gpus=a100:1",
            "#SBATCH --account=vae",
            "#SBATCH --qos=long",
            "#SBATCH --nice=7",
            "module load cuda",
        ] {
            assert_eq!(
                text.lines().filter(|l| *l == line).count(),
                1,
                "{line}:\n{text}"
            );
        }
        let bare = script(
            &Request::default(),
            &workers(Path::new("/f"), Path::new("/bin/true"), &[]),
        );
        assert!(bare.contains("#SBATCH --array=0-11\n") && !bare.contains("--partition"));
    }

    /// A folder with stand-ins for `squeue`, which knows one running job, and `scontrol`, which notes what it is told. The
    /// real ones are asked in `tests/slurm.rs`.
    fn stand_ins() -> tempfile::TempDir {
        let folder = tempfile::Builder::new()
            .prefix("it's a 'test'")
            .tempdir()
            .unwrap();
        for (name, body) in [
            ("squeue", "echo ${STATE:-RUNNING}"),
            ("scontrol", "echo \"$@\" >> \"$NOTE\""),
            (
                "program",
                "echo \"$@\" > got; trap 'exit 143' TERM; kill -TERM $PPID; for i in 1 2 3 4 5 6 7 8 9; do sleep 0.1; done",
            ),
            ("short", "exit 3"),
        ] {
            let path = folder.path().join(name);
            std::fs::write(&path, format!("#!/bin/bash\n{body}\n")).unwrap();
            let made = Command::new("chmod").arg("+x").arg(&path).status();
            assert!(made.unwrap().success());
        }
        folder
    }

    fn run(folder: &Path, program: &str, state: &str) -> (Option<i32>, String) {
        let program = folder.join(program);
        let args = ["a b".to_owned(), "it's".to_owned()];
        let text = script(&Request::default(), &workers(folder, &program, &args));
        let note = folder.join("note");
        let _ = std::fs::remove_file(&note);
        std::fs::write(folder.join("job.sh"), text).unwrap();
        let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap());
        let ended = Command::new("bash")
            .arg(folder.join("job.sh"))
            .envs([
                ("PATH", path.as_str()),
                ("SLURM_ARRAY_JOB_ID", "5"),
                ("SLURM_ARRAY_TASK_ID", "7"),
                ("STATE", state),
            ])
            .env("NOTE", &note)
            .status()
            .unwrap();
        (
            ended.code(),
            std::fs::read_to_string(note).unwrap_or_default(),
        )
    }

    #[test]
    fn forwards_a_stop_signal_waits_and_requeues() {
        let folder = stand_ins();
        let folder = folder.path();
        assert_eq!(
            run(folder, "program", "RUNNING"),
            (Some(143), "requeue 5_7\n".to_owned())
        );
        assert_eq!(
            std::fs::read_to_string(folder.join("got")).unwrap(),
            "a b it's\n"
        );
        // Cancelled by `scancel`, or by this program.
        assert_eq!(
            run(folder, "program", "COMPLETING"),
            (Some(143), String::new())
        );
        std::fs::write(folder.join(CANCELLED), "").unwrap();
        assert_eq!(
            run(folder, "program", "RUNNING"),
            (Some(143), String::new())
        );
        assert_eq!(run(folder, "short", "RUNNING"), (Some(3), String::new()));
        assert_eq!(run(folder, "nowhere", "RUNNING"), (Some(74), String::new()));
    }
}
