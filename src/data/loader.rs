//! The trait of every kind of data: a survey without reading pixels, and loading.

use std::path::PathBuf;

use super::division::{Division, Shares};
use super::error::DataError;
use super::images::Images;
use super::places::Places;
use super::progress::OnProgress;
use super::set::Survey;
use super::source::Source;

/// What a kind of data loads by, beside its own settings.
pub(super) struct Request<'a> {
    pub division: &'a Division,
    /// Decides what is drawn by the program.
    pub seed: u64,
    /// Where the files of known data sets may lie.
    pub places: &'a Places,
}

/// Images in the order of [`Division::parts`], the first `keep` of each part.
#[derive(Debug)]
pub(super) struct Loaded {
    pub images: Images,
    /// The files that were read.
    pub sources: Vec<Source>,
    pub shares: Shares,
    /// Where the images were found, for a person.
    pub place: String,
}

/// The classes of images, without the images.
#[derive(Debug)]
pub(super) struct Labelled {
    /// Names of the classes.
    pub names: Vec<String>,
    /// The label of each image in the order of [`Loaded`], with the shares; none where they are not known yet.
    pub images: Option<(Vec<u16>, Shares)>,
}

/// A kind of data; the type that implements it holds the settings of its own.
pub(super) trait Loader {
    /// Says what [`load`](Self::load) would give, from file headers and folder listings alone.
    ///
    /// # Errors
    /// As `load`, where that can be known without reading pixels. A known data set that is not on this machine is not
    /// an error.
    fn survey(&self, request: &Request<'_>) -> Result<Survey, DataError>;

    /// Loads the images, downloading them where that has to be.
    fn load(&self, request: &Request<'_>, progress: OnProgress<'_>) -> Result<Loaded, DataError>;

    /// The classes that [`load`](Self::load) would give, without reading pixels or downloading anything.
    ///
    /// # Errors
    /// As `load`, where that can be known without reading pixels.
    fn labels(&self, request: &Request<'_>) -> Result<Labelled, DataError>;

    /// Whether the data may have a test part beside that to train on.
    fn has_test_part() -> bool
    where
        Self: Sized,
    {
        true
    }

    /// How `runner data NAME` finds the data set; none where only a spec says where the data lies.
    fn locate() -> Option<Locate>
    where
        Self: Sized,
    {
        None
    }

    /// The fingerprint of data that the kind makes of its settings, and of nothing else; none where the data itself has
    /// to be read.
    fn fingerprint(&self) -> Option<String> {
        None
    }
}

/// Finds, downloads and checks a data set.
pub(super) type Locate = fn(&Places, OnProgress<'_>) -> Result<Located, DataError>;

/// Where a data set lies, all of its files checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Located {
    /// The data set's name.
    pub name: &'static str,
    /// The folder of its files; none for a data set that the program draws.
    pub folder: Option<PathBuf>,
    /// Whether it was downloaded just now.
    pub downloaded: bool,
    /// Its files: train images, train labels, test images, test labels.
    pub files: Vec<LocatedFile>,
}

/// A file of a located data set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocatedFile {
    /// Where it lies, and the digest and length of its uncompressed bytes.
    pub source: Source,
    /// Whether the digest is the published one. If not, the program knows none, and only the file's
    /// structure was checked.
    pub verified: bool,
}
