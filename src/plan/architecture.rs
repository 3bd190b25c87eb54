//! The network as numbers: which layers, in which sizes, with how many parameters and operations.

use crate::kernels::{Activation, Conv, Extent};

/// Everything that decides the network's shape.
///
/// Encoder: convolutions with stride, flatten, dense layers, two heads. Decoder: one dense layer up to the
/// encoder's last feature map, transposed convolutions that mirror the encoder's, with the filters in
/// reverse order, and an output layer of stride 1.
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
    /// Activation of all layers but the heads and the output.
    pub activation: Activation,
}

/// One row of the layer table.
#[derive(Clone, Debug, PartialEq)]
pub struct Layer {
    /// Name as in a checkpoint, `encoder.conv0`.
    pub name: String,
    /// What it is, in Keras' words.
    pub kind: &'static str,
    /// Output shape without the batch axis.
    pub output: Vec<usize>,
    /// Trained values.
    pub parameters: u64,
    /// Floating-point operations of a forward pass on one image.
    pub flops: u64,
}

impl Architecture {
    /// The encoder's convolutions, from the image on.
    pub fn convolutions(&self) -> Vec<Conv> {
        let mut big = self.image;
        let next = |&filters: &usize| {
            let conv = Conv::same(big, filters, self.kernel, self.stride);
            big = conv.small;
            conv
        };
        self.filters.iter().map(next).collect()
    }

    /// The decoder's transposed convolutions, from the feature map on; each mirrors one of the encoder's.
    pub fn transposed_convolutions(&self) -> Vec<Conv> {
        let mut channels = self.feature_map().channels;
        let mirror = |conv: Conv| {
            let out = conv.small.channels;
            let small = Extent {
                channels,
                ..conv.small
            };
            channels = out;
            Conv {
                big: Extent {
                    channels: out,
                    ..conv.big
                },
                small,
                ..conv
            }
        };
        self.convolutions().into_iter().rev().map(mirror).collect()
    }

    /// The output layer: a transposed convolution of stride 1 to the image's channels.
    pub fn output(&self) -> Conv {
        let channels = self.filters.first().copied().unwrap_or(self.image.channels);
        Conv::same(self.image, channels, self.kernel, 1)
    }

    /// The encoder's last feature map, which the decoder starts from.
    pub fn feature_map(&self) -> Extent {
        self.convolutions()
            .last()
            .map_or(self.image, |conv| conv.small)
    }

    /// The encoder's layers in order.
    pub fn encoder_layers(&self) -> Vec<Layer> {
        let mut layers = vec![];
        for (i, conv) in self.convolutions().iter().enumerate() {
            layers.push(convolution(
                format!("encoder.conv{i}"),
                "Conv2D",
                conv,
                conv.small,
            ));
        }
        let mut width = self.feature_map().len();
        layers.push(Layer {
            name: "encoder.flatten".into(),
            kind: "Flatten",
            output: vec![width],
            parameters: 0,
            flops: 0,
        });
        for (i, &hidden) in self.hidden.iter().enumerate() {
            layers.push(dense(hidden_name(i), width, vec![hidden]));
            width = hidden;
        }
        for head in ["encoder.z_mean", "encoder.z_log_var"] {
            layers.push(dense(head.into(), width, vec![self.latent]));
        }
        layers
    }

    /// The decoder's layers in order.
    pub fn decoder_layers(&self) -> Vec<Layer> {
        let map = self.feature_map();
        let shape = vec![map.height, map.width, map.channels];
        let mut layers = vec![dense("decoder.hidden".into(), self.latent, shape)];
        let transposed = |name, conv: &Conv| convolution(name, "Conv2DTranspose", conv, conv.big);
        for (i, conv) in self.transposed_convolutions().iter().enumerate() {
            layers.push(transposed(format!("decoder.conv{i}"), conv));
        }
        layers.push(transposed("decoder.output".into(), &self.output()));
        layers
    }

    /// Trained values of the encoder and of the decoder.
    pub fn parameters(&self) -> (u64, u64) {
        let count = |layers: Vec<Layer>| layers.iter().map(|l| l.parameters).sum();
        (count(self.encoder_layers()), count(self.decoder_layers()))
    }

    /// All layers, with the floating-point operations of a training step on one image: forward, the gradient of the
    /// weights, and the gradient of the input except where that is the image. Activations, losses and the optimizer,
    /// which are a few operations a value, are not counted.
    pub fn training_layers(&self) -> Vec<(Layer, u64)> {
        let layers = [self.encoder_layers(), self.decoder_layers()].concat();
        let products = |i| if i == 0 { 2 } else { 3 };
        let with_flops = |(i, layer): (usize, Layer)| {
            let flops = products(i) * layer.flops;
            (layer, flops)
        };
        layers.into_iter().enumerate().map(with_flops).collect()
    }

