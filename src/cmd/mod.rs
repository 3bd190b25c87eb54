//! One command, one file.

pub mod bench;
pub mod check;
pub mod completions;
pub mod data;
pub mod diff;
pub mod doctor;
pub mod encode;
pub mod interpolate;
pub mod list;
pub mod query;
pub mod rebuild;
pub mod reconstruct;
pub mod report;
pub mod resume;
pub mod run;
pub mod sample;
pub mod schema;
pub mod settings;
pub mod verify;
