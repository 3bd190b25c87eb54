//! From a file and overrides to a checked spec.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::spec::{Spec, schema};
use super::sweep::{self, Sweep};
use crate::config::diagnostic::{Diagnostic, Diagnostics};
use crate::config::error::SpecError;
use crate::config::nearest::nearest;
use crate::config::setting::DefaultValue;
use crate::config::source::{Place, Source};
use crate::config::syntax;
use crate::config::tree::Entry;
use crate::config::values::{Values, Written};
use crate::config::walk::walk;
use crate::config::{overrides, paths, rules};

/// Most bytes of a spec file.
pub const MOST_BYTES: u64 = 1 << 20;

/// A spec that was read from a file, with what it was made from.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The checked spec.
    pub spec: Spec,
    /// The file's text, as it was given.
    pub text: String,
    /// The overrides, as they were given.
    pub overrides: Vec<String>,
    /// The file's path, as it was given.
    pub path: PathBuf,
    /// The trials, where the file or the command line has a sweep; `spec` is the one that they vary.
    pub sweep: Option<Sweep>,
    source: Arc<Source>,
    places: BTreeMap<String, Written>,
}

impl Loaded {
    /// A diagnostic about a setting that only later turns out to be wrong, such as a batch larger
    /// than the data.
    ///
    /// It points at the value in the file or in the override; where the setting was left at its
    /// default it is about the file as a whole and says which default that is.
    pub fn diagnostic_at(
        &self,
        key: &str,
        message: impl Into<String>,
        expected: Option<String>,
        hint: Option<String>,
    ) -> Diagnostics {
        self.diagnostic_in(None, key, message, expected, hint)
    }

    /// The same about a trial of the sweep, by its index: where the setting is one that varies, the diagnostic points
    /// at the trial's value.
    pub fn diagnostic_in(
        &self,
        trial: Option<usize>,
        key: &str,
        message: impl Into<String>,
        expected: Option<String>,
        hint: Option<String>,
    ) -> Diagnostics {
        let message = message.into();
        let varied = self.sweep.as_ref().zip(trial).and_then(|(sweep, trial)| {
            let at = sweep.varied.iter().position(|varied| varied == key)?;
            sweep.trials.get(trial)?.places.get(at)
        });
        let place = varied.or(self.places.get(key).map(|written| &written.item));
        let mut diagnostic = match place {
            Some(place) => Diagnostic::at(place, message),
            None => {
                let default = schema().find(key).map(|setting| &setting.default);
                let message = match default {
                    Some(DefaultValue::Is(value)) => {
                        format!("{message} (`{key}` is {} by default)", value.to_toml())
                    }
                    _ => message,
                };
                Diagnostic::whole(&self.source, message)
            }
        };
        diagnostic.expected = expected;
        diagnostic.hint = hint;
        Diagnostics::from(diagnostic)
    }
}

/// Reads and checks a spec file with overrides (`KEY=VALUE`, without `--set`).
///
/// Nothing is written, and no more than [`MOST_BYTES`] are read.
///
/// # Errors
///
/// Where the file cannot be read, or where anything is wrong with what it says: then everything that
/// is wrong is reported together.
pub fn load(path: &Path, overrides: &[String]) -> Result<Loaded, SpecError> {
    load_with_sweep(path, overrides, &[])
}

/// [`load`] with lists of a sweep (`KEY=VALUES`, without `--sweep`), which are added to those of the file.
///
/// # Errors
///
/// Those of [`load`]; of a sweep also two trials that are the same, and more than [`sweep::MOST_TRIALS`].
pub fn load_with_sweep(
    path: &Path,
    overrides: &[String],
    sweep: &[String],
) -> Result<Loaded, SpecError> {
    let text = read(path)?;
    let base = path.parent().unwrap_or(Path::new(""));
    load_text(text, path, base, overrides, sweep).map_err(SpecError::Invalid)
}

