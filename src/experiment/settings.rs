//! The table of settings: the one place that knows a setting's name, type, range, unit, default and
//! meaning.
//!
//! Checking, did-you-mean, `resolved.toml`, the JSON Schema, the README's table and the help text
//! are all made from it. To add a setting, add a line here, a field to the plain type, a line to
//! `meant.rs` (from values to the plain type) and one to `resolved.rs` (back); a test that turns
//! random specs into TOML and back finds what was forgotten.
//!
//! The upper ends of the ranges are not advice. They are far above what is sensible, and keep a
//! slip or a hostile file from asking for absurd amounts of memory.

use std::borrow::Cow;

use super::data::{Color, Dataset, Split};
use super::loss::{KlReduction, Reconstruction};
use super::model::Activation;
use super::shared_settings::{
    beta_1, beta_2, clip_norm, epsilon, figure, final_fraction, idx_file, learning_rate, momentum,
    warmup_epochs,
};
use crate::config::kind::{Interval, Kind, PathKind};
use crate::config::setting::DefaultValue::{Is, Required, Unset};
use crate::config::setting::{Form, Setting, Table};
use crate::config::value::Value;
pub(crate) use crate::objective::scalar_names;

/// The tables, in the order of the documentation.
pub static TABLES: &[Table] = &[
    table("", "Above the first table"),
    table("data", "Where the images come from"),
    table("model", "The shape of the network"),
    table(
        "loss",
        "What is minimised: `reconstruction_weight` x reconstruction + `kl_weight` x KL",
    ),
    Table {
        name: "optimizer",
        doc: "The update rule: exactly one of the four tables, with Keras' rules and defaults",
        form: Form::OneOf {
            members: &["adam", "adamw", "rmsprop", "sgd"],
            default: Some("adam"),
        },
    },
    table(
        "optimizer.adam",
        "Adam (taken where a spec names no optimizer)",
    ),
    table("optimizer.adamw", "Adam with decoupled weight decay"),
    table("optimizer.rmsprop", "RMSprop"),
    table("optimizer.sgd", "Stochastic gradient descent"),
    Table {
        name: "schedule",
        doc: "The learning rate over time: at most one of the three tables, none for a constant rate",
        form: Form::OneOf {
            members: &["cosine", "step", "linear"],
            default: None,
        },
    },
    table(
        "schedule.cosine",
        "Half a cosine wave down to a fraction of the learning rate",
    ),
    table(
        "schedule.step",
        "Multiplied by a factor every so many epochs",
    ),
    table(
        "schedule.linear",
        "A straight line down to a fraction of the learning rate",
    ),
    table("training", "How long and where"),
    table(
        "figures",
        "Which pictures the run folder gets, and their numbers",
    ),
    Table {
        name: "expect",
        doc: "Limits on the last epoch's metrics; a run that misses one ends with exit code 4",
        form: Form::Metrics,
    },
    Table {
        name: "launcher",
        doc: "Where the trials of a sweep are run: at most one table, none for this machine. It changes no trial",
        form: Form::OneOf {
            members: &["slurm"],
            default: None,
        },
    },
    table(
        "launcher.slurm",
        "A Slurm cluster: what each task of the job array asks for; what is absent is left to the cluster",
    ),
    Table {
        name: "sweep",
        doc: "Many runs from one file: `runner SPEC.toml` then runs a trial for each of them",
        form: Form::Sweep,
    },
];

