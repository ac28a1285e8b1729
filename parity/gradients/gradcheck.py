"""Is what a backward returns the derivative of its forward? Differences in float64 answer.

The scalar is <f(x), G> with a drawn G; a plain sum would be blind where outputs sum to a constant,
as softmax's do. For each input x one random direction u is tried first: the slope along u, by two
evaluations of f at any size of x (and three that measure its error), against <g, u>. Only
where these disagree are the elements looked at, and the wrong ones named.

What a direction sees: among n elements of similar size the error of one is diluted by √n, while the
difference is good to about 1e-9. So 0.1% in one of 1e5 elements stands out, as 3e-6. Each result
states its own bound, and a direction too coarse to see 0.1% of a typical element is not believed.
"""

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass, replace
from html import escape
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray

import torch_impl.autograd
from parity.errors import BadCaseError
from parity.gradients.complex_numbers import InRealNumbers, real
from parity.gradients.guards import (
    SinglePrecisionError,
    as_argument,
    as_float64,
    as_output,
    check_finite,
    error_of,
    unchanging,
)
from parity.gradients.slopes import Probe, Slope, draw, inner
from parity.system import html
from parity.tolerance import allowance, element_name, index_of, worst_element

__all__ = ["Element", "GradcheckResult", "InputCheck", "Part", "gradcheck"]

BLOCK = 128  # a larger block of elements is halved, a smaller one looked at one by one
ENOUGH = 1024  # elements to look at when some are wrong, for then all may be
ENOUGH_KINKS = 4096  # and when there is nothing but kinks
SAME = allowance("float64", 1.0)  # of the largest element: what two float64 programs differ by


@dataclass(frozen=True)
class Element:
    """An element of a gradient that is wrong, or that lies at a kink."""

    index: tuple[int, ...]
    gradient: float
    expected: float  # by differences, or autograd's where only autograd contradicts
    tolerance: float  # absolute
    kink: bool  # f has two slopes here, and the gradient is one of them or lies between

    @property
    def error(self) -> float:
        """How far the gradient is from what is expected."""
        return abs(self.gradient - self.expected)


@dataclass(frozen=True)
class InputCheck:
    """The verdict on the gradient g of one input; slopes are along the drawn direction u."""

    name: str
    shape: tuple[int, ...]
    verdict: Literal["pass", "kink", "fail"] = "pass"
    message: str = ""  # one line for a person; empty if all is well
    difference: float = np.nan  # the slope by central differences
    analytic: float = np.nan  # <g, u>
    torch: float | None = None  # the same with autograd's gradient
    error: float = np.nan  # |analytic - difference| over the slope's typical size, √Σ (g u)²
    tolerance: float = np.nan  # what `error` may be, from truncation and rounding
    sensitivity: float = np.nan  # the smallest relative error of one typical element that shows
    torch_error: float | None = None  # largest |g - autograd's|, over autograd's largest element
    elements: tuple[Element, ...] = ()  # the wrong ones, the worst first, then those at a kink


@dataclass(frozen=True, repr=False)
class GradcheckResult:
    """The verdicts in the order of the inputs."""

    inputs: tuple[InputCheck, ...]

    @property
    def ok(self) -> bool:
        """Whether no gradient is wrong; at a kink, where conventions differ, none is."""
        return all(check.verdict != "fail" for check in self.inputs)

    def assert_right(self) -> None:
        """Raise AssertionError, with a line for each input, if a gradient is wrong."""
        if not self.ok:
            raise AssertionError(f"gradients are wrong\n{self}")

    def as_json(self) -> dict[str, Any]:
        """The answer for machines: `ok`, and the fields of each `InputCheck`."""
        return {"ok": self.ok, "inputs": [asdict(check) for check in self.inputs]}

    def __str__(self) -> str:
        return "\n".join(f"{it.name}: {it.message or it.verdict}" for it in self.inputs)

    def __repr__(self) -> str:
        verdicts = ", ".join(f"{it.name} {it.verdict}" for it in self.inputs)
        return f"<GradcheckResult {verdicts}>"

    def _repr_html_(self) -> str:
        """A row for each input, in a notebook."""
        header = ("gradient of", "by differences", "by backward", "error", "tolerance", "verdict")
        rows = [
            (
                it.name,
                *(f"{value:.6g}" for value in (it.difference, it.analytic)),
                *(f"{value:.1e}" for value in (it.error, it.tolerance)),
                it.verdict,
            )
            for it in self.inputs
        ]
        lines = "".join(f"<p>{escape(it.message)}</p>" for it in self.inputs if it.message)
        return html.table(header, rows) + lines


