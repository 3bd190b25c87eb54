//! Data sets: images in memory as `u8`, checked against what their files declare.
//!
//! [`load`] turns the `[data]` table of a spec into a [`DataSet`]: one block of pixels in NHWC order,
//! which of them train and which are held out, and where all of it came from. Nothing here depends on
//! tensors; [`fill_batch`] gives the numbers that a network reads.
//!
//! # From bottom to top
//!
//! | part | files |
//! | --- | --- |
//! | basic types | `binarize`, `images`, `source`, `progress`, `error`, `division` (which images train), `set` |
//! | formats | `element` (types of numbers), `input` (plain or packed), `array_file` with `idx` and `npy`, `zip` and `npz`; `tree`, `picture` and `budget` |
//! | known data sets | `known`, `places`, `download` |
//! | kinds | `loader` (what each does), `labelled` and `known_loader` (what several share), `kinds` (one file each, and the registry) |
//! | all kinds | `load`, `describe` |
//!
//! # Guarantees
//!
//! - Images are `u8` from the file to the batch. Files are decompressed straight into the place where
//!   the pixels stay; there is never a second copy of all of them.
//! - A file that contradicts its header is refused with the byte where it does, in memory that the file's own
//!   length bounds. No input makes the program panic.
//! - The same spec and seed give the same images in the same order and the same held-out part, on
//!   every machine, whatever the number of threads.
//! - Nothing is written but the data cache, and there each file is complete, checked, or absent.

mod array_file;
mod binarize;
mod budget;
mod classes;
mod describe;
mod division;
mod download;
mod element;
mod error;
mod idx;
mod images;
mod input;
pub mod kinds;
mod known;
mod known_loader;
mod labelled;
mod load;
mod loader;
mod npy;
mod npz;
mod picture;
mod places;
mod progress;
mod set;
mod source;
mod table;
mod tree;
mod zip;

pub use binarize::{Binarization, Binarize};
pub use classes::{Classes, classes};
pub use describe::{Described, Description, describe};
pub use division::{Division, Split, Validation};
pub use error::{DataError, Refusal};
pub use images::{Factor, Factors, Images, fill_batch, fill_batch_of_epoch};
pub use kinds::DataKind;
pub use load::{fingerprint, load, locate, located_names, survey};
pub use loader::{Located, LocatedFile};
pub use picture::Color;
pub use progress::{LoadProgress, OnProgress};
pub use set::{DataSet, Survey};
pub use source::Source;
pub use table::Data;
