//! Finding a data set by its name, downloading it where it is nowhere, and checking its files.

use std::path::PathBuf;
use std::thread;

use super::download;
use super::error::DataError;
use super::idx::IdxFile;
use super::idx_set::{check_digest, check_known, join};
use super::known::{self, FILES, KnownSet};
use super::places::{self, Surroundings};
use super::set::{Progress, Source};

/// Name of the built-in data set.
const SPRITES: &str = "sprites";

/// Where a data set lies, all of its files checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Located {
    /// The data set's name.
    pub name: &'static str,
    /// The folder of its files; none for a data set that the program draws.
    pub folder: Option<PathBuf>,
    /// Whether it was downloaded just now.
    pub downloaded: bool,
    /// Its files: train images, train labels, test images, test labels.
    pub files: Vec<LocatedFile>,
}

/// A file of a located data set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocatedFile {
    /// Where it lies, and the digest and length of its uncompressed bytes.
    pub source: Source,
    /// Whether the digest is the published one. If not, the program knows none, and only the file's
    /// structure was checked.
    pub verified: bool,
}

/// Finds, downloads or checks the data set of that name: `fashion-mnist`, `mnist`, `kmnist` or
/// `sprites`.
///
/// # Errors
/// The name is not one of these; the files are nowhere and cannot be downloaded; a file is damaged or
/// not the published one.
pub fn locate(name: &str, progress: &mut dyn FnMut(Progress<'_>)) -> Result<Located, DataError> {
    locate_in(name, &Surroundings::of_process(), progress)
}

pub(super) fn locate_in(
    name: &str,
    surroundings: &Surroundings,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<Located, DataError> {
    if name == SPRITES {
        return Ok(Located {
            name: SPRITES,
            folder: None,
            downloaded: false,
            files: Vec::new(),
        });
    }
    let Some(set) = KnownSet::named(name) else {
        let known = known::ALL.iter().map(|set| set.name).chain([SPRITES]);
        return Err(DataError::UnknownSet {
            name: name.into(),
            known: known.collect(),
        });
    };
    let all: Vec<usize> = (0..FILES.len()).collect();
    let (found, downloaded) = match places::search(set, None, surroundings, &all)? {
        Ok(found) => (found, false),
        Err(looked) => {
            download::to_cache(set, surroundings, looked, progress)?;
            match places::search(set, None, &download::only_cache(surroundings), &all)? {
                Ok(found) => (found, true),
                Err(looked) => return Err(download::not_found(set, looked, Vec::new())),
            }
        }
    };
    let files = thread::scope(|scope| {
        let running: Vec<_> = found
            .paths
            .iter()
            .enumerate()
            .map(|(position, path)| scope.spawn(move || check(set, position, path.clone())))
            .collect();
        running.into_iter().map(join).collect::<Result<Vec<_>, _>>()
    })?;
    Ok(Located {
        name: set.name,
        folder: Some(found.folder),
        downloaded,
        files,
    })
}

fn check(set: &'static KnownSet, position: usize, path: PathBuf) -> Result<LocatedFile, DataError> {
    let known = &FILES[position];
    let file = IdxFile::open(&path, known.kind)?;
    check_known(&file, known)?;
    let source = file.finish()?;
    check_digest(set, position, &source)?;
    Ok(LocatedFile {
        source,
        verified: set.digests.is_some(),
    })
}
