//! Paths that a spec names: made absolute, and looked up before any work starts.

use std::path::{Path, PathBuf};

use super::data::Dataset;
use super::settings::SETTINGS;
use crate::config::diagnostic::{Diagnostic, Diagnostics};
use crate::config::kind::{Kind, PathKind};
use crate::config::values::Values;

/// Turns written paths into absolute ones.
#[derive(Clone, Debug)]
pub(crate) struct Paths {
    base: PathBuf,
}

impl Paths {
    /// Paths relative to a folder, which may itself be relative to the current one.
    pub(crate) fn new(base: &Path) -> Self {
        let base = if base.as_os_str().is_empty() {
            Path::new(".")
        } else {
            base
        };
        // Fails only where there is no current folder; then everything relative is not there either.
        let base = std::path::absolute(base).unwrap_or_else(|_| base.to_owned());
        Self { base }
    }

    /// The path of a setting; `None` where it is unset.
    ///
    /// The files of `idx` are relative to `data.path` where that is given.
    pub(crate) fn get(&self, values: &Values, key: &str) -> Option<PathBuf> {
        let text = values.text(key)?;
        let idx_file = key.starts_with("data.") && key != "data.path";
        let base = match values.text("data.path") {
            Some(folder) if idx_file => self.base.join(folder.as_ref()),
            _ => self.base.clone(),
        };
        Some(base.join(text.as_ref()))
    }

    /// Reports every path at which there is not what the spec needs.
    pub(crate) fn check(&self, values: &Values, diagnostics: &mut Diagnostics) {
        let dataset = values.choice("data.dataset", Dataset::from_name);
        for setting in SETTINGS {
            // A key that means nothing here has been told to go away already.
            if dataset.is_some_and(|dataset| !setting.applies_to(dataset)) {
                continue;
            }
            let Kind::Path(kind) = setting.kind else {
                continue;
            };
            let (Some(path), Some(written)) =
                (self.get(values, setting.key), values.written(setting.key))
            else {
                continue;
            };
            if path.to_str().is_none() {
                let message = format!("`{}` lies in a folder whose name is not UTF-8", setting.key);
                diagnostics.push(
                    Diagnostic::at(&written.item, message)
                        .expected("a path that a TOML file can hold")
                        .hint("the run folder's `resolved.toml` records the absolute path"),
                );
                continue;
            }
            let problem = match (std::fs::metadata(&path), kind) {
                (Ok(found), PathKind::File) if found.is_dir() => "names a folder".to_owned(),
                (Ok(found), PathKind::Folder) if !found.is_dir() => "names a file".to_owned(),
                (Ok(_), _) => continue,
                (Err(error), _) => match error.kind() {
                    std::io::ErrorKind::NotFound => format!("names no {}", kind.noun()),
                    std::io::ErrorKind::PermissionDenied => "may not be looked at".to_owned(),
                    _ => format!("cannot be looked at: {error}"),
                },
            };
            let typed = values.text(setting.key).unwrap_or_default();
            let hint = if typed.starts_with('~') {
                "`~` is not expanded: write the whole path".to_owned()
            } else if Path::new(typed.as_ref()).is_absolute() {
                format!("looked for `{}`", path.display())
            } else {
                format!(
                    "looked for `{}`; relative paths start at the spec's folder",
                    path.display()
                )
            };
            diagnostics.push(
                Diagnostic::at(&written.item, format!("`{}` {problem}", setting.key))
                    .expected(format!("an existing {}", kind.noun()))
                    .hint(hint),
            );
        }
    }
}
