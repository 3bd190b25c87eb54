//! Where the images come from and how they are divided.

use std::path::PathBuf;

use crate::config::choice::choices;
pub use crate::data::{Color, Split, Validation};

choices! {
    /// A data set that the program knows how to read.
    pub enum Dataset {
        /// Fashion-MNIST: 70,000 gray images of clothes, 28 x 28
        FashionMnist = "fashion-mnist",
        /// MNIST: 70,000 gray images of handwritten digits, 28 x 28
        Mnist = "mnist",
        /// Kuzushiji-MNIST: 70,000 gray images of cursive Japanese characters, 28 x 28
        Kmnist = "kmnist",
        /// shapes with known factors, drawn by the program: nothing to download
        Sprites = "sprites",
        /// your own IDX files (the format of MNIST), plain or gzip
        Idx = "idx",
        /// a folder of PNG and JPEG files, one sub-folder a class
        Images = "images",
    }
}

/// The `[data]` table. All paths are absolute.
#[derive(Clone, Debug, PartialEq)]
pub struct Data {
    /// Which data set.
    pub dataset: Dataset,
    /// Known sets: a folder to look in first. `images`: the folder. `idx`: the folder that the
    /// four files below are relative to.
    pub path: Option<PathBuf>,
    /// The published parts to train on; not empty, no part twice.
    pub splits: Vec<Split>,
    /// What is kept out of training.
    pub validation: Validation,
    /// Only the first so many training images, counted before any are kept out for validation.
    pub limit: Option<usize>,
    /// Side of the square images of `sprites` and `images`, in pixels.
    pub image_size: usize,
    /// Channels of `images`.
    pub color: Color,
    /// How many `sprites` are drawn.
    pub count: usize,
    /// IDX file of the training images.
    pub images: Option<PathBuf>,
    /// IDX file of the training labels.
    pub labels: Option<PathBuf>,
    /// IDX file of the test images.
    pub test_images: Option<PathBuf>,
    /// IDX file of the test labels.
    pub test_labels: Option<PathBuf>,
}
