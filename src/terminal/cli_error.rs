//! The error of a command: its text, its hint, and the exit code.

use std::fmt::Write as _;
use std::io::IsTerminal as _;

use crate::config::{Diagnostics, SpecError};
use crate::data::DataError;
use crate::draw::DrawError;
use crate::report::ReportError;
use crate::run::RunError;
use crate::slurm::SlurmError;
use crate::sweep::SweepError;
use crate::sys::exit;
use crate::sys::printable::printable_lines;
use crate::train::TrainError;
use crate::vae::ModelError;

/// An error of a command, as shown on the terminal.
#[derive(Debug)]
pub struct CliError {
    text: String,
    hint: Option<String>,
    code: u8,
    /// Whether `text` is already a rendered report.
    rendered: bool,
    non_finite: bool,
}

impl CliError {
    /// Prints it to stderr.
    pub fn tell(&self) {
        super::print::err(&self.render());
    }

    /// An error with its exit code.
    pub fn new(code: u8, text: impl ToString) -> Self {
        Self {
            text: text.to_string(),
            hint: None,
            code,
            rendered: false,
            non_finite: false,
        }
    }

    /// Adds a hint.
    pub fn with_hint(self, hint: impl Into<String>) -> Self {
        Self {
            hint: Some(hint.into()),
            ..self
        }
    }

    /// Marks a run that ended because a term was not finite.
    pub fn as_non_finite(self) -> Self {
        Self {
            non_finite: true,
            ..self
        }
    }

    /// Whether a term was not finite.
    pub fn is_non_finite(&self) -> bool {
        self.non_finite
    }

    /// What went wrong, without the hint.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The exit code.
    pub fn code(&self) -> u8 {
        self.code
    }

    /// What stands on the terminal.
    pub fn render(&self) -> String {
        if self.rendered {
            return self.text.clone();
        }
        let bold = |word: &str, color: u8| match stderr_has_color() {
            true => format!("\u{1b}[1;{color}m{word}\u{1b}[0m"),
            false => word.to_owned(),
        };
        // Names and texts in it may come from a folder that somebody else made.
        let mut out = format!("{}: {}\n", bold("error", 31), printable_lines(&self.text));
        if let Some(hint) = &self.hint {
            let _ = writeln!(out, "{}: {}", bold("help", 36), printable_lines(hint));
        }
        out
    }
}

/// An error with the chain of its causes, as one line.
pub fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let words = error.to_string();
        // Some errors repeat the text of their cause.
        if !text.contains(&words) {
            let _ = write!(text, ": {words}");
        }
        cause = error.source();
    }
    text
}

/// Whether stderr is a terminal that wants colours (<https://no-color.org>).
pub fn stderr_has_color() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty())
}

impl From<Diagnostics> for CliError {
    fn from(diagnostics: Diagnostics) -> Self {
        let mut text = diagnostics.render(stderr_has_color());
        if !text.ends_with('\n') {
            text.push('\n');
        }
        Self {
            rendered: true,
            ..Self::new(exit::USAGE, text)
        }
    }
}

impl From<SpecError> for CliError {
    fn from(error: SpecError) -> Self {
        match error {
            SpecError::Invalid(diagnostics) => diagnostics.into(),
            error => Self::new(
                if error.is_io() { exit::IO } else { exit::USAGE },
                with_causes(&error),
            ),
        }
    }
}

impl From<std::io::Error> for CliError {
    fn from(error: std::io::Error) -> Self {
        Self::new(exit::IO, error)
    }
}

impl From<DataError> for CliError {
    fn from(error: DataError) -> Self {
        Self {
            hint: error.hint(),
            ..Self::new(error.exit_code(), &error)
        }
    }
}

impl From<ReportError> for CliError {
    fn from(error: ReportError) -> Self {
        Self {
            hint: error.hint(),
            ..Self::new(error.exit_code(), &error)
        }
    }
}

impl From<RunError> for CliError {
    fn from(error: RunError) -> Self {
        Self::new(error.exit_code(), with_causes(&error))
    }
}

impl From<SweepError> for CliError {
    fn from(error: SweepError) -> Self {
        Self::new(error.exit_code(), with_causes(&error))
    }
}

impl From<SlurmError> for CliError {
    fn from(error: SlurmError) -> Self {
        Self::new(error.exit_code(), with_causes(&error)).with_hint(error.hint())
    }
}

impl From<ModelError> for CliError {
    fn from(error: ModelError) -> Self {
        Self::new(exit::FAILED, error)
    }
}

impl From<DrawError> for CliError {
    fn from(error: DrawError) -> Self {
        Self::new(exit::FAILED, with_causes(&error))
    }
}

impl From<TrainError> for CliError {
    fn from(error: TrainError) -> Self {
        let failure = Self::new(exit::FAILED, &error);
        match error {
            TrainError::Diverged { .. } => failure.as_non_finite().with_hint(
                "the weights before that step are kept; try a lower learning rate, or `clip_norm`",
            ),
            TrainError::Model(_) => failure,
        }
    }
}
