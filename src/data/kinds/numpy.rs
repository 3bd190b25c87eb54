//! NumPy's files: `.npy`, or `.npz` with one array or several.
//!
//! The arrays of an `.npz` archive are found by the names that the usual ones have (`LAYOUTS`): `mnist.npz` of Keras,
//! those of MedMNIST and dSprites are read by naming the file alone.

use std::path::{Path, PathBuf};

use crate::config::section::section;
use crate::config::{FieldValue, Kind, PathKind, Rules, TableValues, Value};
use crate::data::array_file::{ArrayFile, Content};
use crate::data::division::{Split, uses};
use crate::data::element::Range;
use crate::data::error::{DataError, file_of};
use crate::data::labelled::{self, PartFiles, Reading, range_has_a_width};
use crate::data::loader::{Labelled, Loaded, Loader, Request};
use crate::data::npy;
use crate::data::npz::{Npz, NpzError};
use crate::data::progress::OnProgress;
use crate::data::set::Survey;

const NAME: &str = "numpy";

section! {
    /// your own NumPy files, `.npy` or `.npz`, with or without labels
    pub struct Numpy {
        /// The folder that the files are relative to
        pub path: Option<PathBuf>, Kind::Path(PathKind::Folder), unset("the usual places"), changes_no_result();
        /// An `.npz` archive. Its arrays are found by the names of Keras (`x_train`, `y_train`, `x_test`, `y_test`), MedMNIST (`train_images`, ...), dSprites and other usual ones; `images` and the others name arrays in it
        pub file: Option<PathBuf>, Kind::Path(PathKind::File), unset("none"), relative_to("path"),
            also(&["npz", "archive"]), changes_no_result();
        /// Training images: a `.npy` file, or with `file` an array in it, of shape (images, rows, columns), (images, rows, columns, channels), (images, channels, rows, columns) or (images, values)
        pub images: Option<Array>, Kind::Path(PathKind::File), unset("none"), relative_to("path"), name_with("file"), changes_no_result();
        /// Training labels: a `.npy` file, or with `file` an array in it, of whole numbers; without them all images are of one class
        pub labels: Option<Array>, Kind::Path(PathKind::File), unset("none"), relative_to("path"), name_with("file"), changes_no_result();
        /// Test images: a `.npy` file, or with `file` an array in it
        pub test_images: Option<Array>, Kind::Path(PathKind::File), unset("none"), relative_to("path"), name_with("file"), changes_no_result();
        /// Test labels: a `.npy` file, or with `file` an array in it
        pub test_labels: Option<Array>, Kind::Path(PathKind::File), unset("none"), relative_to("path"), name_with("file"), changes_no_result();
        /// What the training images were made from: a `.npy` file, or with `file` an array in it, of shape (images, factors)
        pub factors: Option<Array>, Kind::Path(PathKind::File), unset("none"), relative_to("path"), name_with("file"), changes_no_result();
        /// Rows, columns and, where it is not 1, channels of images of shape (images, values)
        pub image_shape: Option<Vec<usize>>, Kind::Counts { fewest: 2, most: 3, max: 16_384 }, unset("a square");
        /// The values that are black (`min`, 0 where it is left out) and white (`max`, 1 where it is left out)
        pub range: Option<Range>, Kind::Limits, unset("the whole range of an integer type, 0 to 1 for floats"), added_in(2);
    }
    rules { images_are_named, range_has_a_width }
}

/// An array that a spec names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Array {
    /// A `.npy` file.
    File(PathBuf),
    /// An array of the archive that `file` names.
    InArchive(String),
}

/// A name where the table has a `file`, else a path.
impl FieldValue for Array {
    type Literal = &'static str;

    fn default_value(literal: &'static str) -> Value {
        Value::Text(literal.into())
    }

    fn from_value(value: Value) -> Option<Self> {
        PathBuf::from_value(value).map(Self::File)
    }

    fn to_value(&self) -> Option<Value> {
        match self {
            Self::File(path) => path.to_value(),
            Self::InArchive(name) => name.to_value(),
        }
    }

    fn read(values: &TableValues<'_>, name: &str) -> Option<Self> {
        match values.get("file") {
            Some(_) => String::from_value(values.get(name)?).map(Self::InArchive),
            None => PathBuf::read(values, name).map(Self::File),
        }
    }
}

