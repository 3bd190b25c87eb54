//! Three images that the error of any likelihood can be computed of, for tests with literal values.

use std::convert::Infallible;

use dfdx::shapes::Shape;
use dfdx::tensor::{Cpu, Gradients, PutTape, SplitTape, Tensor, Trace};
use dfdx::tensor_ops::{Backward, SumTo, TryMul};

use super::{AnyLikelihood, Likelihood, PREFIX};
use crate::nn::layers::BufferUpdates;
use crate::nn::{Backend, DfdxOps, Maps, Mode, Parameters, Visit, VisitMut};
use crate::optim::Step;

const SHAPE: (usize, usize, usize, usize) = (3, 2, 1, 2);

pub const LOGITS: [f32; 12] = [
    -1.2, 2.0, 0.1, 0.6, 0.0, -0.2, 3.5, -2.5, 0.9, -4.0, 1.5, 0.24,
];
/// Of these each is a multiple of 1/255.
pub const IMAGES: [f32; 12] = [0.0, 1.0, 0.2, 0.6, 1.0, 0.0, 0.8, 0.4, 0.2, 0.0, 1.0, 0.6];
/// Weights of the images in the loss whose gradients are taken.
pub const WEIGHTS: [f32; 3] = [1.0, -2.0, 0.5];

/// What a likelihood makes of [`IMAGES`].
#[derive(Debug, PartialEq)]
pub struct Found {
    /// The error of each image.
    pub per_image: Vec<f32>,
    /// The mean over the batch.
    pub error: f32,
    /// Gradients of the errors times [`WEIGHTS`].
    pub d_logits: Vec<f32>,
    /// The same, of the likelihood's own parameters.
    pub d_own: Vec<f32>,
    /// The gradient of the mean.
    pub d_error: Vec<f32>,
}

/// On both backends, in training.
pub fn found(likelihood: AnyLikelihood, own: &[f32]) -> [Found; 2] {
    found_at(likelihood, own, &LOGITS, &IMAGES)
}

pub fn found_at(
    likelihood: AnyLikelihood,
    own: &[f32],
    logits: &[f32],
    images: &[f32],
) -> [Found; 2] {
    let of = (likelihood, own, logits, images);
    [found_on::<Cpu>(of), found_on::<DfdxOps<Cpu>>(of)]
}

fn found_on<D: Backend>(
    (likelihood, own, logits, images): (AnyLikelihood, &[f32], &[f32], &[f32]),
) -> Found
where
    D::Device: Default,
{
    let device = D::Device::default();
    let likelihood = with_own::<D>(&device, likelihood, own);
    let maps = |values| -> Maps<usize, D> { D::tensor(&device, values, SHAPE).unwrap() };
    let (logits, images, updates) = (maps(logits), maps(images), BufferUpdates::default());
    let mode = Mode::training(&updates);
    let gradient = |gradients: &mut Gradients<f32, D::Device>| {
        gradients.try_alloc_for(&logits).unwrap();
        D::to_vec(&gradients.get(&logits))
    };

    let traced = logits.leaky_trace();
    let per_image = likelihood.per_image(traced, images.clone(), mode).unwrap();
    let (per_image, tape) = per_image.split_tape();
    let values = D::to_vec(&per_image);
    let per_image = per_image.put_tape(tape);
    let weights = D::tensor(&device, &WEIGHTS, (3,)).unwrap();
    let loss: Tensor<(), f32, D::Device, _> =
        per_image.try_mul(weights).unwrap().try_sum().unwrap();
    let mut gradients = loss.try_backward().unwrap();
    let mut own = OwnGradients::<D> {
        gradients: &mut gradients,
        found: vec![],
    };
    let Ok(()) = likelihood.visit(PREFIX, &mut own);
    let d_own = own.found;
    let d_logits = gradient(&mut gradients);

    let error = likelihood
        .error(logits.leaky_trace(), images.clone(), mode)
        .unwrap();
    let value = D::scalar(&error);
    let d_error = gradient(&mut error.try_backward().unwrap());
    Found {
        per_image: values,
        error: value,
        d_logits,
        d_own,
        d_error,
    }
}

/// The error in evaluation after training on the batches of these images, each with [`LOGITS`].
pub fn evaluated<D: Backend>(likelihood: AnyLikelihood, batches: &[[f32; 12]]) -> f32
where
    D::Device: Default,
{
    let device = D::Device::default();
    let mut likelihood = with_own::<D>(&device, likelihood, &[]);
    let maps = |values: &[f32]| -> Maps<usize, D> { D::tensor(&device, values, SHAPE).unwrap() };
    for images in batches {
        let updates = BufferUpdates::default();
        let mode = Mode::training(&updates);
        let error = likelihood.error(maps(&LOGITS), maps(images), mode).unwrap();
        let step = Step {
            learning_rate: 1.0,
            number: 1,
            gradient_scale: 1.0,
        };
        let judged = D::judge(step, &[&error], vec![D::Squares::default()], None, None);
        let (_, gate) = judged.unwrap().remove(0);
        let mut apply = Apply::<D> {
            updates: &updates,
            gate: &gate,
        };
        likelihood.visit_mut(PREFIX, &mut apply).unwrap();
    }
    let error = likelihood.error(maps(&LOGITS), maps(&IMAGES), Mode::Evaluation);
    D::scalar(&error.unwrap())
}

