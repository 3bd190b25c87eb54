//! One run as a report sees it: what its folder says, without the weights and without most of its history.

use std::path::{Path, PathBuf};

use crate::metric::Row;
use crate::run::{Manifest, RunStatus, RunView, read_resolved};

use super::settings::{Settings, settings};

/// A run that could be read.
#[derive(Clone, Debug)]
pub struct Run {
    /// Its folder, as it was found.
    pub path: PathBuf,
    /// The folder's name.
    pub name: String,
    /// The sweep it belongs to: the name of the folder above, without `.sweep`.
    pub sweep: Option<String>,
    /// How it stands.
    pub status: RunStatus,
    /// Why, where there is something to say.
    pub why: Option<String>,
    /// What ran, where, when.
    pub manifest: Manifest,
    /// Its settings by dotted key.
    pub settings: Settings,
    /// Epochs that are done.
    pub epochs: u32,
    /// Metrics of the last of them.
    pub last: Option<Row>,
    /// Metrics of the best epoch: lowest `val_loss` (without a validation part `loss`) at the full KL weight.
    pub best: Option<Row>,
    /// Seconds of training, all epochs together.
    pub total_seconds: Option<f64>,
    /// The figures, PNG and SVG, sorted by name.
    pub figures: Vec<PathBuf>,
}

/// A folder that no report can use, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// The folder, as it was found.
    pub path: PathBuf,
    /// What is wrong with it.
    pub why: String,
}

/// What a folder gives to a report: a run and its epochs, or why not.
pub(super) type Opened = Result<(Run, Vec<Row>), LeftOut>;

/// Reads a folder.
pub(super) fn open(path: &Path) -> Opened {
    let view = RunView::open(path);
    let left_out = |why: &str| LeftOut {
        path: path.to_owned(),
        why: why.to_owned(),
    };
    let why = view.why().map(str::to_owned);
    let manifest = match view.manifest() {
        Some(manifest) if view.status() != RunStatus::Broken => manifest.clone(),
        _ => return Err(left_out(why.as_deref().unwrap_or("it cannot be read"))),
    };
    let settings = match resolved(path, &view) {
        Ok(settings) => settings,
        Err(why) => return Err(left_out(&why)),
    };
    let history = view.history();
    let best = view.best().and_then(|best| {
        let row = usize::try_from(best.epoch).ok()?.checked_sub(1)?;
        history.get(row).cloned()
    });
    let sweep = path.parent().and_then(|folder| {
        let name = folder.file_name()?.to_str()?;
        Some(name.strip_suffix(".sweep")?.to_owned())
    });
    let run = Run {
        path: path.to_owned(),
        name: view.folder_name(),
        sweep,
        status: view.status(),
        why,
        settings,
        epochs: history.len() as u32,
        last: history.last().cloned(),
        best,
        total_seconds: history
            .iter()
            .map(|row| row.scalar("seconds"))
            .sum::<Option<f64>>()
            .filter(|_| !history.is_empty()),
        figures: view.figures(),
        manifest,
    };
    Ok((run, history.to_vec()))
}

/// The settings of `resolved.toml` or, where that is gone, of the checkpoint, which holds the same text.
fn resolved(path: &Path, view: &RunView) -> Result<Settings, String> {
    let error = match read_resolved(path) {
        Ok(text) => match settings(&text) {
            Ok(settings) => return Ok(settings),
            Err(error) => format!("resolved.toml is no TOML: {error}"),
        },
        Err(error) => error.to_string(),
    };
    let of_checkpoint = view
        .summary()
        .and_then(|it| settings(it.model.get("spec")?.as_str()?).ok());
    of_checkpoint.ok_or_else(|| crate::sys::printable::printable(&error))
}
