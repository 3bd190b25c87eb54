//! A data set of pictures in a folder.

use std::path::Path;
use std::sync::{Mutex, mpsc};
use std::thread;

use crate::experiment::{Data, Split};

use super::error::{BrokenPicture, DataError};
use super::images::Images;
use super::picture;
use super::set::{DataSet, Progress, Survey, blank_pixels};
use super::split::{self, Part};
use super::tree::{Picture, Tree};

/// The largest size that pictures are resized to, pixels.
const MAX_SIZE: usize = 4096;

/// How many broken pictures an error names.
const NAMED: usize = 5;

/// What the folder holds, and what of it is wanted.
struct Plan<'a> {
    folder: &'a Path,
    tree: Tree,
    parts: Vec<Part>,
}

/// Loads the pictures of the folder that `data.path` names.
pub(super) fn load(
    data: &Data,
    seed: u64,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<DataSet, DataError> {
    let plan = plan(data)?;
    split::sizes(data.validation, &plan.parts)?;
    let pictures: Vec<&Picture> = plan
        .parts
        .iter()
        .flat_map(|part| plan.tree.split(part.wanted.split).iter().take(part.keep))
        .collect();
    let channels = picture::channels(data.color);
    let item_bytes = data.image_size * data.image_size * channels;
    let mut pixels = blank_pixels(pictures.len(), item_bytes)?;
    read_all(&pictures, data, item_bytes, &mut pixels, progress)?;
    let images = Images {
        height: data.image_size,
        width: data.image_size,
        channels,
        pixels,
        labels: pictures.iter().map(|picture| picture.class).collect(),
        classes: plan.tree.classes,
        factors: None,
    };
    DataSet::assemble(
        "images".into(),
        plan.folder.display().to_string(),
        images,
        Vec::new(),
        &plan.parts,
        data.validation,
        seed,
    )
}

/// Says what [`load`] would give, without opening a picture.
pub(super) fn survey(data: &Data) -> Result<Survey, DataError> {
    let plan = plan(data)?;
    let (train, validation) = split::sizes(data.validation, &plan.parts)?;
    Ok(Survey {
        name: "images".into(),
        train,
        validation,
        height: data.image_size,
        width: data.image_size,
        channels: picture::channels(data.color),
        classes: Some(plan.tree.classes.len()),
        found: true,
        place: plan.folder.display().to_string(),
    })
}

fn plan(data: &Data) -> Result<Plan<'_>, DataError> {
    if !(1..=MAX_SIZE).contains(&data.image_size) {
        return Err(DataError::ImageSize {
            found: data.image_size,
            min: 1,
            max: MAX_SIZE,
        });
    }
    let folder = data.path.as_deref().ok_or(DataError::Missing {
        key: "data.path",
        dataset: "images",
    })?;
    if !folder.is_dir() {
        return Err(DataError::NoSuchPath {
            key: "data.path",
            path: folder.to_path_buf(),
            expected: "a folder",
        });
    }
    let wanted = split::wanted(data)?;
    let tree = Tree::of(folder)?;
    let mut counts = Vec::with_capacity(wanted.len());
    for wanted in &wanted {
        if wanted.split == Split::Test && tree.test.is_none() {
            return Err(DataError::NoTestSplit {
                name: format!("`{}`", folder.display()),
                reason: "it would take the sub-folders `train` and `test`".into(),
            });
        }
        let count = tree.split(wanted.split).len();
        if count == 0 {
            return Err(DataError::NoPictures {
                path: match wanted.split {
                    _ if tree.test.is_none() => folder.to_path_buf(),
                    Split::Train => folder.join("train"),
                    Split::Test => folder.join("test"),
                },
            });
        }
        counts.push(count);
    }
    let parts = split::share(data, &wanted, &counts)?;
    Ok(Plan {
        folder,
        tree,
        parts,
    })
}

impl Tree {
    fn split(&self, split: Split) -> &[Picture] {
        match split {
            Split::Train => &self.train,
            Split::Test => self.test.as_deref().unwrap_or_default(),
        }
    }
}

