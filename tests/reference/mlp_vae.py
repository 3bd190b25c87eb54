"""A VAE of dense layers (784-400-20-400-784) on MNIST in PyTorch: held-out negative ELBO after each epoch.

    python tests/reference/mlp_vae.py FOLDER [--epochs 20] [--seeds 0 1 2]

FOLDER holds the four IDX files of MNIST, compressed or not. Written from the paper's formulas (Kingma and Welling, 2014)
with PyTorch's own layers, initial weights and Adam; needs torch and numpy. Gray pixels, binary cross-entropy summed over
an image, KL summed over axes, both averaged over images; the test images are held out, with one draw of z an image.
"""

import argparse
import gzip
import pathlib
import statistics

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn


def images(folder: pathlib.Path, part: str) -> torch.Tensor:
    path = folder / f"{part}-images-idx3-ubyte"
    data = path.read_bytes() if path.exists() else gzip.open(f"{path}.gz").read()
    return torch.from_numpy(np.frombuffer(data, np.uint8, offset=16).reshape(-1, 784).astype(np.float32) / 255)


class Vae(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.hidden = nn.Linear(784, 400)
        self.mean, self.log_var = nn.Linear(400, 20), nn.Linear(400, 20)
        self.decoder = nn.Sequential(nn.Linear(20, 400), nn.ReLU(), nn.Linear(400, 784))

    def negative_elbo(self, x: torch.Tensor) -> torch.Tensor:
        h = F.relu(self.hidden(x))
        mean, log_var = self.mean(h), self.log_var(h)
        z = mean + torch.exp(log_var / 2) * torch.randn_like(mean)
        error = F.binary_cross_entropy_with_logits(self.decoder(z), x, reduction="sum")
        return (error + 0.5 * (log_var.exp() + mean**2 - 1 - log_var).sum()) / len(x)


def train(folder: pathlib.Path, epochs: int, seed: int) -> float:
    torch.manual_seed(seed)
    train, test = images(folder, "train"), images(folder, "t10k")
    model = Vae()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for epoch in range(epochs):
        for batch in torch.randperm(len(train)).split(128):
            optimizer.zero_grad()
            model.negative_elbo(train[batch]).backward()
            optimizer.step()
        with torch.no_grad():
            held_out = model.negative_elbo(test).item()
        print(f"seed {seed} epoch {epoch + 1}: {held_out:.3f}", flush=True)
    return held_out


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    given = parser.parse_args()
    last = [train(given.folder, given.epochs, seed) for seed in given.seeds]
    spread = statistics.stdev(last) if len(last) > 1 else 0.0
    print(f"held-out negative ELBO: mean {statistics.mean(last):.3f}, standard deviation {spread:.3f} nats an image")
