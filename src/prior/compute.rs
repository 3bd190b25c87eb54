//! How a prior is computed: a learned one is a mixture of normal distributions.

use std::fmt::Debug;

use dfdx::shapes::{Axis, HasShape};
use dfdx::tensor::{PutTape, SplitTape, Tape, Tensor};
use dfdx::tensor_ops::{BroadcastTo, LogSumExpTo, SumTo, TryAdd, TryMul, TrySub};

use super::description::{Description, Sizes};
use crate::nn::backend::{Distribution, Rows, Scalar};
use crate::nn::params::Init;
use crate::nn::{Backend, Maps, Parameters};

/// The encoder, from images to mean and log variance of q(z | x).
pub type Encode<'a, D, T> =
    &'a mut dyn FnMut(Maps<usize, D, T>) -> Result<Distribution<usize, D, T>, <D as Backend>::Err>;

/// A mixture of normal distributions with diagonal covariances, to which a tape leads.
#[derive(Debug)]
pub struct Components<D: Backend> {
    /// Logarithms of weights that add up to 1, (component).
    pub log_weights: Tensor<(usize,), f32, D::Device>,
    /// Means, (component, latent axis).
    pub mean: Rows<usize, D>,
    /// Logarithms of the variances, (component, latent axis).
    pub log_var: Rows<usize, D>,
}

/// A prior: its settings are the value, its parameters the state.
pub trait Prior: Description + Copy + Debug + PartialEq + 'static {
    /// Its parameters.
    type State<D: Backend>: Parameters<D> + Debug;

    /// Draws the initial values of its parameters.
    ///
    /// # Errors
    /// The device's.
    fn state<D: Backend>(
        &self,
        device: &D::Device,
        init: &mut Init,
        sizes: Sizes,
    ) -> Result<Self::State<D>, D::Err>;

    /// The mixture that it is, with the tape that leads to it; none for the standard normal distribution.
    ///
    /// # Errors
    /// The device's.
    fn components<D: Backend, T: Tape<f32, D::Device>>(
        &self,
        state: &Self::State<D>,
        tape: T,
        encode: Encode<'_, D, T>,
    ) -> Result<(Option<Components<D>>, T), D::Err>;
}

const LOG_2_PI: f32 = 1.837_877_1;

impl<D: Backend> Components<D> {
    /// The mean over points of log p(z), where
    /// `log p(z) = logsumexp_k (log_weight_k - sum_d (log 2 pi + log_var_kd + (z_d - mean_kd)^2 / e^log_var_kd) / 2)`.
    ///
    /// # Errors
    /// The device's.
    pub fn mean_log_density<T: Tape<f32, D::Device>>(
        &self,
        z: Rows<usize, D>,
        tape: T,
    ) -> Result<(Scalar<D>, T), D::Err> {
        let &(points, axes) = z.shape();
        let all = (points, self.mean.shape().0, axes);
        let inverse = self.log_var.clone().put_tape(tape);
        let inverse = inverse.try_negate()?.try_exp()?;
        let (inverse, tape) = inverse.try_broadcast_like::<_, Axis<0>>(&all)?.split_tape();
        let log_var = self.log_var.clone().put_tape(tape);
        let (log_var, tape) = log_var.try_broadcast_like::<_, Axis<0>>(&all)?.split_tape();
        let mean = self.mean.clone().put_tape(tape);
        let (mean, tape) = mean.try_broadcast_like::<_, Axis<0>>(&all)?.split_tape();
        let z = z.put_tape(tape).try_broadcast_like::<_, Axis<1>>(&all)?;
        let squares = z.try_sub(mean)?.try_square()?.try_mul(inverse)?;
        let squares: Tensor<(usize, usize), f32, D::Device, T> =
            squares.try_add(log_var)?.try_sum::<_, Axis<2>>()?;
        let constant = LOG_2_PI * axes as f32;
        let (density, tape) = squares.try_add(constant)?.try_mul(-0.5)?.split_tape();
        let weights = self.log_weights.clone().put_tape(tape);
        let weights = weights.try_broadcast_like::<_, Axis<0>>(density.shape())?;
        let (weights, tape) = weights.split_tape();
        let sum = density.put_tape(tape).try_add(weights)?;
        let log_density: Tensor<(usize,), f32, D::Device, T> = sum.try_logsumexp::<_, Axis<1>>()?;
        let mean = log_density.try_sum()?.try_mul(1.0 / points as f32)?;
        Ok(mean.split_tape())
    }
}

/// The KL by one sample an image, the mean over the batch of `log q(z | x) - log p(z)`, and the mean of log p(z). With
/// `z = mean + e^(log_var / 2) eps` it is `log q(z | x) = -sum_d (log 2 pi + log_var_d + eps_d^2) / 2`.
///
/// # Errors
/// The device's.
pub fn kl<D: Backend, T: Tape<f32, D::Device>>(
    prior: &Components<D>,
    z: Rows<usize, D>,
    log_var: Rows<usize, D>,
    eps: Rows<usize, D>,
    tape: T,
) -> Result<([Scalar<D>; 2], T), D::Err> {
    let &(points, axes) = z.shape();
    let (log_prior, tape) = prior.mean_log_density(z, tape)?;
    let own = log_var.put_tape(tape).try_add(eps.try_square()?)?;
    let own = own.try_sum()?.try_mul(-0.5 / points as f32)?;
    let own = own.try_sub(0.5 * LOG_2_PI * axes as f32)?;
    let (own, tape) = own.split_tape();
    let kl = own.put_tape(tape).try_sub(log_prior.clone())?;
    let (kl, tape) = kl.split_tape();
    Ok(([kl, log_prior], tape))
}

