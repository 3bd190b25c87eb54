//! Where the images come from and how they are divided.

use std::path::PathBuf;

use crate::config::choice::choices;
use crate::config::kind::grouped;
use crate::config::section::section;
use crate::config::{FieldValue, Interval, Kind, PathKind, Rules, Value};

choices! {
    /// A data set that the program knows how to read.
    pub enum Dataset {
        /// Fashion-MNIST: 70,000 gray images of clothes, 28 x 28
        FashionMnist = "fashion-mnist",
        /// MNIST: 70,000 gray images of handwritten digits, 28 x 28
        Mnist = "mnist",
        /// Kuzushiji-MNIST: 70,000 gray images of cursive Japanese characters, 28 x 28
        Kmnist = "kmnist",
        /// shapes with known factors, drawn by the program: nothing to download
        Sprites = "sprites",
        /// your own IDX files (the format of MNIST), plain or gzip
        Idx = "idx",
        /// a folder of PNG and JPEG files, one sub-folder a class
        Images = "images",
    }
}

choices! {
    /// A part of a data set, as its publishers divided it.
    pub enum Split {
        /// the training images
        Train = "train",
        /// the test images
        Test = "test",
    }
}

choices! {
    /// How the files of an image folder are read.
    pub enum Color {
        /// one channel
        Gray = "gray",
        /// three channels
        Rgb = "rgb",
    }
}

/// Which images are kept out of training to measure the model on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Validation {
    /// None: nothing is measured but the training loss.
    None,
    /// This fraction of the training images, more than 0 and less than 1.
    Fraction(f64),
    /// The data set's own test images.
    Test,
}

impl FieldValue for Validation {
    type Literal = Self;

    fn default_value(literal: Self) -> Value {
        match literal {
            Self::None => Value::Text("none".to_owned()),
            Self::Fraction(fraction) => Value::Number(fraction),
            Self::Test => Value::Text("test".to_owned()),
        }
    }

    fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::Number(fraction) => Some(Self::Fraction(fraction)),
            Value::Text(word) if word == "test" => Some(Self::Test),
            Value::Text(word) if word == "none" => Some(Self::None),
            _ => None,
        }
    }

    fn to_value(&self) -> Option<Value> {
        Some(Self::default_value(*self))
    }
}

section! {
    /// Where the images come from
    pub struct Data {
        /// The data set
        pub dataset: Dataset, Kind::Choice(Dataset::CHOICES), also(&["name", "kind", "type"]);
        /// Known sets: a folder to look in first. `images`: the folder of the classes, or of `train` and `test` with
        /// classes in them. `idx`: the folder that the four files are relative to. Relative to the spec's folder
        pub path: Option<PathBuf>, Kind::Path(PathKind::Folder), unset("the usual places"),
            only("dataset", &["fashion-mnist", "mnist", "kmnist", "idx", "images"]), changes_no_result(),
            also(&["folder", "directory", "root"]);
        /// The published parts to train on
        pub splits: Vec<Split> = &[Split::Train], Kind::Choices(Split::CHOICES);
        /// What is kept out of training to measure the model on: a fraction of the images, or the published test part
        pub validation: Validation = Validation::None, Kind::NumberOr(Interval::open(0.0, 1.0), &["test", "none"]),
            also(&["validation_split", "validation_fraction", "val_split"]);
        /// Only the first so many training images
        pub limit: Option<usize>, Kind::Count { min: 1, max: 1_000_000_000 }, unset("all"), unit("images"),
            also(&["max_images", "num_samples"]);
        /// Side of the square images
        pub image_size: usize = 28, Kind::Count { min: 4, max: 1024 }, unit("pixels"),
            only("dataset", &["sprites", "images"]), also(&["size", "resolution"]);
        /// Channels of the images
        pub color: Color = Color::Gray, Kind::Choice(Color::CHOICES), only("dataset", &["images"]),
            also(&["colour", "channels", "color_mode"]);
        /// How many images are drawn
        pub count: usize = 10_000, Kind::Count { min: 1, max: 10_000_000 }, unit("images"), only("dataset", &["sprites"]);
        /// Training images, an IDX file, plain or gzip
        pub images: Option<PathBuf>, FILE, unset("none"), only("dataset", &["idx"]), relative_to("path"),
            changes_no_result();
        /// Training labels, an IDX file
        pub labels: Option<PathBuf>, FILE, unset("none"), only("dataset", &["idx"]), relative_to("path"),
            changes_no_result();
        /// Test images, an IDX file
        pub test_images: Option<PathBuf>, FILE, unset("none"), only("dataset", &["idx"]), relative_to("path"),
            changes_no_result();
        /// Test labels, an IDX file
        pub test_labels: Option<PathBuf>, FILE, unset("none"), only("dataset", &["idx"]), relative_to("path"),
            changes_no_result();
    }
    rules { test_part_is_there, test_part_is_used_once, idx_has_its_files, sprites_fit }
}

