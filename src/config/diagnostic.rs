//! Diagnostics: what is wrong with a spec, and how to fix it.
//!
//! A spec is checked to its end and all that is wrong is reported together. Each diagnostic carries
//! the place, what was found (`message`), what would have been right (`expected`) and how to fix it
//! (`hint`), and is shown in the style of rustc: the line itself, a marker below it, the rest after.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};
use annotate_snippets::{Padding, normalize_untrusted_str};

use super::source::{Place, Source};

/// More diagnostics than this are counted, not shown: nobody reads them, and a hostile file could
/// make millions.
const MOST_SHOWN: usize = 50;

/// More diagnostics than this are not even collected, which bounds the time that a file of nothing but
/// errors takes.
const MOST_KEPT: usize = 1000;

/// Columns for source lines; longer lines are cut around the marker.
const WIDTH: usize = 120;

/// An expectation of up to this many characters stands beside the marker, a longer one below.
const LONGEST_LABEL: usize = 72;

/// One thing that is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// The text it was found in.
    pub source: Arc<Source>,
    /// Bytes of the text; `None` where the whole text is meant, as when a setting is missing.
    pub span: Option<Range<usize>>,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What is wrong: a lower-case fragment without a full stop.
    pub message: String,
    /// What would have been right: type, range and unit, or the allowed names.
    pub expected: Option<String>,
    /// How to fix it, such as a name close to the one found.
    pub hint: Option<String>,
}

impl Diagnostic {
    /// At a place in a text.
    pub(crate) fn at(place: &Place, message: impl Into<String>) -> Self {
        let (line, column) = place.source.position(place.span.start);
        Self {
            source: Arc::clone(&place.source),
            span: Some(place.span.clone()),
            line,
            column,
            message: message.into(),
            expected: None,
            hint: None,
        }
    }

    /// About a text as a whole.
    pub(crate) fn whole(source: &Arc<Source>, message: impl Into<String>) -> Self {
        Self {
            source: Arc::clone(source),
            span: None,
            line: 1,
            column: 1,
            message: message.into(),
            expected: None,
            hint: None,
        }
    }

    /// Adds what would have been right.
    pub(crate) fn expected(mut self, expected: impl Into<String>) -> Self {
        self.expected = Some(expected.into());
        self
    }

    /// Adds a hint.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds a hint, where there is one.
    pub(crate) fn maybe_hint(mut self, hint: Option<String>) -> Self {
        self.hint = hint;
        self
    }

    /// The diagnostic as it is shown, without a line break at the end.
    pub fn render(&self, color: bool) -> String {
        let expected = self.expected.as_ref().map(|it| format!("expected {it}"));
        let mut label = None;
        let mut note = None;
        match expected {
            Some(text) if self.span.is_some() && text.chars().count() <= LONGEST_LABEL => {
                label = Some(text);
            }
            other => note = other,
        }
        let mut group = Group::with_title(Level::ERROR.primary_title(self.message.as_str()));
        let mut bare = false;
        match &self.span {
            Some(span) => {
                let line = self.source.line_around(span.start);
                let text = self.source.text.get(line.clone()).unwrap_or("");
                // A value over several lines is marked on its first one only.
                let start = span.start.clamp(line.start, line.end) - line.start;
                let end = span.end.clamp(line.start, line.end) - line.start;
                let mark = AnnotationKind::Primary
                    .span(start..end.max(start))
                    .label(label);
                let snippet = Snippet::source(text).annotation(mark);
                group = group.element(if self.source.is_file {
                    snippet.path(clean(&self.source.name)).line_start(self.line)
                } else {
                    // The line shows what it is; a file name and a number would tell nothing.
                    snippet.line_numbering(false)
                });
            }
            None => {
                group = group.element(Origin::path(clean(&self.source.name)));
                bare = true;
            }
        }
        if bare && (note.is_some() || self.hint.is_some()) {
            group = group.element(Padding);
        }
        if let Some(note) = note {
            group = group.element(Level::NOTE.message(clean(note)));
        }
        if let Some(hint) = &self.hint {
            group = group.element(Level::HELP.message(clean(hint)));
        }
        let renderer = if color {
            Renderer::styled()
        } else {
            Renderer::plain()
        };
        renderer.term_width(WIDTH).render(&[group])
    }
}

/// Takes terminal escapes out of text that quotes the user's file.
fn clean(text: impl AsRef<str>) -> String {
    normalize_untrusted_str(text.as_ref())
}

/// Everything that is wrong with a spec. Never empty where it is returned as an error.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diagnostics {
    list: Vec<Diagnostic>,
}

impl Diagnostics {
    pub(crate) fn push(&mut self, diagnostic: Diagnostic) {
        if !self.is_full() {
            self.list.push(diagnostic);
        }
    }

    pub(crate) fn into_list(self) -> Vec<Diagnostic> {
        self.list
    }

    pub(crate) fn append(&mut self, mut other: Self) {
        self.list.append(&mut other.list);
    }

    /// Whether there are so many that looking for more is pointless.
    pub(crate) fn is_full(&self) -> bool {
        self.list.len() >= MOST_KEPT
    }

    pub(crate) fn retain(&mut self, keep: impl FnMut(&Diagnostic) -> bool) {
        self.list.retain(keep);
    }

    /// In the order of reading: the file from top to bottom, then the command line.
    pub(crate) fn sort(&mut self) {
        self.list.sort_by_key(|it| {
            let start = it.span.as_ref().map_or(0, |span| span.start);
            (!it.source.is_file, it.span.is_some(), start)
        });
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Each of them, in the order of reading.
    pub fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.list.iter()
    }

    /// All of them as they are shown, with a blank line between two and none at the end.
    ///
    /// With `color` the text carries ANSI escapes; the caller knows whether the terminal wants them.
    pub fn render(&self, color: bool) -> String {
        let mut parts: Vec<String> = self
            .list
            .iter()
            .take(MOST_SHOWN)
            .map(|it| it.render(color))
            .collect();
        let more = self.list.len().saturating_sub(MOST_SHOWN);
        if self.is_full() {
            parts.push(format!("and more than {more} more errors"));
        } else if more > 0 {
            parts.push(format!("and {more} more errors"));
        }
        parts.join("\n\n")
    }
}

impl From<Diagnostic> for Diagnostics {
    fn from(diagnostic: Diagnostic) -> Self {
        Self {
            list: vec![diagnostic],
        }
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for Diagnostics {}
