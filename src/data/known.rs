//! Data sets of four IDX files that are known by name: what is published of them, and how their files are checked.
//!
//! All of them have 60,000 images to train on and 10,000 to test with, gray, 28 x 28, in ten classes.
//!
//! Where the digests are known, a file is checked by the SHA-256 of its *uncompressed* bytes, since packagers compress
//! files again. Where only those of the compressed files are published, a gzip file has to be the published one. For a
//! plain file of such a set, the check is that it is a sound IDX file with the published number of images, of the published size, with labels below ten, and that it is not a file of a
//! set whose digests are known and which has the same names and shapes.

use std::path::{Path, PathBuf};

use crate::fs::digest::sha256_hex;
use crate::fs::files;
use crate::sys::exit;

use super::array_file::{ArrayFile, Axes, Content};
use super::error::{DataError, Refusal};
use super::input::GZIP_MAGIC;
use super::source::Source;

/// A data set of four IDX files.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct KnownSet {
    /// Its name in a spec, and that of its folder in the cache.
    pub(super) name: &'static str,
    /// Names of the classes, in the order of the labels.
    pub(super) classes: [&'static str; 10],
    /// The folder below a root that torchvision keeps the files in.
    pub(super) torchvision_folder: &'static str,
    /// The Debian package that installs it.
    pub(super) package: Option<&'static str>,
    /// Where the files can be downloaded, in the order in which they are tried: what stands before the
    /// file's name.
    pub(super) mirrors: &'static [&'static str],
    /// SHA-256 of the uncompressed files, in the order of [`FILES`].
    pub(super) digests: Option<[&'static str; 4]>,
    /// SHA-256 of the compressed files as they are published, where those of the uncompressed ones are not known.
    pub(super) packed_digests: Option<[&'static str; 4]>,
    /// Sets with digests whose files have the same names and shapes.
    pub(super) similar: &'static [&'static KnownSet],
}

/// One of the four files of a known set.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct KnownFile {
    /// What the name begins with.
    stem: &'static str,
    /// What the name ends with.
    suffix: &'static str,
    pub content: Content,
    pub count: usize,
}

/// The four files: train images, train labels, test images, test labels.
pub(super) const FILES: [KnownFile; 4] = [
    KnownFile::new("train-images", "idx3-ubyte", Content::Images, 60_000),
    KnownFile::new("train-labels", "idx1-ubyte", Content::Labels, 60_000),
    KnownFile::new("t10k-images", "idx3-ubyte", Content::Images, 10_000),
    KnownFile::new("t10k-labels", "idx1-ubyte", Content::Labels, 10_000),
];

/// Rows and columns of the images of every known set.
pub(super) const SIDE: usize = 28;

impl KnownFile {
    const fn new(stem: &'static str, suffix: &'static str, content: Content, count: usize) -> Self {
        Self {
            stem,
            suffix,
            content,
            count,
        }
    }

    /// The name that the publishers give the file, compressed.
    pub(super) fn published_name(&self) -> String {
        format!("{}-{}.gz", self.stem, self.suffix)
    }

    /// Every name under which the file is looked for; plain first, since it loads faster.
    pub(super) fn names(&self) -> [String; 4] {
        let Self { stem, suffix, .. } = self;
        [
            format!("{stem}-{suffix}"),
            format!("{stem}.{suffix}"),
            format!("{stem}-{suffix}.gz"),
            format!("{stem}.{suffix}.gz"),
        ]
    }

    /// What its header has to say.
    pub(super) fn axes(&self) -> Axes {
        let side = match self.content {
            Content::Images => SIDE,
            Content::Labels | Content::Factors => 1,
        };
        Axes::of([self.count, side, side, 1])
    }

    /// Length of the uncompressed file.
    pub(super) fn plain_bytes(&self) -> u64 {
        let header_bytes = match self.content {
            Content::Images => 16,
            Content::Labels | Content::Factors => 8,
        };
        header_bytes + (self.count * self.axes().item_values()) as u64
    }
}

