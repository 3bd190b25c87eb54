"""Reference values for `runner verify`, computed by TensorFlow and Keras in doubles.

    python3 -m venv venv && venv/bin/pip install tensorflow-cpu==2.21.0 keras==3.15.1
    venv/bin/python tests/reference/make_reference.py

Writes the `*.safetensors` beside this file, which tests/verify.rs compares the program with. The network is
written with `tf.nn` (padding SAME), gradients are those of `tf.GradientTape`, update rules and activations are
Keras' own. A transposed convolution gets the size of its output from the encoder, so that it is the adjoint of
its convolution for every size of image.
"""
import json
import math
import struct
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

keras.config.set_floatx("float64")
HERE = Path(__file__).resolve().parent
EPSILON = 1e-7

MODELS = {
    "latent1_rmsprop": dict(
        image=(12, 12, 1), filters=[4], hidden=8, latent=1,
        optimizer="rmsprop", recon="bce", kl="mean", klw=1.0),
    "rgb_9x7_latent5_adam": dict(
        image=(9, 7, 3), filters=[3, 5, 7], hidden=6, latent=5,
        optimizer="adam", recon="mse", kl="sum", klw=0.5),
    "three_layers_28_sgd": dict(
        image=(28, 28, 1), filters=[3, 5, 7], hidden=None, latent=2,
        optimizer="sgd", recon="bce", kl="sum", klw=4.0, learning_rate=1e-4),
    "stride1_two_hidden_adam": dict(
        image=(5, 6, 1), filters=[3, 4], stride=1, hidden=[6, 5], latent=3, activation="tanh",
        optimizer="adam", recon="bce", kl="mean", klw=2.0),
    "kernel2_silu_rmsprop": dict(
        image=(9, 7, 1), filters=[3, 5], kernel=2, hidden=[5], latent=2, activation="silu",
        optimizer="rmsprop", recon="mse", kl="mean", klw=0.25),
    "kernel5_stride3_adamw": dict(
        image=(11, 13, 3), filters=[4, 3], kernel=5, stride=3, hidden=7, latent=4, activation="elu",
        optimizer="adamw", recon="bce", kl="sum", klw=1.0),
    "kernel1_gelu_adam": dict(
        image=(9, 12, 1), filters=[4, 5], kernel=1, hidden=[], latent=5, activation="gelu",
        optimizer="adam", recon="mse", kl="sum", klw=1.0),
    "kernel4_leaky_relu_rmsprop": dict(
        image=(10, 10, 3), filters=[3, 5], kernel=4, hidden=6, latent=1, activation="leaky_relu",
        optimizer="rmsprop", recon="bce", kl="mean", klw=3.0),
}

OPTIMIZERS = {
    "rmsprop": keras.optimizers.RMSprop,
    "adam": keras.optimizers.Adam,
    "adamw": keras.optimizers.AdamW,
    "sgd": keras.optimizers.SGD,
}


ACTIVATIONS = {
    **{name: keras.activations.get(name) for name in ("relu", "leaky_relu", "elu", "silu", "tanh")},
    # The form with tanh, as the program has it; Keras' own default is the one with the error function.
    "gelu": lambda x: keras.activations.gelu(x, approximate=True),
}


def widths(hidden):
    return [] if hidden is None else [hidden] if isinstance(hidden, int) else list(hidden)


def sizes(model):
    """Height and width before the first and after each convolution."""
    all_sizes = [model["image"][:2]]
    for _ in model["filters"]:
        all_sizes.append(tuple(math.ceil(n / model["stride"]) for n in all_sizes[-1]))
    return all_sizes


def shapes(model):
    """Shape of every kernel."""
    k, channels = model["kernel"], [model["image"][2], *model["filters"]]
    for i, (before, after) in enumerate(zip(channels, channels[1:])):
        yield f"encoder.conv{i}", (k, k, before, after)
    height, width = sizes(model)[-1]
    feature_map = height * width * channels[-1]
    units = feature_map
    for i, wide in enumerate(widths(model["hidden"])):
        yield f"encoder.hidden{i or ''}", (units, wide)
        units = wide
    for head in ("z_mean", "z_log_var"):
        yield f"encoder.{head}", (units, model["latent"])
    yield "decoder.hidden", (model["latent"], feature_map)
    units = channels[-1]
    for i, after in enumerate(reversed(model["filters"])):
        yield f"decoder.conv{i}", (k, k, after, units)
        units = after
    yield "decoder.output", (k, k, model["image"][2], units)


def initial(model, rng):
    """Glorot-uniform kernels; biases that are not zero, so that their place shows."""
    weights = {}
    for name, shape in shapes(model):
        field = math.prod(shape[:-2])
        limit = math.sqrt(6 / (field * (shape[-2] + shape[-1])))
        transposed = name.startswith("decoder.") and len(shape) == 4
        outputs = shape[2] if transposed else shape[-1]
        weights[f"{name}.kernel"] = rng.uniform(-limit, limit, shape).astype(np.float32)
        weights[f"{name}.bias"] = rng.uniform(-0.1, 0.1, outputs).astype(np.float32)
    return weights


