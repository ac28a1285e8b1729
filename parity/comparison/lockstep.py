"""Train every side on the same batches in step, and compare every tensor of every step.

Free-running, a difference of one step is carried into the next; re-synchronised, every run takes
PyTorch's state after each step, which tells a bug in one step from drift that piled up.

Up to four runs of one experiment go in step:

    numpy      the one under test
    torch      the one it is compared with
    permuted   torch with each batch in another order: how far rounding alone drives two programs
               (a batch of one or two goes in thrice, whose mean is the same but for rounding)
    reference  torch in float64, for a float32 comparison; in float64, torch is its own reference
"""

from collections.abc import Iterator
from copy import deepcopy
from itertools import chain, combinations
from time import perf_counter
from zlib import crc32

import numpy as np
from numpy import ndarray

from parity.backends import Backend, Moments, NumpyBackend, State, TorchBackend
from parity.comparison.reproduce import Case, tensors_of
from parity.comparison.steps import Comparison, StepReport, Tensors
from parity.errors import BadCaseError
from parity.experiment.prepare import Experiment
from parity.tolerance.perturbed import RUNS, moved, reordered

__all__ = ["Lockstep"]


class Lockstep:
    """The runs of one experiment, on the same initial weights.

    Raises
    ------
    BadCaseError
        If the two models agree before they are given the same weights, or share memory after.
    """

    def __init__(self, experiment: Experiment, resync: bool = False) -> None:
        recipe, settings = experiment.recipe, experiment.settings
        dtype, seed, device = settings.dtype, settings.seed, settings.device
        self.experiment = experiment
        self.resync = resync
        self.sides: dict[str, Backend] = {
            "numpy": NumpyBackend(recipe, dtype, seed),
            "torch": TorchBackend(recipe, dtype, seed, device),
            "permuted": TorchBackend(recipe, dtype, seed, device),
        }
        if dtype != "float64":
            self.sides["reference"] = TorchBackend(recipe, "float64", seed, device)
        self.seconds = dict.fromkeys(self.sides, 0.0)
        self.case: Case | None = None  # what reproduces the first divergence
        self.comparison = Comparison(dtype)
        self.done = 0  # steps taken before these, by a run that this one goes on from

        self.check_that_models_disagree()
        for side in self.sides.values():
            side.load(experiment.initial)
        self.check_that_nothing_is_shared()

    def steps(self) -> Iterator[StepReport]:
        """Train all runs one step after those done, compare, and yield; to the last batch.

        Raises
        ------
        BadCaseError
            If a step compares nothing, or a run writes into what all of them are given.
        """
        batches = self.experiment.batches()
        rng = np.random.default_rng(self.experiment.settings.seed)
        orders = [rng.permutation(len(batch)) for batch in batches]
        batches, orders = batches[self.done :], orders[self.done :]
        if self.done and self.resync:
            self.synchronise(self.done)
        shuffled = list(map(reordered, batches, orders))
        runs = {
            name: side.steps(
                *self.experiment.arrays("training", side.dtype),
                shuffled if name == "permuted" else batches,
                first=self.done + 1,
            )
            for name, side in self.sides.items()
        }
        comparison = self.comparison
        inputs = self.fingerprint(batches)
        for number, (batch, order) in enumerate(
            zip(batches, orders, strict=True), start=self.done + 1
        ):
            if self.case is None:
                before = self.sides["numpy"].weights(), self.sides["numpy"].moments()
                weights, moments = deepcopy(before)
                drift = {name: comparison.farthest["step", name] for name in weights}
            tensors = {}
            for name, run in runs.items():
                start = perf_counter()
                outcome = next(run)
                self.seconds[name] += perf_counter() - start
                tensors[name] = tensors_of(self.sides[name], outcome)
            if (
                number in (self.done + 1, self.done + len(orders))
                and self.fingerprint(batches) != inputs
            ):
                raise BadCaseError(
                    f"step {number}: the images, labels or batches are not what they were before "
                    "the first step, and every run is given the same"
                )
            logits = ("forward", "logits")
            tensors["permuted"][logits] = tensors["permuted"][logits][np.argsort(order)]
            reference = tensors.pop("reference", tensors["torch"])
            report = comparison.step(number, reference=reference, **tensors)
            if report.divergence is not None and self.case is None:
                case = self.case_of(number, batch, weights, moments)
                for perturbed in self.perturbed(case, drift):
                    comparison.widen(perturbed, reference)
                report = comparison.step(number, reference=reference, **tensors)
                report.drifted = True
                self.case = case if report.divergence is not None else None
            yield report
            if self.resync:
                self.synchronise(number)

    def synchronise(self, step: int) -> None:
        """Give every run PyTorch's weights and moments, so that the next step is judged alone."""
        torch = self.sides["torch"]
        for side in self.sides.values():
            side.load(torch.weights())
            side.load_moments(torch.moments(), step)

    def perturbed(self, case: Case, drift: dict[str, float]) -> Iterator[Tensors]:
        """PyTorch's runs of a step from NumPy's weights, moved by as much as they may have drifted.

        Where a ReLU's input is so near zero that rounding decides its sign, a gradient jumps by far
        more than rounding, in one run and not in the other. Whether that explains a difference, or
        a bug does, these runs tell: they jump, too, or they do not.
        """
        rng = np.random.default_rng(case.step)
        for _ in range(RUNS):
            side = TorchBackend(case.recipe, case.dtype, 0, self.experiment.settings.device)
            side.load({name: moved(w, drift[name], rng) for name, w in case.weights.items()})
            side.load_moments(case.moments, case.step - 1)
            (outcome,) = side.steps(case.images, case.labels, [np.arange(len(case.labels))])
            yield tensors_of(side, outcome)

    def fingerprint(self, batches: list[ndarray]) -> list[int]:
        """What changes when a run writes into the arrays that all of them are given."""
        dtypes = sorted({side.dtype for side in self.sides.values()})
        arrays = [self.experiment.arrays("training", dtype) for dtype in dtypes]
        return [crc32(np.ascontiguousarray(one).data) for one in [*chain(*arrays), *batches]]

    def case_of(self, step: int, batch: ndarray, weights: State, moments: Moments) -> Case:
        """What it takes to run `step` again: NumPy's state before it, and its batch."""
        recipe, dtype = self.experiment.recipe, self.experiment.settings.dtype
        images, labels = self.experiment.arrays("training", dtype)
        return Case(recipe, dtype, step, images[batch], labels[batch], weights, moments)

    def check_that_models_disagree(self) -> None:
        """The negative control: a comparison that passes on different weights is no comparison."""
        torch = self.sides["torch"].weights()
        for name, array in self.sides["numpy"].weights().items():
            if np.allclose(array, torch[name], rtol=1e-3, atol=0):
                raise BadCaseError(f"{name} is the same on both sides before it was copied")

    def check_that_nothing_is_shared(self) -> None:
        """A weight in the memory of two runs would agree with itself, whatever they compute."""
        for (one, side), (other, peer) in combinations(self.sides.items(), 2):
            theirs = peer.weights()
            for name, array in side.weights().items():
                if np.shares_memory(array, theirs[name]):
                    raise BadCaseError(f"{name} lies in the same memory in {one} and {other}")
