"""Gradients layer by layer, of a file's functions, and the command that shows them."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy import ndarray

import numpy_impl.models
import torch_impl.models
from numpy_impl import functional as F
from numpy_impl import nn
from parity.cli.gradcheck import Gradcheck
from parity.contract.template import TEMPLATE
from parity.errors import InputError
from parity.gradients.gradcheck import Part
from parity.gradients.layers import END_TO_END, LOSS, call, check_end_to_end, check_model, give
from parity_tests.gradients.test_gradcheck import largest, off_at

# A whole model

MODELS = {
    "SoftmaxRegression": ((9, 4), ["fc"]),
    "FeedForward": ((9, 6, 4), ["fc2", "sigmoid", "fc1"]),
    "ConvNet": ((4,), ["pool", "relu3", "conv3", "relu2", "conv2", "relu1", "conv1"]),
}
LAYERS = [(model, layer) for model, (_, layers) in MODELS.items() for layer in layers]


def both(name: str, batch_size: int = 3) -> tuple[Any, ...]:
    """The two models on the same weights, and a batch."""
    sizes, _ = MODELS[name]
    rng = np.random.default_rng(0)
    model = getattr(numpy_impl.models, name)(*sizes, dtype=np.float64, rng=rng)
    mirror = getattr(torch_impl.models, name)(*sizes, dtype=torch.float64)
    mirror.load_state_dict({k: torch.from_numpy(v) for k, v in model.state_dict().items()})
    images = rng.uniform(0, 1, (batch_size, 784 if name == "ConvNet" else sizes[0]))
    return model, mirror, images, rng.integers(0, 4, batch_size)


@pytest.mark.parametrize("name", MODELS)
def test_a_model_that_is_right(name: str) -> None:
    model, *rest = both(name)
    before = model.state_dict()
    parts = check_model(model, *rest)
    assert [part.name for part in parts] == [LOSS, *MODELS[name][1], END_TO_END]
    assert [part.name for part in parts if not part.ok] == []
    for key, array in model.state_dict().items():
        np.testing.assert_array_equal(array, before[key], err_msg=key)


@pytest.mark.parametrize(("name", "layer"), LAYERS)
def test_the_wrong_layer_is_named_and_no_other(name: str, layer: str) -> None:
    """Each layer's input gradient, or its weight's if it has one, is off by 0.1% in one element."""
    model, *rest = both(name)
    wrong = getattr(model, layer)
    right_backward = wrong.backward
    planted: list[tuple[int, ...]] = []

    def backward(*args: Any, **options: Any) -> Any:
        grad_input = right_backward(*args, **options)
        if hasattr(wrong, "weight"):
            planted[:] = [largest(wrong.weight.grad)]
            wrong.weight.grad = off_at(planted[0])(wrong.weight.grad)
            return grad_input
        planted[:] = [largest(grad_input)]
        return off_at(planted[0])(grad_input)

    wrong.backward = backward
    parts = check_model(model, *rest)
    assert [part.name for part in parts if not part.ok] == [layer]
    (part,) = (part for part in parts if part.name == layer)
    assert part.result is not None
    (check,) = (check for check in part.result.inputs if check.verdict == "fail")
    assert check.name == ("weight" if hasattr(wrong, "weight") else "input")
    assert check.elements[0].index == planted[0]


def test_a_wrong_loss_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    model, *rest = both("FeedForward")
    right = nn.CrossEntropyLoss.backward
    monkeypatch.setattr(nn.CrossEntropyLoss, "backward", lambda self: 3 * right(self))
    assert [part.name for part in check_model(model, *rest) if not part.ok] == [LOSS]


def test_right_layers_in_a_wrong_order_show_end_to_end() -> None:
    model, *rest = both("FeedForward")

    def backward(grad_logits: ndarray) -> None:
        model.fc1.backward(model.fc2.backward(grad_logits), needs_input_grad=False)

    model.backward = backward  # the sigmoid is forgotten
    parts = check_model(model, *rest)
    assert [part.name for part in parts if not part.ok] == [END_TO_END]
    assert parts[-1].result is not None
    assert [check.name for check in parts[-1].result.inputs if check.verdict == "fail"] == [
        "fc1.weight",
        "fc1.bias",
    ]


def test_a_gradient_that_is_not_filled_is_named() -> None:
    model, *rest = both("FeedForward")
    model.fc1.bias.accumulate = lambda grad: None
    parts = check_model(model, *rest)
    assert [part.name for part in parts if not part.ok] == ["fc1"]


def test_each_part_is_told_of_as_it_is_checked() -> None:
    found: list[Part] = []
    model, mirror, images, labels = both("FeedForward")
    assert check_model(model, mirror, images, labels, on_part=found.append) == found


def test_each_gradient_is_called_by_its_name_and_compared_with_autograd() -> None:
    parts = check_model(*both("FeedForward"))
    found = {part.name: part.result.inputs for part in parts if part.result}
    assert {name: [check.name for check in checks] for name, checks in found.items()} == {
        LOSS: ["logits"],
        "fc2": ["input", "weight", "bias"],
        "sigmoid": ["input"],
        "fc1": ["input", "weight", "bias"],
        END_TO_END: ["fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias"],
    }
    assert all(check.torch is not None for checks in found.values() for check in checks)


def test_the_seed_draws_the_directions_of_all_parts() -> None:
    model, mirror, images, labels = both("FeedForward")

    def slopes(**seed: Any) -> list[float]:
        parts = check_model(model, mirror, images, labels, **seed)
        return [check.difference for part in parts if part.result for check in part.result.inputs]

    default, zero, one = slopes(), slopes(seed=0), slopes(seed=1)
    assert default == zero
    assert not {*zero} & {*one}


def test_a_layer_that_proves_nothing_has_an_error() -> None:
    """Behind a ReLU that lets nothing through there is no gradient."""
    model, mirror, images, labels = both("ConvNet")
    bias = np.full_like(model.conv3.bias.data, -1e3)
    model.conv3.bias.data[:] = bias
    mirror.conv3.bias.data[:] = torch.from_numpy(bias)
    (part, *_) = [part for part in check_model(model, mirror, images, labels) if not part.ok]
    assert part.result is None
    assert "which compares nothing" in part.error


def test_end_to_end_a_tenth_shows() -> None:
    """However many ReLUs cross their kinks at the longest step."""
    model, mirror, images, labels = both("ConvNet", batch_size=64)
    result = check_end_to_end(model, mirror, images, labels, seed=0)
    assert max(check.sensitivity for check in result.inputs) < 0.1


def test_end_to_end_a_tenth_is_enough() -> None:
    """Most gradients are seen with the five points of the longest step: it is the whole model."""
    model, mirror, images, labels = both("ConvNet", batch_size=64)
    runs = []
    right = model.conv1.forward

    def forward(input: ndarray) -> ndarray:
        runs.append(len(input))
        return right(input)

    model.conv1.forward = forward
    result = check_end_to_end(model, mirror, images, labels, seed=0)
    assert len(runs) <= 3 + 1.5 * 5 * len(result.inputs)  # f twice, and backward's


def test_nothing_is_left_behind() -> None:
    """No gradient in the one model, no hook in the other."""
    model, mirror, images, labels = both("FeedForward")
    check_model(model, mirror, images, labels)
    assert all(parameter.grad is None for parameter in model.parameters())
    with torch.no_grad():
        mirror(torch.from_numpy(images))


def test_a_layer_is_given_the_true_gradient_of_its_output() -> None:
    model, mirror, images, labels = both("FeedForward")
    given: list[ndarray] = []
    right = model.fc2.backward

    def backward(grad_output: ndarray, **options: Any) -> Any:
        given.append(grad_output)
        return right(grad_output, **options)

    model.fc2.backward = backward
    logits = model(images)
    check_model(model, mirror, images, labels)
    true = F.cross_entropy_backward(np.ones(()), logits, labels)
    np.testing.assert_allclose(given[0], true, atol=1e-12)


def test_no_parameter_is_left_as_it_was() -> None:
    """PyTorch would take its own in the place of one that is not given, and nobody would know."""
    layer, mirror = nn.Linear(2, 3), torch.nn.Linear(2, 3)
    with pytest.raises(ValueError, match="zip"):
        give(layer, [layer.weight.data])
    with pytest.raises(ValueError, match="zip"):
        call(mirror, ["weight", "bias"], [mirror.weight], torch.ones(1, 2))


# The command


def test_the_command_on_a_recipe(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answer = tmp_path / "answer.json"
    assert Gradcheck(target="feedforward", batch_size=5, json=answer).run() == 0
    assert "gradients are right" in capsys.readouterr().out
    found = json.loads(answer.read_text())
    assert found["ok"]
    assert [part["name"] for part in found["parts"]] == [LOSS, "fc2", "sigmoid", "fc1", END_TO_END]
    assert [row["name"] for row in found["parts"][1]["inputs"]] == ["input", "weight", "bias"]


def test_the_command_on_a_wrong_model(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    right = F.sigmoid_backward
    monkeypatch.setattr(F, "sigmoid_backward", lambda g, output: right(g, output) * 1.001)
    assert Gradcheck(target="feedforward", batch_size=5).run() == 1
    assert "gradients are wrong in sigmoid\n" in capsys.readouterr().out


HOMEWORK = """
import numpy as np

