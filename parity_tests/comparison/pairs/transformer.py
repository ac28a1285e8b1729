"""One block of a transformer by hand: layer norm, attention with two heads, residuals; MSE."""

import numpy as np
import torch
from torch import nn

import parity

TIME, DIM, HEADS, WIDE = 5, 8, 2, 12

# --- by hand: a dict of dicts, all weights (in, out) ----------------------------------------------


def init(dtype):
    rng = np.random.default_rng(1)

    def linear(n_in, n_out):
        w = rng.standard_normal((n_in, n_out)) / np.sqrt(n_in)
        return {"W": w.astype(dtype), "b": (0.1 * rng.standard_normal(n_out)).astype(dtype)}

    names = ("q", "k", "v", "proj")
    params = {name: linear(DIM, DIM) for name in names}
    params |= {"up": linear(DIM, WIDE), "down": linear(WIDE, DIM)}
    for name in ("ln1", "ln2"):
        params[name] = {"g": np.ones(DIM, dtype), "b": np.zeros(DIM, dtype)}
    return params


def norm(x, p):
    xc = x - x.mean(-1, keepdims=True)
    std = np.sqrt((xc**2).mean(-1, keepdims=True) + 1e-5)
    return p["g"] * xc / std + p["b"], (xc / std, std)


def norm_backward(dy, p, cache, grads):
    xhat, std = cache
    grads["g"], grads["b"] = (dy * xhat).sum((0, 1)), dy.sum((0, 1))
    d = dy * p["g"]
    return (d - d.mean(-1, keepdims=True) - xhat * (d * xhat).mean(-1, keepdims=True)) / std


def linear_backward(dy, x, p, grads):
    grads["W"], grads["b"] = np.einsum("nti,nto->io", x, dy), dy.sum((0, 1))
    return dy @ p["W"].T


def split(x):
    return x.reshape(*x.shape[:2], HEADS, -1).swapaxes(1, 2)


def merge(x):
    return x.swapaxes(1, 2).reshape(x.shape[0], x.shape[2], -1)


def train(params, x, target, lr=0.05):
    n1, cache1 = norm(x, params["ln1"])
    q, k, v = (split(n1 @ params[name]["W"] + params[name]["b"]) for name in "qkv")
    root = np.sqrt(DIM / HEADS).astype(x.dtype)
    scores = q @ k.swapaxes(-1, -2) / root
    scores = np.where(np.tri(TIME, dtype=bool), scores, -np.inf)
    a = np.exp(scores - scores.max(-1, keepdims=True))
    a /= a.sum(-1, keepdims=True)
    mixed = merge(a @ v)
    x2 = x + mixed @ params["proj"]["W"] + params["proj"]["b"]
    n2, cache2 = norm(x2, params["ln2"])
    h = np.maximum(n2 @ params["up"]["W"] + params["up"]["b"], 0)
    y = x2 + h @ params["down"]["W"] + params["down"]["b"]
    loss = ((y - target) ** 2).mean()

    grads = {name: {} for name in params}
    dy = 2 * (y - target) / y.size
    dh = linear_backward(dy, h, params["down"], grads["down"]) * (h > 0)
    dn2 = linear_backward(dh, n2, params["up"], grads["up"])
    dx2 = dy + norm_backward(dn2, params["ln2"], cache2, grads["ln2"])
    dmixed = split(linear_backward(dx2, mixed, params["proj"], grads["proj"]))
    da, dv = dmixed @ v.swapaxes(-1, -2), a.swapaxes(-1, -2) @ dmixed
    ds = a * (da - (da * a).sum(-1, keepdims=True)) / root
    dq, dk = ds @ k, ds.swapaxes(-1, -2) @ q
    dn1 = sum(
        linear_backward(merge(d), n1, params[name], grads[name])
        for name, d in (("q", dq), ("k", dk), ("v", dv))
    )
    norm_backward(dn1, params["ln1"], cache1, grads["ln1"])
    for name, group in grads.items():
        for key, grad in group.items():
            params[name][key] -= lr * grad
    return y, loss, grads


# --- in PyTorch ----------------------------------------------------------------------------------


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.ln1, self.ln2 = nn.LayerNorm(DIM), nn.LayerNorm(DIM)
        self.q, self.k, self.v, self.proj = (nn.Linear(DIM, DIM) for _ in range(4))
        self.up, self.down = nn.Linear(DIM, WIDE), nn.Linear(WIDE, DIM)

    def forward(self, x):
        n1 = self.ln1(x)
        q, k, v = (
            f(n1).unflatten(-1, (HEADS, -1)).transpose(1, 2) for f in (self.q, self.k, self.v)
        )
        mixed = nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.proj(mixed.transpose(1, 2).flatten(2))
        return x + self.down(torch.relu(self.up(self.ln2(x))))


def batches(count):
    rng = np.random.default_rng(2)
    mix = rng.standard_normal((DIM, DIM)) / np.sqrt(DIM)
    for _ in range(count):
        x = rng.standard_normal((7, TIME, DIM))
        yield x, np.tanh(np.cumsum(x, 1) @ mix)


# --- the comparison ------------------------------------------------------------------------------


def pair(dtype):
    params, block = init(dtype), Block()
    sgd = torch.optim.SGD(block.parameters(), lr=0.05)
    numpy_program = parity.NumpyProgram(lambda *batch: train(params, *batch), params)
    return numpy_program, parity.TorchProgram(block, nn.MSELoss(), sgd)


OPTIONS = {
    "names": {
        **{f"{name}.weight": (f"{name}.W", "T") for name in ("q", "k", "v", "proj", "up", "down")},
        **{f"{name}.bias": f"{name}.b" for name in ("q", "k", "v", "proj", "ln1", "ln2")},
        **{f"{name}.weight": f"{name}.g" for name in ("ln1", "ln2")},
    },
    "constant": ["ln*"],
    "zero": ["k.bias"],  # softmax does not see what all scores of a query have in common
}
