//! The decoder, where it does not mirror the encoder.

use super::model::{KERNEL, MOST_CONVOLUTIONS, Padding, PerLayer, STRIDE, convolutions, lists};
use crate::config::choice::choices;
use crate::config::section::section;
use crate::config::{Kind, Rules};

choices! {
    /// How the decoder gets to the image's channels.
    pub enum Output {
        /// a layer of stride 1 behind the transposed convolutions
        Stride1 = "stride_1",
        /// one more transposed convolution with kernel and stride of its own, in place of the mirrored last one
        Strided = "strided",
    }
}

choices! {
    /// From the output layer's values to pixels.
    pub enum OutputActivation {
        /// sigmoid, for pixels from 0 to 1
        Sigmoid = "sigmoid",
        /// hyperbolic tangent, for pixels from -1 to 1
        Tanh = "tanh",
    }
}

section! {
    /// The decoder, where it does not mirror the encoder: dense layers, a dense layer up to the first feature map,
    /// transposed convolutions, and an output layer without activation
    ///
    /// Sizes are found from the image back: each transposed convolution leads to the size from which a convolution of its
    /// kernel, stride and padding would come. So the last one always gives the size of an image, and height and width of
    /// the first feature map follow.
    pub struct Decoder {
        /// Widths of dense layers before the one that gives the first feature map; without convolutions, of all dense
        /// layers before the output
        pub dense: Option<Vec<usize>>, Kind::Counts { fewest: 0, most: 8, max: 65_536 },
            unset("none; without convolutions the encoder's, last to first"), unit("units"),
            also(&["hidden", "dense_units", "hidden_units"]);
        /// Output channels of the transposed convolutions, first to last, that of a strided output left out. `[]` without a
        /// strided output is a decoder of dense layers alone
        pub conv_filters: Option<Vec<usize>>, Kind::Counts { fewest: 0, most: MOST_CONVOLUTIONS, max: 4096 },
            unset("the encoder's, last to first; without its last with a strided output"), unit("channels"),
            also(&["channels", "conv_channels"]);
        /// How it gets to the image's channels: by a transposed convolution of stride 1 and padding `same` behind the
        /// others, or by the last one of them
        pub output: Output = Output::Stride1, Kind::Choice(Output::CHOICES), added_in(2);
        /// Side of the kernels, or of each one; a strided output counts
        pub kernel_size: Option<PerLayer>, KERNEL, unset("the encoder's, last to first"), unit("pixels");
        /// Step of the transposed convolutions, or of each one: each multiplies the size by it
        pub stride: Option<PerLayer>, STRIDE, unset("the encoder's, last to first"), unit("pixels");
        /// Zeros around what a convolution would read that leads back, as `model.padding`
        pub padding: Option<Padding>, Padding::KIND, unset("the encoder's, last to first"), unit("pixels");
        /// Side of the kernel of an output of stride 1
        pub output_kernel_size: Option<usize>, Kind::Count { min: 1, max: 31 },
            unset("that of the last transposed convolution"), unit("pixels");
        /// From the output layer's values to pixels. `tanh` is for pixels from -1 to 1, as many PyTorch programs have them:
        /// on the scale from 0 to 1, on which all terms and pictures are here, it is the sigmoid of twice the value. A
        /// squared error from -1 to 1 is four times that, which `loss.reconstruction_weight` can say
        pub output_activation: OutputActivation = OutputActivation::Sigmoid, Kind::Choice(OutputActivation::CHOICES),
            added_in(2);
        /// Channels of the first feature map
        pub first_channels: Option<usize>, Kind::Count { min: 1, max: 4096 },
            unset("those of the encoder's last feature map; without convolutions there, the first of `conv_filters`"),
            unit("channels");
        /// Whether the dense layer that gives the first feature map has neither normalization nor activation behind it
        pub first_linear: bool = false, Kind::Switch, added_in(2);
    }
    rules { there_are_convolutions, lists_have_an_item_a_transposed_convolution }
}

/// The mirrored encoder.
impl Default for Decoder {
    fn default() -> Self {
        Self {
            dense: None,
            conv_filters: None,
            output: Output::Stride1,
            kernel_size: None,
            stride: None,
            padding: None,
            output_kernel_size: None,
            output_activation: OutputActivation::Sigmoid,
            first_channels: None,
            first_linear: false,
        }
    }
}

