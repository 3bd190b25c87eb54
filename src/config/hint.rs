//! Hints for common mistakes.

use super::kind::{Kind, LONGEST_NAME};
use super::tree::{Item, Raw};

/// A hint for the commonest wrong types.
pub(crate) fn type_hint(kind: &Kind, raw: &Raw, item: &Item) -> Option<String> {
    let written = item.place.text();
    match (kind, raw) {
        (Kind::Count { .. } | Kind::CountOrCounts { .. } | Kind::Number(_), Raw::Text(text)) => {
            text.trim()
                .parse::<f64>()
                .is_ok()
                .then(|| "write it without the quotes".to_owned())
        }
        (Kind::Switch, Raw::Text(text)) => match text.to_ascii_lowercase().as_str() {
            name @ ("true" | "false") => Some(format!("write `{name}`, without quotes")),
            "yes" | "on" => Some("write `true`".to_owned()),
            "no" | "off" => Some("write `false`".to_owned()),
            _ => None,
        },
        (Kind::Switch, Raw::Integer(0)) => Some("write `false`".to_owned()),
        (Kind::Switch, Raw::Integer(1)) => Some("write `true`".to_owned()),
        (Kind::Count { .. } | Kind::CountOrCounts { .. }, Raw::Float(float))
            if float.fract() == 0.0 && float.abs() < 1e15 =>
        {
            Some(format!("write `{float:.0}`"))
        }
        (Kind::Numbers { .. }, Raw::Integer(_) | Raw::Float(_)) if written.len() <= 40 => {
            Some(format!("write it as a list: `[{written}]`"))
        }
        (Kind::Counts { .. } | Kind::Choices(_), Raw::Integer(_) | Raw::Text(_)) => {
            let quoted = match raw {
                Raw::Text(_) if !written.starts_with(['"', '\'']) => format!("\"{written}\""),
                _ => written.to_owned(),
            };
            (quoted.len() <= 40 && !quoted.contains('\n'))
                .then(|| format!("write it as a list: `[{quoted}]`"))
        }
        (kind, Raw::Integer(_) | Raw::Float(_) | Raw::Switch(_) | Raw::Date)
            if kind.is_text() && written.len() <= 40 =>
        {
            Some(format!("write it in quotes: `\"{written}\"`"))
        }
        (Kind::Limits, Raw::Integer(_) | Raw::Float(_)) if written.len() <= 40 => Some(format!(
            "write `{{ max = {written} }}` or `{{ min = {written} }}`"
        )),
        _ => None,
    }
}

/// The name with everything that is not allowed replaced.
pub(crate) fn fixed_name(text: &str) -> String {
    let mut fixed = String::new();
    for c in text.trim().chars() {
        if c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.') {
            fixed.push(c);
        } else if !fixed.ends_with('_') {
            fixed.push('_');
        }
    }
    fixed.truncate(LONGEST_NAME);
    fixed
        .trim_start_matches(['.', '-', '_'])
        .trim_end_matches(['.', '_'])
        .to_owned()
}

/// A hint that names a key.
pub(crate) fn did_you_mean_key(name: &str) -> String {
    format!("did you mean `{name}`?")
}

/// A hint that names a value.
pub(crate) fn did_you_mean_value(name: &str) -> String {
    format!("did you mean `\"{name}\"`?")
}

/// A name from the user's text, fit for a message: escaped and not endless.
pub(crate) fn shown(name: &str) -> String {
    const MOST: usize = 60;
    let mut out: String = name
        .chars()
        .take(MOST)
        .flat_map(char::escape_debug)
        .collect();
    if name.chars().nth(MOST).is_some() {
        out.push_str("...");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn makes_a_valid_name() {
        assert_eq!(fixed_name("my run (2)"), "my_run_2");
        assert_eq!(fixed_name("../a/b.toml"), "a_b.toml");
        assert_eq!(fixed_name("  .x. "), "x");
        assert_eq!(fixed_name("äö"), "");
        assert_eq!(fixed_name(&"y".repeat(100)).len(), 64);
    }

    #[test]
    fn shortens_and_escapes_names() {
        assert_eq!(shown("a\u{1b}b"), "a\\u{1b}b");
        assert_eq!(shown(&"x".repeat(61)), format!("{}...", "x".repeat(60)));
    }
}
