"""`parity compare RECIPE --numpy FILE`: a file's own network, trained in the sandbox."""

import json
from collections.abc import Callable
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from parity import reproduce
from parity.checking.entry import chooser
from parity.cli import main
from parity.comparison.compare import compare
from parity.comparison.homework import HomeworkBackend
from parity.comparison.report import verdict
from parity.comparison.result import CompareResult
from parity.errors import BadCaseError, InputError
from parity.experiment.prepare import Experiment, prepare
from parity.experiment.settings import Settings

COURSES = Path(__file__).parents[1] / "checking" / "courses"

FUNCTIONS = """
import numpy as np

def linear(x, w, b):
    return x @ w.T + b

def linear_backward(g, x, w):
    return g @ w, g.T @ x, g.sum(0)

def sigmoid(x):
    return 1 / (1 + np.exp(-x))

def sigmoid_backward(g, y):
    return g * y * (1 - y)
"""

CLASSES = (
    FUNCTIONS
    + """
class Parameter:
    def __init__(self, data):
        self.data, self.grad = data, 0.0

class FeedForward:
    def __init__(self, in_features, hidden_features, num_classes):
        sizes = in_features, hidden_features, num_classes
        self.named = {}
        for k in (1, 2):
            weight = np.random.randn(sizes[k], sizes[k - 1])
            self.named[f"fc{k}.weight"] = Parameter(weight)
            self.named[f"fc{k}.bias"] = Parameter(np.zeros(sizes[k]))

    def parameters(self):
        return list(self.named.values())

    def forward(self, x):
        self.x, (w1, b1, w2, b2) = x, (p.data for p in self.parameters())
        self.h = sigmoid(linear(x, w1, b1))
        return linear(self.h, w2, b2)

    def backward(self, g):
        w1, b1, w2, b2 = self.parameters()
        g, dw2, db2 = linear_backward(g, self.h, w2.data)
        _, dw1, db1 = linear_backward(sigmoid_backward(g, self.h), self.x, w1.data)
        for p, grad in zip((w1, b1, w2, b2), (dw1, db1, dw2, db2)):
            p.grad = p.grad + grad

    def zero_grad(self):
        for p in self.parameters():
            p.grad = np.zeros_like(p.data)

    def state_dict(self):
        return {name: p.data for name, p in self.named.items()}

    def load_state_dict(self, state):
        for name, p in self.named.items():
            p.data = state[name]

class SGD:
    def __init__(self, parameters, lr):
        self.parameters, self.lr = parameters, lr

    def step(self):
        for p in self.parameters:
            p.data = p.data - self.lr * p.grad
"""
)


@cache
def experiment() -> Experiment:
    """Three steps, the last one smaller."""
    return prepare("feedforward", Settings(train_size=40, epochs=1, dtype="float64"))


@pytest.fixture
def compared(tmp_path: Path) -> Callable[..., CompareResult]:
    """What compares a file with some code."""

    def run(code: str, map: Path | None = None) -> CompareResult:
        path = tmp_path / "mine.py"
        path.write_text(code, encoding="utf-8")
        case = experiment()
        homework = HomeworkBackend(
            path, case.recipe, "float64", case.initial, chooser(None, map), "none"
        )
        with closing(homework):
            result = compare(case, homework=homework)
        result.described = homework.described()  # type: ignore[attr-defined]
        return result

    return run


Compared = Callable[..., Any]


@pytest.mark.parametrize("code", [CLASSES, FUNCTIONS], ids=["classes", "functions"])
def test_a_right_file_holds_parity(code: str, compared: Compared) -> None:
    result = compared(code)
    assert result.parity
    assert len(result.steps) == 3
    assert result.epochs[-1].accuracy["numpy"] == result.epochs[-1].accuracy["torch"]
    assert "PyTorch's stand in for cross_entropy, cross_entropy_backward" in result.described[1]


@pytest.mark.parametrize(
    ("right", "wrong", "found", "said"),
    [
        ("return x @ w.T + b", "return x @ w.T - b", (1, "forward", "logits"), "In the forward"),
        ("g * y * (1 - y)", "g * y", (1, "backward", "fc1.bias"), "between these two"),
        ("self.lr * p.grad", "0.1 * p.grad", (1, "step", "fc1.weight"), "look at the optimizer"),
        ("p.grad = np.zeros_like(p.data)", "pass", (2, "backward", "fc2.bias"), "fc2"),
    ],
)
def test_a_planted_mistake_is_found(
    right: str, wrong: str, found: tuple[int, str, str], said: str, compared: Compared
) -> None:
    assert CLASSES.count(right) == 1
    result = compared(CLASSES.replace(right, wrong))
    first = result.first_divergence
    assert (first.step, first.phase, first.tensor) == found
    assert said in verdict(result)
    assert len(result.steps) == 3  # trained to the end, for the curves


