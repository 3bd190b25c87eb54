//! The network as a list of layers. Its table, the numbers of parameters and operations and the names in a checkpoint
//! follow from it.

use crate::kernels::{Activation, Conv, Extent};
use crate::latent::Head;
use crate::nn::layers::layer::Normalizes as _;
use crate::nn::layers::{
    Finish, LayerConfig, NamedConfig, Normalization, SequentialConfig, conv_transpose2d, conv2d,
    dense, flatten,
};

/// Everything that decides the network's shape.
///
/// Encoder: convolutions with stride, flatten, dense layers, two heads. Decoder: one dense layer up to the
/// encoder's last feature map, transposed convolutions that mirror the encoder's, with the filters in
/// reverse order, and an output layer of stride 1. With [`Head::Map`] there are no dense layers.
#[derive(Clone, Debug, PartialEq)]
pub struct Architecture {
    /// Size of an image.
    pub image: Extent,
    /// Filters of the encoder's convolutions, at least one.
    pub filters: Vec<usize>,
    /// Height and width of all convolution kernels.
    pub kernel: usize,
    /// Stride of all convolutions but the output's.
    pub stride: usize,
    /// Widths of the encoder's dense layers between flattening and the heads.
    pub hidden: Vec<usize>,
    /// Latent axes.
    pub latent: usize,
    /// What the encoder ends in, and the decoder starts from.
    pub head: Head,
    /// Whether images have a gradient, as those that a prior learns.
    pub image_gradient: bool,
    /// Activation of all layers but the heads and the output.
    pub activation: Activation,
    /// What stands before it.
    pub normalization: Normalization,
}

/// The encoder's layers.
#[derive(Clone, Debug, PartialEq)]
pub struct EncoderLayers {
    /// From the image to what the heads share.
    pub trunk: SequentialConfig,
    /// The head of the means, or of points without a distribution.
    pub z_mean: NamedConfig,
    /// The head of the log variances.
    pub z_log_var: Option<NamedConfig>,
}

/// The decoder's layers.
#[derive(Clone, Debug, PartialEq)]
pub struct DecoderLayers {
    /// From a latent point on.
    pub trunk: SequentialConfig,
    /// The last one, without activation.
    pub output: NamedConfig,
}

impl Architecture {
    /// The encoder's layers.
    pub fn encoder(&self) -> EncoderLayers {
        let mut trunk = vec![];
        for (i, conv) in self.convolutions().into_iter().enumerate() {
            let product = |finish| {
                let input_gradient = i > 0 || self.image_gradient;
                conv2d::Config {
                    conv,
                    finish,
                    input_gradient,
                }
            };
            let name = format!("encoder.conv{i}");
            trunk.extend(self.normalized(name, conv.small.channels, product));
        }
        if self.head == Head::Map {
            let conv = Conv::same(self.feature_map(), self.latent, 1, 1);
            let product = conv2d::Config {
                conv,
                finish: Finish::with(Activation::Linear),
                input_gradient: true,
            };
            return EncoderLayers {
                trunk: in_sequence(trunk),
                z_mean: NamedConfig::new("encoder.z_code", product),
                z_log_var: None,
            };
        }
        let mut width = self.feature_map().len();
        let flatten = NamedConfig::new("encoder.flatten", flatten::Config { values: width });
        trunk.push(flatten);
        for (i, &units) in self.hidden.iter().enumerate() {
            let number = if i == 0 { String::new() } else { i.to_string() };
            let name = format!("encoder.hidden{number}");
            trunk.extend(self.normalized(name, units, |finish| dense(width, vec![units], finish)));
            width = units;
        }
        let head = |name: &str| {
            let finish = Finish::with(Activation::Linear);
            NamedConfig::new(name, dense(width, vec![self.latent], finish))
        };
        EncoderLayers {
            z_mean: head("encoder.z_mean"),
            z_log_var: (self.head == Head::Gaussian).then(|| head("encoder.z_log_var")),
            trunk: in_sequence(trunk),
        }
    }

