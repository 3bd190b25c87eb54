//! Fashion-MNIST: Zalando's articles (Xiao, Rasul and Vollgraf 2017).

use crate::data::known::KnownSet;
use crate::data::known_loader::known_kind;

known_kind! {
    /// Fashion-MNIST: 70,000 gray images of clothes, 28 x 28
    pub struct FashionMnist = FASHION_MNIST;
}

pub(in crate::data) static FASHION_MNIST: KnownSet = KnownSet {
    name: "fashion-mnist",
    classes: [
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ],
    torchvision_folder: "FashionMNIST/raw",
    package: Some("dataset-fashion-mnist"),
    mirrors: &[
        "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
        "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
        "https://fashion-mnist.s3.eu-central-1.amazonaws.com/",
    ],
    digests: Some([
        "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    ]),
    packed_digests: None,
    similar: &[],
};