/// The settings, table by table. `[expect]` has one more for each metric: see [`EXPECT`].
pub static SETTINGS: &[Setting] = &[
    Setting::new(
        "name",
        Kind::Name,
        Required,
        "Name of the experiment; its run folders carry it. It neither starts with `.` or `-` nor \
         ends with `.`",
    ),
    Setting::new(
        "seed",
        Kind::Count { min: 0, max: i64::MAX as u64 },
        Is(Value::Count(0)),
        "Seed of everything random: the same spec and seed give the same bits",
    )
    .also(&["random_seed", "random_state"]),
    // [data]
    Setting::new(
        "data.dataset",
        Kind::Choice(Dataset::CHOICES),
        Required,
        "The data set",
    )
    .also(&["name", "kind", "type"]),
    Setting::new(
        "data.path",
        Kind::Path(PathKind::Folder),
        Unset("the usual places"),
        "Known sets: a folder to look in first. `images`: the folder of the classes, or \
         of `train` and `test` with classes in them. `idx`: the folder that the four files are relative to. Relative to the spec's folder",
    )
    .only_sets(&[Dataset::FashionMnist, Dataset::Mnist, Dataset::Kmnist, Dataset::Idx, Dataset::Images])
    .also(&["folder", "directory", "root"]),
    Setting::new(
        "data.splits",
        Kind::Choices(Split::CHOICES),
        Is(texts(&[Cow::Borrowed("train")])),
        "The published parts to train on",
    ),
    Setting::new(
        "data.validation",
        Kind::Validation,
        Is(text("none")),
        "What is kept out of training to measure the model on: a fraction of the images, or the \
         published test part",
    )
    .also(&["validation_split", "validation_fraction", "val_split"]),
    Setting::new(
        "data.limit",
        Kind::Count { min: 1, max: 1_000_000_000 },
        Unset("all"),
        "Only the first so many training images",
    )
    .unit("images")
    .also(&["max_images", "num_samples"]),
    Setting::new(
        "data.image_size",
        Kind::Count { min: 4, max: 1024 },
        Is(Value::Count(28)),
        "Side of the square images",
    )
    .unit("pixels")
    .only_sets(&[Dataset::Sprites, Dataset::Images])
    .also(&["size", "resolution"]),
    Setting::new(
        "data.color",
        Kind::Choice(Color::CHOICES),
        Is(text("gray")),
        "Channels of the images",
    )
    .only_sets(&[Dataset::Images])
    .also(&["colour", "channels", "color_mode"]),
    Setting::new(
        "data.count",
        Kind::Count { min: 1, max: 10_000_000 },
        Is(Value::Count(10_000)),
        "How many images are drawn",
    )
    .unit("images")
    .only_sets(&[Dataset::Sprites]),
    idx_file("data.images", "Training images, an IDX file, plain or gzip"),
    idx_file("data.labels", "Training labels, an IDX file"),
    idx_file("data.test_images", "Test images, an IDX file"),
    idx_file("data.test_labels", "Test labels, an IDX file"),
    // [model]
    Setting::new(
        "model.latent_dim",
        Kind::Count { min: 1, max: 4096 },
        Is(Value::Count(2)),
        "Number of latent axes",
    )
    .unit("axes")
    .also(&["z_dim", "latent_size", "latent_axes", "n_latent", "bottleneck"]),
    Setting::new(
        "model.conv_filters",
        Kind::Counts { fewest: 1, most: 12, max: 4096 },
        Is(counts(&[32, 64])),
        "Output channels of the encoder's convolutions, first to last; the decoder mirrors them",
    )
    .unit("channels")
    .also(&["channels", "conv_channels", "conv_layers"]),
    Setting::new(
        "model.kernel_size",
        Kind::Count { min: 1, max: 31 },
        Is(Value::Count(3)),
        "Side of the convolution kernels",
    )
    .unit("pixels"),
    Setting::new(
        "model.stride",
        Kind::Count { min: 1, max: 8 },
        Is(Value::Count(2)),
        "Step of the convolutions: each one divides the size of the image by it",
    )
    .unit("pixels"),
    Setting::new(
        "model.hidden",
        Kind::Counts { fewest: 0, most: 8, max: 65_536 },
        Is(counts(&[16])),
        "Widths of the encoder's dense layers after flattening; may be `[]`",
    )
    .unit("units")
    .also(&["dense", "dense_units", "hidden_units", "hidden_dims"]),
    Setting::new(
        "model.activation",
        Kind::Choice(Activation::CHOICES),
        Is(text("relu")),
        "The nonlinearity after each layer but the heads and the output",
    )
    .also(&["nonlinearity"]),
    // [loss]
    Setting::new(
        "loss.reconstruction",
        Kind::Choice(Reconstruction::CHOICES),
        Is(text("bce")),
        "The reconstruction term: mean over the pixels times their number, mean over the batch",
    )
    .also(&["loss", "reconstruction_loss", "criterion", "kind", "type"]),
    Setting::new(
        "loss.reconstruction_weight",
        Kind::Number(Interval::closed(0.0, 1e6)),
        Is(Value::Number(1.0)),
        "Factor of the reconstruction term",
    ),
    Setting::new(
        "loss.kl_weight",
        Kind::Number(Interval::closed(0.0, 1e6)),
        Is(Value::Number(1.0)),
        "Factor of the KL divergence (the beta of a beta-VAE)",
    )
    .also(&["beta", "kld_weight"]),
    Setting::new(
        "loss.kl_reduction",
        Kind::Choice(KlReduction::CHOICES),
        Is(text("sum")),
        "The KL divergence over the latent axes: `sum` is the textbook's evidence lower bound, \
         `mean` is what the published Keras example does",
    ),
    Setting::new(
        "loss.kl_warmup_epochs",
        Kind::Number(Interval::closed(0.0, 1e6)),
        Is(Value::Number(0.0)),
        "The KL weight grows from 0 to `kl_weight` over so many epochs",
    )
    .unit("epochs")
    .also(&["kl_warmup", "kl_annealing", "kl_anneal_epochs", "warmup"]),
    // [optimizer.adam]
    learning_rate("optimizer.adam.learning_rate", 1e-3),
    beta_1("optimizer.adam.beta_1"),
    beta_2("optimizer.adam.beta_2"),
    epsilon("optimizer.adam.epsilon"),
    clip_norm("optimizer.adam.clip_norm"),
    // [optimizer.adamw]
    learning_rate("optimizer.adamw.learning_rate", 1e-3),
    beta_1("optimizer.adamw.beta_1"),
    beta_2("optimizer.adamw.beta_2"),
    epsilon("optimizer.adamw.epsilon"),
    Setting::new(
        "optimizer.adamw.weight_decay",
        Kind::Number(Interval::closed(0.0, 10.0)),
        Is(Value::Number(0.004)),
        "Each step takes `learning_rate` x `weight_decay` of each weight off it",
    ),
    clip_norm("optimizer.adamw.clip_norm"),
    // [optimizer.rmsprop]
    learning_rate("optimizer.rmsprop.learning_rate", 1e-3),
    Setting::new(
        "optimizer.rmsprop.rho",
        Kind::Number(Interval::below(0.0, 1.0)),
        Is(Value::Number(0.9)),
        "Decay of the mean square of the gradient",
    )
    .also(&["decay"]),
    momentum("optimizer.rmsprop.momentum"),
    epsilon("optimizer.rmsprop.epsilon"),
    Setting::new(
        "optimizer.rmsprop.centered",
        Kind::Switch,
        Is(Value::Switch(false)),
        "Whether the gradient is scaled by its variance instead of its mean square",
    ),
    clip_norm("optimizer.rmsprop.clip_norm"),
    // [optimizer.sgd]
    learning_rate("optimizer.sgd.learning_rate", 0.01),
    momentum("optimizer.sgd.momentum"),
    Setting::new(
        "optimizer.sgd.nesterov",
        Kind::Switch,
        Is(Value::Switch(false)),
        "Nesterov's momentum; needs a `momentum` above 0",
    ),
    clip_norm("optimizer.sgd.clip_norm"),
    // [schedule.*]
    final_fraction("schedule.cosine.final_fraction"),
    warmup_epochs("schedule.cosine.warmup_epochs"),
    Setting::new(
        "schedule.step.every_epochs",
        Kind::Count { min: 1, max: 1_000_000 },
        Is(Value::Count(10)),
        "Epochs between two steps",
    )
    .unit("epochs")
    .also(&["step_size"]),
    Setting::new(
        "schedule.step.factor",
        Kind::Number(Interval::above(0.0, 1.0)),
        Is(Value::Number(0.5)),
        "What the learning rate is multiplied by at each step",
    )
    .also(&["gamma"]),
    warmup_epochs("schedule.step.warmup_epochs"),
    final_fraction("schedule.linear.final_fraction"),
    warmup_epochs("schedule.linear.warmup_epochs"),
    // [training]
    Setting::new(
        "training.epochs",
        Kind::Count { min: 1, max: 1_000_000 },
        Is(Value::Count(10)),
        "Passes over the training images",
    )
    .unit("epochs")
    .also(&["n_epochs", "num_epochs", "max_epochs"]),
    Setting::new(
        "training.batch_size",
        Kind::Count { min: 1, max: 65_536 },
        Is(Value::Count(64)),
        "Images a step",
    )
    .unit("images")
    .also(&["bs"]),
    Setting::new(
        "training.device",
        Kind::Device,
        Is(text("auto")),
        "Where to train; `cuda:N` is the GPU of index N, `auto` the first GPU where there is one, \
         else the processor",
    )
    .also(&["accelerator"]),
    Setting::new(
        "training.threads",
        Kind::Count { min: 1, max: 1024 },
        Unset("every core"),
        "Threads of the processor; the result does not depend on them",
    )
    .unit("threads")
    .also(&["workers", "num_workers", "num_threads", "jobs"]),
    Setting::new(
        "training.checkpoint_every",
        Kind::Count { min: 1, max: 1_000_000 },
        Is(Value::Count(1)),
        "Epochs between two checkpoints; the last epoch always gets one",
    )
    .unit("epochs"),
    Setting::new(
        "training.early_stopping",
        Kind::Count { min: 1, max: 1_000_000 },
        Unset("off"),
        "Stop after so many epochs without a new best `val_loss` (`loss` without a validation part)",
    )
    .unit("epochs")
    .also(&["patience"]),
    // [figures]
    figure("figures.loss", "Loss curves"),
    figure(
        "figures.manifold",
        "The latent manifold, or a traversal of each axis where there are not two of them",
    ),
    figure("figures.clusters", "Latent means of all images, by class"),
    figure("figures.reconstructions", "Originals above their reconstructions"),
    figure("figures.samples", "Samples from the prior"),
    Setting::new(
        "figures.n",
        Kind::Count { min: 2, max: 50 },
        Is(Value::Count(10)),
        "The manifold and the samples are `n` by `n` images",
    )
    .unit("images"),
    Setting::new(
        "figures.scale",
        Kind::Number(Interval::above(0.0, 100.0)),
        Is(Value::Number(2.0)),
        "The manifold runs from `-scale` to `scale` on each axis",
    ),
    Setting::new(
        "figures.published",
        Kind::Path(PathKind::File),
        Unset("none"),
        "CSV file with the columns `epoch` and `loss`, drawn over the loss curves. Relative to the \
         spec's folder",
    )
    .also(&["reference"]),
    Setting::new(
        "figures.published_name",
        Kind::Line { max: 80 },
        Is(text("published")),
        "What the legend calls that curve",
    ),
    // [launcher.slurm]
    Setting::new(
        "launcher.slurm.partition",
        Kind::Line { max: 200 },
        Unset("the cluster's default"),
        "Partition (`--partition`)",
    ),
    Setting::new(
        "launcher.slurm.time",
        Kind::Line { max: 40 },
        Unset("the cluster's default"),
        "Time limit of a task (`--time`), in Slurm's form: `30`, `12:00:00`, `1-00:00:00`. A task that reaches it saves, goes back into the queue and goes on",
    ),
    Setting::new(
        "launcher.slurm.cpus",
        Kind::Count { min: 1, max: 1_024 },
        Unset("the cluster's default"),
        "Processors of a task (`--cpus-per-task`)",
    ),
    Setting::new(
        "launcher.slurm.memory",
        Kind::Line { max: 40 },
        Unset("the cluster's default"),
        "Memory of a task (`--mem`), in Slurm's form: `4G`",
    ),
    Setting::new(
        "launcher.slurm.gpus",
        Kind::Line { max: 80 },
        Unset("none"),
        "GPUs of a task (`--gpus`), in Slurm's form: `1`, `a100:1`",
    ),
    Setting::new(
        "launcher.slurm.account",
        Kind::Line { max: 200 },
        Unset("the cluster's default"),
        "Account (`--account`)",
    ),
    Setting::new(
        "launcher.slurm.throttle",
        Kind::Count { min: 1, max: 10_000 },
        Unset("no limit"),
        "Tasks that run at the same time at most",
    ),
    Setting::new(
        "launcher.slurm.options",
        Kind::Line { max: 1000 },
        Unset("none"),
        "Further options of `sbatch`, with spaces between them: `--qos=long --constraint=a100`",
    ),
    Setting::new(
        "launcher.slurm.setup",
        Kind::Line { max: 1000 },
        Unset("none"),
        "Commands before the work: `module load cuda`",
    ),
];