    /// The decoder's layers.
    pub fn decoder(&self) -> DecoderLayers {
        let map = self.feature_map();
        let shape = vec![map.height, map.width, map.channels];
        let first = |finish| dense(self.latent, shape.clone(), finish);
        let (mut trunk, mut channels) = match self.head {
            Head::Map => (vec![], self.latent),
            Head::Gaussian | Head::Mean => {
                let hidden = self.normalized("decoder.hidden".to_owned(), map.len(), first);
                (hidden, map.channels)
            }
        };
        for (i, mirrored) in self.convolutions().into_iter().rev().enumerate() {
            let conv = Conv {
                big: Extent {
                    channels: mirrored.small.channels,
                    ..mirrored.big
                },
                small: Extent {
                    channels,
                    ..mirrored.small
                },
                ..mirrored
            };
            channels = conv.big.channels;
            let product = |finish| conv_transpose2d::Config { conv, finish };
            trunk.extend(self.normalized(format!("decoder.conv{i}"), channels, product));
        }
        let output = conv_transpose2d::Config {
            conv: Conv::same(self.image, channels, self.kernel, 1),
            finish: Finish::with(Activation::Linear),
        };
        DecoderLayers {
            trunk: in_sequence(trunk),
            output: NamedConfig::new("decoder.output", output),
        }
    }

    /// A layer of so many outputs that multiplies, and what follows it.
    fn normalized<P: Into<LayerConfig>>(
        &self,
        name: String,
        outputs: usize,
        product: impl Fn(Finish) -> P,
    ) -> Vec<NamedConfig> {
        let alone: LayerConfig = product(Finish::with(self.activation)).into();
        let next = self
            .normalization
            .layer(outputs, alone.output(), self.activation);
        match next {
            None => vec![NamedConfig::new(name, alone)],
            Some(next) => vec![
                NamedConfig::new(name.as_str(), product(Finish::NONE)),
                NamedConfig::new(name, next),
            ],
        }
    }

    /// The encoder's convolutions, from the image on.
    fn convolutions(&self) -> Vec<Conv> {
        let mut big = self.image;
        let next = |&filters: &usize| {
            let conv = Conv::same(big, filters, self.kernel, self.stride);
            big = conv.small;
            conv
        };
        self.filters.iter().map(next).collect()
    }

    /// The encoder's last feature map, which the decoder starts from.
    fn feature_map(&self) -> Extent {
        self.convolutions()
            .last()
            .map_or(self.image, |conv| conv.small)
    }

    /// Height and width of the map of latent points that the decoder starts from; one place where an image has one point.
    pub fn latent_map(&self) -> (usize, usize) {
        match self.head {
            Head::Map => (self.feature_map().height, self.feature_map().width),
            Head::Gaussian | Head::Mean => (1, 1),
        }
    }

    /// Latent points of an image.
    pub fn places(&self) -> usize {
        let (height, width) = self.latent_map();
        height * width
    }

    /// The encoder's layers in order.
    pub fn encoder_layers(&self) -> Vec<NamedConfig> {
        let EncoderLayers {
            trunk,
            z_mean,
            z_log_var,
        } = self.encoder();
        let mut layers = trunk.into_list();
        layers.push(z_mean);
        layers.extend(z_log_var);
        layers
    }

    /// The decoder's layers in order.
    pub fn decoder_layers(&self) -> Vec<NamedConfig> {
        let DecoderLayers { trunk, output } = self.decoder();
        [trunk.into_list(), vec![output]].concat()
    }

    /// All layers in order.
    pub fn layers(&self) -> Vec<NamedConfig> {
        [self.encoder_layers(), self.decoder_layers()].concat()
    }

    /// Trained values of the encoder and of the decoder.
    pub fn parameters(&self) -> (u64, u64) {
        let count =
            |layers: Vec<NamedConfig>| layers.iter().map(NamedConfig::parameter_count).sum();
        (count(self.encoder_layers()), count(self.decoder_layers()))
    }

    /// Values that are kept with those.
    pub fn buffers(&self) -> u64 {
        self.layers().iter().map(NamedConfig::buffer_count).sum()
    }

    /// Floating-point operations of a training step on one image. Activations, losses and the optimizer, which are a few
    /// operations a value, are not counted.
    pub fn training_flops(&self) -> u64 {
        self.layers()
            .iter()
            .map(|layer| layer.training_flops())
            .sum()
    }

    /// The most values of a gradient that each piece of a batch sums up by itself.
    pub fn partial_sums(&self) -> u64 {
        let sums = self.layers().into_iter().map(|layer| layer.partial_sums());
        sums.max().unwrap_or(0) as u64
    }

    /// Activation values of a training step on one image: each layer's output and its gradient.
    pub fn activation_values(&self) -> u64 {
        self.layers().iter().map(|layer| layer.kept_values()).sum()
    }
}

fn dense(inputs: usize, output: Vec<usize>, finish: Finish) -> dense::Config {
    dense::Config {
        inputs,
        output,
        finish,
    }
}

