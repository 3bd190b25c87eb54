//! The process and its machine: clock, stop signals, exit codes, what the machine is, text that is safe on a terminal.
//!
//! All reading of clocks goes through [`clock`].

pub mod clock;
pub mod exit;
pub mod machine;
pub mod printable;
pub mod stop;
