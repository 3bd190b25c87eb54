//! A network with its objective and optimizer: the implementation of [`Model`].

use std::cell::Cell;
use std::collections::BTreeMap;

use dfdx::shapes::{Dim, HasShape};
use dfdx::tensor::{Gradients, NoneTape, Tape, Tensor, TensorFromVec, Trace};
use dfdx::tensor_ops::{Backward, GatherTo, ReshapeTo};

use super::Vae;
use super::error::{ModelError, device_error};
use super::labelled::Labelled;
use super::latent_axis::LatentAxis;
use super::manifold::decode;
use super::model::{Batch, Forward, Images, Labels, Model, Planar, StepMetrics, StepReport};
use super::pending::{PendingMetrics, PendingStep};
use super::visitors::{Assign, Collect, CollectGradients, Slots, SquaredNorm, Update};
use crate::kernels::Extent;
use crate::kernels::profile::{self, part};
use crate::latent::{self, Encoded};
use crate::likelihood::{self, Likelihood};
use crate::nn::backend::counted;
use crate::nn::layers::BufferUpdates;
use crate::nn::{Backend, Maps, Mode, Parameters, Visit, VisitMut};
use crate::numeric::named_tensor::NamedTensor;
use crate::objective::{
    Given, Loss, Network as _, Outcome, OwnOptimizer, ParameterGroup, Prepared, Second, Setup,
};
use crate::optim::schedule::Position;
use crate::optim::{Rule, Step};
use crate::prior::{self, Mixture};

/// All that is trained, in groups.
pub(super) struct Groups<C: Dim, Z: Dim, D: Backend> {
    pub(super) network: Vae<C, Z, D>,
    /// Trained with the network.
    pub(super) likelihood: Likelihood<D>,
    pub(super) kind: latent::Prepared<D>,
    pub(super) prior: prior::Prepared<D>,
    pub(super) objective: Prepared<Z, D>,
}

impl<C: Dim, Z: Dim, D: Backend> Groups<C, Z, D> {
    pub(super) fn visit<V: Visit<D>>(
        &self,
        group: ParameterGroup,
        visitor: &mut V,
    ) -> Result<(), V::Err> {
        match group {
            ParameterGroup::Network => {
                self.network.visit(group.prefix(), visitor)?;
                self.likelihood.visit(likelihood::PREFIX, visitor)?;
                self.kind.visit(latent::PREFIX, visitor)?;
                self.prior.visit("prior.", visitor)
            }
            ParameterGroup::Objective => self.objective.visit(group.prefix(), visitor),
        }
    }

    fn visit_mut<V: VisitMut<D>>(
        &mut self,
        group: ParameterGroup,
        visitor: &mut V,
    ) -> Result<(), V::Err> {
        match group {
            ParameterGroup::Network => {
                self.network.visit_mut(group.prefix(), visitor)?;
                self.likelihood.visit_mut(likelihood::PREFIX, visitor)?;
                self.kind.visit_mut(latent::PREFIX, visitor)?;
                self.prior.visit_mut("prior.", visitor)
            }
            ParameterGroup::Objective => self.objective.visit_mut(group.prefix(), visitor),
        }
    }
}

/// How each group is trained.
pub(super) struct Optimizers {
    /// The network's rule.
    pub(super) network: Rule,
    /// The objective's, where it has one of its own.
    pub(super) objective: Option<OwnOptimizer>,
}

impl Optimizers {
    pub(super) fn rule(&self, group: ParameterGroup) -> &Rule {
        match (group, &self.objective) {
            (ParameterGroup::Objective, Some(own)) => &own.rule,
            _ => &self.network,
        }
    }

    fn step(&self, group: ParameterGroup, step: Step) -> Step {
        match (group, self.objective) {
            (ParameterGroup::Objective, Some(own)) => Step {
                learning_rate: own.learning_rate,
                ..step
            },
            _ => step,
        }
    }
}

/// A network, its objective, its optimizers and their state.
pub(super) struct TrainableVae<C: Dim, Z: Dim, D: Backend> {
    pub(super) device: D::Device,
    pub(super) groups: Groups<C, Z, D>,
    pub(super) channels: C,
    pub(super) latent: Z,
    pub(super) image: Extent,
    /// Latent points of an image.
    pub(super) places: usize,
    pub(super) setup: Setup,
    pub(super) optimizers: Optimizers,
    /// By the parameter's name.
    pub(super) state: BTreeMap<String, Slots<D>>,
    /// Steps that were taken and not reported.
    pub(super) unread: Vec<PendingStep<Z, D>>,
    /// What became of the last step.
    pub(super) gate: Option<D::UpdateGate>,
    /// All images of the data set, (image, value), where the device holds them.
    pub(super) kept: Option<Tensor<(usize, usize), f32, D::Device>>,
    /// Images of the batch before.
    pub(super) batch: Cell<usize>,
}

