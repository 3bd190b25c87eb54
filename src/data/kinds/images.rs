//! A folder of PNG and JPEG files.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, mpsc};
use std::thread;

use crate::config::section::section;
use crate::config::{Kind, PathKind};
use crate::data::binarize::Binarization;
use crate::data::division::{Shares, Split};
use crate::data::error::{DataError, Refusal, folder_of, shown};
use crate::data::images::{Images, blank_pixels};
use crate::data::loader::{Labelled, Loaded, Loader, Request};
use crate::data::picture::{self, Color};
use crate::data::progress::{LoadProgress, OnProgress};
use crate::data::set::Survey;
use crate::data::tree::{Picture, Tree};
use crate::sys::exit;
use crate::sys::printable::printable;

const NAME: &str = "images";

/// How many broken pictures an error names.
const NAMED: usize = 5;

section! {
    /// a folder of PNG and JPEG files, one sub-folder a class
    pub struct ImageFolder {
        /// The folder of the classes, or of `train` and `test` with classes in them
        pub path: Option<PathBuf>, Kind::Path(PathKind::Folder), unset("the usual places"),
            also(&["folder", "directory", "root"]), changes_no_result();
        /// Side of the square images
        pub image_size: usize = 28, Kind::Count { min: 4, max: 1024 }, unit("pixels"), also(&["size", "resolution"]);
        /// Channels of the images
        pub color: Color = Color::Gray, Kind::Choice(Color::CHOICES), also(&["colour", "channels", "color_mode"]);
    }
}

/// A folder whose pictures cannot be loaded.
#[derive(Debug, thiserror::Error)]
enum ImageFolderError {
    #[error(
        "`{}` has no test split: it would take the sub-folders `train` and `test`",
        folder.display()
    )]
    NoTestSplit { folder: PathBuf },
    #[error("`{}` holds no PNG or JPEG file", path.display())]
    NoPictures { path: PathBuf },
    #[error("{count} of {pictures} pictures cannot be read:{}", BrokenList { broken, count: *count })]
    Broken {
        /// The first few, in the order of the folder, each with the reason.
        broken: Vec<(PathBuf, String)>,
        /// How many there are in all.
        count: usize,
        /// Of how many.
        pictures: usize,
    },
}

struct BrokenList<'a> {
    broken: &'a [(PathBuf, String)],
    count: usize,
}

impl fmt::Display for BrokenList<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (path, reason) in self.broken {
            write!(f, "\n  `{}`: {}", shown(path), printable(reason))?;
        }
        match self.count.saturating_sub(self.broken.len()) {
            0 => Ok(()),
            more => write!(f, "\n  and {more} more"),
        }
    }
}

impl Refusal for ImageFolderError {
    fn exit_code(&self) -> u8 {
        match self {
            Self::NoTestSplit { .. } => exit::USAGE,
            Self::NoPictures { .. } | Self::Broken { .. } => exit::INVALID_DATA,
        }
    }
}

/// What the folder holds, and how much of it is wanted.
struct Contents<'a> {
    folder: &'a Path,
    tree: Tree,
    parts: Vec<Split>,
    shares: Shares,
}

impl Contents<'_> {
    /// The pictures that are kept, part after part.
    fn pictures(&self) -> Vec<&Picture> {
        let parts = self.parts.iter().zip(&self.shares.keep);
        parts
            .flat_map(|(&part, &keep)| self.tree.split(part).iter().take(keep))
            .collect()
    }
}

impl Tree {
    fn split(&self, split: Split) -> &[Picture] {
        match split {
            Split::Train => &self.train,
            Split::Test => self.test.as_deref().unwrap_or_default(),
        }
    }
}

