//! IDX files that a spec names one by one.

use std::path::PathBuf;

use crate::config::section::section;
use crate::config::{Kind, PathKind, Rules};
use crate::data::division::Split;
use crate::data::element::Range;
use crate::data::error::DataError;
use crate::data::idx;
use crate::data::labelled::{NamedFiles, range_has_a_width, report_missing};
use crate::data::loader::{Labelled, Loaded, Loader, Request};
use crate::data::progress::OnProgress;
use crate::data::set::Survey;

const NAME: &str = "idx";

section! {
    /// your own IDX files (the format of MNIST) of any element type, plain or gzip, with or without labels
    pub struct Idx {
        /// The folder that the files are relative to
        pub path: Option<PathBuf>, Kind::Path(PathKind::Folder), unset("the usual places"),
            also(&["folder", "directory", "root"]), changes_no_result();
        /// Training images, an IDX file, plain or gzip
        pub images: Option<PathBuf>, Kind::Path(PathKind::File), unset("none"), relative_to("path"), changes_no_result();
        /// Training labels, an IDX file; without them all images are of one class
        pub labels: Option<PathBuf>, Kind::Path(PathKind::File), unset("none"), relative_to("path"), changes_no_result();
        /// Test images, an IDX file
        pub test_images: Option<PathBuf>, Kind::Path(PathKind::File), unset("none"), relative_to("path"), changes_no_result();
        /// Test labels, an IDX file
        pub test_labels: Option<PathBuf>, Kind::Path(PathKind::File), unset("none"), relative_to("path"), changes_no_result();
        /// The values that are black (`min`, 0 where it is left out) and white (`max`, 1 where it is left out)
        pub range: Option<Range>, Kind::Limits, unset("the whole range of an integer type, 0 to 1 for floats"), added_in(2);
    }
    rules { files_are_named, range_has_a_width }
}

fn files_are_named(it: &mut Rules<'_>) {
    let files = [
        (Split::Train, "images", "train-images-idx3-ubyte.gz"),
        (Split::Test, "test_images", "t10k-images-idx3-ubyte.gz"),
    ];
    report_missing(it, NAME, "the paths of the IDX files", &files);
}

impl Idx {
    fn files(&self) -> NamedFiles<'_> {
        NamedFiles {
            dataset: NAME,
            images: self.images.as_deref(),
            labels: self.labels.as_deref(),
            test_images: self.test_images.as_deref(),
            test_labels: self.test_labels.as_deref(),
            range: self.range,
            open: idx::open,
        }
    }
}

impl Loader for Idx {
    fn survey(&self, request: &Request<'_>) -> Result<Survey, DataError> {
        self.files().survey(request.division)
    }

    fn labels(&self, request: &Request<'_>) -> Result<Labelled, DataError> {
        self.files().labels(request.division)
    }

    fn load(&self, request: &Request<'_>, _: OnProgress<'_>) -> Result<Loaded, DataError> {
        self.files().load(request.division)
    }
}

#[cfg(test)]
mod tests;
