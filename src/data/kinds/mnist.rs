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
    digests: Some([
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ]),
    packed_digests: None,
    similar: &[&FASHION_MNIST],
};
