"""Train every run on the same batches in step, and compare every tensor of every step.

Free-running, the difference of one step is carried into the next. Re-synchronised, every run takes
PyTorch's state after each step. That separates a bug in one step from drift that has added up.

Up to four runs go in step:

    numpy      the one under test
    torch      the one it is compared with
    permuted   torch with each batch in another order: how far rounding alone drives two programs
    reference  torch in float64, for a float32 comparison; in float64, torch is its own reference

Of a user's pair the last two wait until the rule needs them.

Where PyTorch's program is under test as well, because it runs on several processes, a fifth takes
its part in the rule: `alone`, the same program in one process.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from functools import cached_property
from itertools import combinations, islice
from time import perf_counter
from typing import Any
from zlib import crc32

import numpy as np
from numpy import ndarray

from parity.backends import Backend, Batch, State, TorchProgram, TrainingStep
from parity.backends.base import map_arrays
from parity.comparison.reproduce import Reproduction, tensors_of
from parity.comparison.steps import Comparison, Key, StepReport, Tensors
from parity.errors import BadCaseError
from parity.tolerance.perturbed import RUNS, moved, reordered, rounded

__all__ = ["MEASURED", "Lockstep", "Order"]

MEASURED = 50  # steps of a user's pair in which the float64 run goes along in any case


class Order:
    """How the batches of the permuted run are put in another order.

    A batch of one or two goes in three times if `repeat` says that the loss is a mean.
    """

    def __init__(self, axis: int = 0, repeat: bool = True, seed: int = 0) -> None:
        self.axis, self.repeat = axis, repeat
        self.rng = np.random.default_rng(seed)
        self.size, self.last = 0, np.arange(0)  # of the last batch, and its order

    def permuted(self, batch: Batch) -> Batch:
        """Every array of the batch that has the size of the first along the axis, reordered."""
        sizes: list[int] = []
        map_arrays(lambda a: sizes.append(a.shape[self.axis]) if a.ndim > self.axis else 0, batch)
        self.size = sizes[0]
        self.last = self.rng.permutation(self.size)
        taken = np.arange(self.size)
        taken = reordered(taken, self.last) if self.repeat else taken[self.last]
        return map_arrays(lambda array: self.take(array, taken, self.axis), batch)

    def restored(self, array: ndarray, axis: int = 0) -> ndarray:
        """A result of the permuted batch in the order of the batch itself."""
        if self.repeat and self.size <= 2 and array.ndim > axis:
            array = array.take(np.arange(self.size), axis)
        return self.take(array, np.argsort(self.last), self.axis + axis)

    def take(self, array: ndarray, indices: ndarray, axis: int) -> ndarray:
        """The array reordered, if it has an entry for each example."""
        has_examples = array.ndim > axis and array.shape[axis] == self.size
        return array.take(indices, axis) if has_examples else array


class Lockstep:
    """The runs of one comparison, on the same initial weights.

    Parameters
    ----------
    numpy, torch
        The two programs; the NumPy one is trained as it is, the PyTorch one and copies of it too.
    batches
        What each step is trained on.
    initial
        The weights to begin with, by PyTorch's names.
    order
        How batches are permuted; None if they cannot be: then the permuted run starts from weights
        that are a unit in the last place off.
    copies
        Whether the PyTorch program can be copied, and cast to float64.
    kept
        What is kept of the reproduction of the first divergence.
    alone
        Whether the PyTorch program is under test, too, and its copies are what it should be.
    constant, zero
        Names: weights that are the same before they are copied, tensors that are zero.
    late
        Whether the permuted run waits until NumPy is farther off than the rule allows without it,
        and the float64 run rests after the first steps until then. They are taken through the steps
        that they have missed. Nothing depends on them before.

    Raises
    ------
    BadCaseError
        If the two models agree before they are given the same weights, or share memory after.
    """

    def __init__(
        self,
        numpy: Backend,
        torch: TorchProgram,
        batches: Sequence[Batch],
        initial: State,
        *,
        order: Order | None,
        copies: tuple[bool, bool] = (True, True),
        resync: bool = False,
        alone: bool = False,
        constant: Collection[str] = (),
        zero: Collection[str] = (),
        kept: Callable[[Reproduction], Reproduction] = lambda reproduction: reproduction,
        seed: int = 0,
        late: bool = False,
    ) -> None:
        self.numpy, self.torch, self.batches, self.order = numpy, torch, batches, order
        self.resync, self.kept = resync, kept
        can_copy, can_cast = copies
        dtype = torch.dtype
        self.backends: dict[str, Backend] = {"numpy": numpy, "torch": torch}
        if can_copy:
            self.backends["permuted"] = torch.copy(dtype)
        if alone:
            self.backends["alone"] = torch.copy(dtype)
        if can_cast and dtype != "float64":
            self.backends["reference"] = torch.copy("float64")
        # What late runs are measured by: PyTorch from the start, and its float64 run from there.
        # The one is some steps behind, too: it knows the state before a step.
        late = late and can_copy
        self.behind = torch.copy(dtype) if late else None
        self.again = torch.copy("float64") if late and "reference" in self.backends else None
        self.before: tuple[int, Any] = (0, None)  # a step, and PyTorch's state before it
        self.seconds = dict.fromkeys(self.backends, 0.0)
        self.reproduction: Reproduction | None = None  # what reproduces the first divergence
        self.spare = torch.copy(dtype) if can_copy else None  # for perturbed runs of a step
        self.comparison = Comparison(dtype, zero)
        self.done = 0  # steps taken before these, by a run that this one goes on from

        self.check_that_models_disagree(constant)
        for name, backend in self.backends.items():
            start = initial
            if name == "permuted" and order is None:
                start = rounded(initial, dtype, np.random.default_rng(seed))
            backend.load(start)
        self.check_that_nothing_is_shared()
        self.permuted: Backend | None = None  # while it waits
        self.behind_run: Iterator[TrainingStep] = iter(())
        self.behind_done = 0
        self.resting: tuple[Backend, Iterator[TrainingStep]] | None = None  # the float64 run
        for backend in filter(None, (self.behind, self.again)):
            backend.load(initial)
        if self.behind is not None:
            self.behind_run = self.behind.run(self.batches)
            self.permuted = self.backends.pop("permuted")

    def steps(self) -> Iterator[StepReport]:
        """Train all runs one step after those done, compare, and yield; to the last batch.

        Raises
        ------
        BadCaseError
            If a step compares nothing, or a run writes into what all of them are given.
        """
        comparison, done = self.comparison, self.done
        if done and self.resync:
            self.synchronise(done)
        inputs = self.fingerprint()
        left = self.batches[done:]
        runs = {name: self.run(name, backend, done) for name, backend in self.backends.items()}
        weights: State | None = copied(self.numpy.weights())
        for number, batch in enumerate(left, start=done + 1):
            reproduction = (
                self.reproduction_of(number, batch, weights) if weights is not None else None
            )
            drift = dict(comparison.farthest)
            if self.permuted is not None and number == MEASURED + 1 and "reference" in runs:
                self.resting = self.backends.pop("reference"), runs.pop("reference")
                comparison.resting = True
            tensors = self.compute(number, runs)
            if number in (done + 1, len(self.batches)) and self.fingerprint() != inputs:
                raise BadCaseError(
                    f"step {number}: the inputs are not what they were before the first step, and "
                    "every run is given the same"
                )
            report = comparison.step(number, **tensors)
            if report.divergence is not None and self.resting is not None:
                runs["reference"], found = self.wake(number)
                tensors["reference"] = {key: found[key] for key in tensors["torch"]}
                report = comparison.step(number, **tensors)
            if report.divergence is not None and self.permuted is not None:
                started, drift, last = self.catch_up(number)
                runs |= started
                for name, found in last.items():
                    tensors[name] = {key: found[key] for key in tensors["torch"]}
                report = comparison.step(number, **tensors)
            if report.divergence is not None and reproduction is not None:
                for perturbed in self.perturbed(self.with_snapshot(reproduction), drift):
                    comparison.widen(perturbed, tensors["reference"])
                report = comparison.step(number, **tensors)
                report.drifted = report.drifted or report.divergence is None
                if report.divergence is not None:
                    both = {name: deepcopy(dict(tensors[name])) for name in ("numpy", "torch")}
                    self.reproduction = self.kept(
                        replace(reproduction, tensors=both, snapshot=None)
                    )
            yield report
            if self.resync:
                self.synchronise(number)
            if self.reproduction is not None:
                weights = None
            elif self.resync:
                weights = copied(self.numpy.weights())
            else:
                mine = tensors["numpy"].items()
                weights = copied({name: array for (phase, name), array in mine if phase == "step"})

    def run(self, name: str, backend: Backend, done: int) -> Iterator[TrainingStep]:
        """The steps of a run after those done."""
        left: Iterable[Batch] = self.batches[done:]
        if name == "permuted" and self.order is not None:
            left = islice(map(self.order.permuted, self.batches), done, None)
        return backend.run(left, first=done + 1)

    def wake(self, number: int) -> tuple[Iterator[TrainingStep], dict[Key, ndarray]]:
        """Take the float64 run that rests to this step; returns its further steps and tensors."""
        assert self.resting is not None
        backend, run = self.resting
        for _ in range(MEASURED, number):
            step = next(run)
        self.backends["reference"], self.resting = backend, None
        self.comparison.resting = False
        return run, tensors_of(backend, step)

    def catch_up(
        self, number: int
    ) -> tuple[dict[str, Iterator[TrainingStep]], dict[Key, float], dict[str, dict[Key, ndarray]]]:
        """Take the runs that waited through all steps to this one; allow for what they were off.

        Returns their further steps, what was allowed for before this step, and their tensors of it.
        """
        assert self.permuted is not None
        assert self.behind is not None
        late: dict[str, Backend] = {"permuted": self.permuted}
        if self.again is not None:
            late["reference"] = self.again
        backends = {"torch": self.behind, **late}
        runs = {name: self.run(name, backend, 0) for name, backend in backends.items()}
        past = Comparison(self.torch.dtype, self.comparison.zero)
        for step in range(1, number + 1):
            drift = larger(self.comparison.farthest, past.farthest)
            self.before = step, self.behind.snapshot() if step == number else None
            steps = {name: next(run) for name, run in runs.items()}
            tensors = {name: tensors_of(backends[name], it) for name, it in steps.items()}
            self.put_in_order(tensors["permuted"], steps["permuted"])
            chosen = {
                name: {key: found[key] for key in self.comparison.scale}
                for name, found in tensors.items()
            }
            torch = chosen["torch"]
            exact = chosen.get("reference", torch)
            past.step(step, torch, torch, permuted=chosen["permuted"], reference=exact)
        for name in ("farthest", "farthest_torch"):
            ours = getattr(self.comparison, name)
            ours.update(larger(ours, getattr(past, name)))
        self.backends.update(late)
        self.seconds |= {name: self.seconds.get(name, 0.0) for name in late}
        self.permuted = self.again = None
        self.behind_run, self.behind_done = runs["torch"], number
        return {name: runs[name] for name in late}, drift, {name: tensors[name] for name in late}

    def compute(
        self, number: int, runs: Mapping[str, Iterator[TrainingStep]]
    ) -> dict[str, Tensors]:
        """The tensors of one step by run, those of them that all runs have.

        PyTorch's own, or those of `alone`, stand in for a run that is not there.
        """
        steps = {}
        for name, run in runs.items():
            start = perf_counter()
            steps[name] = next(run)
            self.seconds[name] += perf_counter() - start
            if name == "numpy" and number == self.done + 1:
                self.watch_layers(steps[name])
        torch = tensors_of(self.torch, steps["torch"], self.torch)
        tensors: dict[str, dict[Key, ndarray]] = {"torch": torch}
        for name, step in steps.items():
            if name != "torch":
                tensors[name] = tensors_of(self.backends[name], step)
        if "permuted" in steps:
            self.put_in_order(tensors["permuted"], steps["permuted"])
        numpy = tensors["numpy"] = aligned(tensors["numpy"], torch, self.missing)
        keys = [key for key in torch if key in numpy]
        chosen: dict[str, Tensors] = {
            name: {key: found[key] for key in keys} for name, found in tensors.items()
        }
        chosen.setdefault("permuted", chosen["torch"])
        chosen.setdefault("reference", chosen.get("alone", chosen["torch"]))
        return chosen

    @cached_property
    def missing(self) -> set[Key]:
        """What the NumPy program need not have: buffers that it does not keep."""
        return {("step", name) for name in set(self.torch.buffers) - set(self.numpy.weights())}

    def watch_layers(self, step: TrainingStep) -> None:
        """Let PyTorch's runs keep the layers that the NumPy program shows."""
        names = dict.fromkeys([*step.layers, *step.layer_gradients])
        apart = self.spare, self.permuted, self.again, self.behind
        for backend in (*self.backends.values(), *apart):
            if names and isinstance(backend, TorchProgram):
                backend.watch(names)

    def put_in_order(self, tensors: dict[Key, ndarray], step: TrainingStep) -> None:
        """Give outputs, and gradients of outputs, the order of the batch that was permuted."""
        if self.order is None:
            return
        for key in [("forward", name) for name in step.output]:
            tensors[key] = self.order.restored(tensors[key])
        for phase, names in (("forward", step.layers), ("backward", step.layer_gradients)):
            for name in names:
                key = (phase, f"{name}.output")
                tensors[key] = self.order.restored(tensors[key], int(name in step.repeated))

    def synchronise(self, step: int) -> None:
        """Give every run PyTorch's weights and moments, so that the next step is judged alone."""
        for backend in self.backends.values():
            backend.load(self.torch.weights())
            backend.load_moments(self.torch.moments(), step)

    def reproduction_of(
        self, number: int, batch: Batch, weights: State | None = None
    ) -> Reproduction:
        """What it takes to run step `number` again: the state before it, and its batch.

        The `weights` are NumPy's at this moment, where somebody has a copy of them.
        """
        weights = weights or copied(self.numpy.weights())
        moments = map_arrays(copy_of, self.numpy.moments())
        now = self.spare is not None and self.behind is None
        snapshot = self.torch.snapshot() if now else None
        return Reproduction(self.torch.dtype, number, batch, weights, moments, snapshot)

    def with_snapshot(self, reproduction: Reproduction) -> Reproduction:
        """The reproduction with the state of PyTorch's optimizer before its step."""
        if self.behind is None:
            return reproduction
        step, snapshot = self.before
        if step != reproduction.step:
            for _ in range(self.behind_done, reproduction.step - 1):
                next(self.behind_run)
            self.behind_done = reproduction.step - 1
            snapshot = self.behind.snapshot()
        return replace(reproduction, snapshot=snapshot)

    def perturbed(
        self, reproduction: Reproduction, drift: Mapping[Key, float]
    ) -> Iterator[dict[Key, ndarray]]:
        """PyTorch's runs of a step from NumPy's weights, moved by as much as they may have drifted.

        Where a ReLU's input is so near zero that rounding decides its sign, a gradient jumps by far
        more than rounding, in one run and not in the other. If these runs
        jump, too, rounding explains the difference; if they do not, it is a bug.
        """
        rng = np.random.default_rng(reproduction.step)
        for _ in range(RUNS if self.spare is not None else 0):
            assert self.spare is not None
            self.spare.restore(reproduction.snapshot)
            weights = reproduction.weights.items()
            self.spare.load({n: moved(w, drift.get(("step", n), 0.0), rng) for n, w in weights})
            (step,) = self.spare.run([reproduction.batch])
            yield tensors_of(self.spare, step)

    def fingerprint(self) -> list[int]:
        """What changes when a run writes into the batches that all of them are given."""
        sums: list[int] = []
        map_arrays(lambda a: sums.append(crc32(np.ascontiguousarray(a).data)), list(self.batches))
        return sums

    def check_that_models_disagree(self, constant: Collection[str]) -> None:
        """The negative control: a comparison that passes on different weights is no comparison."""
        torch, buffers = self.torch.weights(), self.torch.buffers
        same = [
            name
            for name, array in self.numpy.weights().items()
            if name not in buffers and np.allclose(array, torch[name], rtol=1e-3, atol=0)
        ]
        meant = [name for name in same if name in constant]
        if found := [name for name in same if name not in meant]:
            raise BadCaseError(
                f"before it was copied the same on both backends: {', '.join(found)}; if that is "
                f"meant, say constant={found}"
            )

    def check_that_nothing_is_shared(self) -> None:
        """A weight in the memory of two runs would agree with itself, whatever they compute."""
        for (one, backend), (other, another) in combinations(self.backends.items(), 2):
            theirs = another.weights()
            for name, array in backend.weights().items():
                if np.shares_memory(array, theirs[name]):
                    raise BadCaseError(f"{name} lies in the same memory in {one} and {other}")


