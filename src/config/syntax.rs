//! From text to TOML, with TOML's own errors turned into diagnostics.
//!
//! The parser guards its recursion for nested brackets, but a dotted key nests a table for every
//! dot, and taking such a table down again recurses. A key of half a million dots would overflow the
//! stack, so keys are counted before the parser sees them.

use std::ops::Range;
use std::sync::Arc;

use toml::de::{DeTable, DeValue};
use toml_parser::lexer::TokenKind;

use super::diagnostic::{Diagnostic, Diagnostics};
use super::source::{Place, Source};
use super::tree::{self, Entry, Item, Raw};

/// Most parts of a dotted key; the longest that means anything has three.
const MOST_PARTS: usize = 8;

/// Parses a whole file. What could be read is returned next to what could not, so that one missing
/// quote does not hide every other error.
pub(crate) fn document(source: &Arc<Source>) -> (Vec<Entry>, Diagnostics) {
    let mut diagnostics = Diagnostics::default();
    if let Some(span) = endless_key(&source.text) {
        diagnostics.push(endless(&Place::new(source, span)));
        return (Vec::new(), diagnostics);
    }
    let (table, errors) = DeTable::parse_recoverable(&source.text);
    for error in &errors {
        if diagnostics.is_full() {
            break;
        }
        diagnostics.push(syntax_error(error, source, 0));
    }
    (tree::entries(table.into_inner(), source, 0), diagnostics)
}

/// Parses `KEY` of an override: `text` is what stands before the `=`, and begins at `shift`.
pub(crate) fn key(
    text: &str,
    source: &Arc<Source>,
    shift: usize,
) -> Result<Vec<(String, Place)>, Diagnostic> {
    if let Some(span) = endless_key(text) {
        return Err(endless(&Place::new(
            source,
            span.start + shift..span.end + shift,
        )));
    }
    let assignment = format!("{text}=0");
    let mut table = match DeTable::parse(&assignment) {
        Ok(table) => tree::entries(table.into_inner(), source, shift),
        Err(error) => return Err(syntax_error(&error, source, shift)),
    };
    let mut path = Vec::new();
    while let Some(entry) = table.pop() {
        path.push((entry.name, entry.key));
        match entry.item.raw {
            tree::Raw::Table(inner) => table = inner,
            _ => break,
        }
    }
    Ok(path)
}

/// Parses `VALUE` of an override, which begins at `shift`.
pub(crate) fn value(text: &str, source: &Arc<Source>, shift: usize) -> Result<Item, Diagnostic> {
    if let Some(span) = endless_key(text) {
        return Err(endless(&Place::new(
            source,
            span.start + shift..span.end + shift,
        )));
    }
    match DeValue::parse(text) {
        Ok(value) => Ok(tree::item(value, source, shift)),
        Err(error) => Err(syntax_error(&error, source, shift)),
    }
}

/// [`value`], but what is no TOML and begins with no quote or bracket is taken as a text.
pub(crate) fn value_or_text(
    text: &str,
    source: &Arc<Source>,
    shift: usize,
) -> Result<Item, Diagnostic> {
    match value(text, source, shift) {
        Err(_) if !text.starts_with(['"', '\'', '[', '{']) => Ok(Item {
            place: Place::new(source, shift..shift + text.len()),
            raw: Raw::Text(text.to_owned()),
        }),
        read => read,
    }
}

fn syntax_error(error: &toml::de::Error, source: &Arc<Source>, shift: usize) -> Diagnostic {
    let span = error.span().unwrap_or(0..0);
    let place = Place::new(source, span.start + shift..span.end + shift);
    // "unexpected thing, expected this, that": the second half goes where ours stands.
    let (message, expected) = match error.message().split_once(", expected ") {
        Some((message, expected)) => (message, Some(expected)),
        None => (error.message(), None),
    };
    if let Some(diagnostic) = text_without_quotes(&place) {
        return diagnostic;
    }
    let written = place.text();
    let message = match (message, expected) {
        ("duplicate key", _) if !written.is_empty() => format!("`{written}` stands twice"),
        ("invalid basic string", Some("`\"`")) | ("invalid literal string", Some("`'`")) => {
            "not valid TOML: a text without its closing quote".to_owned()
        }
        _ => format!("not valid TOML: {message}"),
    };
    let mut diagnostic = Diagnostic::at(&place, message);
    if let Some(expected) = expected {
        diagnostic = diagnostic.expected(expected);
    }
    diagnostic
}

