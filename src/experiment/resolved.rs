//! A spec with every default filled in, as TOML: what `resolved.toml` holds.
//!
//! Reading it back gives exactly the spec it was made from. Settings that are unset stand as
//! comments that say what holds instead; those that mean nothing to the data set are left out, since
//! a spec that has them is refused.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::path::Path;

use super::data::{Data, Validation};
use super::optimizer::Rule;
use super::schedule::Decay;
use super::settings::{TABLES, of_table};
use super::spec::Spec;
use crate::config::setting::{DefaultValue, Form, Setting};
use crate::config::value::Value;
use crate::slurm::Request;

/// The spec as TOML, ready to be run again as it is.
///
/// Paths are absolute. The text ends with a line break.
pub fn resolved_toml(spec: &Spec) -> String {
    let mut out = String::from(
        "# What ran: every default and override filled in. Runnable again as it is.\n",
    );
    for table in TABLES {
        if matches!(table.form, Form::OneOf { .. }) || !is_in_force(table.name, spec) {
            continue;
        }
        let lines = match table.form {
            Form::Metrics => expectations(spec),
            Form::Settings | Form::OneOf { .. } | Form::Sweep => settings(table.name, spec),
        };
        if lines.is_empty() {
            continue;
        }
        out.push('\n');
        if !table.name.is_empty() {
            push_line(&mut out, &format!("[{}]", table.name));
        }
        for line in lines {
            push_line(&mut out, &line);
        }
    }
    out
}

/// Whether a table is not that of another optimizer or schedule.
fn is_in_force(table: &str, spec: &Spec) -> bool {
    match table.split_once('.') {
        Some(("optimizer", name)) => name == spec.optimizer.rule.name(),
        Some(("schedule", name)) => Some(name) == spec.schedule.decay.name(),
        Some(("launcher", _)) => spec.launcher.is_some(),
        _ => true,
    }
}

fn settings(table: &str, spec: &Spec) -> Vec<String> {
    let applies = |setting: &&Setting| {
        // A name for a curve that is not there is refused.
        let idle = setting.key == "figures.published_name" && spec.figures.published.is_none();
        setting.applies_to(spec.data.dataset) && !idle
    };
    of_table(table)
        .filter(applies)
        .map(
            |setting| match (value(setting.key, spec), &setting.default) {
                (Some(value), _) => format!("{} = {}", setting.name(), value.to_toml()),
                (None, DefaultValue::Unset(instead)) => {
                    format!("# {} is not set: {instead}", setting.name())
                }
                (None, _) => format!("# {} is not set", setting.name()),
            },
        )
        .collect()
}

fn expectations(spec: &Spec) -> Vec<String> {
    let line = |it: &super::Expectation| {
        let limits = Value::Limits {
            min: it.min,
            max: it.max,
        };
        format!("{} = {}", it.metric, limits.to_toml())
    };
    spec.expect.iter().map(line).collect()
}

fn push_line(out: &mut String, line: &str) {
    // Writing to a `String` cannot fail.
    let _ = writeln!(out, "{line}");
}

/// The value of a setting in a spec; `None` where it is unset.
fn value(key: &str, spec: &Spec) -> Option<Value> {
    let (table, name) = key.rsplit_once('.').unwrap_or(("", key));
    match (table, name) {
        ("", "name") => text(&spec.name),
        ("", "seed") => Some(Value::Count(spec.seed)),
        ("data", name) => data(name, &spec.data),
        ("model", name) => model(name, spec),
        ("loss", name) => loss(name, spec),
        ("training", name) => training(name, spec),
        ("figures", name) => figures(name, spec),
        (table, name) if table.starts_with("optimizer.") => optimizer(name, spec),
        (table, name) if table.starts_with("schedule.") => schedule(name, spec),
        ("launcher.slurm", name) => slurm(name, spec.launcher.as_ref()?),
        _ => None,
    }
}

fn slurm(name: &str, request: &Request) -> Option<Value> {
    let line = |line: &Option<String>| line.as_deref().and_then(text);
    match name {
        "partition" => line(&request.partition),
        "time" => line(&request.time),
        "cpus" => request.cpus.and_then(size),
        "memory" => line(&request.memory),
        "gpus" => line(&request.gpus),
        "account" => line(&request.account),
        "throttle" => request.throttle.and_then(size),
        "options" if request.options.is_empty() => None,
        "options" => text(&request.options.join(" ")),
        "setup" => line(&request.setup),
        _ => None,
    }
}

fn data(name: &str, data: &Data) -> Option<Value> {
    match name {
        "dataset" => text(data.dataset.name()),
        "path" => path(data.path.as_deref()),
        "splits" => {
            let names = data.splits.iter().map(|split| Cow::Borrowed(split.name()));
            Some(Value::Texts(names.collect()))
        }
        "validation" => match data.validation {
            Validation::None => text("none"),
            Validation::Fraction(fraction) => Some(Value::Number(fraction)),
            Validation::Test => text("test"),
        },
        "limit" => data.limit.and_then(size),
        "image_size" => size(data.image_size),
        "color" => text(data.color.name()),
        "count" => size(data.count),
        "images" => path(data.images.as_deref()),
        "labels" => path(data.labels.as_deref()),
        "test_images" => path(data.test_images.as_deref()),
        "test_labels" => path(data.test_labels.as_deref()),
        _ => None,
    }
}

