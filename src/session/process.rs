//! The process that trains: its command line, its threads, the signals that stop it.

use crate::kernels::parallel::Threads;
use crate::sys::exit;
use crate::sys::stop::Stop;
use crate::terminal::CliError;

/// The command line that the program was started with.
pub fn command_line() -> Vec<String> {
    let words = std::env::args_os();
    words
        .map(|word| word.to_string_lossy().into_owned())
        .collect()
}

/// Listens for the signals that ask to stop.
///
/// # Errors
/// The operating system refuses.
pub fn listen() -> Result<Stop, CliError> {
    Stop::on_signals()
        .map_err(|e| CliError::new(exit::FAILED, format!("cannot listen for signals: {e}")))
}

/// Works on the threads that a spec asks for: whatever builds or uses a network does.
///
/// # Errors
/// The operating system cannot start them; those of the work.
pub fn on_threads<R: Send>(
    wanted: Option<usize>,
    work: impl FnOnce() -> Result<R, CliError> + Send,
) -> Result<R, CliError> {
    Threads::new(wanted.unwrap_or(0))
        .map_err(|e| CliError::new(exit::FAILED, format!("cannot start threads: {e}")))?
        .run(work)
}
