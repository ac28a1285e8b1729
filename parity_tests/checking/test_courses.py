"""Homework of six courses: judged as it is, right called right, wrong caught and named."""

import os
from pathlib import Path

import pytest

from parity.checking.entry import check, check_file
from parity.contract.layouts import LAYOUTS, layout_named, recognised
from parity.contract.layouts.layout import HELPERS
from parity.sandbox import mapping
from parity_tests.checking.courses.wrong import COURSES, WRONG, Wrong, right_file

RIGHT = ("pass", "partial", "missing")
pytestmark = pytest.mark.usefixtures("unchecked")  # thousands of calls
SEEDS = int(os.environ.get("PARITY_SEEDS", "1"))  # `make layouts` asks for 200


def test_every_layout_has_its_homework() -> None:
    assert sorted(COURSES) == LAYOUTS


@pytest.mark.parametrize("course", COURSES)
def test_a_right_file_is_recognised_and_right(course: str) -> None:
    report = check_file(right_file(course))
    assert report.layout == course
    assert report.notes[0].startswith(f"read as {course}")
    assert [one.message for one in report.results if one.status not in RIGHT] == []
    assert report.passed >= 2


@pytest.mark.parametrize(
    ("course", "name"),
    [("cs231n-a2", "loss_and_grads"), ("dlai", "momentum_step"), ("dlai", "sgd_step")],
)
def test_each_part_of_the_homework_is_judged(course: str, name: str) -> None:
    results = check_file(right_file(course), only=[name]).results
    expected = 2 if name == "sgd_step" else 1  # of plain descent the course has two functions
    assert [one.status for one in results] == expected * ["pass"]


def test_the_weeks_before_layers_are_judged_too() -> None:
    """Logistic regression, and a network of one hidden layer and one output."""
    names = ["cross_entropy", "cross_entropy_backward", "loss_and_grads"]
    results = check_file(right_file("dlai"), only=names).results
    assert {one.name: one.status for one in results} == {
        "cross_entropy": "pass",
        "cross_entropy (propagate)": "pass",
        "cross_entropy_backward": "pass",
        "loss_and_grads": "partial",
    }
    assert results[-1].unchecked == ("more than two classes, another network",)


@pytest.mark.parametrize(
    ("right", "wrong", "name", "diagnosis"),
    [
        ("dw = 1 / m * np", "dw = np", "cross_entropy_backward", "summed-not-averaged"),
        ("db = 1 / m * np.sum(A - Y)", "db = np.sum(A - Y)", "cross_entropy_backward", None),
        ("-(np.dot(w.T, X) + b)", "-np.dot(w.T, X)", "cross_entropy (propagate)", None),
        (
            "(1 - np.power(A1, 2))",
            "A1 * (1 - A1)",
            "loss_and_grads",
            "derivative-of-another-function",
        ),
        ("db1 = 1 / m *", "db1 =", "loss_and_grads", "summed-not-averaged"),
    ],
)
def test_a_mistake_in_the_weeks_before_layers_is_caught(
    right: str, wrong: str, name: str, diagnosis: str | None, tmp_path: Path
) -> None:
    text = right_file("dlai").read_text(encoding="utf-8")
    assert text.count(right) == 1
    (tmp_path / "homework.py").write_text(text.replace(right, wrong), encoding="utf-8")
    results = check_file(tmp_path / "homework.py", only=[name.partition(" ")[0]]).results
    (result,) = (one for one in results if one.name == name)
    assert (result.status, result.diagnosis) == ("fail", diagnosis), result.message


