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
use crate::latent::{self, Head};
use crate::likelihood;
use crate::nn::Device;
use crate::nn::layers::NamedConfig;
use crate::numeric::named_tensor::NamedTensor;
use crate::objective::Drawn;
use crate::optim::Step;
use crate::plan::Plan;
use crate::run::read_tensors;
use crate::sys::exit;
use crate::terminal::CliError;
use crate::train::build_model;
use crate::vae::{Batch, Images, Labels, Model, ModelError};

mod description;

use description::{Description, noise_tensor};

/// How far a tensor or a number is from its reference.
#[derive(Clone, Debug, PartialEq)]
pub struct Deviation {
    /// What it is called in the file.
    pub name: String,
    /// Of a tensor, the norm of the difference over the norm of the reference.
    pub error: f64,
}

/// A reference file with the model that it describes.
#[derive(Debug)]
pub struct Reference {
    path: String,
    description: Description,
    plan: Plan,
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
        let plan = description.plan().map_err(&invalid)?;
        // Every parameter stands in the file, so the description of a model with more of them is wrong.
        let values: usize = tensors.iter().map(|t| t.data.len()).sum();
        if plan.parameters() > values as u64 {
            return Err(invalid(format!(
                "the model has {} parameters, but the file holds {values} values",
                plan.parameters()
            )));
        }
        Ok(Self {
            path,
            description,
            plan,
            tensors: tensors.into_iter().map(|t| (t.name.clone(), t)).collect(),
        })
    }

    /// Builds the model on a device, takes three steps, and compares every tensor and loss of the file.
    ///
    /// # Errors
    /// A tensor is missing or has another shape; the device fails.
    pub fn compare(&self, device: Device) -> Result<Vec<Deviation>, CliError> {
        let mut model = build_model(&self.plan, device).map_err(|e| self.failure(e))?;
        let architecture = &self.plan.architecture;
        let layers = architecture.layers();
        // Running means begin as they always do.
        let mut buffers: Vec<String> = layers.iter().flat_map(NamedConfig::buffer_names).collect();
        buffers.extend(self.likelihood_buffers());
        let mut initial = model.weights();
        for tensor in initial.iter_mut().filter(|t| !buffers.contains(&t.name)) {
            let name = name_in_file("init.", &tensor.name);
            let values = self.values(&name, &tensor.shape)?;
            tensor.data.copy_from_slice(values);
        }
        model.set_weights(&initial).map_err(|e| self.failure(e))?;

        let (image, latent) = (architecture.image, architecture.latent);
        let Some(&[batch, height, width, channels]) = self
            .tensor("x")?
            .shape
            .first_chunk()
            .filter(|shape| shape[0] > 0)
        else {
            return Err(self.invalid("tensor `x` holds no image"));
        };
        if (Extent {
            height,
            width,
            channels,
        }) != image
        {
            return Err(self.invalid("tensor `x` has images of another size"));
        }
        let images = self.values("x", &[batch, height, width, channels])?;
        let objective = &self.plan.spec.objective;
        let points = objective.points();
        let activations = (points as u64)
            .saturating_mul(batch as u64)
            .saturating_mul(architecture.activation_values());
        check_memory(activations.saturating_mul(4)).map_err(|text| self.invalid(&text))?;
        let second = objective.second_batch();
        let second = second.then(|| self.values("x2", &[batch, height, width, channels]));
        let second = second.transpose()?.map(Images::Values);
        let labels = self.labels("labels", batch)?;
        let of_second = second.map(|_| self.labels("labels2", batch)).transpose()?;
        let labels = Labels {
            batch: &labels,
            second: of_second.as_deref().unwrap_or_default(),
        };
        let noise = self.noise(batch)?;
        let at = |step: usize| Batch {
            images: Images::Values(images),
            second,
            labels,
            noise: &noise[step],
            position: self.plan.position(step as u64),
            kl_weight: self.plan.spec.loss.kl_weight,
        };

        let mut rows = vec![];
        let forward = model.forward(at(0)).map_err(|e| self.failure(e))?;
        // Several points of an image are the first axis.
        let of_points = |shape: &[usize]| match points {
            1 => shape.to_vec(),
            points => [&[points], shape].concat(),
        };
        let logits_shape = of_points(&[batch, height, width, channels]);
        let (map_height, map_width) = architecture.latent_map();
        let map = match architecture.head {
            Head::Map => vec![batch, map_height, map_width, latent],
            Head::Gaussian | Head::Mean => vec![batch, latent],
        };
        rows.push(self.deviation("mean", &map, &forward.losses.means)?);
        if let Some(log_var) = &forward.log_var {
            rows.push(self.deviation("log_var", &[batch, latent], log_var)?);
        }
        rows.push(self.deviation("z", &of_points(&map), &forward.z)?);
        if let Some(codes) = &forward.codes {
            let codes: Vec<f32> = codes.iter().map(|&code| code as f32).collect();
            rows.push(self.deviation("codes", &map[..3], &codes)?);
        }
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
            let names = match self.plan.has_distribution() {
                true => &["loss", "reconstruction", "kl"][..],
                false => &["loss", "reconstruction"],
            };
            for (&name, want) in names.iter().zip(expected) {
                rows.push(number(step, name, losses.term(name), *want));
            }
            for (name, want) in self.description.terms.get(step).into_iter().flatten() {
                rows.push(number(step, name, losses.term(name), *want));
            }
            if step != 1 {
                self.compare_weights(model.as_ref(), step + 1, &mut rows)?;
            }
        }
        Ok(rows)
    }

    /// The classes of a batch's images, of which only a conditional model is told.
    fn labels(&self, name: &str, batch: usize) -> Result<Vec<u16>, CliError> {
        let classes = self.plan.architecture.classes;
        if classes == 0 {
            return Ok(vec![]);
        }
        let label = |&value: &f32| {
            let is_class = value >= 0.0 && value.fract() == 0.0 && value < classes as f32;
            is_class.then_some(value as u16)
        };
        let labels: Option<Vec<u16>> = self.values(name, &[batch])?.iter().map(label).collect();
        labels.ok_or_else(|| {
            let text = format!(
                "tensor `{name}` holds other values than 0 to {}",
                classes - 1
            );
            self.invalid(&text)
        })
    }

    /// The random numbers of each step that the objective asks for.
    fn noise(&self, batch: usize) -> Result<[Vec<Drawn>; 3], CliError> {
        let mut steps = [vec![], vec![], vec![]];
        for noise in self.plan.noise() {
            let name = noise_tensor(noise.purpose)
                .ok_or_else(|| self.invalid("it has no random numbers of the objective"))?;
            let len = noise.len(batch, self.plan.architecture.latent);
            let tensor = self.tensor(name)?;
            if tensor.data.len() != 3 * len {
                return Err(self.invalid(&format!(
                    "tensor `{name}` holds {} values, three steps need {}",
                    tensor.data.len(),
                    3 * len
                )));
            }
            for (step, values) in steps.iter_mut().zip(tensor.data.chunks(len)) {
                step.push(Drawn {
                    purpose: noise.purpose,
                    values: values.to_vec(),
                });
            }
        }
        Ok(steps)
    }

    fn compare_weights(
        &self,
        model: &dyn Model,
        step: usize,
        rows: &mut Vec<Deviation>,
    ) -> Result<(), CliError> {
        let buffers = self.likelihood_buffers();
        let weights = model.weights().into_iter();
        for tensor in weights.filter(|tensor| !buffers.contains(&tensor.name)) {
            rows.push(self.deviation(
                &name_in_file(&format!("step{step}."), &tensor.name),
                &tensor.shape,
                &tensor.data,
            )?);
        }
        Ok(())
    }

    /// Numbers that the likelihood keeps for evaluation, which no file holds.
    fn likelihood_buffers(&self) -> Vec<String> {
        let buffers = self.plan.spec.loss.reconstruction.buffers().iter();
        buffers
            .map(|it| format!("{}.{}", likelihood::PREFIX, it.name))
            .collect()
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

/// The name of a tensor of the model in a file, before the first step (`init.`) or after one (`step1.`).
fn name_in_file(when: &str, name: &str) -> String {
    match name {
        "latent.count" | "latent.sum" => {
            let name = name.trim_start_matches(latent::PREFIX);
            match when {
                "init." => format!("ema_init.{name}"),
                _ => format!("{when}ema.{name}"),
            }
        }
        _ => format!("{when}{name}"),
    }
}

/// How far a single number of a step is off, as a part of its size or of 1, whichever is larger: a term may be the
/// difference of larger ones.
fn number(step: usize, name: &str, got: f64, want: f64) -> Deviation {
    let error = (got - want).abs() / want.abs().max(1.0);
    Deviation {
        name: format!("step{}.{name}", step + 1),
        error: if error.is_nan() { f64::INFINITY } else { error },
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

    /// Values of the family's members from PyTorch's autograd in double precision.
    #[test]
    fn agrees_with_the_values_of_every_member() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/golden/family");
        let Ok(files) = std::fs::read_dir(&folder) else {
            println!("skipped, no folder {}", folder.display());
            return;
        };
        let mut wrong = vec![];
        for path in files.map(|file| file.unwrap().path()) {
            let name = path.file_name().unwrap().to_string_lossy();
            let Some(name) = name.strip_suffix(".safetensors") else {
                continue;
            };
            if name.contains(".scores") {
                continue;
            }
            for device in [Device::Cpu, Device::CpuDfdx] {
                let rows = Reference::read(&path).and_then(|file| file.compare(device));
                match rows {
                    Ok(rows) => wrong.extend(
                        rows.into_iter()
                            .filter(|row| row.error.is_nan() || row.error > 1e-4)
                            .map(|row| format!("{name} on {device}: {row:?}")),
                    ),
                    Err(error) => wrong.push(format!("{name} on {device}: {error:?}")),
                }
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    #[test]
    fn takes_the_ratio_of_norms() {
        assert_eq!(relative(&[3.0, 4.0], &[3.0, 4.0]), 0.0);
        assert_eq!(relative(&[6.0, 8.0], &[3.0, 4.0]), 1.0);
        assert_eq!(relative(&[0.5], &[0.0]), 0.5);
        assert_eq!(relative(&[f64::NAN], &[1.0]), f64::INFINITY);
    }
}
