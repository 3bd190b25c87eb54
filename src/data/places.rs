//! Where the files of a known data set are looked for, and in which order.
//!
//! 1. the folder that `data.path` names
//! 2. `$RUNNER_DATA_DIR`
//! 3. `data/` in the current folder
//! 4. the user's cache, `$XDG_CACHE_HOME/runner` or `~/.cache/runner`; this is where downloads go
//! 5. `/usr/share/datasets`, where Debian's packages put data sets
//!
//! In each of them the sub-folder of the set's name comes first, then torchvision's, then (in 1 to 3)
//! the folder itself. The first folder that holds all files wanted is taken; one that holds only some
//! is passed over and named if nothing is found.

use std::env;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::sys::exit;

use super::error::Refusal;
use super::known::{FILES, KnownFile, KnownSet};

/// Where to download from, and the limits on waiting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mirrors {
    /// What stands before a file's name, in the order in which they are tried.
    pub urls: Vec<String>,
    /// Whether plain HTTP is refused, also after a redirection.
    pub https_only: bool,
    /// Longest wait for a connection.
    pub connect: Duration,
    /// Longest wait for the next bytes.
    pub stall: Duration,
    /// Longest time for one file.
    pub total: Duration,
}

impl Mirrors {
    pub(super) fn published(set: &KnownSet) -> Self {
        Self {
            urls: set.mirrors.iter().map(|url| (*url).into()).collect(),
            https_only: true,
            connect: Duration::from_secs(10),
            stall: Duration::from_secs(30),
            total: Duration::from_secs(1_800),
        }
    }
}

/// Where data may lie, and where it can be downloaded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Places {
    /// `$RUNNER_DATA_DIR`
    pub data_dir: Option<PathBuf>,
    /// `data`
    pub local: Option<PathBuf>,
    /// The program's own folder in the user's cache.
    pub cache: Option<PathBuf>,
    /// `/usr/share/datasets`
    pub system: Option<PathBuf>,
    /// Where to download from; none for the published places.
    pub mirrors: Option<Mirrors>,
}

impl Places {
    /// The places that the environment variables of this process and the system name.
    pub(super) fn of_process() -> Self {
        let folder = |name| {
            env::var_os(name)
                .filter(|value| !value.is_empty())
                .map(PathBuf::from)
        };
        Self {
            data_dir: folder("RUNNER_DATA_DIR"),
            local: Some("data".into()),
            cache: cache_folder(folder("XDG_CACHE_HOME"), folder("HOME")),
            system: Some("/usr/share/datasets".into()),
            mirrors: None,
        }
    }

    /// Nothing but the cache.
    pub(super) fn only_cache(&self) -> Self {
        Self {
            cache: self.cache.clone(),
            ..Self::default()
        }
    }

