"""Trained values of ten public VAEs, counted by PyTorch from layers as their own code has them.

    python tests/reference/published_counts.py

Prints one line each: name, values. Needs torch. Kernels, widths and channels are those of the sources named; padding does
not change a count.
"""

from torch import nn


def count(*layers: nn.Module) -> int:
    return sum(values.numel() for layer in layers for values in layer.parameters())


def convolutions(channels: list[int], kernels: list[int], norm: bool = False) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for before, after, kernel in zip(channels, channels[1:], kernels):
        layers.append(nn.Conv2d(before, after, kernel))
        layers += [nn.BatchNorm2d(after)] if norm else []
    return layers


def transposed(channels: list[int], kernels: list[int], norm: bool = False) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for before, after, kernel in zip(channels, channels[1:], kernels):
        layers.append(nn.ConvTranspose2d(before, after, kernel))
        layers += [nn.BatchNorm2d(after)] if norm else []
    return layers


def dense(*widths: int) -> list[nn.Module]:
    return [nn.Linear(before, after) for before, after in zip(widths, widths[1:])]


def burgess(side: int) -> int:
    """YannDubs/disentangling-vae, disvae/models: a fourth pair of convolutions for 64 x 64."""
    depth = 4 if side == 64 else 3
    channels = [1] + [32] * depth
    return count(
        *convolutions(channels, [4] * depth),
        *dense(32 * 4 * 4, 256, 256, 2 * 10),
        *dense(10, 256, 256, 32 * 4 * 4),
        *transposed(channels[::-1], [4] * depth),
    )


def pytorch_vae() -> int:
    """AntixK/PyTorch-VAE, models/vanilla_vae.py and beta_vae.py: 3 x 3 kernels, batch normalization, latent 128."""
    widths = [32, 64, 128, 256, 512]
    return count(
        *convolutions([3, *widths], [3] * 5, norm=True),
        *dense(512 * 2 * 2, 128),
        *dense(512 * 2 * 2, 128),
        *dense(128, 512 * 2 * 2),
        *transposed(widths[::-1] + [32], [3] * 5, norm=True),
        nn.Conv2d(32, 3, 3),
    )


COUNTS = {
    # google-research/disentanglement_lib, methods/shared/architectures.py: conv_encoder, deconv_decoder.
    "disentanglement_lib_dsprites": count(
        *convolutions([1, 32, 32, 64, 64], [4, 4, 2, 2]),
        *dense(4 * 4 * 64, 256, 10),
        *dense(256, 10),
        *dense(10, 256, 4 * 4 * 64),
        *transposed([64, 64, 32, 32, 1], [4] * 4),
    ),
    "disentangling_betaB_mnist": burgess(32),
    "disentangling_betaH_sprites": burgess(64),
    # keras-team/keras-io, examples/generative/vae.py.
    "keras_io_vae": count(
        *convolutions([1, 32, 64], [3, 3]),
        *dense(7 * 7 * 64, 16, 2),
        *dense(16, 2),
        *dense(2, 7 * 7 * 64),
        *transposed([64, 64, 32, 1], [3] * 3),
    ),
    # clementchadebec/benchmark_VAE, pythae/models/nn/benchmarks/celeba/convnets.py, latent 64.
    "pythae_celeba_betavae": count(
        *convolutions([3, 128, 256, 512, 1024], [4] * 4, norm=True),
        *dense(1024 * 4 * 4, 64),
        *dense(1024 * 4 * 4, 64),
        *dense(64, 1024 * 8 * 8),
        *transposed([1024, 512, 256, 128], [5] * 3, norm=True),
        nn.ConvTranspose2d(128, 3, 5),
    ),
    # pytorch/examples, vae/main.py.
    "pytorch_examples_vae_mlp": count(
        *dense(784, 400, 20), *dense(400, 20), *dense(20, 400, 784)
    ),
    "pytorchvae_bbvae": pytorch_vae(),
    "pytorchvae_vanilla": pytorch_vae(),
    # tensorflow.org, tutorials/generative/cvae: valid padding, 28 -> 13 -> 6.
    "tf_cvae_tutorial": count(
        *convolutions([1, 32, 64], [3, 3]),
        *dense(6 * 6 * 64, 2 + 2),
        *dense(2, 7 * 7 * 32),
        *transposed([32, 64, 32, 1], [3] * 3),
    ),
    # AppliedDataSciencePartners/WorldModels, vae/arch.py: valid padding, 64 -> 31 -> 14 -> 6 -> 2.
    "worldmodels_vae": count(
        *convolutions([3, 32, 64, 64, 128], [4] * 4),
        *dense(2 * 2 * 128, 32),
        *dense(2 * 2 * 128, 32),
        *dense(32, 1024),
        *transposed([1024, 64, 64, 32, 3], [5, 5, 6, 6]),
    ),
}

if __name__ == "__main__":
    for name, values in COUNTS.items():
        print(f"{name} {values}")