/// Layers of which there is at least one.
fn in_sequence(mut layers: Vec<NamedConfig>) -> SequentialConfig {
    SequentialConfig {
        first: layers.remove(0),
        rest: layers,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The published Keras model.
    pub(crate) fn reference() -> Architecture {
        Architecture {
            image: Extent {
                height: 28,
                width: 28,
                channels: 1,
            },
            filters: vec![32, 64],
            kernel: 3,
            stride: 2,
            hidden: vec![16],
            latent: 2,
            head: Head::Gaussian,
            image_gradient: false,
            activation: Activation::Relu,
            normalization: Normalization::default(),
        }
    }

    #[test]
    fn counts_parameters_as_keras_does() {
        assert_eq!(reference().parameters(), (69_076, 65_089));
    }

    #[test]
    fn finds_most_partial_sums_in_the_first_transposed_convolution() {
        assert_eq!(reference().partial_sums(), 9 * 64 * 64);
    }

    #[test]
    fn counts_operations_of_the_reference_step() {
        // Multiply-adds an image, from kernel size times output places.
        let encoder = 9 * 32 * 196 + 9 * 32 * 64 * 49 + 3136 * 16 + 2 * 16 * 2;
        let decoder = 2 * 3136 + 9 * 64 * 64 * 49 + 9 * 64 * 32 * 196 + 9 * 32 * 784;
        let forward = 2 * (encoder + decoder);
        assert_eq!(reference().training_flops(), 3 * forward - 2 * 9 * 32 * 196);
        // Batch 64: 2.55 GFLOP.
        assert_eq!(64 * reference().training_flops(), 2_550_571_008);
    }

    #[test]
    fn counts_operations_of_layers() {
        let rgb = Architecture {
            image: Extent {
                height: 10,
                width: 6,
                channels: 3,
            },
            filters: vec![5, 7],
            kernel: 4,
            stride: 3,
            hidden: vec![],
            latent: 3,
            head: Head::Gaussian,
            image_gradient: false,
            activation: Activation::Tanh,
            normalization: Normalization::default(),
        };
        // Small pixels, kernel, inputs, outputs; 10 x 6 becomes 4 x 2, that 2 x 1. Two operations a multiply-add, and
        // three products, of which the first layer has no gradient of its input.
        let expected = [
            ("encoder.conv0", 2 * 2 * (4 * 2) * 16 * 3 * 5),
            ("encoder.conv1", 3 * 2 * 2 * 16 * 5 * 7),
            ("encoder.flatten", 0),
            ("encoder.z_mean", 3 * 2 * (2 * 7) * 3),
            ("encoder.z_log_var", 3 * 2 * (2 * 7) * 3),
            ("decoder.hidden", 3 * 2 * 3 * (2 * 7)),
            ("decoder.conv0", 3 * 2 * 2 * 16 * 7 * 7),
            ("decoder.conv1", 3 * 2 * (4 * 2) * 16 * 7 * 5),
            ("decoder.output", 3 * 2 * (10 * 6) * 16 * 5 * 3),
        ];
        let layers = rgb.layers();
        let got: Vec<_> = layers
            .iter()
            .map(|l| (l.name.as_str(), l.training_flops()))
            .collect();
        assert_eq!(got, expected);
        assert_eq!(
            rgb.training_flops(),
            expected.iter().map(|(_, flops)| flops).sum::<u64>()
        );
    }

    #[test]
    fn names_and_shapes_layers_as_the_published_model() {
        let table = |layers: Vec<NamedConfig>| {
            layers
                .iter()
                .map(|l| format!("{} {:?} {}", l.name, l.output(), l.parameter_count()))
                .collect::<Vec<_>>()
        };
        assert_eq!(
            table(reference().encoder_layers()),
            [
                "encoder.conv0 [14, 14, 32] 320",
                "encoder.conv1 [7, 7, 64] 18496",
                "encoder.flatten [3136] 0",
                "encoder.hidden [16] 50192",
                "encoder.z_mean [2] 34",
                "encoder.z_log_var [2] 34",
            ]
        );
        assert_eq!(
            table(reference().decoder_layers()),
            [
                "decoder.hidden [7, 7, 64] 9408",
                "decoder.conv0 [14, 14, 64] 36928",
                "decoder.conv1 [28, 28, 32] 18464",
                "decoder.output [28, 28, 1] 289",
            ]
        );
    }

    #[test]
    fn restores_sizes_that_do_not_divide() {
        let odd = Architecture {
            filters: vec![4, 5, 6],
            hidden: vec![],
            ..reference()
        };
        let layers = odd.decoder_layers();
        let shapes: Vec<_> = layers.iter().map(|layer| layer.output()).collect();
        assert_eq!(
            shapes,
            [[4, 4, 6], [7, 7, 6], [14, 14, 5], [28, 28, 4], [28, 28, 1]]
        );
    }
}
