//! Tables of pixels as text: an image a line, a column a pixel, and maybe one with the label.
//!
//! Kaggle gives MNIST and its relatives so (`label,pixel0,...`); `.amat` files are the same with spaces, without a header,
//! the label last.

use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use crate::config::choice::choices;
use crate::config::section::section;
use crate::config::{Kind, PathKind, Rules};
use crate::data::array_file::{BadFile, Problem};
use crate::data::binarize::Binarization;
use crate::data::division::{Shares, Split};
use crate::data::element::Range;
use crate::data::error::{DataError, ReadError, file_of};
use crate::data::images::{Images, blank_pixels};
use crate::data::input::Input;
use crate::data::labelled::{PairError, range_has_a_width, report_missing};
use crate::data::loader::{Labelled, Loaded, Loader, Request};
use crate::data::npy::three;
use crate::data::progress::OnProgress;
use crate::data::set::Survey;
use crate::data::source::Source;
use crate::fs::digest::Sha256Writer;
use crate::sys::printable::printable;

const NAME: &str = "csv";

section! {
    /// your own tables of pixels as text, plain or gzip: one image a line, such as Kaggle's CSV files and `.amat` files
    pub struct Csv {
        /// The folder that the files are relative to
        pub path: Option<PathBuf>, Kind::Path(PathKind::Folder), unset("the usual places"), changes_no_result();
        /// Training images, a table of numbers separated by commas, semicolons, tabs or spaces, with or without a header
        pub images: Option<PathBuf>, Kind::Path(PathKind::File), unset("none"), relative_to("path"), changes_no_result();
        /// Test images, such a table
        pub test_images: Option<PathBuf>, Kind::Path(PathKind::File), unset("none"), relative_to("path"), changes_no_result();
        /// Which column of a table is the label
        pub label_column: LabelColumn = LabelColumn::Auto, Kind::Choice(LabelColumn::CHOICES), added_in(2);
        /// Rows, columns and, where it is not 1, channels of an image
        pub image_shape: Option<Vec<usize>>, Kind::Counts { fewest: 2, most: 3, max: 16_384 }, unset("a square");
        /// The values that are black (`min`, 0 where it is left out) and white (`max`, 1 where it is left out)
        pub range: Option<Range>, Kind::Limits, unset("0 to 1 where no value is above 1, else 0 to 255"), added_in(2);
    }
    rules { images_are_named, range_has_a_width }
}

choices! {
    /// Which column of a table is the label.
    pub enum LabelColumn {
        /// the column that the header calls `label`, `class`, `target` or `y`; else, where there is one column more than pixels, the first (of an `.amat` file the last)
        Auto = "auto",
        /// the first
        First = "first",
        /// the last
        Last = "last",
        /// none, all images are of one class
        None = "none",
    }
}

fn images_are_named(it: &mut Rules<'_>) {
    let files = [
        (Split::Train, "images", "train.csv"),
        (Split::Test, "test_images", "test.csv"),
    ];
    report_missing(it, NAME, "the path of a table of pixels", &files);
}

/// The longest line, bytes.
const MAX_LINE: u64 = 16 << 20;

/// What is wrong with a table. Lines count from 1.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
enum CsvError {
    #[error("the packed data is damaged: {reason}")]
    Packed { reason: String },
    #[error("line {line}: longer than {MAX_LINE} bytes")]
    Long { line: usize },
    #[error("no line of numbers")]
    Empty,
    #[error("line {line}: {found} columns, expected {expected} as in the first line")]
    Columns {
        line: usize,
        found: usize,
        expected: usize,
    },
    #[error("line {line}: `{found}` in column {column} is not a number")]
    NotANumber {
        line: usize,
        column: usize,
        found: String,
    },
    #[error("line {line}: label {found}, expected a whole number from 0 to 65535")]
    Label { line: usize, found: f64 },
    #[error(
        "line {line}: the value {found} lies outside {} to {}; values are from {} to {}",
        expected.min, expected.max, seen.min, seen.max
    )]
    Outside {
        line: usize,
        found: f64,
        expected: Range,
        seen: Range,
    },
    #[error("{columns} columns are {expected}")]
    Shape { columns: usize, expected: String },
}

impl Problem for CsvError {
    fn hint(&self, _: &Path) -> Option<String> {
        match self {
            Self::Shape { .. } => Some(
                "say what the columns are: `image_shape = [ROWS, COLUMNS]` and `label_column` in `[data]`"
                    .to_owned(),
            ),
            Self::Outside { seen, .. } => Some(format!(
                "say which values are black and white, such as `{}` in `[data]`",
                seen.written()
            )),
            _ => None,
        }
    }
}