    fn roots(&self, path: Option<&Path>) -> Vec<Root> {
        let root = |folder: &Option<PathBuf>, reason, itself| {
            folder.clone().map(|folder| Root {
                folder,
                reason,
                itself,
            })
        };
        [
            root(&path.map(PathBuf::from), "data.path", true),
            root(&self.data_dir, "$RUNNER_DATA_DIR", true),
            root(&self.local, "in the current folder", true),
            root(&self.cache, "the user's cache", false),
            root(&self.system, "the system's data sets", false),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

/// The freedesktop.org base directory specification: a relative `XDG_CACHE_HOME` does not count.
fn cache_folder(xdg: Option<PathBuf>, home: Option<PathBuf>) -> Option<PathBuf> {
    xdg.filter(|folder| folder.is_absolute())
        .or_else(|| home.map(|home| home.join(".cache")))
        .map(|cache| cache.join("runner"))
}

struct Root {
    folder: PathBuf,
    reason: &'static str,
    /// Whether the files may lie in the folder itself.
    itself: bool,
}

impl Root {
    fn candidates(&self, sub_folders: &[&str]) -> Vec<PathBuf> {
        let mut folders: Vec<_> = sub_folders.iter().map(|it| self.folder.join(it)).collect();
        if self.itself {
            folders.push(self.folder.clone());
        }
        folders
    }
}

/// A folder that holds the files wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub folder: PathBuf,
    /// The files in the order in which they were wanted.
    pub paths: Vec<PathBuf>,
}

/// A place where a data set was looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LookedAt {
    pub folder: PathBuf,
    /// Why there: a setting, a variable, or what the folder is.
    pub reason: &'static str,
    /// What was seen there.
    pub seen: String,
}

/// Looks for some of the four files, by their positions in [`FILES`]; says where they are not.
pub(super) fn search(
    set: &KnownSet,
    path: Option<&Path>,
    places: &Places,
    wanted: &[usize],
) -> Result<Found, Vec<LookedAt>> {
    let sub_folders = [set.name, set.torchvision_folder];
    search_in(path, places, &sub_folders, wanted.len(), |folder| {
        files_in(folder, wanted)
    })
}

/// Looks for files of these names, all in one folder: one of the sub-folders, or the place itself.
pub(super) fn search_names(
    path: Option<&Path>,
    places: &Places,
    sub_folders: &[&str],
    names: &[&str],
) -> Result<Found, Vec<LookedAt>> {
    search_in(path, places, sub_folders, names.len(), |folder| {
        let (there, lacking): (Vec<_>, Vec<_>) =
            names.iter().partition(|name| folder.join(name).is_file());
        match lacking.is_empty() {
            true => Ok(there.into_iter().map(|name| folder.join(name)).collect()),
            false => Err(lacking
                .into_iter()
                .map(|name: &str| name.to_owned())
                .collect()),
        }
    })
}

/// Looks for so many files: `files_in` gives the paths of those of a folder, or the names of what it lacks.
fn search_in(
    path: Option<&Path>,
    places: &Places,
    sub_folders: &[&str],
    wanted: usize,
    files_in: impl Fn(&Path) -> Result<Vec<PathBuf>, Vec<String>>,
) -> Result<Found, Vec<LookedAt>> {
    let mut looked = Vec::new();
    for root in places.roots(path) {
        let mut best: Option<(PathBuf, Vec<String>)> = None;
        for folder in root.candidates(sub_folders) {
            match files_in(&folder) {
                Ok(paths) => return Ok(Found { folder, paths }),
                Err(lacking) if lacking.len() < wanted => {
                    best.get_or_insert((folder, lacking));
                }
                Err(_) => {}
            }
        }
        let (folder, seen) = match best {
            Some((folder, lacking)) => (folder, format!("lacks {}", lacking.join(", "))),
            None if root.folder.is_dir() => (root.folder, "none of the files".into()),
            None => (root.folder, "no such folder".into()),
        };
        looked.push(LookedAt {
            folder,
            reason: root.reason,
            seen,
        });
    }
    Err(looked)
}

/// A known data set that is not on this machine and that the program does not download.
#[derive(Debug)]
pub(super) struct NotHere {
    pub name: &'static str,
    /// Where its publishers have it, and what has to be done with it.
    pub hint: &'static str,
    /// Every place looked at, in this order.
    pub looked: Vec<LookedAt>,
}

impl std::error::Error for NotHere {}

impl fmt::Display for NotHere {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is not on this machine; looked at", self.name)?;
        for LookedAt {
            folder,
            reason,
            seen,
        } in &self.looked
        {
            write!(f, "\n  `{}` ({reason}): {seen}", folder.display())?;
        }
        Ok(())
    }
}

impl Refusal for NotHere {
    fn exit_code(&self) -> u8 {
        exit::IO
    }

    fn hint(&self) -> Option<String> {
        Some(format!(
            "{}, and name the folder: set `data.path` or $RUNNER_DATA_DIR",
            self.hint
        ))
    }
}

/// The paths of the wanted files, or the names of those that are not there.
fn files_in(folder: &Path, wanted: &[usize]) -> Result<Vec<PathBuf>, Vec<String>> {
    let mut paths = Vec::new();
    let mut lacking = Vec::new();
    for file in wanted.iter().filter_map(|&index| FILES.get(index)) {
        match file_in(folder, file) {
            Some(path) => paths.push(path),
            None => lacking.push(file.published_name()),
        }
    }
    if lacking.is_empty() {
        Ok(paths)
    } else {
        Err(lacking)
    }
}

