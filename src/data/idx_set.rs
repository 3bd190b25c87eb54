//! Data sets of IDX files: those known by name, and those that a spec names file by file.

use std::path::{Path, PathBuf};
use std::thread::{self, ScopedJoinHandle};

use crate::experiment::{Data, Split};

use super::download;
use super::error::DataError;
use super::idx::{IdxError, IdxFile, Kind};
use super::images::Images;
use super::known::{FILES, KnownFile, KnownSet, SIDE};
use super::places::{self, Surroundings};
use super::set::{DataSet, Progress, Source, Survey, blank_pixels};
use super::split::{self, Part, Wanted};

/// The files of one split.
struct Files {
    images: PathBuf,
    labels: PathBuf,
}

/// The files of one split, headers read.
struct Opened {
    images: IdxFile<'static>,
    labels: IdxFile<'static>,
}

/// Loads a known set, downloading it if it is nowhere.
pub(super) fn load_known(
    set: &'static KnownSet,
    data: &Data,
    seed: u64,
    surroundings: &Surroundings,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<DataSet, DataError> {
    let wanted = split::wanted(data)?;
    // Refuses a limit or a fraction that cannot be before anything is downloaded.
    let counts = known_counts(&wanted);
    split::sizes(data.validation, &split::share(data, &wanted, &counts)?)?;
    let positions = positions(&wanted);
    let found = match places::search(set, data.path.as_deref(), surroundings, &positions)? {
        Ok(found) => found,
        Err(looked) => {
            download::to_cache(set, surroundings, looked, progress)?;
            match places::search(set, None, &download::only_cache(surroundings), &positions)? {
                Ok(found) => found,
                Err(looked) => return Err(download::not_found(set, looked, Vec::new())),
            }
        }
    };
    let files = found.paths.chunks_exact(2).map(|pair| Files {
        images: pair[0].clone(),
        labels: pair[1].clone(),
    });
    let opened = files.map(Files::open).collect::<Result<Vec<_>, _>>()?;
    for (files, position) in opened.iter().zip(positions.chunks_exact(2)) {
        check_known(&files.images, &FILES[position[0]])?;
        check_known(&files.labels, &FILES[position[1]])?;
    }
    let classes = set.classes.map(String::from).to_vec();
    let (images, sources, parts) = read(data, &wanted, opened, Some(classes))?;
    for (source, &position) in sources.iter().zip(&positions) {
        check_digest(set, position, source)?;
    }
    let place = found.folder.display().to_string();
    DataSet::assemble(
        set.name.into(),
        place,
        images,
        sources,
        &parts,
        data.validation,
        seed,
    )
}

/// Says what [`load_known`] would give.
pub(super) fn survey_known(
    set: &'static KnownSet,
    data: &Data,
    surroundings: &Surroundings,
) -> Result<Survey, DataError> {
    let wanted = split::wanted(data)?;
    let parts = split::share(data, &wanted, &known_counts(&wanted))?;
    let (train, validation) = split::sizes(data.validation, &parts)?;
    let positions = positions(&wanted);
    let found = places::search(set, data.path.as_deref(), surroundings, &positions)?.ok();
    Ok(Survey {
        name: set.name.into(),
        train,
        validation,
        height: SIDE,
        width: SIDE,
        channels: 1,
        classes: Some(set.classes.len()),
        found: found.is_some(),
        place: found.map_or_else(
            || "not on this machine, to be downloaded".into(),
            |found| found.folder.display().to_string(),
        ),
    })
}

/// Loads the IDX files that the spec names.
pub(super) fn load_named(data: &Data, seed: u64) -> Result<DataSet, DataError> {
    let wanted = split::wanted(data)?;
    let opened = open_named(data, &wanted)?;
    let place = place_of(&opened);
    let (images, sources, parts) = read(data, &wanted, opened, None)?;
    DataSet::assemble(
        "idx".into(),
        place,
        images,
        sources,
        &parts,
        data.validation,
        seed,
    )
}

/// Says what [`load_named`] would give.
pub(super) fn survey_named(data: &Data) -> Result<Survey, DataError> {
    let wanted = split::wanted(data)?;
    let opened = open_named(data, &wanted)?;
    let counts = check_together(&opened)?;
    let parts = split::share(data, &wanted, &counts)?;
    let (train, validation) = split::sizes(data.validation, &parts)?;
    let header = opened[0].images.header();
    Ok(Survey {
        name: "idx".into(),
        train,
        validation,
        height: header.height,
        width: header.width,
        channels: header.channels,
        classes: None,
        found: true,
        place: place_of(&opened),
    })
}

/// Where the two files of each wanted split stand in [`FILES`].
fn positions(wanted: &[Wanted]) -> Vec<usize> {
    wanted
        .iter()
        .flat_map(|wanted| match wanted.split {
            Split::Train => [0, 1],
            Split::Test => [2, 3],
        })
        .collect()
}

fn known_counts(wanted: &[Wanted]) -> Vec<usize> {
    let images = positions(wanted).into_iter().step_by(2);
    images.map(|position| FILES[position].count).collect()
}

fn open_named(data: &Data, wanted: &[Wanted]) -> Result<Vec<Opened>, DataError> {
    let file = |key, path: &Option<PathBuf>| match path {
        None => Err(DataError::Missing {
            key,
            dataset: "idx",
        }),
        Some(path) if path.is_file() => Ok(path.clone()),
        Some(path) => Err(DataError::NoSuchPath {
            key,
            path: path.clone(),
            expected: "a file",
        }),
    };
    let files = wanted.iter().map(|wanted| {
        Ok(match wanted.split {
            Split::Train => Files {
                images: file("data.images", &data.images)?,
                labels: file("data.labels", &data.labels)?,
            },
            Split::Test => Files {
                images: file("data.test_images", &data.test_images)?,
                labels: file("data.test_labels", &data.test_labels)?,
            },
        })
    });
    let files = files.collect::<Result<Vec<_>, DataError>>()?;
    files.into_iter().map(Files::open).collect()
}

fn place_of(opened: &[Opened]) -> String {
    let paths = opened.iter().map(|files| files.images.path().display());
    let paths: Vec<_> = paths.map(|path| path.to_string()).collect();
    paths.join(", ")
}

impl Files {
    fn open(self) -> Result<Opened, DataError> {
        Ok(Opened {
            images: IdxFile::open(&self.images, Kind::Images)?,
            labels: IdxFile::open(&self.labels, Kind::Labels)?,
        })
    }
}

/// Compares the header of a file with what is published of it.
pub(super) fn check_known(file: &IdxFile<'_>, known: &KnownFile) -> Result<(), DataError> {
    let (found, expected) = (file.header(), known.header());
    let lengths = [
        ("the count", found.count, expected.count),
        ("the height", found.height, expected.height),
        ("the width", found.width, expected.width),
        ("the number of channels", found.channels, expected.channels),
    ];
    for (index, (axis, found, expected)) in (0..).zip(lengths) {
        if found != expected {
            return Err(file.refuse(IdxError::Length {
                offset: 4 + 4 * index,
                axis,
                found: u32::try_from(found).unwrap_or(u32::MAX),
                expected: expected.to_string(),
            }));
        }
    }
    Ok(())
}

/// Compares a file's digest with the published one; for sets without one, makes sure at least that it
/// is not the file of another set, which has the same name and shape.
pub(super) fn check_digest(
    set: &'static KnownSet,
    position: usize,
    source: &Source,
) -> Result<(), DataError> {
    match set.digests.map(|digests| digests[position]) {
        Some(expected) if expected == source.sha256 => Ok(()),
        Some(expected) => Err(DataError::Digest {
            name: set.name,
            path: source.path.clone(),
            found: source.sha256.clone(),
            expected,
        }),
        None => match KnownSet::of_digest(&source.sha256) {
            Some(other) => Err(DataError::OtherSet {
                name: set.name,
                other: other.name,
                path: source.path.clone(),
            }),
            None => Ok(()),
        },
    }
}

/// Checks that files belong together, and gives the number of images of each split.
fn check_together(opened: &[Opened]) -> Result<Vec<usize>, DataError> {
    let mut counts = Vec::with_capacity(opened.len());
    let mut first: Option<(&Path, [usize; 3])> = None;
    for Opened { images, labels } in opened {
        let header = images.header();
        if header.count != labels.header().count {
            return Err(DataError::CountsDiffer {
                images_path: images.path().to_path_buf(),
                images: header.count,
                labels_path: labels.path().to_path_buf(),
                labels: labels.header().count,
            });
        }
        let size = [header.height, header.width, header.channels];
        let (first_path, first_size) = *first.get_or_insert((images.path(), size));
        if size != first_size {
            return Err(DataError::SizesDiffer {
                first_path: first_path.to_path_buf(),
                first: first_size,
                second_path: images.path().to_path_buf(),
                second: size,
            });
        }
        counts.push(header.count);
    }
    Ok(counts)
}

/// Reads pixels and labels, all files at once, each image to the place where it stays.
///
/// Without names, the classes are the numbers from 0 to the highest label.
fn read(
    data: &Data,
    wanted: &[Wanted],
    opened: Vec<Opened>,
    classes: Option<Vec<String>>,
) -> Result<(Images, Vec<Source>, Vec<Part>), DataError> {
    let counts = check_together(&opened)?;
    let parts = split::share(data, wanted, &counts)?;
    split::sizes(data.validation, &parts)?;
    let Some(header) = opened.first().map(|files| files.images.header()) else {
        return Err(DataError::NoSplit);
    };
    let total = parts.iter().map(|part| part.keep).sum();
    let limit = classes.as_ref().map_or(usize::from(u8::MAX) + 1, Vec::len);
    let mut pixels = blank_pixels(total, header.item_bytes())?;
    let mut rest = pixels.as_mut_slice();
    let read = thread::scope(|scope| {
        let mut running = Vec::new();
        for (files, part) in opened.into_iter().zip(&parts) {
            let (own, others) = rest.split_at_mut(part.keep * header.item_bytes());
            rest = others;
            let images = scope.spawn(move || read_images(files.images, own));
            let keep = part.keep;
            let labels = scope.spawn(move || read_labels(files.labels, keep, limit));
            running.push((images, labels));
        }
        let joined = running
            .into_iter()
            .map(|(images, labels)| (join(images), join(labels)));
        joined.collect::<Vec<_>>()
    });
    let mut sources = Vec::with_capacity(2 * read.len());
    let mut labels = Vec::with_capacity(total);
    for (images, part_labels) in read {
        sources.push(images?);
        let (part_labels, source) = part_labels?;
        labels.extend(part_labels.into_iter().map(u16::from));
        sources.push(source);
    }
    let highest = labels.iter().copied().max().unwrap_or(0);
    let classes = classes.unwrap_or_else(|| (0..=highest).map(|c| c.to_string()).collect());
    let images = Images {
        height: header.height,
        width: header.width,
        channels: header.channels,
        pixels,
        labels,
        classes,
        factors: None,
    };
    Ok((images, sources, parts))
}

fn read_images(mut file: IdxFile<'_>, pixels: &mut [u8]) -> Result<Source, DataError> {
    file.fill(pixels)?;
    file.finish()
}

fn read_labels(
    mut file: IdxFile<'_>,
    keep: usize,
    classes: usize,
) -> Result<(Vec<u8>, Source), DataError> {
    let mut labels = blank_pixels(keep, 1)?;
    file.fill(&mut labels)?;
    let path = file.path().to_path_buf();
    let source = file.finish()?;
    match labels
        .iter()
        .position(|&label| usize::from(label) >= classes)
    {
        None => Ok((labels, source)),
        Some(position) => Err(DataError::Label {
            path,
            offset: 8 + position as u64,
            label: labels[position],
            classes,
        }),
    }
}

/// The result of a thread; a panic there goes on here.
pub(super) fn join<T>(handle: ScopedJoinHandle<'_, T>) -> T {
    handle
        .join()
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

#[cfg(test)]
mod tests;