impl KnownSet {
    /// Where a person finds the files.
    pub(super) fn url(&self) -> &'static str {
        self.mirrors.first().copied().unwrap_or_default()
    }

    /// Compares a file's digest with the published one, and makes sure that it is not the file of a similar set.
    pub(super) fn check_digest(&self, position: usize, source: &Source) -> Result<(), KnownError> {
        let (name, path) = (self.name, source.path.clone());
        let has = |set: &&&KnownSet| {
            let digests = set.digests.iter().flatten();
            digests.into_iter().any(|digest| *digest == source.sha256)
        };
        if let Some(other) = self.similar.iter().find(has) {
            return Err(KnownError::OtherSet {
                name,
                other: other.name,
                path,
            });
        }
        match self.digests.map(|digests| digests[position]) {
            Some(expected) if expected != source.sha256 => Err(KnownError::Digest {
                name,
                path,
                bytes: "uncompressed",
                found: source.sha256.clone(),
                expected,
            }),
            _ => Ok(()),
        }
    }

    /// Compares the digest of a compressed file, where that is what is published; says whether it was.
    pub(super) fn check_packed(
        &self,
        position: usize,
        path: &Path,
        bytes: &[u8],
    ) -> Result<bool, KnownError> {
        let published = self.packed_digests.map(|digests| digests[position]);
        let Some(expected) = published.filter(|_| bytes.starts_with(&GZIP_MAGIC)) else {
            return Ok(false);
        };
        let found = sha256_hex(bytes);
        match found == expected {
            true => Ok(true),
            false => Err(KnownError::Digest {
                name: self.name,
                path: path.to_path_buf(),
                bytes: "compressed",
                found,
                expected,
            }),
        }
    }

    /// The same for a file on disk; says whether what was published was compared, of its compressed or its uncompressed
    /// bytes.
    pub(super) fn check_packed_file(
        &self,
        position: usize,
        path: &Path,
    ) -> Result<bool, DataError> {
        if self.packed_digests.is_none() {
            return Ok(self.digests.is_some());
        }
        // A published file is shorter than its content.
        let bytes = files::read(path, FILES[position].plain_bytes() + (1 << 16))?;
        Ok(self.check_packed(position, path, &bytes)?)
    }

    /// Reads a file to its end and checks all that is known of it.
    pub(super) fn check_file(
        &self,
        position: usize,
        file: ArrayFile<'_>,
    ) -> Result<Source, DataError> {
        file.expect_axes(FILES[position].axes())?;
        let source = file.finish()?;
        self.check_digest(position, &source)?;
        Ok(source)
    }
}

/// A file of another content than the published one.
#[derive(Debug, thiserror::Error)]
pub(super) enum KnownError {
    #[error("`{}` is not the published file of {name}: SHA-256 {found} ({bytes}), expected {expected}", path.display())]
    Digest {
        name: &'static str,
        path: PathBuf,
        /// Of which of its bytes the digest is.
        bytes: &'static str,
        found: String,
        expected: &'static str,
    },
    #[error("`{}` belongs to {other}, but {name} was asked for", path.display())]
    OtherSet {
        name: &'static str,
        other: &'static str,
        path: PathBuf,
    },
}

impl Refusal for KnownError {
    fn exit_code(&self) -> u8 {
        exit::INVALID_DATA
    }

    fn hint(&self) -> Option<String> {
        let (Self::Digest { path, .. } | Self::OtherSet { path, .. }) = self;
        Some(format!(
            "remove `{}` to have the published file looked for elsewhere or downloaded; to train \
             on files of your own, use `dataset = \"idx\"`",
            path.display()
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_the_lengths_of_the_published_files() {
        // 16 + 60,000 * 784, 8 + 60,000, and so on.
        let bytes = FILES.each_ref().map(KnownFile::plain_bytes);
        assert_eq!(bytes, [47_040_016, 60_008, 7_840_016, 10_008]);
    }
}
