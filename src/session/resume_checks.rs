//! What makes sure that a run that goes on keeps its bits: the same kernels, device, settings and data as before.

use std::path::Path;

use super::provenance::data_source;
use crate::data::DataSet;
use crate::experiment::{self, Fingerprint, Spec};
use crate::kernels::Isa;
use crate::run::{Loaded, Manifest, Origin, RunFolder};
use crate::sys::exit;
use crate::sys::printable::printable;
use crate::terminal::{CliError, tell};

/// Takes the kernels that the run was started with, so that its bits stay the same.
///
/// # Errors
/// This processor has no such kernels, and other bits are not allowed.
pub fn keep_kernels(folder: &RunFolder, allowed: bool) -> Result<(), CliError> {
    let recorded = &folder.manifest().compute.kernel_path;
    if Isa::from_name(recorded).is_some_and(Isa::choose) {
        return Ok(());
    }
    other_bits(
        folder,
        allowed,
        &format!(
            "this processor has no `{}` kernels, which the run was started with",
            printable(recorded)
        ),
    )
}

/// Refuses another device than the one that the run was started on.
///
/// # Errors
/// It is another one, and other bits are not allowed.
pub fn check_device(folder: &RunFolder, now: &str, allowed: bool) -> Result<(), CliError> {
    let recorded = &folder.manifest().compute.device;
    if recorded == now {
        return Ok(());
    }
    other_bits(
        folder,
        allowed,
        &format!("the run was started on the device `{recorded}`, this one is `{now}`"),
    )
}

/// Refuses to go on with other bits than those of an undisturbed run, or says that it does.
fn other_bits(folder: &RunFolder, allowed: bool, why: &str) -> Result<(), CliError> {
    if !allowed {
        let text = format!(
            "{}: {why}; its last bits would differ from those of an undisturbed run",
            folder.path().display()
        );
        return Err(CliError::new(exit::NO_DEVICE, text).with_hint(
            "resume it where it was started, or go on all the same with `--allow-other-bits`",
        ));
    }
    let warning = format!("{why}; the last bits will differ from those of an undisturbed run");
    tell!("warning: {warning}");
    folder.log(&format!("warning: {warning}"))?;
    Ok(())
}

/// The spec and data that a run would be resumed with.
#[derive(Clone, Copy, Debug)]
pub struct Present<'a> {
    pub spec: &'a Spec,
    pub data: &'a DataSet,
    /// What follows from both.
    pub origin: &'a Origin,
}

/// Refuses settings and data other than those that the checkpoint comes from.
///
/// # Errors
/// Settings that decide the numbers, or the data, are not those that the run was started with.
pub fn check_origin(
    run: &Path,
    manifest: &Manifest,
    loaded: Option<&Loaded>,
    present: Present,
) -> Result<(), CliError> {
    let Present {
        spec,
        data,
        origin: now,
    } = present;
    let recorded = loaded.map(|loaded| &loaded.checkpoint.origin);
    let spec_digest = recorded.map_or(&manifest.spec_digest, |origin| &origin.spec_digest);
    let other_seed = recorded.is_some_and(|origin| origin.seed != now.seed);
    let other_spec =
        *spec_digest != now.spec_digest && !(recorded.is_none() && spec_digest.is_empty());
    if other_spec || other_seed {
        let old = loaded
            .and_then(|loaded| loaded.checkpoint.spec_text())
            .and_then(|text| experiment::read_back(text, "resolved.toml", &[]).ok());
        let changes = old.map(|old| Fingerprint::of_run(&old).changes(&Fingerprint::of_run(spec)));
        if changes.as_ref().is_some_and(Vec::is_empty) {
            let text = format!(
                "{}: the checkpoint says itself that it comes from another spec or seed",
                run.display()
            );
            return Err(CliError::new(exit::INVALID_DATA, text)
                .with_hint("put the run's own checkpoint back, or start a new run"));
        }
        let mut text = format!(
            "{}: settings that decide the numbers are not those that the run was started with",
            run.display()
        );
        for change in changes.unwrap_or_default() {
            text += &format!("\n  {change}");
        }
        return Err(CliError::new(exit::USAGE, text).with_hint(
            "take them back, also in `resolved.toml`, or start a new run with a spec of its own",
        ));
    }
    let data_digest = recorded.map_or(&manifest.data.checksum, |origin| &origin.data_digest);
    if *data_digest != now.data_digest && !(recorded.is_none() && data_digest.is_empty()) {
        let mut text = format!(
            "{}: the data is not the one that the run was started with",
            run.display()
        );
        for (old, new) in manifest.data.sources.iter().zip(&data_source(data).sources) {
            if old.sha256 != new.sha256 {
                text += &format!(
                    "\n  SHA-256 of {}: {} -> {}",
                    new.name, old.sha256, new.sha256
                );
            }
        }
        return Err(CliError::new(exit::INVALID_DATA, text)
            .with_hint("put the original files back, or start a new run"));
    }
    Ok(())
}
