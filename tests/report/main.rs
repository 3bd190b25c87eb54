//! Listing, reports and what they say: real folders, the real program, and for the numbers Python's polars, for the
//! page a real browser.

#[path = "../common/mod.rs"]
mod common;

mod against_polars;
mod made;
mod page;
mod tables;
mod use_of_a_model;
