//! Getting images into memory as `u8`, and refusing what is not what it says it is.
//!
//! [`load`] turns the `[data]` table of a spec into a [`DataSet`]: one block of pixels in NHWC order,
//! which of them train and which are held out, and where all of it came from. Nothing here knows of
//! tensors; [`fill_batch`] is the door to them.
//!
//! # Kinds of data
//!
//! | data set | from | file |
//! | --- | --- | --- |
//! | `fashion-mnist`, `mnist`, `kmnist` | four IDX files, searched for, else downloaded | [`known`], `places`, `download` |
//! | `idx` | IDX files that the spec names | `idx`, `idx_set` |
//! | `images` | a folder of PNG and JPEG | `tree`, `picture`, `budget`, `picture_set` |
//! | `sprites` | drawn by the program | `sprites`, `shape` |
//!
//! # What is promised
//!
//! - Images are `u8` from the file to the batch. Files are decompressed straight into the place where
//!   the pixels stay; there is never a second copy of all of them.
//! - A file that lies about itself is refused with the place of the lie, in memory that the file's own
//!   length bounds ([`IdxError`]). No input makes the program panic.
//! - The same spec and seed give the same images in the same order and the same held-out part, on
//!   every machine, whatever the number of threads.
//! - Nothing is written but the data cache, and there each file is complete, checked, or absent.

mod budget;
mod download;
mod error;
mod idx;
mod idx_set;
mod images;
mod input;
pub mod known;
mod locate;
mod picture;
mod picture_set;
mod places;
mod set;
mod shape;
mod split;
mod sprites;
mod tree;

pub use error::{BrokenPicture, DataError, FailedDownload, LookedAt};
pub use idx::IdxError;
pub use images::{Factors, Images, fill_batch};
pub use locate::{Located, LocatedFile, locate};
pub use set::{DataSet, Progress, Source, Survey, fingerprint, load, survey, without_division};
