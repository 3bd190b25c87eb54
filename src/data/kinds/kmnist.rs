//! KMNIST: cursive Japanese characters (Clanuwat et al. 2018), named by their reading.

use crate::data::known::KnownSet;
use crate::data::known_loader::known_kind;

use super::fashion_mnist::FASHION_MNIST;

known_kind! {
    /// Kuzushiji-MNIST: 70,000 gray images of cursive Japanese characters, 28 x 28
    pub struct Kmnist = KMNIST;
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
