//! Whether there is something at the paths that a document names.

use std::path::Path;

use super::diagnostic::{Diagnostic, Diagnostics};
use super::kind::{Kind, PathKind};
use super::setting::Setting;
use super::values::Values;

/// Reports every path at which there is not what its setting needs.
pub(crate) fn check(values: &Values, diagnostics: &mut Diagnostics) {
    for setting in values.schema.settings() {
        if values.is_in_force(setting) {
            check_one(values, setting, diagnostics);
        }
    }
}

fn check_one(values: &Values, setting: &Setting, diagnostics: &mut Diagnostics) {
    let Kind::Path(kind) = setting.kind else {
        return;
    };
    let is_set = |key: &String| values.text(key).is_some();
    if setting.name_with.as_ref().is_some_and(is_set) {
        return;
    }
    let key = &setting.key;
    let (Some(path), Some(written)) = (values.path(key), values.written(key)) else {
        return;
    };
    if path.to_str().is_none() {
        let message = format!("`{key}` lies in a folder whose name is not UTF-8");
        diagnostics.push(
            Diagnostic::at(&written.item, message)
                .expected("a path that a TOML file can hold")
                .hint("the run folder's `resolved.toml` records the absolute path"),
        );
        return;
    }
    let problem = match (std::fs::metadata(&path), kind) {
        (Ok(found), PathKind::File) if found.is_dir() => "names a folder".to_owned(),
        (Ok(found), PathKind::Folder) if !found.is_dir() => "names a file".to_owned(),
        (Ok(_), _) => return,
        (Err(error), _) => match error.kind() {
            std::io::ErrorKind::NotFound => format!("names no {}", kind.noun()),
            std::io::ErrorKind::PermissionDenied => "may not be looked at".to_owned(),
            _ => format!("cannot be looked at: {error}"),
        },
    };
    let typed = values.text(key).unwrap_or_default();
    let hint = if typed.starts_with('~') {
        "`~` is not expanded: write the whole path".to_owned()
    } else if Path::new(&typed).is_absolute() {
        format!("looked for `{}`", path.display())
    } else {
        format!(
            "looked for `{}`; relative paths start at the spec's folder",
            path.display()
        )
    };
    diagnostics.push(
        Diagnostic::at(&written.item, format!("`{key}` {problem}"))
            .expected(format!("an existing {}", kind.noun()))
            .hint(hint),
    );
}
