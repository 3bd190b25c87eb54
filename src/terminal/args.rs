//! Groups of arguments that more than one command takes.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

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
pub struct SweepArgs {
    /// Vary a setting: `--sweep model.latent_dim=2,4,8`, `--sweep seed=0..3` (0, 1, 2); all combinations are run
    #[arg(long, value_name = "KEY=VALUES")]
    pub sweep: Vec<String>,
    #[command(flatten)]
    pub workers: WorkersArgs,
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

/// What may be changed of a run that is resumed.
#[derive(Clone, Debug, Default, Args)]
pub struct ResumeArgs {
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

/// Which trained model.
#[derive(Clone, Debug, Args)]
pub struct TrainedArgs {
    /// The run's folder
    #[arg(value_name = "RUN")]
    pub run: PathBuf,
    /// Take the weights of the best epoch instead of the last
    #[arg(long)]
    pub best: bool,
    /// Override the number of threads (results do not depend on it)
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
    /// Print nothing but warnings and errors
    #[arg(long, short)]
    pub quiet: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[test]
    fn makes_overrides_of_short_options() {
        #[derive(Parser)]
        struct Program {
            #[command(flatten)]
            spec: SpecArgs,
        }
        let words = "runner a.toml --name it's --set seed=3 --threads x";
        let program = Program::try_parse_from(words.split(' ')).unwrap();
        assert_eq!(
            program.spec.overrides(),
            ["seed=3", "name=\"it's\"", "training.threads=x"]
        );
    }
}
