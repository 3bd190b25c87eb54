//! What a file holds, before a spec is written for it.

use std::collections::BTreeSet;
use std::path::Path;

use crate::config::Value;

use super::array_file::{ArrayFile, Content, stated};
use super::element::{Element, Range};
use super::error::DataError;
use super::idx;
use super::input::{Input, prefix};
use super::kinds::{csv, numpy};
use super::npy;
use super::npz::Npz;
use super::zip;

/// A file of images, labels or other numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Description {
    /// What kind of file it is, such as `an archive of NumPy arrays`.
    pub kind: &'static str,
    /// What is in it.
    pub arrays: Vec<Described>,
    /// The lines of `[data]` that train on it.
    pub spec: Vec<String>,
}

/// An array of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Described {
    /// Its name in an archive; empty for a file of one array.
    pub name: String,
    /// Type and shape; what it is instead where it is not read.
    pub shape: String,
    /// The least and the greatest value, where there is one.
    pub range: Option<(f64, f64)>,
    /// How many different values there are, where they may be classes.
    pub classes: Option<usize>,
    /// SHA-256 of its uncompressed bytes, where it was read.
    pub sha256: Option<String>,
}

/// More different values than this are no classes.
const MOST_CLASSES: usize = 1_000;

/// Says what a file holds, reading it to its end.
///
/// # Errors
/// The file cannot be read, is damaged, or is of no known kind.
pub fn describe(path: &Path) -> Result<Description, DataError> {
    let start = prefix(&mut Input::open(path)?, path)?;
    let name = path.display().to_string();
    if start.starts_with(&zip::MAGIC) {
        return archive(path, &name);
    }
    if start.starts_with(b"\x93NUMPY") {
        let described = npy_array(String::new(), ArrayFile::open(path)?)?;
        let key = match described.classes {
            Some(_) => "labels",
            None => "images",
        };
        let mut spec = vec![line("dataset", "numpy"), line(key, &name)];
        spec.extend(range_line(&described));
        return Ok(Description {
            kind: "a NumPy array",
            arrays: vec![described],
            spec,
        });
    }
    if matches!(start, [0, 0, 0x08..=0x0e, 1..=4, ..]) {
        return idx_file(path, &name);
    }
    let mut spec = vec![line("dataset", "csv"), line("images", &name)];
    let (shape, Range { min, max }, source) = csv::describe(path)?;
    if min < 0.0 || max > 255.0 {
        spec.push(Range { min, max }.written());
    }
    let described = Described {
        name: String::new(),
        shape,
        range: Some((min, max)),
        classes: None,
        sha256: Some(source.sha256),
    };
    Ok(Description {
        kind: "a table of pixels",
        arrays: vec![described],
        spec,
    })
}

fn archive(path: &Path, name: &str) -> Result<Description, DataError> {
    let npz = Npz::open(path)?;
    let mut arrays = vec![];
    for array in npz.names() {
        arrays.push(npy_array(array.to_owned(), npz.member(array)?)?);
    }
    let mut spec = vec![line("dataset", "numpy"), line("file", name)];
    let roles = numpy::roles(&npz);
    spec.extend(roles.iter().map(|(role, array)| line(role, array)));
    let images = match roles.first() {
        Some((_, images)) => Some(images.clone()),
        None => npz.images(None).first().map(|it| (*it).to_owned()),
    };
    let described = arrays.iter().find(|it| Some(&it.name) == images.as_ref());
    if let Some(described) = described {
        if roles.is_empty() {
            spec.push(line("images", &described.name));
        }
        spec.extend(range_line(described));
    }
    Ok(Description {
        kind: "an archive of NumPy arrays",
        arrays,
        spec,
    })
}

fn npy_array(name: String, mut file: ArrayFile<'static>) -> Result<Described, DataError> {
    let header = npy::read_header(&mut file)?;
    let shape = npy::tuple(&header.shape);
    let values = header
        .shape
        .iter()
        .try_fold(1_u64, |all, it| all.checked_mul(*it));
    let (Ok((element, order)), Some(values @ 1..)) = (header.element.clone(), values) else {
        let element = header.element.map(|(element, _)| element.name().to_owned());
        let element = element.unwrap_or_else(|other| format!("{other}, not read,"));
        return Ok(Described {
            name,
            shape: format!("{element} {shape}"),
            range: None,
            classes: None,
            sha256: None,
        });
    };
    file.declare_numbers(values, element, order)?;
    let may_be_labels = header.shape.iter().filter(|it| **it > 1).count() < 2;
    numbers(name, shape, may_be_labels, file)
}

fn idx_file(path: &Path, name: &str) -> Result<Description, DataError> {
    let (key, file) = match idx::open(path, Content::Labels) {
        Ok(file) => ("labels", file),
        Err(_) => ("images", idx::open(path, Content::Images)?),
    };
    let axes = file.axes();
    let [height, width, channels] = axes.size();
    let shape: Vec<u64> = [axes.count, height, width, channels]
        .iter()
        .map(|it| *it as u64)
        .collect();
    let shape = match (key, channels) {
        ("labels", _) => &shape[..1],
        (_, 1) => &shape[..3],
        _ => &shape,
    };
    let described = numbers(String::new(), npy::tuple(shape), key == "labels", file)?;
    let mut spec = vec![line("dataset", "idx"), line(key, name)];
    spec.extend(range_line(&described));
    Ok(Description {
        kind: "an IDX file",
        arrays: vec![described],
        spec,
    })
}

