//! Published networks, each in the words of a spec, with the parameters that they have: sums of their layers, and totals
//! from `tests/reference/published_counts.py`.

use std::path::Path;

use super::Plan;
use crate::experiment;
use crate::kernels::Extent;
use crate::nn::layers::NamedConfig;

/// The plan of a spec for square images.
fn plan(side: usize, channels: usize, text: &str) -> Plan {
    let text = format!("name = \"a\"\n[data]\ndataset = \"sprites\"\n{text}");
    let spec = match experiment::parse(&text, "x.toml", Path::new("."), &[]) {
        Ok(spec) => spec,
        Err(error) => panic!("{error}"),
    };
    let image = Extent {
        height: side,
        width: side,
        channels,
    };
    Plan::new(spec, image, 1_000, 0)
}

/// Output shapes and parameters of the decoder's layers, flattening and normalization left out, then the parameters of
/// encoder and decoder.
fn decoder(plan: &Plan) -> (Vec<(Vec<usize>, u64)>, (u64, u64)) {
    assert_eq!(plan.architecture.misfit(), None);
    let layers = plan.architecture.decoder_layers();
    let multiplies = |it: &&NamedConfig| it.flops() > 0;
    let layers = layers.iter().filter(multiplies);
    let layers = layers.map(|it| (it.output(), it.parameter_count()));
    (layers.collect(), plan.architecture.parameters())
}

/// Values of a convolution's kernel with its bias.
fn conv(kernel: u64, inputs: u64, outputs: u64) -> u64 {
    kernel * kernel * inputs * outputs + outputs
}

fn dense(inputs: u64, outputs: u64) -> u64 {
    (inputs + 1) * outputs
}

/// `examples/generative/vae.py` of keras-io, whose summaries say 69,076 and 65,089.
#[test]
fn says_the_example_of_keras() {
    let found = plan(28, 1, "[model]\nhidden = [16]\n");
    assert_eq!(decoder(&found).1, (69_076, 65_089));
}

/// `vae/main.py` of PyTorch's examples: 784-400-20-400-784.
#[test]
fn says_dense_layers_alone() {
    let text = "[model]\nlatent_dim = 20\nconv_filters = []\nhidden = [400]\n";
    let (layers, parameters) = decoder(&plan(28, 1, text));
    let output = (vec![28, 28, 1], dense(400, 784));
    assert_eq!(layers, [(vec![400], dense(20, 400)), output]);
    let encoder = dense(784, 400) + 2 * dense(400, 20);
    assert_eq!(parameters, (encoder, dense(20, 400) + dense(400, 784)));
    assert_eq!(parameters.0 + parameters.1, 652_824);
    // A decoder of one layer has nothing between.
    let linear = "[model]\nlatent_dim = 20\nconv_filters = []\nhidden = []\n";
    let (layers, parameters) = decoder(&plan(28, 1, linear));
    assert_eq!(layers, [(vec![28, 28, 1], dense(20, 784))]);
    assert_eq!(parameters, (2 * dense(784, 20), dense(20, 784)));
}

/// TensorFlow's tutorial on convolutional variational autoencoders, with `valid` convolutions in the encoder.
#[test]
fn says_the_tutorial_of_tensorflow() {
    let text = "[model]\nhidden = []\npadding = \"valid\"\n\
                [decoder]\nconv_filters = [64, 32]\npadding = \"same\"\nfirst_channels = 32\n";
    let found = plan(28, 1, text);
    let (layers, (encoder, _)) = decoder(&found);
    assert_eq!(
        layers,
        [
            (vec![7, 7, 32], dense(2, 1568)),
            (vec![14, 14, 64], conv(3, 32, 64)),
            (vec![28, 28, 32], conv(3, 64, 32)),
            (vec![28, 28, 1], conv(3, 32, 1)),
        ]
    );
    assert_eq!(encoder, 320 + 18_496 + dense(6 * 6 * 64, 4));
    assert_eq!(found.architecture.parameters(), (28_036, 41_953));
}

/// Ha and Schmidhuber's World Models, as in `vae/arch.py` of AppliedDataSciencePartners/WorldModels.
#[test]
fn says_world_models() {
    let text = "[model]\nlatent_dim = 32\nconv_filters = [32, 64, 64, 128]\nkernel_size = 4\npadding = \"valid\"\nhidden = []\n\
                [decoder]\nconv_filters = [64, 64, 32]\nkernel_size = [5, 5, 6, 6]\noutput = \"strided\"\nfirst_channels = 1024\n\
                first_linear = true\n";
    let (layers, (encoder, _)) = decoder(&plan(64, 3, text));
    assert_eq!(
        layers,
        [
            (vec![1, 1, 1024], dense(32, 1024)),
            (vec![5, 5, 64], conv(5, 1024, 64)),
            (vec![13, 13, 64], conv(5, 64, 64)),
            (vec![30, 30, 32], conv(6, 64, 32)),
            (vec![64, 64, 3], conv(6, 32, 3)),
        ]
    );
    let convolutions = conv(4, 3, 32) + conv(4, 32, 64) + conv(4, 64, 64) + conv(4, 64, 128);
    assert_eq!(encoder, convolutions + 2 * dense(2 * 2 * 128, 32));
    assert_eq!(plan(64, 3, text).parameters(), 2_115_971);
}

