//! `--where`: a condition on the columns of a table.
//!
//! ```text
//! condition  = and { "or" and }
//! and        = not { "and" not }
//! not        = "not" not | "(" condition ")" | comparison
//! comparison = value ( "=" | "!=" | "<" | "<=" | ">" | ">=" ) value | value "is" [ "not" ] "null"
//! value      = column | number | 'text' | "text" | true | false
//! ```
//!
//! As in SQL a comparison with what is missing is neither true nor false, and a row stays where the condition is
//! true. Columns may stand in backticks; `==` and `<>` are `=` and `!=`.

use std::cmp::Ordering;

use polars::prelude::{BooleanChunked, DataFrame, NewChunkedArray};

use super::cell::Cell;
use super::error::ReportError;
use crate::config::nearest::nearest;

/// Deepest nesting of `(` and `not`.
const DEEPEST: usize = 64;
/// Most words and signs.
const LONGEST: usize = 1_000;

/// A condition whose columns are there.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition(Node);

#[derive(Clone, Debug, PartialEq)]
enum Node {
    Or(Box<Node>, Box<Node>),
    And(Box<Node>, Box<Node>),
    Not(Box<Node>),
    Compare(Value, Relation, Value),
    IsNull(Value),
}

#[derive(Clone, Debug, PartialEq)]
enum Value {
    Column(String),
    Constant(Cell),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Relation {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Word(String),
    Column(String),
    Constant(Cell),
    Sign(&'static str),
}

impl Condition {
    /// Understands a condition on a table with these columns.
    ///
    /// # Errors
    /// [`ReportError::Condition`] with the place and a hint.
    pub fn parse(text: &str, columns: &[&str]) -> Result<Self, ReportError> {
        let tokens = tokens(text)?;
        if tokens.len() > LONGEST {
            return Err(error(
                text,
                0,
                format!("more than {LONGEST} words and signs"),
                None,
            ));
        }
        let mut parser = Parser {
            text,
            columns,
            tokens: &tokens,
            at: 0,
            depth: 0,
        };
        let node = parser.or()?;
        match parser.at == tokens.len() {
            true => Ok(Self(node)),
            false => Err(parser.expected("`and`, `or` or the end")),
        }
    }

    /// For each row whether the condition is true.
    pub fn mask(&self, frame: &DataFrame) -> BooleanChunked {
        let holds: Vec<bool> = (0..frame.height())
            .map(|row| self.0.holds(frame, row) == Some(true))
            .collect();
        BooleanChunked::from_slice("where".into(), &holds)
    }
}

impl Node {
    /// Nothing where it is neither true nor false.
    fn holds(&self, frame: &DataFrame, row: usize) -> Option<bool> {
        match self {
            Self::Or(one, two) => match (one.holds(frame, row), two.holds(frame, row)) {
                (Some(true), _) | (_, Some(true)) => Some(true),
                (Some(false), Some(false)) => Some(false),
                _ => None,
            },
            Self::And(one, two) => match (one.holds(frame, row), two.holds(frame, row)) {
                (Some(false), _) | (_, Some(false)) => Some(false),
                (Some(true), Some(true)) => Some(true),
                _ => None,
            },
            Self::Not(node) => node.holds(frame, row).map(|holds| !holds),
            Self::Compare(one, relation, two) => {
                compare(&one.cell(frame, row), *relation, &two.cell(frame, row))
            }
            Self::IsNull(value) => Some(value.cell(frame, row).is_null()),
        }
    }
}

impl Value {
    fn cell(&self, frame: &DataFrame, row: usize) -> Cell {
        match self {
            Self::Constant(cell) => cell.clone(),
            Self::Column(name) => frame
                .column(name)
                .map_or(Cell::Null, |column| Cell::of(column, row)),
        }
    }
}

fn compare(one: &Cell, relation: Relation, two: &Cell) -> Option<bool> {
    let order = match (one, two) {
        (Cell::Null, _) | (_, Cell::Null) => return None,
        (Cell::Text(one), Cell::Text(two)) => Some(one.cmp(two)),
        (Cell::Switch(one), Cell::Switch(two)) => Some(one.cmp(two)),
        (one, two) => match (one.number(), two.number()) {
            (Some(one), Some(two)) => one.partial_cmp(&two),
            // A text is no number, and a column may hold both in different runs.
            _ => None,
        },
    };
    Some(match relation {
        Relation::Equal => order == Some(Ordering::Equal),
        Relation::NotEqual => order != Some(Ordering::Equal),
        Relation::Less => order == Some(Ordering::Less),
        Relation::LessOrEqual => matches!(order, Some(Ordering::Less | Ordering::Equal)),
        Relation::Greater => order == Some(Ordering::Greater),
        Relation::GreaterOrEqual => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
    })
}

fn error(text: &str, at: usize, message: String, hint: Option<String>) -> ReportError {
    ReportError::Condition {
        message,
        text: text.to_owned(),
        at,
        hint,
    }
}

/// Tokens, each with its place in characters.
fn tokens(text: &str) -> Result<Vec<(usize, Token)>, ReportError> {
    const SIGNS: [&str; 10] = ["==", "!=", "<>", "<=", ">=", "=", "<", ">", "(", ")"];
    let chars: Vec<char> = text.chars().collect();
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(&c) = chars.get(at) {
        let start = at;
        let is_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | '+' | ':');
        if c.is_whitespace() {
            at += 1;
        } else if matches!(c, '\'' | '"' | '`') {
            let Some(length) = chars[at + 1..].iter().position(|&other| other == c) else {
                return Err(error(
                    text,
                    at,
                    format!("a text begins here and has no end: {c}"),
                    None,
                ));
            };
            let inner: String = chars[at + 1..at + 1 + length].iter().collect();
            at += length + 2;
            tokens.push((
                start,
                match c {
                    '`' => Token::Column(inner),
                    _ => Token::Constant(Cell::Text(inner)),
                },
            ));
        } else if is_word(c) {
            at += chars[at..].iter().take_while(|&&c| is_word(c)).count();
            let word: String = chars[start..at].iter().collect();
            let is_number =
                word.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.'));
            tokens.push((
                start,
                match (
                    word.to_ascii_lowercase().as_str(),
                    word.parse::<i64>(),
                    word.parse::<f64>(),
                ) {
                    ("true", ..) => Token::Constant(Cell::Switch(true)),
                    ("false", ..) => Token::Constant(Cell::Switch(false)),
                    (_, Ok(value), _) => Token::Constant(Cell::Count(value)),
                    (_, _, Ok(value)) if is_number => Token::Constant(Cell::Real(value)),
                    _ => Token::Word(word),
                },
            ));
        } else {
            let rest: String = chars[at..].iter().take(2).collect();
            let Some(sign) = SIGNS.into_iter().find(|sign| rest.starts_with(sign)) else {
                return Err(error(
                    text,
                    at,
                    format!("`{}` means nothing here", c.escape_default()),
                    None,
                ));
            };
            at += sign.len();
            tokens.push((start, Token::Sign(sign)));
        }
    }
    Ok(tokens)
}

struct Parser<'a> {
    text: &'a str,
    columns: &'a [&'a str],
    tokens: &'a [(usize, Token)],
    at: usize,
    depth: usize,
}

