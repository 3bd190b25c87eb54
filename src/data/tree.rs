//! The tree of a folder of pictures: which files are pictures, and what class each belongs to.
//!
//! ```text
//! FOLDER/CLASS/.../picture.png         one sub-folder a class, as deep as it likes
//! FOLDER/picture.png                   no sub-folders: one class, named after the folder
//! FOLDER/train/... and FOLDER/test/... when both are there they are the splits, each laid out as
//!                                      above, and nothing beside them is read
//! ```
//!
//! A picture is a regular file whose name ends in `.png`, `.jpg` or `.jpeg`, whatever the case; other
//! files are passed over, as are hidden files and folders. A symbolic link that could be a picture or
//! a folder of pictures is refused: to follow it could leave the folder, and to pass over it would
//! train on less than was asked for. So is a pipe, a socket or a device with such a name.
//!
//! Names are compared byte by byte, so the order is the same on every machine. Within a split the
//! classes take turns (the first picture of each, then the second of each, and so on), so that the
//! first N pictures are of all classes.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};

use walkdir::{DirEntry, WalkDir};

use crate::sys::exit;
use crate::sys::printable::printable;

use super::error::{DataError, ReadError, Refusal, shown};

/// A folder of pictures that cannot be read as one.
#[derive(Debug, thiserror::Error)]
pub(super) enum TreeError {
    #[error(
        "`{}` lies beside the class folder `{}`, so its class is unknown",
        shown(picture),
        printable(class)
    )]
    Unclassed { picture: PathBuf, class: String },
    #[error(
        "`{}` is a symbolic link; links inside a folder of pictures are not followed",
        shown(path)
    )]
    SymbolicLink { path: PathBuf },
    #[error("`{}` has the name of a picture, but is no file", shown(path))]
    NotAFile { path: PathBuf },
    #[error("`{}` holds {classes} class folders, more than the limit of {}", path.display(), usize::from(u16::MAX) + 1)]
    TooManyClasses { path: PathBuf, classes: usize },
}

impl Refusal for TreeError {
    fn exit_code(&self) -> u8 {
        exit::INVALID_DATA
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Unclassed { .. } => {
                "put every picture into a sub-folder of its class, or none of them"
            }
            Self::NotAFile { .. } => "take it out of the folder",
            Self::SymbolicLink { .. } => {
                "put the file itself there, or let `data.path` name the folder that the link leads to"
            }
            Self::TooManyClasses { .. } => return None,
        };
        Some(hint.to_owned())
    }
}

/// A picture's file and its class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Picture {
    pub path: PathBuf,
    pub class: u16,
}

/// All pictures of a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tree {
    /// Names of the classes of both splits, sorted.
    pub classes: Vec<String>,
    pub train: Vec<Picture>,
    /// None where the folder has no `train` and `test`.
    pub test: Option<Vec<Picture>>,
}

/// The pictures of one split by class; the class is none for pictures outside any class folder.
type Classes = BTreeMap<Option<OsString>, Vec<PathBuf>>;

impl Tree {
    /// Walks the folder.
    pub(super) fn of(folder: &Path) -> Result<Self, DataError> {
        let (train, test) = (folder.join("train"), folder.join("test"));
        let (train, test) = if is_own_folder(&train) && is_own_folder(&test) {
            (walk(&train)?, Some(walk(&test)?))
        } else {
            (walk(folder)?, None)
        };
        let names: BTreeSet<&Option<OsString>> = train
            .keys()
            .chain(test.iter().flatten().map(|(k, _)| k))
            .collect();
        let names: Vec<_> = names.into_iter().collect();
        // None sorts first, so a loose picture and a class show side by side here.
        if let [None, Some(class), ..] = names.as_slice() {
            let loose = [Some(&train), test.as_ref()];
            let mut loose = loose
                .into_iter()
                .flatten()
                .filter_map(|split| split.get(&None));
            return Err(DataError::from(TreeError::Unclassed {
                picture: loose
                    .find_map(|paths| paths.first().cloned())
                    .unwrap_or_default(),
                class: class.to_string_lossy().into_owned(),
            }));
        }
        if u16::try_from(names.len().saturating_sub(1)).is_err() {
            return Err(DataError::from(TreeError::TooManyClasses {
                path: folder.to_path_buf(),
                classes: names.len(),
            }));
        }
        Ok(Self {
            classes: names.iter().map(|name| class_name(name, folder)).collect(),
            train: in_turns(&train, &names),
            test: test.as_ref().map(|test| in_turns(test, &names)),
        })
    }
}

fn class_name(name: &Option<OsString>, folder: &Path) -> String {
    let name = name.as_deref().or_else(|| folder.file_name());
    name.unwrap_or(OsStr::new("pictures"))
        .to_string_lossy()
        .into_owned()
}

/// Whether it is a folder and not a link to one.
fn is_own_folder(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_dir())
}

fn walk(base: &Path) -> Result<Classes, DataError> {
    let mut classes = Classes::new();
    let entries = WalkDir::new(base)
        .sort_by_file_name()
        .into_iter()
        .filter_entry(|entry| entry.depth() == 0 || !is_hidden(entry));
    for entry in entries {
        let entry = entry.map_err(|error| ReadError {
            path: error.path().unwrap_or(base).to_path_buf(),
            source: error.into(),
        })?;
        if entry.depth() > 0 && entry.path_is_symlink() {
            if is_picture_name(entry.path()) || entry.path().is_dir() {
                let path = entry.into_path();
                return Err(TreeError::SymbolicLink { path }.into());
            }
        } else if is_picture_name(entry.path()) && !entry.file_type().is_dir() {
            if !entry.file_type().is_file() {
                let path = entry.into_path();
                return Err(TreeError::NotAFile { path }.into());
            }
            let class = (entry.depth() > 1)
                .then(|| entry.path().strip_prefix(base).ok()?.iter().next())
                .flatten()
                .map(OsString::from);
            classes.entry(class).or_default().push(entry.into_path());
        }
    }
    Ok(classes)
}

