"""A tanh MLP by hand: a dict of weights stored (in, out), the mean squared error, SGD."""

import numpy as np
import torch
from torch import nn

import parity

SIZES = (6, 16, 12, 3)

# --- by hand -------------------------------------------------------------------------------------


def init(dtype):
    rng = np.random.default_rng(1)
    params = {}
    for i, (n_in, n_out) in enumerate(zip(SIZES[:-1], SIZES[1:]), start=1):
        params[f"W{i}"] = (rng.standard_normal((n_in, n_out)) / np.sqrt(n_in)).astype(dtype)
        params[f"b{i}"] = np.zeros(n_out, dtype)
    return params


def forward(params, x):
    a1 = np.tanh(x @ params["W1"] + params["b1"])
    a2 = np.tanh(a1 @ params["W2"] + params["b2"])
    return a1, a2, a2 @ params["W3"] + params["b3"]


def mse(y, t):
    return ((y - t) ** 2).mean()


def backward(params, x, a1, a2, y, t):
    dy = 2 * (y - t) / y.size
    grads = {"W3": a2.T @ dy, "b3": dy.sum(0)}
    dz2 = (dy @ params["W3"].T) * (1 - a2**2)
    grads |= {"W2": a1.T @ dz2, "b2": dz2.sum(0)}
    dz1 = (dz2 @ params["W2"].T) * (1 - a1**2)
    return grads | {"W1": x.T @ dz1, "b1": dz1.sum(0)}


def update(params, grads, lr=0.05, weight_decay=0.01):
    for name, grad in grads.items():
        params[name] -= lr * (grad + weight_decay * params[name])


# --- in PyTorch ----------------------------------------------------------------------------------


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1, self.fc2, self.fc3 = (nn.Linear(a, b) for a, b in zip(SIZES[:-1], SIZES[1:]))

    def forward(self, x):
        return self.fc3(torch.tanh(self.fc2(torch.tanh(self.fc1(x)))))


def batches(count):
    rng = np.random.default_rng(2)
    x = rng.standard_normal((200, SIZES[0]))
    t = np.sin(x @ rng.standard_normal((SIZES[0], SIZES[-1])))
    for _ in range(count):
        rows = rng.integers(0, len(x), 17)
        yield x[rows], t[rows]


# --- the comparison ------------------------------------------------------------------------------


def pair(dtype):
    params, net = init(dtype), Net()

    def step(x, t):
        a1, a2, y = forward(params, x)
        grads = backward(params, x, a1, a2, y, t)
        update(params, grads)
        return y, mse(y, t), grads

    sgd = torch.optim.SGD(net.parameters(), lr=0.05, weight_decay=0.01)
    return parity.NumpyProgram(step, params), parity.TorchProgram(net, nn.MSELoss(), sgd)


OPTIONS = {}
