//! The metadata of a reference file: the model, its objective and its optimizer.
//!
//! They are written as the text of a spec and read as one, so that what a spec can say, a reference file can say, with
//! the same checks. What is called otherwise there stands in the tables below.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::config::Members as _;
use crate::data::Classes;
use crate::experiment::{self, Spec};
use crate::kernels::Extent;
use crate::nn::layers::NamedConfig;
use crate::numeric::random::Purpose;
use crate::optim::Rule;
use crate::plan::{Architecture, Plan};
use crate::session::checks::MOST_CLASSES;

/// Keys of the metadata and the settings that they are.
const SETTINGS: &[(&str, &str)] = &[
    ("activation", "model.activation"),
    ("decoder_dense", "decoder.dense"),
    ("filters", "model.conv_filters"),
    ("hidden", "model.hidden"),
    ("kernel", "model.kernel_size"),
    ("kl", "loss.kl_reduction"),
    ("klw", "loss.kl_weight"),
    ("latent", "model.latent_dim"),
    ("norm_epsilon", "model.normalization_epsilon"),
    ("norm_momentum", "model.normalization_momentum"),
    ("normalization", "model.normalization"),
    ("output", "decoder.output"),
    ("recon", "loss.reconstruction"),
    ("scale", "loss.scale"),
    ("stride", "model.stride"),
    ("variance", "loss.variance"),
];

/// Words of `recon` that stand for `gaussian`, and the variance that they say.
const VARIANCES: &[(&str, &str)] = &[
    ("gaussian_learned", "learned"),
    ("gaussian_optimal", "optimal"),
];

/// An objective by another name, with settings by other names.
struct Renamed {
    kind: &'static str,
    name: &'static str,
    settings: &'static [(&'static str, &'static str)],
    /// What a spec says and the metadata does not, in TOML.
    further: &'static str,
}

/// Those whose words are not those of a spec.
const OBJECTIVES: &[Renamed] = &[
    Renamed {
        kind: "tc",
        name: "beta_tc",
        settings: &[],
        further: "",
    },
    Renamed {
        kind: "capacity",
        name: "capacity",
        settings: &[("capacity", "nats")],
        // The capacity of the file is that of every step.
        further: "steps = 1\n",
    },
    Renamed {
        kind: "mmd",
        name: "mmd",
        settings: &[("lambda", "weight")],
        further: "",
    },
    Renamed {
        kind: "factor",
        name: "factor",
        settings: &[
            ("hidden", "discriminator_hidden"),
            ("learning_rate", "discriminator_learning_rate"),
        ],
        further: "",
    },
];

/// Where the random numbers of a purpose stand in the file: a tensor of three steps.
pub(super) fn noise_tensor(purpose: Purpose) -> Option<&'static str> {
    match purpose {
        Purpose::Noise => Some("eps"),
        Purpose::Prior => Some("prior"),
        Purpose::SecondPoints => Some("eps2"),
        Purpose::Permutation => Some("permutation"),
        _ => None,
    }
}

/// The metadata of a reference file. Keys that no table names say where the values come from.
#[derive(Debug, Deserialize)]
pub(super) struct Description {
    /// Height, width, channels.
    image: [usize; 3],
    optimizer: String,
    pub(super) learning_rate: f64,
    epsilon: f64,
    objective: Option<Value>,
    /// How many classes a conditional model is told.
    #[serde(default)]
    classes: usize,
    /// The kind of latents, where it is not a normal distribution.
    latent_kind: Option<String>,
    /// The prior by its `kind`, with its settings.
    prior: Option<Map<String, Value>>,
    /// Loss, reconstruction and KL of each step.
    pub(super) losses: Vec<[f64; 3]>,
    /// The objective's own terms of each step.
    #[serde(default)]
    pub(super) terms: Vec<BTreeMap<String, f64>>,
    #[serde(flatten)]
    others: Map<String, Value>,
}

impl Description {
    /// The plan of the model.
    ///
    /// # Errors
    /// A word or a size that no spec has.
    pub(super) fn plan(&self) -> Result<Plan, String> {
        let [height, width, channels] = self.image;
        let image = Extent {
            height,
            width,
            channels,
        };
        if [height, width, channels]
            .iter()
            .any(|&n| n == 0 || n > 65_536)
        {
            return Err("metadata: a size of `image` is not from 1 to 65536".to_owned());
        }
        if self.classes > MOST_CLASSES {
            return Err(format!("metadata: more than {MOST_CLASSES} `classes`"));
        }
        let plan = Plan::new(self.spec()?, image, self.train_images(), 0).with_classes(Classes {
            names: (0..self.classes).map(|class| class.to_string()).collect(),
            without_images: vec![],
        });
        check_size(&plan.architecture)?;
        Ok(plan)
    }

