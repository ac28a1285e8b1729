"""Right, in single precision whatever comes in; with classes."""

import numpy as np

F = np.float32


def f(x):
    return np.asarray(x, F)


def linear(x, w, b=None):
    y = np.einsum("ni,oi->no", f(x), f(w))
    return y if b is None else y + f(b)


def linear_backward(g, x, w):
    g, x, w = f(g), f(x), f(w)
    return np.einsum("no,oi->ni", g, w), np.einsum("no,ni->oi", g, x), np.ones(len(g), F) @ g


def sigmoid(x):
    return (np.tanh(f(x) / 2) + 1) / 2


def sigmoid_backward(g, y):
    return f(g) * (f(y) - f(y) ** 2)


def relu(x):
    return f(x).clip(0)


def relu_backward(g, y):
    return np.where(f(y) > 0, f(g), F(0))


def softmax(x, axis=-1):
    e = np.exp(f(x) - f(x).max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def softmax_backward(g, p, axis=-1):
    gp = f(g) * f(p)
    return gp - f(p) * gp.sum(axis, keepdims=True)


def log_softmax(x, axis=-1):
    x = f(x)
    top = x.max(axis, keepdims=True)
    return x - (top + np.log(np.exp(x - top).sum(axis, keepdims=True)))


def log_softmax_backward(g, y, axis=-1):
    return f(g) - np.exp(f(y)) * f(g).sum(axis, keepdims=True)


def cross_entropy(x, y, reduction="mean"):
    losses = -np.take_along_axis(log_softmax(x), y[:, None], 1)
    return losses.mean() if reduction == "mean" else losses.sum()


def cross_entropy_backward(g, x, y, reduction="mean"):
    d = softmax(x) - np.eye(x.shape[1], dtype=F)[y]
    return F(g) * d / (len(y) if reduction == "mean" else 1)


def patches(x, kh, kw, stride):
    return np.lib.stride_tricks.sliding_window_view(x, (kh, kw), (2, 3))[:, :, ::stride, ::stride]


def conv2d(x, w, b=None, stride=1, padding=0):
    x = np.pad(f(x), ((0, 0), (0, 0), (padding,) * 2, (padding,) * 2))
    y = np.einsum("nihwkl,oikl->nohw", patches(x, *w.shape[2:], stride), f(w))
    return y if b is None else y + f(b)[:, None, None]


def conv2d_backward(g, x, w, stride=1, padding=0):
    g, w = f(g), f(w)
    x = np.pad(f(x), ((0, 0), (0, 0), (padding,) * 2, (padding,) * 2))
    kh, kw = w.shape[2:]
    gx, gw = np.zeros_like(x), np.zeros_like(w)
    for i in range(g.shape[2]):
        for j in range(g.shape[3]):
            at = np.s_[:, :, i * stride : i * stride + kh, j * stride : j * stride + kw]
            gx[at] += np.einsum("no,oikl->nikl", g[:, :, i, j], w)
            gw += np.einsum("no,nikl->oikl", g[:, :, i, j], x[at])
    inner = slice(padding, -padding or None)
    return gx[:, :, inner, inner], gw, g.sum((0, 2, 3))


def avg_pool2d(x, k, stride=None):
    return patches(f(x), k, k, stride or k).mean((-2, -1))


def sgd_step(p, g, lr, weight_decay=0.0):
    return (f(p) * F(1 - lr * weight_decay)) - F(lr) * f(g)


def adam_step(p, g, m, v, t, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0):
    p, g, m, v = map(f, (p, g, m, v))
    g = g + F(weight_decay) * p
    m = m + F(1 - betas[0]) * (g - m)
    v = F(betas[1]) * v + F(1 - betas[1]) * g * g
    rate = lr * (1 - betas[1] ** t) ** 0.5 / (1 - betas[0] ** t)
    return p - F(rate) * m / (np.sqrt(v) + F(eps * (1 - betas[1] ** t) ** 0.5)), m, v


class Parameter:
    def __init__(self, data):
        self.data, self.grad = data, None


class Net:
    def __init__(self, **shapes):
        rng = np.random.default_rng()
        self.p = {n.replace("_", "."): Parameter(f(rng.normal(size=s))) for n, s in shapes.items()}

    def state_dict(self):
        return {name: p.data for name, p in self.p.items()}

    def load_state_dict(self, state):
        for name, p in self.p.items():
            p.data[...] = state[name]

    def parameters(self):
        return self.p.values()

    def zero_grad(self):
        for p in self.p.values():
            p.grad = None

    def add(self, name, grads):
        for kind, grad in zip(("weight", "bias"), grads):
            p = self.p[f"{name}.{kind}"]
            p.grad = grad if p.grad is None else p.grad + grad

    def layer(self, name, x):
        return linear(x, self.p[f"{name}.weight"].data, self.p[f"{name}.bias"].data)

    def back(self, name, g, x):
        gx, *grads = linear_backward(g, x, self.p[f"{name}.weight"].data)
        self.add(name, grads)
        return gx


class SoftmaxRegression(Net):
    def __init__(self, n, c):
        super().__init__(fc_weight=(c, n), fc_bias=c)

    def forward(self, x):
        self.x = x
        return self.layer("fc", x)

    def backward(self, g):
        self.back("fc", g, self.x)


class FeedForward(Net):
    def __init__(self, n, h, c):
        super().__init__(fc1_weight=(h, n), fc1_bias=h, fc2_weight=(c, h), fc2_bias=c)

    def forward(self, x):
        self.x, self.a = x, sigmoid(self.layer("fc1", x))
        return self.layer("fc2", self.a)

    def backward(self, g):
        self.back("fc1", sigmoid_backward(self.back("fc2", g, self.a), self.a), self.x)


class SGD:
    def __init__(
        self, parameters, lr, momentum=0.0, dampening=0.0, weight_decay=0.0, nesterov=False
    ):
        self.ps, self.lr, self.momentum, self.nesterov = list(parameters), lr, momentum, nesterov
        self.share, self.decay, self.v = 1 - dampening, weight_decay, {}

    def zero_grad(self):
        for p in self.ps:
            p.grad = None

    def step(self):
        for i, p in enumerate(self.ps):
            g = p.grad + self.decay * p.data
            v = self.momentum * self.v[i] + self.share * g if i in self.v else g
            self.v[i] = v
            step = g + self.momentum * v if self.nesterov else v if self.momentum else g
            p.data -= self.lr * step


class Adam:
    def __init__(self, parameters, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0):
        self.ps, self.lr, self.options = list(parameters), lr, (betas, eps, weight_decay)
        self.t, self.state = 0, [(0 * p.data, 0 * p.data) for p in self.ps]

    def step(self):
        self.t += 1
        for i, p in enumerate(self.ps):
            new, *self.state[i] = adam_step(
                p.data, p.grad, *self.state[i], self.t, self.lr, *self.options
            )
            p.data[...] = new


def fit(model, optimizer, images, labels, batches, on_step=None):
    for indices in list(batches):
        x, y = images[indices], labels[indices]
        optimizer.zero_grad()
        model.backward(cross_entropy_backward(1, model.forward(x), y))
        optimizer.step()


def evaluate(model, images, labels, batch_size=1000):
    loss = hits = 0
    for start in range(0, len(images), batch_size):
        x, y = images[start : start + batch_size], labels[start : start + batch_size]
        z = model.forward(x)
        loss += cross_entropy(z, y, "sum")
        hits += (np.argmax(z, 1) == y).sum()
    return {"loss": loss / len(images), "accuracy": hits / len(images)}
