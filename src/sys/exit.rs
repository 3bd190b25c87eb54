//! Exit codes: what a script may rely on. The list is part of the program's interface.

/// Everything asked for was done.
pub const DONE: u8 = 0;
/// The run failed (a loss that is not a number, a value above the tolerance of `verify`).
pub const FAILED: u8 = 1;
/// The command line or the spec is wrong; nothing was written.
pub const USAGE: u8 = 2;
/// Some of several runs failed (a sweep, `resume --all`).
pub const PARTLY_FAILED: u8 = 3;
/// A limit under `[expect]` was missed.
pub const EXPECTATION_MISSED: u8 = 4;
/// Data or a checkpoint is invalid (`EX_DATAERR` of sysexits.h).
pub const INVALID_DATA: u8 = 65;
/// The device asked for is not there (`EX_UNAVAILABLE`).
pub const NO_DEVICE: u8 = 69;
/// Reading or writing failed (`EX_IOERR`).
pub const IO: u8 = 74;
/// Another process writes to the run (`EX_TEMPFAIL`).
pub const LOCKED: u8 = 75;
/// Stopped by SIGINT after saving (128 + 2).
pub const INTERRUPTED: u8 = 130;
/// Stopped by SIGTERM after saving (128 + 15).
pub const TERMINATED: u8 = 143;
