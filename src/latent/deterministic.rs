//! A point for each image, without noise.

use dfdx::shapes::HasShape;
use dfdx::tensor::{PutTape, SplitTape, Tape};
use dfdx::tensor_ops::{SumTo, TryMul};

use super::compute::{Encoded, Latents, Term};
use super::description::{Description, Head};
use crate::config::section::section;
use crate::config::{Interval, Kind};
use crate::metric::{Better, Metric};
use crate::nn::backend::Rows;
use crate::nn::params::{Init, NoParameters};
use crate::nn::{Backend, Mode};

section! {
    /// The encoder's mean alone, without noise, KL divergence or prior: an autoencoder, which lowers `reconstruction_weight *
    /// reconstruction + latent_l2 * E |z|^2 / 2 + decoder_l2 * |decoder|^2`. With the two weights above 0 it is the RAE-L2 of
    /// Ghosh et al., 2020
    pub struct Deterministic: Copy {
        /// Weight of half the squared length of a latent point, which keeps the points near 0
        pub latent_l2: f64 = 0.0, Kind::Number(Interval::closed(0.0, 1e6));
        /// Weight of the sum of the squares of all parameters of the decoder, biases too, which keeps it smooth
        pub decoder_l2: f64 = 0.0, Kind::Number(Interval::closed(0.0, 1e6));
    }
}

/// Half the squared length of a latent point.
const LATENT_L2: &str = "latent_l2";
/// The sum of the squares of all parameters of the decoder.
pub const DECODER_L2: &str = "decoder_l2";

impl Description for Deterministic {
    fn terms(&self) -> &'static [Metric] {
        const TERMS: &[Metric] = &[
            Metric {
                name: LATENT_L2,
                doc: "half the squared length of a latent point, before its weight",
                unit: "",
                better: Better::Neither,
                ..Metric::TERM
            },
            Metric {
                name: DECODER_L2,
                doc: "sum of the squares of all parameters of the decoder, before its weight",
                unit: "",
                better: Better::Neither,
                ..Metric::TERM
            },
        ];
        TERMS
    }

    fn head(&self) -> Head {
        Head::Mean
    }

    fn decoder_l2(&self) -> Option<f64> {
        Some(self.decoder_l2)
    }
}

impl Latents for Deterministic {
    type State<D: Backend> = NoParameters;

    fn state<D: Backend>(
        &self,
        _: &D::Device,
        _: &mut Init,
        _: usize,
    ) -> Result<NoParameters, D::Err> {
        Ok(NoParameters)
    }

    fn encode<D: Backend, T: Tape<f32, D::Device>>(
        &self,
        _: &NoParameters,
        points: Rows<usize, D, T>,
        _: Mode<'_, D>,
    ) -> Result<(Encoded<D>, T), D::Err> {
        let (z, tape) = points.split_tape();
        let share = 0.5 / z.shape().0 as f32;
        let squares = z.clone().put_tape(tape).try_square()?;
        let (value, tape) = squares.try_sum()?.try_mul(share)?.split_tape();
        let term = Term {
            name: LATENT_L2,
            value,
            weight: Some(self.latent_l2),
        };
        let encoded = Encoded {
            z,
            terms: vec![term],
            codes: None,
        };
        Ok((encoded, tape))
    }
}
