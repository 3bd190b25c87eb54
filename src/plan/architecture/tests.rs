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
        kernel: PerLayer::All(3),
        stride: PerLayer::All(2),
        padding: Padding::Same,
        residual_blocks: 0,
        hidden: vec![16],
        latent: 2,
        head: Head::Gaussian,
        image_gradient: false,
        activation: Activation::Relu,
        normalization: Normalization::default(),
        decoder: Decoder::default(),
        classes: 0,
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
        kernel: PerLayer::All(4),
        stride: PerLayer::All(3),
        padding: Padding::Same,
        residual_blocks: 0,
        hidden: vec![],
        latent: 3,
        head: Head::Gaussian,
        image_gradient: false,
        activation: Activation::Tanh,
        normalization: Normalization::default(),
        decoder: Decoder::default(),
        classes: 0,
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
fn adds_classes_to_the_first_layers_alone() {
    let conditional = Architecture {
        classes: 10,
        ..reference()
    };
    let count = |a: &Architecture| -> Vec<u64> {
        a.layers().iter().map(|it| it.parameter_count()).collect()
    };
    let grown: Vec<u64> = count(&conditional)
        .iter()
        .zip(count(&reference()))
        .map(|(with, without)| with - without)
        .collect();
    // 3 x 3 x 10 x 32 values of the convolution's kernel, 10 x 7 x 7 x 64 of the dense layer's.
    assert_eq!(grown, [2880, 0, 0, 0, 0, 0, 31_360, 0, 0, 0]);
    let shapes =
        |a: &Architecture| -> Vec<Vec<usize>> { a.layers().iter().map(|it| it.output()).collect() };
    assert_eq!(shapes(&conditional), shapes(&reference()));
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