const FILE: Kind = Kind::Path(PathKind::File);

/// Most bytes of drawn images: they are kept in memory, a byte a pixel.
const MOST_DRAWN: u64 = 4 << 30;

fn trains_on(it: &Rules<'_>, split: Split) -> bool {
    it.get::<Vec<Split>>("splits")
        .is_some_and(|splits| splits.contains(&split))
}

fn test_part_is_there(it: &mut Rules<'_>) {
    // Whether a folder of pictures has one shows when it is looked into.
    let Some(dataset @ Dataset::Sprites) = it.get("dataset") else {
        return;
    };
    let message = format!("\"{dataset}\" has no published test part");
    if trains_on(it, Split::Test) {
        let wrong = it.at(&["splits"], message.clone());
        it.diagnostics.push(wrong.expected("`[\"train\"]`"));
    }
    if it.get("validation") == Some(Validation::Test) {
        let wrong = it.at(&["validation"], message);
        it.diagnostics.push(
            wrong
                .expected("a fraction above 0 and below 1, or \"none\"")
                .hint("keep a tenth of the images out with `validation = 0.1`"),
        );
    }
}

fn test_part_is_used_once(it: &mut Rules<'_>) {
    // A set without a test part has been told so already.
    let has_test = it.get("dataset") != Some(Dataset::Sprites);
    if has_test && trains_on(it, Split::Test) && it.get("validation") == Some(Validation::Test) {
        let message = "the test images would be both trained on and validated on";
        let wrong = it.at(&["validation"], message);
        it.diagnostics.push(
            wrong
                .expected("a fraction, or \"none\", while `splits` has \"test\"")
                .hint("take \"test\" out of `splits`, or write `validation = 0.1`"),
        );
    }
}

fn idx_has_its_files(it: &mut Rules<'_>) {
    if it.get("dataset") != Some(Dataset::Idx) || it.get::<Vec<Split>>("splits").is_none() {
        return;
    }
    let train = trains_on(it, Split::Train);
    let test = trains_on(it, Split::Test) || it.get("validation") == Some(Validation::Test);
    for (is_used, part, name, example) in [
        (train, "training", "images", "train-images-idx3-ubyte.gz"),
        (train, "training", "labels", "train-labels-idx1-ubyte.gz"),
        (test, "test", "test_images", "t10k-images-idx3-ubyte.gz"),
        (test, "test", "test_labels", "t10k-labels-idx1-ubyte.gz"),
    ] {
        let key = format!("data.{name}");
        if !is_used || it.values.written(&key).is_some() {
            continue;
        }
        let message = format!("`{key}` is missing: \"idx\" needs it since the {part} part is used");
        let wrong = it.at(&["dataset"], message);
        it.diagnostics
            .push(wrong.expected("the paths of the IDX files").hint(format!(
                "add a line such as `{name} = \"{example}\"` to `[data]`"
            )));
    }
}

fn sprites_fit(it: &mut Rules<'_>) {
    let Some(Dataset::Sprites) = it.get("dataset") else {
        return;
    };
    let (Some(count), Some(size)) = (it.get::<u64>("count"), it.get::<u64>("image_size")) else {
        return;
    };
    let pixels = size.saturating_mul(size).max(1);
    if count.saturating_mul(pixels) > MOST_DRAWN {
        let message = format!(
            "{} images of {size} x {size} pixels do not fit into {} GiB",
            grouped(count),
            MOST_DRAWN >> 30
        );
        let most = grouped(MOST_DRAWN / pixels);
        let wrong = it.at(&["count", "image_size"], message);
        it.diagnostics
            .push(wrong.expected(format!("at most {most} images of this size")));
    }
}
