//! The shape of the network.

use crate::config::choice::choices;
use crate::config::section::section;
use crate::config::{FieldValue, Interval, Kind, Rules, Value};
use crate::kernels::Zeros;
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

/// Most convolutions of an encoder or a decoder.
pub(super) const MOST_CONVOLUTIONS: usize = 12;

/// As many, and a strided output.
const MOST_OF_A_LIST: usize = MOST_CONVOLUTIONS + 1;

/// A size that every layer has, or each its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PerLayer {
    /// All layers have this one.
    All(usize),
    /// One for each layer, first to last.
    Each(Vec<usize>),
}

impl PerLayer {
    /// That of a layer, by its place. Behind the end of a list that is its last item; no spec has one so short.
    pub fn at(&self, layer: usize) -> usize {
        match self {
            Self::All(size) => *size,
            Self::Each(sizes) => sizes.get(layer).or(sizes.last()).copied().unwrap_or(1),
        }
    }

    /// The layers that a list is for.
    pub fn layers(&self) -> Option<usize> {
        match self {
            Self::All(_) => None,
            Self::Each(sizes) => Some(sizes.len()),
        }
    }

    /// The same for the layers in reverse.
    pub fn reversed(&self) -> Self {
        match self {
            Self::All(size) => Self::All(*size),
            Self::Each(sizes) => Self::Each(sizes.iter().rev().copied().collect()),
        }
    }
}

impl FieldValue for PerLayer {
    type Literal = usize;

    fn default_value(literal: usize) -> Value {
        Value::Count(literal as u64)
    }

    fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::Count(_) => usize::from_value(value).map(Self::All),
            _ => Vec::from_value(value).map(Self::Each),
        }
    }

    fn to_value(&self) -> Option<Value> {
        match self {
            Self::All(size) => size.to_value(),
            Self::Each(sizes) => sizes.to_value(),
        }
    }
}

/// Zeros around the images and feature maps that convolutions read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Padding {
    /// As many as the small side needs to have ceil(big / stride) pixels.
    Same,
    /// So many on each side.
    Zeros(PerLayer),
}

impl Padding {
    const SAME: &'static str = "same";
    const VALID: &'static str = "valid";

    /// What a spec may say.
    pub(super) const KIND: Kind = Kind::CountOrCounts {
        min: 0,
        max: 15,
        most: MOST_OF_A_LIST,
        words: &[Self::SAME, Self::VALID],
    };

    /// That of a layer, by its place.
    pub fn at(&self, layer: usize) -> Zeros {
        match self {
            Self::Same => Zeros::Same,
            Self::Zeros(zeros) => Zeros::Each(zeros.at(layer)),
        }
    }

    /// The layers that a list is for.
    pub fn layers(&self) -> Option<usize> {
        match self {
            Self::Same => None,
            Self::Zeros(zeros) => zeros.layers(),
        }
    }

    /// The same for the layers in reverse.
    pub fn reversed(&self) -> Self {
        match self {
            Self::Same => Self::Same,
            Self::Zeros(zeros) => Self::Zeros(zeros.reversed()),
        }
    }
}

impl FieldValue for Padding {
    type Literal = &'static str;

    fn default_value(literal: &'static str) -> Value {
        Value::Text(literal.into())
    }

    fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::Text(word) => match word.as_str() {
                Self::SAME => Some(Self::Same),
                Self::VALID => Some(Self::Zeros(PerLayer::All(0))),
                _ => None,
            },
            _ => PerLayer::from_value(value).map(Self::Zeros),
        }
    }

    fn to_value(&self) -> Option<Value> {
        match self {
            Self::Same => Some(Value::Text(Self::SAME.into())),
            Self::Zeros(PerLayer::All(0)) => Some(Value::Text(Self::VALID.into())),
            Self::Zeros(zeros) => zeros.to_value(),
        }
    }
}

/// Side of a convolution's kernel.
pub(super) const KERNEL: Kind = Kind::CountOrCounts {
    min: 1,
    max: 31,
    most: MOST_OF_A_LIST,
    words: &[],
};

