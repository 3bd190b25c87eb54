//! `sweep.json`: everything that a sweep is made from, so that its folder alone is enough to go on with it.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::error::{DEFINITION, SweepError};
use super::task::Task;
use crate::config::Diagnostics;
use crate::experiment::{self, Loaded};
use crate::fs::files;
use crate::sys::printable::printable;

/// The version of the format that this program writes. A reader refuses a later one by name; keys that it does not
/// know are left alone.
pub const FORMAT_VERSION: u32 = 1;
/// Largest definition, in bytes: ten thousand trials with long values, and a spec of the largest size.
const LARGEST: u64 = 64 << 20;

/// What a sweep is made from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Definition {
    /// Version of this format.
    pub format_version: u32,
    /// Version of the program that wrote it.
    pub program_version: String,
    /// The spec's file, as it was given.
    pub spec_path: String,
    /// The folder that relative paths in it start at.
    pub base: String,
    /// The spec's text.
    pub spec_text: String,
    /// Settings given beside it, `KEY=VALUE`.
    pub overrides: Vec<String>,
    /// Lists of the sweep given beside it, `KEY=VALUES`.
    pub sweep: Vec<String>,
    /// The trials, in order.
    pub trials: Vec<DefinedTrial>,
}

/// A trial in a definition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DefinedTrial {
    /// Its identity.
    pub id: String,
    /// The value of each setting that varies, `KEY=VALUE`.
    pub settings: Vec<String>,
    /// Name of its run folder.
    pub folder: String,
}

impl Definition {
    /// The definition of a sweep that was read with these lists.
    pub fn new(loaded: &Loaded, sweep: &[String], tasks: &[Task]) -> Self {
        let base = match loaded.path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let base = std::path::absolute(base).unwrap_or_else(|_| base.to_owned());
        let trial = |task: &Task| DefinedTrial {
            id: task.id.clone(),
            settings: task.settings.clone(),
            folder: task.folder.clone(),
        };
        Self {
            format_version: FORMAT_VERSION,
            program_version: env!("CARGO_PKG_VERSION").to_owned(),
            spec_path: loaded.path.display().to_string(),
            base: base.display().to_string(),
            spec_text: loaded.text.clone(),
            overrides: loaded.overrides.clone(),
            sweep: sweep.to_vec(),
            trials: tasks.iter().map(trial).collect(),
        }
    }

    /// Reads the definition of a sweep folder.
    ///
    /// # Errors
    /// There is none, it is of a later version or damaged.
    pub fn read(folder: &Path) -> Result<Self, SweepError> {
        #[derive(Deserialize)]
        struct Version {
            format_version: u32,
        }
        let path = folder.join(DEFINITION);
        let text = match files::read_text(&path, LARGEST) {
            Ok(text) => text,
            Err(error) if error.is_not_found() => {
                return Err(SweepError::NotASweep {
                    path: folder.to_owned(),
                });
            }
            Err(error) => return Err(error.into()),
        };
        let wrong = |error: serde_json::Error| SweepError::Definition {
            path: path.clone(),
            message: printable(&error.to_string()),
        };
        let Version { format_version } = serde_json::from_str(&text).map_err(wrong)?;
        if format_version > FORMAT_VERSION {
            return Err(SweepError::Newer {
                path,
                format_version,
            });
        }
        serde_json::from_str(&text).map_err(wrong)
    }

    /// Reads and checks the spec that it holds.
    ///
    /// # Errors
    /// Everything that is wrong with it here and now, such as a file that is gone.
    pub fn load(&self) -> Result<Loaded, Diagnostics> {
        experiment::load_text(
            self.spec_text.clone(),
            &PathBuf::from(&self.spec_path),
            Path::new(&self.base),
            &self.overrides,
            &self.sweep,
        )
    }
}
