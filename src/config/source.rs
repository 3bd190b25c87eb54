//! The texts that a spec is put together from, and places in them.
//!
//! A spec comes from one file and any number of `--set` overrides. Every key and value remembers
//! which of them it was written in and where, so that an error can show the very line.

use std::ops::Range;
use std::sync::Arc;

/// What stands before an override when it is shown as a line of its own.
pub(crate) const SET: &str = "--set ";
/// What stands before a list of a sweep.
pub(crate) const SWEEP: &str = "--sweep ";

/// One text: the spec file, or one override as it was typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The file's path as given, or `command line`.
    pub name: String,
    /// The file's text, or `--set KEY=VALUE`, or `--sweep KEY=VALUES`.
    pub text: String,
    /// Whether this is the file: its lines are worth counting.
    pub is_file: bool,
    /// Where each line starts, so that a place is found without reading the text again.
    starts: Vec<usize>,
}

impl Source {
    pub(crate) fn file(name: &str, text: &str) -> Arc<Self> {
        Arc::new(Self {
            name: name.to_owned(),
            starts: starts(text),
            text: text.to_owned(),
            is_file: true,
        })
    }

    /// What was typed behind an option, [`SET`] or [`SWEEP`].
    pub(crate) fn option(option: &str, given: &str) -> Arc<Self> {
        let text = format!("{option}{given}");
        Arc::new(Self {
            name: "command line".to_owned(),
            starts: starts(&text),
            text,
            is_file: false,
        })
    }

    /// Line and column of a byte offset, both from 1; the column counts characters.
    pub(crate) fn position(&self, offset: usize) -> (usize, usize) {
        let offset = self.text.floor_char_boundary(offset);
        let number = self.starts.partition_point(|start| *start <= offset);
        let start = self.start(number);
        let column = self
            .text
            .get(start..offset)
            .map_or(0, |text| text.chars().count());
        (number.max(1), column + 1)
    }

    /// Byte range of the line that holds the offset, without its line break.
    pub(crate) fn line_around(&self, offset: usize) -> Range<usize> {
        let number = self.starts.partition_point(|start| *start <= offset);
        let start = self.start(number);
        let end = self.starts.get(number).copied().unwrap_or(self.text.len());
        let line = self.text.get(start..end).unwrap_or("");
        let line = line.strip_suffix('\n').unwrap_or(line);
        start..start + line.strip_suffix('\r').unwrap_or(line).len()
    }

    /// Where a line starts, counted from 1.
    fn start(&self, number: usize) -> usize {
        number
            .checked_sub(1)
            .and_then(|at| self.starts.get(at))
            .copied()
            .unwrap_or(0)
    }
}

fn starts(text: &str) -> Vec<usize> {
    let after_breaks = text.match_indices('\n').map(|(at, _)| at + 1);
    std::iter::once(0).chain(after_breaks).collect()
}

/// Where a key or a value was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// The text it stands in.
    pub source: Arc<Source>,
    /// Its bytes in that text.
    pub span: Range<usize>,
}

impl Place {
    pub(crate) fn new(source: &Arc<Source>, span: Range<usize>) -> Self {
        Self {
            source: Arc::clone(source),
            span,
        }
    }

    /// The text as written.
    pub(crate) fn text(&self) -> &str {
        self.source.text.get(self.span.clone()).unwrap_or("")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_characters_not_bytes() {
        let source = Source::file("a.toml", "x = 1\nä = \"ö\" # z\r\nlast");
        assert_eq!(source.position(0), (1, 1));
        assert_eq!(source.position(6), (2, 1));
        assert_eq!(source.position(source.text.find('#').unwrap()), (2, 9));
        assert_eq!(source.position(source.text.len()), (3, 5));
    }

    #[test]
    fn accepts_offsets_inside_a_character_and_past_the_end() {
        let source = Source::file("a.toml", "ä\r\nb");
        assert_eq!(source.position(1), (1, 1));
        assert_eq!(source.position(1000), (2, 2));
        assert_eq!(source.line_around(0), 0..2);
        assert_eq!(Source::file("", "").position(7), (1, 1));
    }
}
