"""An n-gram language model by hand: an embedding of three tokens, AdamW, a cosine schedule."""

import math

import numpy as np
import torch
from torch import nn

import parity

VOCAB, DIM, CONTEXT, HIDDEN, STEPS = 23, 5, 3, 14, 500

# --- by hand: plain functions that return everything anew -----------------------------------------


def init(dtype):
    rng = np.random.default_rng(1)
    shapes = {
        "emb": (VOCAB, DIM),
        "w1": (HIDDEN, CONTEXT * DIM),
        "b1": (HIDDEN,),
        "w2": (VOCAB, HIDDEN),
        "b2": (VOCAB,),
    }
    return {
        name: (0.3 * rng.standard_normal(shape)).astype(dtype) for name, shape in shapes.items()
    }


def loss_and_grads(params, tokens, target):
    n = len(tokens)
    e = params["emb"][tokens].reshape(n, -1)
    h = np.tanh(e @ params["w1"].T + params["b1"])
    logits = h @ params["w2"].T + params["b2"]
    z = logits - logits.max(1, keepdims=True)
    p = np.exp(z)
    p /= p.sum(1, keepdims=True)
    loss = -np.log(p[np.arange(n), target]).mean()
    dlogits = p.copy()
    dlogits[np.arange(n), target] -= 1
    dlogits /= n
    dh = dlogits @ params["w2"]
    dz1 = dh * (1 - h * h)
    de = (dz1 @ params["w1"]).reshape(n, CONTEXT, DIM)
    demb = np.zeros_like(params["emb"])
    np.add.at(demb, tokens, de)
    grads = {
        "emb": demb,
        "w1": dz1.T @ e,
        "b1": dz1.sum(0),
        "w2": dlogits.T @ h,
        "b2": dlogits.sum(0),
    }
    return logits, loss, grads


def adamw(params, grads, state, step, lr, betas=(0.9, 0.99), eps=1e-8, decay=0.1):
    new, moments = {}, {}
    for name, grad in grads.items():
        m, v = state.get(name, (0.0, 0.0))
        m = betas[0] * m + (1 - betas[0]) * grad
        v = betas[1] * v + (1 - betas[1]) * grad**2
        moments[name] = m, v
        m_hat, v_hat = m / (1 - betas[0] ** step), v / (1 - betas[1] ** step)
        new[name] = params[name] * (1 - lr * decay) - lr * m_hat / (np.sqrt(v_hat) + eps)
    return new, moments


def cosine(step, base=0.01):
    return base * (1 + math.cos(math.pi * (step - 1) / STEPS)) / 2


# --- in PyTorch ----------------------------------------------------------------------------------


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = nn.Embedding(VOCAB, DIM)
        self.fc1 = nn.Linear(CONTEXT * DIM, HIDDEN)
        self.fc2 = nn.Linear(HIDDEN, VOCAB)

    def forward(self, tokens):
        return self.fc2(torch.tanh(self.fc1(self.emb(tokens).flatten(1))))


def batches(count):
    text = np.random.default_rng(2).integers(0, VOCAB, 400) ** 2 % VOCAB
    rng = np.random.default_rng(3)
    for _ in range(count):
        at = rng.integers(0, len(text) - CONTEXT, 19)
        yield text[at[:, None] + np.arange(CONTEXT)], text[at + CONTEXT]


# --- the comparison ------------------------------------------------------------------------------


def pair(dtype):
    program, net = {"params": init(dtype), "state": {}, "step": 0}, Net()

    def step(tokens, target):
        program["step"] += 1
        logits, loss, grads = loss_and_grads(program["params"], tokens, target)
        lr = cosine(program["step"])
        program["params"], program["state"] = adamw(
            program["params"], grads, program["state"], program["step"], lr
        )
        return {"output": logits, "loss": loss, "gradients": grads, "parameters": program["params"]}

    adam = torch.optim.AdamW(net.parameters(), lr=0.01, betas=(0.9, 0.99), weight_decay=0.1)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(adam, STEPS)
    torch_program = parity.TorchProgram(net, nn.CrossEntropyLoss(), adam, scheduler=schedule)
    return parity.NumpyProgram(step, program["params"]), torch_program


OPTIONS = {}
