//! `manifest.json`: what exactly ran, where, and how it ended.
//!
//! Written whole whenever something in it changes. A reader takes `format_version` first: a later
//! number is refused by name; keys that are unknown to it are left alone, so that a version may add
//! some without a new number.

use std::path::Path;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::fs::files;
use crate::sys::clock;

use super::error::RunError;
use super::tensor_file_error::short;

/// Name of the file.
pub const MANIFEST: &str = "manifest.json";
/// The version of the format that this program writes.
pub const FORMAT_VERSION: u32 = 1;
/// Largest manifest, in bytes. One has about 2 kB, and 300 bytes more with every resume.
const LARGEST: u64 = 8 << 20;

/// What a run is. Everything in a report that does not come from the metrics comes from here.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of this format.
    pub format_version: u32,
    /// Name of the run, as in its folder's name.
    pub name: String,
    /// How the run stands, as its process wrote it. A run that says `running` may be dead: see
    /// [`RunView::status`](super::view::RunView::status).
    pub status: Status,
    /// Why it ended so, where there is something to say.
    pub why: Option<String>,
    /// When the folder was made.
    #[serde(with = "clock::rfc3339")]
    pub created: DateTime<Utc>,
    /// When this file was written.
    #[serde(with = "clock::rfc3339")]
    pub updated: DateTime<Utc>,
    /// When the run ended for good; nothing while it can go on.
    #[serde(with = "clock::rfc3339::option")]
    pub finished: Option<DateTime<Utc>>,
    /// Version of the program that made the folder.
    pub program_version: String,
    /// Commit of the source tree that it was built from, where known.
    pub git_commit: Option<String>,
    /// The command line, a word an entry.
    pub command_line: Vec<String>,
    /// The settings given on it, `KEY=VALUE`.
    pub overrides: Vec<String>,
    /// The machine that started the run.
    pub machine: Machine,
    /// How it computes.
    pub compute: Compute,
    /// What it was trained on.
    pub data: DataSource,
    /// SHA-256 over those settings that decide the numbers; empty where it is not known.
    #[serde(default)]
    pub spec_digest: String,
    /// Parameters of the network.
    pub parameters: Parameters,
    /// The start and every resume, in order.
    pub sessions: Vec<Session>,
}

/// How a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// A process works on it.
    Running,
    /// All epochs are done, or early stopping ended it.
    Completed,
    /// It was stopped, and can go on.
    Interrupted,
    /// A loss or a gradient was not finite.
    Diverged,
    /// It ended with an error.
    Failed,
}

impl Status {
    /// Its name, as in the manifest.
    pub fn word(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Interrupted => "interrupted",
            Self::Diverged => "diverged",
            Self::Failed => "failed",
        }
    }
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.word())
    }
}

/// A machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// Its name.
    pub host: String,
    /// Its processor.
    pub cpu: String,
    /// Its operating system.
    pub os: String,
}

/// How a run computes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Compute {
    /// `cpu`, `cuda:0`.
    pub device: String,
    /// Threads of the computation.
    pub threads: usize,
    /// Which kernels ran: `avx512`, `avx2`, `neon`, `portable`. Part of what decides the bits.
    pub kernel_path: String,
}

/// What a run was trained on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataSource {
    /// The data set's name.
    pub name: String,
    /// Where it was found: a folder, or `built in`.
    pub place: String,
    /// The files.
    pub sources: Vec<SourceFile>,
    /// SHA-256 over the whole set; empty where it is not known.
    #[serde(default)]
    pub checksum: String,
}

/// A file of a data set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceFile {
    /// Its name.
    pub name: String,
    /// SHA-256 of its content, uncompressed.
    pub sha256: String,
}

/// Numbers of trainable values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parameters {
    /// In the encoder.
    pub encoder: u64,
    /// In the decoder.
    pub decoder: u64,
    /// In both.
    pub total: u64,
}

/// A time in which one process worked on a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Session {
    /// When it started.
    #[serde(with = "clock::rfc3339")]
    pub started: DateTime<Utc>,
    /// Epochs that were finished before.
    pub from_epoch: u32,
    /// Epochs that the run is to have in the end.
    pub epochs: u32,
    /// Version of the program.
    pub program_version: String,
    /// Name of the machine.
    pub host: String,
    /// How it computed.
    pub compute: Compute,
}

impl Manifest {
    /// Reads the manifest of a run folder.
    ///
    /// # Errors
    /// [`RunError::NotARun`] where there is none, [`RunError::Newer`], [`RunError::Manifest`] with line
    /// and column, [`RunError::File`].
    pub fn read(run: &Path) -> Result<Self, RunError> {
        #[derive(Deserialize)]
        struct Version {
            format_version: u32,
        }
        let path = run.join(MANIFEST);
        let text = files::read_text(&path, LARGEST).map_err(|error| {
            if error.is_not_found() {
                RunError::NotARun {
                    path: run.to_owned(),
                }
            } else {
                error.into()
            }
        })?;
        let wrong = |error: serde_json::Error| RunError::Manifest {
            path: path.clone(),
            message: short(&error.to_string()),
        };
        let Version { format_version } = serde_json::from_str(&text).map_err(wrong)?;
        if format_version > FORMAT_VERSION {
            let found = format!("the format version {format_version}");
            return Err(RunError::Newer { path, found });
        }
        serde_json::from_str(&text).map_err(wrong)
    }