/// Lines of a file, which are hashed as they are read.
struct Lines<'a> {
    path: &'a Path,
    input: BufReader<Input<'a>>,
    digest: Sha256Writer,
    bytes: u64,
    /// The number of the line that was read last.
    line: usize,
    buffer: Vec<u8>,
}

impl<'a> Lines<'a> {
    fn open(path: &'a Path) -> Result<Self, DataError> {
        Ok(Self::new(path, Input::open(path)?))
    }

    fn new(path: &'a Path, input: Input<'a>) -> Self {
        Self {
            path,
            input: BufReader::with_capacity(1 << 16, input),
            digest: Sha256Writer::new(),
            bytes: 0,
            line: 0,
            buffer: vec![],
        }
    }

    fn refuse(&self, problem: CsvError) -> DataError {
        BadFile::new(self.path, problem).into()
    }

    /// Whether there is another line, which is then in the buffer.
    fn next(&mut self) -> Result<bool, DataError> {
        self.buffer.clear();
        let mut limited = self.input.by_ref().take(MAX_LINE);
        match limited.read_until(b'\n', &mut self.buffer) {
            Ok(0) => return Ok(false),
            Ok(_) => {}
            Err(error) if error.raw_os_error().is_none() && self.input.get_ref().is_packed() => {
                let reason = match error.kind() {
                    io::ErrorKind::UnexpectedEof => "it is cut off".to_owned(),
                    _ => error.to_string(),
                };
                return Err(self.refuse(CsvError::Packed { reason }));
            }
            Err(source) => {
                let path = self.path.to_path_buf();
                return Err(ReadError { path, source }.into());
            }
        }
        self.line += 1;
        self.digest.update(&self.buffer);
        self.bytes += self.buffer.len() as u64;
        if self.buffer.len() as u64 == MAX_LINE && self.buffer.last() != Some(&b'\n') {
            return Err(self.refuse(CsvError::Long { line: self.line }));
        }
        Ok(true)
    }

    /// The fields of the line.
    fn fields(&self, separator: Separator) -> impl Iterator<Item = &[u8]> {
        let line = self
            .buffer
            .strip_prefix(b"\xef\xbb\xbf")
            .unwrap_or(&self.buffer);
        let is_end = move |byte: &u8| match separator {
            Separator::Spaces => byte.is_ascii_whitespace(),
            Separator::Byte(separator) => *byte == separator,
        };
        let fields = line.trim_ascii().split(is_end).map(<[u8]>::trim_ascii);
        fields.filter(move |field| separator != Separator::Spaces || !field.is_empty())
    }

    fn is_blank(&self) -> bool {
        self.buffer.trim_ascii().is_empty()
    }

    /// Takes the numbers of the line, of which there have to be so many.
    fn numbers(&self, form: &Form, mut take: impl FnMut(usize, f64)) -> Result<(), DataError> {
        let mut columns = 0;
        for field in self.fields(form.separator) {
            let Some(number) = number(field) else {
                let found = printable(&String::from_utf8_lossy(&field[..field.len().min(40)]));
                let (line, column) = (self.line, columns + 1);
                return Err(self.refuse(CsvError::NotANumber {
                    line,
                    column,
                    found,
                }));
            };
            take(columns, number);
            columns += 1;
        }
        match columns == form.columns {
            true => Ok(()),
            false => Err(self.refuse(CsvError::Columns {
                line: self.line,
                found: columns,
                expected: form.columns,
            })),
        }
    }

    fn finish(mut self) -> Result<Source, DataError> {
        while self.next()? {}
        Ok(Source {
            path: self.path.to_path_buf(),
            sha256: self.digest.hex(),
            bytes: self.bytes,
        })
    }
}

/// What stands between the fields of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Separator {
    Byte(u8),
    /// Spaces and tabs, any number of them.
    Spaces,
}

/// A finite number of a field, which may be quoted.
fn number(field: &[u8]) -> Option<f64> {
    let inner = field
        .strip_prefix(b"\"")
        .and_then(|it| it.strip_suffix(b"\""));
    let field = inner.unwrap_or(field);
    if let 1..=3 = field.len()
        && field.iter().all(u8::is_ascii_digit)
    {
        let digits = field.iter().map(|it| u16::from(it - b'0'));
        return Some(f64::from(digits.fold(0, |sum, digit| sum * 10 + digit)));
    }
    let number: f64 = std::str::from_utf8(field).ok()?.parse().ok()?;
    number.is_finite().then_some(number)
}

/// How a table is built.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Form {
    separator: Separator,
    has_header: bool,
    columns: usize,
    label: Option<usize>,
    /// Height, width and channels.
    size: [usize; 3],
}