    fn spec(&self) -> Result<Spec, String> {
        let mut text = "name = \"reference\"\ndata.dataset = \"sprites\"\n".to_owned();
        let mut say = |setting: &str, value: &Value| -> Result<(), String> {
            if !value.is_null() {
                text += &format!("{setting} = {}\n", in_toml(value)?);
            }
            Ok(())
        };
        for (key, setting) in SETTINGS {
            let value = self.others.get(*key).unwrap_or(&Value::Null);
            match *key {
                "hidden" => say(setting, &as_list(value))?,
                // Of no convolutions there are none to say.
                "kernel" | "stride" if value.as_array().is_some_and(Vec::is_empty) => {}
                "recon" => match VARIANCES.iter().find(|it| value == it.0) {
                    Some((_, variance)) => {
                        say(setting, &"gaussian".into())?;
                        say("loss.variance", &(*variance).into())?;
                    }
                    None => say(setting, value)?,
                },
                _ => say(setting, value)?,
            }
        }
        if self.classes > 0 {
            say("model.condition", &"label".into())?;
        }
        let optimizer = |setting: &str| format!("optimizer.{}.{setting}", quoted(&self.optimizer));
        say(&optimizer("learning_rate"), &self.learning_rate.into())?;
        // Every file says one, not every rule has one.
        let rule = Rule::MEMBERS.iter().find(|it| it.name == self.optimizer);
        let settings = rule.map(|it| (it.settings)()).unwrap_or_default();
        if settings.iter().any(|setting| setting.name() == "epsilon") {
            say(&optimizer("epsilon"), &self.epsilon.into())?;
        }
        let (kind, settings) = self.objective();
        let renamed = OBJECTIVES.iter().find(|it| it.kind == kind);
        let name = quoted(renamed.map_or(kind, |it| it.name));
        // The settings of what takes the place of a distribution stand with those of the objective.
        match &self.latent_kind {
            Some(kind) => text += &format!("[latent.{}]\n", quoted(kind)),
            None => {
                text += &format!("[objective.{name}]\n");
                text += renamed.map_or("", |it| it.further);
            }
        }
        let known = renamed.map_or(&[] as &[_], |it| it.settings);
        for (key, value) in settings.into_iter().flatten() {
            if key == "kind" || key == "images" {
                continue;
            }
            let setting = known.iter().find(|(from, _)| from == key);
            let setting = quoted(setting.map_or(key, |(_, to)| to));
            text += &format!("{setting} = {}\n", in_toml(value)?);
        }
        if let Some(prior) = &self.prior {
            let kind = prior.get("kind").and_then(Value::as_str);
            text += &format!("[prior.{}]\n", quoted(kind.unwrap_or_default()));
            for (key, value) in prior.iter().filter(|(key, _)| *key != "kind") {
                text += &format!("{} = {}\n", quoted(key), in_toml(value)?);
            }
        }
        experiment::parse(&text, "metadata", Path::new("."), &[]).map_err(|wrong| {
            format!("the model of the metadata is none of this program's\n{wrong}")
        })
    }

    /// Name and settings of the objective.
    fn objective(&self) -> (&str, Option<&Map<String, Value>>) {
        match &self.objective {
            Some(Value::String(name)) => (name, None),
            Some(Value::Object(settings)) => {
                let kind = settings.get("kind").and_then(Value::as_str);
                (kind.unwrap_or_default(), Some(settings))
            }
            _ => ("elbo", None),
        }
    }

    /// Images of the training set, where the objective looks at their number.
    fn train_images(&self) -> usize {
        let images = self.objective().1.and_then(|it| it.get("images")?.as_u64());
        images.and_then(|n| n.try_into().ok()).unwrap_or(0)
    }
}

/// A width, several, or none, as a list.
fn as_list(value: &Value) -> Value {
    match value {
        Value::Null => Value::Array(vec![]),
        Value::Array(_) => value.clone(),
        one => Value::Array(vec![one.clone()]),
    }
}

/// A key or a text in TOML, which has the escapes of JSON.
fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

fn in_toml(value: &Value) -> Result<String, String> {
    match value {
        Value::Array(values) => {
            let values: Result<Vec<_>, _> = values.iter().map(in_toml).collect();
            Ok(format!("[{}]", values?.join(", ")))
        }
        Value::Null | Value::Object(_) => Err(format!("metadata: `{value}` is no setting")),
        simple => Ok(simple.to_string()),
    }
}

/// Largest number of values that a layer of a reference file may ask for.
const MOST_VALUES: u64 = 1 << 28;

/// Refuses what no reference file has, before any memory is asked for.
fn check_size(architecture: &Architecture) -> Result<(), String> {
    if let Some(misfit) = architecture.misfit() {
        return Err(format!("metadata: {}", misfit.message));
    }
    let layers = architecture.layers();
    if layers.iter().map(NamedConfig::largest).max() > Some(MOST_VALUES) {
        return Err("metadata: the model is larger than this program can build".to_owned());
    }
    Ok(())
}
