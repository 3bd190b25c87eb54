"""What the peers share: the model that a spec describes, its parameters, reference files, and the clock.

Parameters have the names and layouts of the reference files (experiments/README.md, "Agreement with Keras"):
kernels are (kh, kw, in, out), transposed ones (kh, kw, out, in), dense ones (in, out), flattening is in NHWC order.
"""
import argparse
import json
import math
import struct
import sys
import time
import tomllib
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

import numpy as np

TOLERANCE = 1e-4  # as `runner verify`
BATCHES = 20  # images in memory, in batches; an epoch is one pass over them
NO_STEPS = "step"  # what a peer with another update rule leaves out


@dataclass(frozen=True)
class Model:
    """A VAE with ReLU, `same` padding, binary cross-entropy and the mean of the KL divergence, trained by RMSprop."""

    image: tuple[int, int, int]  # height, width, channels
    filters: tuple[int, ...]
    hidden: tuple[int, ...]
    latent: int
    kernel: int = 3
    stride: int = 2
    learning_rate: float = 1e-3
    rho: float = 0.9
    epsilon: float = 1e-7
    kl_weight: float = 1.0
    batch: int = 64

    @property
    def sizes(self):
        """Height and width before the first and after each convolution."""
        sizes = [self.image[:2]]
        for _ in self.filters:
            sizes.append(tuple(math.ceil(n / self.stride) for n in sizes[-1]))
        return sizes

    @property
    def feature_map(self):
        return (*self.sizes[-1], self.filters[-1])

    def hidden_names(self):
        return [f"encoder.hidden{i or ''}" for i in range(len(self.hidden))]

    def kernels(self):
        """Name and shape of every kernel, in the order of the layers."""
        k, channels = self.kernel, [self.image[2], *self.filters]
        for i, (before, after) in enumerate(zip(channels, channels[1:])):
            yield f"encoder.conv{i}", (k, k, before, after)
        units = math.prod(self.feature_map)
        for name, wide in zip(self.hidden_names(), self.hidden):
            yield name, (units, wide)
            units = wide
        for head in ("z_mean", "z_log_var"):
            yield f"encoder.{head}", (units, self.latent)
        yield "decoder.hidden", (self.latent, math.prod(self.feature_map))
        units = channels[-1]
        for i, after in enumerate(reversed(self.filters)):
            yield f"decoder.conv{i}", (k, k, after, units)
            units = after
        yield "decoder.output", (k, k, self.image[2], units)

    def initial(self, rng, bias=0.0):
        """Glorot-uniform kernels, biases from -`bias` to `bias`."""
        parameters = {}
        for name, shape in self.kernels():
            limit = math.sqrt(6 / (math.prod(shape[:-2]) * (shape[-2] + shape[-1])))
            outputs = shape[2] if is_transposed(name, shape) else shape[-1]
            parameters[f"{name}.kernel"] = rng.uniform(-limit, limit, shape).astype(np.float32)
            parameters[f"{name}.bias"] = rng.uniform(-bias, bias, outputs).astype(np.float32)
        return parameters


def is_transposed(name, shape):
    return name.startswith("decoder.") and len(shape) == 4


def from_spec(path):
    """The model of a spec of `runner`; a setting that the peers do not have ends the program."""
    spec = tomllib.loads(Path(path).read_text())
    data, model, training = spec["data"], spec.get("model", {}), spec.get("training", {})
    images = {
        "fashion-mnist": (28, 28, 1),
        "images": (data.get("image_size", 28),) * 2 + ({"gray": 1, "rgb": 3}[data.get("color", "gray")],),
    }
    expected = {
        "data.dataset": (data["dataset"], list(images)),
        "model.activation": (model.get("activation", "relu"), ["relu"]),
        "loss.reconstruction": (spec.get("loss", {}).get("reconstruction", "bce"), ["bce"]),
        "loss.kl_reduction": (spec.get("loss", {}).get("kl_reduction"), ["mean"]),
        "optimizer": (list(spec.get("optimizer", {})), [["rmsprop"]]),
        "optimizer.rmsprop": (list(spec.get("optimizer", {}).get("rmsprop", {})), [["learning_rate"], []]),
    }
    for key, (found, known) in expected.items():
        if found not in known:
            sys.exit(f"{path}: `{key}` is {found!r}; the peers have {', '.join(map(repr, known))}")
    return Model(
        image=images[data["dataset"]],
        filters=tuple(model["conv_filters"]),
        hidden=tuple(model.get("hidden", ())),
        latent=model["latent_dim"],
        kernel=model.get("kernel_size", 3),
        stride=model.get("stride", 2),
        learning_rate=spec["optimizer"]["rmsprop"].get("learning_rate", 1e-3),
        batch=training.get("batch_size", 64),
    )


