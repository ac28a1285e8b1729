"""A whole network, right, with gaps for the mistakes."""

__all__ = ["FUNCTIONS", "NETWORK", "network"]

FUNCTIONS = {
    "relu": ("np.maximum(z, 0)", "(z > 0)"),
    "sigmoid": ("1 / (1 + np.exp(-z))", "a * (1 - a)"),
    "tanh": ("np.tanh(z)", "(1 - a * a)"),
}

NETWORK = """
import numpy as np

def loss_and_grads(params, X, y, reg=0.0):
    W1, b1, W2, b2 = (params[name] for name in ("W1", "b1", "W2", "b2"))
    N = len(y)
    z = X @ W1.T + b1
    a = FUNCTION
    s = a @ W2.T + b2
    s = s - s.max(axis=1, keepdims=True)
    p = np.exp(s) / np.exp(s).sum(axis=1, keepdims=True)
    loss = -np.log(p[np.arange(N), y]).mean() + reg / 2 * ((W1**2).sum() + (W2**2).sum())
    d = p.copy()
    d[np.arange(N), y] -= 1
    d /= N
    h = (d @ W2) * SLOPE
    grads = {
        "W1": h.T @ X + reg * W1,
        "b1": h.sum(axis=0),
        "W2": d.T @ a + reg * W2,
        "b2": d.sum(axis=0),
    }
    return loss, grads
"""


def network(function: str, right: str = "", wrong: str = "") -> str:
    """The network with this function in its hidden layer, and `wrong` in the place of `right`."""
    value, slope = FUNCTIONS[function]
    text = NETWORK.replace("FUNCTION", value).replace("SLOPE", slope)
    assert text.count(right) or not right
    return text.replace(right, wrong) if right else text
