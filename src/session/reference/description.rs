//! The metadata of a reference file: the model, its objective and its optimizer.

use serde::Deserialize;

use crate::config::{Members as _, Value};
use crate::kernels::loss::Reconstruction;
use crate::kernels::{Activation, Extent};
use crate::latent::{AnyLatent, Head};
use crate::nn::layers::{NamedConfig, Normalization};
use crate::objective::{AnyObjective, LossTerms, Setup};
use crate::optim::Rule;
use crate::plan::Architecture;
use crate::prior::AnyPrior;

/// The metadata of a reference file. Keys it does not name say where the values come from.
#[derive(Debug, Deserialize)]
pub(super) struct Description {
    /// Height, width, channels.
    image: [usize; 3],
    filters: Vec<usize>,
    hidden: Hidden,
    latent: usize,
    #[serde(default = "three")]
    kernel: usize,
    #[serde(default = "two")]
    stride: usize,
    #[serde(default = "relu")]
    activation: String,
    optimizer: String,
    pub(super) learning_rate: f64,
    epsilon: f64,
    recon: String,
    kl: String,
    #[serde(default = "one")]
    pub(super) klw: f64,
    /// Loss, reconstruction and KL of each step.
    pub(super) losses: Vec<[f64; 3]>,
}

fn three() -> usize {
    3
}
fn two() -> usize {
    2
}
fn one() -> f64 {
    1.0
}
fn relu() -> String {
    "relu".to_owned()
}

/// One width, several, or none.
#[derive(Debug)]
struct Hidden(Vec<usize>);

impl<'de> Deserialize<'de> for Hidden {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        use serde::de::Error as _;
        let width = |value: &serde_json::Value| {
            value
                .as_u64()
                .and_then(|n| usize::try_from(n).ok())
                .filter(|&n| n > 0)
        };
        let widths = match serde_json::Value::deserialize(from)? {
            serde_json::Value::Null => Some(vec![]),
            serde_json::Value::Array(list) => list.iter().map(width).collect(),
            value => width(&value).map(|n| vec![n]),
        };
        widths
            .map(Self)
            .ok_or_else(|| D::Error::custom("`hidden` must be a width or a list of widths"))
    }
}

/// Largest number of values that a reference file's model or batch may ask for.
const MOST_VALUES: u64 = 1 << 28;

impl Description {
    /// The network.
    ///
    /// # Errors
    /// A word or a size that no network of this program has.
    pub(super) fn architecture(&self) -> Result<Architecture, String> {
        let activation = match self.activation.as_str() {
            "relu" => Activation::Relu,
            "leaky_relu" => Activation::LeakyRelu,
            "elu" => Activation::Elu,
            "silu" | "swish" => Activation::Silu,
            "gelu" => Activation::Gelu,
            "tanh" => Activation::Tanh,
            other => {
                let allowed = ["relu", "leaky_relu", "elu", "silu", "gelu", "tanh"];
                return Err(choose("activation", other, &allowed));
            }
        };
        let [height, width, channels] = self.image;
        let architecture = Architecture {
            image: Extent {
                height,
                width,
                channels,
            },
            filters: self.filters.clone(),
            kernel: self.kernel,
            stride: self.stride,
            hidden: self.hidden.0.clone(),
            latent: self.latent,
            head: Head::Gaussian,
            activation,
            normalization: Normalization::default(),
        };
        check_sizes(&architecture)?;
        Ok(architecture)
    }

    /// The update rule.
    ///
    /// # Errors
    /// It is none of this program's.
    pub(super) fn rule(&self) -> Result<Rule, String> {
        let epsilon = ("epsilon", Value::Number(self.epsilon));
        Rule::given(&self.optimizer, &[epsilon]).ok_or_else(|| {
            let names: Vec<&str> = Rule::MEMBERS.iter().map(|it| it.name).collect();
            choose("optimizer", &self.optimizer, &names)
        })
    }

    /// What is minimised.
    ///
    /// # Errors
    /// A term is none of this program's.
    pub(super) fn setup(&self) -> Result<Setup, String> {
        let reconstruction = match self.recon.as_str() {
            "bce" => Reconstruction::BinaryCrossEntropy,
            "mse" => Reconstruction::SquaredError,
            other => return Err(choose("recon", other, &["bce", "mse"])),
        };
        let kl_mean = match self.kl.as_str() {
            "mean" => true,
            "sum" => false,
            other => return Err(choose("kl", other, &["mean", "sum"])),
        };
        Ok(Setup {
            objective: AnyObjective::default(),
            latent: AnyLatent::default(),
            prior: AnyPrior::default(),
            loss: LossTerms {
                reconstruction,
                reconstruction_weight: 1.0,
                kl_mean,
            },
            train_images: 0,
        })
    }
}

fn choose(key: &str, found: &str, allowed: &[&str]) -> String {
    format!(
        "metadata: `{key}` is `{found}`; expected one of {}",
        allowed.join(", ")
    )
}

/// Refuses sizes that no reference file has, before any memory is asked for.
fn check_sizes(a: &Architecture) -> Result<(), String> {
    let lists = a.filters.iter().chain(&a.hidden);
    let sizes = [
        a.image.height,
        a.image.width,
        a.image.channels,
        a.kernel,
        a.stride,
        a.latent,
    ];
    if a.filters.is_empty() {
        return Err("metadata: `filters` must name at least one layer".to_owned());
    }
    if let Some(size) = lists.chain(&sizes).find(|&&n| n == 0 || n > 65_536) {
        return Err(format!("metadata: a size of {size}; expected 1 to 65536"));
    }
    if a.filters.len() + a.hidden.len() > 64 || a.kernel > 255 {
        return Err(
            "metadata: more layers or a larger kernel than this program can build".to_owned(),
        );
    }
    // No size is above 65,536 and no kernel above 255: a convolution has no tensor above 2^49 values.
    let largest = a.layers().iter().map(NamedConfig::largest).max();
    if largest > Some(MOST_VALUES) {
        return Err("metadata: the model is larger than this program can build".to_owned());
    }
    Ok(())
}
