//! The command line: what may be typed, and what each word leads to.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use crate::cmd;
use crate::experiment::DeviceChoice;
use crate::kernels::system_memory;
use crate::sys::exit;

mod reports;

pub use reports::*;

/// Trains variational autoencoders from TOML files.
///
/// `runner SPEC.toml` checks the whole spec, trains what it describes and leaves a run folder behind that
/// explains itself: resolved spec, metrics, checkpoints, figures.
#[derive(Debug, Parser)]
#[command(
    name = "runner",
    version,
    arg_required_else_help = true,
    override_usage = "runner <SPEC.toml> [OPTIONS]\n       runner <COMMAND> [ARGS]",
    after_help = "Exit codes: 0 done, 1 the run failed, 2 the command line or the spec is wrong, \
                  3 some of several runs failed, 4 an [expect] was missed, 65 data or checkpoint invalid, 69 device absent, 74 I/O, \
                  75 the run is locked, 130/143 stopped by a signal after saving."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Train what a spec describes, or every trial of its sweep (`run` may be left out)
    Run(RunArgs),
    /// Work on the folder of a sweep, look at it, free a trial
    #[command(subcommand)]
    Sweep(SweepCommand),
    /// Say how each trial of a sweep stands, and who works on it. Writes nothing
    Status {
        /// The sweep's folder, `runs/NAME.sweep`
        #[arg(value_name = "SWEEP")]
        folder: PathBuf,
    },
    /// End the Slurm jobs of a sweep; its trials save, and can go on
    Cancel {
        /// The sweep's folder, `runs/NAME.sweep`
        #[arg(value_name = "SWEEP")]
        folder: PathBuf,
    },
    /// One trial of a sweep, as its worker asks for it on standard input
    #[command(hide = true)]
    Trial,
    /// Go on with a run that was stopped, to the same bits as if it had not been
    Resume(ResumeArgs),
    /// Make metrics and figures of a run again from its checkpoint
    Rebuild(RebuildArgs),
    /// Say what is whole in a run folder, what is missing and what to type. Writes nothing
    Doctor(DoctorArgs),
    /// List the runs below a folder: status, age, epochs, best metric. Writes nothing
    List(ListArgs),
    /// Compare runs: settings that differ, metrics, means over seeds
    Report(ReportArgs),
    /// Ask the tables of runs and epochs in SQL (built with `--features sql`)
    Query(QueryArgs),
    /// Show where two runs differ: settings, environment, metrics, first epoch at which they part
    Diff(DiffArgs),
    /// Decode draws from the prior of a trained model
    Sample(SampleArgs),
    /// Show images above what a trained model makes of them
    Reconstruct(ReconstructArgs),
    /// Write the latent mean of every image to a table
    Encode(EncodeArgs),
    /// Go from one image to another through the latent space of a trained model
    Interpolate(InterpolateArgs),
    /// Read and resolve a spec; print every mistake, or the plan. Writes nothing
    Check(CheckArgs),
    /// Time training steps of a spec, layer by layer, before paying for a run. Writes nothing
    Bench(BenchArgs),
    /// Print the JSON Schema of a spec, for completion in editors
    Schema,
    /// Print all settings of a spec with their ranges and defaults
    Settings {
        /// As a Markdown table
        #[arg(long)]
        markdown: bool,
    },
    /// Find, download or check a data set and say where it lies
    Data {
        /// fashion-mnist, mnist, kmnist or sprites
        name: String,
    },
    /// Compare this program's arithmetic with values that another framework computed
    Verify(VerifyArgs),
    /// Print a completion script
    Completions {
        /// The shell to complete for
        shell: Shell,
    },
}

/// Where run folders go.
pub const RUNS_DIR: &str = "runs";

/// How a spec is given and changed.
#[derive(Clone, Debug, Args)]
pub struct SpecArgs {
    /// The experiment's TOML file
    #[arg(value_name = "SPEC.toml")]
    pub spec: PathBuf,
    /// Override a setting, checked like the file: `--set model.latent_dim=8`
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Override the experiment's name
    #[arg(long)]
    pub name: Option<String>,
    /// Override the device: cpu, cuda, cuda:N or auto
    #[arg(long, value_name = "DEVICE")]
    pub device: Option<String>,
    /// Override the number of threads (results do not depend on it)
    #[arg(long, value_name = "N")]
    pub threads: Option<String>,
}

impl SpecArgs {
    /// All overrides in the form `KEY=VALUE`, checked later like the file.
    pub fn overrides(&self) -> Vec<String> {
        let mut overrides = self.set.clone();
        let short = [("name", &self.name), ("training.device", &self.device)];
        for (key, value) in short {
            if let Some(value) = value {
                overrides.push(format!("{key}={}", toml::Value::String(value.clone())));
            }
        }
        overrides.extend(self.threads.iter().map(|n| format!("training.threads={n}")));
        overrides
    }
}