/// Decodes each picture to its place, some on each core. All of them are tried, so that the error
/// names the same pictures whatever the number of threads.
fn read_all(
    pictures: &[&Picture],
    data: &Data,
    item_bytes: usize,
    pixels: &mut [u8],
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<(), DataError> {
    let total = pictures.len();
    // Below MAX_SIZE.
    let size = u32::try_from(data.image_size).unwrap_or(u32::MAX);
    let work = pictures.iter().zip(pixels.chunks_exact_mut(item_bytes));
    let work = Mutex::new(work.enumerate());
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let mut broken: Vec<(usize, String)> = Vec::new();
    thread::scope(|scope| {
        let (sender, results) = mpsc::channel();
        for _ in 0..threads.min(total) {
            let (sender, work) = (sender.clone(), &work);
            scope.spawn(move || {
                loop {
                    let next = work.lock().ok().and_then(|mut work| work.next());
                    let Some((index, (picture, out))) = next else {
                        return;
                    };
                    let result = picture::read(&picture.path, size, data.color, out);
                    if sender.send((index, result)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        for (done, (index, result)) in (1..).zip(results) {
            if let Err(reason) = result {
                broken.push((index, reason));
            }
            if done % 64 == 0 || done == total {
                progress(Progress::Pictures { done, total });
            }
        }
    });
    if broken.is_empty() {
        return Ok(());
    }
    broken.sort_unstable();
    let count = broken.len();
    let named = broken.into_iter().take(NAMED);
    Err(DataError::BrokenPictures {
        broken: named
            .map(|(index, reason)| BrokenPicture {
                path: pictures[index].path.clone(),
                reason,
            })
            .collect(),
        count,
        pictures: total,
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use image::{GrayImage, Luma, Rgb, RgbImage};

    use super::*;
    use crate::data::picture::tests::encoded;
    use crate::data::set::tests::data;
    use crate::data::set::{load as load_set, survey as survey_set};
    use crate::experiment::{Color, Dataset, Validation};

    fn put(folder: &Path, name: &str, bytes: &[u8]) {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    fn gray(value: u8) -> Vec<u8> {
        encoded(GrayImage::from_pixel(6, 6, Luma([value])), false)
    }

    fn spec(folder: &Path) -> Data {
        Data {
            path: Some(folder.to_path_buf()),
            image_size: 6,
            ..data(Dataset::Images)
        }
    }

    #[test]
    fn a_folder_of_classes_becomes_images_with_labels() {
        let folder = tempfile::tempdir().unwrap();
        for (name, value) in [("b/1.png", 10), ("b/2.png", 20), ("a/1.png", 30)] {
            put(folder.path(), name, &gray(value));
        }
        let mut last = None;
        let set = load_set(&spec(folder.path()), 1, &mut |progress| {
            if let Progress::Pictures { done, total } = progress {
                last = Some((done, total));
            }
        })
        .unwrap();
        assert_eq!(last, Some((3, 3)));
        assert_eq!(set.images.classes, ["a", "b"]);
        assert_eq!(set.images.labels, [0, 1, 1]);
        let values: Vec<u8> = (0..3).map(|i| set.images.image(i)[0]).collect();
        assert_eq!(values, [30, 10, 20]);
        assert_eq!((set.train, set.sources.len()), (vec![0, 1, 2], 0));
        let survey = survey_set(&spec(folder.path())).unwrap();
        assert_eq!(
            (survey.train, survey.classes, survey.channels),
            (3, Some(2), 1)
        );
    }

    #[test]
    fn colour_pictures_keep_three_channels() {
        let folder = tempfile::tempdir().unwrap();
        let picture = RgbImage::from_pixel(2, 2, Rgb([1, 2, 3]));
        put(folder.path(), "a.png", &encoded(picture, false));
        let spec = Data {
            color: Color::Rgb,
            image_size: 2,
            ..spec(folder.path())
        };
        let images = load_set(&spec, 1, &mut |_| {}).unwrap().images;
        assert_eq!(images.channels, 3);
        assert_eq!(images.pixels, [1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3]);
    }

    #[test]
    fn all_broken_pictures_are_found_at_once_and_the_first_ones_named() {
        let folder = tempfile::tempdir().unwrap();
        put(folder.path(), "good.png", &gray(1));
        for i in 0..7 {
            put(folder.path(), &format!("broken{i}.png"), b"not a picture");
        }
        put(folder.path(), "aaa.jpg", b"");
        let error = load_set(&spec(folder.path()), 1, &mut |_| {}).unwrap_err();
        assert_eq!(error.exit_code(), 65);
        let place = folder.path().display();
        let expected = format!(
            "8 of 9 pictures cannot be read:\n  `{place}/aaa.jpg`: the file is empty\n  \
             `{place}/broken0.png`: the content is neither PNG nor JPEG\n  \
             `{place}/broken1.png`: the content is neither PNG nor JPEG\n  \
             `{place}/broken2.png`: the content is neither PNG nor JPEG\n  \
             `{place}/broken3.png`: the content is neither PNG nor JPEG\n  and 3 more"
        );
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn train_and_test_folders_are_the_splits() {
        let folder = tempfile::tempdir().unwrap();
        put(folder.path(), "train/a/1.png", &gray(1));
        put(folder.path(), "train/b/1.png", &gray(2));
        put(folder.path(), "test/b/1.png", &gray(3));
        let held_out = Data {
            validation: Validation::Test,
            ..spec(folder.path())
        };
        let set = load_set(&held_out, 1, &mut |_| {}).unwrap();
        assert_eq!((set.train, set.validation), (vec![0, 1], vec![2]));
        assert_eq!(set.images.labels, [0, 1, 1]);
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let of = |spec: &Data| load_set(spec, 1, &mut |_| {}).unwrap_err();
        assert!(matches!(
            of(&spec(folder.path())),
            DataError::NoPictures { .. }
        ));
        put(folder.path(), "a.png", &gray(1));
        let test = Data {
            splits: vec![Split::Test],
            ..spec(folder.path())
        };
        assert!(matches!(of(&test), DataError::NoTestSplit { .. }));
        let huge = Data {
            image_size: 5_000,
            ..spec(folder.path())
        };
        assert!(matches!(of(&huge), DataError::ImageSize { .. }));
        let nowhere = spec(&folder.path().join("nothing"));
        assert!(matches!(of(&nowhere), DataError::NoSuchPath { .. }));
        let unset = Data {
            path: None,
            ..spec(folder.path())
        };
        assert!(matches!(of(&unset), DataError::Missing { .. }));
        assert_eq!(of(&unset).exit_code(), 2);
    }
}
