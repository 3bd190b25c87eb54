//! IDX files that a spec names one by one.

use std::path::PathBuf;

use crate::config::section::section;
use crate::config::{Kind, PathKind, Rules};
use crate::data::division::Split;
use crate::data::error::DataError;
use crate::data::idx;
use crate::data::labelled::{named_files_kind, report_missing};
use crate::data::loader::{Labelled, Loaded, Loader, Request};
use crate::data::progress::OnProgress;
use crate::data::set::Survey;

const NAME: &str = "idx";

section! {
    /// your own IDX files (the format of MNIST), plain or gzip
    pub struct Idx {
        /// The folder that the four files are relative to
        pub path: Option<PathBuf>, Kind::Path(PathKind::Folder), unset("the usual places"),
            also(&["folder", "directory", "root"]), changes_no_result();
        /// Training images, an IDX file, plain or gzip
        pub images: Option<PathBuf>, Kind::Path(PathKind::File), unset("none"), relative_to("path"), changes_no_result();
        /// Training labels, an IDX file
        pub labels: Option<PathBuf>, Kind::Path(PathKind::File), unset("none"), relative_to("path"), changes_no_result();
        /// Test images, an IDX file
        pub test_images: Option<PathBuf>, Kind::Path(PathKind::File), unset("none"), relative_to("path"), changes_no_result();
        /// Test labels, an IDX file
        pub test_labels: Option<PathBuf>, Kind::Path(PathKind::File), unset("none"), relative_to("path"), changes_no_result();
    }
    rules { files_are_named }
}

fn files_are_named(it: &mut Rules<'_>) {
    let files = [
        (Split::Train, "images", "train-images-idx3-ubyte.gz"),
        (Split::Train, "labels", "train-labels-idx1-ubyte.gz"),
        (Split::Test, "test_images", "t10k-images-idx3-ubyte.gz"),
        (Split::Test, "test_labels", "t10k-labels-idx1-ubyte.gz"),
    ];
    report_missing(it, NAME, "the paths of the IDX files", &files);
}

named_files_kind!(Idx = NAME, labels_are_needed: true, open: idx::open);

#[cfg(test)]
mod tests;
