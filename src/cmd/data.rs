//! `runner data NAME`: finds, downloads or checks a data set and says where it lies.

use std::fmt::Write as _;

use crate::data;
use crate::sys::exit;
use crate::terminal::Outcome;
use crate::terminal::loading::Loading;
use crate::terminal::print::{bytes, out};

/// Find, download or check a data set and say where it lies
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    #[arg(help = data::located_names().join(", "))]
    name: String,
}

/// Prints the folder, and each file with its size and digest.
pub fn main(args: &Args) -> Outcome {
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