def from_reference(path):
    """The model of a reference file, and the file's tensors with `losses` among them."""
    raw = Path(path).read_bytes()
    (length,) = struct.unpack("<Q", raw[:8])
    header = json.loads(raw[8 : 8 + length])
    about = json.loads(header.pop("__metadata__")["json"])
    tensors = {"losses": np.asarray(about["losses"])}
    for name, entry in header.items():
        start, end = (8 + length + offset for offset in entry["data_offsets"])
        tensors[name] = np.frombuffer(raw[start:end], np.float32).reshape(entry["shape"])
    found = {key: about.get(key, default) for key, default in
             (("optimizer", None), ("recon", None), ("kl", None), ("activation", "relu"))}
    if found != (known := {"optimizer": "rmsprop", "recon": "bce", "kl": "mean", "activation": "relu"}):
        sys.exit(f"{path}: the peers have {known}, the file has {found}")
    hidden = about["hidden"]
    hidden = [] if hidden is None else [hidden] if isinstance(hidden, int) else hidden
    return Model(
        image=tuple(about["image"]), filters=tuple(about["filters"]), hidden=tuple(hidden), latent=about["latent"],
        kernel=about.get("kernel", 3), stride=about.get("stride", 2), learning_rate=about["learning_rate"],
        epsilon=about["epsilon"], kl_weight=about.get("klw", 1.0), batch=len(tensors["x"]),
    ), tensors


def write_reference(path, model, tensors, versions):
    """A reference file with what a peer computed."""
    losses = np.asarray(tensors.pop("losses")).tolist()
    about = dict(
        image=model.image, filters=model.filters, hidden=model.hidden, latent=model.latent, kernel=model.kernel,
        stride=model.stride, activation="relu", optimizer="rmsprop", learning_rate=model.learning_rate,
        epsilon=model.epsilon, recon="bce", kl="mean", klw=model.kl_weight, losses=losses, versions=versions)
    header, offset, body = {"__metadata__": {"json": json.dumps(about)}}, 0, b""
    for name, value in tensors.items():
        value = np.ascontiguousarray(value, np.float32)
        header[name] = dict(dtype="F32", shape=value.shape, data_offsets=[offset, offset + value.nbytes])
        offset += value.nbytes
        body += value.tobytes()
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    Path(path).write_bytes(struct.pack("<Q", len(text)) + text + body)


def compare(expected, found):
    """Prints the relative error of each tensor; whether all are within the tolerance."""
    rows, missing = [], []
    for name, want in expected.items():
        if name in ("x", "eps") or name.startswith("init."):
            continue
        if name not in found:
            missing.append(name)
            continue
        # A peer that leaves out the later steps has the losses of the first only.
        got = np.asarray(found[name], np.float64)
        want = np.asarray(want, np.float64)[: len(got)] if name == "losses" else np.asarray(want, np.float64)
        if got.shape != want.shape:
            sys.exit(f"{name}: shape {got.shape}, expected {want.shape}")
        norm = np.linalg.norm(want)
        rows.append((np.linalg.norm(got - want) / (norm if norm > 0 else 1.0), name))
    for error, name in rows:
        print(f"{error:10.2e}  {name}")
    left_out = [name for name in missing if not name.startswith(NO_STEPS)]
    worst = max(rows)
    agrees = not left_out and worst[0] <= TOLERANCE
    print(f"{'agrees' if agrees else 'DIFFERS'}: largest relative error {worst[0]:.1e} ({worst[1]}) "
          f"of {len(rows)} rows, tolerance {TOLERANCE:.0e}"
          + (f"; {len(missing)} rows not compared: another update rule" if missing and not left_out else "")
          + (f"; missing: {', '.join(left_out)}" if left_out else ""))
    return agrees