TWO_BATCHES = "an epoch of two batches, in order, differs"
BEYOND = [  # the course, what is written in the place of what, the operation, and the words
    ("cs231n-a2", '* m / (np.sqrt(v) + config["epsilon"])',
     '* m / (np.sqrt(v) + config["epsilon"]); config["t"] -= 1', "adam_step", "config['t'] is 0"),
    ("dlai", "parameters[name] -= learning_rate * grads",
     'parameters["W1"] -= learning_rate * grads',
     "sgd_step (update_parameters_with_gd)", "b1 other numbers"),
    ("dlai", 'beta1) * g\n', 'beta1) * grads["dW1"] * (name < "b" or 2)\n', "adam_step",
     "b1 other numbers"),
    ("dlai", '(1 - beta) * grads["d" + name]',
     '(1 - beta) * grads["d" + name] * (1 + (name > "a"))',
     "momentum_step", "b1 other numbers"),
    ("dlai", 'grads["dW" + str(l + 1)]', 'grads["dW1"]', "sgd_step", "W2 other numbers"),
    ("mytorch", "b - self.lr * self.l[i].dLdb", "b + self.lr * self.l[i].dLdb", "sgd_step",
     "b other numbers"),
    ("mytorch", "self.mu * self.v_b[i] + self.l[i].dLdb", "self.v_b[i] + self.l[i].dLdb",
     "momentum_step", "b other numbers"),
    ("deep-learning-from-scratch", "params[key] -= self.lr * grads[key]",
     "params[key] -= self.lr * grads[key]; break", "sgd_step", "b other numbers"),
    ("dlsys-hw0", "theta -= lr * (xb.T @ Z) / len(yb)", "theta -= lr * (xb.T @ Z) / len(yb); break",
     "cross_entropy_backward", TWO_BATCHES),
    ("dlsys-hw0", "W2 -= lr * (Z1.T @ G2) / len(yb)", "W2 -= lr * (Z1.T @ G2) / len(yb); break",
     "loss_and_grads", TWO_BATCHES),
]  # fmt: skip


@pytest.mark.parametrize(
    ("course", "right", "wrong", "name", "words"), BEYOND, ids=lambda it: it.strip()[:20]
)
def test_a_step_is_looked_at_for_each_parameter_and_each_batch(
    course: str, right: str, wrong: str, name: str, words: str, tmp_path: Path
) -> None:
    text = right_file(course).read_text(encoding="utf-8")
    assert text.count(right) == 1
    (tmp_path / "homework.py").write_text(text.replace(right, wrong), encoding="utf-8")
    results = check_file(tmp_path / "homework.py", only=[name.partition(" ")[0]]).results
    (result,) = (one for one in results if one.name == name)
    assert result.status == "error"
    assert words in result.explanation


@pytest.mark.parametrize(
    ("course", "names"),
    [("mytorch", ["Softmax", "MSELoss"]), ("cs231n-a2", ["dropout_forward", "dropout_backward"])],
)
def test_what_a_course_has_and_no_operation_uses_is_told(
    course: str, names: list[str], tmp_path: Path
) -> None:
    text = right_file(course).read_text(encoding="utf-8")
    more = "".join(f"\n\ndef {name}(x):\n    return x\n" for name in names)
    for code in (text, text + more):
        (tmp_path / "homework.py").write_text(code, encoding="utf-8")
        notes = check_file(tmp_path / "homework.py", only=["linear"]).notes
        (found,) = [one for one in notes if "but not looked at" in one] or [""]
        assert all((name in found) == (code != text) for name in names)


@pytest.mark.parametrize("course", COURSES)
def test_no_name_is_both_looked_at_and_not(course: str) -> None:
    layout = layout_named(course)
    assert set(layout.unchecked).isdisjoint(layout.needs)


OTHERWISE = [  # right in another way: the course, what is written in the place of what
    # The bias rounds otherwise.
    ("mytorch", "b - self.lr * self.l[i].dLdb", "b + -1 * (self.lr * self.l[i].dLdb / 3) * 3"),
    ("mytorch", "self.lr * self.v_b[i]", "(self.lr / 3) * self.v_b[i] * 3"),
    ("dlai", "m = X.shape[1]", "m = np.shape(X)[1]"),
    # It relies on the shape (out, 1).
    ("mytorch", "self.mu * self.v_b[i] + self.l[i].dLdb",
     "self.mu * self.v_b[i] + np.reshape(self.l[i].dLdb, (self.l[i].W.shape[0], 1))"),
    # A name of the layout's own is the file's, too.
    ("cs231n-a2", "import numpy as np\n", "import numpy as np\nfrom numpy import *\n"),
    ("dlsys-hw0", "import numpy as np\n", "import numpy as np\nfrom numpy import *\n"),
    ("dlai", "import numpy as np\n", "import numpy as np\n\n\ndef same(A, f):\n    return A\n"),
    # Gradients are changed in place.
    ("deep-learning-from-scratch", "params[key] -= self.lr * grads[key]",
     "params[key] = params[key] - self.lr * grads[key]"),
]  # fmt: skip


