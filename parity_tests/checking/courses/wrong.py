"""Five mistakes in the homework of each course: what is written in the place of what.

Each is one that students make. `diagnosis` is the mistake's name in the catalogue, None where the
catalogue has none; then only the verdict counts.
"""

from dataclasses import dataclass
from pathlib import Path

__all__ = ["COURSES", "WRONG", "Wrong", "right_file"]

HERE = Path(__file__).parent

COURSES = {  # the folder of each layout
    "cs231n-a1": "cs231n_a1",
    "cs231n-a2": "cs231n_a2",
    "deep-learning-from-scratch": "scratch",
    "dlai": "dlai",
    "dlsys-hw0": "dlsys_hw0",
    "mytorch": "mytorch",
}


@dataclass(frozen=True)
class Wrong:
    """One mistake in the right file of a course."""

    course: str
    right: str
    wrong: str
    name: str  # the operation that is wrong
    diagnosis: str | None

    def source(self) -> str:
        """The file with the mistake."""
        text = right_file(self.course).read_text(encoding="utf-8")
        assert text.count(self.right) == 1, self.right
        return text.replace(self.right, self.wrong)


def right_file(course: str) -> Path:
    """The right file of a course."""
    return HERE / COURSES[course] / "right.py"


A1, A2, SCRATCH, DLAI, DLSYS, MYTORCH = (
    "cs231n-a1",
    "cs231n-a2",
    "deep-learning-from-scratch",
    "dlai",
    "dlsys-hw0",
    "mytorch",
)

WRONG = [
    Wrong(
        A1,
        "X.T.dot(dscores) / num_train",
        "X.T.dot(dscores)",
        "cross_entropy_backward",
        "summed-not-averaged",
    ),
    Wrong(
        A1,
        "scores -= np.max(scores, axis=1, keepdims=True)\n",
        "pass\n",
        "cross_entropy",
        "no-max-subtraction",
    ),
    Wrong(
        A1,
        "dscores[np.arange(num_train), y] -= 1",
        "dscores[np.arange(num_train), y] += 1",
        "cross_entropy_backward",
        None,
    ),
    Wrong(
        A1, "loss = np.mean(log_sum -", "loss = -np.mean(log_sum -", "cross_entropy", "sign-flipped"
    ),
    Wrong(
        A1,
        "loss = np.mean(log_sum - scores[np.arange(num_train), y])",
        "loss = np.sum(log_sum - scores[np.arange(num_train), y])",
        "cross_entropy",
        "summed-not-averaged",
    ),
    Wrong(
        A2,
        "db = np.sum(dout, axis=0)\n",
        "db = np.sum(dout, axis=1)\n",
        "linear_backward",
        "grad-bias-other-axis",
    ),
    Wrong(A2, "dx[x < 0] = 0", "dx[dx < 0] = 0", "relu_backward", "relu-mask-from-gradient"),
    Wrong(A2, "    dx /= N\n", "", "cross_entropy_backward", "summed-not-averaged"),
    Wrong(
        A2,
        "dw[f] += xp",
        "dw[f] = xp",
        "conv2d_backward",
        "last-example-only+last-position-only",
    ),
    Wrong(
        A2,
        'm = config["m"] / (1 - config["beta1"] ** config["t"])',
        'm = config["m"]',
        "adam_step",
        "first-moment-not-corrected",
    ),
    Wrong(
        SCRATCH,
        "dout * (1.0 - self.out) * self.out",
        "dout * (1.0 - self.out)",
        "sigmoid_backward",
        "sigmoid-derivative-half",
    ),
    Wrong(
        SCRATCH,
        "        dx = dx / batch_size\n",
        "",
        "cross_entropy_backward",
        "summed-not-averaged",
    ),
    Wrong(
        SCRATCH,
        "self.db = np.sum(dout, axis=0)\n        dx = dx",
        "self.db = np.sum(dout)\n        dx = dx",
        "linear_backward",
        "grad-bias-over-everything",
    ),
    Wrong(SCRATCH, "params[key] -= self.lr", "params[key] += self.lr", "sgd_step", "step-uphill"),
    Wrong(
        SCRATCH,
        "        out[self.mask] = 0\n",
        "        out = np.abs(out)\n",
        "relu",
        "relu-absolute",
    ),
    Wrong(
        DLAI,
        "dW = 1 / m * np.dot(dZ, A_prev.T)",
        "dW = np.dot(dZ, A_prev.T)",
        "linear_backward",
        None,
    ),
    Wrong(
        DLAI,
        "1 / m * np.sum(dZ, axis=1, keepdims=True)",
        "1 / m * np.sum(dZ)",
        "linear_backward",
        "grad-bias-over-everything",
    ),
    Wrong(DLAI, "dZ = dA * s * (1 - s)", "dZ = dA * Z * (1 - Z)", "sigmoid_backward", None),
    Wrong(DLAI, "    dZ[Z <= 0] = 0\n", "", "relu_backward", "relu-mask-missing"),
    Wrong(
        DLAI,
        "db[:, :, :, c] += dZ[i, h, w, c]",
        "db[:, :, :, c] = dZ[i, h, w, c]",
        "conv2d_backward",
        None,
    ),
    Wrong(
        DLSYS,
        "return np.mean(np.log(np.sum(np.exp(Z), axis=1))",
        "return np.sum(np.log(np.sum(np.exp(Z), axis=1))",
        "cross_entropy",
        "summed-not-averaged",
    ),
    Wrong(
        DLSYS,
        "theta -= lr * (xb.T @ Z) / len(yb)",
        "theta -= lr * (xb.T @ Z)",
        "cross_entropy_backward",
        "summed-not-averaged",
    ),
    Wrong(DLSYS, "theta -= lr", "theta += lr", "cross_entropy_backward", "sign-flipped"),
    Wrong(
        DLSYS,
        "Z = Z / np.sum(Z, axis=1, keepdims=True)",
        "Z = Z / np.sum(Z)",
        "cross_entropy_backward",
        "softmax-over-everything",
    ),
    Wrong(
        DLSYS,
        "np.log(np.sum(np.exp(Z), axis=1))",
        "np.log(np.sum(np.exp(Z)))",
        "cross_entropy",
        None,
    ),
    Wrong(
        MYTORCH,
        "dLdZ.T @ self.Ones",
        "np.sum(dLdZ) * np.ones_like(self.b)",
        "linear_backward",
        "grad-bias-the-same-everywhere",
    ),
    Wrong(
        MYTORCH,
        "dLdA * (self.A - self.A * self.A)",
        "dLdA * self.A",
        "sigmoid_backward",
        "sigmoid-derivative-half",
    ),
    Wrong(
        MYTORCH,
        "(self.softmax - self.Y) / self.N",
        "self.softmax - self.Y",
        "cross_entropy_backward",
        "summed-not-averaged",
    ),
    Wrong(
        MYTORCH,
        "(self.softmax - self.Y) / self.N",
        "(self.Y - self.softmax) / self.N",
        "cross_entropy_backward",
        "sign-flipped",
    ),
    Wrong(
        MYTORCH, "A @ self.W.T + self.Ones @ self.b.T", "A @ self.W.T", "linear", "bias-forgotten"
    ),
]
