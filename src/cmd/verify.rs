//! `runner verify FILE.safetensors`: compares this program's arithmetic with values that another framework
//! computed for the same weights, images and noise.
//!
//! The model is built as for training, and goes through the same network, kernels and update rules. The file
//! holds a batch, noise for three steps, every parameter before the first step, forward values and gradients of
//! the first step, and every parameter after one and after three steps on the same batch; its metadata key
//! `json` describes the model, optimizer and loss.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use crate::cli::VerifyArgs;
use crate::config::{Members as _, Value};
use crate::kernels::loss::Reconstruction;
use crate::kernels::{Activation, Extent};
use crate::nn::Device;
use crate::numeric::named_tensor::NamedTensor;
use crate::optim::{Rule, Step};
use crate::plan::Architecture;
use crate::run::read_tensors;
use crate::session::device;
use crate::session::drive::check_memory;
use crate::sys::exit;
use crate::terminal::print::out;
use crate::terminal::{CliError, Outcome};
use crate::train::build;
use crate::vae::{Batch, Images, Model, ModelError, Objective};

/// The metadata of a reference file. Keys it does not name say where the values come from.
#[derive(Debug, Deserialize)]
struct Description {
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
    learning_rate: f64,
    epsilon: f64,
    recon: String,
    kl: String,
    #[serde(default = "one")]
    klw: f64,
    /// Total, reconstruction and divergence of each step.
    losses: Vec<[f64; 3]>,
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
const MOST_VALUES: usize = 1 << 28;

/// Compares and prints a line a tensor.
pub fn main(args: &VerifyArgs) -> Outcome {
    let found = device::find(args.device)?;
    found.tell(false);
    let reference = Reference::read(&args.file)?;
    let rows = reference.compare(found.device)?;
    let width = rows.iter().map(|row| row.name.len()).max().unwrap_or(0);
    let mut text = format!("{:<width$}  relative error\n", "tensor");
    let mut above = 0;
    for row in &rows {
        let passes = row.error <= args.tolerance;
        above += usize::from(!passes);
        let mark = if passes { "" } else { "  above the tolerance" };
        text += &format!("{:<width$}  {:.2e}{mark}\n", row.name, row.error);
    }
    let worst = rows.iter().map(|row| row.error).fold(0.0, f64::max);
    text += &match above {
        0 => format!(
            "all {} agree within {:e}; the largest error is {worst:.2e}\n",
            rows.len(),
            args.tolerance
        ),
        n => format!(
            "{n} of {} are above the tolerance of {:e}\n",
            rows.len(),
            args.tolerance
        ),
    };
    out(&text).map_err(|e| CliError::new(exit::IO, e))?;
    Ok(if above == 0 { exit::DONE } else { exit::FAILED })
}

struct Row {
    name: String,
    error: f64,
}

struct Reference {
    path: String,
    description: Description,
    architecture: Architecture,
    objective: Objective,
    rule: Rule,
    tensors: BTreeMap<String, NamedTensor>,
}

impl Reference {
    fn read(path: &Path) -> Result<Self, CliError> {
        let (metadata, tensors) = read_tensors(path)?;
        let path = path.display().to_string();
        let invalid = |text: String| CliError::new(exit::INVALID_DATA, format!("{path}: {text}"));
        let json = metadata.get("json").ok_or_else(|| {
            invalid("the metadata has no key `json` that describes the model".to_owned())
                .with_hint("the README's section on `verify` says what such a file holds")
        })?;
        let description: Description =
            serde_json::from_str(json).map_err(|e| invalid(format!("metadata key `json`: {e}")))?;
        let choose = |key: &str, found: &str, allowed: &[&str]| {
            invalid(format!(
                "metadata: `{key}` is `{found}`; expected one of {}",
                allowed.join(", ")
            ))
        };
        let activation = match description.activation.as_str() {
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
        let epsilon = ("epsilon", Value::Number(description.epsilon));
        let rule = Rule::given(&description.optimizer, &[epsilon]).ok_or_else(|| {
            let names: Vec<&str> = Rule::MEMBERS.iter().map(|it| it.name).collect();
            choose("optimizer", &description.optimizer, &names)
        })?;
        let reconstruction = match description.recon.as_str() {
            "bce" => Reconstruction::BinaryCrossEntropy,
            "mse" => Reconstruction::SquaredError,
            other => return Err(choose("recon", other, &["bce", "mse"])),
        };
        let kl_mean = match description.kl.as_str() {
            "mean" => true,
            "sum" => false,
            other => return Err(choose("kl", other, &["mean", "sum"])),
        };
        let [height, width, channels] = description.image;
        let architecture = Architecture {
            image: Extent {
                height,
                width,
                channels,
            },
            filters: description.filters.clone(),
            kernel: description.kernel,
            stride: description.stride,
            hidden: description.hidden.0.clone(),
            latent: description.latent,
            activation,
        };
        check_sizes(&architecture).map_err(&invalid)?;
        let (encoder, decoder) = architecture.parameters();
        // Every parameter stands in the file, so a model with more of them is a lie.
        let values: usize = tensors.iter().map(|t| t.data.len()).sum();
        if encoder + decoder > values as u64 {
            return Err(invalid(format!(
                "the model has {} parameters, but the file holds {values} values",
                encoder + decoder
            )));
        }
        Ok(Self {
            path,
            description,
            architecture,
            objective: Objective {
                reconstruction,
                reconstruction_weight: 1.0,
                kl_mean,
            },
            rule,
            tensors: tensors.into_iter().map(|t| (t.name.clone(), t)).collect(),
        })
    }

    fn compare(&self, device: Device) -> Result<Vec<Row>, CliError> {
        let (objective, rule) = (self.objective, self.rule);
        let mut model =
            build(device, &self.architecture, objective, rule, 0).map_err(|e| self.failure(e))?;
        let initial: Vec<NamedTensor> = model
            .weights()
            .into_iter()
            .map(|t| {
                Ok(NamedTensor {
                    data: self.values(&format!("init.{}", t.name), &t.shape)?.to_vec(),
                    ..t
                })
            })
            .collect::<Result<_, CliError>>()?;
        model.set_weights(&initial).map_err(|e| self.failure(e))?;

        let Extent {
            height,
            width,
            channels,
        } = self.architecture.image;
        let latent = self.architecture.latent;
        let batch = self.tensor("x")?.shape.first().copied().unwrap_or(0);
        if batch == 0 {
            return Err(self.invalid("tensor `x` holds no image"));
        }
        let images = self.values("x", &[batch, height, width, channels])?;
        let activations = (batch as u64).saturating_mul(self.architecture.activation_values());
        check_memory(activations.saturating_mul(4)).map_err(|text| self.invalid(&text))?;
        let eps = self.values("eps", &[3, batch, latent])?;
        let eps = |step: usize| &eps[step * batch * latent..(step + 1) * batch * latent];
        let at = |step: usize| Batch {
            images: Images::Values(images),
            eps: eps(step),
            kl_weight: self.description.klw,
        };

        let mut rows = vec![];
        let forward = model.forward(at(0)).map_err(|e| self.failure(e))?;
        let logits_shape = [batch, height, width, channels];
        rows.push(self.row("mean", &[batch, latent], &forward.losses.means)?);
        rows.push(self.row("log_var", &[batch, latent], &forward.log_var)?);
        rows.push(self.row("z", &[batch, latent], &forward.z)?);
        rows.push(self.row("logits", &logits_shape, &forward.logits)?);
        for gradient in &forward.gradients {
            rows.push(self.row(
                &format!("grad.{}", gradient.name),
                &gradient.shape,
                &gradient.data,
            )?);
        }
        for step in 0..3 {
            let optimizer = Step {
                learning_rate: self.description.learning_rate,
                number: step as u64 + 1,
                gradient_scale: 1.0,
            };
            let report = model
                .train_step(at(step), optimizer, None)
                .map_err(|e| self.failure(e))?;
            let losses = report.losses;
            let Some(expected) = self.description.losses.get(step) else {
                return Err(self.invalid("metadata: `losses` must hold three steps"));
            };
            let terms = [
                ("loss", losses.loss),
                ("reconstruction", losses.reconstruction),
                ("kl", losses.kl),
            ];
            for ((name, got), want) in terms.into_iter().zip(expected) {
                let error = relative(&[got], &[*want]);
                rows.push(Row {
                    name: format!("step{}.{name}", step + 1),
                    error,
                });
            }
            if step != 1 {
                self.compare_weights(model.as_ref(), step + 1, &mut rows)?;
            }
        }
        Ok(rows)
    }

    fn compare_weights(
        &self,
        model: &dyn Model,
        step: usize,
        rows: &mut Vec<Row>,
    ) -> Result<(), CliError> {
        for tensor in model.weights() {
            rows.push(self.row(
                &format!("step{step}.{}", tensor.name),
                &tensor.shape,
                &tensor.data,
            )?);
        }
        Ok(())
    }

    fn row(&self, name: &str, shape: &[usize], got: &[f32]) -> Result<Row, CliError> {
        let want = self.values(name, shape)?;
        let wide = |values: &[f32]| values.iter().map(|&v| f64::from(v)).collect::<Vec<_>>();
        Ok(Row {
            name: name.to_owned(),
            error: relative(&wide(got), &wide(want)),
        })
    }

    fn tensor(&self, name: &str) -> Result<&NamedTensor, CliError> {
        self.tensors
            .get(name)
            .ok_or_else(|| self.invalid(&format!("tensor `{name}` is missing")))
    }

    fn values(&self, name: &str, shape: &[usize]) -> Result<&[f32], CliError> {
        let tensor = self.tensor(name)?;
        if tensor.shape != shape {
            let text = format!(
                "tensor `{name}` has shape {:?}, the model needs {shape:?}",
                tensor.shape
            );
            return Err(self.invalid(&text));
        }
        Ok(&tensor.data)
    }

    fn invalid(&self, text: &str) -> CliError {
        CliError::new(exit::INVALID_DATA, format!("{}: {text}", self.path))
    }

    fn failure(&self, error: ModelError) -> CliError {
        CliError::new(exit::FAILED, format!("{}: {error}", self.path))
    }
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
    // No size is above 65,536 and no kernel above 255: each of these is below 2^49.
    let largest = a
        .convolutions()
        .iter()
        .map(|c| c.kernel_len().max(c.big.len()))
        .max()
        .unwrap_or(0);
    let mut widths = vec![a.latent, a.feature_map().len()];
    widths.extend(&a.hidden);
    widths.push(a.latent);
    let dense = widths
        .windows(2)
        .map(|two| two[0].saturating_mul(two[1]))
        .max()
        .unwrap_or(0);
    if largest.max(dense) > MOST_VALUES {
        return Err("metadata: the model is larger than this program can build".to_owned());
    }
    Ok(())
}

/// Norm of the difference over the norm of the reference; the norm itself where the reference is zero.
fn relative(got: &[f64], want: &[f64]) -> f64 {
    let norm = |values: &mut dyn Iterator<Item = f64>| values.map(|v| v * v).sum::<f64>().sqrt();
    let difference = norm(&mut got.iter().zip(want).map(|(g, w)| g - w));
    let size = norm(&mut want.iter().copied());
    let error = if size > 0.0 {
        difference / size
    } else {
        difference
    };
    // A value that is not a number agrees with nothing.
    if error.is_nan() { f64::INFINITY } else { error }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_relative_error_is_a_ratio_of_norms() {
        assert_eq!(relative(&[3.0, 4.0], &[3.0, 4.0]), 0.0);
        assert_eq!(relative(&[6.0, 8.0], &[3.0, 4.0]), 1.0);
        assert_eq!(relative(&[0.5], &[0.0]), 0.5);
        assert_eq!(relative(&[f64::NAN], &[1.0]), f64::INFINITY);
    }
}