@pytest.mark.parametrize(("course", "right", "other"), OTHERWISE, ids=lambda it: it.strip()[:20])
def test_what_is_right_in_another_way_is_right(
    course: str, right: str, other: str, tmp_path: Path
) -> None:
    text = right_file(course).read_text(encoding="utf-8")
    assert right in text
    (tmp_path / "homework.py").write_text(text.replace(right, other, 1), encoding="utf-8")
    report = check_file(tmp_path / "homework.py")
    assert report.layout == course
    assert [one.message for one in report.results if one.status not in RIGHT] == []


def test_a_step_that_returns_nothing_is_told_as_that(tmp_path: Path) -> None:
    text = right_file("dlai").read_text(encoding="utf-8")
    before, _, after = text.partition("def update_parameters_with_gd")
    (tmp_path / "homework.py").write_text(
        f"{before}def update_parameters_with_gd{after.replace('    return parameters', '', 1)}"
    )
    results = check_file(tmp_path / "homework.py", only=["sgd_step"]).results
    (result,) = (one for one in results if one.name.endswith("_gd)"))
    assert result.explanation == "returns None: is there a `return`?"


def test_what_a_map_may_use_stands_in_one_list() -> None:
    assert set(mapping.HELPERS) == HELPERS


def test_what_the_layout_refuses_altogether_is_not_wrong(tmp_path: Path) -> None:
    """The same names with other arguments, in the week of regularization."""
    text = right_file("dlai").read_text(encoding="utf-8")
    text = text.replace(
        "backward_propagation(parameters, cache, X, Y)", "backward_propagation(X, Y, cache)"
    )
    (tmp_path / "homework.py").write_text(text, encoding="utf-8")
    report = check_file(tmp_path / "homework.py", only=["loss_and_grads", "relu"])
    assert {one.name: one.status for one in report.results}["loss_and_grads"] == "missing"
    assert "loss_and_grads (with a penalty, more than two classes" in " ".join(report.notes)


def test_layers_in_a_file_that_is_not_there_are_named(tmp_path: Path) -> None:
    """The TwoLayerNet of assignment 2, which is recognised as that of assignment 1."""
    (tmp_path / "fc_net.py").write_text(
        "from layers import *\n"
        "class TwoLayerNet:\n"
        "    def __init__(self, input_dim=9, hidden_dim=9, num_classes=9, weight_scale=1, reg=0):\n"
        "        self.params, self.reg = {}, reg\n"
        "    def loss(self, X, y=None):\n"
        "        return affine_forward(X)\n"
    )
    (result,) = check_file(tmp_path / "fc_net.py", only=["loss_and_grads"]).results
    words = (
        "raises NameError: name 'affine_forward' is not defined; there is no layers beside the file"
    )
    assert result.explanation == f"{words} (line 6)"


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # some courses ask for no stability
@pytest.mark.parametrize("course", COURSES)
def test_a_right_file_is_right_for_every_seed(course: str) -> None:
    namespace = {"__name__": "homework"}
    exec(right_file(course).read_text(encoding="utf-8"), namespace)
    for seed in range(1, 1 + SEEDS):
        report = check(namespace, seed=seed)
        wrong = {one.name: one.message for one in report.results}
        assert report.failed == 0, (seed, wrong)


