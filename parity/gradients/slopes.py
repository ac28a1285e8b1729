"""The slope of <f(x), G> along a direction: by central differences, with what they may be off."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from parity.tolerance.table import SMALLEST

__all__ = ["EPS", "Probe", "Slope", "draw", "inner"]

EPS = float(np.finfo(np.float64).eps)

# The step for an x of about 1: truncation goes as h², rounding as eps / h, and their sum is least
# near h = cbrt(eps). The smaller ones are for an f that bends faster than x is large, and to stay
# on one side of a kink.
STEPS = tuple(float(np.cbrt(EPS)) / 32**k for k in range(3))
TINY = 1e-12  # of x: too little for single precision, and enough for double precision
ROUNDING = 16  # units in the last place that each output of f may be off


@dataclass(frozen=True)
class Slope:
    """The slope along a direction u, by differences and by the gradient g."""

    difference: float
    analytic: float  # <g, u>
    typical: (
        float  # √Σ (g u)²: the size of a slope along a random direction; if 0, what was measured
    )
    rounding: float  # how far rounding may move `difference`
    bending: float  # how far truncation, or a kink, may move it
    lowest: float  # the slopes to either side
    highest: float
    wanted: float = np.nan  # the tolerance that was asked for
    bent: bool = False  # rounding would have allowed it at one of the steps, but f bends there

    @property
    def tolerance(self) -> float:
        """How far `difference` may be off; infinite where f is not finite."""
        total = self.rounding + self.bending
        return total if np.isfinite(total) else np.inf

    @property
    def trusted(self) -> bool:
        """Whether the tolerance is what was asked for."""
        return self.tolerance < self.wanted

    def holds_beside(self, shorter: "Slope") -> bool:
        """Whether a shorter step, finite or not, does not contradict this one.

        Its difference may be of the same slope, and it does not bend more: truncation falls with
        the step.
        """
        apart = abs(self.difference - shorter.difference) > self.tolerance + shorter.tolerance
        return not (apart or shorter.bending > self.bending + shorter.rounding)

    @property
    def agrees(self) -> bool:
        """Whether the gradient's slope is within the tolerance."""
        return abs(self.analytic - self.difference) <= self.tolerance


class Probe:
    """<f(x), G> as a function of one input, with the gradient that is to be checked.

    Parameters
    ----------
    f
        x to the output, an array of one shape.
    x, gradient
        Float64 arrays of one shape.
    grad_output
        G, of the shape of the output.
    visible
        The relative error that must show if it is in one element of typical size.
    """

    def __init__(
        self,
        f: Callable[[ndarray], ndarray],
        x: Float[ndarray, "*shape"],
        gradient: Float[ndarray, "*shape"],
        grad_output: Float[ndarray, "..."],
        visible: float,
    ) -> None:
        self.f, self.x, self.gradient, self.grad_output = f, x, gradient, grad_output
        self.visible = visible
        self.scale = np.asarray(np.maximum(1, np.abs(x)))  # of a step, element by element

    def slope(self, direction: ndarray, wanted: float | None = None) -> Slope:
        """The slope along `direction`, with smaller steps until its tolerance is below `wanted`.

        Where the gradient disagrees the other steps are tried, too, and the most exact one counts:
        kinks within a step may hide from the tolerance.

        Without `wanted` it is half of what an error of `visible` in one typical element would make
        of the slope: such an error then shows for certain, for it is beyond twice the tolerance.
        """
        slopes: list[Slope] = []
        for step in STEPS:
            slope = self.slope_at(direction, step)
            if wanted is None:
                wanted = self.visible / 2 * slope.typical / math.sqrt(self.x.size)
            slopes.append(replace(slope, wanted=wanted))
            # A step as long as a wave of f misses it: what shorter ones contradict is dropped.
            held = [
                one for k, one in enumerate(slopes) if all(map(one.holds_beside, slopes[k + 1 :]))
            ]
            best = min(held, key=lambda slope: slope.tolerance)
            if best.trusted and best.agrees:
                return best
        bent = any(slope.rounding < slope.wanted / 2 for slope in slopes)
        return replace(best, bent=bent and not best.trusted)

    def is_coarse(self, rng: np.random.Generator) -> bool:
        """Whether f rounds to single precision inside.

        Then a change of x by TINY of its size leaves most of those outputs as they are that it
        would change by some units in the last place of double precision.
        """
        direction = draw(rng, self.x.shape) * self.scale
        with np.errstate(all="ignore"):
            here, there, further = (
                np.array(self.f(np.asarray(self.x + step * direction)))
                for step in (0, TINY, STEPS[0])
            )
            change = np.abs(further - here) * (TINY / STEPS[0])
            visible = change > 4 * EPS * np.abs(here)
        return 2 * int(np.sum(visible & (there == here))) > int(np.sum(visible))

    def slope_at(self, direction: ndarray, step: float) -> Slope:
        """Five points in a row: two for the difference, the others for how far it may be off."""
        points = [np.asarray(self.x + k * step * direction) for k in (-2, -1, 0, 1, 2)]
        smallest = SMALLEST["float64"]
        moved = (points[3] - points[1]) / (2 * step)  # the direction, as rounded
        with np.errstate(all="ignore"):  # what is not finite ends in an infinite tolerance
            a, b, c, d, e = (np.array(self.f(point)) for point in points)
            near, far = self.along(d - b) / (2 * step), self.along(e - a) / (4 * step)
            # The fourth difference of what is smooth vanishes: what is left is noise or a kink.
            fourth = self.along(a - 4 * b + 6 * c - 4 * d + e) / step
            left, left2 = self.along(c - b) / step, self.along(c - a) / (2 * step)
            right, right2 = self.along(d - c) / step, self.along(e - c) / (2 * step)
            outputs = np.maximum(np.maximum(np.abs(b), np.abs(d)), smallest)
            terms = np.maximum(outputs * np.abs(self.grad_output), smallest)
            parts = self.gradient * moved
            typical = norm(parts)
            rounding = ROUNDING * EPS * (norm(terms) / step + typical)
        sides = left, left2, 2 * left - left2, right, right2, 2 * right - right2
        return Slope(
            difference=near,
            analytic=float(np.sum(parts)),
            typical=typical or abs(near),
            rounding=rounding,
            bending=abs(far - near) + abs(fourth),
            lowest=min(sides),
            highest=max(sides),
        )

    def along(self, change: Any) -> float:
        """<change, G>; of a difference of outputs, for that cancels most of their rounding."""
        return inner(change, self.grad_output)


def inner(a: Any, b: Any) -> float:
    """<a, b> as NumPy sums, pairwise: more exact than BLAS, and no threads to wait for."""
    return float(np.sum(a * b))


def norm(a: Any) -> float:
    """√Σ a², also where the squares are too large or too small for a float."""
    largest = float(np.max(np.abs(a), initial=0))
    return largest * math.sqrt(inner(a / largest, a / largest)) if largest else 0.0


def draw(rng: np.random.Generator, shape: tuple[int, ...]) -> Float[ndarray, "..."]:
    """±[1/2, 3/2]: no element weighs next to nothing, and equal errors do not cancel."""
    return np.asarray(rng.choice([-1.0, 1.0], shape) * rng.uniform(0.5, 1.5, shape))
