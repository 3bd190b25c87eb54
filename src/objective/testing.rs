//! A small network that any objective can be computed with, for tests with literal values.

use dfdx::shapes::{Const, HasShape};
use dfdx::tensor::{Cpu, PutTape, SplitTape, Tape, Tensor, Trace};
use dfdx::tensor_ops::{Backward, ReshapeTo};

use super::noise::Drawn;
use super::{AnyObjective, Given, LossTerms, Network, Prepared};
use crate::latent::{self, AnyLatent};
use crate::likelihood::{AnyLikelihood, Likelihood};
use crate::nn::backend::{Distribution, Latent};
use crate::nn::params::Init;
use crate::nn::{Backend, DfdxOps, Maps, Mode};
use crate::numeric::random::Purpose;
use crate::optim::schedule::Position;
use crate::prior::{self, AnyPrior};

type Axes = Const<3>;
const SHAPE: (usize, Axes) = (4, Const);

pub const MEAN: [f32; 12] = [
    0.4, -1.2, 0.0, 1.0, 0.3, -0.7, -0.5, 0.9, 0.2, 0.1, -0.4, 1.5,
];
pub const LOG_VAR: [f32; 12] = [
    -0.5, 0.2, -1.0, -2.0, 0.0, -0.3, 0.4, -1.5, -0.8, 0.1, -0.6, -2.5,
];
pub const EPS: [f32; 12] = [
    0.3, -0.8, 1.1, -1.4, 0.6, 0.2, 0.9, -0.1, -1.7, 0.5, 1.3, -0.4,
];
/// Points of the prior, for objectives that compare with them.
pub const PRIOR: [f32; 12] = [
    -0.3, 0.8, 1.4, 0.5, -1.1, 0.2, 1.6, 0.0, -0.9, -0.6, 0.7, -1.8,
];
/// Images of a row of three pixels without height: as many channels as there are latent axes.
pub const IMAGES: [f32; 12] = [0.0, 1.0, 0.5, 0.2, 0.9, 0.7, 1.0, 0.0, 0.3, 0.6, 0.8, 0.1];

/// An encoder that gives [`MEAN`] and [`LOG_VAR`] whatever the images are, and a decoder whose logits are the points.
#[derive(Clone)]
struct Fixed<D: Backend> {
    mean: Latent<Axes, D>,
    log_var: Latent<Axes, D>,
}

impl<D: Backend> Network<Axes, Axes, D> for Fixed<D> {
    fn encode<T: Tape<f32, D::Device>>(
        &self,
        images: Maps<Axes, D, T>,
        _: Mode<'_, D>,
    ) -> Result<Distribution<Axes, D, T>, D::Err> {
        let (_, tape) = images.split_tape();
        Ok((self.mean.clone().put_tape(tape), self.log_var.clone()))
    }

    fn decode<T: Tape<f32, D::Device>>(
        &self,
        z: Latent<Axes, D, T>,
        _: Mode<'_, D>,
    ) -> Result<Maps<Axes, D, T>, D::Err> {
        let points = z.shape().0;
        z.try_reshape_like(&(points, 1, 1, Const))
    }
}

/// What an objective makes of the batch, with a weight of 2 on the reconstruction error and of 0.5 on the KL,
/// 100 training images, and the second step of a run of three epochs of ten.
#[derive(Debug)]
pub struct Found {
    pub loss: f32,
    /// By their names.
    pub terms: Vec<(&'static str, f32)>,
    /// Gradients of the loss.
    pub d_mean: Vec<f32>,
    pub d_log_var: Vec<f32>,
}

impl Found {
    pub fn of<D: Backend>(device: &D::Device, objective: &AnyObjective) -> Self {
        let drawn = |purpose, values: &[f32]| Drawn {
            purpose,
            values: values.to_vec(),
        };
        let noise = [drawn(Purpose::Noise, &EPS), drawn(Purpose::Prior, &PRIOR)];
        Self::with::<D>(device, objective, &noise)
    }

    /// With these random numbers.
    pub fn with<D: Backend>(device: &D::Device, objective: &AnyObjective, noise: &[Drawn]) -> Self {
        let tensor = |values: &[f32]| D::tensor(device, values, SHAPE).unwrap();
        let network = Fixed::<D> {
            mean: tensor(&MEAN),
            log_var: tensor(&LOG_VAR),
        };
        let prepared = Prepared::<Axes, D>::new(objective, device, &mut Init::new(0), Const);
        let (kind, prior) = (AnyLatent::default(), AnyPrior::default());
        let kind = latent::Prepared::new(&kind, device, &mut Init::new(0), 3).unwrap();
        let sizes = prior::Sizes {
            image: crate::kernels::Extent {
                height: 1,
                width: 1,
                channels: 3,
            },
            latent: 3,
        };
        let prior = prior::Prepared::new(&prior, device, &mut Init::new(0), sizes).unwrap();
        let given = Given {
            second: None,
            noise,
            latent: Const,
            position: Position {
                step: 1,
                steps_per_epoch: 10,
                epochs: 3,
            },
            prior: &prior,
            kind: &kind,
            kl_weight: 0.5,
            mode: Mode::Evaluation,
            loss: &LossTerms {
                reconstruction: AnyLikelihood::default(),
                reconstruction_weight: 2.0,
                kl_mean: false,
            },
            likelihood: &Likelihood::new(device, AnyLikelihood::default()).unwrap(),
            train_images: 100,
            device,
        };
        let images = D::tensor(device, &IMAGES, (4, 1, 1, Const)).unwrap();
        let outcome = prepared.unwrap();
        let outcome = outcome.outcome(&network, images.leaky_traced(), &given);
        let mut outcome = outcome.unwrap();
        let loss = outcome.losses.remove(0).value;
        let value = D::scalar(&loss);
        let mut gradients = loss.try_backward().unwrap();
        let mut gradient = |of: &Tensor<(usize, Axes), f32, D::Device>| {
            gradients.try_alloc_for(of).unwrap();
            D::to_vec(&gradients.get(of))
        };
        let terms = outcome.terms.iter();
        Self {
            loss: value,
            terms: terms
                .map(|(name, value)| (*name, D::scalar(value)))
                .collect(),
            d_mean: gradient(&network.mean),
            d_log_var: gradient(&network.log_var),
        }
    }
}

/// Loss and own terms, and the gradients of the loss, on both backends.
#[track_caller]
pub fn check(objective: &AnyObjective, values: &[f32], d_mean: [f32; 12], d_log_var: [f32; 12]) {
    let device = Cpu::default();
    for found in [
        Found::of::<Cpu>(&device, objective),
        Found::of::<DfdxOps<Cpu>>(&device, objective),
    ] {
        let own: Vec<f32> = found.terms[2..].iter().map(|(_, value)| *value).collect();
        assert_close(&[&[found.loss], own.as_slice()].concat(), values);
        assert_close(&found.d_mean, &d_mean);
        assert_close(&found.d_log_var, &d_log_var);
    }
}

/// Both within 1e-5 of the larger of 1 and the expected value.
#[track_caller]
pub fn assert_close(got: &[f32], want: &[f32]) {
    assert_eq!(got.len(), want.len());
    let close = |(g, w): (&f32, &f32)| (g - w).abs() <= 1e-5 * w.abs().max(1.0);
    assert!(got.iter().zip(want).all(close), "{got:?}\nis not\n{want:?}");
}