/// The path of a file under any of its names.
pub(super) fn file_in(folder: &Path, file: &KnownFile) -> Option<PathBuf> {
    file.names()
        .into_iter()
        .map(|name| folder.join(name))
        .find(|path| path.is_file())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::data::kinds::fashion_mnist::FASHION_MNIST;
    use crate::data::kinds::mnist::MNIST;

    const ALL_FOUR: [usize; 4] = [0, 1, 2, 3];

    fn put(folder: &Path, names: &[&str]) {
        fs::create_dir_all(folder).unwrap();
        for name in names {
            fs::write(folder.join(name), b"").unwrap();
        }
    }

    const NAMES: [&str; 4] = [
        "train-images-idx3-ubyte.gz",
        "train-labels.idx1-ubyte",
        "t10k-images.idx3-ubyte.gz",
        "t10k-labels-idx1-ubyte",
    ];

    fn places(root: &Path) -> Places {
        Places {
            data_dir: Some(root.join("variable")),
            local: Some(root.join("local")),
            cache: Some(root.join("cache")),
            system: Some(root.join("system")),
            mirrors: None,
        }
    }

    #[test]
    fn looks_at_places_in_the_documented_order() {
        let root = tempfile::tempdir().unwrap();
        let around = places(root.path());
        let path = root.path().join("path");
        fs::create_dir(&path).unwrap();
        let find = || {
            let found = search(&MNIST, Some(&path), &around, &ALL_FOUR);
            found.map(|found| found.folder)
        };
        let looked = find().unwrap_err();
        let folders: Vec<_> = looked.iter().map(|place| place.folder.clone()).collect();
        assert_eq!(
            folders,
            ["path", "variable", "local", "cache", "system"].map(|name| root.path().join(name))
        );
        // Each place is filled after those that come behind it, and then wins.
        for place in [
            "system/mnist",
            "cache/mnist",
            "local",
            "local/MNIST/raw",
            "local/mnist",
            "variable",
            "variable/mnist",
            "path",
            "path/mnist",
        ] {
            put(&root.path().join(place), &NAMES);
            assert_eq!(find().unwrap(), root.path().join(place));
        }
    }

    #[test]
    fn passes_over_and_names_a_folder_with_only_some_of_the_files() {
        let root = tempfile::tempdir().unwrap();
        let around = places(root.path());
        put(&root.path().join("variable/mnist"), &NAMES[..3]);
        let looked = search(&MNIST, None, &around, &ALL_FOUR).unwrap_err();
        assert_eq!(looked[0].seen, "lacks t10k-labels-idx1-ubyte.gz");
        assert_eq!(looked[0].folder, root.path().join("variable/mnist"));
        assert_eq!(looked[1].seen, "no such folder");
        let found = search(&MNIST, None, &around, &[0, 1]).unwrap();
        assert_eq!(
            found.paths,
            [NAMES[0], NAMES[1]].map(|name| root.path().join("variable/mnist").join(name))
        );
    }

    #[test]
    fn finds_no_set_in_the_folder_of_another() {
        let root = tempfile::tempdir().unwrap();
        put(&root.path().join("local/mnist"), &NAMES);
        let around = places(root.path());
        assert!(search(&FASHION_MNIST, None, &around, &ALL_FOUR).is_err());
    }

    #[test]
    fn takes_the_cache_of_the_base_directory_specification() {
        let folder = |xdg: Option<&str>, home: Option<&str>| {
            cache_folder(xdg.map(PathBuf::from), home.map(PathBuf::from))
        };
        assert_eq!(folder(Some("/x"), Some("/h")), Some("/x/runner".into()));
        assert_eq!(
            folder(Some("x"), Some("/h")),
            Some("/h/.cache/runner".into())
        );
        assert_eq!(folder(None, None), None);
    }
}
