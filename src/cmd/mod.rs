//! The command line: one command a file, its arguments (`Args`) beside its work (`main`).
//!
//! A command is added by its file and its two lines here; help, completions and dispatch follow from them.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use crate::sys::exit;

mod bench;
mod cancel;
mod check;
mod completions;
mod data;
mod diff;
mod doctor;
mod encode;
mod interpolate;
mod list;
mod metrics;
mod query;
mod rebuild;
mod reconstruct;
mod report;
mod resume;
mod run;
mod sample;
mod schema;
mod settings;
mod status;
mod sweep;
mod trial;
mod verify;

/// The commands by their files, in the order of the help; in brackets what `main` takes beside the arguments.
macro_rules! commands {
    ($($name:ident $(($given:expr))?,)*) => {
        #[derive(Debug, Subcommand)]
        #[allow(non_camel_case_types, reason = "a command has the name of its file")]
        enum Command {
            $($name($name::Args),)*
        }

        impl Command {
            fn main(&self) -> crate::terminal::Outcome {
                match self {
                    $(Self::$name(args) => $name::main(args $(, $given)?),)*
                }
            }
        }
    };
}

commands! {
    run,
    sweep,
    status,
    cancel,
    trial,
    resume,
    rebuild,
    doctor,
    list,
    report,
    query,
    diff,
    sample,
    reconstruct,
    encode,
    interpolate,
    check,
    bench,
    schema,
    settings,
    metrics,
    data,
    verify,
    completions(CommandLine::command()),
}

/// Trains variational autoencoders from TOML files.
///
/// `runner SPEC.toml` checks the whole spec, trains what it describes and leaves a self-contained run
/// folder behind: resolved spec, metrics, checkpoints, figures.
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
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

/// Puts `run` in front where the first word is a spec: something that is no option and no command.
fn with_command(mut args: Vec<OsString>) -> Vec<OsString> {
    let is_command = |word: &OsString| {
        word == "help"
            || CommandLine::command()
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
    let line = match CommandLine::try_parse_from(with_command(std::env::args_os().collect())) {
        Ok(line) => line,
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
    ExitCode::from(line.command.main().unwrap_or_else(|failure| {
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
    fn describes_a_consistent_command_line() {
        CommandLine::command().debug_assert();
    }

    #[test]
    fn needs_no_command_before_a_spec() {
        assert_eq!(words(&["a.toml", "--quiet"]), ["run", "a.toml", "--quiet"]);
        assert_eq!(words(&["--quiet", "a.toml"]), ["run", "--quiet", "a.toml"]);
        assert_eq!(words(&["check", "a.toml"]), ["check", "a.toml"]);
        assert_eq!(words(&["--help"]), ["--help"]);
        assert_eq!(words(&["help", "run"]), ["help", "run"]);
        assert_eq!(words(&[]), [""; 0]);
    }
}
