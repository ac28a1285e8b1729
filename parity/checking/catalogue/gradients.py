"""Mistakes that can be made in any function; the least specific, and looked at last."""

from typing import Any

import numpy as np

from parity.checking.catalogue.mistake import mistake
from parity.contract.operations import SUBJECTS

Right = Any


def names(*roles: str) -> str:
    """The names of the contract that have one of these roles."""
    return " ".join(name for name, subject in SUBJECTS.items() if subject.role in roles)


FORWARDS, BACKWARDS, LOSS = names("forward"), names("backward"), names("loss")


def each(value: Any, change: Any) -> Any:
    """`change` done to each array of a result."""
    return tuple(map(change, value)) if isinstance(value, tuple) else change(value)


def turned(array: Any) -> Any:
    """The last two axes exchanged, where there are two."""
    return array.swapaxes(-1, -2) if array.ndim > 1 else array


@mistake(
    f"{BACKWARDS} {LOSS} {FORWARDS}",
    "sign-flipped",
    "The sign is wrong: everything is -1 times what it should be.",
    "In a difference, which of the two comes first? In a loss, which sign has a logarithm of p?",
)
def sign_flipped(right: Right, *args: Any, **options: Any) -> Any:
    return each(right(*args, **options), np.negative)


@mistake(
    BACKWARDS,
    "multiplied-by-batch-size",
    "Everything is N times too large.",
    "Is a sum over the batch where a mean should be?",
)
def times_batch(right: Right, *args: Any, **options: Any) -> Any:
    return each(right(*args, **options), lambda array: array * len(batch_of(args)))


@mistake(
    BACKWARDS,
    "divided-by-batch-size",
    "Everything is divided by the batch size. A mean in the loss has divided by N already, when "
    "its gradient arrives here.",
    "Where does the loss divide by N, and how often may it be?",
)
def over_batch(right: Right, *args: Any, **options: Any) -> Any:
    return each(right(*args, **options), lambda array: array / len(batch_of(args)))


@mistake(
    f"{BACKWARDS} {FORWARDS}",
    "transposed",
    "The result is transposed.",
    "Which axis of the result is the batch?",
)
def transposed(right: Right, *args: Any, **options: Any) -> Any:
    return each(right(*args, **options), turned)


@mistake(
    BACKWARDS,
    "doubled",
    "Everything is twice what it should be.",
    "Is a factor 2 left from the derivative of a square, or something added twice?",
)
def doubled(right: Right, *args: Any, **options: Any) -> Any:
    return each(right(*args, **options), lambda array: 2 * array)


@mistake(
    BACKWARDS,
    "halved",
    "Everything is half of what it should be.",
    "Where does a factor 1/2 come in?",
)
def halved(right: Right, *args: Any, **options: Any) -> Any:
    return each(right(*args, **options), lambda array: array / 2)


@mistake(
    f"{BACKWARDS} {FORWARDS} {LOSS}",
    "zeros",
    "Everything is 0.",
    "Is the array that was made at the start ever filled?",
)
def zeros(right: Right, *args: Any, **options: Any) -> Any:
    return each(right(*args, **options), np.zeros_like)


@mistake(
    f"{BACKWARDS} {FORWARDS} {LOSS} sgd_step",
    "integers",
    "The result is cut to whole numbers.",
    "Of which dtype is the array that the results are written into?",
)
def integers(right: Right, *args: Any, **options: Any) -> Any:
    return each(right(*args, **options), np.trunc)


def batch_of(args: tuple[Any, ...]) -> Any:
    """The first array with a batch axis."""
    return next(arg for arg in args if isinstance(arg, np.ndarray) and arg.ndim > 1)
