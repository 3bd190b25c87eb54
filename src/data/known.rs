//! The data sets that the program knows by name: what their four files are called, what is in them,
//! and where they can be had.
//!
//! All three have 60,000 images to train on and 10,000 to test with, gray, 28 x 28, in ten classes.
//!
//! Fashion-MNIST is checked by the SHA-256 of its *uncompressed* files, since packagers compress them
//! again. Of MNIST and KMNIST the program carries no digests, only what their publishers say of their
//! shape; there the check is that each file is a sound IDX file (gzip's own check sums included) with
//! the published number of images, of the published size, with labels below ten, and that it is not
//! a file of Fashion-MNIST, which has the same names and shapes.

use super::idx::{Header, Kind};

/// A data set of four IDX files.
#[derive(Debug, PartialEq, Eq)]
pub struct KnownSet {
    /// Its name in a spec, and that of its folder in the cache.
    pub name: &'static str,
    /// Names of the classes, in the order of the labels.
    pub classes: [&'static str; 10],
    /// The folder below a root that torchvision keeps the files in.
    pub(super) torchvision_folder: &'static str,
    /// The Debian package that installs it.
    pub(super) package: Option<&'static str>,
    /// Where the files can be downloaded, in the order in which they are tried: what stands before the
    /// file's name.
    pub(super) mirrors: &'static [&'static str],
    /// SHA-256 of the uncompressed files, in the order of [`FILES`].
    pub(super) digests: Option<[&'static str; 4]>,
}

/// One of the four files of a known set.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct KnownFile {
    /// What the name begins with.
    stem: &'static str,
    /// What the name ends with.
    suffix: &'static str,
    pub kind: Kind,
    pub count: usize,
}

/// The four files: train images, train labels, test images, test labels.
pub(super) const FILES: [KnownFile; 4] = [
    KnownFile::new("train-images", "idx3-ubyte", Kind::Images, 60_000),
    KnownFile::new("train-labels", "idx1-ubyte", Kind::Labels, 60_000),
    KnownFile::new("t10k-images", "idx3-ubyte", Kind::Images, 10_000),
    KnownFile::new("t10k-labels", "idx1-ubyte", Kind::Labels, 10_000),
];

/// Zalando's articles (Xiao, Rasul and Vollgraf 2017). The digests are of the uncompressed files.
pub static FASHION_MNIST: KnownSet = KnownSet {
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
};

/// Handwritten digits (LeCun, Cortes and Burges 1998).
pub static MNIST: KnownSet = KnownSet {
    name: "mnist",
    classes: ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"],
    torchvision_folder: "MNIST/raw",
    package: None,
    mirrors: &[
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    ],
    digests: None,
};

/// Cursive Japanese characters (Clanuwat et al. 2018), named by their reading.
pub static KMNIST: KnownSet = KnownSet {
    name: "kmnist",
    classes: ["o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"],
    torchvision_folder: "KMNIST/raw",
    package: None,
    mirrors: &["https://codh.rois.ac.jp/kmnist/dataset/kmnist/"],
    digests: None,
};

/// All of them.
pub static ALL: [&KnownSet; 3] = [&FASHION_MNIST, &MNIST, &KMNIST];

/// Rows and columns of the images of every known set.
pub(super) const SIDE: usize = 28;

impl KnownFile {
    const fn new(stem: &'static str, suffix: &'static str, kind: Kind, count: usize) -> Self {
        Self {
            stem,
            suffix,
            kind,
            count,
        }
    }

    /// The name that the publishers give the file, compressed.
    pub(super) fn published_name(&self) -> String {
        format!("{}-{}.gz", self.stem, self.suffix)
    }

    /// Every name under which the file is looked for; plain first, since it loads faster.
    pub(super) fn names(&self) -> [String; 4] {
        let Self { stem, suffix, .. } = self;
        [
            format!("{stem}-{suffix}"),
            format!("{stem}.{suffix}"),
            format!("{stem}-{suffix}.gz"),
            format!("{stem}.{suffix}.gz"),
        ]
    }

    /// What its header has to say.
    pub(super) fn header(&self) -> Header {
        let side = match self.kind {
            Kind::Images => SIDE,
            Kind::Labels => 1,
        };
        Header {
            count: self.count,
            height: side,
            width: side,
            channels: 1,
        }
    }

    /// Length of the uncompressed file.
    pub(super) fn plain_bytes(&self) -> u64 {
        let header_bytes = match self.kind {
            Kind::Images => 16,
            Kind::Labels => 8,
        };
        header_bytes + (self.count * self.header().item_bytes()) as u64
    }
}

impl KnownSet {
    /// The set of that name.
    pub fn named(name: &str) -> Option<&'static KnownSet> {
        ALL.into_iter().find(|set| set.name == name)
    }

    /// Which set and file a digest belongs to, if it is one that the program carries.
    pub(super) fn of_digest(sha256: &str) -> Option<&'static KnownSet> {
        ALL.into_iter()
            .find(|set| set.digests.is_some_and(|all| all.contains(&sha256)))
    }

    /// Where a person finds the files.
    pub(super) fn url(&self) -> &'static str {
        self.mirrors.first().copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_those_of_the_published_files() {
        // 16 + 60,000 * 784, 8 + 60,000, and so on.
        let bytes = FILES.each_ref().map(KnownFile::plain_bytes);
        assert_eq!(bytes, [47_040_016, 60_008, 7_840_016, 10_008]);
    }

    #[test]
    fn every_set_can_be_named_and_downloaded_over_tls() {
        for set in ALL {
            assert_eq!(KnownSet::named(set.name), Some(set));
            assert!(!set.mirrors.is_empty());
            for mirror in set.mirrors {
                assert!(mirror.starts_with("https://") && mirror.ends_with('/'));
            }
        }
        assert_eq!(KnownSet::named("emnist"), None);
    }

    #[test]
    fn digests_are_distinct_and_lead_back_to_their_set() {
        let digests = FASHION_MNIST.digests.unwrap();
        for (i, digest) in digests.iter().enumerate() {
            assert!(digest.len() == 64 && !digests[..i].contains(digest));
            assert_eq!(KnownSet::of_digest(digest), Some(&FASHION_MNIST));
        }
        assert_eq!(KnownSet::of_digest(""), None);
    }
}
