"""What the probes look at: a function that is wrong in one corner alone is caught there."""

from typing import Any

import pytest

from numpy_impl import functional
from parity.checking.checker import Result
from parity_tests.checking.homework.table import check_code

pytestmark = [
    pytest.mark.filterwarnings("ignore::RuntimeWarning"),  # wrong code overflows
    pytest.mark.usefixtures("unchecked"),
]


def verdict(name: str, code: str, **options: Any) -> Result:
    """The verdict on `name`, for which `right` is ours and `F` our module."""
    head = "from numpy_impl import functional as F, models, optim, training\n"
    (result,) = check_code(head + code, only=[name], **options).results
    return result


# Each is right but in one corner: the name, its arguments and body, and what the corner is called.
CORNERS = {
    "one row": ("linear", "x, w, b=0", "return x @ w.T + b if len(x) > 1 else 0 * (x @ w.T)"),
    "beyond 64 rows": ("relu", "x", "y = F.relu(x); y[64:] = 0; return y"),
    "beyond 128 rows": ("relu_backward", "g, y", "d = g * (y > 0); d[128:] = 0; return d"),
    "more than ten classes": (
        "cross_entropy_backward",
        "g, x, y, reduction='mean'",
        "d = F.cross_entropy_backward(g, x, y, reduction); d[:, 10:] = 0; return d",
    ),
    "one dimension": ("tanh", "x", "return np.tanh(x) if x.ndim > 1 else x"),
    "three dimensions": ("sigmoid", "x", "return F.sigmoid(x) if x.ndim != 3 else x"),
    "four dimensions": ("relu", "x", "return F.relu(x) if x.ndim != 4 else x"),
    "an axis of three": (
        "softmax",
        "x, dim=-1",
        "return F.softmax(np.ascontiguousarray(x), dim if x.ndim < 3 else 1)",
    ),
    "gaps in memory": (
        "relu",
        "x",
        "return F.relu(x if x.flags.c_contiguous or x.flags.f_contiguous else -x)",
    ),
    "stride 3": (
        "conv2d",
        "x, w, b=None, stride=1, padding=0",
        "return F.conv2d(x, w, b, 2 if stride == 3 else stride, padding)",
    ),
    "padding 2": (
        "conv2d",
        "x, w, b=None, stride=1, padding=0",
        "return F.conv2d(x, w, b, stride, 1 if padding == 2 else padding)",
    ),
    "padding 3": (
        "conv2d_backward",
        "g, x, w, stride=1, padding=0",
        "d = F.conv2d_backward(g, x, w, stride, padding); "
        "return (d[0], d[1] * (padding != 3), d[2])",
    ),
    "a kernel of one": (
        "conv2d",
        "x, w, b=None, stride=1, padding=0",
        "y = F.conv2d(x, w, b, stride, padding); return y * (w.shape[2] > 1)",
    ),
    "a kernel of five": (
        "conv2d",
        "x, w, b=None, stride=1, padding=0",
        "y = F.conv2d(x, w, b, stride, padding); return y * (w.shape[2] < 5)",
    ),
    "a stride above the kernel": (
        "avg_pool2d",
        "x, k, stride=None",
        "return F.avg_pool2d(x, k, k if stride == 3 else stride)",
    ),
    "the gradient of the loss": (
        "cross_entropy_backward",
        "g, x, y, reduction='mean'",
        "return F.cross_entropy_backward(1.0, x, y, reduction)",
    ),
    "epsilon as given": (
        "adam_step",
        "p, g, m, v, t, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0",
        "return F.adam_step(p, g, m, v, t, lr, betas, 1e-8, weight_decay)",
    ),
    "betas as given": (
        "adam_step",
        "p, g, m, v, t, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0",
        "return F.adam_step(p, g, m, v, t, lr, (0.9, 0.999), eps, weight_decay)",
    ),
    "beyond ten steps": (
        "adam_step",
        "p, g, m, v, t, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0",
        "return F.adam_step(p, g, m, v, min(t, 10), lr, betas, eps, weight_decay)",
    ),
}