fn is_hidden(entry: &DirEntry) -> bool {
    entry.file_name().as_encoded_bytes().starts_with(b".")
}

fn is_picture_name(path: &Path) -> bool {
    path.extension().is_some_and(|extension| {
        ["png", "jpg", "jpeg"]
            .iter()
            .any(|known| extension.eq_ignore_ascii_case(known))
    })
}

/// The first picture of each class, then the second of each, and so on.
fn in_turns(classes: &Classes, names: &[&Option<OsString>]) -> Vec<Picture> {
    let mut pictures: Vec<(usize, Picture)> = Vec::new();
    for (class, name) in (0..=u16::MAX).zip(names) {
        let paths = classes.get(*name).into_iter().flatten();
        pictures.extend(paths.enumerate().map(|(turn, path)| {
            let path = path.clone();
            (turn, Picture { path, class })
        }));
    }
    // Stable: within a turn the classes keep their order.
    pictures.sort_by_key(|(turn, _)| *turn);
    pictures.into_iter().map(|(_, picture)| picture).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(paths: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for path in paths {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, b"").unwrap();
        }
        folder
    }

    fn names(folder: &Path, pictures: &[Picture]) -> Vec<(String, u16)> {
        pictures
            .iter()
            .map(|picture| {
                let path = picture.path.strip_prefix(folder).unwrap();
                (path.to_str().unwrap().into(), picture.class)
            })
            .collect()
    }

    fn expected(pictures: &[(&str, u16)]) -> Vec<(String, u16)> {
        pictures.iter().map(|&(p, c)| (p.into(), c)).collect()
    }

    #[test]
    fn takes_sub_folders_for_classes_in_turns() {
        let folder = tree(&[
            "dog/2.PNG",
            "dog/10.jpg",
            "cat/deep/er/1.jpeg",
            "cat/notes.txt",
            "empty/notes.txt",
            "cat/.hidden.png",
            ".git/a.png",
            "README.md",
        ]);
        let tree = Tree::of(folder.path()).unwrap();
        assert_eq!(tree.classes, ["cat", "dog"]);
        assert_eq!(
            names(folder.path(), &tree.train),
            expected(&[
                ("cat/deep/er/1.jpeg", 0),
                ("dog/10.jpg", 1),
                ("dog/2.PNG", 1)
            ])
        );
        assert_eq!(tree.test, None);
    }

    #[test]
    fn takes_a_folder_without_sub_folders_for_one_class() {
        let folder = tree(&["faces/b.png", "faces/a.png"]);
        let faces = folder.path().join("faces");
        let tree = Tree::of(&faces).unwrap();
        assert_eq!(tree.classes, ["faces"]);
        assert_eq!(
            names(&faces, &tree.train),
            expected(&[("a.png", 0), ("b.png", 0)])
        );
    }

    #[test]
    fn takes_train_and_test_for_splits_only_when_both_are_there() {
        let folder = tree(&["train/a/1.png", "test/b/1.png", "other/c/1.png"]);
        let both = Tree::of(folder.path()).unwrap();
        assert_eq!(both.classes, ["a", "b"]);
        assert_eq!(
            names(folder.path(), &both.train),
            expected(&[("train/a/1.png", 0)])
        );
        assert_eq!(
            names(folder.path(), &both.test.unwrap()),
            expected(&[("test/b/1.png", 1)])
        );

        let folder = tree(&["train/a/1.png", "bus/1.png"]);
        let one = Tree::of(folder.path()).unwrap();
        assert_eq!(
            (one.classes, one.test),
            (vec!["bus".into(), "train".into()], None)
        );
    }

    #[test]
    fn refuses_a_picture_beside_class_folders() {
        let folder = tree(&["cat/1.png", "stray.png"]);
        let error = Tree::of(folder.path()).unwrap_err();
        let stray = folder.path().join("stray.png");
        assert_eq!(
            error.to_string(),
            format!(
                "`{}` lies beside the class folder `cat`, so its class is unknown",
                stray.display()
            )
        );
    }

    #[cfg(unix)]
    #[test]
    fn refuses_links_to_pictures_and_passes_over_others() {
        use std::os::unix::fs::symlink;
        let outside = tree(&["1.png"]);
        for (link, target) in [
            ("cat/2.png", outside.path().join("1.png")),
            ("cat/broken.png", outside.path().join("nothing")),
            ("dogs", outside.path().to_path_buf()),
        ] {
            let folder = tree(&["cat/1.png"]);
            let link = folder.path().join(link);
            symlink(target, &link).unwrap();
            let error = Tree::of(folder.path()).unwrap_err();
            match error.downcast_ref() {
                Some(TreeError::SymbolicLink { path }) => assert_eq!(*path, link),
                _ => panic!("{error}"),
            }
        }
        let folder = tree(&["cat/1.png"]);
        symlink(outside.path().join("1.png"), folder.path().join("LICENSE")).unwrap();
        assert_eq!(Tree::of(folder.path()).unwrap().train.len(), 1);
        // A link to the folder itself is the user's own choice.
        let link = outside.path().join("link");
        symlink(folder.path(), &link).unwrap();
        assert_eq!(Tree::of(&link).unwrap().train.len(), 1);
    }

    #[test]
    fn refuses_a_folder_that_is_not_there() {
        let folder = tempfile::tempdir().unwrap();
        let error = Tree::of(&folder.path().join("nothing")).unwrap_err();
        assert!(error.downcast_ref::<ReadError>().is_some(), "{error}");
    }
}