/// Reads all numbers of a file.
fn numbers(
    name: String,
    shape: String,
    may_be_labels: bool,
    mut file: ArrayFile<'static>,
) -> Result<Described, DataError> {
    let element = file.element();
    let axes = file.axes();
    let (mut min, mut max) = (f64::INFINITY, f64::NEG_INFINITY);
    let mut different = BTreeSet::new();
    file.numbers(axes.count.saturating_mul(axes.item_values()), |value| {
        min = min.min(value);
        max = max.max(value);
        if may_be_labels && value.fract() == 0.0 && different.len() <= MOST_CLASSES {
            different.insert(value.to_bits());
        }
    })?;
    let is_whole = element.is_integer() || element == Element::Bool;
    let classes = different.len();
    Ok(Described {
        name,
        shape: format!("{} {shape}", element.name()),
        range: (min <= max).then_some((min, max)),
        classes: (may_be_labels && is_whole && classes <= MOST_CLASSES).then_some(classes),
        sha256: Some(file.finish()?.sha256),
    })
}

/// The line that says which values are black and white, where the type of the elements does not.
fn range_line(described: &Described) -> Option<String> {
    let (min, max) = described.range?;
    let element = described.shape.split(' ').next()?;
    let is_plain = match element {
        "uint8" => max > 1.0 || max == 0.0,
        "bool" => true,
        "float16" | "float32" | "float64" => min >= 0.0 && max <= 1.0,
        _ => false,
    };
    let is_image = described.classes.is_none();
    (is_image && !is_plain).then(|| stated(Range { min, max }).written())
}

fn line(key: &str, value: &str) -> String {
    format!("{key} = {}", Value::Text(value.to_owned()).to_toml())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::idx::tests::{gzip, idx_file};
    use crate::fs::digest::sha256_hex;

    fn described(name: &str, bytes: &[u8]) -> Description {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        let mut description = describe(&path).unwrap();
        let place = format!("{}/", folder.path().display());
        for line in &mut description.spec {
            *line = line.replace(&place, "");
        }
        description
    }

    #[test]
    fn says_what_files_of_each_kind_hold() {
        let gray = include_bytes!("npy/gray.npy");
        let numpy = described("gray.npy", gray);
        assert_eq!(numpy.kind, "a NumPy array");
        assert_eq!(numpy.spec, ["dataset = \"numpy\"", "images = \"gray.npy\""]);
        let expected = Described {
            name: String::new(),
            shape: "uint8 (3, 4, 5)".to_owned(),
            range: Some((0.0, 252.0)),
            classes: None,
            sha256: Some(sha256_hex(gray)),
        };
        assert_eq!(numpy.arrays, [expected]);

        let keras = described("mnist.npz", include_bytes!("kinds/numpy/keras.npz"));
        let shapes = keras
            .arrays
            .iter()
            .map(|it| (it.name.as_str(), it.shape.as_str(), it.classes));
        let expected = [
            ("x_train", "uint8 (4, 3, 5)", None),
            ("y_train", "int64 (4,)", Some(3)),
            ("x_test", "uint8 (2, 3, 5)", None),
            ("y_test", "int64 (2,)", Some(2)),
        ];
        assert!(shapes.eq(expected));
        let spec = [
            "dataset = \"numpy\"",
            "file = \"mnist.npz\"",
            "images = \"x_train\"",
            "labels = \"y_train\"",
            "test_images = \"x_test\"",
            "test_labels = \"y_test\"",
        ];
        assert_eq!(keras.spec, spec);

        let types = described("types.npz", include_bytes!("kinds/numpy/types.npz"));
        let objects = types.arrays.iter().find(|it| it.name == "objects").unwrap();
        assert_eq!(objects.shape, "object, not read, (2,)");
        assert_eq!(types.spec[2], "images = \"planar\"");

        let file = idx_file(&[2, 2, 2], [0, 1, 0, 1, 0, 0, 0, 1]);
        let idx = described("bits.gz", &gzip(&file));
        assert_eq!(idx.kind, "an IDX file");
        assert_eq!(idx.arrays[0].shape, "uint8 (2, 2, 2)");
        let spec = [
            "dataset = \"idx\"",
            "images = \"bits.gz\"",
            "range = { min = 0, max = 1 }",
        ];
        assert_eq!(idx.spec, spec);
        let labels = described("labels", &idx_file(&[3], [4, 0, 4]));
        assert_eq!((labels.arrays[0].classes, labels.spec.len()), (Some(2), 2));

        let table = described("a.csv", b"label,a,b,c,d\n1,0,0,9,0\n5,0,0,8,0\n");
        assert_eq!(table.kind, "a table of pixels");
        assert_eq!(
            table.arrays[0].shape,
            "2 images of 2 x 2, label in column 1"
        );
        assert_eq!(table.arrays[0].range, Some((0.0, 9.0)));
    }

    #[test]
    fn refuses_what_is_no_data() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        for bytes in [&b"some text\n"[..], b"", b"\x93NUMPY", b"PK\x03\x04"] {
            std::fs::write(&path, bytes).unwrap();
            assert_eq!(describe(&path).unwrap_err().exit_code(), 65);
        }
    }
}