@dataclass(frozen=True)
class Part:
    """A function or a layer and what was found: a result, or the reason why there is none."""

    name: str
    result: GradcheckResult | None = None
    error: str = ""

    @property
    def ok(self) -> bool:
        """Whether there is a result, and no gradient in it is wrong."""
        return self.result is not None and self.result.ok


def gradcheck(
    f: Callable[..., Any],
    backward: Callable[..., Any],
    inputs: Sequence[ndarray],
    *,
    names: Sequence[str] | None = None,
    zero: Collection[str] = (),
    grad_output: ndarray | None = None,
    mirror: Callable[..., torch.Tensor] | None = None,
    visible: float = 1e-3,
    seed: int = 0,
) -> GradcheckResult:
    """Check the gradients that `backward` returns for `f` at `inputs`.

    Parameters
    ----------
    f
        `f(*inputs)` returns one array.
    backward
        `backward(grad_output, *inputs)` returns the gradient of the only input, or a tuple or list
        of gradients in the order of the inputs: None for one that has none, such as class indices.
        A float input without a gradient must be one on which f does not depend.
    inputs
        Float arrays of any shape; float64 copies of them are used. Integers and booleans are
        handed over as they are. A complex array is looked at as a real one with a last axis of
        two, real and imaginary; its gradient is PyTorch's, dL/dx + i dL/dy.
    names
        What to call the inputs; "input", or "inputs[0]", "inputs[1]" and so on if not given.
    zero
        The names of inputs whose gradient is meant to be zero: it has to be, and f has to be flat.
    grad_output
        G, of the shape of the output; drawn if not given.
    mirror
        `f` in PyTorch: autograd's gradients are compared with, too, to float64's rounding.
    visible
        The relative error that must show if it is in one element of typical (rms) size; a case in
        which it would not is a bad case.
    seed
        Draws G and the directions.

    Raises
    ------
    BadCaseError
        If the case proves nothing: no float array, a gradient of about zero, a value that is not
        finite, an input that f or backward change, a gradient that lies in the memory of an input,
        an f that answers differently when asked again, or that computes in single precision inside.
    TypeError, ValueError
        If the inputs, or what f or backward return, are not what is described above.

    Examples
    --------
    >>> import numpy as np
    >>> import parity
    >>> x = np.array([0.5, -1.5, 2.0])
    >>> def backward(grad_output, x):
    ...     return grad_output * (1 - np.tanh(x) ** 2)
    >>> parity.gradcheck(np.tanh, backward, [x]).ok
    True
    >>> parity.gradcheck(np.tanh, lambda g, x: g * (1 - np.tanh(x)), [x]).ok
    False
    """
    rng = np.random.default_rng(seed)
    if isinstance(inputs, ndarray):
        raise TypeError("gradcheck: inputs is an array, expected a list or tuple of arrays")
    if not any(np.asarray(x).dtype.kind in "fc" for x in inputs):
        raise BadCaseError("inputs has no float array, which compares nothing")
    if names is None:
        names = ["input"] if len(inputs) == 1 else [f"inputs[{i}]" for i in range(len(inputs))]
    if len(names) != len(inputs) or len(set(names)) != len(names):
        raise ValueError(
            f"gradcheck: names is {names!r}, expected {len(inputs)}, one for each input and none "
            "twice"
        )
    for name in zero:
        if name not in names:
            raise ValueError(f"gradcheck: zero has {name!r}, expected of {', '.join(names)}")
    both = InRealNumbers(f, backward, mirror, inputs)
    f, backward = both.f, both.backward
    named = {name: as_argument(name, x) for name, x in zip(names, inputs, strict=True)}
    inputs = list(named.values())

    output = as_output(unchanging("f", f, named))
    if not np.allclose(as_output(f(*inputs)), output, rtol=0, atol=SAME * np.abs(output).max()):
        raise BadCaseError("f gives another answer when it is asked again")
    if grad_output is None:
        grad_output = draw(rng, output.shape)
    grad_output = as_float64("grad_output", real(grad_output))
    if grad_output.shape != output.shape:
        raise ValueError(
            f"gradcheck: grad_output has shape {grad_output.shape}, expected {output.shape} as f's "
            "output has"
        )
    gradients = unchanging("backward", backward, {"grad_output": grad_output, **named})
    references: Sequence[ndarray | None] = [None] * len(inputs)
    if mirror is not None:
        moved = [gradient is not None for gradient in gradients]
        references = autograd(both.mirror, grad_output, inputs, moved)

    checks = []
    for i, (name, x) in enumerate(named.items()):
        gradient = gradients[i]
        if x.dtype.kind != "f":
            if gradient is not None:
                raise TypeError(f"gradcheck: {name} is {x.dtype}, expected a float array")
            checks.append(InputCheck(name, x.shape, message=f"none, for it is {x.dtype}"))
            continue
        error = "" if gradient is None else error_of(name, gradient, named)
        if error:
            checks.append(InputCheck(name, x.shape, "fail", error))
            continue
        before, after = inputs[:i], inputs[i + 1 :]
        probe = Probe(
            lambda x, before=before, after=after: f(*before, x, *after),  # type: ignore[misc]
            x,
            np.zeros_like(x) if gradient is None else np.array(gradient),
            grad_output,
            visible,
        )
        direction = np.asarray(draw(rng, x.shape) * probe.scale)
        flat = gradient is None or name in zero
        check = by_differences(name, probe, direction, rng, flat)
        if gradient is None and check.verdict == "fail":
            wanted = f"should be a float64 array of shape {x.shape}: {check.message}"
            check = replace(check, message=f"the gradient is NoneType, but {wanted}")
        reference = references[i]
        if reference is not None:
            check = by_autograd(check, probe, direction, reference)
        checks.append(check)
    return GradcheckResult(tuple(checks))