fn with_own<D: Backend>(
    device: &D::Device,
    likelihood: AnyLikelihood,
    own: &[f32],
) -> Likelihood<D> {
    let mut likelihood = Likelihood::<D>::new(device, likelihood).unwrap();
    let mut set = SetOwn(own.to_vec());
    let Ok(()) = likelihood.visit_mut(PREFIX, &mut set);
    assert!(set.0.is_empty(), "more values than parameters");
    likelihood
}

struct SetOwn(Vec<f32>);

impl<D: Backend> VisitMut<D> for SetOwn {
    type Err = Infallible;
    fn parameter<S: Shape>(
        &mut self,
        _: &str,
        param: &mut Tensor<S, f32, D::Device>,
    ) -> Result<(), Infallible> {
        if !self.0.is_empty() {
            param.copy_from(&[self.0.remove(0)]);
        }
        Ok(())
    }
}

struct OwnGradients<'a, D: Backend> {
    gradients: &'a mut Gradients<f32, D::Device>,
    found: Vec<f32>,
}

impl<D: Backend> Visit<D> for OwnGradients<'_, D> {
    type Err = Infallible;
    fn parameter<S: Shape>(
        &mut self,
        _: &str,
        param: &Tensor<S, f32, D::Device>,
    ) -> Result<(), Infallible> {
        self.gradients.try_alloc_for(param).unwrap();
        self.found.extend(D::to_vec(&self.gradients.get(param)));
        Ok(())
    }
}

struct Apply<'a, D: Backend> {
    updates: &'a BufferUpdates<D>,
    gate: &'a D::UpdateGate,
}

impl<D: Backend> VisitMut<D> for Apply<'_, D> {
    type Err = D::Err;
    fn parameter<S: Shape>(
        &mut self,
        _: &str,
        _: &mut Tensor<S, f32, D::Device>,
    ) -> Result<(), D::Err> {
        Ok(())
    }

    fn buffer<S: Shape>(
        &mut self,
        name: &str,
        buffer: &mut Tensor<S, f32, D::Device>,
    ) -> Result<(), D::Err> {
        self.updates.apply(self.gate, name, buffer)
    }
}

/// Both within 1e-5 of the larger of 1 and the expected value.
#[track_caller]
pub fn assert_close(got: &[f32], want: &[f32]) {
    assert_eq!(got.len(), want.len());
    let close = |(g, w): (&f32, &f32)| (g - w).abs() <= 1e-5 * w.abs().max(1.0);
    assert!(got.iter().zip(want).all(close), "{got:?}\nis not\n{want:?}");
}

/// Errors of images, the gradients of their weighted sum, those of own parameters, on both backends; the mean, whose
/// gradient is that of equal weights.
#[track_caller]
pub fn check(
    likelihood: AnyLikelihood,
    own: &[f32],
    per_image: [f32; 3],
    d_logits: [f32; 12],
    d_own: &[f32],
) {
    for found in found(likelihood, own) {
        assert_close(&found.per_image, &per_image);
        assert_close(&found.d_logits, &d_logits);
        assert_close(&found.d_own, d_own);
        assert_close(&[found.error], &[per_image.iter().sum::<f32>() / 3.0]);
        let weight = |i: usize| 3.0 * WEIGHTS[i / 4];
        let equal: Vec<f32> = d_logits
            .iter()
            .enumerate()
            .map(|(i, d)| d / weight(i))
            .collect();
        assert_close(&found.d_error, &equal);
    }
}

/// Neither errors nor gradients are NaN or infinite for logits that a sigmoid cannot tell from 0 and 1.
#[track_caller]
pub fn stays_finite(likelihood: AnyLikelihood) {
    let own: &[&[f32]] = match likelihood.parameters().len() {
        0 => &[&[]],
        _ => &[&[-1e9], &[1e9], &[0.0]],
    };
    let extremes = [300.0, -300.0, 90.0, -90.0, 1e-30, -1e-30];
    for own in own {
        for image in [0.0, 0.4, 1.0] {
            let logits: Vec<f32> = extremes.iter().copied().cycle().take(12).collect();
            for found in found_at(likelihood, own, &logits, &[image; 12]) {
                let all = [
                    &found.per_image,
                    &found.d_logits,
                    &found.d_own,
                    &found.d_error,
                ];
                let finite = all.iter().all(|it| it.iter().all(|v| v.is_finite()));
                assert!(
                    finite && found.error.is_finite(),
                    "{own:?} {image}: {found:?}"
                );
            }
        }
    }
}
