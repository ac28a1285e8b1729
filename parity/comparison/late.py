"""Runs of PyTorch's program that wait until the rule needs them.

The permuted run and the float64 run cost a training each, and mostly NumPy is within what the rule
allows without them. Nothing depends on them before it is not. Then they are taken through the steps
that they have missed.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from numpy import ndarray

from parity.backends import Backend, Batch, State, TorchProgram, TrainingStep
from parity.comparison.order import Order
from parity.comparison.reproduce import tensors_of
from parity.comparison.steps import Comparison, Key
from parity.errors import BadCaseError
from parity.tolerance import distance, scale_of
from parity.tolerance.table import HORIZON

__all__ = ["CaughtUp", "Late", "repeats"]

Run = Iterator[TrainingStep]


class CaughtUp(NamedTuple):
    """Runs that have come up to a step of the others."""

    backends: dict[str, Backend]
    runs: dict[str, Run]  # their further steps
    tensors: dict[str, dict[Key, ndarray]]  # of the step


class Late:
    """The permuted run, and the float64 run after its first steps, while nothing needs them.

    What the permuted run is measured by is trained beside it: PyTorch from the start, and if
    `exact`, a float64 run from there. The former knows the state before a step, too.
    """

    def __init__(
        self,
        torch: TorchProgram,
        permuted: Backend,
        batches: Sequence[Batch],
        order: Order | None,
        initial: State,
        exact: bool,
    ) -> None:
        self.batches, self.order = batches, order
        self.behind = torch.copy(torch.dtype)
        self.waiting: dict[str, Backend] = {}  # until they are taken along
        if exact:
            self.waiting["reference"] = torch.copy("float64")
        for backend in (self.behind, *self.waiting.values()):
            backend.load(initial)
        self.waiting["permuted"] = permuted
        self.run, self.done = self.behind.run(batches), 0
        self.before: tuple[int, Any, State] | None = None  # a step, PyTorch's state before, weights
        self.resting: tuple[Backend, Run, int] | None = None  # the float64 run, and its last step

    def wake(self, number: int) -> CaughtUp | None:
        """Take the float64 run that rests, if it does, to this step."""
        if self.resting is None:
            return None
        backend, run, last = self.resting
        for _ in range(last, number):
            step = next(run)
        self.resting = None
        tensors = {"reference": tensors_of(backend, step)}
        return CaughtUp({"reference": backend}, {"reference": run}, tensors)

    def catch_up(
        self, number: int, comparison: Comparison, now: Mapping[Key, ndarray] | None = None
    ) -> tuple[CaughtUp, dict[Key, float]]:
        """Take the runs that waited through all steps to this one; allow for what they were off.

        Returns them, and what was allowed for before this step.

        Raises
        ------
        BadCaseError
            If PyTorch's run from the start does not come to the tensors that it has `now`.
        """
        permuted = self.order.batches(self.batches) if self.order is not None else self.batches
        runs = {name: backend.run(self.batches) for name, backend in self.waiting.items()}
        runs |= {"torch": self.run, "permuted": self.waiting["permuted"].run(permuted)}
        backends = {"torch": self.behind, **self.waiting}
        past = Comparison(comparison.name, comparison.zero)
        for step in range(1, number + 1):
            drift = larger(comparison.farthest, past.farthest)
            if step == number:
                self.before = self.present_state(step)
            steps = {name: next(run) for name, run in runs.items()}
            tensors = {name: tensors_of(backends[name], it) for name, it in steps.items()}
            if self.order is not None:
                self.order.restore(tensors["permuted"], steps["permuted"])
            chosen = {
                name: {key: found[key] for key in comparison.scale}
                for name, found in tensors.items()
            }
            torch = chosen["torch"]
            exact = chosen.get("reference", torch)
            past.step(step, torch, torch, permuted=chosen["permuted"], reference=exact)
        if now is not None:
            repeats("from the first step on", number, now, torch, comparison.name)
        for name in ("farthest", "farthest_torch"):
            ours = getattr(comparison, name)
            ours.update(larger(ours, getattr(past, name)))
        self.done = number
        del runs["torch"], tensors["torch"]
        joined, self.waiting = CaughtUp(self.waiting, runs, tensors), {}
        return joined, drift

    def state_before(self, step: int) -> tuple[int, Any, State]:
        """A step, the last one or a later one, and PyTorch's snapshot and weights before it."""
        if self.before is None or step != self.before[0]:
            for _ in range(self.done, step - 1):
                next(self.run)
            self.done = step - 1
            self.before = self.present_state(step)
        return self.before

    def present_state(self, step: int) -> tuple[int, Any, State]:
        """PyTorch's state before a step, which is the next."""
        weights = {name: array.copy() for name, array in self.behind.weights().items()}
        return step, self.behind.snapshot(), weights


def repeats(
    how: str, step: int, one: Mapping[Key, ndarray], other: Mapping[Key, ndarray], dtype: str
) -> None:
    """Raise BadCaseError if two runs of PyTorch's program from one state differ."""
    for key, array in one.items():
        if not distance(array, other[key]) <= HORIZON[dtype] * scale_of(other[key]):
            raise BadCaseError(
                f"step {step}: the PyTorch program does not repeat itself {how}: another "
                f"{key[1]}. A copy of it must begin as it did; state is kept only in the model's "
                "parameters and buffers, the optimizer and the scheduler, and gradients are zeroed "
                "before each backward"
            )


def larger(one: Mapping[Key, float], other: Mapping[Key, float]) -> dict[Key, float]:
    """The larger of the two values of each key."""
    return {key: max(one.get(key, 0.0), other.get(key, 0.0)) for key in {**one, **other}}
