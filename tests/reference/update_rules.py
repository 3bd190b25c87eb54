"""Three steps of each update rule, in doubles, from the formulas of Keras 3 (keras/src/optimizers).

Prints what the tests of src/optim hold as expected values: python3 tests/reference/update_rules.py
"""
import numpy as np

GRADIENTS = [np.array(g) * 0.5 for g in ([0.1, -3.0], [0.2, 1.0], [-0.5, 0.01])]
LR = 0.1


def adam(weight_decay):
    p, m, v = np.array([1.0, -2.0]), np.zeros(2), np.zeros(2)
    for t, g in enumerate(GRADIENTS, 1):
        p = p * (1 - weight_decay * LR)
        alpha = LR * np.sqrt(1 - 0.999**t) / (1 - 0.9**t)
        m = 0.9 * m + 0.1 * g
        v = 0.999 * v + 0.001 * g**2
        p = p - alpha * m / (np.sqrt(v) + 1e-7)
        yield p


def lion(weight_decay):
    p, m = np.array([1.0, -2.0]), np.zeros(2)
    for g in GRADIENTS:
        p = p - LR * (np.sign(0.9 * m + 0.1 * g) + weight_decay * p)
        m = 0.99 * m + 0.01 * g
        yield p


def rmsprop(momentum, centered):
    p, v, a, m = np.array([1.0, -2.0]), np.zeros(2), np.zeros(2), np.zeros(2)
    for g in GRADIENTS:
        v = 0.9 * v + 0.1 * g**2
        a = 0.9 * a + 0.1 * g
        increment = LR * g / np.sqrt(v - (a**2 if centered else 0) + 1e-7)
        m = momentum * m + increment
        p = p - (m if momentum else increment)
        yield p


def sgd(momentum, nesterov):
    p, m = np.array([1.0, -2.0]), np.zeros(2)
    for g in GRADIENTS:
        m = momentum * m - LR * g
        p = p + (momentum * m - LR * g if nesterov else m)
        yield p


RULES = [
    ("adam", adam(0.0)),
    ("adamw, weight_decay 0.04", adam(0.04)),
    ("lion", lion(0.0)),
    ("lion, weight_decay 0.04", lion(0.04)),
    ("rmsprop", rmsprop(0, False)),
    ("rmsprop, momentum 0.5", rmsprop(0.5, False)),
    ("rmsprop, momentum 0.5, centered", rmsprop(0.5, True)),
    ("sgd", sgd(0, False)),
    ("sgd, momentum 0.9", sgd(0.9, False)),
    ("sgd, momentum 0.9, nesterov", sgd(0.9, True)),
]
for name, steps in RULES:
    print(f"{name}: [{', '.join(f'{v:.7f}' for p in steps for v in p)}]")
