//! A reference file: values that another framework computed for the same weights, images and noise, and how far this
//! program's are from them.
//!
//! The model is built as for training, and goes through the same network, kernels and update rules. The file
//! holds a batch, noise for three steps, every parameter before the first step, forward values and gradients of
//! the first step, and every parameter after one and after three steps on the same batch; its metadata key
//! `json` describes the model, optimizer and loss.

use std::collections::BTreeMap;
use std::path::Path;

use super::checks::check_memory;
use crate::kernels::Extent;
use crate::nn::Device;
use crate::nn::layers::NamedConfig;
use crate::numeric::named_tensor::NamedTensor;
use crate::numeric::random::Purpose;
use crate::objective::{Drawn, Setup};
use crate::optim::{Rule, Step};
use crate::plan::Architecture;
use crate::run::read_tensors;
use crate::sys::exit;
use crate::terminal::CliError;
use crate::train::build;
use crate::vae::{Batch, Images, Model, ModelError};

mod description;

use description::Description;

/// How far a tensor or a loss is from its reference.
#[derive(Clone, Debug, PartialEq)]
pub struct Deviation {
    /// What it is called in the file.
    pub name: String,
    /// Norm of the difference over the norm of the reference.
    pub error: f64,
}

/// A reference file with the model that it describes.
#[derive(Debug)]
pub struct Reference {
    path: String,
    description: Description,
    architecture: Architecture,
    setup: Setup,
    rule: Rule,
    tensors: BTreeMap<String, NamedTensor>,
}

impl Reference {
    /// Reads a file and checks that the model it describes can be built.
    ///
    /// # Errors
    /// It cannot be read, or is no such file.
    pub fn read(path: &Path) -> Result<Self, CliError> {
        let (metadata, tensors) = read_tensors(path)?;
        let path = path.display().to_string();
        let invalid = |text: String| CliError::new(exit::INVALID_DATA, format!("{path}: {text}"));
        let json = metadata.get("json").ok_or_else(|| {
            invalid("the metadata has no key `json` that describes the model".to_owned()).with_hint(
                "`experiments/README.md`, \"Agreement with Keras\", says what such a file holds",
            )
        })?;
        let description: Description =
            serde_json::from_str(json).map_err(|e| invalid(format!("metadata key `json`: {e}")))?;
        let architecture = description.architecture().map_err(&invalid)?;
        let rule = description.rule().map_err(&invalid)?;
        let setup = description.setup().map_err(&invalid)?;
        let (encoder, decoder) = architecture.parameters();
        // Every parameter stands in the file, so the description of a model with more of them is wrong.
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
            setup,
            rule,
            tensors: tensors.into_iter().map(|t| (t.name.clone(), t)).collect(),
        })
    }

    /// Builds the model on a device, takes three steps, and compares every tensor and loss of the file.
    ///
    /// # Errors
    /// A tensor is missing or has another shape; the device fails.
    pub fn compare(&self, device: Device) -> Result<Vec<Deviation>, CliError> {
        let (setup, rule) = (self.setup.clone(), self.rule);
        let mut model =
            build(device, &self.architecture, setup, rule, 0).map_err(|e| self.failure(e))?;
        let layers = self.architecture.layers();
        // Running means begin as they always do.
        let buffers: Vec<String> = layers.iter().flat_map(NamedConfig::buffer_names).collect();
        let mut initial = model.weights();
        for tensor in initial.iter_mut().filter(|t| !buffers.contains(&t.name)) {
            let values = self.values(&format!("init.{}", tensor.name), &tensor.shape)?;
            tensor.data.copy_from_slice(values);
        }
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
        let noise = |eps: &[f32]| {
            let (purpose, values) = (Purpose::Noise, eps.to_vec());
            [Drawn { purpose, values }]
        };
        let noise: Vec<_> = eps.chunks(batch * latent).map(noise).collect();
        let at = |step: usize| Batch {
            images: Images::Values(images),
            second: None,
            noise: &noise[step],
            kl_weight: self.description.klw,
        };

        let mut rows = vec![];
        let forward = model.forward(at(0)).map_err(|e| self.failure(e))?;
        let logits_shape = [batch, height, width, channels];
        rows.push(self.deviation("mean", &[batch, latent], &forward.losses.means)?);
        if let Some(log_var) = &forward.log_var {
            rows.push(self.deviation("log_var", &[batch, latent], log_var)?);
        }
        rows.push(self.deviation("z", &[batch, latent], &forward.z)?);
        rows.push(self.deviation("logits", &logits_shape, &forward.logits)?);
        for gradient in &forward.gradients {
            rows.push(self.deviation(
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
            for (name, want) in ["loss", "reconstruction", "kl"].into_iter().zip(expected) {
                let got = losses.term(name);
                let error = relative(&[got], &[*want]);
                rows.push(Deviation {
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
        rows: &mut Vec<Deviation>,
    ) -> Result<(), CliError> {
        for tensor in model.weights() {
            rows.push(self.deviation(
                &format!("step{step}.{}", tensor.name),
                &tensor.shape,
                &tensor.data,
            )?);
        }
        Ok(())
    }

    fn deviation(&self, name: &str, shape: &[usize], got: &[f32]) -> Result<Deviation, CliError> {
        let want = self.values(name, shape)?;
        let wide = |values: &[f32]| values.iter().map(|&v| f64::from(v)).collect::<Vec<_>>();
        Ok(Deviation {
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
    fn takes_the_ratio_of_norms() {
        assert_eq!(relative(&[3.0, 4.0], &[3.0, 4.0]), 0.0);
        assert_eq!(relative(&[6.0, 8.0], &[3.0, 4.0]), 1.0);
        assert_eq!(relative(&[0.5], &[0.0]), 0.5);
        assert_eq!(relative(&[f64::NAN], &[1.0]), f64::INFINITY);
    }
}
