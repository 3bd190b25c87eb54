//! KMNIST: cursive Japanese characters (Clanuwat et al. 2018), named by their reading.

use std::path::{Path, PathBuf};

use crate::data::known::KnownSet;
use crate::data::known_loader::KnownKind;

use super::fashion_mnist::FASHION_MNIST;

/// Kuzushiji-MNIST: 70,000 gray images of cursive Japanese characters, 28 x 28
#[derive(Clone, Debug, PartialEq)]
pub struct Kmnist {
    /// A folder to look in first.
    pub path: Option<PathBuf>,
}

impl KnownKind for Kmnist {
    const SET: &'static KnownSet = &KMNIST;

    fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }
}

pub(in crate::data) static KMNIST: KnownSet = KnownSet {
    name: "kmnist",
    classes: ["o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"],
    torchvision_folder: "KMNIST/raw",
    package: None,
    mirrors: &["https://codh.rois.ac.jp/kmnist/dataset/kmnist/"],
    digests: None,
    similar: &[&FASHION_MNIST],
};
