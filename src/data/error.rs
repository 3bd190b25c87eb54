//! Why images cannot be had: one variant a situation, with what a person can do about it.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::fs::files::FileError;
use crate::fs::lock::LockError;
use crate::sys::exit;
use crate::sys::printable::printable;

use super::idx::IdxError;

/// Why a data set was not loaded. The text says what is wrong, [`hint`](Self::hint) the way out.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// A setting that this kind of data set needs is not there.
    #[error("`{key}` is not set, and `dataset = \"{dataset}\"` needs it")]
    Missing {
        /// The setting.
        key: &'static str,
        /// The data set's name in a spec.
        dataset: &'static str,
    },
    /// A setting names a file or folder that is not there.
    #[error("`{key}` names `{}`, which is not {expected}", path.display())]
    NoSuchPath {
        /// The setting.
        key: &'static str,
        /// What it names.
        path: PathBuf,
        /// "a folder" or "a file".
        expected: &'static str,
    },
    /// `splits` is empty.
    #[error("`data.splits` names no split")]
    NoSplit,
    /// `splits` names one split twice.
    #[error("`data.splits` names \"{split}\" twice")]
    SplitTwice {
        /// The split.
        split: &'static str,
    },
    /// The test split is trained on and held out at once.
    #[error("`data.validation = \"test\"`, but `data.splits` trains on \"test\" as well")]
    ValidationIsTrainedOn,
    /// The data set has no test split.
    #[error("{name} has no test split: {reason}")]
    NoTestSplit {
        /// The data set.
        name: String,
        /// What it would take.
        reason: String,
    },
    /// More training images asked for than there are.
    #[error("`data.limit` is {limit}, but there are only {available} training images")]
    LimitTooLarge {
        /// The limit.
        limit: usize,
        /// What there is.
        available: usize,
    },
    /// A number of images is 0.
    #[error("`{key}` is 0, which leaves no image to train on")]
    NoImages {
        /// The setting.
        key: &'static str,
    },
    /// The held-out fraction rounds to no image, or to all of them.
    #[error("`data.validation` = {fraction} holds out {held_out} of {images} training images")]
    ValidationFraction {
        /// The fraction.
        fraction: f64,
        /// How many images it comes to.
        held_out: usize,
        /// Of how many.
        images: usize,
    },
    /// More sprites asked for than there are different ones.
    #[error("{asked} sprites asked for, but there are only {available} different ones")]
    TooManySprites {
        /// Those to train on and those to test with.
        asked: usize,
        /// Product of the sizes of all factors.
        available: usize,
    },
    /// A size of image that cannot be drawn or made.
    #[error("`data.image_size` is {found}, expected {min} to {max} pixels")]
    ImageSize {
        /// The size.
        found: usize,
        /// The smallest possible.
        min: usize,
        /// The largest possible.
        max: usize,
    },
    /// The images would take more memory than the program is ready to use.
    #[error("the images take {bytes} bytes, more than the limit of {limit}")]
    TooLarge {
        /// What all images take.
        bytes: u128,
        /// The limit.
        limit: u64,
    },
    /// The operating system does not give the memory.
    #[error("there is not enough memory for {bytes} bytes of images")]
    OutOfMemory {
        /// What all images take.
        bytes: usize,
    },
    /// No data set of that name.
    #[error("there is no data set `{name}`")]
    UnknownSet {
        /// What was asked for.
        name: String,
        /// The names there are.
        known: Vec<&'static str>,
    },

    /// An IDX file is not what it should be.
    #[error("`{}`: {source}", path.display())]
    Idx {
        /// The file.
        path: PathBuf,
        /// What is wrong and where.
        source: IdxError,
    },
    /// Images and labels do not belong together.
    #[error(
        "`{}` holds {images} images, but `{}` holds {labels} labels",
        images_path.display(), labels_path.display()
    )]
    CountsDiffer {
        /// The file of images.
        images_path: PathBuf,
        /// How many it declares.
        images: usize,
        /// The file of labels.
        labels_path: PathBuf,
        /// How many it declares.
        labels: usize,
    },
    /// The images of two splits have different sizes.
    #[error(
        "the images of `{}` are {}, those of `{}` are {}",
        first_path.display(), Size(*first), second_path.display(), Size(*second)
    )]
    SizesDiffer {
        /// The file of the first split.
        first_path: PathBuf,
        /// Height, width, channels there.
        first: [usize; 3],
        /// The file of the other split.
        second_path: PathBuf,
        /// Height, width, channels there.
        second: [usize; 3],
    },
    /// A label that is not a class of the data set.
    #[error("`{}`: at byte {offset}: label {label}, expected 0 to {}", path.display(), classes.saturating_sub(1))]
    Label {
        /// The file of labels.
        path: PathBuf,
        /// Byte of the uncompressed file.
        offset: u64,
        /// What stands there.
        label: u8,
        /// How many classes there are.
        classes: usize,
    },
    /// A file of a known data set has another content than the published one.
    #[error("`{}` is not the published file of {name}: SHA-256 {found} (uncompressed), expected {expected}", path.display())]
    Digest {
        /// The data set.
        name: &'static str,
        /// The file.
        path: PathBuf,
        /// Its digest.
        found: String,
        /// The published digest.
        expected: &'static str,
    },
    /// The files of one known data set lie where another was looked for.
    #[error("`{}` belongs to {other}, but {name} was asked for", path.display())]
    OtherSet {
        /// What was asked for.
        name: &'static str,
        /// Whose file it is.
        other: &'static str,
        /// The file.
        path: PathBuf,
    },
    /// Pictures that cannot be read.
    #[error("{}", BrokenList { broken, count: *count, pictures: *pictures })]
    BrokenPictures {
        /// The first few, in the order of the folder.
        broken: Vec<BrokenPicture>,
        /// How many there are in all.
        count: usize,
        /// Of how many.
        pictures: usize,
    },
    /// A folder without a picture in it.
    #[error("`{}` holds no PNG or JPEG file", path.display())]
    NoPictures {
        /// The folder.
        path: PathBuf,
    },
    /// Pictures both in sub-folders (classes) and beside them.
    #[error(
        "`{}` lies beside the class folder `{}`, so its class is unknown",
        shown(picture),
        printable(class)
    )]
    Unclassed {
        /// The first picture outside a class.
        picture: PathBuf,
        /// The first class.
        class: String,
    },
    /// A symbolic link inside a folder of pictures.
    #[error(
        "`{}` is a symbolic link; links inside a folder of pictures are not followed",
        shown(path)
    )]
    SymbolicLink {
        /// The link.
        path: PathBuf,
    },
    /// A pipe, socket or device with the name of a picture.
    #[error("`{}` has the name of a picture, but is no file", shown(path))]
    NotAFile {
        /// What has the name.
        path: PathBuf,
    },
    /// More classes than labels can tell apart.
    #[error("`{}` holds {classes} class folders, more than the limit of {}", path.display(), usize::from(u16::MAX) + 1)]
    TooManyClasses {
        /// The folder.
        path: PathBuf,
        /// How many.
        classes: usize,
    },

    /// A known data set is not on this machine, and it could not be downloaded.
    #[error("{}", NotFoundList { name, looked, tried })]
    NotFound {
        /// The data set.
        name: &'static str,
        /// Every place looked at, in this order.
        looked: Vec<LookedAt>,
        /// Every address tried, in this order.
        tried: Vec<FailedDownload>,
        /// The Debian package that has it, if there is one.
        package: Option<&'static str>,
        /// Where a person can download it.
        url: &'static str,
    },
    /// Reading failed.
    #[error("cannot read `{}`: {source}", shown(path))]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// A file cannot be opened, or a downloaded one not be written to the cache.
    #[error(transparent)]
    File(#[from] FileError),
    /// Another process has been downloading the same data set for too long.
    #[error(transparent)]
    Locked(LockError),
}