@pytest.mark.parametrize("corner", CORNERS)
def test_a_function_that_is_wrong_in_one_corner_is_caught(corner: str) -> None:
    name, arguments, body = CORNERS[corner]
    assert verdict(name, f"def {name}({arguments}):\n    {body}\n").status == "fail"


@pytest.mark.parametrize("name", functional.__all__)
def test_a_percent_is_too_much(name: str) -> None:
    code = (
        "import functools\n"
        f"@functools.wraps(F.{name})\n"
        f"def {name}(*args, **options):\n"
        f"    value = F.{name}(*args, **options)\n"
        "    return tuple(1.01 * v for v in value) if type(value) is tuple else 1.01 * value\n"
    )
    result = verdict(name, code)
    assert (result.status, result.diagnosis) == ("fail", None), result.message
    assert "1.01 times what it should be" in result.explanation


STEPS = {
    "a third parameter": (
        "kept = self.parameters[2].data.copy(); super().step(); self.parameters[2].data[...] = kept"
    ),
    "beyond ten steps": "self.n = getattr(self, 'n', 0) + 1; super().step() if self.n < 11 else 0",
    "two of one shape": (
        "shapes = [p.data.shape for p in self.parameters]; "
        "self.velocities = [self.velocities[shapes.index(s)] for s in shapes]; super().step()"
    ),
    "state shared between two": "self.velocities = shared; super().step()",
}


@pytest.mark.parametrize("corner", STEPS)
def test_an_optimizer_that_is_wrong_in_one_corner_is_caught(corner: str) -> None:
    head = "shared = [None] * 3\nclass SGD(optim.SGD):\n"
    code = f"{head}    def step(self):\n        {STEPS[corner]}\n"
    assert verdict("SGD", code).status == "fail"


METHODS = {
    "SGD": ("optim.SGD", "zero_grad", "pass", "zero_grad leaves the gradient of parameter 0"),
    "FeedForward": ("models.FeedForward", "zero_grad", "pass", "zero_grad leaves the gradient of"),
    "SoftmaxRegression": (
        "models.SoftmaxRegression",
        "backward",
        "self.zero_grad(); super().backward(*args)",
        "backward overwrites the gradient of fc.weight",
    ),
}


@pytest.mark.parametrize("name", METHODS)
def test_gradients_are_added_up_until_they_are_zeroed(name: str) -> None:
    base, method, body, words = METHODS[name]
    code = (
        f"class {name}({base}):\n"
        "    def __init__(self, *args, **options):\n"
        f"        super().__init__(*args, **options{', dtype=np.float64' * (name != 'SGD')})\n"
        f"    def {method}(self, *args):\n        {body}\n"
    )
    result = verdict(name, code)
    assert result.status in ("fail", "error"), result
    assert words in result.message


def test_models_that_share_their_weights_are_caught() -> None:
    code = (
        "one = models.SoftmaxRegression(3, 2, dtype=np.float64)\n"
        "made = {}\n"
        "def SoftmaxRegression(*sizes):\n"
        "    new = models.SoftmaxRegression(*sizes, dtype=np.float64)\n"
        "    return made.setdefault(sizes, new)\n"
    )
    assert verdict("SoftmaxRegression", code).status == "fail"


FIT = "def fit(model, optimizer, images, labels, batches, on_step=None):\n    {}\n"


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ("training.fit(model, optimizer, images, labels, batches, on_step)", "pass", ""),
        ("training.fit(model, optimizer, images, labels, batches)", "partial", "on_step"),
        (
            "training.fit(model, optimizer, images, labels, list(batches)[:6], on_step)",
            "error",
            "on_step",
        ),
    ],
)
def test_fit_goes_to_the_last_batch_and_reports_its_steps(
    body: str, status: str, words: str
) -> None:
    result = verdict("fit", FIT.format(body))
    assert words in result.message
    assert (result.status == status) or (status == "error" and result.status == "fail")


