"""The mistakes that people are known to make, each as the code of somebody who makes it.

Written without a look at the catalogue, which has to recognise them from their numbers. A row is
the mistake in words, the name that is wrong, what it should be called, and the code.
"""

from typing import NamedTuple

from parity_tests.checking.homework.snippets import (
    ADAM,
    ADAM_STEP,
    BACKWARD,
    CORRECTED,
    DENOMINATOR,
    EVALUATE,
    FIT,
    L2,
    SGD,
    VELOCITY,
    ZERO,
)

__all__ = ["ROWS", "Row"]


class Row(NamedTuple):
    mistake: str
    name: str
    diagnosis: str | None  # None for what is no mistake and has to pass
    code: str


ROWS = [
    Row(
        "gradient summed over the batch, not averaged",
        "cross_entropy_backward",
        "summed-not-averaged",
        """
def cross_entropy_backward(g, x, y):
    return g * (probabilities(x) - np.eye(x.shape[1])[y])
""",
    ),
    Row(
        "sign flipped: y - p",
        "cross_entropy_backward",
        "sign-flipped",
        """
def cross_entropy_backward(g, x, y):
    return g * (np.eye(x.shape[1])[y] - probabilities(x)) / len(y)
""",
    ),
    Row(
        "sign flipped: += in the step",
        "sgd_step",
        "step-uphill",
        """
def sgd_step(w, g, lr, weight_decay=0.0):
    return w + lr * (g + weight_decay * w)
""",
    ),
    Row(
        "softmax over the batch axis",
        "softmax",
        "softmax-over-batch",
        """
def softmax(x):
    e = np.exp(x - x.max(axis=0))
    return e / e.sum(axis=0)
""",
    ),
    Row(
        "no max-subtraction",
        "softmax",
        "no-max-subtraction",
        """
def softmax(x):
    return np.exp(x) / np.exp(x).sum(axis=1, keepdims=True)
""",
    ),
    Row(
        "log(p + 1e-7)",
        "cross_entropy",
        "epsilon-in-log",
        """
def cross_entropy(x, y):
    return -np.log(probabilities(x)[np.arange(len(y)), y] + 1e-7).mean()
""",
    ),
    Row(
        "a clip before the log",
        "cross_entropy",
        "epsilon-in-log",
        """
def cross_entropy(x, y):
    p = np.clip(probabilities(x), 1e-12, 1 - 1e-12)
    return -np.sum(np.eye(x.shape[1])[y] * np.log(p)) / len(y)
""",
    ),
    Row(
        "softmax applied before the cross-entropy that takes logits",
        "cross_entropy",
        "softmax-twice",
        """
def cross_entropy(x, y):
    p = probabilities(probabilities(x))
    return -np.log(p[np.arange(len(y)), y]).mean()
""",
    ),
    Row(
        "softmax derivative taken as p(1 - p)",
        "softmax_backward",
        "softmax-diagonal-only",
        """
def softmax_backward(g, p):
    return g * p * (1 - p)
""",
    ),
    Row(
        "weight stored (in, out)",
        "linear",
        "weight-in-out",
        """
def linear(x, w, b):
    return np.dot(x, w) + b
""",
    ),
    Row(
        "bias gradient summed over everything",
        "linear_backward",
        "grad-bias-over-everything",
        """
def linear_backward(g, x, w):
    return g @ w, g.T @ x, np.sum(g)
""",
    ),
    Row(
        "bias gradient not summed over the batch",
        "linear_backward",
        "grad-bias-not-summed",
        """
def linear_backward(g, x, w):
    return g @ w, g.T @ x, g
""",
    ),
    Row(
        "sigmoid derivative missing",
        "FeedForward",
        "sigmoid-derivative-missing",
        BACKWARD.format(slope="1"),
    ),
    Row(
        "z(1 - z) with the pre-activation as sigmoid derivative",
        "FeedForward",
        "derivative-of-pre-activation",
        BACKWARD.format(slope="self.z * (1 - self.z)"),
    ),
    Row(
        "ReLU mask taken from the upstream gradient",
        "relu_backward",
        "relu-mask-from-gradient",
        """
def relu_backward(g, y):
    g = g.copy()
    g[g < 0] = 0
    return g
""",
    ),
    Row(
        "ReLU gradient 1 at 0",
        "relu_backward",
        "relu-mask-missing",
        """
def relu_backward(g, y):
    return np.where(y >= 0, g, 0)
""",
    ),
    Row(
        "a later layer updated before its weight is used to go back",
        "fit",
        "later-layer-updated-early",
        """
def fit(model, optimizer, images, labels, batches, on_step=None):
    for indices in batches:
        x, y = images[indices], labels[indices]
        model.load_state_dict(model.state_dict())
        w1, b1, w2, b2 = [p.data for p in model.parameters()]
        a = s(x @ w1.T + b1)
        g = probabilities(a @ w2.T + b2)
        g[np.arange(len(y)), y] -= 1
        g /= len(y)
        w2 -= optimizer.lr * g.T @ a
        b2 -= optimizer.lr * g.sum(0)
        delta = g @ w2 * a * (1 - a)
        w1 -= optimizer.lr * delta.T @ x
        b1 -= optimizer.lr * delta.sum(0)
        for p, w in zip(model.parameters(), (w1, b1, w2, b2)):
            p.data[...] = w
""",
    ),
    Row(
        "gradients not zeroed",
        "fit",
        "gradients-not-zeroed",
        FIT.format(zero="", size="len(y)"),
    ),
    Row(
        "L2 factor wrong: 2λ",
        "sgd_step",
        "decay-doubled",
        """
def sgd_step(w, g, lr, weight_decay=0.0):
    return w - lr * (g + 2 * weight_decay * w)
""",
    ),
    Row(
        "L2 absent",
        "sgd_step",
        "decay-missing",
        """
def sgd_step(w, g, lr, weight_decay=0.0):
    return w - lr * g
""",
    ),
    Row(
        "biases not decayed",
        "SGD",
        "bias-not-decayed",
        SGD.format(decay="(self.decay if p.data.ndim > 1 else 0)", velocity=VELOCITY),
    ),
    Row(
        "AdamW instead of Adam with L2",
        "adam_step",
        "decay-decoupled",
        ADAM_STEP.format(
            first="w = w - lr * weight_decay * w", corrected=CORRECTED, denominator=DENOMINATOR
        ),
    ),
    Row(
        "momentum with (1 - μ) g",
        "SGD",
        "momentum-as-mean",
        SGD.format(
            decay="self.decay",
            velocity="g = self.v[i] = (0 if self.v[i] is None else self.mu * self.v[i])"
            " + (1 - self.mu) * g",
        ),
    ),
    Row(
        "dampening applied at step 1",
        "SGD",
        "dampening-at-step-1",
        SGD.format(
            decay="self.decay",
            velocity="g = self.v[i] = (0 if self.v[i] is None else self.mu * self.v[i])"
            " + (1 - self.dampening) * g",
        ),
    ),
    Row(
        "velocity created anew at each call",
        "SGD",
        "velocity-anew",
        SGD.format(decay="self.decay", velocity="v = np.zeros_like(g); v = self.mu * v + g; g = v"),
    ),
    Row(
        "Adam without bias correction",
        "adam_step",
        "bias-correction-missing",
        ADAM_STEP.format(first=L2, corrected="m, v", denominator=DENOMINATOR),
    ),
    Row(
        "Adam's step counted from 0",
        "adam_step",
        "step-from-0",
        ADAM_STEP.format(
            first=L2,
            corrected="m / (1 - betas[0] ** (t - 1)), v / (1 - betas[1] ** (t - 1))",
            denominator=DENOMINATOR,
        ),
    ),
    Row("Adam's step counted per parameter", "Adam", "step-counted-per-parameter", ADAM),
    Row(
        "Adam's epsilon inside the square root",
        "adam_step",
        "epsilon-inside-root",
        ADAM_STEP.format(first=L2, corrected=CORRECTED, denominator="np.sqrt(vh + eps)"),
    ),
    Row(
        "last, smaller batch divided by the full batch size",
        "fit",
        "divided-by-full-batch-size",
        FIT.format(zero=ZERO, size="4"),
    ),
    Row(
        "epoch loss as mean of batch means",
        "evaluate",
        "mean-of-batch-means",
        EVALUATE.format(
            start="[], 0, len(images)",
            body="losses.append(loss.mean()); hits += (z.argmax(1) == y).sum()",
            end="np.mean(losses), hits / n",
        ),
    ),
    Row(
        "float64 in one, float32 in the other (no mistake)",
        "softmax",
        None,
        """
def softmax(x):
    return probabilities(x.astype(np.float32))
""",
    ),
    Row(
        "activation overwritten in place",
        "FeedForward",
        "sigmoid-applied-twice",
        """
class FeedForward(Net):
    def forward(self, x):
        w1, b1, w2, b2 = self.weights()
        self.x, self.z = x, x @ w1.T + b1
        self.a = np.divide(1, 1 + np.exp(-self.z), out=self.z)
        return self.a @ w2.T + b2
    def backward(self, g):
        delta = (g @ self.p["fc2.weight"].data) * s(self.z) * (1 - s(self.z))
        self.keep(delta.T @ self.x, delta.sum(0), g.T @ self.a, g.sum(0))
""",
    ),
    Row(
        "(N, 1) against (N,)",
        "evaluate",
        "accuracy-of-all-pairs",
        EVALUATE.format(
            start="0, 0, len(images)",
            body="losses += loss.sum(); hits += (z.argmax(1, keepdims=True) == y).mean() * len(y)",
            end="losses / n, hits / n",
        ),
    ),
    Row(
        "`return` indented into the evaluation loop",
        "evaluate",
        "return-inside-the-loop",
        EVALUATE.format(
            start="0, 0, 0",
            body="losses += loss.sum(); hits += (z.argmax(1) == y).sum(); n += len(y); "
            "return losses / n, hits / n",
            end="None",
        ),
    ),
    Row(
        "images and labels shuffled separately",
        "fit",
        "not-deterministic",
        """
def fit(model, optimizer, images, labels, batches, on_step=None):
    images = images[np.random.permutation(len(images))]
    labels = labels[np.random.permutation(len(labels))]
    for indices in batches:
        x, y = images[indices], labels[indices]
        optimizer.zero_grad()
        g = probabilities(model.forward(x))
        g[np.arange(len(y)), y] -= 1
        model.backward(g / len(y))
        optimizer.step()
""",
    ),
    Row(
        "convolution instead of correlation",
        "conv2d",
        "kernel-flipped",
        """
def conv2d(x, w, b=None, stride=1, padding=0):
    x = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    kh, kw = w.shape[2:]
    rows = range(0, x.shape[2] - kh + 1, stride)
    columns = range(0, x.shape[3] - kw + 1, stride)
    y = np.zeros((len(x), len(w), len(rows), len(columns)))
    for i, r in enumerate(rows):
        for j, c in enumerate(columns):
            window = x[:, :, r:r + kh, c:c + kw][:, :, ::-1, ::-1]
            y[:, :, i, j] = np.tensordot(window, w, axes=([1, 2, 3], [1, 2, 3]))
    return y if b is None else y + b[:, None, None]
""",
    ),
    Row(
        "NHWC against NCHW",
        "avg_pool2d",
        "channels-last",
        """
def avg_pool2d(x, k):
    n, h, w, c = x.shape
    x = x[:, :h // k * k, :w // k * k].reshape(n, h // k, k, w // k, k, c)
    return x.mean(axis=(2, 4))
""",
    ),
]

# Rows that no such file can hold, and why.
ELSEWHERE = {
    "L2 factor wrong: λ/N": "N is the size of the data, which an optimizer does not know",
    "/255 missing": "the check hands over its own images",
    "another initialisation": "the check loads its own weights",
}