#[cfg(test)]
mod tests {
    use dfdx::tensor::{Cpu, Trace};
    use dfdx::tensor_ops::Backward;

    use super::super::{AnyPrior, Prepared};
    use super::*;
    use crate::kernels::Extent;
    use crate::nn::{DfdxOps, VisitMut};

    const Z: [f32; 6] = [0.4, -1.2, 0.3, 0.9, -0.5, 0.2];
    const LOG_VAR: [f32; 6] = [-0.5, 0.2, 0.0, -0.3, 0.4, -1.5];
    const EPS: [f32; 6] = [0.3, -0.8, 1.1, 0.6, -1.4, 0.2];
    const PRIOR: [&[f32]; 3] = [
        &[0.5, -0.25],
        &[1.0, -0.5, -0.75, 0.25],
        &[0.2, -0.4, -1.0, 0.6],
    ];

    struct Put(std::slice::Iter<'static, &'static [f32]>);

    impl<D: Backend> VisitMut<D> for Put {
        type Err = std::convert::Infallible;
        fn parameter<S: dfdx::shapes::Shape>(
            &mut self,
            _: &str,
            param: &mut Tensor<S, f32, D::Device>,
        ) -> Result<(), Self::Err> {
            param.copy_from(self.0.next().unwrap());
            Ok(())
        }
    }

    struct Gradients<'a, D: Backend>(&'a dfdx::tensor::Gradients<f32, D::Device>, Vec<Vec<f32>>);

    impl<D: Backend> crate::nn::Visit<D> for Gradients<'_, D> {
        type Err = std::convert::Infallible;
        fn parameter<S: dfdx::shapes::Shape>(
            &mut self,
            _: &str,
            param: &Tensor<S, f32, D::Device>,
        ) -> Result<(), Self::Err> {
            self.1.push(D::to_vec(&self.0.get(param)));
            Ok(())
        }
    }

    #[track_caller]
    fn assert_close(got: &[f32], want: &[f32]) {
        let near = |(g, w): (&f32, &f32)| (g - w).abs() < 4e-6;
        let all = got.len() == want.len() && got.iter().zip(want).all(near);
        assert!(all, "{got:?} is not {want:?}");
    }

    /// KL, log p(z) and slopes of the KL from NumPy in double precision, central differences of 1e-5:
    ///
    /// ```text
    /// w = l - log(exp(l).sum())
    /// d = -.5 * (log(2 * pi) + s + (z[:, None] - m)**2 * exp(-s)).sum(2)
    /// p = log(exp(w + d).sum(1)).mean()
    /// kl = -.5 * (log(2 * pi) + v + e**2).sum(1).mean() - p
    /// ```
    fn measures<D: Backend>(device: &D::Device) {
        let prior = AnyPrior::Mixture(crate::prior::mixture::Learned { components: 2 });
        let sizes = Sizes {
            image: Extent {
                height: 1,
                width: 1,
                channels: 1,
            },
            latent: 2,
        };
        let mut prior = Prepared::<D>::new(&prior, device, &mut Init::new(0), sizes).unwrap();
        let Ok(()) = Parameters::<D>::visit_mut(&mut prior, "", &mut Put(PRIOR.iter()));
        let rows = |values: &[f32]| D::tensor(device, values, (3, 2)).unwrap();
        let (z, log_var) = (rows(&Z), rows(&LOG_VAR));
        let (_, tape) = z.leaky_trace().split_tape();
        let none = &mut |_: Maps<usize, D, _>| panic!("nothing is encoded");
        let (components, tape) = prior.components(tape, none).unwrap();
        let components = components.unwrap();
        let found = kl(&components, z.clone(), log_var.clone(), rows(&EPS), tape);
        let ([kl, log_prior], tape) = found.unwrap();
        assert_close(
            &[D::scalar(&kl), D::scalar(&log_prior)],
            &[0.500_558_5, -2.771_768_9],
        );
        let gradients = kl.put_tape(tape).try_backward().unwrap();
        let d_z = [
            -0.073_25,
            -0.341_875_5,
            0.213_304_3,
            0.491_870_1,
            -0.005_987_4,
            0.121_476_6,
        ];
        assert_close(&D::to_vec(&gradients.get(&z)), &d_z);
        assert_close(&D::to_vec(&gradients.get(&log_var)), &[-1.0 / 6.0; 6]);
        let mut own = Gradients::<D>(&gradients, vec![]);
        let Ok(()) = Parameters::<D>::visit(&prior, "", &mut own);
        let [logits, mean, log_var] = &own.1[..] else {
            panic!("three parameters")
        };
        assert_close(logits, &[0.033_623_9, -0.033_623_9]);
        assert_close(
            mean,
            &[0.424_563_2, -0.255_096_8, -0.558_630_1, -0.016_374_5],
        );
        assert_close(
            log_var,
            &[0.121_879_8, -0.149_307_9, -0.062_490_1, 0.148_966],
        );
    }

    #[test]
    fn measures_points_from_a_mixture() {
        measures::<Cpu>(&Cpu::default());
        measures::<DfdxOps<Cpu>>(&Cpu::default());
    }
}
