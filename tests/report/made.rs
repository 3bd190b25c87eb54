//! Run folders with histories that were made up, through the writer that training uses.

#![allow(dead_code)]

use std::path::{Path, PathBuf};

use runner::experiment;
use runner::metric::Row;
use runner::numeric::named_tensor::NamedTensor;
use runner::progress::{Best, Progress};
use runner::run::{
    Checkpoint, Compute, DataSource, NewRun, Origin, Parameters, RunFolder, SourceFile, Status,
};

/// A run to make.
pub struct Made {
    /// Settings beside those of a tiny spec, `KEY=VALUE`.
    pub settings: Vec<String>,
    pub history: Vec<Row>,
    pub status: Status,
    /// SHA-256 of its data, or what stands for it.
    pub data: String,
}

impl Made {
    /// A completed run.
    pub fn new(settings: &[&str], history: Vec<Row>) -> Self {
        Self {
            settings: settings.iter().map(|&it| it.to_owned()).collect(),
            history,
            status: Status::Completed,
            data: "d0".to_owned(),
        }
    }

    pub fn with(self, status: Status) -> Self {
        Self { status, ..self }
    }

    /// Makes its folder in `runs_dir`.
    pub fn make(&self, runs_dir: &Path) -> PathBuf {
        let text = "name = \"made\"\n[data]\ndataset = \"fashion-mnist\"\n";
        let spec = experiment::parse(text, "made.toml", Path::new("/"), &self.settings).unwrap();
        let resolved = experiment::resolved_toml(&spec);
        let compute = Compute {
            device: "cpu".to_owned(),
            threads: 2,
            kernel_path: "avx2".to_owned(),
        };
        let file = SourceFile {
            name: "train".to_owned(),
            sha256: self.data.clone(),
        };
        let run = NewRun {
            name: &spec.name,
            spec_text: text,
            overrides: self.settings.clone(),
            resolved_text: &resolved,
            command_line: vec!["runner".to_owned()],
            git_commit: Some("5bec".to_owned()),
            compute,
            data: DataSource {
                name: "fashion-mnist".to_owned(),
                place: "/data".to_owned(),
                sources: vec![file],
                checksum: self.data.clone(),
            },
            spec_digest: "0dd5".to_owned(),
            parameters: Parameters {
                encoder: 60,
                decoder: 40,
                total: 100,
            },
            epochs: spec.training.epochs as u32,
            device_note: "device cpu: asked for",
        };
        let mut folder = RunFolder::create(runs_dir, &run).unwrap();
        if !self.history.is_empty() {
            folder.commit(&self.checkpoint(&resolved), false).unwrap();
            folder.write_metrics(&self.history).unwrap();
        }
        if self.status != Status::Running {
            folder.finish(self.status, None).unwrap();
        }
        folder.path().to_owned()
    }

    fn checkpoint(&self, resolved: &str) -> Checkpoint {
        let value = |row: &Row| row.scalar("val_loss").or(row.scalar("loss")).unwrap();
        let best = self
            .history
            .iter()
            .min_by(|a, b| value(a).total_cmp(&value(b)));
        Checkpoint {
            weights: vec![NamedTensor {
                name: "encoder.w".to_owned(),
                shape: vec![100],
                data: vec![0.5; 100],
            }],
            optimizer: vec![],
            progress: Progress {
                epoch: self.history.len() as u32,
                best: best.map(|row| Best {
                    epoch: row.epoch(),
                    metric: "loss".to_owned(),
                    value: value(row),
                }),
                ..Progress::default()
            },
            history: self.history.clone(),
            origin: Origin::default(),
            model: serde_json::json!({ "spec": resolved }),
        }
    }
}

/// An epoch with this loss, of which `kl_nats` is the KL.
pub fn epoch(epoch: u32, loss: f64, kl_nats: f64) -> Row {
    let mut row = Row::from_iter([
        ("loss", loss),
        ("reconstruction", loss - kl_nats),
        ("kl", kl_nats),
        ("kl_nats", kl_nats),
        ("elbo", -loss),
        ("grad_norm", 1.5),
        ("learning_rate", 0.001),
        ("kl_weight", 1.0),
        ("images_per_second", 3000.0),
        ("seconds", 2.5),
    ]);
    row.set("epoch", epoch);
    row.set("kl_per_axis", vec![kl_nats / 2.0, kl_nats / 2.0]);
    row.set("active_axes", 2);
    row
}

/// A history whose losses are these.
pub fn history(losses: &[f64]) -> Vec<Row> {
    (1..)
        .zip(losses)
        .map(|(at, &loss)| epoch(at, loss, 4.0 + f64::from(at)))
        .collect()
}