/// Burgess et al. 2018, as in `disvae/models` of YannDubs/disentangling-vae, for 32 and for 64 pixels.
#[test]
fn says_burgess() {
    let text = |layers: &str| {
        format!(
            "[model]\nlatent_dim = 10\nconv_filters = [{layers}]\nkernel_size = 4\nhidden = [256, 256]\n\
             [decoder]\ndense = [256, 256]\noutput = \"strided\"\n"
        )
    };
    for (side, layers, all) in [(32, 3, 469_173), (64, 4, 502_005)] {
        let (found, parameters) = decoder(&plan(side, 1, &text(&"32,".repeat(layers))));
        let middle = (layers as u64 - 1) * conv(4, 32, 32);
        let encoder = conv(4, 1, 32) + middle + dense(512, 256) + dense(256, 256);
        let decoder = dense(10, 256) + dense(256, 256) + dense(256, 512) + middle;
        let decoder = decoder + conv(4, 32, 1);
        assert_eq!(parameters, (encoder + dense(256, 20), decoder));
        assert_eq!(parameters.0 + parameters.1, all);
        assert_eq!(found[2], (vec![4, 4, 32], dense(256, 512)));
        assert_eq!(found.len(), 3 + layers);
    }
}

/// The convolutional encoder and decoder of google-research/disentanglement_lib.
#[test]
fn says_disentanglement_lib() {
    let text = "[model]\nlatent_dim = 10\nconv_filters = [32, 32, 64, 64]\nkernel_size = [4, 4, 2, 2]\nhidden = [256]\n\
                [decoder]\ndense = [256]\nconv_filters = [64, 32, 32]\nkernel_size = 4\noutput = \"strided\"\n";
    let (layers, (encoder, _)) = decoder(&plan(64, 1, text));
    assert_eq!(
        layers,
        [
            (vec![256], dense(10, 256)),
            (vec![4, 4, 64], dense(256, 1024)),
            (vec![8, 8, 64], conv(4, 64, 64)),
            (vec![16, 16, 32], conv(4, 64, 32)),
            (vec![32, 32, 32], conv(4, 32, 32)),
            (vec![64, 64, 1], conv(4, 32, 1)),
        ]
    );
    assert_eq!(plan(64, 1, text).parameters(), 690_517);
    let convolutions = conv(4, 1, 32) + conv(4, 32, 32) + conv(2, 32, 64) + conv(2, 64, 64);
    assert_eq!(
        encoder,
        convolutions + dense(1024, 256) + 2 * dense(256, 10)
    );
}

/// `models/vanilla_vae.py` of AntixK/PyTorch-VAE. A bias in front of a batch normalization, which PyTorch keeps and which
/// does nothing, is not there.
#[test]
fn says_pytorch_vae() {
    let text = "[model]\nlatent_dim = 128\nconv_filters = [32, 64, 128, 256, 512]\npadding = 1\nhidden = []\n\
                activation = \"leaky_relu\"\nactivation_slope = 0.01\nnormalization = \"batch\"\n\
                [decoder]\nconv_filters = [256, 128, 64, 32, 32]\nfirst_linear = true\n";
    let found = plan(64, 3, text);
    let (layers, parameters) = decoder(&found);
    // Scale and offset take the place of the bias.
    let shapes: Vec<_> = layers.iter().map(|it| it.0.clone()).collect();
    assert_eq!(
        shapes,
        [
            [2, 2, 512],
            [4, 4, 256],
            [8, 8, 128],
            [16, 16, 64],
            [32, 32, 32],
            [64, 64, 32],
            [64, 64, 3]
        ]
    );
    let with_norm = |inputs, outputs| conv(3, inputs, outputs) + outputs;
    let widths = [3, 32, 64, 128, 256, 512];
    let encoder: u64 = widths.windows(2).map(|w| with_norm(w[0], w[1])).sum();
    let widths = [512, 256, 128, 64, 32, 32];
    let decoder: u64 = widths.windows(2).map(|w| with_norm(w[0], w[1])).sum();
    assert_eq!(
        parameters,
        (
            encoder + 2 * dense(2048, 128),
            dense(128, 2048) + decoder + conv(3, 32, 3)
        )
    );
    let biases: u64 = [32, 64, 128, 256, 512, 256, 128, 64, 32, 32].iter().sum();
    assert_eq!(parameters.0 + parameters.1 + biases, 3_937_635);
}

