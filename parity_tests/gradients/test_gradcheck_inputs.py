"""What a user's own functions take and return: lists, None, integers, zeros, complex numbers."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy import ndarray

import parity
from parity.errors import BadCaseError

RNG = np.random.default_rng(0)
X, W = RNG.normal(size=(3, 4)), RNG.normal(size=4)
Z = X + 1j * RNG.normal(size=(3, 4))
TABLE, TOKENS = RNG.normal(size=(6, 2)), np.array([4, 1, 4])


def embed(table: ndarray, tokens: ndarray) -> ndarray:
    return table[tokens]


def embed_backward(g: ndarray, table: ndarray, tokens: ndarray) -> list[ndarray | None]:
    grad = np.zeros_like(table)
    np.add.at(grad, tokens, g)
    return [grad, None]


def centred(x: ndarray, bias: ndarray) -> ndarray:
    """A bias before a mean is taken off has no effect."""
    shifted = x + bias
    return np.asarray(shifted - shifted.mean(0))


def centred_backward(g: ndarray, x: ndarray, bias: ndarray) -> list[ndarray]:
    grad = g - g.mean(0)
    return [grad, grad.sum(0)]  # zero but for rounding


def verdicts(
    f: Callable[..., Any], backward: Callable[..., Any], *inputs: ndarray, **more: Any
) -> Any:
    return [check.verdict for check in parity.gradcheck(f, backward, inputs, **more).inputs]


def test_a_list_of_gradients() -> None:
    assert verdicts(np.multiply, lambda g, x, w: [g * w, (g * x).sum(0)], X, W) == ["pass"] * 2


def test_indices_have_no_gradient() -> None:
    assert verdicts(embed, embed_backward, TABLE, TOKENS) == ["pass", "pass"]


def test_a_wrong_gradient_beside_indices_is_found() -> None:
    def overwriting(g: ndarray, table: ndarray, tokens: ndarray) -> list[ndarray | None]:
        grad = np.zeros_like(table)
        grad[tokens] = g
        return [grad, None]

    assert verdicts(embed, overwriting, TABLE, TOKENS) == ["fail", "pass"]


def test_indices_beside_a_mirror() -> None:
    result = parity.gradcheck(
        embed, embed_backward, [TABLE, TOKENS], mirror=lambda table, tokens: table[tokens]
    )
    assert result.inputs[0].torch_error is not None
    assert result.inputs[0].torch_error < 1e-12


def test_a_gradient_of_integers_is_refused() -> None:
    with pytest.raises(TypeError, match="int64, expected a float array"):
        verdicts(embed, lambda g, table, tokens: (0 * table, 0 * tokens), TABLE, TOKENS)


def test_no_gradient_where_f_is_flat() -> None:
    assert verdicts(lambda x, w: 2 * x, lambda g, x, w: (2 * g, None), X, W) == ["pass", "pass"]


def test_no_gradient_where_f_is_not_flat_is_wrong() -> None:
    assert verdicts(np.multiply, lambda g, x, w: (g * w, None), X, W) == ["pass", "fail"]


def test_a_zero_gradient_is_a_bad_case() -> None:
    with pytest.raises(BadCaseError, match="about zero"):
        verdicts(centred, centred_backward, X, W)


def test_a_zero_gradient_that_is_meant() -> None:
    found = verdicts(centred, centred_backward, X, W, names=["x", "bias"], zero=["bias"])
    assert found == ["pass", "pass"]


@pytest.mark.parametrize(
    "backward",
    [
        lambda g, x, bias: [g - g.mean(0), np.full(4, 1e-5)],  # it is zero
        lambda g, x, bias: [g - g.mean(0), g.sum(0)],
    ],
)
def test_a_gradient_that_should_be_zero_and_is_not(backward: Callable[..., Any]) -> None:
    found = verdicts(centred, backward, X, W, names=["x", "bias"], zero=["bias"])
    assert found == ["pass", "fail"]


def test_a_zero_gradient_that_should_not_be() -> None:
    def backward(g: ndarray, x: ndarray, w: ndarray) -> list[ndarray]:
        return [g * w, np.zeros(4)]

    assert verdicts(np.multiply, backward, X, W, names=["x", "w"], zero=["w"]) == ["pass", "fail"]


def test_an_unknown_name_of_zero() -> None:
    with pytest.raises(ValueError, match="zero has 'b', expected of input"):
        verdicts(np.sin, lambda g, x: g * np.cos(x), X, zero=["b"])


COMPLEX = {
    "square": (lambda z: z * z, lambda g, z: g * np.conj(2 * z), lambda z: z * z, Z),
    "abs": (np.abs, lambda g, z: g * z / np.abs(z), torch.abs, Z),
    "real to complex": (np.fft.fft, lambda g, x: 4 * np.fft.ifft(g).real, torch.fft.fft, X),
}


@pytest.mark.parametrize(("f", "backward", "mirror", "x"), COMPLEX.values(), ids=COMPLEX)
def test_complex_numbers(
    f: Callable[..., Any], backward: Callable[..., Any], mirror: Callable[..., Any], x: ndarray
) -> None:
    result = parity.gradcheck(f, backward, [x], mirror=mirror)
    assert result.ok, str(result)
    assert result.inputs[0].torch_error is not None


def test_a_missing_conjugate_is_found() -> None:
    result = parity.gradcheck(lambda z: z * z, lambda g, z: g * 2 * z, [Z])
    assert "input[" in str(result)
    assert not result.ok


def test_assert_gradients_passes_what_is_right() -> None:
    parity.assert_gradients(np.sin, lambda g, x: g * np.cos(x), [X])


def test_assert_gradients_names_the_elements() -> None:
    def backward(g: ndarray, x: ndarray) -> ndarray:
        grad = np.asarray(g * np.cos(x))
        grad[1, 2] *= 1.01
        return grad

    with pytest.raises(AssertionError, match=r"gradients are wrong\nx: x\[1, 2\] = .* should be"):
        parity.assert_gradients(np.sin, backward, [X], names=["x"])


def test_assert_gradients_hands_on_its_options() -> None:
    parity.assert_gradients(
        centred, centred_backward, [X, W], names=["x", "bias"], zero=["bias"], seed=3
    )
