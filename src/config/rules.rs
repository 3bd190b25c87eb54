//! Rules that tie several settings together.

use super::diagnostic::{Diagnostic, Diagnostics};
use super::source::Place;
use super::values::Values;

/// A rule: reports what does not go together. It runs on whatever was read, so that what it finds is told next to the
/// plain mistakes, and passes over settings that were not written rightly.
pub type Rule = fn(&mut Rules<'_>);

/// What a rule sees.
pub struct Rules<'a> {
    /// What was read, by dotted key.
    pub values: &'a Values,
    /// The file as a whole.
    pub(crate) file: &'a Place,
    /// Where to report.
    pub diagnostics: &'a mut Diagnostics,
}

impl Rules<'_> {
    /// At the value of the first of the keys that was written, else about the file as a whole.
    pub fn at(&self, keys: &[&str], message: impl Into<String>) -> Diagnostic {
        match keys.iter().find_map(|key| self.values.written(key)) {
            Some(written) => Diagnostic::at(&written.item, message),
            None => Diagnostic::whole(&self.file.source, message),
        }
    }
}
