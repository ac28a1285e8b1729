"""A NumPy program of the user's own: a training step, and where its parameters are."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from types import FunctionType, MethodType, ModuleType
from typing import Any, NamedTuple

import numpy as np
from numpy import ndarray

from parity.backends.base import (
    Backend,
    Batch,
    Moments,
    State,
    TrainingStep,
    call_with,
    named_arrays,
)
from parity.backends.matching import Match, Names, Shape, listed, match
from parity.errors import InputError

__all__ = ["NumpyProgram"]

GRADIENTS = ("d{}", "grad_{}", "{}_grad", "d_{}", "g{}", "g_{}")  # usual names of W's gradient
SCALARS = (int, float, str, bool, type(None), np.generic)
NO_HOLDERS = (type, FunctionType, MethodType, ModuleType)
MAPPINGS = (dict, Mapping)  # in this order: Mapping alone is the slower question
CONTAINERS = (list, tuple, *MAPPINGS)
FIELDS = ("loss", "output", "gradients", "parameters", "layers", "layer_gradients")


class Place(NamedTuple):
    """Where an array is kept: an item of a list or dict, or an attribute."""

    owner: Any
    key: Any

    def get(self) -> ndarray:
        """The array that is there now."""
        return self.owner[self.key] if is_container(self.owner) else getattr(self.owner, self.key)

    def set(self, array: ndarray) -> None:
        """Write into the array if it has this dtype and shape, else put another in its place."""
        old = self.get()
        if old.dtype == array.dtype and old.shape == array.shape and old.flags.writeable:
            old[...] = array
        elif is_container(self.owner):
            self.owner[self.key] = array.copy()
        else:
            setattr(self.owner, self.key, array.copy())


class NumpyProgram(Backend):
    """A training step by hand, and the arrays that it trains.

    Parameters
    ----------
    step
        `step(*batch)` trains one step: forward, backward, update. It returns the loss, or a tuple
        with it: `(output, loss)`, `(loss, gradients)`, `(output, loss, gradients)`, or a dict with
        "loss" and any of "output", "gradients", "parameters" (if they are returned anew), "layers"
        and "layer_gradients" (by PyTorch's module names: each layer's output, and the gradient of
        it).
    parameters
        What holds the arrays: a dict, a list, an object with the arrays as attributes, an object
        with `named_parameters()`; or these within each other. Arrays may be updated in place or
        replaced.
    gradients
        What holds the gradients, under the parameters' names or such as dW or grad_W for W, if the
        step does not return them and they do not lie beside the parameters.
    state
        What the optimizer keeps, by PyTorch's name of it: {"exp_avg": m, "exp_avg_sq": v}, where m
        and v hold arrays under the parameters' names. `parity.compare(..., resync=True)` sets them.
    predict
        `predict(*inputs)` gives the output in evaluation, if `parity.compare` is given such inputs.
    ignore
        Names of arrays that `parameters` holds but that are not parameters.

    Raises
    ------
    InputError
        If there is no float array among the parameters, or they are not of one dtype.

    Examples
    --------
    >>> import numpy as np
    >>> import parity
    >>> w = {"w": np.array([1.0, 2.0])}
    >>> def step(x):
    ...     loss, grad = (w["w"] @ x) ** 2, 2 * (w["w"] @ x) * x
    ...     w["w"] -= 0.1 * grad
    ...     return loss, {"w": grad}
    >>> parity.NumpyProgram(step, w).dtype
    'float64'
    """

    name = "numpy"

    def __init__(
        self,
        step: Callable[..., Any],
        parameters: Any,
        *,
        gradients: Any = None,
        state: Mapping[str, Any] | None = None,
        predict: Callable[..., Any] | None = None,
        ignore: Iterable[str] = (),
    ) -> None:
        self.train_step, self.predict, self.ignore = step, predict, set(ignore)
        self.parameters, self.gradient_holder = parameters, gradients
        self.state = dict(state or {})
        self.matches: dict[str, Match] = {}
        self.returned: Any = None  # the gradients that the last step returned
        arrays = {name: place.get() for name, place in self.parameter_places().items()}
        if not arrays:
            raise InputError(f"NumpyProgram: no float array in {type(parameters).__name__}")
        dtypes = {array.dtype.name for array in arrays.values()}
        if len(dtypes) > 1 or not dtypes <= {"float32", "float64"}:
            raise InputError(
                f"NumpyProgram: the parameters are {', '.join(sorted(dtypes))}, expected all "
                "float32 or all float64"
            )
        (self.dtype,) = dtypes

    def parameter_places(self) -> dict[str, Place]:
        """Where each parameter is now, by the program's own name."""
        places = find_arrays(self.parameters)
        skipped = gradients_among(tuple(places)) | self.ignore
        return {name: place for name, place in places.items() if name not in skipped}

    def match(self, torch: Mapping[str, Shape], optional: set[str], names: Names) -> None:
        """Find the array of each PyTorch tensor; the `optional` ones may be missing."""
        mine = {name: place.get().shape for name, place in self.parameter_places().items()}
        wanted = {name: shape for name, shape in torch.items() if name not in optional}
        wanted |= {name: torch[name] for name in optional if name in names or name in mine}
        self.matches = match(wanted, mine, names)

    def weights(self) -> State:
        places = self.parameter_places()
        return {name: it.to_torch(places[it.name].get()) for name, it in self.matches.items()}

    def load(self, weights: Mapping[str, ndarray]) -> None:
        places = self.parameter_places()
        for name, it in self.matches.items():
            places[it.name].set(it.to_numpy(weights[name]).astype(self.dtype))

    def gradients(self) -> State:
        given = self.returned if self.returned is not None else self.gradient_holder
        apart = {} if given is None else find_arrays(given)
        found = {
            name: first_of(apart, [it.name, *gradient_names(it.name)])
            for name, it in self.matches.items()
        }
        if None in found.values():
            beside = find_arrays(self.parameters)
            for name, it in self.matches.items():
                found[name] = found[name] or first_of(beside, gradient_names(it.name))
        return {
            name: self.matches[name].to_torch(place.get())
            for name, place in found.items()
            if place is not None
        }

    def moments(self) -> Moments:
        return {
            kept: [it.to_torch(place.get()) for it, place in self.kept_places(holder)]
            for kept, holder in self.state.items()
        }

    def load_moments(self, moments: Moments, steps: int) -> None:
        for kept, holder in self.state.items():
            if kept not in moments:
                there = ", ".join(moments) or "nothing"
                raise InputError(f"state: PyTorch's optimizer keeps {there}, no {kept!r}")
            places = self.kept_places(holder)
            for (it, place), array in zip(places, moments[kept], strict=True):
                place.set(it.to_numpy(array).astype(self.dtype))

    def kept_places(self, holder: Any) -> list[tuple[Match, Place]]:
        """Where the optimizer keeps an array for each parameter that has one, in their order."""
        places = find_arrays(holder)
        matches = (it for it in self.matches.values() if it.name in places)
        return [(it, places[it.name]) for it in matches]

    def run(self, batches: Iterable[Batch], first: int = 1) -> Iterator[TrainingStep]:
        for number, batch in enumerate(batches, start=first):
            with np.errstate(over="ignore", invalid="ignore"):  # a loss that is not finite is told
                fields = sorted_out(call_with(self.train_step, batch))
            self.returned = fields.get("gradients")
            if fields.get("parameters") is not None:
                self.parameters = fields["parameters"]
            yield TrainingStep(
                number,
                named_arrays("output", fields.get("output")),
                float(np.asarray(fields["loss"])),
                layer_arrays(fields.get("layers")),
                layer_arrays(fields.get("layer_gradients")),
            )

    def describe(self) -> str:
        """The parameters with their shapes."""
        return listed({name: place.get().shape for name, place in self.parameter_places().items()})


