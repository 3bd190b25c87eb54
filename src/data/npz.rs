//! NumPy's `.npz` archives: a zip archive of `.npy` files, one an array.

use std::fs::File;
use std::path::{Path, PathBuf};

use crate::fs::files;

use super::array_file::{ArrayFile, BadFile, Content, Problem};
use super::element::Element;
use super::error::DataError;
use super::npy::{self, tuple};
use super::zip::{self, Entry};

/// An archive whose directory has been read.
#[derive(Clone, Debug)]
pub(super) struct Npz {
    path: PathBuf,
    entries: Vec<Entry>,
}

/// What is asked of an archive and not there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NpzError {
    #[error("no array `{name}`")]
    NoArray { name: String, arrays: Vec<String> },
    #[error("no array that is the {what}")]
    NoneOf {
        what: &'static str,
        arrays: Vec<String>,
    },
}

impl Problem for NpzError {
    fn hint(&self, _: &Path) -> Option<String> {
        let (Self::NoArray { arrays, .. } | Self::NoneOf { arrays, .. }) = self;
        Some(match arrays.as_slice() {
            [] => "it holds no array".to_owned(),
            arrays => format!("it holds {}", arrays.join(", ")),
        })
    }
}

impl Npz {
    /// Reads the directory of an archive.
    pub(super) fn open(path: &Path) -> Result<Self, DataError> {
        let entries = archive(path)?.entries()?;
        let path = path.to_path_buf();
        Ok(Self { path, entries })
    }

    /// The names of the arrays, those that are pickled Python too.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        let names = self.entries.iter().map(|it| it.name.as_str());
        names.filter_map(|name| name.strip_suffix(".npy"))
    }

    /// Whether there is an array of that name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.names().any(|it| it == name)
    }

    /// Opens an array, with or without the ending of its file.
    pub(super) fn array(
        &self,
        name: &str,
        content: Content,
        image_shape: Option<&[usize]>,
    ) -> Result<ArrayFile<'static>, DataError> {
        npy::with_header(self.member(name)?, content, image_shape)
    }

    /// Opens an array whose header has not been read.
    pub(super) fn member(&self, name: &str) -> Result<ArrayFile<'static>, DataError> {
        let plain = name.strip_suffix(".npy").unwrap_or(name);
        let is_it = |it: &&Entry| it.name.strip_suffix(".npy") == Some(plain);
        let Some(entry) = self.entries.iter().find(is_it) else {
            let name = plain.to_owned();
            let arrays = self.described();
            return Err(self.refuse(NpzError::NoArray { name, arrays }));
        };
        let input = archive(&self.path)?.member(entry)?;
        Ok(ArrayFile::new(&self.path.join(&entry.name), input))
    }

    /// Type and shape of an array: `uint8 (60000, 28, 28)`; why it is not read where it is not.
    pub(super) fn description(&self, name: &str) -> String {
        let header = self
            .member(name)
            .and_then(|mut file| npy::read_header(&mut file));
        match header {
            Ok(header) => {
                let element = header.element.map(|(element, _)| element.name().to_owned());
                let shape = tuple(&header.shape);
                format!("{} {shape}", element.unwrap_or_else(|other| other))
            }
            Err(_) => "not an array of numbers".to_owned(),
        }
    }

    /// The arrays with their types and shapes.
    pub(super) fn described(&self) -> Vec<String> {
        let one = |name: &str| format!("`{name}` {}", self.description(name));
        self.names().take(MOST_NAMED).map(one).collect()
    }

    /// The arrays that may be images by type and shape.
    pub(super) fn images(&self, image_shape: Option<&[usize]>) -> Vec<&str> {
        let is_images = |name: &&str| {
            let header = self
                .member(name)
                .and_then(|mut it| npy::read_header(&mut it));
            header.is_ok_and(|header| {
                let is_number =
                    matches!(header.element, Ok((element, _)) if element != Element::I64);
                let axes = header.shape.len();
                is_number && (axes >= 3 || axes == 2 && image_shape.is_some())
            })
        };
        self.names().take(MOST_NAMED).filter(is_images).collect()
    }

    pub(super) fn refuse(&self, problem: NpzError) -> DataError {
        BadFile::new(&self.path, problem).into()
    }
}

/// How many arrays an error names.
const MOST_NAMED: usize = 20;

fn archive(path: &Path) -> Result<zip::Archive<File>, DataError> {
    let (file, bytes) = files::open(path)?;
    Ok(zip::Archive {
        path: path.to_path_buf(),
        file,
        bytes,
    })
}
