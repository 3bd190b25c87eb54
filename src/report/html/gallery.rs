//! The same figure of several runs side by side.

use std::fmt::Write as _;
use std::path::Path;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::escape::escape;
use crate::fs::files;
use crate::report::run::Run;
use crate::report::selection::Selection;

/// The figures that are shown, by their files' names.
const FIGURES: [(&str, &str); 4] = [
    ("manifold.png", "Latent manifolds"),
    ("traversal.png", "Latent axes"),
    ("reconstructions.png", "Reconstructions"),
    ("samples.png", "Samples from the prior"),
];
/// Most runs that are shown: one for each combination of settings, and of those the best ones.
const MOST_RUNS: usize = 10;
/// Largest figure that a page takes in, in bytes.
const LARGEST: u64 = 2 << 20;

/// Figures of some rows of the selection; `caption` says what a run is.
pub(super) fn gallery(
    selection: &Selection,
    runs: &[Run],
    rows: &[usize],
    caption: impl Fn(usize) -> String,
) -> String {
    let shown = &rows[..rows.len().min(MOST_RUNS)];
    let mut html = String::new();
    for (file, heading) in FIGURES {
        let mut row_of_figures = String::new();
        for &row in shown {
            let run = &runs[selection.rows[row]];
            let Some(path) = run
                .figures
                .iter()
                .find(|path| path.file_name().is_some_and(|name| name == file))
            else {
                continue;
            };
            let caption = escape(&caption(row));
            let _ = match picture(path) {
                Ok(data) => writeln!(
                    row_of_figures,
                    "<figure data-run=\"{row}\"><img loading=\"lazy\" alt=\"{heading} of {caption}\" src=\"data:image/png;base64,{data}\"><figcaption>{caption}</figcaption></figure>"
                ),
                Err(why) => writeln!(
                    row_of_figures,
                    "<figure><p class=\"soft\">{}</p><figcaption>{caption}</figcaption></figure>",
                    escape(&why)
                ),
            };
        }
        if !row_of_figures.is_empty() {
            let _ = writeln!(
                html,
                "<h3>{heading}</h3>\n<div class=\"gallery\">{row_of_figures}</div>"
            );
        }
    }
    if rows.len() > shown.len() && !html.is_empty() {
        html = format!(
            "<p class=\"soft\">The best {} of {}.</p>\n{html}",
            shown.len(),
            rows.len()
        ) + "";
    }
    html
}

/// The bytes of a PNG; words where it is none.
fn picture(path: &Path) -> Result<String, String> {
    let bytes = files::read(path, LARGEST).map_err(|error| error.to_string())?;
    match bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        true => Ok(BASE64_STANDARD.encode(&bytes)),
        false => Err(format!("{} is no PNG", path.display())),
    }
}
