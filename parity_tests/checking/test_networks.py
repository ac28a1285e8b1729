"""`loss_and_grads`: a whole network is right, or its first wrong gradient is named."""

import pytest

from parity.checking.checker import Result
from parity_tests.checking.homework.network import FUNCTIONS, network
from parity_tests.checking.homework.table import check_code

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")  # wrong code overflows


def verdict(code: str, **options: object) -> Result:
    (result,) = (
        result for result in check_code(code, **options).results if result.name == "loss_and_grads"
    )
    return result


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_right_network_passes_with_any_hidden_layer(function: str) -> None:
    assert verdict(network(function)).status == "pass"


def test_a_penalty_without_its_half_is_right() -> None:
    whole = network("relu", "reg / 2 *", "reg *").replace("reg * W", "2 * reg * W")
    assert verdict(whole).status == "pass"


def test_what_a_network_does_not_have_is_not_checked() -> None:
    unbiased = network("relu", "@ W1.T + b1", "@ W1.T").replace("@ W2.T + b2", "@ W2.T")
    unbiased = unbiased.replace(", reg=0.0", "").replace("    W1, b1", "    reg = 0\n    W1, b1")
    unbiased = unbiased.replace('        "b1": h.sum(axis=0),\n', "")
    result = verdict(unbiased.replace('        "b2": d.sum(axis=0),\n', ""))
    assert result.status == "partial"
    assert result.unchecked == ("with a penalty", "grads['b2']", "grads['b1']")


SUM = "np.exp(s).sum(axis=1, keepdims=True)"
SOFTMAX = f"s = s - s.max(axis=1, keepdims=True)\n    p = np.exp(s) / {SUM}"


@pytest.mark.parametrize(
    ("function", "right", "wrong", "diagnosis", "where"),
    [
        ("relu", "    d /= N\n", "", "summed-not-averaged", "grads['b2']"),
        ("sigmoid", "(d @ W2) * a * (1 - a)", "d @ W2", "hidden-derivative-missing", "grads['b1']"),
        (
            "sigmoid",
            "* a * (1 - a)",
            "* z * (1 - z)",
            "derivative-of-pre-activation",
            "grads['b1']",
        ),
        ("tanh", "(1 - a * a)", "a * (1 - a)", "derivative-of-another-function", "grads['b1']"),
        ("tanh", "h.T @ X + reg * W1", "h.T @ X", "decay-in-one-layer", "grads['W1']"),
        ("relu", "reg * W", "2 * reg * W", "decay-doubled", "grads['W2']"),
        ("relu", "d[np.arange(N), y] -= 1", "d[np.arange(N), y] += 1", None, "grads['b2']"),
        (
            "sigmoid",
            '"b1": h.sum(axis=0)',
            '"b1": h.mean(axis=0)',
            "grad-bias-averaged",
            "grads['b1']",
        ),
        ("relu", "h.T @ X", "N * h.T @ X", "summed-not-averaged", "grads['W1']"),
        ("relu", SOFTMAX, SOFTMAX.replace("axis=1", "axis=0"), "softmax-over-batch", "loss"),
        ("relu", SUM, "np.exp(s).sum()", "sum-over-everything", "loss"),
        ("tanh", "y]).mean()", "y]).sum() / len(W2)", "divided-by-classes", "loss"),
    ],
)
def test_the_first_wrong_gradient_and_the_mistake_are_named(
    function: str, right: str, wrong: str, diagnosis: str | None, where: str
) -> None:
    result = verdict(network(function, right, wrong))
    assert (result.status, result.diagnosis) == ("fail", diagnosis), result.message
    assert result.where.startswith(where)


def test_a_network_that_overflows_is_unstable() -> None:
    result = verdict(network("tanh", "    s = s - s.max(axis=1, keepdims=True)\n", ""))
    assert (result.status, result.diagnosis) == ("unstable", "no-max-subtraction")


def test_weights_may_lie_as_in_out() -> None:
    code = network("relu", "@ W1.T", "@ W1").replace("@ W2.T", "@ W2").replace("d @ W2", "d @ W2.T")
    code = code.replace("h.T @ X", "X.T @ h").replace("d.T @ a", "a.T @ d")
    assert verdict(code).status != "pass"
    assert verdict(code, weights="in-out").status == "pass"


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("return loss, [grads]", "(loss, grads), with grads a dict"),
        ('return loss, {"W3": W1}', "returns grads['W3'], expected gradients of W1, b1, W2, b2"),
        ("return loss, {}", "returns no gradient, expected gradients of W1, b1, W2, b2"),
    ],
)
def test_what_is_no_loss_and_gradients_is_an_error(code: str, words: str) -> None:
    result = verdict(network("relu", "return loss, grads", code))
    assert result.status == "error"
    assert words in result.message


def test_a_softmax_of_columns_is_told_of_a_map() -> None:
    code = "def softmax(z, dim=-1):\n    e = np.exp(z - z.max(0))\n    return e / e.sum(0)\n"
    (result,) = check_code("import numpy as np\n" + code, only=["softmax"]).results
    assert any('batch = "columns"' in note for note in result.notes)