/// A place where a data set was looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LookedAt {
    /// The folder.
    pub folder: PathBuf,
    /// Why there: a setting, a variable, or what the folder is.
    pub reason: &'static str,
    /// What was seen there.
    pub seen: String,
}

/// An address that did not give a data set's file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedDownload {
    /// The address.
    pub url: String,
    /// Why not.
    pub reason: String,
}

/// A picture that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokenPicture {
    /// The file.
    pub path: PathBuf,
    /// Why not.
    pub reason: String,
}

impl DataError {
    pub(super) fn read(path: &Path, source: io::Error) -> Self {
        Self::Read {
            path: path.to_path_buf(),
            source,
        }
    }

    /// The process' exit code for this error: 2 where the spec or the command line asks for what
    /// cannot be, 65 where data is invalid, 74 where reading, writing or downloading failed, 75 where
    /// another process holds the cache.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Missing { .. }
            | Self::NoSuchPath { .. }
            | Self::NoSplit
            | Self::SplitTwice { .. }
            | Self::ValidationIsTrainedOn
            | Self::NoTestSplit { .. }
            | Self::LimitTooLarge { .. }
            | Self::NoImages { .. }
            | Self::ValidationFraction { .. }
            | Self::TooManySprites { .. }
            | Self::ImageSize { .. }
            | Self::TooLarge { .. }
            | Self::UnknownSet { .. } => exit::USAGE,
            Self::Idx { .. }
            | Self::CountsDiffer { .. }
            | Self::SizesDiffer { .. }
            | Self::Label { .. }
            | Self::Digest { .. }
            | Self::OtherSet { .. }
            | Self::BrokenPictures { .. }
            | Self::NoPictures { .. }
            | Self::Unclassed { .. }
            | Self::SymbolicLink { .. }
            | Self::NotAFile { .. }
            | Self::TooManyClasses { .. } => exit::INVALID_DATA,
            Self::OutOfMemory { .. }
            | Self::NotFound { .. }
            | Self::Read { .. }
            | Self::File(_) => exit::IO,
            Self::Locked(_) => exit::LOCKED,
        }
    }

    /// What a person can do about it, where that does not go without saying.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::UnknownSet { known, .. } => format!("data sets: {}", known.join(", ")),
            Self::ValidationIsTrainedOn => {
                "train on `splits = [\"train\"]`, or hold out a fraction such as `validation = 0.1`"
                    .into()
            }
            Self::LimitTooLarge { available, .. } => {
                format!("leave `data.limit` out, or set it to {available} or less")
            }
            Self::Digest { path, .. } | Self::OtherSet { path, .. } => format!(
                "remove `{}` to have the published file looked for elsewhere or downloaded; to train \
                 on files of your own, use `dataset = \"idx\"`",
                path.display()
            ),
            Self::Idx {
                path,
                source: IdxError::Gzip { .. } | IdxError::Short { .. } | IdxError::Impossible { .. },
            } => format!(
                "`{}` was probably not copied or downloaded to its end; fetch it again",
                path.display()
            ),
            Self::Unclassed { .. } => {
                "put every picture into a sub-folder of its class, or none of them".into()
            }
            Self::NotAFile { .. } => "take it out of the folder".into(),
            Self::SymbolicLink { .. } => {
                "put the file itself there, or let `data.path` name the folder that the link leads to"
                    .into()
            }
            Self::NotFound { package, url, .. } => not_found_hint(*package, url),
            _ => return None,
        })
    }
}