def forward(model, w, x, eps):
    act = ACTIVATIONS[model["activation"]]
    stride, all_sizes = model["stride"], sizes(model)
    h = x
    for i in range(len(model["filters"])):
        h = act(tf.nn.conv2d(h, w[f"encoder.conv{i}.kernel"], stride, "SAME") + w[f"encoder.conv{i}.bias"])
    feature_map = h.shape[1:]
    h = tf.reshape(h, (len(x), -1))
    for i in range(len(widths(model["hidden"]))):
        name = f"encoder.hidden{i or ''}"
        h = act(h @ w[f"{name}.kernel"] + w[f"{name}.bias"])
    mean = h @ w["encoder.z_mean.kernel"] + w["encoder.z_mean.bias"]
    log_var = h @ w["encoder.z_log_var.kernel"] + w["encoder.z_log_var.bias"]
    z = mean + tf.exp(log_var / 2) * eps
    h = tf.reshape(act(z @ w["decoder.hidden.kernel"] + w["decoder.hidden.bias"]), (len(x), *feature_map))

    def transposed(h, name, size, stride):
        kernel = w[f"{name}.kernel"]
        shape = (len(x), *size, kernel.shape[2])
        return tf.nn.conv2d_transpose(h, kernel, shape, stride, "SAME") + w[f"{name}.bias"]

    for i, size in enumerate(reversed(all_sizes[:-1])):
        h = act(transposed(h, f"decoder.conv{i}", size, stride))
    return mean, log_var, z, transposed(h, "decoder.output", all_sizes[0], 1)


def losses(model, x, mean, log_var, logits):
    if model["recon"] == "bce":
        errors = tf.nn.sigmoid_cross_entropy_with_logits(labels=x, logits=logits)
    else:
        errors = (tf.sigmoid(logits) - x) ** 2
    recon = tf.reduce_mean(tf.reduce_sum(errors, axis=(1, 2, 3)))
    kl = -0.5 * (1 + log_var - mean**2 - tf.exp(log_var))
    kl = tf.reduce_mean(kl) if model["kl"] == "mean" else tf.reduce_mean(tf.reduce_sum(kl, axis=1))
    return recon + model["klw"] * kl, recon, kl


def reference(model, seed):
    rng = np.random.default_rng(seed)
    batch = model.pop("batch", 2)
    x = rng.uniform(0, 1, (batch, *model["image"])).astype(np.float32)
    eps = rng.standard_normal((3, batch, model["latent"])).astype(np.float32)
    start = initial(model, rng)
    tensors = {"x": x, "eps": eps, **{f"init.{name}": value for name, value in start.items()}}
    w = {name: keras.Variable(value, dtype="float64", name=name.replace(".", "_")) for name, value in start.items()}
    options = {} if model["optimizer"] == "sgd" else {"epsilon": EPSILON}
    optimizer = OPTIMIZERS[model["optimizer"]](learning_rate=model["learning_rate"], **options)
    images, table = tf.constant(x, tf.float64), []
    for step in range(3):
        with tf.GradientTape() as tape:
            values = {name: variable.value for name, variable in w.items()}
            mean, log_var, z, logits = forward(model, values, images, tf.constant(eps[step], tf.float64))
            terms = losses(model, images, mean, log_var, logits)
        gradients = tape.gradient(terms[0], values)
        table.append([float(term) for term in terms])
        if step == 0:
            tensors |= dict(mean=mean, log_var=log_var, z=z, logits=logits)
            tensors |= {f"grad.{name}": value for name, value in gradients.items()}
        optimizer.apply([gradients[name] for name in w], list(w.values()))
        if step != 1:
            tensors |= {f"step{step + 1}.{name}": variable.numpy() for name, variable in w.items()}
    description = dict(
        model, epsilon=EPSILON, losses=table, batch=batch, seed=seed,
        keras=keras.__version__, tensorflow=tf.__version__)
    return description, {name: np.asarray(value, np.float32) for name, value in tensors.items()}


def write(path, description, tensors):
    header, offset = {"__metadata__": {"json": json.dumps(description)}}, 0
    for name, value in tensors.items():
        header[name] = dict(dtype="F32", shape=value.shape, data_offsets=[offset, offset + value.nbytes])
        offset += value.nbytes
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(v.tobytes() for v in tensors.values()))


def main():
    defaults = dict(kernel=3, stride=2, activation="relu", learning_rate=1e-3)
    for seed, (name, model) in enumerate(MODELS.items(), 1):
        path = HERE / f"{name}.safetensors"
        write(path, *reference({**defaults, **model}, seed))
        print(f"{path.name:<36} {path.stat().st_size:>8} bytes")


if __name__ == "__main__":
    main()
