"""The goals of the project, and whether the rows of a run reach them."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from statistics import geometric_mean
from typing import Any, Literal

__all__ = ["GOALS", "Goal", "Verdict", "judge", "ratios"]

Row = Mapping[str, Any]
Ratio = tuple[str, str]  # the column above and the column below the line


@dataclass(frozen=True)
class Goal:
    """A bound on a ratio of two columns over the batch sizes of a recipe."""

    recipe: str
    ratio: Ratio
    over: Literal["geometric mean", "lowest", "highest"]
    bound: float  # the least value; for "highest" the greatest
    batch_sizes: tuple[int, ...] = (16, 64, 128, 256, 1024)


@dataclass(frozen=True)
class Verdict:
    """A goal and the measured value; None if one of its batch sizes was not measured."""

    goal: Goal
    measured: float | None

    @property
    def met(self) -> bool | None:
        """Whether the goal is reached; None if it was not measured."""
        if self.measured is None:
            return None
        if self.goal.over == "highest":
            return self.measured <= self.goal.bound
        return self.measured >= self.goal.bound

    def as_json(self) -> dict[str, Any]:
        """The verdict for JSON."""
        return {**asdict(self.goal), "measured": self.measured, "met": self.met}


SPEEDUP, LOWER_BOUND = ("torch", "numpy"), ("numpy", "floor")
FROM_64 = (64, 128, 256, 1024)
RECIPES = ("logistic", "feedforward", "linear-adam", "cnn-adam")

GOALS = (
    Goal("logistic", SPEEDUP, "geometric mean", 2.5),
    Goal("logistic", SPEEDUP, "lowest", 1.3),
    Goal("logistic", LOWER_BOUND, "highest", 1.4, FROM_64),
    Goal("feedforward", SPEEDUP, "geometric mean", 1.8),
    Goal("feedforward", SPEEDUP, "lowest", 1.0),
    Goal("feedforward", LOWER_BOUND, "highest", 1.3, FROM_64),
    Goal("linear-adam", SPEEDUP, "geometric mean", 2.5),
    Goal("linear-adam", SPEEDUP, "lowest", 1.3),
    Goal("cnn-adam", SPEEDUP, "lowest", 1.3, (64,)),
    Goal("cnn-adam", SPEEDUP, "lowest", 0.9),
    *(Goal(recipe, ("tuned", "torch"), "geometric mean", 0.95) for recipe in RECIPES),
    *(Goal(recipe, ("tutorial", "torch"), "geometric mean", 8) for recipe in RECIPES),
)

SUMMARIES: dict[str, Callable[[Iterable[float]], float]] = {
    "geometric mean": geometric_mean,
    "lowest": min,
    "highest": max,
}


def judge(rows: Iterable[Row]) -> list[Verdict]:
    """A verdict on each goal of the recipes in `rows`."""
    rows = list(rows)
    recipes = {row["recipe"] for row in rows}
    return [Verdict(goal, measure(goal, rows)) for goal in GOALS if goal.recipe in recipes]


def measure(goal: Goal, rows: list[Row]) -> float | None:
    """The goal's ratio over its batch sizes; None if one of them is not in the rows."""
    values = ratios(rows, goal.recipe, goal.ratio)
    if not set(goal.batch_sizes) <= set(values):
        return None
    return SUMMARIES[goal.over](values[size] for size in goal.batch_sizes)


def ratios(rows: Iterable[Row], recipe: str, ratio: Ratio) -> dict[int, float]:
    """The ratio of the two columns at each batch size of the recipe."""
    above, below = ratio
    return {
        row["batch_size"]: row["us_per_step"][above] / row["us_per_step"][below]
        for row in rows
        if row["recipe"] == recipe
    }