impl<C: Dim, Z: Dim, D: Backend> TrainableVae<C, Z, D> {
    /// Gives memory back that was kept for batches of another size: an epoch's last batch, which is smaller, does not
    /// need its own beside that of the others.
    fn expect(&self, images: usize) -> Result<(), D::Err> {
        match self.batch.replace(images) == images {
            true => Ok(()),
            false => D::release(&self.device),
        }
    }

    fn images(&self, images: Images) -> Result<Maps<C, D>, D::Err> {
        let count = match images {
            Images::Values(values) => values.len() / self.image.len(),
            Images::Kept(places) => places.len(),
        };
        self.expect(count)?;
        let Extent { height, width, .. } = self.image;
        let shape = (count, height, width, self.channels);
        match (images, &self.kept) {
            (Images::Values(values), _) => D::tensor(&self.device, values, shape),
            (Images::Kept(places), Some(kept)) => {
                let places = places.iter().map(|&place| place as usize).collect();
                let places = self.device.try_tensor_from_vec(places, (count,))?;
                let rows: Tensor<(usize, usize), f32, D::Device> =
                    kept.clone().try_gather(places)?;
                rows.try_reshape_like(&shape)
            }
            // No caller names images that were not given; an empty batch fails the shape's check.
            (Images::Kept(_), None) => D::tensor(&self.device, &[], shape),
        }
    }

    /// What belongs to a batch besides its images.
    fn given<'a>(
        &'a self,
        second: Option<Second<C, D>>,
        batch: &Batch<'a>,
        mode: Mode<'a, D>,
    ) -> Given<'a, C, Z, D> {
        Given {
            second,
            noise: batch.noise,
            latent: self.latent,
            position: batch.position,
            likelihood: &self.groups.likelihood,
            prior: &self.groups.prior,
            kind: &self.groups.kind,
            kl_weight: batch.kl_weight,
            mode,
            loss: &self.setup.loss,
            train_images: self.setup.train_images,
            device: &self.device,
        }
    }

    /// The decoder's input for images, at rest, and the rows of a codebook; of a distribution its means.
    fn encoded(&self, images: &[f32], labels: &[u16]) -> Result<Encoded<D>, D::Err> {
        let images = self.images(Images::Values(images))?;
        let network = &self.groups.network;
        let network = Labelled::new(network, Labels::of(labels), images.shape().0)?;
        let points = network.points(images, Mode::Evaluation)?;
        let points = counted::<_, D, _>(points)?;
        Ok(self.groups.kind.encode(points, Mode::Evaluation)?.0)
    }

    /// The learned prior.
    fn mixture(&self) -> Result<Option<Mixture>, D::Err> {
        let nothing = Batch {
            images: Images::Values(&[]),
            second: None,
            labels: Labels::default(),
            noise: &[],
            position: Position::default(),
            kl_weight: 0.0,
        };
        let given = self.given(None, &nothing, Mode::Evaluation);
        let network = Labelled::new(&self.groups.network, nothing.labels, 0)?;
        let (components, NoneTape) = given.components(&network, self.channels, NoneTape)?;
        Ok(components.map(|it| Mixture {
            log_weights: D::to_vec(&it.log_weights),
            mean: D::to_vec(&it.mean),
            log_var: D::to_vec(&it.log_var),
        }))
    }

    /// Losses and terms of a batch, whose images may carry a tape.
    fn outcome<T: Tape<f32, D::Device>>(
        &self,
        images: Maps<C, D, T>,
        batch: Batch,
        mode: Mode<'_, D>,
    ) -> Result<Outcome<C, Z, D, T>, D::Err> {
        let second = batch.second.map(|images| self.images(images)).transpose()?;
        let given = self.given(second.map(Second::new), &batch, mode);
        let Groups {
            network, objective, ..
        } = &self.groups;
        let network = Labelled::new(network, batch.labels, images.shape().0)?;
        objective.outcome(&network, images, &given)
    }

    /// Forward, and backward from each loss.
    fn gradients(
        &self,
        batch: Batch,
        updates: &BufferUpdates<D>,
    ) -> Result<Differentiated<C, Z, D>, D::Err> {
        let images = || self.images(batch.images);
        let images = part(|| profile::BATCH.into(), images)?.leaky_traced();
        let Outcome {
            values: told,
            losses,
            terms,
        } = self.outcome(images, batch, Mode::training(updates))?;
        let (mut values, mut gradients) = (vec![], vec![]);
        for Loss { name, value, group } in losses {
            values.push(Loss {
                name,
                value: value.retaped(),
                group,
            });
            gradients.push((group, value.try_backward()?));
        }
        let outcome = Outcome {
            values: told,
            losses: values,
            terms,
        };
        Ok((outcome, gradients))
    }

    /// A step whose numbers stay on the device.
    fn step(&mut self, batch: Batch, step: Step, clip_norm: Option<f64>) -> Result<(), D::Err> {
        let updates = BufferUpdates::default();
        let (outcome, mut gradients) = self.gradients(batch, &updates)?;
        let squares = |(group, gradients): &mut (ParameterGroup, _)| {
            let squares = D::Squares::default();
            let mut norm = SquaredNorm::<D> { gradients, squares };
            self.groups.visit(*group, &mut norm)?;
            Ok(norm.squares)
        };
        let squares: Vec<D::Squares> = part(
            || profile::GRADIENT_NORM.into(),
            || gradients.iter_mut().map(squares).collect::<Result<_, _>>(),
        )?;
        let numbers = PendingMetrics::of(outcome);
        let before = self.gate.as_ref();
        let judged = D::judge(step, &numbers.terms(), squares, clip_norm, before)?;
        let (norms, gates): (Vec<_>, Vec<_>) = judged.into_iter().unzip();
        self.unread.push(PendingStep { numbers, norms });
        let (groups, optimizers, state) = (&mut self.groups, &self.optimizers, &mut self.state);
        let update = || {
            for ((group, mut gradients), gate) in gradients.into_iter().zip(&gates) {
                let mut update = Update::<D> {
                    rule: optimizers.rule(group),
                    step: optimizers.step(group, step),
                    gate,
                    gradients: &mut gradients,
                    state,
                    updates: &updates,
                };
                groups.visit_mut(group, &mut update)?;
            }
            Ok(())
        };
        part(|| profile::OPTIMIZER.into(), update)?;
        // All groups are applied, or none.
        self.gate = gates.into_iter().next();
        Ok(())
    }
}

