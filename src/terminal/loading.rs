//! Shows what takes long while data is loaded.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::data::LoadProgress;

/// A bar on stderr that appears only when there is something to wait for.
#[derive(Debug)]
pub struct Loading {
    bar: ProgressBar,
    quiet: bool,
}

impl Loading {
    /// Nothing is shown yet.
    pub fn new(quiet: bool) -> Self {
        let bar = ProgressBar::hidden();
        if let Ok(style) = ProgressStyle::with_template("{msg}  [{bar:30}]  {percent}%") {
            bar.set_style(style.progress_chars("=> "));
        }
        Self { bar, quiet }
    }

    /// Shows one event.
    pub fn show(&mut self, progress: LoadProgress<'_>) {
        if self.quiet {
            return;
        }
        match progress {
            LoadProgress::Download {
                file, done, total, ..
            } => self.bar(format!("downloading {file}"), done, total),
            LoadProgress::Pictures { done, total } => {
                self.bar(
                    "reading pictures".to_owned(),
                    done as u64,
                    Some(total as u64),
                );
            }
            LoadProgress::Waiting => {
                tell!("waiting for another process that downloads the same files")
            }
            LoadProgress::MirrorFailed { url, reason } => {
                self.bar
                    .suspend(|| tell!("{url}: {reason}; trying the next place"));
            }
        }
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }

    fn bar(&self, message: String, done: u64, total: Option<u64>) {
        if self.bar.is_hidden() {
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
        }
        self.bar.set_message(message);
        self.bar.set_length(total.unwrap_or(done.max(1)));
        self.bar.set_position(done);
    }
}
