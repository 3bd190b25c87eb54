//! Images, labels and factors from array files, each part of a data set of its own files, read to the place in memory
//! where they stay.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::thread::{self, ScopedJoinHandle};

use crate::config::Rules;
use crate::sys::exit;

use super::array_file::{ArrayFile, Content};
use super::binarize::Binarization;
use super::division::{Division, Split, uses};
use super::element::Range;
use super::error::{DataError, Refusal, SettingError, file_of};
use super::images::{Factor, Factors, Images, MemoryError, blank_pixels};
use super::loader::{Labelled, Loaded};
use super::set::Survey;
use super::source::Source;

/// The files of one part, headers read.
pub(super) struct PartFiles {
    pub images: ArrayFile<'static>,
    /// Without labels, all images are of one class.
    pub labels: Option<ArrayFile<'static>>,
    /// What each image was made from; kept where every part has them.
    pub factors: Option<ArrayFile<'static>>,
}

/// How files are read that do not say all of it themselves.
#[derive(Clone, Debug, Default)]
pub(super) struct Reading {
    /// Without names, the classes are the numbers from 0 to the highest label.
    pub classes: Option<Vec<String>>,
    /// The values that are black and white; without, those of the elements' type.
    pub range: Option<Range>,
    /// Names of the factors; without, they are numbered from 1.
    pub factor_names: &'static [&'static str],
}

/// Files that a spec names, of which each part takes its own.
pub(super) struct NamedFiles<'a> {
    /// What the spec calls this kind of data.
    pub dataset: &'static str,
    pub images: Option<&'a Path>,
    pub labels: Option<&'a Path>,
    pub test_images: Option<&'a Path>,
    pub test_labels: Option<&'a Path>,
    pub range: Option<Range>,
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
            let labels = labels.1.is_some().then(|| file(labels));
            Ok((file(images)?, labels.transpose()?))
        });
        // All settings are checked before any file is opened.
        let paths = paths.collect::<Result<Vec<_>, SettingError>>()?;
        let open = |(images, labels): (&Path, Option<&Path>)| {
            let labels = labels.map(|path| (self.open)(path, Content::Labels));
            Ok(PartFiles {
                images: (self.open)(images, Content::Images)?,
                labels: labels.transpose()?,
                factors: None,
            })
        };
        paths.into_iter().map(open).collect()
    }
}

impl NamedFiles<'_> {
    /// See [`Loader::survey`](super::loader::Loader::survey).
    pub(super) fn survey(&self, division: &Division) -> Result<Survey, DataError> {
        survey(&self.open(division)?, division)
    }

    /// See [`Loader::labels`](super::loader::Loader::labels).
    pub(super) fn labels(&self, division: &Division) -> Result<Labelled, DataError> {
        labels(self.open(division)?, division)
    }

    /// Reads the files of the parts that a division has.
    pub(super) fn load(&self, division: &Division) -> Result<Loaded, DataError> {
        let reading = Reading {
            range: self.range,
            ..Reading::default()
        };
        read(self.open(division)?, division, reading)
    }
}

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

/// Reports a range that begins where it ends.
pub(super) fn range_has_a_width(it: &mut Rules<'_>) {
    let Some(range) = it.get::<Range>("range") else {
        return;
    };
    if range.min >= range.max {
        let message = format!("`data.range` is from {} to {}", range.min, range.max);
        let diagnostic = it.at(&["range"], message);
        let diagnostic = diagnostic.expected("a `min` below the `max`");
        it.diagnostics.push(diagnostic.hint(
            "`min` is 0 where it is left out, `max` is 1: for bytes write `range = { max = 255 }`",
        ));
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
        label: f64,
        classes: usize,
    },
    #[error("`{}`: factor {factor} has more than {MOST_VALUES} different values", path.display())]
    FactorValues { path: PathBuf, factor: usize },
    #[error("`{}`: factor {factor} has a value that is not a number", path.display())]
    FactorValue { path: PathBuf, factor: usize },
}

/// How many different values a factor or a label may have.
const MOST_VALUES: usize = 1 << 16;

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
    for PartFiles {
        images,
        labels,
        factors,
    } in files
    {
        let axes = images.axes();
        let others = labels.iter().chain(factors);
        if let Some(labels) = others.into_iter().find(|it| it.axes().count != axes.count) {
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
                let (own, _) = read_labels(file, keep, MOST_VALUES)?;
                labels.extend(own);
            }
            None => labels.resize(labels.len() + keep, 0),
        }
    }
    Ok(Labelled {
        names: numbers(&labels),
        images: Some((labels, shares)),
    })
}

/// The numbers from 0 to the highest label, as names.
fn numbers(labels: &[u16]) -> Vec<String> {
    let highest = labels.iter().copied().max().unwrap_or(0);
    (0..=highest).map(|class| class.to_string()).collect()
}

