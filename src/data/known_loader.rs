//! The kinds of data that are a known data set: searched for, else downloaded, checked and loaded.

use std::path::Path;
use std::thread;

use super::division::Split;
use super::download::{self, NotFound};
use super::error::{DataError, folder_of};
use super::idx;
use super::known::{FILES, KnownSet, SIDE};
use super::labelled::{self, PartFiles, Reading, join};
use super::loader::{Labelled, Loaded, Loader, Locate, Located, LocatedFile, Request};
use super::places::{self, Found, Places};
use super::progress::OnProgress;
use super::set::Survey;

/// A kind of data that is a known data set; `known_kind!` makes it.
pub(super) trait KnownKind {
    /// Which one.
    const SET: &'static KnownSet;

    /// The folder to look in first.
    fn path(&self) -> Option<&Path>;

    /// That folder, which has to be there: where a spec names a wrong folder, data from elsewhere must not take its
    /// place silently.
    fn folder(&self) -> Result<Option<&Path>, DataError> {
        match self.path() {
            None => Ok(None),
            path => Ok(Some(folder_of("data.path", Self::SET.name, path)?)),
        }
    }
}

/// Defines the kind of data that is a known set.
macro_rules! known_kind {
    ($(#[doc = $doc:literal])+ pub struct $kind:ident = $set:expr;) => {
        $crate::config::section::section! {
            $(#[doc = $doc])+
            pub struct $kind {
                /// A folder to look in before the usual places
                pub path: Option<std::path::PathBuf>,
                    $crate::config::Kind::Path($crate::config::PathKind::Folder),
                    unset("the usual places"), also(&["folder", "directory", "root"]), changes_no_result();
            }
        }

        impl $crate::data::known_loader::KnownKind for $kind {
            const SET: &'static KnownSet = &$set;

            fn path(&self) -> Option<&std::path::Path> {
                self.path.as_deref()
            }
        }
    };
}

pub(super) use known_kind;

impl<T: KnownKind> Loader for T {
    fn survey(&self, request: &Request<'_>) -> Result<Survey, DataError> {
        let parts = request.division.parts();
        let shares = request.division.shares(&counts(&parts))?;
        let found = places::search(T::SET, self.folder()?, request.places, &positions(&parts));
        Ok(Survey {
            found: found.is_ok(),
            ..Survey::of(
                &shares,
                [SIDE, SIDE, 1],
                found.map_or_else(
                    |_| "not on this machine, to be downloaded".into(),
                    |found| found.folder.display().to_string(),
                ),
            )
        })
    }

    /// Their names are known wherever the files are; the labels are not read.
    fn labels(&self, _: &Request<'_>) -> Result<Labelled, DataError> {
        Ok(Labelled {
            names: T::SET.classes.map(String::from).to_vec(),
            images: None,
        })
    }

    fn load(&self, request: &Request<'_>, progress: OnProgress<'_>) -> Result<Loaded, DataError> {
        let parts = request.division.parts();
        // Refuses a limit or a fraction that cannot be before anything is downloaded.
        request.division.shares(&counts(&parts))?;
        let positions = positions(&parts);
        let (set, folder) = (T::SET, self.folder()?);
        let (found, _) = find(set, folder, request.places, &positions, progress)?;
        let open = |at: usize| {
            let file = idx::open(&found.paths[at], FILES[positions[at]].content)?;
            file.expect_axes(FILES[positions[at]].axes())?;
            Ok::<_, DataError>(file)
        };
        let files = (0..positions.len()).step_by(2).map(|at| {
            Ok(PartFiles {
                images: open(at)?,
                labels: Some(open(at + 1)?),
                factors: None,
            })
        });
        let files = files.collect::<Result<_, DataError>>()?;
        let reading = Reading {
            classes: Some(set.classes.map(String::from).to_vec()),
            ..Reading::default()
        };
        let loaded = labelled::read(files, request.division, reading)?;
        for (source, &position) in loaded.sources.iter().zip(&positions) {
            set.check_digest(position, source)?;
            set.check_packed_file(position, &source.path)?;
        }
        Ok(Loaded {
            place: found.folder.display().to_string(),
            ..loaded
        })
    }

    fn locate() -> Option<Locate> {
        Some(|places, progress| locate(T::SET, places, progress))
    }
}

/// Where the two files of each part stand in [`FILES`].
fn positions(parts: &[Split]) -> Vec<usize> {
    let of_part = |part: &Split| match part {
        Split::Train => [0, 1],
        Split::Test => [2, 3],
    };
    parts.iter().flat_map(of_part).collect()
}

fn counts(parts: &[Split]) -> Vec<usize> {
    let images = positions(parts).into_iter().step_by(2);
    images.map(|position| FILES[position].count).collect()
}

/// Finds some of the four files, downloading the set if it is nowhere; says whether it did.
fn find(
    set: &'static KnownSet,
    path: Option<&Path>,
    places: &Places,
    positions: &[usize],
    progress: OnProgress<'_>,
) -> Result<(Found, bool), DataError> {
    let looked = match places::search(set, path, places, positions) {
        Ok(found) => return Ok((found, false)),
        Err(looked) => looked,
    };
    download::to_cache(set, places, looked, progress)?;
    match places::search(set, None, &places.only_cache(), positions) {
        Ok(found) => Ok((found, true)),
        Err(looked) => Err(NotFound::new(set, looked, Vec::new()).into()),
    }
}

/// Finds or downloads all four files and checks them.
fn locate(
    set: &'static KnownSet,
    places: &Places,
    progress: OnProgress<'_>,
) -> Result<Located, DataError> {
    let (found, downloaded) = find(set, None, places, &[0, 1, 2, 3], progress)?;
    let files = thread::scope(|scope| {
        let paths = found.paths.iter().enumerate();
        let running: Vec<_> = paths
            .map(|(position, path)| scope.spawn(move || check(set, position, path)))
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

fn check(set: &KnownSet, position: usize, path: &Path) -> Result<LocatedFile, DataError> {
    let file = idx::open(path, FILES[position].content)?;
    Ok(LocatedFile {
        source: set.check_file(position, file)?,
        verified: set.check_packed_file(position, path)?,
    })
}

#[cfg(test)]
mod tests;