/// Every line of `[expect]`; its key is the name of a metric.
pub static EXPECT: Setting = Setting::new(
    "expect.METRIC",
    Kind::Limits,
    Unset("no limit"),
    "Least and greatest value of the metric after the last epoch",
);

/// The setting of a dotted key, `[expect]` included.
pub fn find(key: &str) -> Option<&'static Setting> {
    if let Some(metric) = key.strip_prefix("expect.") {
        return scalar_names().contains(&metric).then_some(&EXPECT);
    }
    SETTINGS.iter().find(|setting| setting.key == key)
}

/// The table of a dotted name.
pub fn find_table(name: &str) -> Option<&'static Table> {
    TABLES.iter().find(|table| table.name == name)
}

/// The settings of a table, in the order of the documentation.
pub fn of_table(table: &str) -> impl Iterator<Item = &'static Setting> + use<'_> {
    SETTINGS
        .iter()
        .filter(move |setting| setting.table() == table)
}

const fn table(name: &'static str, doc: &'static str) -> Table {
    Table {
        name,
        doc,
        form: Form::Settings,
    }
}

const fn text(text: &'static str) -> Value {
    Value::Text(Cow::Borrowed(text))
}

const fn texts(texts: &'static [Cow<'static, str>]) -> Value {
    Value::Texts(Cow::Borrowed(texts))
}

