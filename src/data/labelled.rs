//! Images and labels from array files, one pair of files for each part of a data set, read to the place in memory where
//! they stay.

use std::path::{Path, PathBuf};
use std::thread::{self, ScopedJoinHandle};

use crate::config::Rules;
use crate::sys::exit;

use super::array_file::{ArrayFile, Content};
use super::division::{Division, Split, uses};
use super::error::{DataError, Refusal, SettingError, file_of};
use super::images::{Images, blank_pixels};
use super::loader::{Labelled, Loaded};
use super::set::Survey;
use super::source::Source;

/// The files of one part, headers read.
pub(super) struct PartFiles {
    pub images: ArrayFile<'static>,
    /// Without labels, all images are of one class.
    pub labels: Option<ArrayFile<'static>>,
}

/// Files that a spec names, of which each part takes its own.
pub(super) struct NamedFiles<'a> {
    /// What the spec calls this kind of data.
    pub dataset: &'static str,
    pub images: Option<&'a Path>,
    pub labels: Option<&'a Path>,
    pub test_images: Option<&'a Path>,
    pub test_labels: Option<&'a Path>,
    pub labels_are_needed: bool,
    pub open: fn(&Path, Content) -> Result<ArrayFile<'static>, DataError>,
}

impl NamedFiles<'_> {
    /// Opens the files of the parts that are read.
    pub(super) fn open(&self, division: &Division) -> Result<Vec<PartFiles>, DataError> {
        let paths = division.parts().into_iter().map(|part| {
            let [images, labels] = match part {
                Split::Train => [("data.images", self.images), ("data.labels", self.labels)],
                Split::Test => [
                    ("data.test_images", self.test_images),
                    ("data.test_labels", self.test_labels),
                ],
            };
            let file = |(key, path)| file_of(key, self.dataset, path);
            let has_labels = self.labels_are_needed || labels.1.is_some();
            Ok((file(images)?, has_labels.then(|| file(labels)).transpose()?))
        });
        // All settings are checked before any file is opened.
        let paths = paths.collect::<Result<Vec<_>, SettingError>>()?;
        let open = |(images, labels): (&Path, Option<&Path>)| {
            let labels = labels.map(|path| (self.open)(path, Content::Labels));
            Ok(PartFiles {
                images: (self.open)(images, Content::Images)?,
                labels: labels.transpose()?,
            })
        };
        paths.into_iter().map(open).collect()
    }
}

/// Implements a kind of data whose files the settings `images`, `labels`, `test_images` and `test_labels` name.
macro_rules! named_files_kind {
    ($kind:ident = $name:expr, labels_are_needed: $labels_are_needed:literal, open: $open:path) => {
        impl $kind {
            fn files(&self) -> $crate::data::labelled::NamedFiles<'_> {
                $crate::data::labelled::NamedFiles {
                    dataset: $name,
                    images: self.images.as_deref(),
                    labels: self.labels.as_deref(),
                    test_images: self.test_images.as_deref(),
                    test_labels: self.test_labels.as_deref(),
                    labels_are_needed: $labels_are_needed,
                    open: $open,
                }
            }
        }

        impl Loader for $kind {
            fn survey(&self, request: &Request<'_>) -> Result<Survey, DataError> {
                let files = self.files().open(request.division)?;
                $crate::data::labelled::survey(&files, request.division)
            }

            fn labels(&self, request: &Request<'_>) -> Result<Labelled, DataError> {
                let files = self.files().open(request.division)?;
                $crate::data::labelled::labels(files, request.division)
            }

            fn load(&self, request: &Request<'_>, _: OnProgress<'_>) -> Result<Loaded, DataError> {
                let files = self.files().open(request.division)?;
                $crate::data::labelled::read(files, request.division, None)
            }
        }
    };
}

pub(super) use named_files_kind;