/// The commonest mistake of all, which TOML takes for half of a `true` or a `false`: `name = foo`.
fn text_without_quotes(place: &Place) -> Option<Diagnostic> {
    let source = &place.source;
    let line = source.line_around(place.span.start);
    let equals = source.text.get(line.clone())?.find('=')?;
    let after = source.text.get(line.start + equals + 1..line.end)?;
    let value = after.split('#').next()?.trim();
    let start = line.start + equals + 1 + (after.len() - after.trim_start().len());
    let is_bare = value.starts_with(|c: char| c.is_alphabetic() || matches!(c, '/' | '~'))
        && !value.contains(['"', '\'', '=', '[', '{'])
        && !matches!(value, "true" | "false" | "nan" | "inf");
    if !is_bare || !(start..=line.end).contains(&place.span.start) {
        return None;
    }
    let value_place = Place::new(source, start..start + value.len());
    Some(match value.to_ascii_lowercase().as_str() {
        switch @ ("true" | "false") => {
            Diagnostic::at(&value_place, "not valid TOML: a boolean in other letters")
                .expected(format!("`{switch}`"))
        }
        _ => Diagnostic::at(&value_place, "not valid TOML: a text without quotes")
            .expected(format!("`\"{}\"`", super::hint::shown(value))),
    })
}

fn endless(place: &Place) -> Diagnostic {
    Diagnostic::at(place, format!("a key of more than {MOST_PARTS} parts"))
        .expected("`table.key` or `table.table.key`")
}

/// Finds a dotted key with too many parts: its first so many bytes.
fn endless_key(text: &str) -> Option<Range<usize>> {
    let mut dots = 0;
    let mut start = 0;
    for token in toml_parser::Source::new(text).lex() {
        match token.kind() {
            TokenKind::Dot => dots += 1,
            // What may stand between the dots of one key.
            TokenKind::Atom
            | TokenKind::Whitespace
            | TokenKind::BasicString
            | TokenKind::LiteralString
            | TokenKind::MlBasicString
            | TokenKind::MlLiteralString => {}
            TokenKind::Equals
            | TokenKind::Comma
            | TokenKind::LeftSquareBracket
            | TokenKind::RightSquareBracket
            | TokenKind::LeftCurlyBracket
            | TokenKind::RightCurlyBracket
            | TokenKind::Comment
            | TokenKind::Newline
            | TokenKind::Eof => {
                dots = 0;
                start = token.span().end();
            }
        }
        if dots >= MOST_PARTS {
            return Some(start..token.span().end());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn errors(text: &str) -> Vec<String> {
        let (_, diagnostics) = document(&Source::file("a.toml", text));
        diagnostics.iter().map(|it| it.message.clone()).collect()
    }

    #[test]
    fn rejects_a_key_of_very_many_dots() {
        let key = "a.".repeat(500_000) + "a";
        assert_eq!(
            errors(&format!("{key} = 1")),
            ["a key of more than 8 parts"]
        );
        assert_eq!(errors(&format!("[{key}]")), ["a key of more than 8 parts"]);
        let quoted = "\"a\" . ".repeat(100_000) + "a";
        assert_eq!(
            errors(&format!("x = {{ {quoted} = 1 }}")),
            ["a key of more than 8 parts"]
        );
    }

    #[test]
    fn survives_very_many_brackets() {
        for open in ["[", "{a=", "[{a=", "[["] {
            let text = format!("x = {}", open.repeat(200_000));
            assert!(!errors(&text).is_empty());
            assert!(!errors(&open.repeat(200_000)).is_empty());
        }
        let keys = format!("{{{}=", "a.a.a.a.a.a.a.a");
        assert!(!errors(&format!("x = {}", keys.repeat(10_000))).is_empty());
        let closed = format!("x = {}1{}", keys.repeat(70), "}".repeat(70));
        assert_eq!(errors(&closed), Vec::<String>::new());
    }

    #[test]
    fn ignores_dots_in_comments_and_texts() {
        let dots = ".".repeat(1000);
        assert!(errors(&format!("x = \"{dots}\" # {dots}\ny = [1.5, 2.5, 3.5]")).is_empty());
        let many = "0.5, ".repeat(1000);
        assert!(errors(&format!("x = [{many}]")).is_empty());
    }

    #[test]
    fn reads_on_after_an_error() {
        let (entries, diagnostics) = document(&Source::file("a.toml", "x = \"a\ny = 2\n"));
        assert_eq!(diagnostics.len(), 1);
        assert!(entries.iter().any(|entry| entry.name == "y"));
    }

    #[test]
    fn names_a_key_written_twice() {
        assert_eq!(errors("x = 1\nx = 2"), ["`x` stands twice"]);
        assert_eq!(errors("[a]\n[a]"), ["`a` stands twice"]);
    }
}