/// Reads pixels, labels and factors, all files at once.
pub(super) fn read(
    files: Vec<PartFiles>,
    division: &Division,
    reading: Reading,
) -> Result<Loaded, DataError> {
    let Reading {
        classes,
        range,
        factor_names,
    } = reading;
    let shares = division.shares(&check_together(&files)?)?;
    let place = place(&files);
    // There is a part where there is an image.
    let [height, width, channels] = files
        .first()
        .map_or([0; 3], |part| part.images.axes().size());
    let item_values = height * width * channels;
    let limit = classes.as_ref().map_or(MOST_VALUES, Vec::len);
    let mut pixels = blank_pixels(shares.keep.iter().sum(), item_values)?;
    let mut rest = pixels.as_mut_slice();
    let read = thread::scope(|scope| {
        let mut running = Vec::new();
        for (part, &keep) in files.into_iter().zip(&shares.keep) {
            let (own, others) = rest.split_at_mut(keep * item_values);
            rest = others;
            let images = scope.spawn(move || read_images(part.images, own, range));
            let labels = part
                .labels
                .map(|labels| scope.spawn(move || read_labels(labels, keep, limit)));
            let factors = part
                .factors
                .map(|factors| scope.spawn(move || read_numbers(factors, keep)));
            running.push((keep, images, labels, factors));
        }
        let joined = running.into_iter().map(|(keep, images, labels, factors)| {
            (keep, join(images), labels.map(join), factors.map(join))
        });
        joined.collect::<Vec<_>>()
    });
    let mut sources = Vec::with_capacity(2 * read.len());
    let mut labels: Vec<u16> = Vec::new();
    let mut factors = Some(Numbers::default());
    for (keep, images, own, own_factors) in read {
        sources.push(images?);
        match own {
            Some(own) => {
                let (own, source) = own?;
                labels.extend(own);
                sources.push(source);
            }
            None => labels.resize(labels.len() + keep, 0),
        }
        factors = match (factors, own_factors.transpose()?) {
            (Some(mut all), Some((own, source))) => {
                sources.push(source);
                all.path = own.path;
                all.width = own.width;
                all.values.extend(own.values);
                Some(all)
            }
            _ => None,
        };
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
            factors: factors
                .map(|numbers| factors_of(&numbers, factor_names))
                .transpose()?,
            binarization: Binarization::NONE,
        },
        sources,
        shares,
        place,
    })
}

fn read_images(
    mut file: ArrayFile<'_>,
    pixels: &mut [u8],
    range: Option<Range>,
) -> Result<Source, DataError> {
    file.pixels(pixels, range)?;
    file.finish()
}

fn read_labels(
    mut file: ArrayFile<'_>,
    keep: usize,
    classes: usize,
) -> Result<(Vec<u16>, Source), DataError> {
    let mut labels = room_for(keep)?;
    let header_bytes = file.position();
    let width = file.axes().item_values();
    let (mut at, mut odd) = (0_usize, None);
    file.numbers(keep.saturating_mul(width), |label| {
        // Of several numbers, the first is the label.
        if at.is_multiple_of(width) {
            if !(label >= 0.0 && label < classes as f64 && label.fract() == 0.0) {
                odd.get_or_insert((at, label));
            }
            // Below `classes`, which are 65,536 at the most.
            labels.push(label as u16);
        }
        at += 1;
    })?;
    let path = file.path().to_path_buf();
    let size = file.element().size();
    let source = file.finish()?;
    match odd {
        None => Ok((labels, source)),
        Some((position, label)) => Err(DataError::from(PairError::Label {
            path,
            offset: header_bytes + (position * size) as u64,
            label,
            classes,
        })),
    }
}

/// Room for so many items, asked for in a way that may fail.
fn room_for<T>(items: usize) -> Result<Vec<T>, MemoryError> {
    let mut room = Vec::new();
    let bytes = items.saturating_mul(size_of::<T>());
    match room.try_reserve_exact(items) {
        Ok(()) => Ok(room),
        Err(_) => Err(MemoryError::OutOfMemory { bytes }),
    }
}

/// The factors of images as they stand in a file: images x factors.
#[derive(Default)]
struct Numbers {
    path: PathBuf,
    width: usize,
    values: Vec<f64>,
}

fn read_numbers(mut file: ArrayFile<'_>, keep: usize) -> Result<(Numbers, Source), DataError> {
    let width = file.axes().item_values();
    let count = keep.saturating_mul(width);
    let mut values = room_for(count)?;
    file.numbers(count, |value| values.push(value))?;
    let path = file.path().to_path_buf();
    let numbers = Numbers {
        path,
        width,
        values,
    };
    Ok((numbers, file.finish()?))
}

/// Factors from their values: each takes the different ones that it has, in ascending order. Those that have one value
/// only are left out.
fn factors_of(numbers: &Numbers, names: &[&'static str]) -> Result<Factors, PairError> {
    let width = numbers.width.max(1);
    let mut factors = vec![];
    let mut columns = vec![];
    for factor in 0..width {
        let column = || numbers.values.iter().skip(factor).step_by(width).copied();
        let path = || numbers.path.clone();
        let mut values: Vec<f64> = vec![];
        for value in column() {
            if value.is_nan() {
                let (path, factor) = (path(), factor + 1);
                return Err(PairError::FactorValue { path, factor });
            }
            if let Err(at) = values.binary_search_by(|it| it.total_cmp(&value)) {
                if values.len() == MOST_VALUES {
                    let (path, factor) = (path(), factor + 1);
                    return Err(PairError::FactorValues { path, factor });
                }
                values.insert(at, value);
            }
        }
        if values.len() < 2 {
            continue;
        }
        let index = |value: f64| {
            let found = values.binary_search_by(|it| it.total_cmp(&value));
            // There are 65,536 at the most.
            found.unwrap_or_default() as u16
        };
        columns.push(column().map(index).collect::<Vec<u16>>());
        let name = names.get(factor).map(|name| Cow::Borrowed(*name));
        factors.push(Factor {
            name: name.unwrap_or_else(|| Cow::Owned(format!("factor {}", factor + 1))),
            values: values.into_iter().map(|it| it as f32).collect(),
        });
    }
    let images = numbers.values.len() / width;
    let row = |image: usize| columns.iter().map(move |column| column[image]);
    let indices = (0..images).flat_map(row).collect();
    Ok(Factors { factors, indices })
}

/// The result of a thread; resumes its panic in this thread.
pub(super) fn join<T>(handle: ScopedJoinHandle<'_, T>) -> T {
    handle
        .join()
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}
