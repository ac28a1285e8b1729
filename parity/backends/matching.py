"""Which array of the NumPy program is which tensor of the PyTorch program, and how it lies."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from numpy import ndarray

from parity.errors import InputError

__all__ = ["Match", "match", "squares"]

Shape = tuple[int, ...]
Names = Mapping[str, Any]  # PyTorch's name to NumPy's, or to (name, "T") or (name, axes)


@dataclass(frozen=True)
class Match:
    """The NumPy array of a PyTorch tensor: torch.transpose(axes), perhaps with axes of length 1."""

    name: str  # in the NumPy program
    axes: Shape  # as `np.transpose` takes them
    torch_shape: Shape
    numpy_shape: Shape

    def __str__(self) -> str:
        """NumPy's name, with .T where it is transposed."""
        return self.name if self.axes == tuple(range(len(self.axes))) else f"{self.name}.T"

    def to_torch(self, array: ndarray) -> ndarray:
        """A view of NumPy's array in PyTorch's layout; as it is if it has another shape."""
        if self.as_it_is or array.shape != self.numpy_shape:
            return array
        shape, back = self.turned
        return array.reshape(shape).transpose(back)

    @cached_property
    def as_it_is(self) -> bool:
        """Whether both arrays lie alike."""
        return self.torch_shape == self.numpy_shape and self.axes == tuple(range(len(self.axes)))

    @cached_property
    def turned(self) -> tuple[Shape, Shape]:
        """NumPy's shape with PyTorch's axes of length 1, and the axes that lead back."""
        back = tuple(sorted(range(len(self.axes)), key=self.axes.__getitem__))
        return tuple(self.torch_shape[axis] for axis in self.axes), back

    def to_numpy(self, array: ndarray) -> ndarray:
        """PyTorch's array in NumPy's layout."""
        return array.transpose(self.axes).reshape(self.numpy_shape)


def match(torch: Mapping[str, Shape], numpy: Mapping[str, Shape], names: Names) -> dict[str, Match]:
    """The NumPy array of each PyTorch tensor.

    First what `names` says; then equal names; then shapes that only one array on either side has,
    as it is or transposed; lists, which have no names, go in order if every shape fits.

    Raises
    ------
    InputError
        If a tensor or an array is left over, or could be two; both sides are listed, with shapes.
    """
    matches = {name: said(name, names[name], torch, numpy) for name in names}
    for name in torch:
        if name in numpy and name not in matches and fits(torch[name], numpy[name]):
            matches[name] = by_shape(name, name, torch, numpy)
    left = [name for name in torch if name not in matches]
    free = [name for name in numpy if name not in {it.name for it in matches.values()}]
    in_order = len(left) == len(free) and all(name.replace(".", "").isdigit() for name in free)
    if in_order and all(fits(torch[a], numpy[b]) for a, b in zip(left, free, strict=True)):
        matches |= {a: by_shape(a, b, torch, numpy) for a, b in zip(left, free, strict=True)}
        left, free = [], []
    for name in left:
        wanted = canonical(torch[name])
        found = [other for other in free if canonical(numpy[other]) == wanted]
        rivals = [other for other in left if canonical(torch[other]) == wanted]
        if len(found) == len(rivals) == 1:
            matches[name] = by_shape(name, found[0], torch, numpy)
    taken = {it.name for it in matches.values()}
    check_complete(matches, taken, torch, numpy)
    check_squares(matches, names)
    return {name: matches[name] for name in torch}