fn model(name: &str, spec: &Spec) -> Option<Value> {
    match name {
        "latent_dim" => size(spec.model.latent_dim),
        "conv_filters" => sizes(&spec.model.conv_filters),
        "kernel_size" => size(spec.model.kernel_size),
        "stride" => size(spec.model.stride),
        "hidden" => sizes(&spec.model.hidden),
        "activation" => text(spec.model.activation.name()),
        _ => None,
    }
}

fn loss(name: &str, spec: &Spec) -> Option<Value> {
    match name {
        "reconstruction" => text(spec.loss.reconstruction.name()),
        "reconstruction_weight" => Some(Value::Number(spec.loss.reconstruction_weight)),
        "kl_weight" => Some(Value::Number(spec.loss.kl_weight)),
        "kl_reduction" => text(spec.loss.kl_reduction.name()),
        "kl_warmup_epochs" => Some(Value::Number(spec.loss.kl_warmup_epochs)),
        _ => None,
    }
}

fn optimizer(name: &str, spec: &Spec) -> Option<Value> {
    let number = match (name, spec.optimizer.rule) {
        ("learning_rate", _) => spec.optimizer.learning_rate,
        ("clip_norm", _) => spec.optimizer.clip_norm?,
        ("beta_1", Rule::Adam { beta_1, .. } | Rule::AdamW { beta_1, .. }) => beta_1,
        ("beta_2", Rule::Adam { beta_2, .. } | Rule::AdamW { beta_2, .. }) => beta_2,
        (
            "epsilon",
            Rule::Adam { epsilon, .. }
            | Rule::AdamW { epsilon, .. }
            | Rule::RmsProp { epsilon, .. },
        ) => epsilon,
        ("weight_decay", Rule::AdamW { weight_decay, .. }) => weight_decay,
        ("rho", Rule::RmsProp { rho, .. }) => rho,
        ("momentum", Rule::RmsProp { momentum, .. } | Rule::Sgd { momentum, .. }) => momentum,
        ("centered", Rule::RmsProp { centered, .. }) => return Some(Value::Switch(centered)),
        ("nesterov", Rule::Sgd { nesterov, .. }) => return Some(Value::Switch(nesterov)),
        _ => return None,
    };
    Some(Value::Number(number))
}

fn schedule(name: &str, spec: &Spec) -> Option<Value> {
    let number = match (name, spec.schedule.decay) {
        ("warmup_epochs", _) => spec.schedule.warmup_epochs,
        ("final_fraction", Decay::Cosine { final_fraction } | Decay::Linear { final_fraction }) => {
            final_fraction
        }
        ("every_epochs", Decay::Step { every_epochs, .. }) => return size(every_epochs),
        ("factor", Decay::Step { factor, .. }) => factor,
        _ => return None,
    };
    Some(Value::Number(number))
}

fn training(name: &str, spec: &Spec) -> Option<Value> {
    let training = &spec.training;
    match name {
        "epochs" => size(training.epochs),
        "batch_size" => size(training.batch_size),
        "device" => text(&training.device.to_string()),
        "threads" => training.threads.and_then(size),
        "checkpoint_every" => size(training.checkpoint_every),
        "early_stopping" => training.early_stopping.and_then(size),
        _ => None,
    }
}

fn figures(name: &str, spec: &Spec) -> Option<Value> {
    let figures = &spec.figures;
    match name {
        "loss" => Some(Value::Switch(figures.loss)),
        "manifold" => Some(Value::Switch(figures.manifold)),
        "clusters" => Some(Value::Switch(figures.clusters)),
        "reconstructions" => Some(Value::Switch(figures.reconstructions)),
        "samples" => Some(Value::Switch(figures.samples)),
        "n" => size(figures.n),
        "scale" => Some(Value::Number(figures.scale)),
        "published" => path(figures.published.as_deref()),
        "published_name" => text(&figures.published_name),
        _ => None,
    }
}

fn text(text: &str) -> Option<Value> {
    Some(Value::Text(Cow::Owned(text.to_owned())))
}

fn size(size: usize) -> Option<Value> {
    u64::try_from(size).ok().map(Value::Count)
}

fn sizes(sizes: &[usize]) -> Option<Value> {
    let counts: Result<Vec<u64>, _> = sizes.iter().map(|size| u64::try_from(*size)).collect();
    counts.ok().map(|counts| Value::Counts(Cow::Owned(counts)))
}

fn path(path: Option<&Path>) -> Option<Value> {
    // Reading a spec refuses paths that are not UTF-8, so nothing is lost here.
    path.and_then(|path| text(&path.to_string_lossy()))
}
