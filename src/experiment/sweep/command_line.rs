//! `--sweep KEY=2,4,8`, `--sweep seed=0..3`, `--sweep 'KEY={ from = 1, to = 64, steps = 7, scale = "log" }'`.

use super::MOST_TRIALS;
use crate::config::diagnostic::Diagnostic;
use crate::config::overrides::split;
use crate::config::source::{Place, SWEEP};
use crate::config::syntax;
use crate::config::tree::{Item, Raw};

const USAGE: &str = "`KEY=VALUE,VALUE,...`, such as `model.latent_dim=2,4,8` or `seed=0..3`";

/// One `--sweep`, read but not yet checked: the setting, and a list or the table of a range.
pub(crate) fn parse(given: &str) -> Result<(Vec<(String, Place)>, Item), Diagnostic> {
    let (source, path, value) = split(SWEEP, given, "a list", "setting", USAGE)?;
    let at = source.text.len() - value.len();
    let place = Place::new(&source, at..at + value.len());
    let mut items = vec![];
    for (offset, piece) in pieces(value) {
        let start = at + offset + (piece.len() - piece.trim_start().len());
        let text = piece.trim();
        let place = Place::new(&source, start..start + text.len());
        if text.is_empty() {
            return Err(Diagnostic::at(&place, "a list with an empty value").expected(USAGE));
        }
        if let Some(range) = integers(text, &place) {
            items.extend(range?);
            continue;
        }
        items.push(syntax::value_or_text(text, &source, start)?);
    }
    // A range stands for itself, and so does a list of the lists that a setting takes: `[[16], [32]]`.
    let stands_alone = match items.as_slice() {
        [only] => match &only.raw {
            Raw::Table(entries) => entries
                .iter()
                .any(|it| matches!(it.name.as_str(), "from" | "to")),
            Raw::List(list) => list.iter().all(|it| matches!(it.raw, Raw::List(_))),
            _ => false,
        },
        _ => false,
    };
    let item = match stands_alone.then(|| items.pop()).flatten() {
        Some(item) => item,
        None => Item {
            place,
            raw: Raw::List(items),
        },
    };
    Ok((path, item))
}

/// The text between commas that stand in no bracket and no quotes, each with where it begins.
fn pieces(text: &str) -> Vec<(usize, &str)> {
    let (mut depth, mut quote, mut start, mut out) = (0_i32, None, 0, vec![]);
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(c),
            (None, '[' | '{') => depth += 1,
            (None, ']' | '}') => depth -= 1,
            (None, ',') if depth == 0 => {
                out.push((start, text.get(start..at).unwrap_or_default()));
                start = at + 1;
            }
            _ => {}
        }
    }
    out.push((start, text.get(start..).unwrap_or_default()));
    out
}

/// `0..3` is 0, 1, 2, and `0..=3` has the 3 too; nothing where the text is no such thing.
fn integers(text: &str, place: &Place) -> Option<Result<Vec<Item>, Diagnostic>> {
    let (from, to) = text.split_once("..")?;
    let (to, is_closed) = match to.strip_prefix('=') {
        Some(to) => (to, true),
        None => (to, false),
    };
    let integer = |text: &str| text.trim().parse::<i64>().ok().map(i128::from);
    let (from, to) = (integer(from)?, integer(to)? + i128::from(is_closed));
    if to - from > MOST_TRIALS as i128 {
        let message = format!("`{text}` has {} values", to - from);
        let expected = format!("at most {MOST_TRIALS}");
        return Some(Err(Diagnostic::at(place, message).expected(expected)));
    }
    if to <= from {
        let message = format!("`{text}` has no values");
        let hint = "`0..3` is 0, 1, 2, and `0..=3` has the 3 too";
        return Some(Err(Diagnostic::at(place, message)
            .expected("a range that goes up")
            .hint(hint)));
    }
    let item = |value| Item {
        place: place.clone(),
        raw: Raw::Integer(value),
    };
    Some(Ok((from..to).map(item).collect()))
}
