//! A curve that someone else published, to be drawn beside a run's own.

use crate::sys::printable::printable;

use crate::draw::panel::is_usable;

/// A published training curve.
#[derive(Clone, Debug, PartialEq)]
pub struct Published {
    /// What the legend calls it, such as `Keras`.
    pub name: String,
    /// Epochs, counted as the run counts its own (from 1), one for each entry of the other lists.
    pub epochs: Vec<f64>,
    /// Total loss.
    pub loss: Vec<f64>,
    /// Reconstruction term, where it was published.
    pub reconstruction: Option<Vec<f64>>,
    /// KL term, where it was published.
    pub kl: Option<Vec<f64>>,
    /// How the file was read where its form is not the plain one, for a person.
    pub notes: Vec<String>,
}

/// Why a published curve could not be read. Line numbers count from 1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PublishedError {
    /// A quoted field without its end.
    #[error("line {line}: a quoted field has no end")]
    Quote {
        /// The line.
        line: usize,
    },
    /// No header line.
    #[error("line 1: nothing found where the header `epoch,loss` is expected")]
    Empty,
    /// A column that has to be there is not.
    #[error(
        "line {line}: no column `{column}` in the header `{found}`; expected a table such as `epoch,loss`, its fields separated by `,`, `;` or tabs"
    )]
    MissingColumn {
        /// Line of the header.
        line: usize,
        /// Name of the column.
        column: &'static str,
        /// The header as it stands, shortened.
        found: String,
    },
    /// A line has fewer or more fields than the header.
    #[error("line {line}: {found} fields where the header has {expected}")]
    FieldCount {
        /// The line.
        line: usize,
        /// Fields in the header.
        expected: usize,
        /// Fields in the line.
        found: usize,
    },
    /// A field is no finite number.
    #[error("line {line}: `{found}` in column `{column}` is no finite number")]
    NotANumber {
        /// The line.
        line: usize,
        /// Name of the column.
        column: &'static str,
        /// The field as it stands, shortened.
        found: String,
    },
    /// The epochs do not grow from line to line.
    #[error("line {line}: epoch {found} does not come after the epoch before it")]
    NotAscending {
        /// The line.
        line: usize,
        /// The epoch.
        found: String,
    },
    /// A header, and no line after it.
    #[error("line {line}: no epochs after the header")]
    NoEpochs {
        /// The line after the header.
        line: usize,
    },
}

