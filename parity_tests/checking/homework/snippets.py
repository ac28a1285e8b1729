"""Pieces of homework, with gaps for the mistakes."""

HELPERS = """
import numpy as np
def probabilities(x):
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)
def s(z):
    return 1 / (1 + np.exp(-z))
class Parameter:
    def __init__(self, data):
        self.data, self.grad = data, None
class Net:
    def __init__(self, n, h, c):
        self.p = {"fc1.weight": Parameter(np.zeros((h, n))), "fc1.bias": Parameter(np.zeros(h)),
                  "fc2.weight": Parameter(np.zeros((c, h))), "fc2.bias": Parameter(np.zeros(c))}
    def state_dict(self):
        return {name: p.data for name, p in self.p.items()}
    def load_state_dict(self, state):
        for name, p in self.p.items():
            p.data = np.array(state[name])
    def parameters(self):
        return list(self.p.values())
    def zero_grad(self):
        for p in self.p.values():
            p.grad = None
    def weights(self):
        return [p.data for p in self.p.values()]
    def keep(self, *grads):
        for p, g in zip(self.p.values(), grads):
            p.grad = g if p.grad is None else p.grad + g
    def forward(self, x):
        w1, b1, w2, b2 = self.weights()
        self.x, self.z = x, x @ w1.T + b1
        self.a = s(self.z)
        return self.a @ w2.T + b2
"""

BACKWARD = """
class FeedForward(Net):
    def backward(self, g):
        delta = (g @ self.p["fc2.weight"].data) * {slope}
        self.keep(delta.T @ self.x, delta.sum(0), g.T @ self.a, g.sum(0))
"""

SGD = """
class SGD:
    def __init__(self, parameters, lr, momentum=0.0, dampening=0.0, weight_decay=0.0):
        self.parameters, self.lr = list(parameters), lr
        self.mu, self.dampening, self.decay = momentum, dampening, weight_decay
        self.v = [None] * len(self.parameters)
    def zero_grad(self):
        for p in self.parameters:
            p.grad = None
    def step(self):
        for i, p in enumerate(self.parameters):
            g = p.grad + {decay} * p.data
            if self.mu:
                {velocity}
            p.data -= self.lr * g
"""
VELOCITY = (
    "g = self.v[i] = g if self.v[i] is None else self.mu * self.v[i] + (1 - self.dampening) * g"
)

ADAM_STEP = """
def adam_step(w, g, m, v, t, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0):
    {first}
    m = betas[0] * m + (1 - betas[0]) * g
    v = betas[1] * v + (1 - betas[1]) * g * g
    mh, vh = {corrected}
    return w - lr * mh / {denominator}, m, v
"""
L2 = "g = g + weight_decay * w"
CORRECTED = "m / (1 - betas[0] ** t), v / (1 - betas[1] ** t)"
DENOMINATOR = "(np.sqrt(vh) + eps)"

ADAM = """
class Adam:
    def __init__(self, parameters, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0):
        self.ps, self.lr, self.betas, self.eps, self.decay = (
            list(parameters), lr, betas, eps, weight_decay)
        self.t = 0
        self.m = [0 * p.data for p in self.ps]
        self.v = [0 * p.data for p in self.ps]
    def step(self):
        b1, b2 = self.betas
        for i, p in enumerate(self.ps):
            self.t += 1
            g = p.grad + self.decay * p.data
            self.m[i] = b1 * self.m[i] + (1 - b1) * g
            self.v[i] = b2 * self.v[i] + (1 - b2) * g**2
            mh, vh = self.m[i] / (1 - b1**self.t), self.v[i] / (1 - b2**self.t)
            p.data = p.data - self.lr * mh / (vh**0.5 + self.eps)
"""

FIT = """
def fit(model, optimizer, images, labels, batches, on_step=None):
    for indices in batches:
        x, y = images[indices], labels[indices]
        {zero}
        g = probabilities(model.forward(x))
        g[np.arange(len(y)), y] -= 1
        model.backward(g / {size})
        optimizer.step()
"""
ZERO = "optimizer.zero_grad()"

EVALUATE = """
def evaluate(model, images, labels, batch_size=1000):
    losses, hits, n = {start}
    for start in range(0, len(images), batch_size):
        x, y = images[start:start + batch_size], labels[start:start + batch_size]
        z = model.forward(x)
        loss = -np.log(probabilities(z)[np.arange(len(y)), y])
        {body}
    return {end}
"""