impl Decoder {
    /// Channels of its transposed convolutions, that of a strided output left out.
    pub fn filters(&self, of_encoder: &[usize]) -> Vec<usize> {
        match &self.conv_filters {
            Some(own) => own.clone(),
            None => {
                let spared = usize::from(self.output == Output::Strided);
                of_encoder.iter().rev().skip(spared).copied().collect()
            }
        }
    }

    /// How many transposed convolutions there are, a strided output with them.
    fn transposed_convolutions(&self, of_encoder: &[usize]) -> usize {
        self.filters(of_encoder).len() + usize::from(self.output == Output::Strided)
    }
}

/// What of a rule's table decides the layers, and the encoder's filters.
fn layers(it: &Rules<'_>) -> Option<(Decoder, Vec<usize>)> {
    let decoder = Decoder {
        conv_filters: it.get("conv_filters"),
        output: it.get("output")?,
        ..Decoder::default()
    };
    Some((decoder, it.values.typed("model.conv_filters")?))
}

fn there_are_convolutions(it: &mut Rules<'_>) {
    let Some((decoder, encoder)) = layers(it) else {
        return;
    };
    let hint = "write channels into `decoder.conv_filters`, or remove the line";
    if decoder.output == Output::Strided {
        if encoder.is_empty() && decoder.conv_filters.is_none() {
            let message =
                "a strided output mirrors the encoder's first convolution, and there is none";
            let wrong = it.at(&["output"], message);
            let wrong = wrong.expected("`model.conv_filters` or `decoder.conv_filters`");
            it.diagnostics.push(wrong.hint(hint));
        } else if it.get::<usize>("output_kernel_size").is_some() {
            let message = "`decoder.output_kernel_size` is that of an output of stride 1, not of a strided one";
            let wrong = it.at(&["output_kernel_size"], message);
            let hint = "the last item of `decoder.kernel_size` is that of a strided output";
            let wrong = wrong.expected("with `output = \"stride_1\"` only");
            it.diagnostics.push(wrong.hint(hint));
        }
        return;
    }
    if !decoder.filters(&encoder).is_empty() {
        return;
    }
    let names = [
        ("kernel_size", it.get::<PerLayer>("kernel_size").is_some()),
        ("stride", it.get::<PerLayer>("stride").is_some()),
        ("padding", it.get::<Padding>("padding").is_some()),
        (
            "output_kernel_size",
            it.get::<usize>("output_kernel_size").is_some(),
        ),
        (
            "first_channels",
            it.get::<usize>("first_channels").is_some(),
        ),
        ("first_linear", it.get::<bool>("first_linear") == Some(true)),
    ];
    for (name, _) in names.into_iter().filter(|it| it.1) {
        let message =
            format!("`decoder.{name}` has no meaning for a decoder of dense layers alone");
        let wrong = it.at(&[name], message);
        it.diagnostics.push(
            wrong
                .expected("with transposed convolutions only")
                .hint(hint),
        );
    }
}

fn lists_have_an_item_a_transposed_convolution(it: &mut Rules<'_>) {
    let Some((decoder, encoder)) = layers(it) else {
        return;
    };
    let count = decoder.transposed_convolutions(&encoder);
    let own = lists(it);
    for &(name, layers) in own.iter().filter(|it| it.1 != count) {
        let message = format!(
            "`decoder.{name}` is a list of {layers}, but the decoder has {}",
            transposed(count)
        );
        let wrong = it.at(&[name], message);
        let hint = "one number holds for all; a strided output is one of them";
        it.diagnostics.push(
            wrong
                .expected("one for each transposed convolution")
                .hint(hint),
        );
    }
    if count == 0 {
        return;
    }
    let table = std::mem::replace(&mut it.table, "model");
    let of_encoder = lists(it);
    it.table = table;
    for (name, layers) in of_encoder {
        // A list of another length than the encoder's is reported there.
        let is_said = match name {
            "padding" => it.get::<Padding>(name).is_some(),
            _ => it.get::<PerLayer>(name).is_some(),
        };
        if is_said || layers != encoder.len() || layers == count {
            continue;
        }
        let message = format!(
            "`model.{name}` is a list for {}, the decoder has {}",
            convolutions(layers),
            transposed(count)
        );
        let wrong = it.at(&["conv_filters", "output"], message);
        let wrong = wrong.expected(format!("`decoder.{name}`"));
        let hint = format!("add a line such as `{name} = 3` to `[decoder]`");
        it.diagnostics.push(wrong.hint(hint));
    }
}

