//! CIFAR-10 (Krizhevsky 2009), the published binary version: six files of 10,000 records, a record being the class and
//! then the red, the green and the blue plane of the image.

use std::path::{Path, PathBuf};

use crate::config::section::section;
use crate::config::{Kind, PathKind};
use crate::data::array_file::{ArrayFile, Content, Declared, interleave};
use crate::data::binarize::Binarization;
use crate::data::division::{Division, Split};
use crate::data::error::{DataError, folder_of};
use crate::data::images::{Images, blank_pixels};
use crate::data::labelled::PairError;
use crate::data::loader::{Labelled, Loaded, Loader, Locate, Located, LocatedFile, Request};
use crate::data::places::{self, Found, NotHere, Places};
use crate::data::progress::OnProgress;
use crate::data::set::Survey;
use crate::data::source::Source;

const NAME: &str = "cifar10";

section! {
    /// CIFAR-10: 60,000 colour images of animals and vehicles, 32 x 32, the published binary version
    pub struct Cifar10 {
        /// A folder to look in before the usual places
        pub path: Option<PathBuf>, Kind::Path(PathKind::Folder), unset("the usual places"),
            also(&["folder", "directory", "root"]), changes_no_result();
    }
}

const CLASSES: [&str; 10] = [
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
];

const SIDE: usize = 32;
const CHANNELS: usize = 3;
const VALUES: usize = SIDE * SIDE * CHANNELS;

/// Images of a file.
const RECORDS: usize = 10_000;

/// The files to train on, and the one to test with.
const FILES: [&str; 6] = [
    "data_batch_1.bin",
    "data_batch_2.bin",
    "data_batch_3.bin",
    "data_batch_4.bin",
    "data_batch_5.bin",
    "test_batch.bin",
];

const SUB_FOLDERS: [&str; 3] = [NAME, "cifar-10-batches-bin", "CIFAR10/cifar-10-batches-bin"];

fn files_of(part: Split) -> &'static [&'static str] {
    match part {
        Split::Train => &FILES[..5],
        Split::Test => &FILES[5..],
    }
}

fn search(path: Option<&Path>, places: &Places, parts: &[Split]) -> Result<Found, DataError> {
    let names: Vec<&str> = parts
        .iter()
        .flat_map(|part| files_of(*part))
        .copied()
        .collect();
    let found = places::search_names(path, places, &SUB_FOLDERS, &names);
    found.map_err(|looked| {
        let hint = "download `cifar-10-binary.tar.gz` from https://www.cs.toronto.edu/~kriz/cifar.html, unpack it";
        NotHere {
            name: NAME,
            hint,
            looked,
        }
        .into()
    })
}

impl Cifar10 {
    fn folder(&self) -> Result<Option<&Path>, DataError> {
        match self.path.as_deref() {
            None => Ok(None),
            path => Ok(Some(folder_of("data.path", NAME, path)?)),
        }
    }
}

/// How many images the parts have.
fn counts(division: &Division) -> Vec<usize> {
    let parts = division.parts().into_iter();
    parts.map(|part| RECORDS * files_of(part).len()).collect()
}

/// Opens a file of so many records, whose length has to be theirs.
fn open(path: &Path, records: usize) -> Result<ArrayFile<'static>, DataError> {
    let mut file = ArrayFile::open(path)?;
    let lengths = [records as u64, 1, (VALUES + 1) as u64, 1];
    file.declare(Content::Factors, Declared::bytes(lengths, [0; 4]))?;
    Ok(file)
}

/// Reads the first images of a file, as many as `pixels` has room for.
fn read(
    mut file: ArrayFile<'_>,
    pixels: &mut [u8],
    labels: &mut Vec<u16>,
) -> Result<Source, DataError> {
    for image in pixels.chunks_exact_mut(VALUES) {
        let offset = file.position();
        let mut label = [0];
        file.fill(&mut label)?;
        file.fill(image)?;
        let [label] = label;
        if usize::from(label) >= CLASSES.len() {
            return Err(DataError::from(PairError::Label {
                path: file.path().to_path_buf(),
                offset,
                label: f64::from(label),
                classes: CLASSES.len(),
            }));
        }
        labels.push(u16::from(label));
    }
    interleave(pixels, SIDE * SIDE, CHANNELS);
    file.finish()
}

impl Loader for Cifar10 {
    fn survey(&self, request: &Request<'_>) -> Result<Survey, DataError> {
        let shares = request.division.shares(&counts(request.division))?;
        let found = search(self.folder()?, request.places, &request.division.parts())?;
        let place = found.folder.display().to_string();
        Ok(Survey::of(&shares, [SIDE, SIDE, CHANNELS], place))
    }

    fn labels(&self, _: &Request<'_>) -> Result<Labelled, DataError> {
        Ok(Labelled {
            names: CLASSES.map(String::from).to_vec(),
            images: None,
        })
    }

