//! A learned mixture of normal distributions.

use dfdx::shapes::Axis;
use dfdx::tensor::{PutTape, SplitTape, Tape, Tensor};

use super::compute::{Components, Encode, Prior};
use super::description::{Description, LOG_PRIOR, Sizes};
use crate::config::section::section;
use crate::config::{Kind, Rules};
use crate::metric::Metric;
use crate::nn::backend::Rows;
use crate::nn::params::Init;
use crate::nn::{Backend, Parameters, Visit, VisitMut};

const LOGITS: &str = "logits";
const MEAN: &str = "mean";
const LOG_VAR: &str = "log_var";

section! {
    /// A mixture of normal distributions whose weights, means and variances are learned. The KL divergence is taken by one
    /// sample an image, `E log q(z | x) - log p(z)`
    ///
    /// At first the weights are equal, the variances 1, and the means standard normal deviates.
    pub struct Learned: Copy {
        /// Number of normal distributions
        pub components: usize = 10, Kind::Count { min: 1, max: 65_536 }, also(&["n_components", "k"]);
    }
    rules { kl_is_a_sum }
}

/// The KL by a sample has no parts of axes whose mean could be taken.
pub(super) fn kl_is_a_sum(it: &mut Rules<'_>) {
    if it.values.text("loss.kl_reduction").as_deref() == Some("mean") {
        let table = std::mem::take(&mut it.table);
        let message =
            format!("`[{table}]` has no KL divergence of an axis, of which a mean could be taken");
        let diagnostic = it.at(&["loss.kl_reduction"], message);
        it.diagnostics
            .push(diagnostic.expected("`kl_reduction = \"sum\"`"));
        it.table = table;
    }
}

impl Description for Learned {
    fn terms(&self) -> &'static [Metric] {
        &[LOG_PRIOR]
    }

    fn parameters(&self, sizes: Sizes) -> Vec<(&'static str, Vec<usize>)> {
        let points = vec![self.components, sizes.latent];
        vec![
            (LOGITS, vec![self.components]),
            (MEAN, points.clone()),
            (LOG_VAR, points),
        ]
    }

    fn component_count(&self) -> usize {
        self.components
    }
}

/// Its parameters.
#[derive(Debug)]
pub struct State<D: Backend> {
    /// Their softmax is the weights, (component).
    logits: Tensor<(usize,), f32, D::Device>,
    /// (component, latent axis)
    mean: Rows<usize, D>,
    /// (component, latent axis)
    log_var: Rows<usize, D>,
}

impl Prior for Learned {
    type State<D: Backend> = State<D>;

    fn state<D: Backend>(
        &self,
        device: &D::Device,
        init: &mut Init,
        sizes: Sizes,
    ) -> Result<State<D>, D::Err> {
        let shape = (self.components, sizes.latent);
        let values = shape.0 * shape.1;
        Ok(State {
            logits: D::tensor(device, &vec![0.0; shape.0], (shape.0,))?,
            mean: D::tensor(device, &init.normal(values), shape)?,
            log_var: D::tensor(device, &vec![0.0; values], shape)?,
        })
    }

    fn components<D: Backend, T: Tape<f32, D::Device>>(
        &self,
        state: &State<D>,
        tape: T,
        _: Encode<'_, D, T>,
    ) -> Result<(Option<Components<D>>, T), D::Err> {
        let logits = state.logits.clone().put_tape(tape);
        let (log_weights, tape) = logits.try_log_softmax::<Axis<0>>()?.split_tape();
        let components = Components {
            log_weights,
            mean: state.mean.clone(),
            log_var: state.log_var.clone(),
        };
        Ok((Some(components), tape))
    }
}

impl<D: Backend> Parameters<D> for State<D> {
    fn visit<V: Visit<D>>(&self, prefix: &str, visitor: &mut V) -> Result<(), V::Err> {
        visitor.parameter(&format!("{prefix}{LOGITS}"), &self.logits)?;
        visitor.parameter(&format!("{prefix}{MEAN}"), &self.mean)?;
        visitor.parameter(&format!("{prefix}{LOG_VAR}"), &self.log_var)
    }

    fn visit_mut<V: VisitMut<D>>(&mut self, prefix: &str, visitor: &mut V) -> Result<(), V::Err> {
        visitor.parameter(&format!("{prefix}{LOGITS}"), &mut self.logits)?;
        visitor.parameter(&format!("{prefix}{MEAN}"), &mut self.mean)?;
        visitor.parameter(&format!("{prefix}{LOG_VAR}"), &mut self.log_var)
    }
}
