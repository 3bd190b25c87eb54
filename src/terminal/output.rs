//! Where data goes that a command makes: to stdout, or to a file that was named.

use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::Path;

use super::CliError;
use crate::fs::files::{self, FileError, PendingFile};
use crate::sys::exit;

/// Bytes that are written at a time.
const AT_A_TIME: usize = 256 << 10;

/// Writes the pieces of a text or file one behind the other, to `out` or to stdout. A file is complete or absent; a
/// reader of stdout that has seen enough (`| head`) is no error.
///
/// # Errors
/// Writing failed.
pub fn write(
    mut pieces: impl Iterator<Item = impl AsRef<[u8]>>,
    out: Option<&Path>,
) -> Result<(), CliError> {
    write_with(out, |to| {
        Ok(pieces.try_for_each(|piece| to.write_all(piece.as_ref()))?)
    })
}

/// The same for a function that writes.
///
/// # Errors
/// Writing failed, or what `make` says.
pub fn write_with(
    out: Option<&Path>,
    make: impl FnOnce(&mut dyn Write) -> Result<(), CliError>,
) -> Result<(), CliError> {
    let failed = |error: FileError| CliError::new(exit::IO, error);
    let mut target = match out {
        Some(path) => Target::File(
            Box::new(files::create_named(path, 0).map_err(failed)?),
            None,
        ),
        None => Target::Stdout(io::stdout().lock(), false),
    };
    let mut buffer = BufWriter::with_capacity(AT_A_TIME, &mut target);
    let made = make(&mut buffer);
    let flushed = buffer.flush();
    drop(buffer);
    match target {
        // The reader has closed it.
        Target::Stdout(_, true) => Ok(()),
        Target::File(_, Some(error)) => Err(failed(error)),
        Target::Stdout(..) => made.and(flushed.map_err(CliError::from)),
        Target::File(file, None) => made.and_then(|()| file.publish().map_err(failed)),
    }
}

/// Where bytes go, and the error that stopped them: callers replace the system's error by one of their own.
enum Target {
    File(Box<PendingFile>, Option<FileError>),
    /// Whether its reader has closed it.
    Stdout(io::StdoutLock<'static>, bool),
}

impl Write for Target {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::File(file, failure) => match file.write(bytes) {
                Ok(()) => Ok(bytes.len()),
                Err(error) => {
                    let kind = error.kind().unwrap_or(ErrorKind::Other);
                    *failure = Some(error);
                    Err(kind.into())
                }
            },
            Self::Stdout(stdout, is_gone) => stdout.write(bytes).inspect_err(|error| {
                *is_gone |= error.kind() == ErrorKind::BrokenPipe;
            }),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::File(..) => Ok(()),
            Self::Stdout(stdout, is_gone) => stdout.flush().inspect_err(|error| {
                *is_gone |= error.kind() == ErrorKind::BrokenPipe;
            }),
        }
    }
}
