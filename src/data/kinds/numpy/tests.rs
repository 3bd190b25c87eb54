//! Files and archives written by NumPy (`npy/make.py`), and damaged ones.

use super::*;
use crate::data::array_file::BadFile;
use crate::data::division::tests::whole;
use crate::data::division::{Division, Validation};
use crate::data::load::tests::{load, survey};
use crate::data::set::DataSet;
use crate::fs::digest::sha256_hex;
use crate::numeric::random::{Purpose, Stream};

const GRAY: &[u8] = include_bytes!("../../npy/gray.npy");
const LABELS: &[u8] = include_bytes!("../../npy/labels.npy");

const KERAS: &[u8] = include_bytes!("keras.npz");
const COMPRESSED: &[u8] = include_bytes!("keras_compressed.npz");
const TYPES: &[u8] = include_bytes!("types.npz");

/// A kind without any file.
fn none() -> Numpy {
    Numpy {
        path: None,
        file: None,
        images: None,
        labels: None,
        test_images: None,
        test_labels: None,
        factors: None,
        image_shape: None,
        range: None,
    }
}

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    fn npy(&self, name: &str, bytes: &[u8]) -> Option<Array> {
        Some(Array::File(self.path(name, bytes)))
    }

    fn archive(&self, bytes: &[u8]) -> Numpy {
        Numpy {
            file: Some(self.path("a.npz", bytes)),
            ..none()
        }
    }
}

fn named(name: &str) -> Option<Array> {
    Some(Array::InArchive(name.to_owned()))
}

fn held_out() -> Division {
    Division {
        validation: Validation::Test,
        ..whole()
    }
}

fn bytes(count: usize, factor: usize) -> Vec<u8> {
    (0..count).map(|i| (i * factor % 256) as u8).collect()
}

#[test]
fn loads_files_with_and_without_labels() {
    let folder = Folder::new();
    let kind = Numpy {
        images: folder.npy("a.npy", GRAY),
        labels: folder.npy("b.npy", LABELS),
        test_images: folder.npy("c.npy", GRAY),
        ..none()
    };
    let set = load(kind.clone(), held_out()).unwrap();
    let gray = bytes(60, 7);
    assert_eq!(set.images.pixels, [gray.clone(), gray].concat());
    assert_eq!(set.images.labels, [2, 0, 1, 0, 0, 0]);
    assert_eq!(set.images.classes, ["0", "1", "2"]);
    assert_eq!((set.train.len(), set.validation.len()), (3, 3));
    assert_eq!(set.sources.len(), 3);
    assert_eq!(set.sources[0].sha256, sha256_hex(GRAY));
    let found = survey(kind.clone(), held_out()).unwrap();
    assert_eq!((found.train, found.validation), (3, 3));
    let unlabelled = Numpy {
        labels: None,
        ..kind
    };
    let set = load(unlabelled, whole()).unwrap();
    let classes = set.images.classes.len();
    assert_eq!((set.images.labels, classes), (vec![0; 3], 1));
}

#[test]
fn finds_the_arrays_of_known_archives_by_their_names() {
    let folder = Folder::new();
    let archives: [&[u8]; 3] = [KERAS, COMPRESSED, include_bytes!("medmnist.npz")];
    let sets: Vec<DataSet> = archives
        .map(|it| load(folder.archive(it), held_out()).unwrap())
        .into();
    for set in &sets {
        let images = &set.images;
        assert_eq!((images.height, images.width, images.channels), (3, 5, 1));
        assert_eq!(images.pixels, [bytes(60, 7), bytes(30, 11)].concat());
        assert_eq!(images.labels, [2, 0, 1, 2, 1, 0]);
        assert_eq!((set.train.len(), set.validation.len()), (4, 2));
        assert_eq!(images.factors, None);
    }
    // The digests are those of the arrays, however they are packed and labelled.
    assert_eq!(sets[0].sources, sets[1].sources);
    assert_eq!(sets[0].sources[0].sha256, sets[2].sources[0].sha256);
    let path = folder.0.path().join("a.npz/x_train.npy");
    assert_eq!(sets[0].sources[0].path, path);
    let found = survey(folder.archive(COMPRESSED), held_out()).unwrap();
    assert_eq!((found.train, found.validation, found.width), (4, 2, 5));

    let limited = Division {
        limit: Some(3),
        ..whole()
    };
    let set = load(folder.archive(COMPRESSED), limited).unwrap();
    assert_eq!(set.images.pixels, bytes(45, 7));
    assert_eq!(set.sources[0], sets[1].sources[0]);
}