fn not_found_hint(package: Option<&str>, url: &str) -> String {
    let mut ways = Vec::new();
    if let Some(package) = package {
        ways.push(format!("install it: apt-get install {package}"));
    }
    ways.push("name the folder of the files: set `data.path` or $RUNNER_DATA_DIR".into());
    ways.push(format!(
        "connect to the network and run again, or download the files by hand from {url}"
    ));
    ways.join("\n")
}

/// A path that was found in a folder and not typed by anybody.
fn shown(path: &Path) -> String {
    printable(&path.to_string_lossy())
}

struct Size([usize; 3]);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [height, width, channels] = self.0;
        write!(f, "{height} x {width} x {channels}")
    }
}

struct BrokenList<'a> {
    broken: &'a [BrokenPicture],
    count: usize,
    pictures: usize,
}

impl fmt::Display for BrokenList<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            broken,
            count,
            pictures,
        } = self;
        write!(f, "{count} of {pictures} pictures cannot be read:")?;
        for BrokenPicture { path, reason } in *broken {
            write!(f, "\n  `{}`: {}", shown(path), printable(reason))?;
        }
        match count.saturating_sub(broken.len()) {
            0 => Ok(()),
            more => write!(f, "\n  and {more} more"),
        }
    }
}

struct NotFoundList<'a> {
    name: &'a str,
    looked: &'a [LookedAt],
    tried: &'a [FailedDownload],
}

impl fmt::Display for NotFoundList<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} is not on this machine and could not be downloaded; looked at",
            self.name
        )?;
        for LookedAt {
            folder,
            reason,
            seen,
        } in self.looked
        {
            write!(f, "\n  `{}` ({reason}): {seen}", folder.display())?;
        }
        for FailedDownload { url, reason } in self.tried {
            write!(f, "\n  {url}: {reason}")?;
        }
        Ok(())
    }
}
