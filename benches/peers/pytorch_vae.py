"""The model in PyTorch: channels_last, eager or under `torch.compile`.

PyTorch pads before the image where TensorFlow's `same` pads behind it: with kernel 3, stride 2 and an even size,
`padding=1` never reads the zeros behind the image, and `padding=1, output_padding=1` cuts the first row off a
transposed convolution where TensorFlow cuts the last. That is the same model on images and kernels turned by half
a turn. So the layers are those that a PyTorch user writes, with no copy to pad or to crop, and `--check` turns the
images, kernels and gradients of the reference file.

The update rule is PyTorch's RMSprop, which adds epsilon to the root where Keras adds it below: steps are not compared.
"""
import sys

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

import common


class Vae(nn.Module):
    def __init__(self, model):
        super().__init__()
        self.kl_weight, self.feature_map = model.kl_weight, model.feature_map
        channels = [model.image[2], *model.filters]
        self.layers = nn.ModuleDict()

        def add(name, layer):
            self.layers[name.replace(".", "_")] = layer

        for i, (before, after) in enumerate(zip(channels, channels[1:])):
            add(f"encoder.conv{i}", nn.Conv2d(before, after, 3, stride=2, padding=1))
        flat = units = int(np.prod(self.feature_map))
        self.hidden = [name.replace(".", "_") for name in model.hidden_names()]
        for name, wide in zip(model.hidden_names(), model.hidden):
            add(name, nn.Linear(units, wide))
            units = wide
        add("encoder.z_mean", nn.Linear(units, model.latent))
        add("encoder.z_log_var", nn.Linear(units, model.latent))
        add("decoder.hidden", nn.Linear(model.latent, flat))
        units = channels[-1]
        for i, after in enumerate(reversed(model.filters)):
            add(f"decoder.conv{i}", nn.ConvTranspose2d(units, after, 3, stride=2, padding=1, output_padding=1))
            units = after
        add("decoder.output", nn.ConvTranspose2d(units, model.image[2], 3, padding=1))
        self.depth = len(model.filters)

    def forward(self, x, eps):
        """Losses and values of a batch (n, channels, height, width), whose memory is NHWC."""
        layers, h = self.layers, x
        for i in range(self.depth):
            h = F.relu(layers[f"encoder_conv{i}"](h))
        h = h.permute(0, 2, 3, 1).flatten(1)  # in NHWC order: no copy
        for name in self.hidden:
            h = F.relu(layers[name](h))
        mean, log_var = layers["encoder_z_mean"](h), layers["encoder_z_log_var"](h)
        z = mean + torch.exp(log_var / 2) * eps
        h = F.relu(layers["decoder_hidden"](z)).unflatten(1, self.feature_map).permute(0, 3, 1, 2)
        for i in range(self.depth):
            h = F.relu(layers[f"decoder_conv{i}"](h))
        logits = layers["decoder_output"](h)
        reconstruction = F.binary_cross_entropy_with_logits(logits, x, reduction="sum") / len(x)
        kl = (-0.5 * (1 + log_var - mean.square() - log_var.exp())).mean()
        return (reconstruction + self.kl_weight * kl, reconstruction, kl), (mean, log_var, z, logits)


class Layout:
    """Between the layouts of the reference files and PyTorch's, with half a turn."""

    def __init__(self, model):
        self.feature_map = model.feature_map
        # First and last dense layer at the feature map: their units are pixels, which turn with the image.
        self.first = (model.hidden_names() or ["encoder.z_mean", "encoder.z_log_var"])[:1 if model.hidden else 2]

    def units(self, values):
        """Turns the feature map in the first axis of an array."""
        turned = values.reshape(*self.feature_map, *values.shape[1:])[::-1, ::-1]
        return turned.reshape(values.shape)

    def to_torch(self, name, value):
        layer, kind = name.rsplit(".", 1)
        if value.ndim == 4:  # (kh, kw, a, b) to (b, a, kh, kw), for both kinds of convolution
            value = value[::-1, ::-1].transpose(3, 2, 0, 1)
        elif layer == "decoder.hidden":
            value = self.units(value) if kind == "bias" else self.units(value.T)
        elif kind == "kernel":
            value = (self.units(value) if layer in self.first else value).T
        return torch.tensor(np.ascontiguousarray(value))

    def from_torch(self, name, value):
        layer, kind = name.rsplit(".", 1)
        value = value.detach().numpy()
        if value.ndim == 4:
            return value.transpose(2, 3, 1, 0)[::-1, ::-1]
        if layer == "decoder.hidden":
            return self.units(value) if kind == "bias" else self.units(value).T
        if kind == "kernel":
            return self.units(value.T) if layer in self.first else value.T
        return value


class Peer:
    versions = {"torch": torch.__version__, "numpy": np.__version__}

    def __init__(self, model, parameters, threads, args):
        sizes = [n for size in model.sizes[:-1] for n in size]
        if (model.kernel, model.stride) != (3, 2) or any(n % 2 for n in sizes):
            sys.exit(f"kernel {model.kernel}, stride {model.stride}, sizes {sizes}: "
                     "this peer has kernel 3, stride 2 and even sizes")
        torch.set_num_threads(threads)
        torch.manual_seed(0)
        self.model, self.layout, self.parameters = model, Layout(model), {}
        self.vae = Vae(model)
        with torch.no_grad():
            for name, value in parameters.items():
                layer, kind = name.rsplit(".", 1)
                parameter = getattr(self.vae.layers[layer.replace(".", "_")], "weight" if kind == "kernel" else "bias")
                parameter.copy_(self.layout.to_torch(name, value))
                self.parameters[name] = parameter
        self.vae.to(memory_format=torch.channels_last)
        self.run = torch.compile(self.vae) if args.compile else self.vae

    def train(self, images, clock):
        images, batch = torch.from_numpy(images), self.model.batch
        optimizer = torch.optim.RMSprop(
            self.vae.parameters(), self.model.learning_rate, alpha=self.model.rho, eps=self.model.epsilon)
        while not clock.done:
            sums = [0.0, 0.0, 0.0]
            for rows in torch.randperm(len(images)).split(batch):
                x = images[rows].permute(0, 3, 1, 2)  # over NHWC memory: what PyTorch calls channels_last
                optimizer.zero_grad()
                losses, _ = self.run(x, torch.randn(len(x), self.model.latent))
                losses[0].backward()
                optimizer.step()
                sums = [total + loss.item() for total, loss in zip(sums, losses)]
                clock.step(losses[0].item())
                if clock.done:
                    break

    def evaluate(self, x, eps):
        turned = torch.from_numpy(np.ascontiguousarray(x[:, ::-1, ::-1])).permute(0, 3, 1, 2)
        losses, values = self.run(turned, torch.from_numpy(eps[0].copy()))
        losses[0].backward()
        mean, log_var, z, logits = (value.detach().numpy() for value in values)
        found = {"losses": [[loss.item() for loss in losses]], "mean": mean, "log_var": log_var, "z": z}
        found["logits"] = logits.transpose(0, 2, 3, 1)[:, ::-1, ::-1]
        return found | {f"grad.{n}": self.layout.from_torch(n, p.grad) for n, p in self.parameters.items()}


def options(parser):
    parser.add_argument("--compile", action="store_true", help="run the model under `torch.compile`")


if __name__ == "__main__":
    common.main(sys.modules[__name__].__doc__, options, Peer)
