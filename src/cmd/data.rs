//! `runner data NAME`: finds, downloads or checks a data set and says where it lies. `runner data FILE`: says what a file
//! holds.

use std::fmt::Write as _;
use std::path::Path;

use crate::data::{self, Description};
use crate::sys::exit;
use crate::sys::printable::printable;
use crate::terminal::Outcome;
use crate::terminal::loading::Loading;
use crate::terminal::print::{bytes, out};

/// Find, download or check a data set and say where it lies; or say what a file of images or labels holds
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    #[arg(value_name = "NAME|FILE", help = help())]
    name: String,
}

fn help() -> String {
    let names = data::located_names().join(", ");
    format!("{names}; or a file, such as x.npy, x.npz, train.csv or an IDX file")
}

/// Prints what a file holds, and the lines of a spec that train on it.
fn describe(path: &Path) -> Outcome {
    let Description { kind, arrays, spec } = data::describe(path)?;
    let mut text = format!("{}: {kind}\n", path.display());
    for array in arrays {
        let name = match array.name.as_str() {
            "" => String::new(),
            name => format!("{}: ", printable(name)),
        };
        let _ = write!(text, "  {name}{}", array.shape);
        if let Some((min, max)) = array.range {
            let _ = write!(text, ", values from {min} to {max}");
        }
        if let Some(classes) = array.classes {
            let _ = write!(text, ", {classes} different ones");
        }
        if let Some(sha256) = array.sha256 {
            let _ = write!(text, "\n    sha256 {sha256}");
        }
        text.push('\n');
    }
    let _ = writeln!(text, "in a spec:\n  [data]");
    for line in spec {
        let _ = writeln!(text, "  {line}");
    }
    out(&text)?;
    Ok(exit::DONE)
}

/// Prints the folder, and each file with its size and digest.
pub fn main(args: &Args) -> Outcome {
    let path = Path::new(&args.name);
    if !data::located_names().contains(&args.name.as_str()) && path.is_file() {
        return describe(path);
    }
    let mut loading = Loading::new(false);
    let located = data::locate(&args.name, &mut |progress| loading.show(progress))?;
    loading.finish();
    let mut text = String::new();
    match &located.folder {
        None => {
            let _ = writeln!(
                text,
                "{}: drawn by the program, nothing to download",
                located.name
            );
        }
        Some(folder) => {
            let how = if located.downloaded {
                "downloaded to"
            } else {
                "found in"
            };
            let _ = writeln!(text, "{}: {how} {}", located.name, folder.display());
        }
    }
    for file in &located.files {
        let source = &file.source;
        let name = source
            .path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy();
        let checked = if file.verified {
            "verified"
        } else {
            "structure checked"
        };
        let _ = writeln!(
            text,
            "  {name:<28} {:>7}  sha256 {}  {checked}",
            bytes(source.bytes),
            source.sha256
        );
    }
    out(&text)?;
    Ok(exit::DONE)
}
