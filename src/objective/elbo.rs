//! The evidence lower bound.

use dfdx::shapes::Dim;
use dfdx::tensor::Tape;

use super::compute::{Given, Network, NoParameters, Objective, Outcome};
use super::description::{Description, Needs};
use crate::config::section::section;
use crate::nn::params::Init;
use crate::nn::{Backend, Maps};

section! {
    /// The negative evidence lower bound with weights, `reconstruction_weight * reconstruction + kl_weight * KL` (Kingma
    /// and Welling, 2014). With a `kl_weight` above 1 it is the beta-VAE's (Higgins et al., 2017). Where `[latent]` has no
    /// distribution there is no KL, and the terms of the kind of latents take its place
    pub struct Elbo: Copy {}
}

impl Description for Elbo {
    fn needs(&self) -> Needs {
        Needs::NOTHING
    }
}

impl Objective for Elbo {
    type State<Z: Dim, D: Backend> = NoParameters;

    fn state<Z: Dim, D: Backend>(
        &self,
        _: &D::Device,
        _: &mut Init,
        _: Z,
    ) -> Result<NoParameters, D::Err> {
        Ok(NoParameters)
    }

    fn outcome<C: Dim, Z: Dim, D: Backend, T: Tape<f32, D::Device>>(
        &self,
        _: &NoParameters,
        network: &impl Network<C, Z, D>,
        images: Maps<C, D, T>,
        given: &Given<C, Z, D>,
    ) -> Result<Outcome<C, Z, D, T>, D::Err> {
        if !given.kind.description().head().is_distribution() {
            return given.outcome_without_distribution(network, images);
        }
        let (pass, tape) = given.pass(network, images)?;
        let loss = given.weighted_sum(
            tape,
            (&pass.reconstruction, given.loss.reconstruction_weight),
            &[(&pass.kl, given.kl_weight)],
        )?;
        Ok(pass.outcome(loss, vec![]))
    }
}

#[cfg(test)]
mod tests {
    use dfdx::tensor::Cpu;

    use super::*;
    use crate::nn::DfdxOps;
    use crate::objective::AnyObjective;
    use crate::objective::testing::{Found, assert_close};

    /// With NumPy in double precision, `m`, `v`, `e`, `x` being the arrays of [`crate::objective::testing`], and slopes
    /// from central differences of 1e-5:
    ///
    /// ```text
    /// z = m + np.exp(v / 2) * e
    /// r = (np.log1p(np.exp(z)) - z * x).sum(1).mean()
    /// kl = (m**2 + np.exp(v) - 1 - v).sum(1).mean() / 2
    /// loss = 2 * r + .5 * kl
    /// ```
    #[test]
    fn weighs_reconstruction_error_and_kl() {
        let elbo = AnyObjective::Elbo(Elbo {});
        let device = Cpu::default();
        for found in [
            Found::of::<Cpu>(&device, &elbo),
            Found::of::<DfdxOps<Cpu>>(&device, &elbo),
        ] {
            let [("reconstruction", reconstruction), ("kl", kl)] = found.terms[..] else {
                panic!("{found:?}")
            };
            assert_close(
                &[found.loss, reconstruction, kl],
                &[6.253_339_4, 2.777_534_8, 1.396_539_7],
            );
            assert_close(
                &found.d_mean,
                &[
                    0.376_657_2,
                    -0.594_675_9,
                    0.080_436_1,
                    0.334_460_2,
                    -0.057_025_2,
                    -0.251_991_7,
                    -0.239_756_2,
                    0.463_073_2,
                    0.015_496_2,
                    0.038_249_6,
                    -0.131_419_4,
                    0.537_428_3,
                ],
            );
            assert_close(
                &found.d_log_var,
                &[
                    0.013_568_3,
                    0.210_414_8,
                    -0.012_674_7,
                    -0.107_980_8,
                    -0.028_357_6,
                    -0.030_356_8,
                    -0.066_686_5,
                    -0.056_834_3,
                    -0.029_002_0,
                    0.013_340_6,
                    -0.067_405_3,
                    -0.077_420_9,
                ],
            );
        }
    }
}