/// [`load_with_sweep`] of a text in memory. `path` is what diagnostics call it; relative paths start at `base`.
///
/// # Errors
///
/// Everything that is wrong with the text, the overrides and the sweep.
pub fn load_text(
    text: String,
    path: &Path,
    base: &Path,
    overrides: &[String],
    sweep: &[String],
) -> Result<Loaded, Diagnostics> {
    let name = path.display().to_string();
    let request = Request {
        source_name: &name,
        base,
        overrides,
        sweep: Some(sweep),
        checks_paths: true,
    };
    let checked = check(&text, &request)?;
    Ok(Loaded {
        spec: checked.spec,
        text,
        overrides: overrides.to_vec(),
        path: path.to_owned(),
        sweep: checked.sweep,
        source: checked.source,
        places: checked.values.into_places(),
    })
}

/// Checks the text of a single run. `source_name` is what diagnostics call it; relative paths start at `base`.
///
/// # Errors
///
/// Everything that is wrong with the text and the overrides; a sweep has no place in it.
pub fn parse(
    text: &str,
    source_name: &str,
    base: &Path,
    overrides: &[String],
) -> Result<Spec, Diagnostics> {
    let request = Request {
        source_name,
        base,
        overrides,
        sweep: None,
        checks_paths: true,
    };
    check(text, &request).map(|it| it.spec)
}

/// [`parse`] of a text that [`resolved_toml`](super::resolved_toml) wrote, maybe on another machine: whether files are
/// where it says is not asked.
///
/// # Errors
/// Those of [`parse`].
pub fn read_back(text: &str, source_name: &str, overrides: &[String]) -> Result<Spec, Diagnostics> {
    let request = Request {
        source_name,
        base: Path::new("/"),
        overrides,
        sweep: None,
        checks_paths: false,
    };
    check(text, &request).map(|it| it.spec)
}

/// How a text is read.
struct Request<'a> {
    /// What diagnostics call it.
    source_name: &'a str,
    /// Where relative paths start.
    base: &'a Path,
    overrides: &'a [String],
    /// The lists of the command line; nothing where a sweep has no place.
    sweep: Option<&'a [String]>,
    /// Whether files have to be there.
    checks_paths: bool,
}

/// A text that was checked without errors.
struct Checked {
    spec: Spec,
    sweep: Option<Sweep>,
    source: Arc<Source>,
    values: Values,
}

fn check(text: &str, request: &Request<'_>) -> Result<Checked, Diagnostics> {
    let source = Source::file(request.source_name, text);
    let file = Place::new(&source, 0..0);
    let (mut root, syntax) = syntax::document(&source);
    let mut diagnostics = Diagnostics::default();
    overrides::apply(schema(), request.overrides, &mut root, &mut diagnostics);
    let asked = match request.sweep {
        Some(options) => sweep::take(&mut root, options, &mut diagnostics),
        None => sweep::refuse(&root, &mut diagnostics),
    };
    if !syntax.is_empty() {
        walk(schema(), request.base, &root, &mut diagnostics);
        drop_guesses(&mut diagnostics, &syntax);
        diagnostics.append(syntax);
        diagnostics.sort();
        return Err(diagnostics);
    }
    let meaning =
        |tree: &[Entry], diagnostics: &mut Diagnostics| meaning(tree, &file, request, diagnostics);
    let (spec, values) = meaning(&root, &mut diagnostics);
    if let Some(spec) = spec.filter(|_| diagnostics.is_empty()) {
        let of_trial = |tree: &[Entry], diagnostics: &mut Diagnostics| meaning(tree, diagnostics).0;
        let sweep =
            asked.and_then(|asked| sweep::expand(&asked, &root, &spec, of_trial, &mut diagnostics));
        if diagnostics.is_empty() {
            return Ok(Checked {
                spec,
                sweep,
                source,
                values,
            });
        }
    }
    diagnostics.sort();
    Err(diagnostics)
}

