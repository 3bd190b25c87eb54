//! IDX files that a spec names one by one.

use std::path::{Path, PathBuf};

use crate::data::array_file::Content;
use crate::data::division::Split;
use crate::data::error::{DataError, SettingError, file_of};
use crate::data::idx;
use crate::data::labelled::{self, PartFiles};
use crate::data::loader::{Loaded, Loader, Request};
use crate::data::progress::OnProgress;
use crate::data::set::Survey;

const NAME: &str = "idx";

/// your own IDX files (the format of MNIST), plain or gzip
#[derive(Clone, Debug, PartialEq)]
pub struct Idx {
    /// Training images.
    pub images: Option<PathBuf>,
    /// Training labels.
    pub labels: Option<PathBuf>,
    /// Test images.
    pub test_images: Option<PathBuf>,
    /// Test labels.
    pub test_labels: Option<PathBuf>,
}

impl Idx {
    fn open(&self, request: &Request<'_>) -> Result<Vec<PartFiles>, DataError> {
        let parts = request.division.parts().into_iter();
        let paths = parts.map(|part| {
            Ok(match part {
                Split::Train => [
                    file("data.images", &self.images)?,
                    file("data.labels", &self.labels)?,
                ],
                Split::Test => [
                    file("data.test_images", &self.test_images)?,
                    file("data.test_labels", &self.test_labels)?,
                ],
            })
        });
        // All settings are looked at before any file is.
        let paths = paths.collect::<Result<Vec<_>, SettingError>>()?;
        let open = |[images, labels]: [&Path; 2]| {
            Ok(PartFiles {
                images: idx::open(images, Content::Images)?,
                labels: Some(idx::open(labels, Content::Labels)?),
            })
        };
        paths.into_iter().map(open).collect()
    }
}

fn file<'a>(key: &'static str, path: &'a Option<PathBuf>) -> Result<&'a Path, SettingError> {
    file_of(key, NAME, path.as_deref())
}

impl Loader for Idx {
    fn survey(&self, request: &Request<'_>) -> Result<Survey, DataError> {
        labelled::survey(&self.open(request)?, request.division)
    }

    fn load(&self, request: &Request<'_>, _: OnProgress<'_>) -> Result<Loaded, DataError> {
        labelled::read(self.open(request)?, request.division, None)
    }
}

#[cfg(test)]
mod tests;