    /// Writes the manifest into a run folder, in place of the one that is there.
    pub(super) fn write(&mut self, run: &Path) -> Result<(), RunError> {
        self.updated = clock::now_utc();
        let path = run.join(MANIFEST);
        let mut text = serde_json::to_string_pretty(self).map_err(|error| RunError::Manifest {
            path: path.clone(),
            message: error.to_string(),
        })?;
        text.push('\n');
        Ok(files::write_atomic(&path, text.as_bytes())?)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A manifest with something in every field.
    pub(in crate::run) fn example() -> Manifest {
        let created = DateTime::from_timestamp(1_795_465_695, 42_000_000).unwrap();
        let compute = Compute {
            device: "cpu".to_owned(),
            threads: 2,
            kernel_path: "avx512".to_owned(),
        };
        Manifest {
            format_version: 1,
            name: "fmnist_vae".to_owned(),
            status: Status::Diverged,
            why: Some("kl is not finite at step 7".to_owned()),
            created,
            updated: created,
            finished: Some(created),
            program_version: "0.1.0".to_owned(),
            git_commit: None,
            command_line: vec!["runner".to_owned(), "a b.toml".to_owned()],
            overrides: vec!["model.latent_dim=8".to_owned()],
            machine: Machine {
                host: "vm".to_owned(),
                cpu: "Xeon".to_owned(),
                os: "linux".to_owned(),
            },
            compute: compute.clone(),
            data: DataSource {
                name: "fashion-mnist".to_owned(),
                place: "/data".to_owned(),
                sources: vec![SourceFile {
                    name: "train".to_owned(),
                    sha256: "c59f".to_owned(),
                }],
                checksum: "0dd5".to_owned(),
            },
            spec_digest: "5bec".to_owned(),
            parameters: Parameters {
                encoder: 69_076,
                decoder: 65_089,
                total: 134_165,
            },
            sessions: vec![Session {
                started: created,
                from_epoch: 0,
                epochs: 100,
                program_version: "0.1.0".to_owned(),
                host: "vm".to_owned(),
                compute,
            }],
        }
    }

    fn read(text: &str) -> Result<Manifest, RunError> {
        let run = tempfile::tempdir().unwrap();
        std::fs::write(run.path().join(MANIFEST), text).unwrap();
        Manifest::read(run.path())
    }

    #[test]
    fn reads_back_all_but_the_time_of_writing() {
        let run = tempfile::tempdir().unwrap();
        let mut written = example();
        written.write(run.path()).unwrap();
        let mut read = Manifest::read(run.path()).unwrap();
        assert!(read.updated > read.created);
        read.updated = written.updated;
        assert_eq!(read, written);
    }

    #[test]
    fn writes_plain_json() {
        let text = serde_json::to_string(&example()).unwrap();
        for part in [
            r#""status":"diverged","why":"kl is not finite at step 7""#,
            r#""created":"2026-11-23T20:28:15.042Z""#,
            r#""parameters":{"encoder":69076,"decoder":65089,"total":134165}"#,
        ] {
            assert!(text.contains(part), "{text}");
        }
    }

    #[test]
    fn rejects_a_later_version_and_ignores_later_keys() {
        let text = serde_json::to_string(&example()).unwrap();
        read(&text.replacen('{', r#"{"energy_kwh": 3.5,"#, 1)).unwrap();
        let later = r#"{"format_version": 2, "status": {"kind": "anything"}}"#;
        let error = read(later).unwrap_err();
        assert!(matches!(error, RunError::Newer { .. }));
        assert!(
            error
                .to_string()
                .contains("has the format version 2, which this version"),
            "{error}"
        );
    }

    #[test]
    fn rejects_what_is_no_manifest_with_its_place() {
        let whole = serde_json::to_string_pretty(&example()).unwrap();
        let half = &whole[..whole.len() / 2];
        let nested = "[".repeat(100_000);
        let status = whole.replace("diverged", "dreaming");
        for text in [
            "",
            "{}",
            "null",
            half,
            &nested,
            &status,
            "{\"format_version\": -1}",
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(
                error.contains("is not a valid manifest: ") && error.contains(" line "),
                "{error}"
            );
        }
        let run = tempfile::tempdir().unwrap();
        assert!(matches!(
            Manifest::read(run.path()),
            Err(RunError::NotARun { .. })
        ));
        let file = std::fs::File::create(run.path().join(MANIFEST)).unwrap();
        file.set_len(1 << 40).unwrap();
        let error = Manifest::read(run.path()).unwrap_err();
        assert!(error.to_string().contains("is larger than"), "{error}");
    }
}