    /// Floating-point operations of a training step on one image: the sum over [`Architecture::training_layers`].
    pub fn training_flops(&self) -> u64 {
        self.training_layers().iter().map(|(_, flops)| flops).sum()
    }

    /// Values of the largest kernel of a convolution.
    pub fn largest_kernel(&self) -> u64 {
        let mut convs = self.convolutions();
        convs.extend(self.transposed_convolutions());
        convs.push(self.output());
        convs.iter().map(Conv::kernel_len).max().unwrap_or(0) as u64
    }

    /// Activation values of a training step on one image: each layer's output and its gradient.
    pub fn activation_values(&self) -> u64 {
        let layers = [self.encoder_layers(), self.decoder_layers()].concat();
        2 * layers
            .iter()
            .map(|l| l.output.iter().map(|&n| n as u64).product::<u64>())
            .sum::<u64>()
    }
}

/// `encoder.hidden`, `encoder.hidden1`, `encoder.hidden2`, ...
pub fn hidden_name(index: usize) -> String {
    if index == 0 {
        "encoder.hidden".into()
    } else {
        format!("encoder.hidden{index}")
    }
}

fn convolution(name: String, kind: &'static str, conv: &Conv, output: Extent) -> Layer {
    Layer {
        name,
        kind,
        output: vec![output.height, output.width, output.channels],
        parameters: (conv.kernel_len() + output.channels) as u64,
        flops: conv.flops(),
    }
}

fn dense(name: String, inputs: usize, output: Vec<usize>) -> Layer {
    let outputs: usize = output.iter().product();
    Layer {
        name,
        kind: "Dense",
        output,
        parameters: (inputs * outputs + outputs) as u64,
        flops: 2 * (inputs * outputs) as u64,
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
            activation: Activation::Relu,
        }
    }

    #[test]
    fn the_reference_model_has_the_parameters_that_keras_counts() {
        assert_eq!(reference().parameters(), (69_076, 65_089));
    }

    #[test]
    fn the_largest_kernel_is_that_of_the_first_transposed_convolution() {
        assert_eq!(reference().largest_kernel(), 9 * 64 * 64);
    }

    #[test]
    fn the_reference_step_has_the_operations_counted_by_hand() {
        // Multiply-adds an image, from kernel size times output places.
        let encoder = 9 * 32 * 196 + 9 * 32 * 64 * 49 + 3136 * 16 + 2 * 16 * 2;
        let decoder = 2 * 3136 + 9 * 64 * 64 * 49 + 9 * 64 * 32 * 196 + 9 * 32 * 784;
        let forward = 2 * (encoder + decoder);
        assert_eq!(reference().training_flops(), 3 * forward - 2 * 9 * 32 * 196);
        // Batch 64: 2.55 GFLOP.
        assert_eq!(64 * reference().training_flops(), 2_550_571_008);
    }

    #[test]
    fn the_operations_of_the_layers_are_their_products() {
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
            activation: Activation::Tanh,
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
        let layers = rgb.training_layers();
        let got: Vec<_> = layers
            .iter()
            .map(|(l, flops)| (l.name.as_str(), *flops))
            .collect();
        assert_eq!(got, expected);
        assert_eq!(
            rgb.training_flops(),
            expected.iter().map(|(_, flops)| flops).sum::<u64>()
        );
    }

    #[test]
    fn layers_are_named_and_shaped_as_in_the_published_model() {
        let table = |layers: Vec<Layer>| {
            layers
                .iter()
                .map(|l| format!("{} {:?} {}", l.name, l.output, l.parameters))
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
    fn sizes_that_do_not_divide_come_back_exactly() {
        let odd = Architecture {
            filters: vec![4, 5, 6],
            hidden: vec![],
            ..reference()
        };
        let sizes: Vec<_> = odd
            .transposed_convolutions()
            .iter()
            .map(|c| (c.small.height, c.big.height))
            .collect();
        assert_eq!(sizes, [(4, 7), (7, 14), (14, 28)]);
        let channels: Vec<_> = odd
            .transposed_convolutions()
            .iter()
            .map(|c| (c.small.channels, c.big.channels))
            .collect();
        assert_eq!(channels, [(6, 6), (6, 5), (5, 4)]);
    }
}
