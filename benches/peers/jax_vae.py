"""The model in JAX.

On a CPU, XLA runs convolutions with gaps in their input or kernel, which transposed convolutions and gradients at
stride 2 are, far slower than matrix products. So both kinds of convolution are written here as products, with a
hand-written gradient: `patches` lays the k x k neighbourhoods side by side (im2col), `overlap_add` is its adjoint and
sums neighbourhoods where they lie over each other. No inserted zero is multiplied.

    convolution         y = patches(x) W       dx = overlap_add(dy W^T)    dW = patches(x)^T dy
    transposed          y = overlap_add(x W)   dx = patches(dy) W^T        dW = x^T patches(dy)

Forward and backward pass are jitted apart (`jax.vjp`'s function is what the first returns to the second): within one
jit XLA computes activations anew in every place that uses them, which takes half as long again.

`--plain` uses `lax.conv_general_dilated` and `lax.conv_transpose` with the gradients that JAX derives, in one jit.
"""
import os
import sys
from functools import partial

os.environ["JAX_PLATFORMS"] = "cpu"

import jax
import jax.numpy as jnp
import jaxlib
import numpy as np
from jax import lax

import common

NHWC = ("NHWC", "HWIO", "NHWC")


def same(size, kernel, stride):
    """Rows before and behind that `same` padding adds."""
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


