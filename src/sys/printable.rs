//! Text from elsewhere (names of files, contents of a run folder from somebody else) with control characters escaped.

/// The text with control characters, line breaks among them, and characters that change the direction of writing
/// written as escapes (`\u{1b}`), so that a terminal does not act on them.
pub fn printable(text: &str) -> String {
    escaped(text, is_control)
}

/// As [`printable`], for a text of several lines: line breaks stay.
pub fn printable_lines(text: &str) -> String {
    escaped(text, |c| c != '\n' && is_control(c))
}

fn escaped(text: &str, is_escaped: impl Fn(char) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match is_escaped(c) {
            true => out.extend(c.escape_default()),
            false => out.push(c),
        }
    }
    out
}

fn is_control(c: char) -> bool {
    // Marks, embeddings, overrides and isolates of Unicode's bidirectional algorithm (UAX 9).
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_terminal_control_characters_only() {
        assert_eq!(
            printable("a\u{1b}[2J\nb\u{202e}c\u{9b}"),
            "a\\u{1b}[2J\\nb\\u{202e}c\\u{9b}"
        );
        assert_eq!(printable_lines("a\r\nb\u{7}"), "a\\r\nb\\u{7}");
        let harmless = "runs/Fäßchen \"x\\y\" 中文";
        assert_eq!(printable(harmless), harmless);
    }
}