def by_differences(
    name: str,
    probe: Probe,
    direction: Float[ndarray, "*shape"],
    rng: np.random.Generator,
    flat: bool,
) -> InputCheck:
    """One direction over all of x first; element by element only where that fails.

    Where f is meant to be `flat` in x, a gradient of zero is no bad case.
    """
    slope = probe.slope(direction)
    if slope.tolerance == np.inf:
        raise BadCaseError(f"f is not finite next to {name}, which compares nothing")
    if not (slope.agrees and (slope.trusted or flat)) and probe.is_coarse(rng):
        raise SinglePrecisionError("f computes in single precision, too coarse for differences")
    if slope.agrees and not slope.trusted and not slope.bent and not flat:
        raise BadCaseError(
            f"the gradient of {name} is about zero, which compares nothing: its slope along a "
            f"random direction is {slope.difference:.1e}, and rounding makes up to "
            f"{slope.rounding:.1e}"
        )
    check = along_one_direction(name, probe, slope)
    if slope.agrees and (slope.trusted or flat):
        return check
    looked, elements = scan(probe, rng, slope.wanted)
    check = replace(check, elements=tuple(elements))
    wrong = sum(not element.kink for element in elements)
    if wrong:
        message = f"{describe(name, elements[0])}; wrong: {wrong} of {looked} elements looked at"
        return replace(check, verdict="fail", message=message)
    if elements:
        message = (
            f"{element_name(name, elements[0].index)} = {elements[0].gradient!r} is at a kink, "
            "where another convention would differ; "
            f"at a kink: {len(elements)} of {looked} elements looked at, and none is wrong"
        )
        return replace(check, verdict="kink", message=message)
    if slope.agrees:
        return check
    # Sums that cancel hide their rounding from the outputs, once in some 20,000 directions.
    again = probe.slope(np.asarray(draw(rng, probe.x.shape) * probe.scale))
    if again.agrees and (again.trusted or flat):
        return along_one_direction(name, probe, again)
    message = "the slope is wrong along a random direction, but no element by itself"
    return replace(check, verdict="fail", message=message)


def along_one_direction(name: str, probe: Probe, slope: Slope) -> InputCheck:
    """What the slope along a direction over all of x says."""
    return InputCheck(
        name,
        probe.x.shape,
        difference=slope.difference,
        analytic=slope.analytic,
        error=ratio(abs(slope.analytic - slope.difference), slope.typical),
        tolerance=ratio(slope.tolerance, slope.typical),
        sensitivity=ratio(2 * slope.tolerance * math.sqrt(probe.x.size), slope.typical),
    )