impl ImageFolder {
    fn contents(&self, request: &Request<'_>) -> Result<Contents<'_>, DataError> {
        let folder = folder_of("data.path", NAME, self.path.as_deref())?;
        let parts = request.division.parts();
        let tree = Tree::of(folder)?;
        let mut counts = Vec::with_capacity(parts.len());
        for &part in &parts {
            if part == Split::Test && tree.test.is_none() {
                let folder = folder.to_path_buf();
                return Err(ImageFolderError::NoTestSplit { folder }.into());
            }
            let count = tree.split(part).len();
            if count == 0 {
                let path = match tree.test {
                    None => folder.to_path_buf(),
                    Some(_) => folder.join(part.name()),
                };
                return Err(ImageFolderError::NoPictures { path }.into());
            }
            counts.push(count);
        }
        let shares = request.division.shares(&counts)?;
        Ok(Contents {
            folder,
            tree,
            parts,
            shares,
        })
    }

    fn size(&self) -> [usize; 3] {
        let channels = picture::channels(self.color);
        [self.image_size, self.image_size, channels]
    }
}

impl Loader for ImageFolder {
    fn survey(&self, request: &Request<'_>) -> Result<Survey, DataError> {
        let contents = self.contents(request)?;
        let place = contents.folder.display().to_string();
        Ok(Survey::of(&contents.shares, self.size(), place))
    }

    fn labels(&self, request: &Request<'_>) -> Result<Labelled, DataError> {
        let contents = self.contents(request)?;
        let labels = contents.pictures().iter().map(|it| it.class).collect();
        Ok(Labelled {
            names: contents.tree.classes,
            images: Some((labels, contents.shares)),
        })
    }

