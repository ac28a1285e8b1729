"""A recurrent net by hand, ten time steps; the embedding is the output layer, too: tied."""

import numpy as np
import torch
from torch import nn

import parity

VOCAB, DIM, TIME = 13, 8, 10

# --- by hand: a list of weights, updated in place -------------------------------------------------


def init(dtype):
    rng = np.random.default_rng(1)
    E = 0.4 * rng.standard_normal((VOCAB, DIM))
    Wx, Wh = (rng.standard_normal((DIM, DIM)) / np.sqrt(DIM) for _ in range(2))
    return [w.astype(dtype) for w in (E, Wx, Wh, 0.1 * rng.standard_normal(DIM))]


def train(weights, tokens, targets, lr=0.3):
    E, Wx, Wh, b = weights
    n = len(tokens)
    hs = [np.zeros((n, DIM), E.dtype)]
    probs, loss = [], 0.0
    for t in range(TIME):
        h = np.tanh(E[tokens[:, t]] @ Wx.T + hs[-1] @ Wh.T + b)
        hs.append(h)
        logits = h @ E.T
        p = np.exp(logits - logits.max(1, keepdims=True))
        p /= p.sum(1, keepdims=True)
        probs.append(p)
        loss -= np.log(p[np.arange(n), targets[:, t]]).mean() / TIME
    dE, dWx, dWh, db = (np.zeros_like(w) for w in weights)
    dnext = np.zeros_like(hs[0])
    for t in reversed(range(TIME)):
        dlogits = probs[t].copy()
        dlogits[np.arange(n), targets[:, t]] -= 1
        dlogits /= n * TIME
        dE += dlogits.T @ hs[t + 1]
        dh = dlogits @ E + dnext
        dz = dh * (1 - hs[t + 1] ** 2)
        dWx += dz.T @ E[tokens[:, t]]
        dWh += dz.T @ hs[t]
        db += dz.sum(0)
        np.add.at(dE, tokens[:, t], dz @ Wx)
        dnext = dz @ Wh
    grads = [dE, dWx, dWh, db]
    for weight, grad in zip(weights, grads):
        weight -= lr * grad
    return loss, grads


# --- in PyTorch ----------------------------------------------------------------------------------


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = nn.Embedding(VOCAB, DIM)
        self.x2h = nn.Linear(DIM, DIM, bias=False)
        self.h2h = nn.Linear(DIM, DIM)
        self.out = nn.Linear(DIM, VOCAB, bias=False)
        self.out.weight = self.emb.weight
        nn.init.normal_(self.emb.weight, std=0.4)

    def forward(self, tokens):
        h = torch.zeros(len(tokens), DIM, dtype=self.emb.weight.dtype)
        outputs = []
        for t in range(TIME):
            h = torch.tanh(self.x2h(self.emb(tokens[:, t])) + self.h2h(h))
            outputs.append(self.out(h))
        return torch.stack(outputs, 1)


def torch_step(program, tokens, targets):
    program.optimizer.zero_grad()
    loss = nn.functional.cross_entropy(program.model(tokens).flatten(0, 1), targets.flatten())
    loss.backward()
    program.optimizer.step()
    return loss


def batches(count):
    rng = np.random.default_rng(2)
    for _ in range(count):
        start = rng.integers(0, VOCAB, (9, 1))
        text = (start + np.arange(TIME + 1) * (1 + start % 3) + (rng.random((9, 11)) < 0.1)) % VOCAB
        yield text[:, :-1], text[:, 1:]


# --- the comparison ------------------------------------------------------------------------------


def pair(dtype):
    weights, net = init(dtype), Net()
    sgd = torch.optim.SGD(net.parameters(), lr=0.3)
    numpy_program = parity.NumpyProgram(lambda *batch: train(weights, *batch), weights)
    return numpy_program, parity.TorchProgram(net, optimizer=sgd, step=torch_step)


OPTIONS = {"names": {"x2h.weight": "1", "h2h.weight": "2"}}