/// Reports files of a part that is used and that a spec does not name: each has its part, its setting in `[data]`, and
/// an example.
pub(super) fn report_missing(
    it: &mut Rules<'_>,
    dataset: &str,
    expected: &str,
    files: &[(Split, &str, &str)],
) {
    for &(part, name, example) in files {
        let key = format!("data.{name}");
        if !uses(it, part) || it.values.written(&key).is_some() {
            continue;
        }
        let reason = match part {
            Split::Train => "the training part is used",
            Split::Test => "the test part is used",
        };
        let message = format!("`{key}` is missing: \"{dataset}\" needs it since {reason}");
        let hint = format!("add a line such as `{name} = \"{example}\"` to `[data]`");
        let diagnostic = it.at(&["dataset"], message);
        let diagnostic = diagnostic.expected(expected).hint(hint);
        it.diagnostics.push(diagnostic);
    }
}

/// Files that do not belong together.
#[derive(Debug, thiserror::Error)]
pub(super) enum PairError {
    #[error(
        "`{}` holds {images} images, but `{}` holds {labels} labels",
        images_path.display(), labels_path.display()
    )]
    Counts {
        images_path: PathBuf,
        images: usize,
        labels_path: PathBuf,
        labels: usize,
    },
    #[error(
        "the images of `{}` are {}, those of `{}` are {}",
        first_path.display(), size(*first), second_path.display(), size(*second)
    )]
    Sizes {
        first_path: PathBuf,
        /// Height, width, channels.
        first: [usize; 3],
        second_path: PathBuf,
        second: [usize; 3],
    },
    #[error("`{}`: at byte {offset}: label {label}, expected 0 to {}", path.display(), classes.saturating_sub(1))]
    Label {
        path: PathBuf,
        /// Byte of the uncompressed file.
        offset: u64,
        label: u8,
        classes: usize,
    },
}

fn size([height, width, channels]: [usize; 3]) -> String {
    format!("{height} x {width} x {channels}")
}

impl Refusal for PairError {
    fn exit_code(&self) -> u8 {
        exit::INVALID_DATA
    }
}

/// Where the images lie, for a person.
fn place(files: &[PartFiles]) -> String {
    let paths = files.iter().map(|part| part.images.path().display());
    let paths: Vec<_> = paths.map(|path| path.to_string()).collect();
    paths.join(", ")
}

/// Checks that files belong together, and gives the number of images of each part.
fn check_together(files: &[PartFiles]) -> Result<Vec<usize>, PairError> {
    let mut counts = Vec::with_capacity(files.len());
    let mut first: Option<(&Path, [usize; 3])> = None;
    for PartFiles { images, labels } in files {
        let axes = images.axes();
        if let Some(labels) = labels
            && labels.axes().count != axes.count
        {
            return Err(PairError::Counts {
                images_path: images.path().to_path_buf(),
                images: axes.count,
                labels_path: labels.path().to_path_buf(),
                labels: labels.axes().count,
            });
        }
        let (first_path, first_size) = *first.get_or_insert((images.path(), axes.size()));
        if axes.size() != first_size {
            return Err(PairError::Sizes {
                first_path: first_path.to_path_buf(),
                first: first_size,
                second_path: images.path().to_path_buf(),
                second: axes.size(),
            });
        }
        counts.push(axes.count);
    }
    Ok(counts)
}

/// Says what [`read`] would give.
pub(super) fn survey(files: &[PartFiles], division: &Division) -> Result<Survey, DataError> {
    let shares = division.shares(&check_together(files)?)?;
    let size = files
        .first()
        .map_or([0; 3], |part| part.images.axes().size());
    Ok(Survey::of(&shares, size, place(files)))
}