def draw(rng, count, shape):
    """Images between 0 and 1 that a model can learn from: waves of random direction, length and phase."""
    height, width, channels = shape
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    images = np.empty((count, *shape), np.float32)
    for image in images:
        for channel in range(channels):
            a, b, phase = rng.uniform((-0.4, -0.4, 0), (0.4, 0.4, 2 * math.pi))
            image[..., channel] = 0.5 + 0.5 * np.sin(a * x + b * y + phase)
    return images


class Clock:
    """Takes the time at the end of every step: what lies between two of them is all that a step costs."""

    def __init__(self, warm_up, steps):
        self.warm_up, self.total, self.stamps, self.loss = warm_up, warm_up + steps, [], math.nan

    def step(self, loss=None):
        self.stamps.append(time.perf_counter())
        if loss is not None:
            self.loss = float(loss)
        if len(self.stamps) == 1:
            print('{"event": "first step"}', flush=True)  # the driver takes its own time when it reads this

    @property
    def done(self):
        return len(self.stamps) >= self.total

    def times_ms(self):
        times = [1e3 * (b - a) for a, b in zip(self.stamps, self.stamps[1:])]
        return times[max(self.warm_up - 1, 0) : self.total - 1]


def main(doc, options, build):
    """The command line of a peer.

    `build(model, parameters, threads, args)` returns an object with `train(images, clock)`, which trains until
    `clock.done` and calls `clock.step` after each step; `evaluate(x, eps)`, which returns tensors under the names of
    the reference files; and `versions`. `options` adds arguments of the peer's own.
    """
    parser = argparse.ArgumentParser(description=doc)
    parser.add_argument("spec", nargs="?", help="experiment of `runner` whose model is trained")
    parser.add_argument("--check", metavar="FILE", help="compare with a reference file instead of timing")
    parser.add_argument("--write", metavar="FILE", help="write a reference file for the spec instead of timing")
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--warm-up", type=int, default=10)
    parser.add_argument("--threads", type=int, required=True)
    options(parser)
    args = parser.parse_args()
    if (args.spec is None) == (args.check is None):
        parser.error("give either a spec or --check FILE")
    rng = np.random.default_rng(0)
    if args.check:
        model, expected = from_reference(args.check)
        initial = {name.removeprefix("init."): value for name, value in expected.items() if name.startswith("init.")}
        peer = build(model, initial, args.threads, args)
        sys.exit(0 if compare(expected, peer.evaluate(expected["x"], expected["eps"])) else 1)
    model = from_spec(args.spec)
    if args.write:
        # In floats a ReLU near zero may fall either way, and RMSprop makes as much of a small gradient as of a large
        # one: at the spec's rate two right programs differ by more than the tolerance after three steps.
        model = replace(model, learning_rate=0.1 * model.learning_rate)
        x = rng.uniform(0, 1, (8, *model.image)).astype(np.float32)
        eps = rng.standard_normal((3, 8, model.latent)).astype(np.float32)
        initial = model.initial(rng, bias=0.1)  # not zero, so that their place shows
        peer = build(model, initial, args.threads, args)
        tensors = {"x": x, "eps": eps, **{f"init.{name}": value for name, value in initial.items()}}
        write_reference(args.write, model, tensors | peer.evaluate(x, eps), peer.versions)
        return
    images = draw(rng, BATCHES * model.batch, model.image)
    peer = build(model, model.initial(rng), args.threads, args)
    clock = Clock(args.warm_up, args.steps)
    peer.train(images, clock)
    if not math.isfinite(clock.loss):
        sys.exit(f"the loss of the last step is {clock.loss}")
    print(json.dumps(dict(
        step_ms=median(clock.times_ms()), fastest_ms=min(clock.times_ms()), steps=len(clock.times_ms()),
        loss=clock.loss, versions=peer.versions)))
