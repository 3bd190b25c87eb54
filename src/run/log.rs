//! `log.txt`: what happened to a run, a line an event, for people.
//!
//! A line is the time in UTC, two spaces, and the event. Nothing reads the log back.

use std::path::PathBuf;

use crate::fs::files;
use crate::sys::clock;

use super::error::RunError;

/// The log of a run.
#[derive(Clone, Debug)]
pub struct Log {
    path: PathBuf,
}

impl Log {
    /// The log at a path; the first event makes the file.
    pub fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// Appends an event. Line ends and other control characters in it become spaces.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn event(&self, event: &str) -> Result<(), RunError> {
        let event = event.replace(char::is_control, " ");
        let line = format!("{}  {}", clock::text(clock::now_utc()), event.trim_end());
        Ok(files::append_line(&self.path, &line)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_an_event_as_one_line_after_its_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.txt");
        let log = Log::new(path.clone());
        log.event("started").unwrap();
        log.event("loss is not finite\n\x1b[31mat step 7\n")
            .unwrap();
        let text = std::fs::read_to_string(path).unwrap();
        let events: Vec<_> = text
            .lines()
            .map(|line| {
                let (time, event) = line.split_once("  ").unwrap();
                chrono::DateTime::parse_from_rfc3339(time).unwrap();
                assert!(time.ends_with('Z'), "{time}");
                event
            })
            .collect();
        assert_eq!(events, ["started", "loss is not finite  [31mat step 7"]);
    }
}