#[test]
fn reads_the_factors_of_dsprites() {
    let folder = Folder::new();
    let set = load(folder.archive(include_bytes!("dsprites.npz")), whole()).unwrap();
    let expected = (0..192).map(|i| if i % 3 == 0 { 255 } else { 0 });
    assert!(set.images.pixels.iter().copied().eq(expected));
    let factors = set.images.factors.unwrap();
    let names: Vec<_> = factors.factors.iter().map(|it| it.name.as_ref()).collect();
    // The others have one value.
    assert_eq!(names, ["shape", "scale", "posX"]);
    assert_eq!(factors.factors[0].values, [1.0, 2.0, 3.0]);
    assert_eq!(factors.factors[1].values, [0.5, 1.0]);
    assert_eq!(factors.factors[2].values, [0.0, 1.0 / 3.0]);
    assert_eq!(factors.of_image(0).unwrap(), [0, 0, 0]);
    assert_eq!(factors.of_image(7).unwrap(), [1, 1, 1]);
    assert_eq!(factors.of_image(11).unwrap(), [2, 1, 1]);
}

/// Two images of six values from 0 to 1, k / 11.
#[test]
fn reads_every_type_and_shape() {
    let folder = Folder::new();
    let kind = |name: &str| Numpy {
        images: named(name),
        image_shape: Some(vec![2, 3]),
        ..folder.archive(TYPES)
    };
    let shades = |scale: &dyn Fn(f64) -> f64| -> Vec<u8> {
        (0..12).map(|i| scale(f64::from(i) / 11.0) as u8).collect()
    };
    let rounded = shades(&|it| (it * 255.0 + 0.5).floor());
    for name in ["flat", "float16.npy", "float64", "uint16"] {
        let set = load(kind(name), whole()).unwrap();
        assert_eq!(set.images.pixels, rounded, "{name}");
        assert_eq!((set.images.height, set.images.width), (2, 3));
    }
    let set = load(kind("bool"), whole()).unwrap();
    assert_eq!(
        set.images.pixels,
        shades(&|it| if it > 0.5 { 255.0 } else { 0.0 })
    );
    let stated = Numpy {
        range: Some(Range {
            min: 0.0,
            max: 255.0,
        }),
        ..kind("int64")
    };
    assert_eq!(load(stated, whole()).unwrap().images.pixels, rounded);
    let square = Numpy {
        image_shape: None,
        ..kind("square")
    };
    let images = load(square, whole()).unwrap().images;
    assert_eq!((images.height, images.width), (2, 2));
    let planar = load(kind("planar"), whole()).unwrap().images;
    assert_eq!((planar.height, planar.width, planar.channels), (2, 2, 3));
    let values = [0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11];
    let expected = values.map(|it| it * 9).into_iter();
    let expected = expected.chain(values.map(|it| (it + 12) * 9));
    assert!(planar.pixels.iter().copied().eq(expected));
}

