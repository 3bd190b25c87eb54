//! The shape of the network.

use crate::config::choice::choices;

choices! {
    /// The nonlinearity after each layer but the heads and the output.
    pub enum Activation {
        /// max(0, x)
        Relu = "relu",
        /// x where positive, else a small multiple of x
        LeakyRelu = "leaky_relu",
        /// x where positive, else exp(x) - 1
        Elu = "elu",
        /// x sigmoid(x), also called swish
        Silu = "silu",
        /// x times the normal distribution function of x
        Gelu = "gelu",
        /// hyperbolic tangent
        Tanh = "tanh",
    }
}

/// The `[model]` table.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// Number of latent axes.
    pub latent_dim: usize,
    /// Output channels of the encoder's convolutions, first to last; the decoder mirrors them.
    /// Never empty.
    pub conv_filters: Vec<usize>,
    /// Side of every convolution's kernel, in pixels.
    pub kernel_size: usize,
    /// Step of every convolution but the decoder's output layer, in pixels.
    pub stride: usize,
    /// Widths of the encoder's dense layers after flattening; may be empty.
    pub hidden: Vec<usize>,
    /// The nonlinearity.
    pub activation: Activation,
}