def sigmoid(z):
    return 1 / (1 + np.exp(-z))

def sigmoid_backward(grad_output, output):
    return grad_output * output * (1 - output)

def relu(z):
    return np.maximum(z, 0)

def relu_backward(grad_output, output):
    grad = grad_output * (output > 0)
    grad[2, 1] *= 1.001
    return grad

def linear(x, w, b):
    x -= x.mean()
    return x @ w.T + b

def linear_backward(grad_output, x, w):
    return grad_output @ w, grad_output.T @ x, grad_output.sum(0)
"""


def run_on(code: str, folder: Path, **options: Any) -> int:
    """The exit code of `parity gradcheck` for a file with this code."""
    file = folder / "homework.py"
    file.write_text(code)
    return Gradcheck(target=str(file), **options).run()


def test_the_command_on_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answer = tmp_path / "answer.json"
    assert run_on(HOMEWORK, tmp_path, json=answer) == 1
    out = capsys.readouterr().out
    assert "relu: input[2, 1] = " in out
    assert "gradients are wrong in relu; no verdict on linear\n" in out
    assert "linear: linear changed its argument number 1" in out
    assert "not checked: conv2d: no conv2d and no conv2d_backward in the file" in out
    found = json.loads(answer.read_text())
    assert {part["name"]: part["ok"] for part in found["parts"]} == {
        "sigmoid": True,
        "relu": False,
        "linear": False,
    }


def test_an_output_of_another_shape_is_an_error_and_the_rest_is_checked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = (
        "import numpy as np\n"
        "def sigmoid(z):\n    return 1 / (1 + np.exp(-z)).T\n"
        "def sigmoid_backward(g, output):\n    return (g * output * (1 - output)).T\n"
        "def relu(z):\n    return np.maximum(z, 0)\n"
        "def relu_backward(g, output):\n    return g * (output > 0)\n"
    )
    assert run_on(code, tmp_path) == 1
    out = capsys.readouterr().out
    assert "\nsigmoid: sigmoid's output has shape (4, 5), expected (5, 4)\n" in out
    assert "no verdict on sigmoid\n" in out


@pytest.mark.parametrize("text", ["", "def sigmoid(z):\n    return z\n"])
def test_a_file_without_a_pair_is_bad_input(tmp_path: Path, text: str) -> None:
    with pytest.raises(InputError, match="no forward with its backward"):
        run_on(text, tmp_path)


def test_weights_may_lie_as_in_out_in_a_file_that_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = (
        "def linear(x, w, b):\n    return x @ w + b\n"
        "def linear_backward(g, x, w):\n    return g @ w.T, x.T @ g, g.sum(0)\n"
    )
    assert run_on(code, tmp_path) == 1
    assert run_on(code, tmp_path, weights="in-out") == 0
    assert "gradients are right: 3 in 1 part\n" in capsys.readouterr().out


@pytest.mark.parametrize("dtype", ["", ".astype(np.float64)"])
def test_what_computes_in_single_precision_is_not_checked_and_not_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], dtype: str
) -> None:
    single = f"(grad_output * (output > 0)).astype(np.float32){dtype}"
    code = HOMEWORK[: HOMEWORK.index("def relu_backward")]
    code += f"def relu_backward(grad_output, output):\n    return {single}\n"
    assert run_on(code, tmp_path) == 0
    out = capsys.readouterr().out
    assert "relu: relu_backward computes in single precision, too coarse for differences" in out


@pytest.mark.parametrize(
    "wrong", ["(output > 0) * 1.0", "((1.01 * grad_output) * (output > 0)).astype(np.float32)"]
)
def test_a_wrong_gradient_is_wrong_though_single_precision_has_its_numbers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], wrong: str
) -> None:
    code = HOMEWORK[: HOMEWORK.index("def relu_backward")]
    code += f"def relu_backward(grad_output, output):\n    return {wrong}\n"
    assert run_on(code, tmp_path) == 1
    assert "gradients are wrong in relu\n" in capsys.readouterr().out


def test_one_gradient_in_single_precision_is_not_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = (
        "import numpy as np\n"
        "def linear(x, w, b):\n    return x @ w.T + b\n"
        "def linear_backward(g, x, w):\n"
        "    return g @ w, (g.T @ x).astype(np.float32), g.sum(0)\n"
    )
    more = HOMEWORK[: HOMEWORK.index("def relu")]
    assert run_on(more + code, tmp_path) == 0
    assert "linear: linear_backward computes in single" in capsys.readouterr().out
    assert run_on(more + code.replace("g @ w,", "1.01 * g @ w,"), tmp_path) == 1


def test_where_nothing_could_be_checked_the_reason_is_told(tmp_path: Path) -> None:
    code = (
        "import numpy as np\n"
        "def relu(z):\n    return np.maximum(z.astype(np.float32), 0)\n"
        "def relu_backward(g, output):\n    return g * (output > 0)\n"
    )
    with pytest.raises(InputError, match="could be checked: relu: relu computes in single prec"):
        run_on(code, tmp_path)


def test_a_loss_need_not_have_the_reduction_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The contract asks for a number."""
    code = (
        "import numpy as np\n"
        "def probabilities(x):\n"
        "    exp = np.exp(x - x.max(1, keepdims=True))\n"
        "    return exp / exp.sum(1, keepdims=True)\n"
        "def cross_entropy(x, t, reduction='mean'):\n"
        "    losses = -np.log(probabilities(x)[np.arange(len(t)), t])\n"
        "    return losses.mean() if reduction == 'mean' else losses.sum()\n"
        "def cross_entropy_backward(g, x, t, reduction='mean'):\n"
        "    grad = probabilities(x) - np.eye(x.shape[1])[t]\n"
        "    return g * grad / (len(t) if reduction == 'mean' else 1)\n"
    )
    assert run_on(code, tmp_path) == 0
    out = capsys.readouterr().out
    assert "not checked: cross_entropy(reduction=none): cross_entropy's output has shape ()" in out
    assert run_on(code.replace("len(t) if", "2 if"), tmp_path) == 1


def test_a_stub_is_not_checked_and_not_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(InputError, match="no forward with its backward, both written"):
        run_on(TEMPLATE, tmp_path)
    assert run_on(TEMPLATE + HOMEWORK[: HOMEWORK.index("def relu")], tmp_path) == 0
    out = capsys.readouterr().out
    assert "gradients are right: 1 in 1 part\n" in out
    assert "not checked: linear: linear is not written yet\n" in out


def test_a_file_that_stops_says_no_more(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(InputError, match=r"raises SyntaxError: .*; nothing was checked"):
        run_on("def linear(x, w b):\n", tmp_path)
    assert capsys.readouterr().out == ""
    assert run_on(HOMEWORK[: HOMEWORK.index("def relu")] + "1 / 0\n", tmp_path) == 1
    assert "no verdict on homework.py\n" in capsys.readouterr().out


def test_a_target_that_is_nothing_is_bad_input() -> None:
    with pytest.raises(InputError, match="target is 'nothing', expected a recipe"):
        Gradcheck(target="nothing").run()