/// Step of a convolution.
pub(super) const STRIDE: Kind = Kind::CountOrCounts {
    min: 1,
    max: 8,
    most: MOST_OF_A_LIST,
    words: &[],
};

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
        /// Output channels of the encoder's convolutions, first to last; the decoder mirrors them. `[]` is a network of
        /// dense layers alone
        pub conv_filters: Vec<usize> = &[32, 64],
            Kind::Counts { fewest: 0, most: MOST_CONVOLUTIONS, max: 4096 }, unit("channels"),
            also(&["channels", "conv_channels", "conv_layers"]);
        /// Side of the convolution kernels, or of each one
        pub kernel_size: PerLayer = 3, KERNEL, unit("pixels");
        /// Step of the convolutions, or of each one: each divides the size of the image by it
        pub stride: PerLayer = 2, STRIDE, unit("pixels");
        /// Zeros around what a convolution reads. `same`: as many as it takes for size / stride pixels, rounded up, the odd
        /// one behind (TensorFlow). A number, or one for each convolution: so many on each side, as PyTorch's `padding`.
        /// `valid`: none, the same as 0. With kernel 4, stride 2 and even sizes, PyTorch's 1 is `same`
        pub padding: Padding = "same", Padding::KIND, unit("pixels"), added_in(2);
        /// Residual blocks (He et al., 2016) of two 3 x 3 convolutions behind each convolution, and in front of each
        /// transposed one
        pub residual_blocks: usize = 0, Kind::Count { min: 0, max: 16 }, unit("blocks"), added_in(2),
            also(&["residual", "res_blocks", "num_res_blocks"]);
        /// Widths of the encoder's dense layers after flattening; may be `[]`
        pub hidden: Vec<usize> = &[16], Kind::Counts { fewest: 0, most: 8, max: 65_536 }, unit("units"),
            also(&["dense", "dense_units", "hidden_units", "hidden_dims"]);
        /// The nonlinearity after each layer but the heads and the output
        pub activation: Activation = Activation::Relu, Kind::Choice(Activation::CHOICES), also(&["nonlinearity"]);
        /// Slope of `leaky_relu` below 0: 0.2 as Keras' function, 0.3 as Keras' layer of earlier versions, 0.01 as PyTorch
        pub activation_slope: f64 = 0.2, Kind::Number(Interval::closed(0.0, 1.0)), only("activation", &["leaky_relu"]),
            added_in(2), also(&["negative_slope", "leaky_slope", "alpha"]);
        /// What stands between the product and the activation of each layer but the heads and the output
        pub normalization: Normalization = "none", Kind::Choice(Normalization::choices()), added_in(2),
            also(&["norm", "batch_norm"]);
        /// What encoder and decoder are told of an image besides its pixels
        pub condition: Condition = Condition::None, Kind::Choice(Condition::CHOICES), added_in(2),
            also(&["conditional", "condition_on", "cvae"]);
    }
    rules { lists_have_an_item_a_convolution, blocks_stand_behind_convolutions }
}

fn lists_have_an_item_a_convolution(it: &mut Rules<'_>) {
    let Some(filters) = it.get::<Vec<usize>>("conv_filters") else {
        return;
    };
    for (name, layers) in lists(it) {
        if layers != filters.len() {
            let message = format!(
                "`model.{name}` is a list of {layers}, but `model.conv_filters` says {}",
                convolutions(filters.len())
            );
            let hint = "one number holds for all convolutions";
            let wrong = it.at(&[name], message);
            it.diagnostics
                .push(wrong.expected("one for each convolution").hint(hint));
        }
    }
}

fn blocks_stand_behind_convolutions(it: &mut Rules<'_>) {
    let is_dense = it.get("conv_filters") == Some(Vec::<usize>::new());
    if is_dense && it.get::<usize>("residual_blocks").is_some_and(|n| n > 0) {
        let message = "`model.residual_blocks` without convolutions";
        let wrong = it.at(&["residual_blocks"], message);
        let hint = "write channels into `model.conv_filters`, or remove the line";
        it.diagnostics
            .push(wrong.expected("0 with `conv_filters = []`").hint(hint));
    }
}

/// The lists of sizes of a rule's table, each by its name with its length.
pub(super) fn lists(it: &Rules<'_>) -> Vec<(&'static str, usize)> {
    let list = |name| Some((name, it.get::<PerLayer>(name)?.layers()?));
    let padding = it.get::<Padding>("padding").and_then(|it| it.layers());
    let sizes = ["kernel_size", "stride"].into_iter().filter_map(list);
    sizes.chain(padding.map(|it| ("padding", it))).collect()
}

/// So many convolutions, in words.
pub(super) fn convolutions(count: usize) -> String {
    match count {
        1 => "one convolution".to_owned(),
        n => format!("{n} convolutions"),
    }
}
