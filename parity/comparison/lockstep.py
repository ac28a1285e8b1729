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
from functools import cached_property, partial
from itertools import combinations
from time import perf_counter
from zlib import crc32

import numpy as np
from numpy import ndarray

from parity.backends import Backend, Batch, State, TorchProgram, TrainingStep
from parity.backends.base import map_arrays
from parity.comparison.late import CaughtUp, Late, repeats
from parity.comparison.order import Order
from parity.comparison.reproduce import Reproduction, tensors_of
from parity.comparison.steps import Comparison, Key, StepReport, Tensors
from parity.errors import BadCaseError
from parity.tolerance.perturbed import RUNS, moved, rounded

__all__ = ["MEASURED", "Lockstep"]

MEASURED = 50  # steps of a user's pair in which the float64 run goes along in any case


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

    runs: dict[str, Iterator[TrainingStep]]
    drift: dict[Key, float]  # what was allowed for before a step

    def __init__(
        self,
        numpy: Backend,
        torch: TorchProgram,
        batches: Sequence[Batch],
        initial: State,
        *,
        order: Order | None,
        copies: tuple[bool, bool] = (True, True),
        resync: bool,
        seed: int,
        alone: bool = False,
        constant: Collection[str] = (),
        zero: Collection[str] = (),
        kept: Callable[[Reproduction], Reproduction] = lambda reproduction: reproduction,
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
        self.late: Late | None = None
        if late and can_copy:
            permuted, exact = self.backends.pop("permuted"), "reference" in self.backends
            self.late = Late(torch, permuted, batches, order, initial, exact)

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
        self.runs = {name: self.run(name, it, done) for name, it in self.backends.items()}
        for number, batch in enumerate(left, start=done + 1):
            reproduction = self.reproduction_of(number, batch) if not self.reproduction else None
            self.drift = dict(comparison.farthest)
            if number == MEASURED + 1:
                self.rest(number - 1)
            tensors = self.compute(number)
            if number in (done + 1, len(self.batches)) and self.fingerprint() != inputs:
                raise BadCaseError(
                    f"step {number}: the inputs are not what they were before the first step, and "
                    "every run is given the same"
                )
            report = comparison.step(number, **tensors)
            for join in (self.wake, partial(self.catch_up, tensors=tensors["torch"])):
                if report.divergence is not None and (joined := join(number)) is not None:
                    for name, found in joined.tensors.items():
                        tensors[name] = {key: found[key] for key in tensors["torch"]}
                    report = comparison.step(number, **tensors)
            if report.divergence is not None and reproduction is not None:
                reproduction, weights = self.with_snapshot(reproduction)
                self.check_that_it_repeats(reproduction, weights, tensors["torch"])
                for perturbed in self.perturbed(reproduction, self.drift):
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

    def run(self, name: str, backend: Backend, done: int) -> Iterator[TrainingStep]:
        """The steps of a run after those done."""
        left: Iterable[Batch] = self.batches[done:]
        if name == "permuted" and self.order is not None:
            left = self.order.batches(self.batches, done)
        return backend.run(left, first=done + 1)

    def rest(self, last: int) -> None:
        """Let the float64 run rest after this step, if the permuted run waits as well."""
        if self.late is not None and self.late.waiting and "reference" in self.runs:
            self.late.resting = self.backends.pop("reference"), self.runs.pop("reference"), last
            self.comparison.resting = True

    def wake(self, number: int) -> CaughtUp | None:
        """Take the float64 run along from this step, if it rests."""
        self.comparison.resting = False
        return self.take_along(self.late.wake(number)) if self.late is not None else None

    def catch_up(self, number: int, tensors: Tensors | None = None) -> CaughtUp | None:
        """Take the runs that wait along from this step, if there are any.

        `tensors` are PyTorch's of the step, if its run from the start has to come to them.
        """
        if self.late is None or not self.late.waiting:
            return None
        joined, self.drift = self.late.catch_up(number, self.comparison, tensors)
        return self.take_along(joined)

    def take_along(self, joined: CaughtUp | None) -> CaughtUp | None:
        """Have these runs among the others."""
        if joined is not None:
            self.backends |= joined.backends
            self.runs |= joined.runs
        return joined

    def compute(self, number: int) -> dict[str, Tensors]:
        """The tensors of one step by run, those of them that all runs have.

        PyTorch's own, or those of `alone`, stand in for a run that is not there.
        """
        steps = {}
        for name, run in self.runs.items():
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
        if "permuted" in steps and self.order is not None:
            self.order.restore(tensors["permuted"], steps["permuted"])
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
        apart: list[Backend | None] = [self.spare]
        if self.late is not None:
            apart += [self.late.behind, *self.late.waiting.values()]
        for backend in (*self.backends.values(), *apart):
            if names and isinstance(backend, TorchProgram):
                backend.watch(names)

    def synchronise(self, step: int) -> None:
        """Give every run PyTorch's weights and moments, so that the next step is judged alone."""
        for backend in self.backends.values():
            backend.load(self.torch.weights())
            backend.load_moments(self.torch.moments(), step)

    def reproduction_of(self, number: int, batch: Batch) -> Reproduction:
        """What it takes to run step `number` again: the state before it, and its batch."""
        weights = map_arrays(copy_of, dict(self.numpy.weights()))
        moments = map_arrays(copy_of, self.numpy.moments())
        now = self.spare is not None and self.late is None
        snapshot = self.torch.snapshot() if now else None
        return Reproduction(self.torch.dtype, number, batch, weights, moments, snapshot)

    def with_snapshot(self, reproduction: Reproduction) -> tuple[Reproduction, State | None]:
        """The reproduction with the state of PyTorch's optimizer before its step.

        And PyTorch's weights then, if they are known.
        """
        if self.late is None:
            return reproduction, reproduction.weights if self.resync else None
        _, snapshot, weights = self.late.state_before(reproduction.step)
        return replace(reproduction, snapshot=snapshot), weights

    def check_that_it_repeats(
        self, reproduction: Reproduction, weights: State | None, tensors: Tensors
    ) -> None:
        """Runs of a step that do not even repeat PyTorch's own show nothing about rounding."""
        if self.spare is None or weights is None:
            return
        self.spare.restore(reproduction.snapshot)
        self.spare.load(weights)
        (step,) = self.spare.run([reproduction.batch])
        found = tensors_of(self.spare, step)
        keys = [key for key in tensors if key in found]
        repeats(
            "from the state before the step",
            reproduction.step,
            {key: tensors[key] for key in keys},
            found,
            self.torch.dtype,
        )

    def perturbed(
        self, reproduction: Reproduction, drift: Mapping[Key, float]
    ) -> Iterator[dict[Key, ndarray]]:
        """PyTorch's runs of a step from NumPy's weights, moved by as much as they may have drifted.

        Where a ReLU's input is so near zero that rounding decides its sign, a gradient jumps by far
        more than rounding, in one run and not in the other. If these runs jump, too, rounding
        explains the difference; if they do not, it is a bug. There are none without copies.
        """
        rng = np.random.default_rng(reproduction.step)
        if self.spare is None:
            return
        for _ in range(RUNS):
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
                f"the same in both programs before the weights were copied: {', '.join(found)}; if "
                f"that is meant, say constant={found}"
            )

    def check_that_nothing_is_shared(self) -> None:
        """A weight in the memory of two runs would agree with itself, whatever they compute."""
        for (one, backend), (other, another) in combinations(self.backends.items(), 2):
            theirs = another.weights()
            for name, array in backend.weights().items():
                if np.shares_memory(array, theirs[name]):
                    raise BadCaseError(f"{name} lies in the same memory in {one} and {other}")


def copy_of(array: ndarray) -> ndarray:
    """A copy in the same memory order: into another one it takes several times as long."""
    return array.copy(order="K")


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
            f"{'; a step of your own returns (output, loss)' if not outputs[1] else ''}"
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
