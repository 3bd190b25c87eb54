//! Reports of the progress of a load.

/// A report of the progress of a load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoadProgress<'a> {
    /// A file is arriving.
    Download {
        /// Name of the file.
        file: &'a str,
        /// Where it comes from.
        url: &'a str,
        /// Bytes that have arrived.
        done: u64,
        /// Bytes there will be, if the other side says so.
        total: Option<u64>,
    },
    /// An address did not give the file; the next one is tried.
    MirrorFailed {
        /// The address.
        url: &'a str,
        /// Why not.
        reason: &'a str,
    },
    /// Another process is downloading the same data set; this one waits for it.
    Waiting,
    /// Pictures are being decoded.
    Pictures {
        /// How many are ready.
        done: usize,
        /// How many there are.
        total: usize,
    },
}

/// What is called with every report.
pub type OnProgress<'a> = &'a mut dyn FnMut(LoadProgress<'_>);
