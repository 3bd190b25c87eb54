"""Writes the .npy files of the tests beside this script, and the .npz archives in `kinds/numpy`; NumPy 2.4.6."""
import pathlib

import numpy as np
from numpy.lib import format

a = (np.arange(60) * 7 % 256).astype(np.uint8).reshape(3, 4, 5)
rgb = (np.arange(2 * 4 * 5 * 3) * 11 % 256).astype(np.uint8).reshape(2, 4, 5, 3)


def write(name, array, version):
    with open(name, "wb") as file:
        format.write_array(file, array, version=version)


write("gray.npy", a, (1, 0))
write("gray_2.npy", a, (2, 0))
write("gray_3.npy", a, (3, 0))
write("rgb.npy", rgb, None)
write("labels.npy", np.array([2, 0, 1], np.uint8), None)
write("fortran.npy", np.asfortranarray(a), None)
write("float.npy", a[:1, :2, :2].astype(np.float32), None)
write("int64.npy", np.array([2, 0, 1]), None)
write("object.npy", np.array([None, "a"], object), None)
write("struct.npy", np.zeros(2, [("a", "u1"), ("b", "<f4")]), None)
write("channels_first.npy", np.ascontiguousarray(rgb.transpose(0, 3, 1, 2)), None)

# Archives in the layouts of Keras, of MedMNIST (labels in a column) and of dSprites (pickled metadata).
kinds = pathlib.Path(__file__).parent.parent / "kinds" / "numpy"
x_train = (np.arange(4 * 3 * 5) * 7 % 256).astype(np.uint8).reshape(4, 3, 5)
x_test = (np.arange(2 * 3 * 5) * 11 % 256).astype(np.uint8).reshape(2, 3, 5)
y_train, y_test = np.array([2, 0, 1, 2]), np.array([1, 0])
keras = dict(x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)
np.savez(kinds / "keras.npz", **keras)
np.savez_compressed(kinds / "keras_compressed.npz", **keras)
np.savez_compressed(
    kinds / "medmnist.npz",
    train_images=x_train,
    train_labels=y_train[:, None].astype(np.uint8),
    val_images=x_test,
    val_labels=y_test[:, None].astype(np.uint8),
    test_images=x_test,
    test_labels=y_test[:, None].astype(np.uint8),
)
factors = np.array([[1, s, 0.5 + 0.5 * c, 0, x, 0] for s in (1, 2, 3) for c in (0, 1) for x in (0, 1 / 3)])
np.savez_compressed(
    kinds / "dsprites.npz",
    metadata=np.array({"title": "dSprites"}, object),
    imgs=(np.arange(12 * 4 * 4) % 3 == 0).astype(np.uint8).reshape(12, 4, 4),
    latents_values=factors,
    latents_classes=np.zeros((12, 6), np.int64),
)
f = (np.arange(12).reshape(2, 6) / 11).astype(np.float32)
np.savez(
    kinds / "types.npz",
    flat=f,
    float16=f.astype(np.float16),
    float64=f.astype(">f8"),
    bool=f > 0.5,
    uint16=(f * 65535).round().astype(np.uint16),
    int64=(f * 255).round().astype(np.int64),
    square=f[:, :4],
    fortran=np.asfortranarray(f),
    objects=np.array([None, "a"], object),
    planar=(np.arange(24) * 9).astype(np.uint8).reshape(2, 3, 2, 2),
    one_hot=np.eye(2, dtype=np.uint8),
)