/// Forward values, and the gradients of each loss with the group that it trains.
type Differentiated<C, Z, D> = (
    Outcome<C, Z, D>,
    Vec<(ParameterGroup, Gradients<f32, <D as Backend>::Device>)>,
);

impl<C: Dim, Z: LatentAxis, D: Backend> Model for TrainableVae<C, Z, D> {
    fn begin_step(
        &mut self,
        batch: Batch,
        step: Step,
        clip_norm: Option<f64>,
    ) -> Result<(), ModelError> {
        self.step(batch, step, clip_norm).map_err(device_error)
    }

    fn reports(&mut self) -> Vec<Result<StepReport, ModelError>> {
        let reports = self.unread.drain(..).map(|unread| unread.read()).collect();
        // What was refused is known now; later steps begin anew.
        self.gate = None;
        reports
    }

    fn most_unread(&self) -> usize {
        D::MOST_UNREAD
    }

    fn evaluate(&self, batch: Batch) -> Result<StepMetrics, ModelError> {
        let images = self.images(batch.images).map_err(device_error)?;
        let outcome = self
            .outcome(images, batch, Mode::Evaluation)
            .map_err(device_error)?;
        Ok(PendingMetrics::of(outcome).read())
    }

    fn forward(&self, batch: Batch) -> Result<Forward, ModelError> {
        let gradients = self.gradients(batch, &BufferUpdates::default());
        let (outcome, gradients) = gradients.map_err(device_error)?;
        let mut tensors = vec![];
        for (group, mut gradients) in gradients {
            let mut collect = CollectGradients::<D> {
                gradients: &mut gradients,
                tensors: &mut tensors,
            };
            let collected = self.groups.visit(group, &mut collect);
            collected.map_err(device_error)?;
        }
        let values = &outcome.values;
        let log_var = values.log_var.as_ref().map(D::to_vec);
        let (z, logits) = (D::to_vec(&values.z), D::to_vec(&values.logits));
        let codes = values.codes.as_ref().map(|codes| codes.rows.clone());
        let losses = PendingMetrics::of(outcome).read();
        if let Some(term) = losses.non_finite() {
            return Err(ModelError::NotFinite(term));
        }
        Ok(Forward {
            losses,
            log_var,
            z,
            codes,
            logits,
            gradients: tensors,
        })
    }

    fn encode(&self, images: &[f32], labels: &[u16]) -> Result<Vec<f32>, ModelError> {
        let encoded = self.encoded(images, labels).map_err(device_error)?;
        Ok(D::to_vec(&encoded.z))
    }

    fn codes(&self, images: &[f32], labels: &[u16]) -> Result<Option<Vec<usize>>, ModelError> {
        let encoded = self.encoded(images, labels).map_err(device_error)?;
        Ok(encoded.codes.map(|codes| codes.rows))
    }

