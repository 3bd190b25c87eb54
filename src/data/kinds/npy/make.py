"""Writes the .npy files of the tests beside this script; NumPy 2.4.6."""
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