/// How a sweep is changed and run.
#[derive(Clone, Debug, Args)]
pub struct SweepingArgs {
    /// Vary a setting: `--sweep model.latent_dim=2,4,8`, `--sweep seed=0..3` (0, 1, 2); all combinations are run
    #[arg(long, value_name = "KEY=VALUES")]
    pub sweep: Vec<String>,
    #[command(flatten)]
    pub crew: WorkersArgs,
    /// Where the trials of a sweep are run [default: what `[launcher]` says, else this machine]
    #[arg(long, value_enum, value_name = "WHERE")]
    pub launcher: Option<LauncherChoice>,
    /// Print the script that would be submitted to Slurm, and write nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// Where the trials of a sweep are run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LauncherChoice {
    /// This machine
    Local,
    /// A Slurm cluster, by `[launcher.slurm]`
    Slurm,
}

/// How the trials of a sweep are worked on.
#[derive(Clone, Copy, Debug, Args)]
pub struct WorkersArgs {
    /// Trials of a sweep at a time, each a process with its share of the threads [default: what is quickest here]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub jobs: Option<u16>,
    /// Run trials of a sweep again that failed
    #[arg(long)]
    pub retry_failed: bool,
}

/// What is done with the folder of a sweep.
#[derive(Clone, Debug, Subcommand)]
pub enum SweepCommand {
    /// Go on with a sweep by its folder alone, also beside other processes that work on it
    Run {
        /// The sweep's folder, `runs/NAME.sweep`
        #[arg(value_name = "SWEEP")]
        folder: PathBuf,
        #[command(flatten)]
        crew: WorkersArgs,
        /// Print nothing but warnings and errors
        #[arg(long, short)]
        quiet: bool,
    },
    /// Free a trial whose worker on another machine is gone
    Release {
        /// The sweep's folder, `runs/NAME.sweep`
        #[arg(value_name = "SWEEP")]
        folder: PathBuf,
        /// The trial, as `runner status` shows it
        #[arg(value_name = "TRIAL")]
        trial: String,
    },
}

/// Arguments of `run`.
#[derive(Clone, Debug, Args)]
pub struct RunArgs {
    #[command(flatten)]
    pub spec: SpecArgs,
    #[command(flatten)]
    pub sweeping: SweepingArgs,
    /// Where run folders go
    #[arg(long, value_name = "DIR", default_value = RUNS_DIR)]
    pub runs_dir: PathBuf,
    /// Print nothing but warnings and errors
    #[arg(long, short)]
    pub quiet: bool,
}

/// Arguments of `resume`.
#[derive(Clone, Debug, Args)]
pub struct ResumeArgs {
    /// The run's folder; with `--all` a folder of runs
    #[arg(value_name = "RUN")]
    pub run: PathBuf,
    /// Go on with every run below the folder that was stopped, killed or failed
    #[arg(long)]
    pub all: bool,
    /// Train for so many epochs in all; refused where the learning rate depends on their number
    #[arg(long, value_name = "N", conflicts_with = "all")]
    pub epochs: Option<usize>,
    /// Override the number of threads (results do not depend on it)
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
    /// Override the device; another one than before needs `--allow-other-bits`
    #[arg(long, value_name = "DEVICE")]
    pub device: Option<String>,
    /// Go on although device or processor differ so much that the last bits will too
    #[arg(long)]
    pub allow_other_bits: bool,
    /// Print nothing but warnings and errors
    #[arg(long, short)]
    pub quiet: bool,
}

/// Arguments of `rebuild`.
#[derive(Clone, Debug, Args)]
pub struct RebuildArgs {
    /// The run's folder
    #[arg(value_name = "RUN")]
    pub run: PathBuf,
    /// Override the number of threads (results do not depend on it)
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
    /// Print nothing but warnings and errors
    #[arg(long, short)]
    pub quiet: bool,
}

/// Arguments of `doctor`.
#[derive(Clone, Debug, Args)]
pub struct DoctorArgs {
    /// The run's folder
    #[arg(value_name = "RUN")]
    pub run: PathBuf,
}

/// Arguments of `check`.
#[derive(Clone, Debug, Args)]
pub struct CheckArgs {
    #[command(flatten)]
    pub spec: SpecArgs,
    /// Vary a setting, as for `run`; the trials are listed then
    #[arg(long, value_name = "KEY=VALUES")]
    pub sweep: Vec<String>,
    /// Trials of a sweep at a time, for the estimate of its time
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub jobs: Option<u16>,
}