impl Parser<'_> {
    fn place(&self) -> usize {
        self.tokens
            .get(self.at)
            .map_or(self.text.chars().count(), |(place, _)| *place)
    }

    fn expected(&self, what: &str) -> ReportError {
        let hint = "as in 'model.latent_dim > 4 and loss < 260'".to_owned();
        error(
            self.text,
            self.place(),
            format!("expected {what}"),
            Some(hint),
        )
    }

    fn takes_word(&mut self, wanted: &str) -> bool {
        let is_it = matches!(self.tokens.get(self.at), Some((_, Token::Word(word))) if word.eq_ignore_ascii_case(wanted));
        self.at += usize::from(is_it);
        is_it
    }

    fn takes_sign(&mut self, wanted: &str) -> bool {
        let is_it =
            matches!(self.tokens.get(self.at), Some((_, Token::Sign(sign))) if *sign == wanted);
        self.at += usize::from(is_it);
        is_it
    }

    fn or(&mut self) -> Result<Node, ReportError> {
        let mut node = self.and()?;
        while self.takes_word("or") {
            node = Node::Or(Box::new(node), Box::new(self.and()?));
        }
        Ok(node)
    }

    fn and(&mut self) -> Result<Node, ReportError> {
        let mut node = self.not()?;
        while self.takes_word("and") {
            node = Node::And(Box::new(node), Box::new(self.not()?));
        }
        Ok(node)
    }

    fn not(&mut self) -> Result<Node, ReportError> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(error(
                self.text,
                self.place(),
                format!("nested more than {DEEPEST} deep"),
                None,
            ));
        }
        let node = if self.takes_word("not") {
            Node::Not(Box::new(self.not()?))
        } else if self.takes_sign("(") {
            let node = self.or()?;
            if !self.takes_sign(")") {
                return Err(self.expected("`)`"));
            }
            node
        } else {
            self.comparison()?
        };
        self.depth -= 1;
        Ok(node)
    }

    fn comparison(&mut self) -> Result<Node, ReportError> {
        let one = self.value()?;
        if self.takes_word("is") {
            let is_not = self.takes_word("not");
            if !self.takes_word("null") {
                return Err(self.expected("`null` or `not null`"));
            }
            let node = Node::IsNull(one);
            return Ok(if is_not {
                Node::Not(Box::new(node))
            } else {
                node
            });
        }
        let relation = match self.tokens.get(self.at) {
            Some((_, Token::Sign("=" | "=="))) => Relation::Equal,
            Some((_, Token::Sign("!=" | "<>"))) => Relation::NotEqual,
            Some((_, Token::Sign("<"))) => Relation::Less,
            Some((_, Token::Sign("<="))) => Relation::LessOrEqual,
            Some((_, Token::Sign(">"))) => Relation::Greater,
            Some((_, Token::Sign(">="))) => Relation::GreaterOrEqual,
            _ => return Err(self.expected("one of = != < <= > >=")),
        };
        self.at += 1;
        Ok(Node::Compare(one, relation, self.value()?))
    }

    fn value(&mut self) -> Result<Value, ReportError> {
        let value = match self.tokens.get(self.at) {
            Some((_, Token::Constant(cell))) => Value::Constant(cell.clone()),
            Some((_, Token::Word(name) | Token::Column(name))) => {
                if !self.columns.contains(&name.as_str()) {
                    return Err(self.unknown(name));
                }
                Value::Column(name.clone())
            }
            _ => return Err(self.expected("a column, a number or a text in quotes")),
        };
        self.at += 1;
        Ok(value)
    }

    fn unknown(&self, name: &str) -> ReportError {
        let hint = match nearest(name, self.columns.iter().copied()) {
            Some(other) => format!("did you mean `{other}`? A text stands in quotes: \"{name}\""),
            None => format!(
                "a text stands in quotes: \"{name}\"; all columns: runner report --table runs --format csv | head -1"
            ),
        };
        error(
            self.text,
            self.place(),
            format!("there is no column `{name}`"),
            Some(hint),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use polars::prelude::Column;

    fn frame() -> DataFrame {
        let columns = vec![
            Column::new("run".into(), ["a", "b", "c", "d"]),
            Column::new("model.latent_dim".into(), [2_i64, 4, 8, 16]),
            Column::new("loss".into(), [270.0, 262.5, 259.0, f64::NAN]),
            Column::new("val_loss".into(), [Some(271.0), None, Some(260.0), None]),
            Column::new("nesterov".into(), [true, false, true, false]),
        ];
        DataFrame::new(4, columns).unwrap()
    }

    fn rows(text: &str) -> String {
        let frame = frame();
        let names: Vec<_> = frame
            .get_column_names()
            .into_iter()
            .map(|it| it.as_str())
            .collect();
        let mask = Condition::parse(text, &names)
            .unwrap_or_else(|e| panic!("{e}"))
            .mask(&frame);
        let kept = frame.filter(&mask).unwrap();
        let names = kept.column("run").unwrap().str().unwrap();
        names.iter().flatten().collect()
    }

    fn refused(text: &str) -> String {
        let names = ["run", "model.latent_dim", "loss"];
        let error = Condition::parse(text, &names).unwrap_err();
        format!("{error} | {}", error.hint().unwrap_or_default())
    }

    #[test]
    fn keeps_rows_where_a_condition_is_true() {
        for (text, expected) in [
            ("model.latent_dim > 4", "cd"),
            ("model.latent_dim > 4 and loss < 260", "c"),
            ("model.latent_dim = 2 or model.latent_dim=16", "ad"),
            ("loss <= 262.5", "bc"),
            ("2.625e2 >= loss", "bc"),
            ("run = 'b'", "b"),
            ("run != \"b\"", "acd"),
            ("run <> 'b' AND NOT (run == 'c')", "ad"),
            ("nesterov = true", "ac"),
            ("`model.latent_dim` < +4", "a"),
            ("loss > -1", "abc"),
        ] {
            assert_eq!(rows(text), expected, "{text}");
        }
    }

    #[test]
    fn binds_and_more_tightly_than_or() {
        assert_eq!(rows("run = 'a' or run = 'b' and loss > 1000"), "a");
        assert_eq!(rows("(run = 'a' or run = 'b') and loss > 1000"), "");
    }

    #[test]
    fn treats_missing_values_as_neither_true_nor_false() {
        assert_eq!(rows("val_loss < 1000"), "ac");
        assert_eq!(rows("not val_loss < 1000"), "");
        assert_eq!(rows("val_loss < 1000 or run = 'b'"), "abc");
        assert_eq!(rows("not (val_loss < 1000 and run = 'a')"), "bcd");
        assert_eq!(rows("val_loss is null"), "bd");
        assert_eq!(rows("val_loss is not null"), "ac");
        assert_eq!(rows("run > 3"), "", "a text is no number");
    }

    #[test]
    fn names_the_place_of_a_syntax_error() {
        assert_eq!(
            refused("los < 3"),
            "--where: there is no column `los`\n  los < 3\n  ^ | did you mean `loss`? A text stands in quotes: \"los\""
        );
        assert_eq!(
            refused("loss <"),
            "--where: expected a column, a number or a text in quotes\n  loss <\n        ^ | as in 'model.latent_dim > 4 and loss < 260'"
        );
        for (text, says) in [
            ("", "expected a column"),
            ("loss", "expected one of ="),
            ("loss < 3 loss", "expected `and`, `or` or the end"),
            ("(loss < 3", "expected `)`"),
            ("loss is 3", "expected `null`"),
            ("run = 'a", "has no end: '"),
            ("loss & 3", "`&` means nothing here"),
            ("run = completed", "a text stands in quotes: \"completed\""),
        ] {
            assert!(refused(text).contains(says), "{text}: {}", refused(text));
        }
        assert!(refused(&"(".repeat(900)).contains("nested more than 64 deep"));
        assert!(refused(&"not ".repeat(900)).contains("nested more than 64 deep"));
        assert!(refused(&"loss = 1 or ".repeat(100_000)).contains("more than 1000 words"));
    }
}
