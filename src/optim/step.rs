//! What changes from step to step.

/// One step of an update rule.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// Learning rate of this step.
    pub learning_rate: f64,
    /// Number of this step, from 1.
    pub number: u64,
    /// Factor on all gradients, below 1 where their norm is clipped.
    pub gradient_scale: f32,
}

impl Step {
    /// The values of a parameter with their gradients, scaled.
    pub(super) fn each<'a>(
        &self,
        param: &'a mut [f32],
        gradient: &'a [f32],
    ) -> impl Iterator<Item = (&'a mut f32, f32)> {
        let scale = self.gradient_scale;
        param
            .iter_mut()
            .zip(gradient.iter().map(move |g| g * scale))
    }
}
