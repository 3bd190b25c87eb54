//! From checked values to the plain types that the rest of the program uses.

use std::borrow::Cow;

use super::data::{Color, Data, Dataset, Split, Validation};
use super::expectation::Expectation;
use super::figures::Figures;
use super::loss::{KlReduction, Loss, Reconstruction};
use super::model::{Activation, Model};
use super::optimizer::{Optimizer, Rule};
use super::paths::Paths;
use super::schedule::{Decay, Schedule};
use super::spec::Spec;
use super::training::{DeviceChoice, Training};
use crate::config::value::Value;
use crate::config::values::Values;
use crate::objective::AnyObjective;
use crate::objective::scalar_names;
use crate::slurm::Request;

/// The spec that the values mean.
///
/// `None` where a value is missing that has no default, or of another type than its setting: the
/// walk has reported that. (Keys are plain text here; one that is not in the table of settings would
/// make every spec fail, and with it every test.)
pub(crate) fn meant(values: &Values, paths: &Paths) -> Option<Spec> {
    Some(Spec {
        name: values.text("name")?.into_owned(),
        seed: values.count("seed")?,
        data: data(values, paths)?,
        model: model(values)?,
        loss: loss(values)?,
        objective: AnyObjective::default(),
        optimizer: optimizer(values)?,
        schedule: schedule(values)?,
        training: training(values)?,
        figures: figures(values, paths)?,
        expect: scalar_names()
            .iter()
            .filter_map(|metric| expectation(values, metric))
            .collect(),
        launcher: values.member("launcher").map(|_| slurm(values)),
    })
}

fn data(values: &Values, paths: &Paths) -> Option<Data> {
    Some(Data {
        dataset: values.choice("data.dataset", Dataset::from_name)?,
        path: paths.get(values, "data.path"),
        splits: values.choices("data.splits", Split::from_name)?,
        validation: match values.get("data.validation")? {
            Value::Number(fraction) => Validation::Fraction(fraction),
            Value::Text(text) if text == "test" => Validation::Test,
            _ => Validation::None,
        },
        limit: values.size("data.limit"),
        image_size: values.size("data.image_size")?,
        color: values.choice("data.color", Color::from_name)?,
        count: values.size("data.count")?,
        images: paths.get(values, "data.images"),
        labels: paths.get(values, "data.labels"),
        test_images: paths.get(values, "data.test_images"),
        test_labels: paths.get(values, "data.test_labels"),
    })
}

fn model(values: &Values) -> Option<Model> {
    Some(Model {
        latent_dim: values.size("model.latent_dim")?,
        conv_filters: values.sizes("model.conv_filters")?,
        kernel_size: values.size("model.kernel_size")?,
        stride: values.size("model.stride")?,
        hidden: values.sizes("model.hidden")?,
        activation: values.choice("model.activation", Activation::from_name)?,
    })
}

fn loss(values: &Values) -> Option<Loss> {
    Some(Loss {
        reconstruction: values.choice("loss.reconstruction", Reconstruction::from_name)?,
        reconstruction_weight: values.number("loss.reconstruction_weight")?,
        kl_weight: values.number("loss.kl_weight")?,
        kl_reduction: values.choice("loss.kl_reduction", KlReduction::from_name)?,
        kl_warmup_epochs: values.number("loss.kl_warmup_epochs")?,
    })
}

fn optimizer(values: &Values) -> Option<Optimizer> {
    let member = values.member("optimizer")?;
    let key = |name: &str| format!("optimizer.{member}.{name}");
    let number = |name: &str| values.number(&key(name));
    let switch = |name: &str| values.switch(&key(name));
    let rule = match member {
        "adam" => Rule::Adam {
            beta_1: number("beta_1")?,
            beta_2: number("beta_2")?,
            epsilon: number("epsilon")?,
        },
        "adamw" => Rule::AdamW {
            beta_1: number("beta_1")?,
            beta_2: number("beta_2")?,
            epsilon: number("epsilon")?,
            weight_decay: number("weight_decay")?,
        },
        "rmsprop" => Rule::RmsProp {
            rho: number("rho")?,
            momentum: number("momentum")?,
            epsilon: number("epsilon")?,
            centered: switch("centered")?,
        },
        "sgd" => Rule::Sgd {
            momentum: number("momentum")?,
            nesterov: switch("nesterov")?,
        },
        _ => return None,
    };
    Some(Optimizer {
        rule,
        learning_rate: number("learning_rate")?,
        clip_norm: number("clip_norm"),
    })
}

fn schedule(values: &Values) -> Option<Schedule> {
    let Some(member) = values.member("schedule") else {
        return Some(Schedule {
            decay: Decay::Constant,
            warmup_epochs: 0.0,
        });
    };
    let key = |name: &str| format!("schedule.{member}.{name}");
    let decay = match member {
        "cosine" => Decay::Cosine {
            final_fraction: values.number(&key("final_fraction"))?,
        },
        "step" => Decay::Step {
            every_epochs: values.size(&key("every_epochs"))?,
            factor: values.number(&key("factor"))?,
        },
        "linear" => Decay::Linear {
            final_fraction: values.number(&key("final_fraction"))?,
        },
        _ => return None,
    };
    Some(Schedule {
        decay,
        warmup_epochs: values.number(&key("warmup_epochs"))?,
    })
}

fn training(values: &Values) -> Option<Training> {
    Some(Training {
        epochs: values.size("training.epochs")?,
        batch_size: values.size("training.batch_size")?,
        device: values.choice("training.device", DeviceChoice::from_name)?,
        threads: values.size("training.threads"),
        checkpoint_every: values.size("training.checkpoint_every")?,
        early_stopping: values.size("training.early_stopping"),
    })
}

fn figures(values: &Values, paths: &Paths) -> Option<Figures> {
    Some(Figures {
        loss: values.switch("figures.loss")?,
        manifold: values.switch("figures.manifold")?,
        clusters: values.switch("figures.clusters")?,
        reconstructions: values.switch("figures.reconstructions")?,
        samples: values.switch("figures.samples")?,
        n: values.size("figures.n")?,
        scale: values.number("figures.scale")?,
        published: paths.get(values, "figures.published"),
        published_name: values.text("figures.published_name")?.into_owned(),
    })
}

fn slurm(values: &Values) -> Request {
    let key = |name: &str| format!("launcher.slurm.{name}");
    let text = |name: &str| values.text(&key(name)).map(Cow::into_owned);
    let words = |text: String| text.split_whitespace().map(str::to_owned).collect();
    Request {
        partition: text("partition"),
        time: text("time"),
        cpus: values.size(&key("cpus")),
        memory: text("memory"),
        gpus: text("gpus"),
        account: text("account"),
        throttle: values.size(&key("throttle")),
        options: text("options").map(words).unwrap_or_default(),
        setup: text("setup"),
    }
}

fn expectation(values: &Values, metric: &str) -> Option<Expectation> {
    match values.get(&format!("expect.{metric}"))? {
        Value::Limits { min, max } => Some(Expectation {
            metric: metric.to_owned(),
            min,
            max,
        }),
        _ => None,
    }
}