    fn load(&self, request: &Request<'_>, _: OnProgress<'_>) -> Result<Loaded, DataError> {
        let parts = request.division.parts();
        let shares = request.division.shares(&counts(request.division))?;
        let found = search(self.folder()?, request.places, &parts)?;
        let mut pixels = blank_pixels(shares.keep.iter().sum(), VALUES)?;
        let mut rest = pixels.as_mut_slice();
        let (mut labels, mut sources) = (vec![], vec![]);
        let mut paths = found.paths.iter();
        for (part, keep) in parts.iter().zip(&shares.keep) {
            let mut left = *keep;
            for path in paths.by_ref().take(files_of(*part).len()) {
                let here = left.min(RECORDS);
                left -= here;
                let (own, others) = rest.split_at_mut(here * VALUES);
                rest = others;
                sources.push(read(open(path, RECORDS)?, own, &mut labels)?);
            }
        }
        Ok(Loaded {
            images: Images {
                height: SIDE,
                width: SIDE,
                channels: CHANNELS,
                pixels,
                labels,
                classes: CLASSES.map(String::from).to_vec(),
                factors: None,
                binarization: Binarization::NONE,
            },
            sources,
            shares,
            place: found.folder.display().to_string(),
        })
    }

    fn locate() -> Option<Locate> {
        Some(|places, _| {
            let found = search(None, places, &[Split::Train, Split::Test])?;
            let file = |path: &PathBuf| {
                let source = open(path, RECORDS)?.finish()?;
                Ok(LocatedFile {
                    source,
                    verified: false,
                })
            };
            Ok(Located {
                name: NAME,
                files: found
                    .paths
                    .iter()
                    .map(file)
                    .collect::<Result<_, DataError>>()?,
                folder: Some(found.folder),
                downloaded: false,
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::data::array_file::BadFile;
    use crate::data::division::tests::whole;
    use crate::data::load::survey_in;

    /// Two records: an image has its red values equal to `label`, its green ones to the pixel's column, its blue ones to
    /// its row.
    fn records() -> Vec<u8> {
        let image = |label: u8| {
            let pixels =
                || (0..SIDE as u8).flat_map(|row| (0..SIDE as u8).map(move |column| (row, column)));
            let red = pixels().map(move |_| label);
            let green = pixels().map(|(_, column)| column);
            let blue = pixels().map(|(row, _)| row);
            [label]
                .into_iter()
                .chain(red)
                .chain(green)
                .chain(blue)
                .collect::<Vec<u8>>()
        };
        [image(3), image(9)].concat()
    }

    #[test]
    fn reads_records_and_puts_the_channels_beside_each_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.bin");
        fs::write(&path, records()).unwrap();
        let (mut pixels, mut labels) = (vec![0; 2 * VALUES], vec![]);
        read(open(&path, 2).unwrap(), &mut pixels, &mut labels).unwrap();
        assert_eq!(labels, [3, 9]);
        assert_eq!(pixels[..6], [3, 0, 0, 3, 1, 0]);
        assert_eq!(pixels[VALUES + 3 * (5 * SIDE + 7)..][..3], [9, 7, 5]);

        for bytes in [&records()[1..], &[records(), vec![0]].concat()] {
            fs::write(&path, bytes).unwrap();
            let error = open(&path, 2).err().unwrap();
            assert!(error.downcast_ref::<BadFile>().is_some(), "{error}");
        }
        let mut odd = records();
        odd[VALUES + 1] = 10;
        fs::write(&path, odd).unwrap();
        let error = read(open(&path, 2).unwrap(), &mut pixels, &mut labels).unwrap_err();
        let text = error.to_string();
        assert!(
            text.ends_with("at byte 3073: label 10, expected 0 to 9"),
            "{text}"
        );
    }

    #[test]
    fn finds_the_files_where_data_sets_lie() {
        let folder = tempfile::tempdir().unwrap();
        let places = Places {
            data_dir: Some(folder.path().to_path_buf()),
            ..Places::default()
        };
        let kind = Cifar10 { path: None }.into();
        let error = survey_in(&kind, &whole(), &places).unwrap_err();
        assert_eq!(error.exit_code(), 74);
        assert!(
            error
                .to_string()
                .starts_with("cifar10 is not on this machine; looked at\n")
        );
        let inner = folder.path().join("cifar-10-batches-bin");
        fs::create_dir(&inner).unwrap();
        for name in files_of(Split::Train) {
            fs::write(inner.join(name), b"").unwrap();
        }
        let found = survey_in(&kind, &whole(), &places).unwrap();
        assert_eq!((found.train, found.channels), (50_000, 3));
        assert_eq!(found.place, inner.display().to_string());
    }
}
