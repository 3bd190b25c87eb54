"""The model in Keras on TensorFlow, trained by `fit` as the published example does.

The layers, the metrics and `train_step` are those that a Keras user writes; `fit` compiles the step into a graph.
Convolutions are TensorFlow's own (oneDNN). `--xla` asks for `jit_compile` besides.
"""
import os
import sys

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops

import common


def slot(name):
    """Keras has no dots in the names of layers."""
    return name.replace(".", "_")


class Vae(keras.Model):
    def __init__(self, model):
        super().__init__()
        self.kl_weight, self.seeds = model.kl_weight, keras.random.SeedGenerator(0)
        conv = dict(kernel_size=model.kernel, strides=model.stride, padding="same", activation="relu")
        images = keras.Input(model.image)
        h = images
        for i, filters in enumerate(model.filters):
            h = layers.Conv2D(filters, name=slot(f"encoder.conv{i}"), **conv)(h)
        h = layers.Flatten()(h)
        for name, wide in zip(model.hidden_names(), model.hidden):
            h = layers.Dense(wide, activation="relu", name=slot(name))(h)
        heads = [layers.Dense(model.latent, name=slot(f"encoder.{head}"))(h) for head in ("z_mean", "z_log_var")]
        self.encoder = keras.Model(images, heads)
        codes = keras.Input((model.latent,))
        h = layers.Dense(int(np.prod(model.feature_map)), activation="relu", name=slot("decoder.hidden"))(codes)
        h = layers.Reshape(model.feature_map)(h)
        for i, filters in enumerate(reversed(model.filters)):
            h = layers.Conv2DTranspose(filters, name=slot(f"decoder.conv{i}"), **conv)(h)
        logits = layers.Conv2DTranspose(
            model.image[2], model.kernel, padding="same", name=slot("decoder.output"))(h)
        self.decoder = keras.Model(codes, logits)
        self.trackers = [keras.metrics.Mean(name=name) for name in ("loss", "reconstruction", "kl")]

    @property
    def metrics(self):
        return self.trackers

    def parameter(self, name):
        part, layer, kind = name.split(".")
        return getattr(getattr(self, part).get_layer(slot(f"{part}.{layer}")), kind)

    def terms(self, x, eps):
        mean, log_var = self.encoder(x)
        z = mean + ops.exp(log_var / 2) * eps
        logits = self.decoder(z)
        # The cross-entropy of logits: the published example has a sigmoid before it, which Keras takes back.
        errors = tf.nn.sigmoid_cross_entropy_with_logits(labels=x, logits=logits)
        reconstruction = ops.mean(ops.sum(errors, axis=(1, 2, 3)))
        kl = ops.mean(-0.5 * (1 + log_var - ops.square(mean) - ops.exp(log_var)))
        return (reconstruction + self.kl_weight * kl, reconstruction, kl), (mean, log_var, z, logits)

    def train_step(self, x):
        eps = keras.random.normal((ops.shape(x)[0], self.decoder.input_shape[1]), seed=self.seeds)
        with tf.GradientTape() as tape:
            losses, _ = self.terms(x, eps)
        weights = self.trainable_weights
        self.optimizer.apply_gradients(zip(tape.gradient(losses[0], weights), weights))
        for tracker, loss in zip(self.trackers, losses):
            tracker.update_state(loss)
        return {tracker.name: tracker.result() for tracker in self.trackers}


class Steps(keras.callbacks.Callback):
    def __init__(self, clock):
        super().__init__()
        self.clock = clock

    def on_train_batch_end(self, batch, logs=None):
        # `logs` are left as they are: turning them into numbers is for who prints them.
        self.clock.step()
        if self.clock.done:
            self.clock.loss = float(logs["loss"])
            self.model.stop_training = True


class Peer:
    versions = {"keras": keras.__version__, "tensorflow": tf.__version__, "numpy": np.__version__}

    def __init__(self, model, parameters, threads, args):
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
        self.batch, self.names, self.vae = model.batch, list(parameters), Vae(model)
        for name, value in parameters.items():
            self.vae.parameter(name).assign(value)
        optimizer = keras.optimizers.RMSprop(model.learning_rate, rho=model.rho, epsilon=model.epsilon)
        self.vae.compile(optimizer=optimizer, jit_compile=args.xla)

    def train(self, images, clock):
        epochs = -(-clock.total // (len(images) // self.batch))
        self.vae.fit(images, batch_size=self.batch, epochs=epochs, verbose=0, callbacks=[Steps(clock)])

    def evaluate(self, x, eps):
        found, weights = {"losses": []}, [self.vae.parameter(name) for name in self.names]

        @tf.function(jit_compile=self.vae.jit_compile)
        def gradient(x, eps):
            with tf.GradientTape() as tape:
                losses, values = self.vae.terms(x, eps)
            return losses, values, tape.gradient(losses[0], [w.value for w in weights])

        for step, noise in enumerate(eps, 1):
            losses, values, gradients = gradient(tf.constant(x), tf.constant(noise))
            found["losses"].append([float(loss) for loss in losses])
            if step == 1:
                found |= {n: v.numpy() for n, v in zip(("mean", "log_var", "z", "logits"), values)}
                found |= {f"grad.{n}": g.numpy() for n, g in zip(self.names, gradients)}
            self.vae.optimizer.apply(gradients, weights)
            if step != 2:
                found |= {f"step{step}.{n}": w.numpy() for n, w in zip(self.names, weights)}
        return found


def options(parser):
    parser.add_argument("--xla", action="store_true", help="compile the step with XLA (`jit_compile=True`)")


if __name__ == "__main__":
    common.main(sys.modules[__name__].__doc__, options, Peer)
