//! The shape of the network.

use crate::config::Kind;
use crate::config::choice::choices;
use crate::config::section::section;
use crate::nn::layers::Normalization;

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

choices! {
    /// What the network is told besides the image and the latent point.
    pub enum Condition {
        /// nothing
        None = "none",
        /// the image's class: a map for each class behind the channels of the image, and an axis for each behind those of z (Sohn et al., 2015)
        Label = "label",
    }
}

section! {
    /// The shape of the network
    pub struct Model {
        /// Number of latent axes
        pub latent_dim: usize = 2, Kind::Count { min: 1, max: 4096 }, unit("axes"),
            also(&["z_dim", "latent_size", "latent_axes", "n_latent", "bottleneck"]);
        /// Output channels of the encoder's convolutions, first to last; the decoder mirrors them
        pub conv_filters: Vec<usize> = &[32, 64], Kind::Counts { fewest: 1, most: 12, max: 4096 }, unit("channels"),
            also(&["channels", "conv_channels", "conv_layers"]);
        /// Side of the convolution kernels
        pub kernel_size: usize = 3, Kind::Count { min: 1, max: 31 }, unit("pixels");
        /// Step of the convolutions: each one divides the size of the image by it
        pub stride: usize = 2, Kind::Count { min: 1, max: 8 }, unit("pixels");
        /// Widths of the encoder's dense layers after flattening; may be `[]`
        pub hidden: Vec<usize> = &[16], Kind::Counts { fewest: 0, most: 8, max: 65_536 }, unit("units"),
            also(&["dense", "dense_units", "hidden_units", "hidden_dims"]);
        /// The nonlinearity after each layer but the heads and the output
        pub activation: Activation = Activation::Relu, Kind::Choice(Activation::CHOICES), also(&["nonlinearity"]);
        /// What stands between the product and the activation of each layer but the heads and the output
        pub normalization: Normalization = "none", Kind::Choice(Normalization::choices()), added_in(2),
            also(&["norm", "batch_norm"]);
        /// What encoder and decoder are told of an image besides its pixels
        pub condition: Condition = Condition::None, Kind::Choice(Condition::CHOICES), added_in(2),
            also(&["conditional", "condition_on", "cvae"]);
    }
}