/// Arguments of `bench`.
#[derive(Clone, Debug, Args)]
pub struct BenchArgs {
    #[command(flatten)]
    pub spec: SpecArgs,
    /// How long steps are timed, at least one of them
    #[arg(long, value_name = "S", default_value = "3", value_parser = seconds)]
    pub seconds: Duration,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// A time in seconds, above 0 and at most a day.
fn seconds(text: &str) -> Result<Duration, String> {
    /// A day.
    const MOST: f64 = 86_400.0;
    match text.parse::<f64>() {
        Ok(seconds) if seconds > 0.0 && seconds <= MOST => Ok(Duration::from_secs_f64(seconds)),
        _ => Err(format!(
            "expected a number of seconds above 0 and at most {MOST}"
        )),
    }
}

/// A device as a spec names it.
fn device(text: &str) -> Result<DeviceChoice, String> {
    DeviceChoice::from_name(text).ok_or_else(|| "expected cpu, cuda, cuda:N or auto".to_owned())
}

/// Arguments of `verify`.
#[derive(Clone, Debug, Args)]
pub struct VerifyArgs {
    /// Reference values, in the format that experiments/README.md describes
    #[arg(value_name = "FILE.safetensors")]
    pub file: PathBuf,
    /// Largest relative error that passes
    #[arg(long, value_name = "X", default_value_t = 1e-4)]
    pub tolerance: f64,
    /// Whose arithmetic: cpu, cuda, cuda:N or auto
    #[arg(long, value_name = "DEVICE", default_value = "cpu", value_parser = device)]
    pub device: DeviceChoice,
}

/// Puts `run` in front where the first word is a spec: something that is no option and no command.
fn with_command(mut args: Vec<OsString>) -> Vec<OsString> {
    let is_command = |word: &OsString| {
        word == "help"
            || Cli::command()
                .get_subcommands()
                .any(|command| word == command.get_name())
    };
    let spec_first = args
        .get(1)
        .is_some_and(|word| !word.to_string_lossy().starts_with('-') && !is_command(word));
    // Options may come before the spec, except for those of the program itself.
    let own = ["-h", "--help", "-V", "--version"];
    let option_first = args.get(1).is_some_and(|word| {
        word.to_string_lossy().starts_with('-') && !own.iter().any(|own| word == own)
    });
    if spec_first || option_first {
        args.insert(1, "run".into());
    }
    args
}

/// Reads the command line and does what it says.
pub fn main() -> ExitCode {
    system_memory::return_large_blocks();
    let cli = match Cli::try_parse_from(with_command(std::env::args_os().collect())) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are no errors; a closed pipe behind them is none either.
            let code = if error.use_stderr() {
                exit::USAGE
            } else {
                exit::DONE
            };
            let _ = error.print();
            return ExitCode::from(code);
        }
    };
    let result = match cli.command {
        Command::Run(args) => cmd::run::main(&args),
        Command::Sweep(command) => crate::launch::command(&command),
        Command::Status { folder } => crate::launch::status(&folder),
        Command::Cancel { folder } => crate::launch::cancel(&folder),
        Command::Trial => crate::launch::trial::main(),
        Command::Resume(args) => cmd::resume::main(&args),
        Command::Rebuild(args) => cmd::rebuild::main(&args),
        Command::Doctor(args) => cmd::doctor::main(&args),
        Command::List(args) => cmd::list::main(&args),
        Command::Report(args) => cmd::report::main(&args),
        Command::Query(args) => cmd::query::main(&args),
        Command::Diff(args) => cmd::diff::main(&args),
        Command::Sample(args) => cmd::sample::main(&args),
        Command::Reconstruct(args) => cmd::reconstruct::main(&args),
        Command::Encode(args) => cmd::encode::main(&args),
        Command::Interpolate(args) => cmd::interpolate::main(&args),
        Command::Check(args) => cmd::check::main(&args),
        Command::Bench(args) => cmd::bench::main(&args),
        Command::Schema => cmd::schema::main(),
        Command::Settings { markdown } => cmd::settings::main(markdown),
        Command::Data { name } => cmd::data::main(&name),
        Command::Verify(args) => cmd::verify::main(&args),
        Command::Completions { shell } => cmd::completions::main::<Cli>(shell),
    };
    ExitCode::from(result.unwrap_or_else(|failure| {
        failure.tell();
        failure.code()
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(args: &[&str]) -> Vec<String> {
        let all = std::iter::once("runner")
            .chain(args.iter().copied())
            .map(OsString::from)
            .collect();
        with_command(all)
            .into_iter()
            .skip(1)
            .map(|word| word.to_string_lossy().into_owned())
            .collect()
    }

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_spec_needs_no_command() {
        assert_eq!(words(&["a.toml", "--quiet"]), ["run", "a.toml", "--quiet"]);
        assert_eq!(words(&["--quiet", "a.toml"]), ["run", "--quiet", "a.toml"]);
        assert_eq!(words(&["check", "a.toml"]), ["check", "a.toml"]);
        assert_eq!(words(&["--help"]), ["--help"]);
        assert_eq!(words(&["help", "run"]), ["help", "run"]);
        assert_eq!(words(&[]), [""; 0]);
    }

    #[test]
    fn times_are_seconds_above_0() {
        assert_eq!(seconds("0.25"), Ok(Duration::from_millis(250)));
        for text in ["0", "-1", "nan", "inf", "1e9", "1e-400", "", "3s"] {
            assert!(seconds(text).is_err(), "{text}");
        }
    }

    #[test]
    fn short_options_become_overrides_that_are_checked_like_the_file() {
        let cli = Cli::try_parse_from([
            "runner",
            "run",
            "a.toml",
            "--name",
            "it's",
            "--set",
            "seed=3",
            "--threads",
            "x",
        ]);
        let Ok(Cli {
            command: Command::Run(args),
        }) = cli
        else {
            panic!("{cli:?}")
        };
        assert_eq!(
            args.spec.overrides(),
            ["seed=3", "name=\"it's\"", "training.threads=x"]
        );
    }
}