/// A table whose numbers have been read once.
struct Table {
    path: PathBuf,
    form: Form,
    rows: usize,
    /// Of the pixels.
    seen: Range,
}

impl Csv {
    /// Reads a table once without keeping it.
    fn scan(&self, path: &Path) -> Result<Table, DataError> {
        self.scan_lines(Lines::open(path)?)
    }

    fn scan_lines(&self, mut lines: Lines<'_>) -> Result<Table, DataError> {
        loop {
            if !lines.next()? {
                return Err(lines.refuse(CsvError::Empty));
            }
            if !lines.is_blank() {
                break;
            }
        }
        let form = self.form(&lines)?;
        let mut rows = 0;
        let mut seen = Range {
            min: f64::INFINITY,
            max: f64::NEG_INFINITY,
        };
        let mut is_row = !form.has_header;
        loop {
            if is_row && !lines.is_blank() {
                lines.numbers(&form, |column, value| {
                    if Some(column) != form.label {
                        seen.min = seen.min.min(value);
                        seen.max = seen.max.max(value);
                    }
                })?;
                rows += 1;
            }
            is_row = true;
            if !lines.next()? {
                break;
            }
        }
        if rows == 0 {
            return Err(lines.refuse(CsvError::Empty));
        }
        Ok(Table {
            path: lines.path.to_path_buf(),
            form,
            rows,
            seen,
        })
    }

    /// How a table is built, by its first line.
    fn form(&self, first: &Lines<'_>) -> Result<Form, DataError> {
        let has = |byte: u8| first.buffer.contains(&byte);
        let bytes = [b',', b';', b'\t'].into_iter().find(|it| has(*it));
        let separator = bytes.map_or(Separator::Spaces, Separator::Byte);
        let fields: Vec<&[u8]> = first.fields(separator).collect();
        let columns = fields.len();
        if columns == 0 {
            return Err(first.refuse(CsvError::Empty));
        }
        let has_header = fields.iter().any(|field| number(field).is_none());
        let is_label = |field: &&[u8]| {
            let name = field.to_ascii_lowercase();
            let name: Vec<u8> = name.into_iter().filter(|it| *it != b'"').collect();
            LABELS.contains(&name.as_slice())
        };
        let named = fields.iter().position(is_label);
        let is_amat = first.path.extension().is_some_and(|it| it == "amat");
        let last = columns.checked_sub(1);
        let shape = self.image_shape.as_deref();
        let given = shape.map(|shape| shape.iter().product::<usize>());
        let fits = |pixels: usize| match given {
            Some(given) => pixels == given,
            None => pixels > 0 && pixels.isqrt().pow(2) == pixels,
        };
        let label = match self.label_column {
            LabelColumn::None => None,
            LabelColumn::First => Some(0),
            LabelColumn::Last => last,
            LabelColumn::Auto if named.is_some() => named,
            LabelColumn::Auto if fits(columns) => None,
            LabelColumn::Auto if is_amat => last,
            LabelColumn::Auto => Some(0),
        };
        let pixels = columns - usize::from(label.is_some());
        if !fits(pixels) {
            let expected = match shape {
                Some(shape) => format!("not those of images of {shape:?} pixels"),
                None => "neither the pixels of a square nor these and a label".to_owned(),
            };
            return Err(first.refuse(CsvError::Shape { columns, expected }));
        }
        let side = pixels.isqrt();
        let size = shape.map_or([side, side, 1], |shape| {
            let shape: Vec<u64> = shape.iter().map(|it| *it as u64).collect();
            // They were of this type before.
            three(&shape).map(|it| it as usize)
        });
        Ok(Form {
            separator,
            has_header,
            columns,
            label,
            size,
        })
    }

    /// The tables of the parts that are read.
    fn tables(&self, request: &Request<'_>) -> Result<(Vec<Table>, Shares), DataError> {
        let files = request.division.parts().into_iter().map(|part| match part {
            Split::Train => file_of("data.images", NAME, self.images.as_deref()),
            Split::Test => file_of("data.test_images", NAME, self.test_images.as_deref()),
        });
        let files = files.collect::<Result<Vec<_>, _>>()?;
        let tables = files.into_iter().map(|path| self.scan(path));
        let tables = tables.collect::<Result<Vec<_>, _>>()?;
        for table in &tables {
            let first = &tables[0];
            if table.form.size != first.form.size {
                return Err(DataError::from(PairError::Sizes {
                    first_path: first.path.clone(),
                    first: first.form.size,
                    second_path: table.path.clone(),
                    second: table.form.size,
                }));
            }
        }
        let counts: Vec<usize> = tables.iter().map(|table| table.rows).collect();
        let shares = request.division.shares(&counts)?;
        Ok((tables, shares))
    }
}