#[test]
fn refuses_what_is_no_image_with_the_way_out() {
    let folder = Folder::new();
    let refused = |kind: Numpy| {
        let error = load(kind, whole()).unwrap_err();
        assert_eq!(error.exit_code(), 65);
        let place = format!("`{}", folder.0.path().join("a.npz").display());
        let text = error.to_string();
        let text = text.strip_prefix(&place).unwrap().to_owned();
        (text, error.hint().unwrap_or_default())
    };
    let kind = |name: &str| Numpy {
        images: named(name),
        image_shape: Some(vec![2, 3]),
        ..folder.archive(TYPES)
    };
    let cases = [
        (
            kind("int64"),
            "/int64.npy`: of the whole range of int64 the values use 0 to 255 only, which would be one shade of gray",
            "say which values are black and white, such as `range = { min = 0, max = 255 }` in `[data]`",
        ),
        (
            Numpy {
                image_shape: None,
                ..kind("flat")
            },
            "/flat.npy`: at byte 60: the shape is (2, 6), expected (images, rows, columns), (images, rows, columns, channels) or (images, values)",
            "say what the rows of values are: `image_shape = [ROWS, COLUMNS]` in `[data]`",
        ),
        (
            Numpy {
                image_shape: Some(vec![3, 3]),
                ..kind("flat")
            },
            "/flat.npy`: at byte 60: the shape is (2, 6), and 6 values an image are not (3, 3)",
            "",
        ),
        (
            kind("fortran"),
            "/fortran.npy`: at byte 44: the elements are in Fortran order, expected C order",
            "save `np.ascontiguousarray(array)`",
        ),
        (
            kind("objects"),
            "/objects.npy`: at byte 20: elements of type object, expected bool, an integer or a float",
            "arrays of objects are pickled Python, which is not read; save an array of numbers",
        ),
        (
            Numpy {
                labels: named("one_hot"),
                ..kind("flat")
            },
            "/one_hot.npy`: at byte 60: the shape is (2, 2), expected (labels,)",
            "of one column a class, save `array.argmax(axis=1)`",
        ),
    ];
    for (kind, text, hint) in cases {
        assert_eq!(refused(kind), (text.to_owned(), hint.to_owned()));
    }
    let (text, hint) = refused(kind("nothing"));
    assert_eq!(text, "`: no array `nothing`");
    assert!(
        hint.starts_with("it holds `flat` float32 (2, 6), `float16` float16 (2, 6)"),
        "{hint}"
    );
    let error = load(folder.archive(include_bytes!("dsprites.npz")), held_out()).unwrap_err();
    let text = error.to_string();
    assert!(
        text.ends_with("no array that is the test images: name it by `test_images`"),
        "{text}"
    );
}

/// A cut or a change of any byte is refused, or leaves the images as they are; nothing panics or takes long.
#[test]
fn survives_damaged_files() {
    let folder = Folder::new();
    let is_bad =
        |error: &DataError| error.downcast_ref::<BadFile>().is_some() || error.exit_code() == 65;
    for archive in [KERAS, COMPRESSED] {
        let sound = load(folder.archive(archive), held_out()).unwrap().images;
        for cut in (0..archive.len()).step_by(7) {
            let error = load(folder.archive(&archive[..cut]), held_out()).unwrap_err();
            assert!(is_bad(&error), "cut at {cut}: {error}");
        }
        let mut stream = Stream::new(0, Purpose::Sample, 0, 0);
        let mut changed = |bytes: &mut Vec<u8>| {
            let at = stream.below(bytes.len() as u64) as usize;
            match stream.below(3) {
                0 => bytes[at] = stream.next_u32() as u8,
                1 => bytes[at] = [0, 0xff][at % 2],
                _ => bytes[at] ^= 1 << stream.below(8),
            }
        };
        for _ in 0..4_000 {
            let mut bytes = archive.to_vec();
            changed(&mut bytes);
            match load(folder.archive(&bytes), held_out()) {
                // The name of an array that need not be there may have changed, or a time.
                Ok(set) => assert_eq!(set.images.pixels, sound.pixels),
                Err(error) => assert!(is_bad(&error), "{error}"),
            }
            for _ in 0..4 {
                changed(&mut bytes);
            }
            if let Err(error) = load(folder.archive(&bytes), held_out()) {
                assert!(is_bad(&error), "{error}");
            }
        }
    }
}
