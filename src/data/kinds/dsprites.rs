//! dSprites (Matthey, Higgins, Hassabis and Lerchner 2017): white shapes on black with the factors that they were drawn
//! from, the published archive of NumPy arrays.

use std::path::{Path, PathBuf};

use crate::config::section::section;
use crate::config::{Kind, PathKind};
use crate::data::array_file::{Axes, Content};
use crate::data::division::Division;
use crate::data::error::{DataError, folder_of};
use crate::data::labelled::{self, PartFiles, Reading};
use crate::data::loader::{Labelled, Loaded, Loader, Locate, Located, LocatedFile, Request};
use crate::data::npz::Npz;
use crate::data::places::{self, Found, NotHere, Places};
use crate::data::progress::OnProgress;
use crate::data::set::Survey;

use super::numpy::{DSPRITES_FACTORS, DSPRITES_RANGE};

const NAME: &str = "dsprites";

section! {
    /// dSprites: 737,280 images of shapes, 64 x 64, with the factors that they were drawn from
    pub struct Dsprites {
        /// A folder to look in before the usual places
        pub path: Option<PathBuf>, Kind::Path(PathKind::Folder), unset("the usual places"),
            also(&["folder", "directory", "root"]), changes_no_result();
    }
}

const FILE: &str = "dsprites_ndarray_co1sh3sc6or40x32x32_64x64.npz";

const SUB_FOLDERS: [&str; 2] = [NAME, "dsprites-dataset"];

/// Names of the shapes, which are the classes.
const CLASSES: [&str; 3] = ["square", "ellipse", "heart"];

const IMAGES: usize = 737_280;
const SIDE: usize = 64;

fn search(path: Option<&Path>, places: &Places) -> Result<Found, DataError> {
    let found = places::search_names(path, places, &SUB_FOLDERS, &[FILE]);
    found.map_err(|looked| {
        let hint = "download its archive from https://github.com/google-deepmind/dsprites-dataset";
        NotHere {
            name: NAME,
            hint,
            looked,
        }
        .into()
    })
}

/// The arrays of the archive; the metadata, which is pickled Python, is not read.
fn open(path: &Path) -> Result<PartFiles, DataError> {
    let npz = Npz::open(path)?;
    Ok(PartFiles {
        images: npz.array("imgs", Content::Images, None)?,
        labels: None,
        factors: Some(npz.array("latents_values", Content::Factors, None)?),
    })
}

/// Reads images and factors, and takes the shapes as classes.
fn read(part: PartFiles, division: &Division) -> Result<Loaded, DataError> {
    let reading = Reading {
        range: Some(DSPRITES_RANGE),
        factor_names: &DSPRITES_FACTORS,
        ..Reading::default()
    };
    let mut loaded = labelled::read(vec![part], division, reading)?;
    let images = &mut loaded.images;
    if let Some(factors) = &images.factors
        && let Some(shape) = factors.factors.iter().position(|it| it.name == "shape")
    {
        let shapes = factors
            .indices
            .iter()
            .skip(shape)
            .step_by(factors.factors.len());
        // Other archives may have more.
        let last = CLASSES.len() as u16 - 1;
        images.labels = shapes.map(|it| (*it).min(last)).collect();
    }
    images.classes = CLASSES.map(String::from).to_vec();
    Ok(loaded)
}

impl Dsprites {
    fn open(&self, places: &Places) -> Result<PartFiles, DataError> {
        let folder = match self.path.as_deref() {
            None => None,
            path => Some(folder_of("data.path", NAME, path)?),
        };
        let found = search(folder, places)?;
        let part = open(&found.paths[0])?;
        part.images.expect_axes(Axes::of([IMAGES, SIDE, SIDE, 1]))?;
        Ok(part)
    }
}

impl Loader for Dsprites {
    fn survey(&self, request: &Request<'_>) -> Result<Survey, DataError> {
        let part = self.open(request.places)?;
        labelled::survey(&[part], request.division)
    }

    fn labels(&self, _: &Request<'_>) -> Result<Labelled, DataError> {
        Ok(Labelled {
            names: CLASSES.map(String::from).to_vec(),
            images: None,
        })
    }

    fn load(&self, request: &Request<'_>, _: OnProgress<'_>) -> Result<Loaded, DataError> {
        read(self.open(request.places)?, request.division)
    }

    fn has_test_part() -> bool {
        false
    }

    fn locate() -> Option<Locate> {
        Some(|places, _| {
            let found = search(None, places)?;
            let PartFiles {
                images, factors, ..
            } = open(&found.paths[0])?;
            images.expect_axes(Axes::of([IMAGES, SIDE, SIDE, 1]))?;
            let files = [Some(images), factors].into_iter().flatten().map(|file| {
                Ok(LocatedFile {
                    source: file.finish()?,
                    verified: false,
                })
            });
            Ok(Located {
                name: NAME,
                files: files.collect::<Result<_, DataError>>()?,
                folder: Some(found.folder),
                downloaded: false,
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::division::tests::whole;
    use crate::data::load::survey_in;

    /// An archive of twelve images in the form of the published one, by NumPy (`npy/make.py`).
    const SMALL: &[u8] = include_bytes!("numpy/dsprites.npz");

    #[test]
    fn takes_shapes_as_classes_and_reads_the_factors() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        std::fs::write(&path, SMALL).unwrap();
        let limited = Division {
            limit: Some(9),
            ..whole()
        };
        let images = read(open(&path).unwrap(), &limited).unwrap().images;
        assert_eq!(images.labels, [0, 0, 0, 0, 1, 1, 1, 1, 2]);
        assert_eq!(images.classes, CLASSES);
        assert_eq!(images.pixels[..4], [255, 0, 0, 255]);
        let factors = images.factors.unwrap();
        assert_eq!(factors.of_image(8).unwrap(), [2, 0, 0]);

        let places = Places {
            data_dir: Some(folder.path().to_path_buf()),
            ..Places::default()
        };
        let kind = Dsprites { path: None }.into();
        let error = survey_in(&kind, &whole(), &places).unwrap_err();
        let text = error.to_string();
        assert!(text.ends_with("the count is 12, expected 737280"), "{text}");
        let nowhere = survey_in(&kind, &whole(), &Places::default()).unwrap_err();
        assert_eq!(nowhere.exit_code(), 74);
    }
}