    fn load(&self, request: &Request<'_>, progress: OnProgress<'_>) -> Result<Loaded, DataError> {
        let contents = self.contents(request)?;
        let pictures = contents.pictures();
        let [height, width, channels] = self.size();
        let mut pixels = blank_pixels(pictures.len(), height * width * channels)?;
        read_all(&pictures, self, &mut pixels, progress)?;
        Ok(Loaded {
            images: Images {
                height,
                width,
                channels,
                pixels,
                labels: pictures.iter().map(|picture| picture.class).collect(),
                classes: contents.tree.classes,
                factors: None,
                binarization: Binarization::NONE,
            },
            sources: Vec::new(),
            shares: contents.shares,
            place: contents.folder.display().to_string(),
        })
    }
}

/// Decodes each picture to its place, some on each core. All of them are tried, so that the error
/// names the same pictures whatever the number of threads.
fn read_all(
    pictures: &[&Picture],
    folder: &ImageFolder,
    pixels: &mut [u8],
    progress: OnProgress<'_>,
) -> Result<(), ImageFolderError> {
    let total = pictures.len();
    // What is larger has found no memory.
    let size = u32::try_from(folder.image_size).unwrap_or(u32::MAX);
    let item_bytes = folder.size().iter().product::<usize>().max(1);
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
                    let result = picture::read(&picture.path, size, folder.color, out);
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
                progress(LoadProgress::Pictures { done, total });
            }
        }
    });
    if broken.is_empty() {
        return Ok(());
    }
    broken.sort_unstable();
    let count = broken.len();
    let named = broken.into_iter().take(NAMED);
    Err(ImageFolderError::Broken {
        broken: named
            .map(|(index, reason)| (pictures[index].path.clone(), reason))
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
    use crate::data::division::tests::whole;
    use crate::data::division::{Division, Validation};
    use crate::data::load::tests::{load, survey};
    use crate::data::picture::tests::encoded;

    fn put(folder: &Path, name: &str, bytes: &[u8]) {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    fn gray(value: u8) -> Vec<u8> {
        encoded(GrayImage::from_pixel(6, 6, Luma([value])), false)
    }

    fn images(folder: &Path) -> ImageFolder {
        ImageFolder {
            path: Some(folder.to_path_buf()),
            image_size: 6,
            color: Color::Gray,
        }
    }

    #[test]
    fn labels_images_by_class_folder() {
        let folder = tempfile::tempdir().unwrap();
        for (name, value) in [("b/1.png", 10), ("b/2.png", 20), ("a/1.png", 30)] {
            put(folder.path(), name, &gray(value));
        }
        let set = load(images(folder.path()), whole()).unwrap();
        assert_eq!(set.images.classes, ["a", "b"]);
        assert_eq!(set.images.labels, [0, 1, 1]);
        let values: Vec<u8> = (0..3).map(|i| set.images.image(i)[0]).collect();
        assert_eq!(values, [30, 10, 20]);
        assert_eq!((set.train, set.sources.len()), (vec![0, 1, 2], 0));
        let survey = survey(images(folder.path()), whole()).unwrap();
        assert_eq!((survey.train, survey.channels), (3, 1));
    }

    #[test]
    fn reports_the_last_picture() {
        let folder = tempfile::tempdir().unwrap();
        put(folder.path(), "a.png", &gray(1));
        put(folder.path(), "b.png", &gray(2));
        let kind = images(folder.path());
        let tree = Tree::of(folder.path()).unwrap();
        let pictures: Vec<&Picture> = tree.train.iter().collect();
        let mut last = None;
        let mut progress = |progress: LoadProgress<'_>| {
            if let LoadProgress::Pictures { done, total } = progress {
                last = Some((done, total));
            }
        };
        read_all(&pictures, &kind, &mut [0; 72], &mut progress).unwrap();
        assert_eq!(last, Some((2, 2)));
    }

    #[test]
    fn keeps_three_channels_of_colour_pictures() {
        let folder = tempfile::tempdir().unwrap();
        let picture = RgbImage::from_pixel(2, 2, Rgb([1, 2, 3]));
        put(folder.path(), "a.png", &encoded(picture, false));
        let kind = ImageFolder {
            color: Color::Rgb,
            image_size: 2,
            ..images(folder.path())
        };
        let images = load(kind, whole()).unwrap().images;
        assert_eq!(images.channels, 3);
        assert_eq!(images.pixels, [1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3]);
    }

    #[test]
    fn finds_all_broken_pictures_and_names_the_first_ones() {
        let folder = tempfile::tempdir().unwrap();
        put(folder.path(), "good.png", &gray(1));
        for i in 0..7 {
            put(folder.path(), &format!("broken{i}.png"), b"not a picture");
        }
        put(folder.path(), "aaa.jpg", b"");
        let error = load(images(folder.path()), whole()).unwrap_err();
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
    fn holds_out_the_test_folder() {
        let folder = tempfile::tempdir().unwrap();
        put(folder.path(), "train/a/1.png", &gray(1));
        put(folder.path(), "train/b/1.png", &gray(2));
        put(folder.path(), "test/b/1.png", &gray(3));
        let held_out = Division {
            validation: Validation::Test,
            ..whole()
        };
        let set = load(images(folder.path()), held_out).unwrap();
        assert_eq!((set.train, set.validation), (vec![0, 1], vec![2]));
        assert_eq!(set.images.labels, [0, 1, 1]);
    }

    #[test]
    fn refuses_what_is_not_there() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().display();
        let refused = |kind: ImageFolder, splits: &[Split]| {
            let splits = splits.to_vec();
            let error = load(kind, Division { splits, ..whole() }).unwrap_err();
            (error.exit_code(), error.to_string())
        };
        let train = &[Split::Train];
        assert_eq!(
            refused(images(folder.path()), train),
            (65, format!("`{place}` holds no PNG or JPEG file"))
        );
        put(folder.path(), "a.png", &gray(1));
        let text = "has no test split: it would take the sub-folders `train` and `test`";
        assert_eq!(
            refused(images(folder.path()), &[Split::Test]),
            (2, format!("`{place}` {text}"))
        );
        let nothing = folder.path().join("nothing");
        let text = format!(
            "`data.path` names `{}`, which is not a folder",
            nothing.display()
        );
        assert_eq!(refused(images(&nothing), train), (2, text));
        let unset = ImageFolder {
            path: None,
            ..images(folder.path())
        };
        let text = "`data.path` is not set, and `dataset = \"images\"` needs it";
        assert_eq!(refused(unset, train), (2, text.to_owned()));
    }
}
