//! How a kind of latents is computed.

use std::fmt::Debug;

use dfdx::tensor::Tape;

use super::description::Description;
use crate::nn::backend::{Rows, Scalar};
use crate::nn::params::Init;
use crate::nn::{Backend, Mode, Parameters};

/// A term of the loss.
#[derive(Debug)]
pub struct Term<D: Backend> {
    /// Name of its metric.
    pub name: &'static str,
    /// Its value, to which the tape leads.
    pub value: Scalar<D>,
    /// Its weight in the loss; nothing where it is but reported.
    pub weight: Option<f64>,
}

/// Which row of the codebook each point took.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Codes {
    /// A row for each point, from 0.
    pub rows: Vec<usize>,
    /// Rows of the codebook.
    pub count: usize,
}

impl Codes {
    /// The share of the points that took each row.
    pub fn shares(&self) -> Vec<f64> {
        let mut shares = vec![0.0; self.count];
        let points = self.rows.len().max(1) as f64;
        for &row in &self.rows {
            shares[row] += 1.0;
        }
        shares.iter_mut().for_each(|share| *share /= points);
        shares
    }
}

/// What the decoder is given.
#[derive(Debug)]
pub struct Encoded<D: Backend> {
    /// As many points as came in, (point, latent axis), to which the tape leads.
    pub z: Rows<usize, D>,
    /// Terms of the loss besides the reconstruction error.
    pub terms: Vec<Term<D>>,
    /// Rows of a codebook, where there is one.
    pub codes: Option<Codes>,
}

/// A kind of latents: its settings are the value, what it keeps the state.
pub trait Latents: Description + Copy + Debug + PartialEq + 'static {
    /// What it keeps.
    type State<D: Backend>: Parameters<D> + Debug;

    /// Makes its initial values.
    ///
    /// # Errors
    /// The device's.
    fn state<D: Backend>(
        &self,
        device: &D::Device,
        init: &mut Init,
        axes: usize,
    ) -> Result<Self::State<D>, D::Err>;

    /// From the head's output, (point, latent axis), to the decoder's input. Of a distribution the points are the means, which
    /// stay as they are: those that are drawn come from the objective.
    ///
    /// # Errors
    /// The device's.
    fn encode<D: Backend, T: Tape<f32, D::Device>>(
        &self,
        state: &Self::State<D>,
        points: Rows<usize, D, T>,
        mode: Mode<'_, D>,
    ) -> Result<(Encoded<D>, T), D::Err>;
}