/// What a header calls the label.
const LABELS: [&[u8]; 5] = [b"label", b"labels", b"class", b"target", b"y"];

/// The range of all tables together.
fn range_of(tables: &[Table]) -> Range {
    let is_unit = tables.iter().all(|table| table.seen.max <= 1.0);
    Range {
        min: 0.0,
        max: if is_unit { 1.0 } else { 255.0 },
    }
}

/// Reads the first rows of a table.
fn read_rows(
    mut lines: Lines<'_>,
    table: &Table,
    range: Range,
    pixels: &mut [u8],
    labels: &mut Vec<u16>,
) -> Result<Source, DataError> {
    let form = &table.form;
    let mut is_header = form.has_header;
    for image in pixels.chunks_exact_mut(form.size.iter().product::<usize>().max(1)) {
        loop {
            if !lines.next()? {
                return Err(lines.refuse(CsvError::Empty));
            }
            if lines.is_blank() {
                continue;
            }
            if !is_header {
                break;
            }
            is_header = false;
        }
        let (mut label, mut odd) = (0.0, None);
        let mut out = image.iter_mut();
        lines.numbers(form, |column, value| {
            if Some(column) == form.label {
                label = value;
                return;
            }
            if !(range.min..=range.max).contains(&value) {
                odd.get_or_insert(value);
            }
            if let Some(pixel) = out.next() {
                *pixel = range.shade(value);
            }
        })?;
        let line = lines.line;
        if let Some(found) = odd {
            return Err(lines.refuse(CsvError::Outside {
                line,
                found,
                expected: range,
                seen: table.seen,
            }));
        }
        if !(0.0..=f64::from(u16::MAX)).contains(&label) || label.fract() != 0.0 {
            return Err(lines.refuse(CsvError::Label { line, found: label }));
        }
        labels.push(label as u16);
    }
    lines.finish()
}

impl Loader for Csv {
    fn survey(&self, request: &Request<'_>) -> Result<Survey, DataError> {
        let (tables, shares) = self.tables(request)?;
        let size = tables.first().map_or([0; 3], |table| table.form.size);
        Ok(Survey::of(&shares, size, place(&tables)))
    }

    fn labels(&self, request: &Request<'_>) -> Result<Labelled, DataError> {
        // Labels stand in a column among the pixels.
        let Loaded { images, shares, .. } = self.load(request, &mut |_| ())?;
        Ok(Labelled {
            names: images.classes,
            images: Some((images.labels, shares)),
        })
    }

    fn load(&self, request: &Request<'_>, _: OnProgress<'_>) -> Result<Loaded, DataError> {
        let (tables, shares) = self.tables(request)?;
        let [height, width, channels] = tables.first().map_or([0; 3], |table| table.form.size);
        let values = height * width * channels;
        let range = self.range.unwrap_or_else(|| range_of(&tables));
        let mut pixels = blank_pixels(shares.keep.iter().sum(), values)?;
        let mut rest = pixels.as_mut_slice();
        let (mut labels, mut sources) = (vec![], vec![]);
        for (table, &keep) in tables.iter().zip(&shares.keep) {
            let (own, others) = rest.split_at_mut(keep * values);
            rest = others;
            let lines = Lines::open(&table.path)?;
            sources.push(read_rows(lines, table, range, own, &mut labels)?);
        }
        let highest = labels.iter().copied().max().unwrap_or(0);
        Ok(Loaded {
            images: Images {
                height,
                width,
                channels,
                pixels,
                labels,
                classes: (0..=highest).map(|class| class.to_string()).collect(),
                factors: None,
                binarization: Binarization::NONE,
            },
            sources,
            shares,
            place: place(&tables),
        })
    }
}

/// What a table holds in words, the values of its pixels, and its digest.
pub(in crate::data) fn describe(path: &Path) -> Result<(String, Range, Source), DataError> {
    let kind = Csv {
        path: None,
        images: None,
        test_images: None,
        label_column: LabelColumn::Auto,
        image_shape: None,
        range: None,
    };
    let Table {
        form, rows, seen, ..
    } = kind.scan(path)?;
    let [height, width, _] = form.size;
    let label = form.label.map_or("no label".to_owned(), |at| {
        format!("label in column {}", at + 1)
    });
    let text = format!("{rows} images of {height} x {width}, {label}");
    Ok((text, seen, Lines::open(path)?.finish()?))
}

/// Where the images lie, for a person.
fn place(tables: &[Table]) -> String {
    let paths = tables.iter().map(|table| table.path.display().to_string());
    paths.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
