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
    threads: int | None = None  # for which number of threads alone; None for any


@dataclass(frozen=True)
class Verdict:
    """A goal and the measured value; None if a batch size or a program was not measured."""

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


SPEEDUP, OVER_LOWER_BOUND, OVER_JAX = ("tuned", "numpy"), ("numpy", "floor"), ("jax", "numpy")
SMALL, FROM_64 = (16, 64), (64, 128, 256, 1024)
RECIPES = ("logistic", "feedforward", "linear-adam", "cnn-adam")

GOALS = (
    Goal("logistic", SPEEDUP, "lowest", 4, (16,), 1),
    Goal("logistic", SPEEDUP, "lowest", 3.3, (64,), 1),
    Goal("logistic", SPEEDUP, "lowest", 2, threads=1),
    Goal("logistic", SPEEDUP, "lowest", 1.5, threads=2),
    Goal("logistic", OVER_LOWER_BOUND, "highest", 1.6, FROM_64),
    Goal("logistic", OVER_JAX, "lowest", 1, SMALL),
    Goal("feedforward", SPEEDUP, "lowest", 2.1, SMALL, 1),
    Goal("feedforward", SPEEDUP, "lowest", 1.9, threads=1),
    Goal("feedforward", SPEEDUP, "lowest", 1.65, threads=2),
    Goal("feedforward", OVER_LOWER_BOUND, "highest", 1.35, FROM_64),
    Goal("feedforward", OVER_JAX, "lowest", 0.95),
    Goal("linear-adam", SPEEDUP, "lowest", 3, SMALL, 1),
    Goal("linear-adam", SPEEDUP, "lowest", 1.4, threads=2),
    Goal("linear-adam", OVER_LOWER_BOUND, "highest", 2, (64,)),
    Goal("linear-adam", OVER_JAX, "lowest", 1, SMALL),
    Goal("cnn-adam", SPEEDUP, "lowest", 2.4, (64,), 1),
    Goal("cnn-adam", SPEEDUP, "lowest", 1.8, (1024,), 1),
    Goal("cnn-adam", SPEEDUP, "lowest", 1.8, (64,), 2),
    Goal("cnn-adam", SPEEDUP, "lowest", 1.2, (1024,), 2),
    Goal("cnn-adam", ("compile", "numpy"), "lowest", 1, (64,), 2),
    Goal("cnn-adam", OVER_LOWER_BOUND, "highest", 1.3, (64,)),
    Goal("cnn-adam", OVER_JAX, "lowest", 1.5),
    # That PyTorch is given its due, and what the loop of the tutorials costs beside it.
    *(Goal(recipe, ("tuned", "torch"), "geometric mean", 0.95) for recipe in RECIPES),
    *(Goal(recipe, ("tutorial", "torch"), "geometric mean", 8) for recipe in RECIPES),
)

SUMMARIES: dict[str, Callable[[Iterable[float]], float]] = {
    "geometric mean": geometric_mean,
    "lowest": min,
    "highest": max,
}


def judge(rows: Iterable[Row], threads: int) -> list[Verdict]:
    """A verdict on each goal of the recipes in `rows`, measured with so many threads."""
    rows = list(rows)
    recipes = {row["recipe"] for row in rows}
    return [
        Verdict(goal, measure(goal, rows))
        for goal in GOALS
        if goal.recipe in recipes and goal.threads in (None, threads)
    ]


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
        if row["recipe"] == recipe and {above, below} <= row["us_per_step"].keys()
    }