/// Reads a curve from CSV (RFC 4180) with the columns `epoch` and `loss`, and where they are there
/// `reconstruction_loss` and `kl_loss`.
///
/// Columns may stand in any order, and their names be of capital letters; others are ignored, and so are empty lines.
/// Fields may be quoted. They are separated by commas, by semicolons (numbers may then have a decimal comma) or by tabs,
/// as the header is. Epochs that are counted from 0, as Keras' `CSVLogger` does, are counted from 1. The name is
/// `published`; the caller sets another where it knows one.
///
/// # Errors
///
/// One [`PublishedError`] for the first line that does not fit.
pub fn read_published(csv_text: &str) -> Result<Published, PublishedError> {
    let text = csv_text.trim_start_matches('\u{feff}');
    let mut lines = text
        .lines()
        .enumerate()
        .map(|(index, line)| (index + 1, line))
        .filter(|(_, line)| !line.trim().is_empty());
    let (header_line, header) = lines.next().ok_or(PublishedError::Empty)?;
    let separator = separator_of(header);
    let split =
        |line: usize, text: &str| fields(text, separator).ok_or(PublishedError::Quote { line });
    let names = split(header_line, header)?;
    let find = |name: &str| {
        let exact = names.iter().position(|found| found == name);
        exact.or_else(|| {
            names
                .iter()
                .position(|found| found.eq_ignore_ascii_case(name))
        })
    };
    let required = |column: &'static str| {
        find(column).ok_or_else(|| PublishedError::MissingColumn {
            line: header_line,
            column,
            found: shortened(header),
        })
    };
    let (epoch_at, loss_at) = (required("epoch")?, required("loss")?);
    let (reconstruction_at, kl_at) = (find("reconstruction_loss"), find("kl_loss"));

    let mut published = Published {
        name: "published".to_owned(),
        epochs: Vec::new(),
        loss: Vec::new(),
        reconstruction: reconstruction_at.map(|_| Vec::new()),
        kl: kl_at.map(|_| Vec::new()),
        notes: Vec::new(),
    };
    for (line, text) in lines {
        let fields = split(line, text)?;
        if fields.len() != names.len() {
            return Err(PublishedError::FieldCount {
                line,
                expected: names.len(),
                found: fields.len(),
            });
        }
        let number = |index: usize, column: &'static str| {
            let field = fields.get(index).map(String::as_str).unwrap_or_default();
            let number = match separator {
                ';' => field.replacen(',', ".", 1).parse::<f64>(),
                _ => field.parse::<f64>(),
            };
            number
                .ok()
                .filter(|&value| is_usable(value))
                .ok_or_else(|| PublishedError::NotANumber {
                    line,
                    column,
                    found: shortened(field),
                })
        };
        let epoch = number(epoch_at, "epoch")?;
        if published
            .epochs
            .last()
            .is_some_and(|&before| epoch <= before)
        {
            return Err(PublishedError::NotAscending {
                line,
                found: epoch.to_string(),
            });
        }
        published.epochs.push(epoch);
        published.loss.push(number(loss_at, "loss")?);
        if let (Some(index), Some(list)) = (reconstruction_at, &mut published.reconstruction) {
            list.push(number(index, "reconstruction_loss")?);
        }
        if let (Some(index), Some(list)) = (kl_at, &mut published.kl) {
            list.push(number(index, "kl_loss")?);
        }
    }
    if published.epochs.is_empty() {
        return Err(PublishedError::NoEpochs {
            line: header_line + 1,
        });
    }
    let name = |at: usize| names.get(at).map_or("", String::as_str);
    published.notes = notes(separator, header, [name(epoch_at), name(loss_at)]);
    if published.epochs[0] == 0.0 {
        published.epochs.iter_mut().for_each(|epoch| *epoch += 1.0);
        let note = "its epochs are counted from 0, as Keras' CSVLogger does; 1 is added to each";
        published.notes.push(note.to_owned());
    }
    Ok(published)
}

/// What was seen of a table's form that is not the plain one.
fn notes(separator: char, header: &str, names: [&str; 2]) -> Vec<String> {
    let mut notes = vec![];
    match separator {
        ';' => notes
            .push("its fields are separated by `;`, and a comma in a number is a point".to_owned()),
        '\t' => notes.push("its fields are separated by tabs".to_owned()),
        _ => {}
    }
    if header.contains('"') {
        notes.push("its fields are quoted".to_owned());
    }
    if names != ["epoch", "loss"] {
        let [epoch, loss] = names.map(shortened);
        notes.push(format!(
            "its columns `{epoch}` and `{loss}` are taken as `epoch` and `loss`"
        ));
    }
    notes
}

/// What separates the fields of a table: what its header has most of outside of quotes, else a comma.
fn separator_of(header: &str) -> char {
    let unquoted = || header.split('"').step_by(2);
    let count = |separator: char| {
        unquoted()
            .map(|it| it.matches(separator).count())
            .sum::<usize>()
    };
    let separators = [',', ';', '\t'];
    // Of several as often, the last is taken.
    let most = separators.into_iter().rev().max_by_key(|it| count(*it));
    most.unwrap_or(',')
}

/// The fields of a line, without quotes and the spaces around them; none where a quoted field has no end.
fn fields(line: &str, separator: char) -> Option<Vec<String>> {
    let mut fields = vec![String::new()];
    let mut is_quoted = false;
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        let field = fields.last_mut()?;
        match c {
            '"' if is_quoted && chars.peek() == Some(&'"') => {
                chars.next();
                field.push('"');
            }
            '"' if is_quoted => is_quoted = false,
            '"' if field.trim().is_empty() => {
                is_quoted = true;
                field.clear();
            }
            c if c == separator && !is_quoted => fields.push(String::new()),
            c => field.push(c),
        }
    }
    let trimmed = |field: String| field.trim().to_owned();
    (!is_quoted).then(|| fields.into_iter().map(trimmed).collect())
}