fn images_are_named(it: &mut Rules<'_>) {
    let written = |name: &str| it.values.written(&format!("data.{name}")).is_some();
    if written("file") {
        return;
    }
    let parts = [
        (Split::Train, "images", "the training part is used"),
        (Split::Test, "test_images", "the test part is used"),
    ];
    let missing = parts
        .map(|(part, name, reason)| (uses(it, part) && !written(name)).then_some((name, reason)));
    for (name, reason) in missing.into_iter().flatten() {
        let message = format!("`data.{name}` is missing: \"{NAME}\" needs it since {reason}");
        let hint = format!(
            "add a line such as `file = \"mnist.npz\"` or `{name} = \"{name}.npy\"` to `[data]`"
        );
        let diagnostic = it.at(&["dataset"], message);
        let diagnostic = diagnostic.expected("the path of an `.npz` or `.npy` file");
        it.diagnostics.push(diagnostic.hint(hint));
    }
}

/// What the arrays of an archive are called.
#[derive(Debug)]
struct Layout {
    images: &'static str,
    labels: &'static str,
    test_images: &'static str,
    test_labels: &'static str,
    factors: &'static str,
    factor_names: &'static [&'static str],
    /// Where it is not that of the elements' type.
    range: Option<Range>,
}

impl Layout {
    const fn of([images, labels, test_images, test_labels]: [&'static str; 4]) -> Self {
        Self {
            images,
            labels,
            test_images,
            test_labels,
            factors: "",
            factor_names: &[],
            range: None,
        }
    }
}

/// Names of dSprites' factors, by the archive's own metadata, which is pickled Python.
pub(in crate::data) const DSPRITES_FACTORS: [&str; 6] =
    ["color", "shape", "scale", "orientation", "posX", "posY"];

/// dSprites' pixels are 0 and 1.
pub(in crate::data) const DSPRITES_RANGE: Range = Range { min: 0.0, max: 1.0 };

/// The usual names of arrays; the first whose training images are in an archive is taken.
static LAYOUTS: [Layout; 14] = [
    // Keras
    Layout::of(["x_train", "y_train", "x_test", "y_test"]),
    Layout::of(["X_train", "y_train", "X_test", "y_test"]),
    Layout::of(["X_train", "Y_train", "X_test", "Y_test"]),
    // MedMNIST
    Layout::of(["train_images", "train_labels", "test_images", "test_labels"]),
    Layout::of(["images_train", "labels_train", "images_test", "labels_test"]),
    Layout::of(["train_data", "train_labels", "test_data", "test_labels"]),
    Layout::of(["train_x", "train_y", "test_x", "test_y"]),
    Layout {
        factors: "latents_values",
        factor_names: &DSPRITES_FACTORS,
        range: Some(DSPRITES_RANGE),
        ..Layout::of(["imgs", "", "", ""])
    },
    Layout::of(["images", "labels", "test_images", "test_labels"]),
    Layout::of(["train", "train_labels", "test", "test_labels"]),
    Layout::of(["data", "labels", "test_data", "test_labels"]),
    Layout::of(["X", "y", "", ""]),
    Layout::of(["x", "y", "", ""]),
    Layout::of(["arr_0", "arr_1", "", ""]),
];

static NO_LAYOUT: Layout = Layout::of([""; 4]);

/// The layout of an archive, by the array that has the training images where that is known.
fn layout_of(npz: &Npz, images: Option<&str>) -> &'static Layout {
    let is_it = |layout: &&Layout| match images {
        Some(name) => layout.images == name,
        None => npz.has(layout.images),
    };
    LAYOUTS.iter().find(is_it).unwrap_or(&NO_LAYOUT)
}

/// What is written in a spec for the archive of that layout, one line each; for `runner data`.
pub(in crate::data) fn roles(npz: &Npz) -> Vec<(&'static str, String)> {
    let layout = layout_of(npz, None);
    let roles = [
        ("images", layout.images),
        ("labels", layout.labels),
        ("test_images", layout.test_images),
        ("test_labels", layout.test_labels),
        ("factors", layout.factors),
    ];
    let there = roles.into_iter().filter(|(_, name)| npz.has(name));
    there.map(|(role, name)| (role, name.to_owned())).collect()
}

/// The arrays of the parts that are read, and how.
struct Opened {
    parts: Vec<PartFiles>,
    reading: Reading,
}

