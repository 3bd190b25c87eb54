//! Loading the data set that a `[data]` table asks for.

use crate::sys::exit;

use super::binarize::Binarization;
use super::division::Division;
use super::error::{DataError, Refusal};
use super::kinds::DataKind;
use super::loader::{Loaded, Located, Request};
use super::places::Places;
use super::progress::OnProgress;
use super::set::{DataSet, Survey};
use super::table::Data;

/// Loads what the `[data]` table asks for, downloading it where it has to.
///
/// `seed` decides which images a fraction holds out, and what is drawn by the program.
///
/// # Errors
/// See [`DataError`]; [`DataError::exit_code`] sorts them.
pub fn load(data: &Data, seed: u64, progress: OnProgress<'_>) -> Result<DataSet, DataError> {
    let places = Places::of_process();
    let mut set = load_in(&data.dataset, &data.division(), seed, &places, progress)?;
    set.images.binarization = Binarization {
        binarize: data.binarize,
        seed,
    };
    Ok(set)
}

/// [`load`] with the places to look at given.
pub(super) fn load_in(
    kind: &DataKind,
    division: &Division,
    seed: u64,
    places: &Places,
    progress: OnProgress<'_>,
) -> Result<DataSet, DataError> {
    let request = Request {
        division,
        seed,
        places,
    };
    let Loaded {
        images,
        sources,
        shares,
        place,
    } = kind.loader().load(&request, progress)?;
    let (train, validation) = division.indices(&shares, seed);
    Ok(DataSet {
        name: kind.name().into(),
        images,
        train,
        validation,
        sources,
        place,
    })
}

/// Says what [`load`] would give, from file headers and folder listings alone.
///
/// # Errors
/// As [`load`], where that can be known without reading pixels. A known data set that is not on this
/// machine is not an error.
pub fn survey(data: &Data) -> Result<Survey, DataError> {
    survey_in(&data.dataset, &data.division(), &Places::of_process())
}

/// [`survey`] with the places to look at given.
pub(super) fn survey_in(
    kind: &DataKind,
    division: &Division,
    places: &Places,
) -> Result<Survey, DataError> {
    kind.loader().survey(&Request {
        division,
        seed: 0,
        places,
    })
}

/// The fingerprint of the data of a `[data]` table: SHA-256 over the digests of the files, or the pictures themselves.
/// Two runs with the same one have the same data. `limit`, a fraction for validation and a seed make no difference;
/// they stand in the spec, as does everything that sprites are drawn from.
///
/// # Errors
/// Those of [`load`].
pub fn fingerprint(data: &Data, progress: OnProgress<'_>) -> Result<String, DataError> {
    let kind = &data.dataset;
    if let Some(fingerprint) = kind.loader().fingerprint() {
        return Ok(fingerprint);
    }
    let division = data.division().undivided();
    let set = load_in(kind, &division, 0, &Places::of_process(), progress)?;
    Ok(set.checksum())
}

/// No data set of that name.
#[derive(Debug, thiserror::Error)]
#[error("there is no data set `{name}`")]
struct UnknownSet {
    name: String,
}

impl Refusal for UnknownSet {
    fn exit_code(&self) -> u8 {
        exit::USAGE
    }

    fn hint(&self) -> Option<String> {
        Some(format!(
            "data sets: {}; a file is named by its path",
            located_names().join(", ")
        ))
    }
}

/// The data sets that are found by their name alone.
pub fn located_names() -> Vec<&'static str> {
    DataKind::located().map(|(name, _)| name).collect()
}

/// Finds, downloads or checks the data set of that name, one of [`located_names`].
///
/// # Errors
/// The name is not one of these; the files are nowhere and cannot be downloaded; a file is damaged or
/// not the published one.
pub fn locate(name: &str, progress: OnProgress<'_>) -> Result<Located, DataError> {
    locate_in(name, &Places::of_process(), progress)
}

pub(super) fn locate_in(
    name: &str,
    places: &Places,
    progress: OnProgress<'_>,
) -> Result<Located, DataError> {
    match DataKind::located().find(|(known, _)| *known == name) {
        Some((_, locate)) => locate(places, progress),
        None => Err(UnknownSet { name: name.into() }.into()),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Loads files that the test has made, without looking at any other place.
    pub(in crate::data) fn load(
        kind: impl Into<DataKind>,
        division: Division,
    ) -> Result<DataSet, DataError> {
        load_with_seed(kind, division, 1)
    }

    pub(in crate::data) fn load_with_seed(
        kind: impl Into<DataKind>,
        division: Division,
        seed: u64,
    ) -> Result<DataSet, DataError> {
        load_in(
            &kind.into(),
            &division,
            seed,
            &Places::default(),
            &mut |_| {},
        )
    }

    pub(in crate::data) fn survey(
        kind: impl Into<DataKind>,
        division: Division,
    ) -> Result<Survey, DataError> {
        survey_in(&kind.into(), &division, &Places::default())
    }

    #[test]
    fn refuses_a_data_set_without_a_name_of_its_own() {
        for name in ["emnist", "idx"] {
            let error = locate_in(name, &Places::default(), &mut |_| {}).unwrap_err();
            assert_eq!(error.to_string(), format!("there is no data set `{name}`"));
            assert_eq!(
                error.hint().unwrap(),
                "data sets: fashion-mnist, mnist, kmnist, sprites, cifar10, dsprites; a file is named by its path"
            );
        }
    }
}