def patches(x, kernel, stride):
    """(n, h, w, c) to (n, h / stride, w / stride, kernel * kernel * c)."""
    n, *size, c = x.shape
    padded = jnp.pad(x, ((0, 0), *(same(m, kernel, stride) for m in size), (0, 0)))
    spans = [(m // stride - 1) * stride + 1 for m in size]
    return jnp.concatenate(
        [lax.slice(padded, (0, i, j, 0), (n, i + spans[0], j + spans[1], c), (1, stride, stride, 1))
         for i in range(kernel) for j in range(kernel)],
        axis=-1)


def overlap_add(p, kernel, stride):
    """The adjoint of `patches`: (n, h, w, kernel * kernel * c) to (n, h * stride, w * stride, c).

    Rows and columns with the same remainder by the stride are summed together, and laid between the others after that.
    """
    n, height, width, c = p.shape[0], *p.shape[1:3], p.shape[3] // kernel**2
    pad = same(height * stride, kernel, stride)[0]

    def shifted(i, j, row, column):
        """Tap (i, j), moved up by `row` and left by `column`; zeros come in."""
        tap = p[..., (i * kernel + j) * c :][..., :c]
        return lax.pad(tap, np.float32(0), ((0, 0, 0), (-row, row, 0), (-column, column, 0), (0, 0, 0)))

    def phase(row, column):
        taps = [shifted(i, j, (row + pad - i) // stride, (column + pad - j) // stride)
                for i in range(kernel) if (row + pad - i) % stride == 0
                for j in range(kernel) if (column + pad - j) % stride == 0]
        return sum(taps[1:], taps[0]) if taps else jnp.zeros((n, height, width, c), p.dtype)

    if stride == 1:
        return phase(0, 0)
    rows = [jnp.stack([phase(row, column) for column in range(stride)], 3) for row in range(stride)]
    return jnp.stack(rows, 2).reshape(n, height * stride, width * stride, c)


def outer(a, b):
    """a^T b over all axes but the last."""
    return a.reshape(-1, a.shape[-1]).T @ b.reshape(-1, b.shape[-1])


@partial(jax.custom_vjp, nondiff_argnums=(2,))
def conv(x, w, stride):
    return conv_forward(x, w, stride)[0]


def conv_forward(x, w, stride):
    p = patches(x, w.shape[0], stride)
    return p @ w.reshape(-1, w.shape[3]), (p, w)


def conv_backward(stride, kept, dy):
    p, w = kept
    return overlap_add(dy @ w.reshape(-1, w.shape[3]).T, w.shape[0], stride), outer(p, dy).reshape(w.shape)


conv.defvjp(conv_forward, conv_backward)


@partial(jax.custom_vjp, nondiff_argnums=(2,))
def conv_transpose(x, w, stride):
    return conv_transpose_forward(x, w, stride)[0]


def conv_transpose_forward(x, w, stride):
    return overlap_add(x @ w.reshape(-1, w.shape[3]).T, w.shape[0], stride), (x, w)


def conv_transpose_backward(stride, kept, dy):
    x, w = kept
    p = patches(dy, w.shape[0], stride)
    return p @ w.reshape(-1, w.shape[3]), outer(p, x).reshape(w.shape)


conv_transpose.defvjp(conv_transpose_forward, conv_transpose_backward)


@jax.custom_vjp
def relu(x):
    return jnp.maximum(x, 0)


def relu_forward(x):
    y = relu(x)
    return y, y  # the next layer keeps this too


relu.defvjp(relu_forward, lambda y, dy: (jnp.where(y > 0, dy, 0),))


def plain_conv(x, w, stride):
    return lax.conv_general_dilated(x, w, (stride, stride), "SAME", dimension_numbers=NHWC)


def plain_conv_transpose(x, w, stride):
    # `transpose_kernel` takes (kh, kw, out, in), and the padding of the forward convolution's adjoint.
    return lax.conv_transpose(
        x, w, (stride, stride), "SAME", dimension_numbers=NHWC, transpose_kernel=True)


def forward(model, plain, w, x, eps):
    """Losses and values of a batch."""
    convolve, transpose = (plain_conv, plain_conv_transpose) if plain else (conv, conv_transpose)

    def dense(h, name):
        return h @ w[f"{name}.kernel"] + w[f"{name}.bias"]

    h = x
    for i in range(len(model.filters)):
        name = f"encoder.conv{i}"
        h = relu(convolve(h, w[f"{name}.kernel"], model.stride) + w[f"{name}.bias"])
    h = h.reshape(len(x), -1)
    for name in model.hidden_names():
        h = relu(dense(h, name))
    mean, log_var = dense(h, "encoder.z_mean"), dense(h, "encoder.z_log_var")
    z = mean + jnp.exp(log_var / 2) * eps
    h = relu(dense(z, "decoder.hidden")).reshape(len(x), *model.feature_map)
    for i in range(len(model.filters)):
        name = f"decoder.conv{i}"
        h = relu(transpose(h, w[f"{name}.kernel"], model.stride) + w[f"{name}.bias"])
    logits = transpose(h, w["decoder.output.kernel"], 1) + w["decoder.output.bias"]
    errors = jnp.maximum(logits, 0) - logits * x + jnp.log1p(jnp.exp(-jnp.abs(logits)))
    reconstruction = errors.sum(axis=(1, 2, 3)).mean()
    kl = (-0.5 * (1 + log_var - mean**2 - jnp.exp(log_var))).mean()
    return reconstruction + model.kl_weight * kl, ((reconstruction, kl), (mean, log_var, z, logits))


class Peer:
    versions = {"jax": jax.__version__, "jaxlib": jaxlib.__version__, "numpy": np.__version__}

    def __init__(self, model, parameters, threads, args):
        # XLA makes a thread for each core that the process may use: run.py sets those.
        if hasattr(os, "sched_getaffinity") and len(os.sched_getaffinity(0)) != threads:
            sys.exit(f"--threads {threads}, but the process may use {len(os.sched_getaffinity(0))} cores")
        if any(n % model.stride for size in model.sizes[:-1] for n in size):
            sys.exit(f"sizes {model.sizes}: this peer has sizes that the stride divides")
        self.model, self.plain = model, args.plain
        self.weights = {name: jnp.asarray(value) for name, value in parameters.items()}
        self.squares = {name: jnp.zeros_like(value) for name, value in self.weights.items()}
        if args.plain:
            self.step = jax.jit(self.step, donate_argnums=(0, 1))
        else:
            self.forward, self.backward = jax.jit(self.forward), jax.jit(self.backward, donate_argnums=(2,))

    def forward(self, weights, x, eps):
        """The function that returns the gradient, losses, values."""
        loss, gradient, (terms, values) = jax.vjp(
            lambda w: forward(self.model, self.plain, w, x, eps), weights, has_aux=True)
        return gradient, jnp.stack([loss, *terms]), values

    def backward(self, gradient, weights, squares):
        """Weights and mean squares after the step, gradients."""
        (gradients,) = gradient(np.float32(1))
        pairs = {n: self.rmsprop(weights[n], squares[n], gradients[n]) for n in weights}
        return *({n: pair[i] for n, pair in pairs.items()} for i in (0, 1)), gradients

    def rmsprop(self, w, square, g):
        square = self.model.rho * square + (1 - self.model.rho) * g**2
        return w - self.model.learning_rate * g / jnp.sqrt(square + self.model.epsilon), square

    def step(self, weights, squares, x, eps):
        gradient, losses, values = self.forward(weights, x, eps)
        weights, squares, gradients = self.backward(gradient, weights, squares)
        return weights, squares, losses, values, gradients

    def train(self, images, clock):
        rng, weights, squares = np.random.default_rng(1), self.weights, self.squares
        shape = (self.model.batch, self.model.latent)
        while not clock.done:
            sums = np.zeros(3)
            for rows in np.split(rng.permutation(len(images)), len(images) // self.model.batch):
                eps = rng.standard_normal(shape, np.float32)
                weights, squares, losses, *_ = self.step(weights, squares, images[rows], eps)
                sums += losses
                jax.block_until_ready(weights)
                clock.step(losses[0])
                if clock.done:
                    break

    def evaluate(self, x, eps):
        found, weights, squares = {"losses": []}, self.weights, self.squares
        for step, noise in enumerate(eps, 1):
            weights, squares, losses, values, gradients = self.step(weights, squares, x, noise)
            found["losses"].append(np.asarray(losses))
            if step == 1:
                found |= dict(zip(("mean", "log_var", "z", "logits"), map(np.asarray, values)))
                found |= {f"grad.{n}": np.asarray(g) for n, g in gradients.items()}
            if step != 2:
                found |= {f"step{step}.{n}": np.asarray(w) for n, w in weights.items()}
        return found


def options(parser):
    parser.add_argument("--plain", action="store_true", help="JAX's own convolutions and gradients")


if __name__ == "__main__":
    common.main(sys.modules[__name__].__doc__, options, Peer)
