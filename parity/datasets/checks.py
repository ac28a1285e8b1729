"""Checks of arguments, shared by the public functions of this package."""

from numbers import Integral


def integer(name: str, value: object, minimum: int, maximum: int | None = None) -> int:
    """Return `value` as an `int` from `minimum` to `maximum`, both included.

    Raises
    ------
    TypeError
        If `value` is not an integer. True, 2.0 and NaN are not accepted.
    ValueError
        If `value` is out of range.
    """
    span = f"from {minimum} to {maximum}" if maximum is not None else f"of at least {minimum}"
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(f"{name}: got {value!r}, expected an integer {span}")
    number = int(value)
    if number < minimum or (maximum is not None and number > maximum):
        raise ValueError(f"{name}: got {number}, expected an integer {span}")
    return number
