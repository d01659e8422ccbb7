"""Losses of ten steps of small networks, for tests/unit/solve/test_net.c.

Run: python3 tests/golden/make_net.py > tests/unit/solve/net_golden.h   (needs NumPy)

Plain NumPy in float64 from the formulas of docs/models/sdae.md, without a look at the C code:
12 rows of 9 numbers, layers of 6 and 5 hidden units, minibatches of 5 rows in order, the row itself
as target, the mean of the rows' errors. A loss is of the minibatch before its step.
"""
import numpy as np

ROWS, ITEMS, HIDDEN, BATCH, STEPS = 12, 9, (6, 5), 5, 10
ALPHA, SCALE = 1.6732632423543772, 1.0507009873554805


def data(valued):
    u, i = np.mgrid[0:ROWS, 0:ITEMS]
    has = (u * 5 + i * 3) % 7 < 3
    return np.where(has, (1 + (u + i) % 3) * 0.5 if valued else 1.0, 0.0)


def start(layer, shape):
    """Element e of a layer's matrix, by rows, whichever way round it is stored."""
    e = np.arange(shape[0] * shape[1])
    return (((e * 7919 + layer * 101 + 5) % 2003) / 2003 - 0.5).reshape(shape)


def softmax(z):
    e = np.exp(z - z.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


# name: (f(z), derivative as a function of z); prelu's slope starts at .25 and is learnt
UNITS = {
    "SIGMOID": (lambda z: 1 / (1 + np.exp(-z)), lambda z: np.exp(-z) / (1 + np.exp(-z)) ** 2),
    "TANH": (np.tanh, lambda z: 1 / np.cosh(z) ** 2),
    "RELU": (lambda z: np.maximum(z, 0), lambda z: (z > 0) * 1.0),
    "LINEAR": (lambda z: z, np.ones_like),
    "LRELU": (lambda z: np.where(z > 0, z, 0.1 * z), lambda z: np.where(z > 0, 1, 0.1)),
    "ELU": (lambda z: np.where(z > 0, z, np.exp(z) - 1), lambda z: np.where(z > 0, 1, np.exp(z))),
    "SELU": (lambda z: SCALE * np.where(z > 0, z, ALPHA * (np.exp(z) - 1)),
             lambda z: SCALE * np.where(z > 0, 1, ALPHA * np.exp(z))),
    "SOFTPLUS": (lambda z: np.log1p(np.exp(z)), lambda z: 1 / (1 + np.exp(-z))),
    "SOFTSIGN": (lambda z: z / (1 + abs(z)), lambda z: 1 / (1 + abs(z)) ** 2),
}
RANGE = {"SIGMOID": (0, 1), "TANH": (-1, 2), "SOFTSIGN": (-1, 2)}
MARGIN = {"one": 0.9, "zero": 0.1, "one_scale": 3.0, "zero_scale": 0.5}


def forward(unit, z, slope):
    if unit == "SOFTMAX":
        return softmax(z)
    if unit == "PRELU":
        return np.where(z > 0, z, slope * z)
    return UNITS[unit][0](z)


def backward(unit, z, y, slope, dy):
    if unit == "SOFTMAX":
        return y * (dy - (dy * y).sum(1, keepdims=True))
    if unit == "PRELU":
        return dy * np.where(z > 0, 1, slope)
    return dy * UNITS[unit][1](z)


def error(kind, unit, y, t):
    """The rows' errors and their derivative by y."""
    is_softmax = unit == "SOFTMAX"
    if kind == "L1":
        return abs(y - t).sum(1), np.sign(y - t)
    if kind == "L2":
        return ((y - t) ** 2).sum(1) / 2, y - t
    if kind == "HINGE":
        s = 2 * t - 1
        return np.maximum(0, 1 - s * y).sum(1), np.where(1 - s * y > 0, -s, 0)
    one, zero = t, (1 - t) * (not is_softmax)
    if kind == "SCALED_MARGINAL":
        one = t * MARGIN["one_scale"] * (y < MARGIN["one"])
        zero = (t == 0) * MARGIN["zero_scale"] * (y > MARGIN["zero"]) * (not is_softmax)
    return -(one * np.log(y) + zero * np.log(1 - y)).sum(1), -one / y + zero / (1 - y)


class Optimizer:
    def __init__(self, kind, rate, momentum):
        self.kind, self.rate, self.m, self.t, self.state = kind, rate, momentum, 0, {}

    def step(self, key, w, g):
        a, b = self.state.get(key, (np.zeros_like(w), np.zeros_like(w)))
        m, rate = self.m, self.rate
        if self.kind == "SGD":
            w = w - rate * g
        elif self.kind == "MOMENTUM":
            a = m * a - rate * g
            w = w + a
        elif self.kind == "NESTEROV":
            new = m * a - rate * g
            w, a = w + new + m * (new - a), new
        elif self.kind == "ADAGRAD":
            a = a + g * g
            w = w - rate * g / (np.sqrt(a) + 1e-8)
        elif self.kind == "RMSPROP":
            a = m * a + (1 - m) * g * g
            w = w - rate * g / (np.sqrt(a) + 1e-8)
        elif self.kind == "ADADELTA":
            a = m * a + (1 - m) * g * g
            by = g * np.sqrt(b + 1e-6) / np.sqrt(a + 1e-6)
            b = m * b + (1 - m) * by * by
            w = w - rate * by
        else:
            a = m * a + (1 - m) * g
            b = 0.999 * b + 0.001 * g * g
            w = w - rate * (a / (1 - m ** self.t)) / (np.sqrt(b / (1 - 0.999 ** self.t)) + 1e-8)
        self.state[key] = (a, b)
        return w


def train(case):
    hidden, out, kind, optimizer, rate, momentum, decay, p, beta, unit_rows, valued = case
    units = list(hidden) + [out]
    sizes = [ITEMS, *HIDDEN, ITEMS]
    # the first layer's matrix is numbered by inputs, the others' by outputs
    W = [start(0, (sizes[0], sizes[1]))] + [start(k, (sizes[k + 1], sizes[k])).T for k in (1, 2)]
    b = [np.zeros(s) for s in sizes[1:]]
    slope = [np.full(s, 0.25) for s in sizes[1:]]
    opt = Optimizer(optimizer, rate, momentum)
    T = data(valued)
    losses = []
    for s in range(STEPS):
        lo = s % 3 * BATCH
        t = T[lo:lo + BATCH]
        x = t / np.sqrt((t * t).sum(1, keepdims=True)) if unit_rows else t
        n = len(t)
        zs, ys = [], [x]
        for k in range(3):
            zs.append(ys[-1] @ W[k] + b[k])
            ys.append(forward(units[k], zs[-1], slope[k]))
        rows, dy = error(kind, out, ys[-1], t)
        loss, dy = rows.mean(), dy / n
        opt.t += 1
        new = []
        for k in (2, 1, 0):
            if k < 2 and beta > 0 and units[k] in RANGE:
                base, span = RANGE[units[k]]
                q = (ys[k + 1].mean(0) - base) / span
                loss += beta * (p * np.log(p / q) + (1 - p) * np.log((1 - p) / (1 - q))).sum()
                dy = dy + beta * (-p / q + (1 - p) / (1 - q)) / (n * span)
            if units[k] == "PRELU":
                g = (dy * np.where(zs[k] < 0, zs[k], 0)).sum(0)
                new.append(("s", k, g))
            dz = backward(units[k], zs[k], ys[k + 1], slope[k], dy)
            new += [("W", k, ys[k].T @ dz + decay * W[k]), ("b", k, dz.sum(0))]
            dy = dz @ W[k].T
        for what, k, g in new:
            array = {"W": W, "b": b, "s": slope}[what]
            array[k] = opt.step((what, k), array[k], g)
        losses.append(loss)
    return losses


S, T_ = "SIGMOID", "TANH"
#        hidden units          output     error             optimizer   rate  mom. decay p   beta unit valued
CASES = [
    ((S, S), S, "CROSS_ENTROPY", "SGD", 0.5, 0, 0, 0, 0, False, False),
    ((T_, T_), "SOFTMAX", "CROSS_ENTROPY", "ADAM", 0.05, 0.9, 0, 0, 0, True, False),
    ((S, T_), S, "SCALED_MARGINAL", "MOMENTUM", 0.1, 0.9, 0.01, 0.3, 0.5, False, False),
    (("RELU", "LINEAR"), "LINEAR", "L2", "NESTEROV", 0.02, 0.8, 0, 0, 0, False, True),
    (("PRELU", "LRELU"), T_, "L2", "ADAGRAD", 0.1, 0, 0.02, 0, 0, True, False),
    (("ELU", "SELU"), "LINEAR", "L1", "RMSPROP", 0.01, 0.9, 0, 0, 0, False, True),
    (("SOFTPLUS", "SOFTSIGN"), "SOFTSIGN", "HINGE", "ADADELTA", 1, 0.95, 0, 0.4, 0.2, False, False),
    (("SOFTMAX", T_), "SOFTMAX", "SCALED_MARGINAL", "ADAM", 0.1, 0.8, 0, 0, 0, False, True),
    ((T_, "SOFTPLUS"), "SOFTMAX", "L2", "SGD", 0.3, 0, 0, 0, 0, False, False),
    (("LRELU", S), "SOFTPLUS", "L2", "MOMENTUM", 0.05, 0.5, 0, 0.2, 1, True, True),
]


def main():
    print("/* Made by tests/golden/make_net.py. */")
    print("#ifndef AKIN_TESTS_NET_GOLDEN_H\n#define AKIN_TESTS_NET_GOLDEN_H\n")
    print("/* clang-format off */")
    print("static const struct golden_net golden_nets[] = {")
    for case in CASES:
        hidden, out, kind, optimizer, *numbers, unit_rows, valued = case
        units = ", ".join("NET_" + u for u in hidden)
        losses = ", ".join(f"{x:.9g}" for x in train(case))
        print(f"    {{{{{units}}}, NET_{out}, NET_{kind}, NET_{optimizer},")
        print(f"     {', '.join(str(n) for n in numbers)}, {int(unit_rows)}, {int(valued)},")
        print(f"     {{{losses}}}}},")
    print("};\n/* clang-format on */\n\n#endif")


if __name__ == "__main__":
    main()
