//! What a run reads before it trains: its images, a published curve; and the plan that follows from the images.

use crate::data::{self, DataSet, Survey};
use crate::experiment::Spec;
use crate::figures::{self, Published};
use crate::fs::files;
use crate::kernels::Extent;
use crate::plan::Plan;
use crate::sys::exit;
use crate::terminal::CliError;
use crate::terminal::cli_error::with_causes;
use crate::terminal::loading::Loading;
use crate::terminal::tell;

/// Largest CSV of a published curve, in bytes.
const LARGEST_CURVE: u64 = 16 << 20;

/// Loads the images of a spec, showing what takes long.
///
/// # Errors
/// See [`crate::data::DataError`].
pub fn load_data(spec: &Spec, quiet: bool) -> Result<DataSet, CliError> {
    let mut loading = Loading::new(quiet);
    let data = data::load(&spec.data, spec.seed, &mut |progress| {
        loading.show(progress)
    })?;
    loading.finish();
    Ok(data)
}

/// The plan of a spec for images in memory; a conditional network's is that of their classes.
pub fn plan(spec: Spec, data: &DataSet) -> Plan {
    let image = Extent {
        height: data.images.height,
        width: data.images.width,
        channels: data.images.channels,
    };
    let plan = Plan::new(spec, image, data.train.len(), data.validation.len());
    match plan.is_conditional() {
        true => plan.with_classes(data.classes()),
        false => plan,
    }
}

/// The same for images that were not read; for a conditional network their labels are, where they are there.
///
/// # Errors
/// See [`crate::data::DataError`].
pub fn plan_of_survey(spec: Spec, survey: &Survey) -> Result<Plan, CliError> {
    let image = Extent {
        height: survey.height,
        width: survey.width,
        channels: survey.channels,
    };
    let plan = Plan::new(spec, image, survey.train, survey.validation);
    Ok(match plan.is_conditional() {
        true => {
            let classes = data::classes(&plan.spec.data, plan.spec.seed)?;
            plan.with_classes(classes)
        }
        false => plan,
    })
}

/// Reads the published curve that a spec names, saying where it was not of the plain form.
///
/// # Errors
/// It cannot be read, or is no such table.
pub fn read_published(spec: &Spec, quiet: bool) -> Result<Option<Published>, CliError> {
    let Some(path) = &spec.figures.published else {
        return Ok(None);
    };
    let text = files::read_text(path, LARGEST_CURVE)
        .map_err(|e| CliError::new(exit::IO, with_causes(&e)))?;
    let published = figures::read_published(&text).map_err(|e| {
        CliError::new(
            exit::USAGE,
            format!("{}: {}", path.display(), with_causes(&e)),
        )
    })?;
    for note in published.notes.iter().filter(|_| !quiet) {
        tell!("note: {}: {note}", path.display());
    }
    Ok(Some(Published {
        name: spec.figures.published_name.clone(),
        ..published
    }))
}
