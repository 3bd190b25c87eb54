//! KMNIST: cursive Japanese characters (Clanuwat et al. 2018), named by their reading.

use crate::data::known::KnownSet;
use crate::data::known_loader::known_kind;

use super::fashion_mnist::FASHION_MNIST;
use super::mnist::MNIST;

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
    packed_digests: Some([
        "51467d22d8cc72929e2a028a0428f2086b092bb31cfb79c69cc0a90ce135fde4",
        "e38f9ebcd0f3ebcdec7fc8eabdcdaef93bb0df8ea12bee65224341c8183d8e17",
        "edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5",
        "20bb9a0ef54c7db3efc55a92eef5582c109615df22683c380526788f98e42a1c",
    ]),
    similar: &[&FASHION_MNIST, &MNIST],
};