    fn prior(&self) -> Result<Option<Mixture>, ModelError> {
        self.mixture().map_err(device_error)
    }

    fn decode(&self, z: &[f32], labels: &[u16]) -> Result<Vec<f32>, ModelError> {
        let (points, places) = (z.len() / self.latent.size(), self.places);
        if points % places != 0 {
            let text = format!("{points} latent points are no images of {places} points each");
            return Err(ModelError::Mismatch(text));
        }
        self.expect(points / places)
            .and_then(|()| {
                decode(
                    &self.groups.network,
                    &self.setup.loss.reconstruction,
                    z,
                    self.latent,
                    labels,
                )
            })
            .map_err(device_error)
    }

    fn weights(&self) -> Vec<NamedTensor> {
        let mut collect = Collect { tensors: vec![] };
        for group in ParameterGroup::ALL {
            let Ok(()) = self.groups.visit(group, &mut collect);
        }
        collect.tensors
    }

    fn set_weights(&mut self, weights: &[NamedTensor]) -> Result<(), ModelError> {
        check_fit(&self.weights(), weights)?;
        let by_name = weights.iter().map(|t| (t.name.as_str(), t)).collect();
        let mut assign = Assign { by_name };
        for group in ParameterGroup::ALL {
            let Ok(()) = self.groups.visit_mut(group, &mut assign);
        }
        Ok(())
    }

    fn optimizer_state(&self) -> Vec<NamedTensor> {
        let mut tensors = vec![];
        for param in self.weights() {
            let slots = self
                .optimizers
                .rule(ParameterGroup::of(&param.name))
                .slots();
            let state = self.state.get(&param.name).into_iter().flatten();
            for (slot, tensor) in slots.iter().zip(state) {
                tensors.push(NamedTensor {
                    name: format!("optimizer.{slot}.{}", param.name),
                    shape: param.shape.clone(),
                    data: D::to_vec(tensor),
                });
            }
        }
        tensors
    }

    fn set_optimizer_state(&mut self, state: &[NamedTensor]) -> Result<(), ModelError> {
        check_fit(&self.optimizer_state(), state)?;
        let by_name: BTreeMap<&str, &NamedTensor> =
            state.iter().map(|t| (t.name.as_str(), t)).collect();
        for (param, tensors) in &mut self.state {
            let slots = self.optimizers.rule(ParameterGroup::of(param)).slots();
            for (slot, tensor) in slots.iter().zip(tensors) {
                if let Some(source) = by_name.get(format!("optimizer.{slot}.{param}").as_str()) {
                    tensor.copy_from(&source.data);
                }
            }
        }
        Ok(())
    }

    fn takes_images(&self) -> bool {
        D::TAKES_IMAGES
    }

    fn keep_images(&mut self, images: &[f32]) -> Result<(), ModelError> {
        let size = self.image.len();
        let kept = D::tensor(&self.device, images, (images.len() / size, size));
        self.kept = Some(kept.map_err(device_error)?);
        Ok(())
    }

    fn keeps_images(&self) -> bool {
        self.kept.is_some()
    }

    fn release_memory(&self) -> Result<(), ModelError> {
        D::release(&self.device).map_err(device_error)
    }

    fn planar(&self) -> Option<Box<dyn Planar + '_>> {
        // Of several points an image has no plane.
        match self.places {
            1 => Z::planar(&self.groups.network, &self.setup.loss.reconstruction),
            _ => None,
        }
    }
}

/// Whether `given` has exactly the names and shapes of `wanted`.
fn check_fit(wanted: &[NamedTensor], given: &[NamedTensor]) -> Result<(), ModelError> {
    let mismatch = |text: String| Err(ModelError::Mismatch(text));
    let by_name: BTreeMap<&str, &NamedTensor> =
        given.iter().map(|t| (t.name.as_str(), t)).collect();
    for tensor in wanted {
        let NamedTensor { name, shape, .. } = tensor;
        let Some(found) = by_name.get(name.as_str()) else {
            return mismatch(format!("tensor `{name}` is missing"));
        };
        if &found.shape != shape || found.data.len() != tensor.data.len() {
            return mismatch(format!(
                "tensor `{name}` has shape {:?}, the network needs {shape:?}",
                found.shape
            ));
        }
    }
    let known: std::collections::BTreeSet<&str> = wanted.iter().map(|t| t.name.as_str()).collect();
    if let Some(other) = given.iter().find(|t| !known.contains(t.name.as_str())) {
        return mismatch(format!(
            "tensor `{}` belongs to no layer of the network",
            other.name
        ));
    }
    if given.len() != wanted.len() {
        return mismatch("a tensor is there twice".to_owned());
    }
    Ok(())
}
