//! MNIST: handwritten digits (LeCun, Cortes and Burges 1998).

use crate::data::known::KnownSet;
use crate::data::known_loader::known_kind;

use super::fashion_mnist::FASHION_MNIST;

known_kind! {
    /// MNIST: 70,000 gray images of handwritten digits, 28 x 28
    pub struct Mnist = MNIST;
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