def said(name: str, value: Any, torch: Mapping[str, Shape], numpy: Mapping[str, Shape]) -> Match:
    """The match that the user wrote: a name, or a name with "T", "reshape" or axes."""
    other, layout = value if isinstance(value, tuple | list) else (value, None)
    other = str(other)  # a number counts the arrays of a list
    if name not in torch:
        raise InputError(f"names: {name!r} is no tensor of the PyTorch program: {listed(torch)}")
    if other not in numpy:
        raise InputError(f"names: {other!r} is no array of the NumPy program: {listed(numpy)}")
    shape = torch[name]
    if layout is None:
        return by_shape(name, other, torch, numpy, check=True)
    if layout == "reshape" and math.prod(shape) == math.prod(numpy[other]):
        return Match(other, tuple(range(len(shape))), shape, numpy[other])
    if isinstance(layout, str) and layout != "T":
        raise InputError(
            f"names: {name} is {shape} and {other} is {numpy[other]}; the layout is {layout!r}, "
            "expected 'T', 'reshape' for as many numbers in another shape, or axes"
        )
    axes = tuple(reversed(range(len(shape)))) if layout == "T" else tuple(layout)
    if squeezed(tuple(shape[axis] for axis in axes)) != squeezed(numpy[other]):
        raise InputError(
            f"names: {name} is {shape}, and with axes {axes} does not fit {other}, {numpy[other]}"
        )
    return Match(other, axes, shape, numpy[other])


def by_shape(
    name: str,
    other: str,
    torch: Mapping[str, Shape],
    numpy: Mapping[str, Shape],
    check: bool = False,
) -> Match:
    """The match of two that fit each other; transposed only if they do not fit as they are."""
    shape, axes = torch[name], tuple(range(len(torch[name])))
    if squeezed(shape) == squeezed(numpy[other]):
        return Match(other, axes, shape, numpy[other])
    if check and not fits(shape, numpy[other]):
        raise InputError(f"names: {name} is {shape}, which does not fit {other}, {numpy[other]}")
    return Match(other, axes[::-1], shape, numpy[other])


def fits(torch: Shape, numpy: Shape) -> bool:
    """Whether the shapes are the same, but for a transposition and axes of length 1."""
    return squeezed(numpy) == squeezed(torch) or (len(torch) == 2 and numpy == torch[::-1])


def squeezed(shape: Shape) -> Shape:
    """The shape without axes of length 1: a bias may be (n,) or (1, n)."""
    return tuple(size for size in shape if size != 1)


def canonical(shape: Shape) -> Shape:
    """The same for two shapes that fit each other."""
    short = squeezed(shape)
    return tuple(sorted(short)) if len(short) == 2 else short


def check_squares(matches: Mapping[str, Match], names: Iterable[str]) -> None:
    """Raise InputError for a square weight beside transposed ones: its shape does not say."""
    turned = [name for name, it in matches.items() if it.axes != tuple(range(len(it.axes)))]
    for name, it in squares(matches, names).items():
        if turned:
            raise InputError(
                f"{name} is square, {it.torch_shape}, and {turned[0]} is stored transposed: say "
                f"names={{{name!r}: ({it.name!r}, 'T')}}, or {it.name!r} alone if it is not"
            )


def squares(matches: Mapping[str, Match], names: Iterable[str]) -> dict[str, Match]:
    """The square weights of which `names` do not say how they lie."""
    return {
        name: it
        for name, it in matches.items()
        if name not in names and len(it.torch_shape) == 2 and len(set(it.torch_shape)) == 1
    }


def check_complete(
    matches: Mapping[str, Match],
    taken: set[str],
    torch: Mapping[str, Shape],
    numpy: Mapping[str, Shape],
) -> None:
    """Raise InputError for what has no counterpart, or more than one."""
    left = {name: shape for name, shape in torch.items() if name not in matches}
    free = {name: shape for name, shape in numpy.items() if name not in taken}
    if left or free:
        raise InputError(
            "which array is which? PyTorch has "
            f"{listed(left)} and NumPy has {listed(free)} left over: say "
            "names={'torch name': 'numpy name'}, or (name, 'T') where NumPy stores the transpose; "
            "what is no parameter goes into ignore=[...]"
        )
    names = [it.name for it in matches.values()]
    if twice := [name for name in names if names.count(name) > 1]:
        raise InputError(f"names: {twice[0]!r} is given to two tensors")


def listed(shapes: Mapping[str, Shape]) -> str:
    """Names with their shapes."""
    return ", ".join(f"{name} {shape}" for name, shape in shapes.items()) or "nothing"