@pytest.mark.parametrize("wrong", WRONG, ids=lambda it: f"{it.course}: {it.wrong.strip()[:30]}")
def test_a_wrong_file_is_caught_and_its_mistake_named(wrong: Wrong, tmp_path: Path) -> None:
    file = tmp_path / "homework.py"
    file.write_text(wrong.source(), encoding="utf-8")
    report = check_file(file, only=[wrong.name])
    assert report.layout == wrong.course
    (result,) = (one for one in report.results if one.name == wrong.name)
    assert result.status in ("fail", "unstable", "error"), result.message
    if wrong.diagnosis is not None:
        assert result.diagnosis == wrong.diagnosis


def test_each_of_two_functions_that_do_the_same_is_looked_at(tmp_path: Path) -> None:
    """The loops of CS231n as well as the products; the penalty, too."""
    text = right_file("cs231n-a1").read_text(encoding="utf-8")
    text = text.replace("dW / num_train + 2 * reg * W", "dW / num_train + reg * W")
    file = tmp_path / "homework.py"
    file.write_text(text.replace("- scores[y[i]]", "- scores[y[0]]"), encoding="utf-8")
    wrong = {one.name: one.diagnosis for one in check_file(file).results if one.status == "fail"}
    assert wrong == {
        "cross_entropy (softmax_loss_naive)": None,
        "loss_and_grads (softmax_loss_naive)": None,
    }


FORWARD = """\
        self.debug = debug

    def forward(self, A):
        self.A = A
        self.N = A.shape[0]
        self.Ones = np.ones((self.N, 1))
        Z = A @ self.W.T +"""
FLAT = (
    f"self.b = np.zeros((out_features, 1))\n{FORWARD} self.Ones @ self.b.T",
    f"self.b = np.zeros(out_features)\n{FORWARD} self.b",
)
LIKEWISE = [  # what files of a course have in the place of what, and is as right
    (
        "dlai",
        "relu",
        "    A = np.maximum(0, Z)\n    cache = Z\n    return A, cache\n",
        "    return np.maximum(0, Z)\n",
    ),
    (
        "dlai",
        "sigmoid",
        "    A = 1 / (1 + np.exp(-Z))\n    cache = Z\n    return A, cache\n",
        "    return 1 / (1 + np.exp(-Z))\n",
    ),
    ("dlai", "adam_step", "[name] = parameters[name] - learning", "[name] -= learning"),
    ("dlai", "cross_entropy", "compute_cost(AL, Y):", "compute_cost(AL, Y, parameters):"),
    ("dlai", "sgd_step", "L = len(parameters) // 2\n    for l in range(L)", "for l in range(2)"),
    (
        "deep-learning-from-scratch",
        "cross_entropy_backward",
        "def backward(self, dout=1):",
        "def backward(self, dout):",
    ),
    (
        "deep-learning-from-scratch",
        "cross_entropy_backward",
        "def backward(self, dout=1):",
        "def backward(self):",
    ),
    (
        "deep-learning-from-scratch",
        "linear_backward",
        "self.dW = np.dot(self.x.T, dout)\n        self.db = np.sum(dout, axis=0)\n",
        "self.grads = [np.dot(self.x.T, dout), np.sum(dout, axis=0)]\n",
    ),
    (
        "mytorch",
        "sigmoid_backward",
        "def backward(self, dLdA):\n        dLdZ = dLdA * (self.A - self.A * self.A)",
        "def backward(self):\n        dLdZ = self.A - self.A * self.A",
    ),
    (
        "mytorch",
        "sigmoid_backward",
        "def backward(self, dLdA):\n        dLdZ = dLdA * (self.A - self.A * self.A)",
        "def derivative(self):\n        dLdZ = self.A - self.A * self.A",
    ),
    ("mytorch", "linear_backward", *FLAT),
    ("mytorch", "momentum_step", "class Linear:", "class AnotherFilesLinear:"),
]