/// The spec that a tree means; what is wrong with it is reported.
fn meaning(
    root: &[Entry],
    file: &Place,
    request: &Request<'_>,
    diagnostics: &mut Diagnostics,
) -> (Option<Spec>, Values) {
    let before = diagnostics.len();
    let values = walk(schema(), request.base, root, diagnostics);
    rules::check(&values, super::spec::rules(), file, diagnostics);
    if request.checks_paths {
        paths::check(&values, diagnostics);
    }
    if diagnostics.len() > before {
        return (None, values);
    }
    let spec = Spec::read(&values);
    if spec.is_none() {
        // Unreachable while the tests hold; a refusal is better than a panic.
        diagnostics.push(Diagnostic::whole(&file.source, "the spec has no meaning"));
    }
    (spec, values)
}

/// After a syntax error the parser reads on as well as it can. On the line of the error itself, and
/// after a table header that could not be read, what it makes of the text is a guess, and errors
/// found in a guess would only confuse.
fn drop_guesses(diagnostics: &mut Diagnostics, syntax: &Diagnostics) {
    let lines: Vec<usize> = syntax.iter().map(|error| error.line).collect();
    let broken_header = syntax
        .iter()
        .filter(|error| {
            let start = error.span.as_ref().map_or(0, |span| span.start);
            let line = error
                .source
                .text
                .get(error.source.line_around(start))
                .unwrap_or("");
            line.trim_start().starts_with('[')
        })
        .map(|error| error.line)
        .min();
    diagnostics.retain(|found| {
        let after = broken_header.is_some_and(|line| found.line >= line);
        !found.source.is_file || (!lines.contains(&found.line) && !after)
    });
}

fn read(path: &Path) -> Result<String, SpecError> {
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound => SpecError::NotFound {
            path: path.to_owned(),
            near: near(path),
        },
        io::ErrorKind::IsADirectory => SpecError::Folder {
            path: path.to_owned(),
        },
        _ => SpecError::Read {
            path: path.to_owned(),
            source,
        },
    };
    // Before it is opened: opening a pipe waits for somebody to write.
    let about = fs::metadata(path).map_err(failed)?;
    if about.is_dir() {
        return Err(SpecError::Folder {
            path: path.to_owned(),
        });
    }
    if !about.is_file() {
        return Err(SpecError::NotAFile {
            path: path.to_owned(),
        });
    }
    let file = File::open(path).map_err(failed)?;
    let mut bytes = Vec::new();
    file.take(MOST_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(SpecError::TooLarge {
            path: path.to_owned(),
            limit: MOST_BYTES,
        });
    }
    String::from_utf8(bytes).map_err(|error| {
        let offset = error.utf8_error().valid_up_to();
        let bytes = error.as_bytes();
        let before = bytes.get(..offset).unwrap_or_default();
        SpecError::NotUtf8 {
            path: path.to_owned(),
            byte: bytes.get(offset).copied().unwrap_or_default(),
            line: before.iter().filter(|byte| **byte == b'\n').count() + 1,
            offset,
        }
    })
}