def test_a_course_is_read_by_its_layout(compared: Compared) -> None:
    """The book's own log(p + 1e-7), which a check lets pass, is not PyTorch's loss."""
    book = (COURSES / "scratch" / "right.py").read_text(encoding="utf-8")
    result = compared(book.replace(" + 1e-7", ""))
    assert result.parity
    assert result.described[0].endswith("read as deep-learning-from-scratch")
    assert compared(book).first_divergence.phase == "loss"


def test_a_map_of_ones_own(compared: Compared, tmp_path: Path) -> None:
    map = tmp_path / "names.toml"
    lines = [f'{name} = "my_{name}({arguments})"' for name, arguments in OPERATIONS.items()]
    map.write_text("\n".join(lines), encoding="utf-8")
    assert compared(FUNCTIONS.replace("def ", "def my_"), map).parity


OPERATIONS = {
    "linear": "input, weight, bias",
    "linear_backward": "grad_output, input, weight",
    "sigmoid": "input",
    "sigmoid_backward": "grad_output, output",
}


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("x = 1", "has no FeedForward, expected that class, or functions"),
        (FUNCTIONS.replace("def sigmoid(", "def s("), "of these it lacks sigmoid"),
        (CLASSES.replace("g * y * (1 - y)", "[][1]"), "step 1: raises IndexError"),
        (CLASSES.replace("return linear(self.h, w2, b2)", "return w2"), "the logits of 382 images"),
        (CLASSES.replace("= state[name]", "= p.data"), "does not take over fc1.weight"),
        (CLASSES.replace("self.h = sig", "import os; os._exit(3); sig"), "ends the process"),
        (CLASSES.replace("- self.lr * p.grad", "- p.grad[None]"), "fc1.weight has shape"),
    ],
)
def test_what_cannot_be_trained(code: str, message: str, compared: Compared) -> None:
    with pytest.raises(InputError, match=message):
        compared(code)


def test_a_file_that_writes_into_the_images(compared: Compared) -> None:
    with pytest.raises(BadCaseError, match="writes into the images"):
        compared(CLASSES.replace("self.x, (w1", "x *= 2; self.x, (w1"))


def test_pytorchs_step_stands_in_for_a_missing_optimizer(compared: Compared) -> None:
    result = compared(CLASSES.replace("class SGD", "class S"))
    assert result.parity
    assert result.described[1].endswith("sgd_step")


# --- the command ----------------------------------------------------------------------------------


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text(CLASSES.replace("g * y * (1 - y)", "g * y"), encoding="utf-8")
    options = ["--train-size", "40", "--epochs", "1", "--json", "answer.json"]
    assert main(["compare", "feedforward", "--numpy", "mine.py", *options]) == 1
    out = " ".join(capsys.readouterr().out.split())
    assert "first divergence: step 1, backward, fc1.bias" in out
    assert "`parity check mine.py` looks for the cause" in out
    answer = json.loads(Path("answer.json").read_text(encoding="utf-8"))
    assert (answer["steps"], answer["file"], answer["parity"]) == (3, "mine.py", False)
    name = "reports/feedforward-mine-digits-float32"
    assert all(Path(f"{name}{end}").is_file() for end in (".png", ".html"))
    numpy, torch = reproduce.load(f"{name}.npz")
    assert np.allclose(numpy["backward", "fc2.bias"], torch["backward", "fc2.bias"])
    assert not np.allclose(numpy["backward", "fc1.bias"], torch["backward", "fc1.bias"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--layout", "contract"], "layout is given, expected --numpy FILE with it"),
        (["--numpy", "f", "--layout", "contract", "--map", "x.toml"], "map and layout are both"),
        (["--numpy", "f", "--checkpoint", "kept"], "numpy and a checkpoint are both given"),
        (["--numpy", "absent.py"], "absent.py is no file"),
    ],
)
def test_options_that_do_not_fit(
    options: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["compare", "feedforward", *options]) == 2
    assert message in capsys.readouterr().err