/// Reads the labels of [`read`] alone; the classes are the numbers from 0 to the highest.
pub(super) fn labels(files: Vec<PartFiles>, division: &Division) -> Result<Labelled, DataError> {
    let shares = division.shares(&check_together(&files)?)?;
    let mut labels: Vec<u16> = Vec::new();
    for (part, &keep) in files.into_iter().zip(&shares.keep) {
        match part.labels {
            Some(file) => {
                let (own, _) = read_labels(file, keep, MOST_CLASSES)?;
                labels.extend(own.into_iter().map(u16::from));
            }
            None => labels.resize(labels.len() + keep, 0),
        }
    }
    Ok(Labelled {
        names: numbers(&labels),
        images: Some((labels, shares)),
    })
}

/// Classes that labels of a byte can tell apart.
const MOST_CLASSES: usize = u8::MAX as usize + 1;

/// The numbers from 0 to the highest label, as names.
fn numbers(labels: &[u16]) -> Vec<String> {
    let highest = labels.iter().copied().max().unwrap_or(0);
    (0..=highest).map(|class| class.to_string()).collect()
}

/// Reads pixels and labels, all files at once.
///
/// Without names, the classes are the numbers from 0 to the highest label.
pub(super) fn read(
    files: Vec<PartFiles>,
    division: &Division,
    classes: Option<Vec<String>>,
) -> Result<Loaded, DataError> {
    let shares = division.shares(&check_together(&files)?)?;
    let place = place(&files);
    // There is a part where there is an image.
    let [height, width, channels] = files
        .first()
        .map_or([0; 3], |part| part.images.axes().size());
    let item_bytes = height * width * channels;
    let limit = classes.as_ref().map_or(MOST_CLASSES, Vec::len);
    let mut pixels = blank_pixels(shares.keep.iter().sum(), item_bytes)?;
    let mut rest = pixels.as_mut_slice();
    let read = thread::scope(|scope| {
        let mut running = Vec::new();
        for (part, &keep) in files.into_iter().zip(&shares.keep) {
            let (own, others) = rest.split_at_mut(keep * item_bytes);
            rest = others;
            let images = scope.spawn(move || read_images(part.images, own));
            let labels = part
                .labels
                .map(|labels| scope.spawn(move || read_labels(labels, keep, limit)));
            running.push((keep, images, labels));
        }
        let joined = running
            .into_iter()
            .map(|(keep, images, labels)| (keep, join(images), labels.map(join)));
        joined.collect::<Vec<_>>()
    });
    let mut sources = Vec::with_capacity(2 * read.len());
    let mut labels: Vec<u16> = Vec::new();
    for (keep, images, own) in read {
        sources.push(images?);
        match own {
            Some(own) => {
                let (own, source) = own?;
                labels.extend(own.into_iter().map(u16::from));
                sources.push(source);
            }
            None => labels.resize(labels.len() + keep, 0),
        }
    }
    let classes = classes.unwrap_or_else(|| numbers(&labels));
    Ok(Loaded {
        images: Images {
            height,
            width,
            channels,
            pixels,
            labels,
            classes,
            factors: None,
        },
        sources,
        shares,
        place,
    })
}

fn read_images(mut file: ArrayFile<'_>, pixels: &mut [u8]) -> Result<Source, DataError> {
    file.fill(pixels)?;
    file.finish()
}

fn read_labels(
    mut file: ArrayFile<'_>,
    keep: usize,
    classes: usize,
) -> Result<(Vec<u8>, Source), DataError> {
    let mut labels = blank_pixels(keep, 1)?;
    let header_bytes = file.position();
    file.fill(&mut labels)?;
    let path = file.path().to_path_buf();
    let source = file.finish()?;
    let is_no_class = |label: &u8| usize::from(*label) >= classes;
    match labels.iter().position(is_no_class) {
        None => Ok((labels, source)),
        Some(position) => Err(DataError::from(PairError::Label {
            path,
            offset: header_bytes + position as u64,
            label: labels[position],
            classes,
        })),
    }
}

/// The result of a thread; resumes its panic in this thread.
pub(super) fn join<T>(handle: ScopedJoinHandle<'_, T>) -> T {
    handle
        .join()
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}
