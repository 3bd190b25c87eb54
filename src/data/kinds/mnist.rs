//! MNIST: handwritten digits (LeCun, Cortes and Burges 1998).

use std::path::{Path, PathBuf};

use crate::data::known::KnownSet;
use crate::data::known_loader::KnownKind;

use super::fashion_mnist::FASHION_MNIST;

/// MNIST: 70,000 gray images of handwritten digits, 28 x 28
#[derive(Clone, Debug, PartialEq)]
pub struct Mnist {
    /// A folder to look in first.
    pub path: Option<PathBuf>,
}

impl KnownKind for Mnist {
    const SET: &'static KnownSet = &MNIST;

    fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }
}

pub(in crate::data) static MNIST: KnownSet = KnownSet {
    name: "mnist",
    classes: ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"],
    torchvision_folder: "MNIST/raw",
    package: None,
    mirrors: &[
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    ],
    digests: None,
    similar: &[&FASHION_MNIST],
};