/// Enough of a text to recognise it in an error.
fn shortened(text: &str) -> String {
    const KEPT: usize = 60;
    let cut: String = text.chars().take(KEPT).collect();
    let mut short = printable(&cut);
    if text.chars().nth(KEPT).is_some() {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_published_columns() {
        let text = "epoch,loss,reconstruction_loss,kl_loss\n\
                    1,301.9441,298.3138,3.6303\n2,273.5940,270.0484,3.5456\n";
        let published = read_published(text).unwrap();
        assert_eq!(published.epochs, [1.0, 2.0]);
        assert_eq!(published.loss, [301.9441, 273.594]);
        assert_eq!(published.reconstruction, Some(vec![298.3138, 270.0484]));
        assert_eq!(published.kl, Some(vec![3.6303, 3.5456]));
    }

    #[test]
    fn reads_other_orders_line_ends_and_columns() {
        let text = "\u{feff}loss , note, epoch\r\n\r\n5.5, first, 1\r\n4.5,,3\r\n";
        let published = read_published(text).unwrap();
        assert_eq!(published.epochs, [1.0, 3.0]);
        assert_eq!(published.loss, [5.5, 4.5]);
        assert_eq!((published.reconstruction, published.kl), (None, None));
    }

    #[test]
    fn reads_other_forms_and_says_what_was_seen() {
        let read = |text: &str| {
            let published = read_published(text).unwrap();
            (published.epochs, published.loss, published.notes.join("; "))
        };
        let cases = [
            (
                "\"epoch\",\"loss\",\"a \"\"b\"\", c\"\n\"1\",\"550.5\",\"x\"\n2,540.2,\n",
                "its fields are quoted",
            ),
            (
                "epoch;loss\n1;550,5\n2;540.2\n",
                "its fields are separated by `;`, and a comma in a number is a point",
            ),
            (
                "epoch\tloss\n1\t550.5\n2\t540.2\n",
                "its fields are separated by tabs",
            ),
            (
                "Epoch,Loss\n1,550.5\n2,540.2\n",
                "its columns `Epoch` and `Loss` are taken as `epoch` and `loss`",
            ),
            (
                "epoch,kl_loss,loss\n0,3.6,550.5\n1,3.5,540.2\n",
                "its epochs are counted from 0, as Keras' CSVLogger does; 1 is added to each",
            ),
            ("epoch,loss\n1,550.5\n2,540.2\n", ""),
        ];
        for (text, note) in cases {
            let expected = (vec![1.0, 2.0], vec![550.5, 540.2], note.to_owned());
            assert_eq!(read(text), expected, "{text}");
        }
    }

    #[test]
    fn refuses_what_does_not_fit_with_its_line() {
        let errors = [
            (
                "",
                "line 1: nothing found where the header `epoch,loss` is expected",
            ),
            (
                "\n\nepoch,los\n",
                "line 3: no column `loss` in the header `epoch,los`; expected a table such as `epoch,loss`, its fields \
                 separated by `,`, `;` or tabs",
            ),
            ("epoch,loss\n", "line 2: no epochs after the header"),
            ("epoch,loss\n1,\"2\n", "line 2: a quoted field has no end"),
            (
                "epoch;loss\n1;1,000,5\n",
                "line 2: `1,000,5` in column `loss` is no finite number",
            ),
            (
                "epoch,loss\n1,2\n2\n",
                "line 3: 1 fields where the header has 2",
            ),
            (
                "epoch,loss\n1,two\n",
                "line 2: `two` in column `loss` is no finite number",
            ),
            (
                "epoch,loss\n1,NaN\n",
                "line 2: `NaN` in column `loss` is no finite number",
            ),
            (
                "epoch,loss\n1,1e200\n",
                "line 2: `1e200` in column `loss` is no finite number",
            ),
            (
                "epoch,loss\n2,5\n2,5\n",
                "line 3: epoch 2 does not come after the epoch before it",
            ),
        ];
        for (text, message) in errors {
            assert_eq!(read_published(text).unwrap_err().to_string(), message);
        }
        let long = format!("epoch,loss\n1,{}", "9x".repeat(10_000));
        assert!(read_published(&long).unwrap_err().to_string().len() < 200);
    }
}