/// A spec in the same folder whose name is close to that of a file that is not there.
fn near(path: &Path) -> Option<String> {
    /// Folders with more entries are not searched to the end.
    const MOST_ENTRIES: usize = 1000;
    let wanted = path.file_name()?.to_str()?;
    let folder = path.parent()?;
    let listed = if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    };
    let mut names: Vec<String> = fs::read_dir(listed)
        .ok()?
        .take(MOST_ENTRIES)
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.ends_with(".toml"))
        .collect();
    names.sort();
    let name = nearest(wanted, names.iter().map(String::as_str))?;
    Some(folder.join(name).display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "name = \"a\"\n[data]\ndataset = \"sprites\"\n[training]\nbatch_size = 32\n";

    fn write(bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("spec.toml");
        fs::write(&path, bytes).unwrap();
        (folder, path)
    }

    #[test]
    fn keeps_text_and_overrides_of_a_spec() {
        let (_folder, path) = write(GOOD.as_bytes());
        let overrides = ["seed=3".to_owned()];
        let loaded = load(&path, &overrides).unwrap();
        assert_eq!(loaded.text, GOOD);
        assert_eq!(loaded.overrides, overrides);
        assert_eq!(loaded.path, path);
        assert_eq!(loaded.spec.seed, 3);
    }

    #[test]
    fn resolves_paths_from_the_folder_of_the_spec() {
        let (folder, path) = write(format!("{GOOD}[figures]\npublished = \"k.csv\"\n").as_bytes());
        fs::write(folder.path().join("k.csv"), "epoch,loss\n").unwrap();
        let loaded = load(&path, &[]).unwrap();
        assert_eq!(
            loaded.spec.figures.published,
            Some(folder.path().join("k.csv"))
        );
    }

    #[test]
    fn points_late_diagnostics_at_file_override_or_default() {
        let (_folder, path) = write(GOOD.as_bytes());
        let loaded = load(&path, &["training.epochs=3".to_owned()]).unwrap();
        let shown = |key: &str| {
            let expected = Some("at most 10".to_owned());
            loaded
                .diagnostic_at(key, "too large", expected, None)
                .render(false)
        };
        let name = path.display();
        assert_eq!(
            shown("training.batch_size"),
            format!(
                "error: too large\n --> {name}:5:14\n  |\n5 | batch_size = 32\n  |              ^^ \
                 expected at most 10"
            )
        );
        assert_eq!(
            shown("training.epochs"),
            "error: too large\n |\n | --set training.epochs=3\n |                       ^ expected at \
             most 10"
        );
        assert_eq!(
            shown("model.latent_dim"),
            format!(
                "error: too large (`model.latent_dim` is 2 by default)\n--> {name}\n |\n = note: \
                 expected at most 10"
            )
        );
    }

    #[test]
    fn distinguishes_files_that_are_no_specs() {
        let (folder, path) = write(b"name = \"a\"\nx = \"\xff\"\n");
        let error = load(&path, &[]).unwrap_err();
        assert!(
            matches!(
                error,
                SpecError::NotUtf8 {
                    byte: 0xff,
                    line: 2,
                    offset: 16,
                    ..
                }
            ),
            "{error}"
        );
        assert!(!error.is_io());

        let error = load(folder.path(), &[]).unwrap_err();
        assert!(matches!(error, SpecError::Folder { .. }), "{error}");

        let error = load(&folder.path().join("spce.toml"), &[]).unwrap_err();
        assert!(matches!(error, SpecError::NotFound { .. }) && !error.is_io());
        let near = folder.path().join("spec.toml");
        assert!(
            error
                .to_string()
                .ends_with(&format!("did you mean `{}`?", near.display()))
        );

        // Neither a folder nor a missing file: a path through a file.
        let error = load(&path.join("x"), &[]).unwrap_err();
        assert!(
            matches!(error, SpecError::Read { .. }) && error.is_io(),
            "{error}"
        );
    }

    #[test]
    fn rejects_files_above_the_size_limit() {
        let filler = |bytes: usize| format!("{GOOD}#{}", "x".repeat(bytes - GOOD.len() - 1));
        let limit = MOST_BYTES as usize;
        let (_folder, path) = write(filler(limit).as_bytes());
        assert!(load(&path, &[]).is_ok());
        let (_folder, path) = write(filler(limit + 1).as_bytes());
        assert!(matches!(load(&path, &[]), Err(SpecError::TooLarge { .. })));
        #[cfg(unix)]
        assert!(matches!(
            load(Path::new("/dev/zero"), &[]),
            Err(SpecError::NotAFile { .. })
        ));
    }

    #[test]
    fn accepts_windows_line_ends_and_a_byte_order_mark() {
        let text = format!("\u{feff}{}", GOOD.replace('\n', "\r\n"));
        let (_folder, path) = write(text.as_bytes());
        assert_eq!(load(&path, &[]).unwrap().spec.training.batch_size, 32);
    }
}
