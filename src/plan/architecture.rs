//! The network as a list of layers. Its table, the numbers of parameters and operations and the names in a checkpoint
//! follow from it.

use crate::experiment::{Decoder, Output, Padding, PerLayer};
use crate::kernels::{Activation, Conv, Extent};
use crate::latent::Head;
use crate::nn::layers::layer::Normalizes as _;
use crate::nn::layers::{
    Finish, LayerConfig, NamedConfig, Normalization, SequentialConfig, Unfit, conv_transpose2d,
    conv2d, dense, flatten, residual,
};

/// Everything that decides the network's shape.
///
/// Encoder: convolutions with stride, flatten, dense layers, two heads. Decoder: dense layers, one up to the first
/// feature map, transposed convolutions, and an output layer. Where nothing else is said, these mirror the encoder's:
/// the first feature map is the encoder's last one, filters come in reverse order, and the output has stride 1. Without
/// convolutions, both have dense layers alone. With [`Head::Map`] there are no dense layers.
#[derive(Clone, Debug, PartialEq)]
pub struct Architecture {
    /// Size of an image.
    pub image: Extent,
    /// Filters of the encoder's convolutions.
    pub filters: Vec<usize>,
    /// Height and width of the convolution kernels.
    pub kernel: PerLayer,
    /// Strides of the convolutions.
    pub stride: PerLayer,
    /// Zeros around what they read.
    pub padding: Padding,
    /// Residual blocks behind each convolution, and in front of each transposed one.
    pub residual_blocks: usize,
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
    /// What of the decoder does not mirror the encoder.
    pub decoder: Decoder,
    /// Classes of which encoder and decoder are told an image's, each a map behind the image's channels and an axis
    /// behind the latent ones; 0 where they are told none.
    pub classes: usize,
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
            let blocks = self.residual_blocks(&name, conv.small);
            trunk.extend(self.normalized(name, conv.small.channels, product));
            trunk.extend(blocks);
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
            let name = format!("encoder.hidden{}", numbered(i));
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
        let mut trunk = vec![];
        let mut width = self.latent + self.classes;
        let dense_layers = match self.head {
            Head::Map => vec![],
            Head::Gaussian | Head::Mean => self.decoder_dense(),
        };
        for (i, units) in dense_layers.into_iter().enumerate() {
            let name = format!("decoder.dense{}", numbered(i));
            trunk.extend(self.normalized(name, units, |finish| dense(width, vec![units], finish)));
            width = units;
        }
        let mut convolutions = self.transposed_convolutions();
        let linear = Finish::with(Activation::Linear);
        let Some(map) = convolutions.first().map(|conv| conv.small) else {
            if trunk.is_empty() {
                let flatten = flatten::Config { values: width };
                trunk.push(NamedConfig::new("decoder.flatten", flatten));
            }
            let output = dense(width, shape(self.image), linear);
            return DecoderLayers {
                trunk: in_sequence(trunk),
                output: NamedConfig::new("decoder.output", output),
            };
        };
        let first = |finish| dense(width, shape(map), finish);
        match self.decoder.first_linear {
            _ if self.head == Head::Map => {}
            true => trunk.push(NamedConfig::new("decoder.hidden", first(linear))),
            false => trunk.extend(self.normalized("decoder.hidden".to_owned(), map.len(), first)),
        }
        let strided = match self.decoder.output {
            Output::Strided => convolutions.pop(),
            Output::Stride1 => None,
        };
        for (i, &conv) in convolutions.iter().enumerate() {
            let product = |finish| conv_transpose2d::Config { conv, finish };
            let name = format!("decoder.conv{i}");
            trunk.extend(self.residual_blocks(&name, conv.small));
            trunk.extend(self.normalized(name, conv.big.channels, product));
        }
        if let Some(output) = strided {
            trunk.extend(self.residual_blocks("decoder.output", output.small));
        }
        let stride_1 = || {
            let last = convolutions.last();
            let kernel = last.map_or(1, |conv| conv.kernel);
            let kernel = self.decoder.output_kernel_size.unwrap_or(kernel);
            let channels = last.map_or(map.channels, |conv| conv.big.channels);
            Conv::same(self.image, channels, kernel, 1)
        };
        let output = conv_transpose2d::Config {
            conv: strided.unwrap_or_else(stride_1),
            finish: linear,
        };
        DecoderLayers {
            trunk: in_sequence(trunk),
            output: NamedConfig::new("decoder.output", output),
        }
    }

    /// Widths of the decoder's dense layers, before that of the first feature map or the output.
    fn decoder_dense(&self) -> Vec<usize> {
        let mirrored = || match self.transposed_convolutions().is_empty() {
            true => self.hidden.iter().rev().copied().collect(),
            false => vec![],
        };
        self.decoder.dense.clone().unwrap_or_else(mirrored)
    }

    /// The decoder's transposed convolutions from its first feature map on, a strided output with them. Each leads to
    /// the size from which its convolution would come, the last one to that of an image.
    fn transposed_convolutions(&self) -> Vec<Conv> {
        let own = &self.decoder;
        let mut filters = own.filters(&self.filters);
        let in_front = match (own.first_channels, self.filters.last(), filters.first()) {
            _ if self.head == Head::Map => self.latent,
            (Some(channels), _, _) | (None, Some(&channels), _) | (None, None, Some(&channels)) => {
                channels
            }
            (None, None, None) => self.image.channels,
        };
        if own.output == Output::Strided {
            filters.push(self.image.channels);
        }
        let kernel = own.kernel_size.clone();
        let kernel = kernel.unwrap_or_else(|| self.kernel.reversed());
        let stride = own.stride.clone();
        let stride = stride.unwrap_or_else(|| self.stride.reversed());
        let padding = own.padding.clone();
        let padding = padding.unwrap_or_else(|| self.padding.reversed());
        let (mut height, mut width) = (self.image.height, self.image.width);
        let mut all = vec![];
        for (i, &channels) in filters.iter().enumerate().rev() {
            let big = Extent {
                height,
                width,
                channels,
            };
            let inputs = i.checked_sub(1).map_or(in_front, |before| filters[before]);
            let conv = Conv::new(big, inputs, (kernel.at(i), stride.at(i)), padding.at(i));
            (height, width) = (conv.small.height, conv.small.width);
            all.push(conv);
        }
        all.reverse();
        all
    }

    /// Why the network cannot be built for images of this size: a kernel that fits nowhere into what it reads, or a layer
    /// that has no meaning. `None` where it can.
    pub fn misfit(&self) -> Option<Unfit> {
        let nothing = |convolutions: &[Conv]| {
            let is_empty = |conv: &&Conv| conv.small.pixels() == 0;
            convolutions.iter().find(is_empty).copied()
        };
        let least = |conv: &Conv| conv.kernel.saturating_sub(2 * conv.pad_top);
        if let Some(conv) = nothing(&self.convolutions()) {
            let layer = self.convolutions().iter().position(|it| *it == conv);
            return Some(Unfit {
                key: "model.conv_filters",
                message: format!(
                    "nothing is left of an image of {} behind convolution {}: it reads {}, and its kernel is {}",
                    size(self.image),
                    layer.unwrap_or(0),
                    size(conv.big),
                    sides(conv.kernel)
                ),
                expected: format!(
                    "at least {} to read: fewer convolutions, smaller kernels or strides, or `padding = \"same\"`",
                    sides(least(&conv))
                ),
            });
        }
        let convolutions = self.transposed_convolutions();
        let Some(conv) = nothing(&convolutions) else {
            let first = convolutions.first().map(|conv| conv.small);
            let first = first.map(|map| (map.height, map.width));
            if self.head == Head::Map && first != Some(self.latent_map()) {
                let (height, width) = self.latent_map();
                let (rows, columns) = first.unwrap_or((1, 1));
                return Some(Unfit {
                    key: "decoder.conv_filters",
                    message: format!(
                        "the codes are a map of {height} x {width}, and the decoder starts from one of {rows} x {columns}"
                    ),
                    expected: "transposed convolutions whose strides undo those of the encoder"
                        .to_owned(),
                });
            }
            return self.layers().iter().find_map(|layer| layer.unfit());
        };
        let layer = convolutions.iter().position(|it| *it == conv);
        Some(Unfit {
            key: "decoder.conv_filters",
            message: format!(
                "transposed convolution {} cannot give {}, as it takes to get to an image of {}: its kernel is {}",
                layer.unwrap_or(0),
                size(conv.big),
                size(self.image),
                sides(conv.kernel)
            ),
            expected: format!(
                "fewer transposed convolutions, or kernels and strides that reach an image from a smaller map; that one \
                 gives {} at least",
                sides(least(&conv))
            ),
        })
    }

    /// The residual blocks that read such maps, behind a convolution or in front of a transposed one of this name: each
    /// has two convolutions with kernel 3.
    fn residual_blocks(&self, name: &str, maps: Extent) -> Vec<NamedConfig> {
        let product = |finish| conv2d::Config {
            conv: Conv::same(maps, maps.channels, 3, 1),
            finish,
            input_gradient: true,
        };
        let inner = |name: &str, activation| {
            self.with_activation(name.to_owned(), maps.channels, product, activation)
        };
        let block = |i| {
            let config = residual::Config {
                maps,
                inner: [
                    inner("conv0", self.activation),
                    inner("conv1", Activation::Linear),
                ]
                .concat(),
                activation: self.activation,
            };
            NamedConfig::new(format!("{name}.residual{i}"), config)
        };
        (0..self.residual_blocks).map(block).collect()
    }

    /// A layer of so many outputs that multiplies, and what follows it.
    fn normalized<P: Into<LayerConfig>>(
        &self,
        name: String,
        outputs: usize,
        product: impl Fn(Finish) -> P,
    ) -> Vec<NamedConfig> {
        self.with_activation(name, outputs, product, self.activation)
    }

    /// The same with another activation than the network's.
    fn with_activation<P: Into<LayerConfig>>(
        &self,
        name: String,
        outputs: usize,
        product: impl Fn(Finish) -> P,
        activation: Activation,
    ) -> Vec<NamedConfig> {
        let alone: LayerConfig = product(Finish::with(activation)).into();
        let next = self
            .normalization
            .layer(outputs, alone.output(), activation);
        match next {
            None => vec![NamedConfig::new(name, alone)],
            Some(next) => {
                let finish = match self.normalization.keeps_bias() {
                    true => Finish::with(Activation::Linear),
                    false => Finish::NONE,
                };
                vec![
                    NamedConfig::new(name.as_str(), product(finish)),
                    NamedConfig::new(name, next),
                ]
            }
        }
    }

    /// The encoder's convolutions, from the image on.
    fn convolutions(&self) -> Vec<Conv> {
        let mut big = self.encoder_input();
        let next = |(i, &filters): (usize, &usize)| {
            let sizes = (self.kernel.at(i), self.stride.at(i));
            let conv = Conv::new(big, filters, sizes, self.padding.at(i));
            big = conv.small;
            conv
        };
        self.filters.iter().enumerate().map(next).collect()
    }

    /// The image, and behind its channels the maps of the classes.
    fn encoder_input(&self) -> Extent {
        Extent {
            channels: self.image.channels + self.classes,
            ..self.image
        }
    }

    /// The encoder's last feature map, or the image where there are no convolutions.
    fn feature_map(&self) -> Extent {
        self.convolutions()
            .last()
            .map_or(self.encoder_input(), |conv| conv.small)
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
        let layers: u64 = self.layers().iter().map(|layer| layer.kept_values()).sum();
        let inputs = match self.classes {
            0 => 0,
            classes => self.encoder_input().len() + self.latent + classes,
        };
        layers + 2 * inputs as u64
    }
}

fn dense(inputs: usize, output: Vec<usize>, finish: Finish) -> dense::Config {
    dense::Config {
        inputs,
        output,
        finish,
    }
}

/// The shape of maps.
fn shape(maps: Extent) -> Vec<usize> {
    vec![maps.height, maps.width, maps.channels]
}

/// What stands behind the name of the first, second, ... of several layers: nothing, 1, ...
fn numbered(i: usize) -> String {
    match i {
        0 => String::new(),
        i => i.to_string(),
    }
}

/// Height and width, in words.
fn size(maps: Extent) -> String {
    format!("{} x {}", maps.height, maps.width)
}

/// The same of something square.
fn sides(side: usize) -> String {
    format!("{side} x {side}")
}

/// Layers of which there is at least one.
fn in_sequence(mut layers: Vec<NamedConfig>) -> SequentialConfig {
    SequentialConfig {
        first: layers.remove(0),
        rest: layers,
    }
}

#[cfg(test)]
pub(crate) mod tests;