def sorted_out(result: Any) -> dict[str, Any]:
    """What a step returned, by name: a number is the loss, a dict or list the gradients."""
    if isinstance(result, Mapping) and "loss" in result:
        if unknown := set(result) - set(FIELDS):
            raise InputError(
                f"the NumPy step returned {', '.join(sorted(unknown))}, expected only "
                f"{', '.join(FIELDS)}"
            )
        return dict(result)
    fields: dict[str, Any] = {}
    for item in result if isinstance(result, tuple) else (result,):
        if isinstance(item, Mapping | list):
            kind = "gradients"
        elif np.ndim(item) == 0 and np.asarray(item).dtype.kind in "fiu":
            kind = "loss"
        elif isinstance(item, ndarray):
            kind = "output"
        else:
            raise InputError(
                f"the NumPy step returned a {type(item).__name__}, expected the loss, a tuple such "
                f"as (output, loss, gradients), or a dict with {', '.join(FIELDS)}"
            )
        if kind in fields:
            hint = "; the loss is a number and no array" if kind == "output" else ""
            raise InputError(
                f"the NumPy step returned two values that may be the {kind}, expected one{hint}"
            )
        fields[kind] = item
    if "loss" not in fields:
        raise InputError("the NumPy step returned no loss, expected a number")
    return fields


def layer_arrays(layers: Any) -> State:
    """Each layer's array; a list of them, one for each time step, becomes one array."""
    return {name: np.asarray(value) for name, value in (layers or {}).items()}


def find_arrays(
    owner: Any, prefix: str = "", seen: frozenset[int] = frozenset()
) -> dict[str, Place]:
    """Every float array in a dict, a list or an object, by a dotted name."""
    if isinstance(owner, SCALARS) or id(owner) in seen:
        return {}
    seen |= {id(owner)}
    if hasattr(owner, "named_parameters"):
        found = {}
        for name, parameter in owner.named_parameters():
            found[prefix + name] = Place(parameter, "data")
            if isinstance(getattr(parameter, "grad", None), ndarray):
                found[f"{prefix}grad_{name}"] = Place(parameter, "grad")
        return found
    if isinstance(owner, MAPPINGS):
        items = list(owner.items())
    elif isinstance(owner, list | tuple):
        items = list(enumerate(owner))
    elif hasattr(owner, "__dict__") and not isinstance(owner, NO_HOLDERS):
        items = list(vars(owner).items())
    else:
        return {}
    places: dict[str, Place] = {}
    for key, value in items:
        name = f"{prefix}{key}"
        if isinstance(value, ndarray):
            if value.dtype.kind == "f":
                places[name] = Place(owner, key)
        else:
            places |= find_arrays(value, f"{name}.", seen)
    return places


@lru_cache(maxsize=64)  # asked for at each step
def gradients_among(names: tuple[str, ...]) -> frozenset[str]:
    """Those that are the usual name of the gradient of another one."""
    return frozenset(names).intersection(it for name in names for it in gradient_names(name))


@lru_cache(maxsize=4096)  # asked for at each step
def gradient_names(name: str) -> list[str]:
    """The usual names of the gradient of `name`, such as fc1.dW of fc1.W."""
    head, dot, last = name.rpartition(".")
    return [head + dot + pattern.format(last) for pattern in GRADIENTS] + [f"grad_{name}"]


def first_of(places: Mapping[str, Place], names: Iterable[str]) -> Place | None:
    """The first of the names that is there."""
    return next((places[name] for name in names if name in places), None)


def is_container(owner: Any) -> bool:
    """Whether what it holds are its items, not its attributes."""
    return isinstance(owner, CONTAINERS)
