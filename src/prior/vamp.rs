//! The VampPrior.

use dfdx::shapes::HasShape;
use dfdx::tensor::{PutTape, SplitTape, Tape};

use super::compute::{Components, Encode, Prior};
use super::description::{Description, LOG_PRIOR, Sizes};
use super::mixture::kl_is_a_sum;
use crate::config::Kind;
use crate::config::section::section;
use crate::metric::Metric;
use crate::nn::params::Init;
use crate::nn::{Backend, Maps, Parameters, Visit, VisitMut};

const INPUTS: &str = "inputs";

section! {
    /// The VampPrior (Tomczak and Welling, 2018): the equal mixture of q(z | u) over learned images u, which the encoder
    /// reads in each step besides those of the batch. The KL divergence is taken by one sample an image,
    /// `E log q(z | x) - log p(z)`
    ///
    /// Values of u are kept in 0 to 1 by clipping them on their way into the encoder. At first they are drawn uniformly from
    /// there, where none is clipped and each has a gradient.
    pub struct Vamp: Copy {
        /// Number of learned images (500 in the paper)
        pub components: usize = 50, Kind::Count { min: 1, max: 65_536 }, also(&["n_components", "k", "pseudo_inputs"]);
    }
    rules { kl_is_a_sum }
}

impl Description for Vamp {
    fn terms(&self) -> &'static [Metric] {
        &[LOG_PRIOR]
    }

    fn parameters(&self, sizes: Sizes) -> Vec<(&'static str, Vec<usize>)> {
        let image = sizes.image;
        let shape = vec![self.components, image.height, image.width, image.channels];
        vec![(INPUTS, shape)]
    }

    fn component_count(&self) -> usize {
        self.components
    }

    fn encoded_images(&self) -> usize {
        self.components
    }
}

/// The learned images.
#[derive(Debug)]
pub struct State<D: Backend> {
    /// (component, row, column, channel)
    inputs: Maps<usize, D>,
}

impl Prior for Vamp {
    type State<D: Backend> = State<D>;

    fn state<D: Backend>(
        &self,
        device: &D::Device,
        init: &mut Init,
        sizes: Sizes,
    ) -> Result<State<D>, D::Err> {
        let image = sizes.image;
        let shape = (self.components, image.height, image.width, image.channels);
        let values = init.uniform(self.components * image.len(), 0.0, 1.0);
        Ok(State {
            inputs: D::tensor(device, &values, shape)?,
        })
    }

    fn components<D: Backend, T: Tape<f32, D::Device>>(
        &self,
        state: &State<D>,
        tape: T,
        encode: Encode<'_, D, T>,
    ) -> Result<(Option<Components<D>>, T), D::Err> {
        let inputs = state.inputs.clone().put_tape(tape).try_clamp(0.0, 1.0)?;
        let (mean, log_var) = encode(inputs)?;
        let (mean, tape) = mean.split_tape();
        let count = self.components;
        let log_weight = -(count as f32).ln();
        let log_weights = D::tensor(mean.device(), &vec![log_weight; count], (count,))?;
        debug_assert_eq!(mean.shape().0, count);
        let components = Components {
            log_weights,
            mean,
            log_var,
        };
        Ok((Some(components), tape))
    }
}

impl<D: Backend> Parameters<D> for State<D> {
    fn visit<V: Visit<D>>(&self, prefix: &str, visitor: &mut V) -> Result<(), V::Err> {
        visitor.parameter(&format!("{prefix}{INPUTS}"), &self.inputs)
    }

    fn visit_mut<V: VisitMut<D>>(&mut self, prefix: &str, visitor: &mut V) -> Result<(), V::Err> {
        visitor.parameter(&format!("{prefix}{INPUTS}"), &mut self.inputs)
    }
}