def test_evaluate_looks_at_every_image_beyond_the_first_thousand() -> None:
    code = (
        "def evaluate(model, images, labels, batch_size=1000):\n"
        "    return training.evaluate(model, images[:1000], labels[:1000])\n"
    )
    assert verdict("evaluate", code).status == "fail"


# --- right on ordinary numbers -------------------------------------------------------------------

UNSTABLE = {
    "softmax": "def softmax(x):\n    return np.exp(x) / np.exp(x).sum(1, keepdims=True)\n",
    "log_softmax": "def log_softmax(x):\n    return np.log(probabilities(x))\n",
    "sigmoid": "def sigmoid(x):\n    return np.exp(x) / (1 + np.exp(x))\n",
    "tanh": "def tanh(x):\n    return np.nan_to_num(np.tanh(x))\n",
    "cross_entropy": (
        "def cross_entropy(x, y):\n"
        "    return -np.log(probabilities(x)[np.arange(len(y)), y]).mean()\n"
    ),
}


@pytest.mark.parametrize("name", UNSTABLE)
def test_what_is_wrong_on_extreme_numbers_alone_is_unstable(name: str) -> None:
    assert verdict(name, UNSTABLE[name]).status == "unstable"


def test_the_course_says_what_unstable_counts_as() -> None:
    strict, mild = (check_code(UNSTABLE["softmax"], stability=how) for how in ("fail", "warn"))
    assert (strict.passed, strict.failed, strict.ok) == (0, 1, False)
    assert (mild.passed, mild.failed, mild.ok) == (1, 0, True)


# --- right as far as it went ---------------------------------------------------------------------


def test_a_convolution_of_square_kernels_alone_is_right_as_far_as_it_goes() -> None:
    code = (
        "def conv2d(x, w, b=None, stride=1, padding=0):\n"
        "    if w.shape[2] != w.shape[3]:\n"
        "        raise ValueError('kernels are square')\n"
        "    return F.conv2d(x, w, b, stride, padding)\n"
    )
    result = verdict("conv2d", code)
    assert result.status == "partial"
    assert result.unchecked == ("a kernel that is not square",)


@pytest.mark.parametrize("option", ["temperature=1.0", "clip=0.0", "eps=0.0"])
def test_an_unknown_option_is_not_taken_for_one_of_the_contract(option: str) -> None:
    name = option.split("=")[0]
    effect = {"temperature": "x / temperature", "clip": "x + clip", "eps": "x * (1 + eps)"}[name]
    result = verdict("softmax", f"def softmax(x, {option}):\n    return probabilities({effect})\n")
    assert result.status == "partial", result.message


def test_an_optimizer_with_momentum_alone_is_right_as_far_as_it_goes() -> None:
    code = (
        "class SGD(optim.SGD):\n"
        "    def __init__(self, parameters, lr, momentum=0.0):\n"
        "        super().__init__(parameters, lr, momentum)\n"
    )
    result = verdict("SGD", code)
    assert result.status == "partial", result.message
    assert "weight decay" in result.unchecked


def test_adam_in_scalars_of_single_precision_is_right() -> None:
    code = (
        "f = np.float32\n"
        "def adam_step(p, g, m, v, t, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0):\n"
        "    b1, b2 = f(betas[0]), f(betas[1])\n"
        "    g = g + f(weight_decay) * p\n"
        "    m, v = b1 * m + (f(1) - b1) * g, b2 * v + (f(1) - b2) * g * g\n"
        "    step = f(lr) * m / (f(1) - b1**t) / (np.sqrt(v / (f(1) - b2**t)) + f(eps))\n"
        "    return p - step, m, v\n"
    )
    result = verdict("adam_step", code)
    assert result.status == "pass", result.message