/// So many transposed convolutions, in words.
fn transposed(count: usize) -> String {
    match count {
        0 => "no transposed convolution".to_owned(),
        1 => "one transposed convolution".to_owned(),
        n => format!("{n} transposed convolutions"),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::experiment::{PerLayer, Spec, parse, resolved_toml};

    fn read(text: &str) -> Result<Spec, String> {
        let text = format!("name = \"a\"\n[data]\ndataset = \"sprites\"\n{text}");
        parse(&text, "x.toml", Path::new("."), &[]).map_err(|error| error.to_string())
    }

    #[test]
    fn writes_numbers_lists_and_words_as_they_were_read() {
        let text = "[model]\nconv_filters = [3, 4]\nkernel_size = [5, 2]\npadding = [0, 1]\n\
                    [decoder]\npadding = \"same\"\nstride = 2\n";
        let spec = read(text).unwrap();
        assert_eq!(spec.model.kernel_size, PerLayer::Each(vec![5, 2]));
        assert_eq!(spec.decoder.stride, Some(PerLayer::All(2)));
        let resolved = resolved_toml(&spec);
        for line in [
            "kernel_size = [5, 2]",
            "stride = 2",
            "padding = [0, 1]",
            "padding = \"same\"",
        ] {
            assert!(
                resolved.contains(&format!("\n{line}\n")),
                "{line}\n{resolved}"
            );
        }
        let again = parse(&resolved, "y.toml", Path::new("."), &[]).unwrap();
        assert_eq!(again, spec);
        let valid = read("[model]\npadding = 0\n").unwrap();
        assert!(resolved_toml(&valid).contains("padding = \"valid\""));
    }

    /// Settings and what the message says of them.
    #[test]
    fn refuses_what_does_not_go_together() {
        let cases = [
            (
                "[model]\nkernel_size = [3]\n",
                "`model.kernel_size` is a list of 1, but `model.conv_filters` says 2 convolutions",
            ),
            (
                "[model]\npadding = [3, 1, 0]\n",
                "`model.padding` is a list of 3, but `model.conv_filters` says 2 convolutions",
            ),
            (
                "[decoder]\nstride = [2]\n",
                "`decoder.stride` is a list of 1, but the decoder has 2 transposed convolutions",
            ),
            (
                "[decoder]\noutput = \"strided\"\nstride = [2]\n",
                "`decoder.stride` is a list of 1, but the decoder has 2 transposed convolutions",
            ),
            (
                "[model]\nkernel_size = [4, 2]\n[decoder]\nconv_filters = [8]\n",
                "`model.kernel_size` is a list for 2 convolutions, the decoder has one transposed convolution",
            ),
            (
                "[model]\nconv_filters = []\n[decoder]\noutput = \"strided\"\n",
                "a strided output mirrors the encoder's first convolution, and there is none",
            ),
            (
                "[decoder]\noutput = \"strided\"\noutput_kernel_size = 3\n",
                "`decoder.output_kernel_size` is that of an output of stride 1, not of a strided one",
            ),
            (
                "[decoder]\nconv_filters = []\nfirst_channels = 3\n",
                "`decoder.first_channels` has no meaning for a decoder of dense layers alone",
            ),
            (
                "[model]\nactivation_slope = 0.01\n",
                "`model.activation_slope` has no meaning for \"relu\"",
            ),
            (
                "[model]\npadding = \"half\"\n",
                "unknown value \"half\" for `model.padding`",
            ),
        ];
        for (text, message) in cases {
            let error = read(text).unwrap_err();
            assert!(error.contains(message), "{text}\n{error}");
        }
    }
}
