"""Two mistakes in one function, and what they should be called together."""

from typing import NamedTuple

__all__ = ["PAIRS", "Pair"]


class Pair(NamedTuple):
    name: str
    diagnosis: str
    code: str


PAIRS = [
    Pair(
        "cross_entropy_backward",
        "sign-flipped+summed-not-averaged",
        """
def cross_entropy_backward(g, x, y):
    return g * (np.eye(x.shape[1])[y] - probabilities(x))
""",
    ),
    Pair(  # three of them, but one is an overflow
        "cross_entropy_backward",
        "grad-output-ignored+no-max-subtraction+summed-not-averaged",
        """
def cross_entropy_backward(g, x, y):
    p = np.exp(x) / np.exp(x).sum(axis=1, keepdims=True)
    p[np.arange(len(y)), y] -= 1
    return p
""",
    ),
    Pair(
        "cross_entropy_backward",
        "grad-output-ignored+softmax-twice",
        """
def cross_entropy_backward(g, x, y):
    return (probabilities(probabilities(x)) - np.eye(x.shape[1])[y]) / len(y)
""",
    ),
    Pair(
        "cross_entropy",
        "epsilon-in-log+sign-flipped",
        """
def cross_entropy(x, y):
    return np.log(probabilities(x)[np.arange(len(y)), y] + 1e-8).mean()
""",
    ),
    Pair(
        "cross_entropy",
        "averaged-over-classes-too+log-of-softmax",
        """
def cross_entropy(x, y):
    return -np.log(probabilities(x)[np.arange(len(y)), y]).sum() / x.size
""",
    ),
    Pair(
        "linear_backward",
        "grad-bias-over-everything+grad-weight-averaged",
        """
def linear_backward(g, x, w):
    return g @ w, g.T @ x / len(x), g.sum()
""",
    ),
    Pair(
        "linear_backward",
        "grad-bias-not-summed+grad-weight-transposed",
        """
def linear_backward(g, x, w):
    return g @ w, x.T @ g, g
""",
    ),
    Pair(
        "linear",
        "bias-subtracted+mean-over-inputs",
        """
def linear(x, w, b):
    return (x[:, None, :] * w).mean(axis=2) - b
""",
    ),
    Pair(
        "softmax_backward",
        "sign-flipped+softmax-diagonal-only",
        """
def softmax_backward(g, p):
    return g * p * (p - 1)
""",
    ),
    Pair(
        "sgd_step",
        "decay-doubled+step-uphill",
        """
def sgd_step(w, g, lr, weight_decay=0.0):
    return w + lr * (g + 2 * weight_decay * w)
""",
    ),
    Pair(
        "sgd_step",
        "bias-not-decayed+decay-halved",
        """
def sgd_step(w, g, lr, weight_decay=0.0):
    return w - lr * (g + (w.ndim > 1) * weight_decay / 2 * w)
""",
    ),
    Pair(
        "adam_step",
        "betas-swapped+bias-not-decayed",
        """
def adam_step(w, g, m, v, t, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0):
    b2, b1 = betas
    if w.ndim > 1:
        g = g + weight_decay * w
    m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g**2
    return w - lr * m / (1 - b1**t) / (np.sqrt(v / (1 - b2**t)) + eps), m, v
""",
    ),
    Pair(
        "adam_step",
        "decay-decoupled+epsilon-inside-root",
        """
def adam_step(w, g, m, v, t, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0):
    b1, b2 = betas
    w = w * (1 - lr * weight_decay)
    m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g**2
    return w - lr * m / (1 - b1**t) / np.sqrt(v / (1 - b2**t) + eps), m, v
""",
    ),
    Pair(
        "relu_backward",
        "doubled+relu-mask-from-gradient",
        """
def relu_backward(g, y):
    return 2 * np.maximum(g, 0)
""",
    ),
    Pair(
        "conv2d",
        "bias-forgotten+kernel-flipped",
        """
def conv2d(x, w, b=None):
    windows = np.lib.stride_tricks.sliding_window_view(x, w.shape[2:], (2, 3))
    return np.einsum("nihwkl,oikl->nohw", windows, w[:, :, ::-1, ::-1])
""",
    ),
    Pair(
        "fit",
        "gradients-not-zeroed+lr-frozen",
        """
def fit(model, optimizer, images, labels, batches, on_step=None):
    lr = None
    for indices in batches:
        lr = lr or optimizer.lr
        optimizer.lr = lr
        x, y = images[indices], labels[indices]
        g = probabilities(model.forward(x))
        g[np.arange(len(y)), y] -= 1
        model.backward(g / len(y))
        optimizer.step()
""",
    ),
]