const fn counts(counts: &'static [u64]) -> Value {
    Value::Counts(Cow::Borrowed(counts))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_setting_stands_once_in_a_table_that_exists() {
        let mut seen = BTreeSet::new();
        for setting in SETTINGS {
            assert!(seen.insert(setting.key), "{} stands twice", setting.key);
            let table = find_table(setting.table()).expect(setting.key);
            assert!(matches!(table.form, Form::Settings), "{}", setting.key);
            assert!(
                !setting.doc.is_empty() && !setting.doc.ends_with('.'),
                "{}",
                setting.key
            );
            assert!(!setting.doc.contains(['\n', '|']), "{}", setting.key);
        }
    }

    #[test]
    fn only_name_and_data_set_have_no_default() {
        let required: Vec<_> = SETTINGS
            .iter()
            .filter(|it| it.default == Required)
            .map(|it| it.key)
            .collect();
        assert_eq!(required, ["name", "data.dataset"]);
    }

    #[test]
    fn settings_stand_in_the_order_of_their_tables() {
        let order = |it: &Setting| TABLES.iter().position(|table| table.name == it.table());
        assert!(SETTINGS.is_sorted_by_key(order));
    }

    #[test]
    fn members_of_a_choice_of_tables_are_tables() {
        for table in TABLES {
            if let Form::OneOf { members, default } = &table.form {
                for member in members.iter().chain(default) {
                    assert!(find_table(&format!("{}.{member}", table.name)).is_some());
                }
            }
        }
    }

    // https://keras.io/api/optimizers, Keras 3.
    #[test]
    fn optimizers_have_the_defaults_of_keras() {
        let expected = [
            ("optimizer.adam.learning_rate", "0.001"),
            ("optimizer.adam.beta_1", "0.9"),
            ("optimizer.adam.beta_2", "0.999"),
            ("optimizer.adam.epsilon", "1e-7"),
            ("optimizer.adamw.learning_rate", "0.001"),
            ("optimizer.adamw.weight_decay", "0.004"),
            ("optimizer.rmsprop.learning_rate", "0.001"),
            ("optimizer.rmsprop.rho", "0.9"),
            ("optimizer.rmsprop.momentum", "0.0"),
            ("optimizer.rmsprop.epsilon", "1e-7"),
            ("optimizer.rmsprop.centered", "false"),
            ("optimizer.sgd.learning_rate", "0.01"),
            ("optimizer.sgd.momentum", "0.0"),
            ("optimizer.sgd.nesterov", "false"),
        ];
        for (key, text) in expected {
            match &find(key).expect(key).default {
                Is(value) => assert_eq!(value.to_toml(), text, "{key}"),
                other => panic!("{key}: {other:?}"),
            }
        }
    }
}