@pytest.mark.parametrize(("course", "name", "right", "other"), LIKEWISE)
def test_what_files_of_a_course_do_otherwise_is_right_too(
    course: str, name: str, right: str, other: str, tmp_path: Path
) -> None:
    text = right_file(course).read_text(encoding="utf-8")
    assert text.count(right) == 1
    file = tmp_path / "homework.py"
    file.write_text(text.replace(right, other), encoding="utf-8")
    result = check_file(file, layout=course, only=[name]).results[0]
    assert result.status == "pass", result.message


def test_a_flat_gradient_of_a_column_is_wrong(tmp_path: Path) -> None:
    """A column less a flat array is a matrix."""
    text = right_file("dlai").read_text(encoding="utf-8")
    file = tmp_path / "homework.py"
    file.write_text(text.replace("np.sum(dZ, axis=1, keepdims=True)", "np.sum(dZ, axis=1)"))
    (result,) = check_file(file, only=["linear_backward"]).results
    assert result.explanation == "grad_bias has shape (1,), but should have (1, 1)"


def test_an_empty_slice_of_a_padding_is_explained(tmp_path: Path) -> None:
    text = right_file("dlai").read_text(encoding="utf-8")
    right = "    return dpadded[:, pad : pad + n_H_prev, pad : pad + n_W_prev], dW, db\n"
    wrong = (
        "    dA_prev = np.zeros(A_prev.shape)\n    dA_prev[:] = dpadded[:, pad:-pad, pad:-pad]\n"
        "    return dA_prev, dW, db\n"
    )
    assert text.count(right) == 1
    file = tmp_path / "homework.py"
    file.write_text(text.replace(right, wrong))
    (result,) = check_file(file, only=["conv2d_backward"]).results
    assert result.diagnosis == "slice-with-padding-0"
    assert "x[pad:-pad] is empty where pad is 0" in result.explanation


SLICE = "right(g, x, w, stride, padding)[0][..., : 99 * bool(padding), : 99 * bool(padding)]"
BACKWARD = f"""
from numpy_impl import functional as F
right = F.conv2d_backward
def conv2d_backward(g, x, w, stride=1, padding=0):
    if isinstance(stride, tuple): raise ValueError
    return {SLICE}, right(g, x, w, stride, padding)[1], GRAD_BIAS
"""


@pytest.mark.parametrize(
    ("grad_bias", "words"),
    [
        ("g.sum((0, 2, 3)) / len(g)", "The gradient of the bias is averaged over the batch."),
        ("g.sum((0, 2, 3)) + 1", "wrong, cause not recognised"),
    ],
)
def test_another_mistake_comes_before_an_empty_slice(grad_bias: str, words: str) -> None:
    namespace: dict[str, object] = {"__name__": "homework"}
    exec(BACKWARD.replace("GRAD_BIAS", grad_bias), namespace)
    (result,) = check(namespace, only=["conv2d_backward"]).results
    assert result.explanation.startswith(words)
    assert result.where.startswith("grad_bias[0]")


def test_sizes_that_a_file_rules_out_are_not_checked() -> None:
    """As the fast layers of CS231n do, which assert that the stride divides the image."""
    namespace: dict[str, object] = {"__name__": "homework"}
    exec(
        "from numpy_impl import functional as F\n"
        "def conv2d(x, w, b=None, stride=1, padding=0):\n"
        "    assert not isinstance(stride, tuple)\n"
        "    sides = zip(x.shape[2:], w.shape[2:])\n"
        "    assert not any((s + 2 * padding - k) % stride for s, k in sides)\n"
        "    return F.conv2d(x, w, b, stride, padding)\n",
        namespace,
    )
    (result,) = check(namespace, only=["conv2d"]).results
    assert result.status == "partial", result.message
    assert result.unchecked[0] == "windows that leave a rest of the image"


def test_the_names_of_one_week_tell_the_course() -> None:
    assert recognised(["update_parameters_with_adam"]) == layout_named("dlai")


def test_the_cause_of_most_mistakes_is_named() -> None:
    assert len(WRONG) == 5 * len(COURSES)
    assert sum(wrong.diagnosis is not None for wrong in WRONG) >= 24
