"""Which array is which tensor: found by name or shape, said by the user, or an error that lists."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from parity.backends.matching import match
from parity.errors import InputError

TORCH = {"fc1.weight": (5, 3), "fc1.bias": (5,), "fc2.weight": (2, 5), "fc2.bias": (2,)}
NUMPY = {"W1": (3, 5), "b1": (1, 5), "W2": (5, 2), "b2": (2,)}


def test_shapes_that_only_one_has() -> None:
    found = {name: str(it) for name, it in match(TORCH, NUMPY, {}).items()}
    assert found == {
        "fc1.weight": "W1.T",
        "fc1.bias": "b1",
        "fc2.weight": "W2.T",
        "fc2.bias": "b2",
    }


def test_equal_names_come_before_shapes() -> None:
    shapes = {"a.weight": (2, 3), "b.weight": (2, 3)}
    assert str(match(shapes, dict(reversed(shapes.items())), {})["b.weight"]) == "b.weight"


def test_lists_go_in_order() -> None:
    torch = {"a": (2, 3), "b": (2, 3)}
    assert str(match(torch, {"0": (3, 2), "1": (2, 3)}, {})["a"]) == "0.T"


def test_two_of_a_shape_are_listed_with_it() -> None:
    torch = {**TORCH, "fc3.weight": (5, 3)}
    with pytest.raises(InputError) as error:
        match(torch, {**NUMPY, "W3": (3, 5)}, {})
    assert "PyTorch has fc1.weight (5, 3), fc3.weight (5, 3)" in str(error.value)
    assert "NumPy has W1 (3, 5), W3 (3, 5) left over" in str(error.value)


def test_what_has_no_counterpart_is_listed_with_its_shape() -> None:
    with pytest.raises(InputError) as error:
        match(TORCH, {"W1": (3, 5), "b1": (5,), "step": (1,)}, {})
    assert "PyTorch has fc2.weight (2, 5), fc2.bias (2,)" in str(error.value)
    assert "NumPy has step (1,) left over" in str(error.value)


def test_one_side_has_nothing_left() -> None:
    with pytest.raises(InputError, match=r"PyTorch has nothing and NumPy has extra \(7,\)"):
        match(TORCH, {**NUMPY, "extra": (7,)}, {})


def test_a_square_weight_beside_transposed_ones_is_ambiguous() -> None:
    torch, numpy = {**TORCH, "h.weight": (5, 5)}, {**NUMPY, "Wh": (5, 5)}
    with pytest.raises(InputError, match=r"h.weight is square, \(5, 5\)"):
        match(torch, numpy, {})
    assert str(match(torch, numpy, {"h.weight": ("Wh", "T")})["h.weight"]) == "Wh.T"


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ({"fc9": "W1"}, "'fc9' is no tensor of the PyTorch program: fc1.weight (5, 3)"),
        ({"fc1.weight": "W9"}, "'W9' is no array of the NumPy program: W1 (3, 5)"),
        ({"fc1.weight": "b2"}, "fc1.weight is (5, 3), which does not fit b2, (2,)"),
        ({"fc1.weight": ("W1", "X")}, "the layout is 'X', expected 'T', 'reshape'"),
        ({"fc1.weight": ("W1", (0, 1))}, "with axes (0, 1) does not fit W1, (3, 5)"),
        ({"fc1.bias": "b1", "fc2.bias": "b1"}, "does not fit b1"),
    ],
)
def test_a_wrong_name_is_told(names: dict[str, object], message: str) -> None:
    with pytest.raises(InputError) as error:
        match(TORCH, NUMPY, names)
    assert message in str(error.value)


def test_an_array_for_two_tensors() -> None:
    torch = {"a": (2, 3), "b": (2, 3)}
    with pytest.raises(InputError, match="'W' is given to two tensors"):
        match(torch, {"W": (2, 3)}, {"a": "W", "b": "W"})


@given(st.permutations([0, 1, 2, 3]))
def test_there_and_back(axes: list[int]) -> None:
    array = np.arange(2 * 3 * 4 * 5.0).reshape(2, 3, 4, 5)
    stored = array.transpose(axes)
    (it,) = match({"w": array.shape}, {"W": stored.shape}, {"w": ("W", tuple(axes))}).values()
    assert np.array_equal(it.to_torch(stored), array)
    assert np.array_equal(it.to_numpy(array), stored)
