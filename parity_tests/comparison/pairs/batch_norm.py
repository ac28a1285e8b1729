"""A ConvNet by hand: batch norm, max pooling, dropout by a given mask; train and eval; BCE."""

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

import parity

CHANNELS, SIDE, OUT = 4, 6, 3
FEATURES = CHANNELS * (SIDE // 2) ** 2
KEEP = 0.75

# --- by hand: an object with its arrays as attributes ---------------------------------------------


class Model:
    def __init__(self, dtype):
        rng = np.random.default_rng(1)
        self.W = (rng.standard_normal((CHANNELS, 9)) / 3).astype(dtype)  # 3 x 3 kernels, flat
        self.gamma, self.beta = np.ones(CHANNELS, dtype), np.zeros(CHANNELS, dtype)
        self.running_mean, self.running_var = np.zeros(CHANNELS, dtype), np.ones(CHANNELS, dtype)
        self.fc = (rng.standard_normal((OUT, FEATURES)) / 6).astype(dtype)
        self.fc_bias = rng.standard_normal(OUT).astype(dtype)

    def columns(self, x):  # (N, SIDE, SIDE) to (N, SIDE, SIDE, 9)
        padded = np.pad(x, ((0, 0), (1, 1), (1, 1)))
        return np.stack(
            [padded[:, i : i + SIDE, j : j + SIDE] for i in range(3) for j in range(3)], -1
        )

    def forward(self, x, mask=None):
        self.cols = self.columns(x)
        self.z = (self.cols @ self.W.T).transpose(0, 3, 1, 2)  # (N, C, SIDE, SIDE)
        self.n = self.z.size // CHANNELS
        if mask is None:
            mean, var = self.running_mean, self.running_var
        else:
            mean, var = self.z.mean((0, 2, 3)), self.z.var((0, 2, 3))
            self.running_mean = 0.9 * self.running_mean + 0.1 * mean
            self.running_var = 0.9 * self.running_var + 0.1 * var * self.n / (self.n - 1)
        self.std = np.sqrt(var + 1e-5)[:, None, None]
        self.xhat = (self.z - mean[:, None, None]) / self.std
        y = self.gamma[:, None, None] * self.xhat + self.beta[:, None, None]
        windows = y.reshape(len(x), CHANNELS, SIDE // 2, 2, SIDE // 2, 2).transpose(
            0, 1, 2, 4, 3, 5
        )
        self.windows = windows.reshape(*windows.shape[:4], 4)
        self.arg = self.windows.argmax(-1)
        pooled = self.windows.max(-1).reshape(len(x), -1)
        self.h = pooled if mask is None else pooled * mask / KEEP
        self.mask = mask
        return self.h @ self.fc.T + self.fc_bias

    def backward(self, dout):
        self.grad_fc, self.grad_fc_bias = dout.T @ self.h, dout.sum(0)
        dpooled = (dout @ self.fc) * self.mask / KEEP
        self.dpool = dpooled.reshape(self.arg.shape)
        dwindows = np.zeros_like(self.windows)
        np.put_along_axis(dwindows, self.arg[..., None], self.dpool[..., None], -1)
        shape = (len(dout), CHANNELS, SIDE // 2, SIDE // 2, 2, 2)
        dy = dwindows.reshape(shape).transpose(0, 1, 2, 4, 3, 5).reshape(self.z.shape)
        self.dbn = dy
        self.grad_gamma, self.grad_beta = (dy * self.xhat).sum((0, 2, 3)), dy.sum((0, 2, 3))
        dxhat = dy * self.gamma[:, None, None]
        mean_d = dxhat.mean((0, 2, 3))[:, None, None]
        mean_dx = (dxhat * self.xhat).mean((0, 2, 3))[:, None, None]
        self.dconv = (dxhat - mean_d - self.xhat * mean_dx) / self.std
        self.grad_W = np.einsum("nchw,nhwk->ck", self.dconv, self.cols)

    def train(self, x, mask, target, lr=0.1):
        logits = self.forward(x, mask)
        loss, dlogits = bce(logits, target)
        self.backward(dlogits)
        for name in ("W", "gamma", "beta", "fc", "fc_bias"):
            setattr(self, name, getattr(self, name) - lr * getattr(self, f"grad_{name}"))
        return logits, loss


def bce(logits, target):
    loss = np.maximum(logits, 0) - logits * target + np.log1p(np.exp(-np.abs(logits)))
    return loss.mean(), (1 / (1 + np.exp(-logits)) - target) / target.size


# --- in PyTorch ----------------------------------------------------------------------------------


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, CHANNELS, 3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(CHANNELS)
        self.pool = nn.MaxPool2d(2)
        self.fc = nn.Linear(FEATURES, OUT)

    def forward(self, x, mask=None):
        h = self.pool(self.bn(self.conv(x[:, None]))).flatten(1)
        return self.fc(h if mask is None else h * mask / KEEP)


def batches(count):
    rng = np.random.default_rng(2)
    x = rng.standard_normal((60, SIDE, SIDE))
    target = (x.reshape(60, -1) @ rng.standard_normal((SIDE * SIDE, OUT)) > 0).astype(float)
    for _ in range(count):
        rows = rng.integers(0, len(x), 11)
        yield x[rows], (rng.random((11, FEATURES)) < KEEP).astype(float), target[rows]


# --- the comparison ------------------------------------------------------------------------------


def pair(dtype):
    model, net = Model(dtype), Net()

    def step(*batch):
        output, loss = model.train(*batch)
        layers = {"conv": model.dconv, "bn": model.dbn, "pool": model.dpool}
        return {"output": output, "loss": loss, "layer_gradients": layers}

    sgd = torch.optim.SGD(net.parameters(), lr=0.1)
    torch_program = parity.TorchProgram(net, F.binary_cross_entropy_with_logits, sgd)
    return parity.NumpyProgram(step, model, predict=model.forward), torch_program


NAMES = {"conv.weight": ("W", "reshape"), "bn.weight": "gamma", "bn.bias": "beta"}
BUFFERS = {f"bn.{name}": name for name in ("running_mean", "running_var")}
EVALUATE = [(np.random.default_rng(4).standard_normal((7, SIDE, SIDE)),)]
OPTIONS = {"names": NAMES | BUFFERS, "constant": ["bn.*"], "evaluate": EVALUATE}