impl Numpy {
    fn open(&self, request: &Request<'_>) -> Result<Opened, DataError> {
        let parts = request.division.parts();
        let mut reading = Reading {
            range: self.range,
            ..Reading::default()
        };
        let npz = self.file.as_deref().map(|file| {
            let file = file_of("data.file", NAME, Some(file))?;
            Npz::open(file)
        });
        let npz = npz.transpose()?;
        let part = |part: &Split| match &npz {
            Some(npz) => self.of_archive(npz, *part, &mut reading),
            None => self.of_files(*part),
        };
        let parts = parts.iter().map(part).collect::<Result<_, _>>()?;
        Ok(Opened { parts, reading })
    }

    fn named(&self, part: Split) -> [(&'static str, Option<&Array>); 3] {
        match part {
            Split::Train => [
                ("data.images", self.images.as_ref()),
                ("data.labels", self.labels.as_ref()),
                ("data.factors", self.factors.as_ref()),
            ],
            Split::Test => [
                ("data.test_images", self.test_images.as_ref()),
                ("data.test_labels", self.test_labels.as_ref()),
                ("data.test_factors", None),
            ],
        }
    }

    fn of_files(&self, part: Split) -> Result<PartFiles, DataError> {
        let path = |array: &Array| match array {
            Array::File(path) => path.clone(),
            Array::InArchive(name) => name.into(),
        };
        let [images, labels, factors] = self.named(part).map(|(key, array)| (key, array.map(path)));
        let open = |(key, path): (&'static str, Option<PathBuf>), content| {
            let path = file_of(key, NAME, path.as_deref())?;
            self.npy(path, content)
        };
        let maybe = |it: (&'static str, Option<PathBuf>), content| {
            it.1.is_some().then(|| open(it, content)).transpose()
        };
        Ok(PartFiles {
            images: open(images, Content::Images)?,
            labels: maybe(labels, Content::Labels)?,
            factors: maybe(factors, Content::Factors)?,
        })
    }

    fn npy(&self, path: &Path, content: Content) -> Result<ArrayFile<'static>, DataError> {
        npy::open(path, content, self.image_shape.as_deref())
    }

    fn of_archive(
        &self,
        npz: &Npz,
        part: Split,
        reading: &mut Reading,
    ) -> Result<PartFiles, DataError> {
        let name = |array: &Array| match array {
            Array::File(path) => path.to_string_lossy().into_owned(),
            Array::InArchive(name) => name.clone(),
        };
        let [images, labels, factors] = self.named(part).map(|(_, array)| array.map(name));
        let layout = layout_of(npz, self.images.as_ref().map(name).as_deref());
        let usual = match part {
            Split::Train => [layout.images, layout.labels, layout.factors],
            Split::Test => [layout.test_images, layout.test_labels, ""],
        };
        let [usual_images, usual_labels, usual_factors] =
            usual.map(|name| npz.has(name).then(|| name.to_owned()));
        let array = |name: &str, content| npz.array(name, content, self.image_shape.as_deref());
        let images = match images.or(usual_images) {
            Some(name) => name,
            None => self.only_images(npz, part)?,
        };
        let maybe =
            |name: Option<String>, content| name.map(|name| array(&name, content)).transpose();
        if factors.is_none() && usual_factors.is_some() {
            reading.factor_names = layout.factor_names;
        }
        reading.range = reading.range.or(layout.range);
        Ok(PartFiles {
            images: array(&images, Content::Images)?,
            labels: maybe(labels.or(usual_labels), Content::Labels)?,
            factors: maybe(factors.or(usual_factors), Content::Factors)?,
        })
    }

    /// The only array that may be the images of an archive without usual names.
    fn only_images(&self, npz: &Npz, part: Split) -> Result<String, DataError> {
        let what = match part {
            Split::Train => "training images: name it by `images`",
            Split::Test => "test images: name it by `test_images`",
        };
        match (part, npz.images(self.image_shape.as_deref()).as_slice()) {
            (Split::Train, [only]) => Ok((*only).to_owned()),
            _ => {
                let arrays = npz.described();
                Err(npz.refuse(NpzError::NoneOf { what, arrays }))
            }
        }
    }
}

impl Loader for Numpy {
    fn survey(&self, request: &Request<'_>) -> Result<Survey, DataError> {
        labelled::survey(&self.open(request)?.parts, request.division)
    }

    fn labels(&self, request: &Request<'_>) -> Result<Labelled, DataError> {
        labelled::labels(self.open(request)?.parts, request.division)
    }

    fn load(&self, request: &Request<'_>, _: OnProgress<'_>) -> Result<Loaded, DataError> {
        let Opened { parts, reading } = self.open(request)?;
        labelled::read(parts, request.division, reading)
    }
}

#[cfg(test)]
mod tests;