/// `Encoder_Conv_VAE_CELEBA` and `Decoder_Conv_AE_CELEBA` of clementchadebec/benchmark_VAE; of biases as above.
#[test]
fn says_pythae() {
    let text = "[model]\nlatent_dim = 64\nconv_filters = [128, 256, 512, 1024]\nkernel_size = 4\nhidden = []\n\
                normalization = \"batch\"\n[decoder]\nconv_filters = [512, 256, 128]\nkernel_size = 5\n\
                stride = [2, 2, 2, 1]\npadding = [2, 1, 2, 1]\noutput = \"strided\"\nfirst_linear = true\n";
    let (layers, (encoder, _)) = decoder(&plan(64, 3, text));
    let shapes: Vec<_> = layers.iter().map(|it| it.0.clone()).collect();
    assert_eq!(
        shapes,
        [
            [8, 8, 1024],
            [15, 15, 512],
            [31, 31, 256],
            [62, 62, 128],
            [64, 64, 3]
        ]
    );
    assert_eq!(layers[0].1, dense(64, 1024 * 8 * 8));
    assert_eq!(layers[4].1, conv(5, 128, 3));
    let widths = [3, 128, 256, 512, 1024];
    let with_norm = |w: &[u64]| conv(4, w[0], w[1]) + w[1];
    let convolutions: u64 = widths.windows(2).map(with_norm).sum();
    assert_eq!(encoder, convolutions + 2 * dense(1024 * 4 * 4, 64));
    let biases: u64 = [128, 256, 512, 1024, 512, 256, 128].iter().sum();
    assert_eq!(plan(64, 3, text).parameters() + biases, 34_594_563);
}

/// Residual blocks behind the encoder's convolutions and in front of the decoder's, each of two 3 x 3 convolutions.
#[test]
fn says_residual_blocks() {
    let text = "[model]\nconv_filters = [4, 6]\nresidual_blocks = 2\nnormalization = \"group\"\nnormalization_groups = 2\n";
    let found = plan(28, 1, text).architecture;
    assert_eq!(found.misfit(), None);
    let named = |layers: Vec<NamedConfig>| {
        let blocks = layers.into_iter().filter(|it| it.kind() == "ResidualBlock");
        blocks
            .map(|it| (it.name.clone(), it.output(), it.parameter_count()))
            .collect::<Vec<_>>()
    };
    // Scale and offset take the place of the bias.
    let values = |n: u64| 2 * (conv(3, n, n) + n);
    let block =
        |name: &str, side, n: u64| (name.to_owned(), vec![side, side, n as usize], values(n));
    assert_eq!(
        named(found.encoder_layers()),
        [
            block("encoder.conv0.residual0", 14, 4),
            block("encoder.conv0.residual1", 14, 4),
            block("encoder.conv1.residual0", 7, 6),
            block("encoder.conv1.residual1", 7, 6),
        ]
    );
    assert_eq!(
        named(found.decoder_layers()),
        [
            block("decoder.conv0.residual0", 7, 6),
            block("decoder.conv0.residual1", 7, 6),
            block("decoder.conv1.residual0", 14, 6),
            block("decoder.conv1.residual1", 14, 6),
        ]
    );
    let text = text.replace("groups = 2", "groups = 4");
    let unfit = plan(28, 1, &text).architecture.misfit().unwrap();
    assert_eq!(unfit.key, "model.normalization_groups");
    assert_eq!(unfit.message, "6 channels are no multiple of 4 groups");
}

/// What is left of an image is at least one pixel, or the place is said.
#[test]
fn refuses_sizes_that_do_not_fit() {
    let misfit = |side, text: &str| plan(side, 1, text).architecture.misfit();
    let text = "[model]\npadding = \"valid\"\nconv_filters = [4, 4, 4, 4]\n";
    let found = misfit(28, text).unwrap();
    assert_eq!(found.key, "model.conv_filters");
    assert_eq!(
        found.message,
        "nothing is left of an image of 28 x 28 behind convolution 3: it reads 2 x 2, and its kernel is 3 x 3"
    );
    assert!(found.expected.starts_with("at least 3 x 3 to read"));
    assert_eq!(misfit(31, text), None);
    let text = "[decoder]\npadding = \"valid\"\nconv_filters = [4, 4, 4, 4]\n";
    let found = misfit(28, text).unwrap();
    assert_eq!(found.key, "decoder.conv_filters");
    assert!(found.message.starts_with(
        "transposed convolution 0 cannot give 2 x 2, as it takes to get to an image of 28 x 28"
    ));
    // Costs of what cannot be built are numbers all the same.
    let plan = plan(
        4,
        1,
        "[model]\npadding = \"valid\"\nconv_filters = [4, 4, 4]\n",
    );
    assert!(plan.memory_bytes() > 0 && plan.flops_per_step() > 0);
}

/// Cross-entropy is a likelihood of binary pixels alone, which data is where the spec makes it so.
#[test]
fn knows_the_pixels_that_a_spec_makes_binary() {
    use crate::likelihood::Verdict;
    let verdict = |more: &str| {
        let plan = plan(28, 1, more);
        plan.spec.loss.reconstruction.judge(plan.pixel_values())
    };
    assert!(matches!(verdict(""), Verdict::Neither(_)));
    for how in ["threshold", "sample"] {
        assert_eq!(
            verdict(&format!("binarize = \"{how}\"\n")),
            Verdict::Probability
        );
    }
}
