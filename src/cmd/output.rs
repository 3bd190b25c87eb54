//! Where data goes that a command makes: to stdout, or to a file that was named.

use std::io::{self, ErrorKind, Write};
use std::path::Path;

use super::Failure;
use crate::ground::exit;
use crate::ground::files::{self, FileError};

/// Bytes that are written at a time.
const AT_A_TIME: usize = 256 << 10;

/// Writes the pieces of a text or file one behind the other, to `out` or to stdout. A file is complete or absent; a
/// reader of stdout that has seen enough (`| head`) is no error.
///
/// # Errors
/// Writing failed.
pub fn write(
    pieces: impl Iterator<Item = impl AsRef<[u8]>>,
    out: Option<&Path>,
) -> Result<(), Failure> {
    match out {
        Some(path) => {
            let failed = |error: FileError| Failure::new(exit::IO, error);
            let mut file = files::create_named(path, 0).map_err(failed)?;
            together(pieces, |bytes| file.write(bytes)).map_err(failed)?;
            file.publish().map_err(failed)
        }
        None => {
            let mut stdout = io::stdout().lock();
            match together(pieces, |bytes| stdout.write_all(bytes)).and_then(|()| stdout.flush()) {
                Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
                other => other.map_err(|error| Failure::new(exit::IO, error)),
            }
        }
    }
}

/// Puts small pieces together before they are written.
fn together<E>(
    pieces: impl Iterator<Item = impl AsRef<[u8]>>,
    mut write: impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<(), E> {
    let mut buffer = Vec::new();
    for piece in pieces {
        buffer.extend_from_slice(piece.as_ref());
        if buffer.len() >= AT_A_TIME {
            write(&buffer)?;
            buffer.clear();
        }
    }
    write(&buffer)
}