def copied(weights: State) -> State:
    """A copy of each array."""
    return {name: copy_of(array) for name, array in weights.items()}


def copy_of(array: ndarray) -> ndarray:
    """A copy in the same memory order: into another one it takes several times as long."""
    return array.copy(order="K")


def larger(one: Mapping[Key, float], other: Mapping[Key, float]) -> dict[Key, float]:
    """The larger of the two values of each key."""
    return {key: max(one.get(key, 0.0), other.get(key, 0.0)) for key in {**one, **other}}


def aligned(
    numpy: dict[Key, ndarray], torch: Mapping[Key, ndarray], missing: Collection[Key]
) -> dict[Key, ndarray]:
    """NumPy's tensors under PyTorch's keys; outputs have no name of their own.

    Raises
    ------
    BadCaseError
        If a gradient is missing, or a tensor has another shape.
    """
    outputs = [[k for k in backend if is_output(k)] for backend in (numpy, torch)]
    if outputs[0] and len(outputs[0]) != len(outputs[1]):
        raise BadCaseError(
            f"the NumPy program has {len(outputs[0])} outputs, PyTorch has {len(outputs[1])}"
        )
    found = dict(numpy)
    for mine, theirs in zip(*outputs, strict=False):
        found[theirs] = numpy[mine]
    phases = {phase for phase, _ in numpy}  # a program may keep all its gradients to itself
    for key, exact in torch.items():
        if key not in found:
            expected = key[0] in phases & {"backward", "step"} and not key[1].endswith(".output")
            if expected and key not in missing:
                raise BadCaseError(f"{key[0]}: the NumPy program has no {key[1]}")
        elif found[key].shape != exact.shape:
            raise BadCaseError(
                f"{key[0]}: {key[1]} has shape {found[key].shape} in NumPy and {exact.shape} in "
                "PyTorch"
            )
    return found


def is_output(key: Key) -> bool:
    """Whether it is an output of the whole program, not of a layer."""
    return key[0] == "forward" and not key[1].endswith(".output")