def scan(probe: Probe, rng: np.random.Generator, wanted: float) -> tuple[int, list[Element]]:
    """How many elements were looked at one by one, and those worth naming, the worst first.

    A block of elements is halved, and a half whose own direction is in order is left. Blocks are
    drawn, so that those that were looked at when there are ENOUGH are a fair sample.
    """
    looked = 0
    found: list[Element] = []
    blocks = [rng.permutation(probe.x.size)]
    while blocks and looked < (ENOUGH if any(not it.kink for it in found) else ENOUGH_KINKS):
        block = blocks.pop()
        if len(block) <= BLOCK:
            looked += len(block)
            found += [it for flat in block if (it := look_at(probe, int(flat), wanted))]
            continue
        for half in np.array_split(block, 2):
            direction = np.zeros(probe.x.size)
            direction[half] = draw(rng, half.shape) * probe.scale.flat[half]
            slope = probe.slope(direction.reshape(probe.x.shape), wanted)
            if not (slope.agrees and slope.trusted):
                blocks.append(half)
    return looked, sorted(found, key=lambda element: (element.kink, -element.error))


def look_at(probe: Probe, flat: int, wanted: float) -> Element | None:
    """The element of flat index `flat` if it is wrong or at a kink."""
    index = index_of(flat, probe.x.shape)
    direction = np.zeros_like(probe.x)
    direction[index] = unit = probe.scale[index]
    slope = probe.slope(direction, wanted)
    if slope.agrees and not slope.bent:
        return None
    lowest, highest = slope.lowest - slope.rounding, slope.highest + slope.rounding
    nearest = min(max(lowest, slope.analytic), highest)  # of the slopes to either side
    expected, tolerance = slope.difference, slope.tolerance
    if slope.bent and nearest != slope.analytic:
        expected, tolerance = nearest, slope.rounding
    return Element(
        index,
        gradient=float(probe.gradient[index]),
        expected=float(expected / unit),
        tolerance=float(tolerance / unit),
        kink=slope.bent and nearest == slope.analytic,
    )


def by_autograd(
    check: InputCheck,
    probe: Probe,
    direction: Float[ndarray, "*shape"],
    reference: Float[ndarray, "*shape"],
) -> InputCheck:
    """The check with autograd's gradient held against it; beyond rounding it fails, but at a kink.

    Where differences have named an element, that stands.
    """
    check_finite(f"autograd's gradient of {check.name}", reference)
    error = np.abs(probe.gradient - reference)
    for element in check.elements:
        if element.kink:
            error[element.index] = 0
    largest = float(np.abs(reference).max())
    check = replace(
        check,
        torch=inner(reference, direction),
        torch_error=ratio(float(error.max()), largest),
    )
    wrong = error > SAME * largest
    if check.verdict == "fail" or not wrong.any():
        return check
    index = worst_element(error, np.zeros_like(error))
    worst = Element(
        index, float(probe.gradient[index]), float(reference[index]), SAME * largest, kink=False
    )
    message = f"{describe(check.name, worst)} by autograd; wrong: {wrong.sum()} of {wrong.size}"
    return replace(check, verdict="fail", message=message, elements=(worst, *check.elements))


def autograd(
    mirror: Callable[..., torch.Tensor],
    grad_output: Float[ndarray, "..."],
    inputs: Sequence[ndarray],
    moved: Sequence[bool],
) -> list[ndarray | None]:
    """The gradients that autograd finds for `mirror` of the inputs that are `moved`."""
    tensors = [torch.from_numpy(array.copy()) for array in inputs]
    variable = [tensor for tensor, chosen in zip(tensors, moved, strict=True) if chosen]

    def of_variables(*values: torch.Tensor) -> torch.Tensor:
        given = iter(values)
        return mirror(
            *(next(given) if chosen else x for x, chosen in zip(tensors, moved, strict=True))
        )

    upstream = torch.from_numpy(grad_output.copy())
    found = iter(torch_impl.autograd.autograd(of_variables, upstream, *variable))
    return [next(found).numpy() if chosen else None for chosen in moved]


def describe(name: str, element: Element) -> str:
    """What an element is, and what it should be."""
    return (
        f"{element_name(name, element.index)} = {element.gradient!r}, but should be "
        f"{element.expected!r} ± {element.tolerance:.1e}"
    )


def ratio(value: float, scale: float) -> float:
    """value / scale, where 0 / 0 is 0 and anything else over 0 infinite."""
    return value / scale if scale else 0.0 if value == 0 else np.inf
