"""Train every run on the same batches in step, and compare every tensor of every step.

Free-running, the difference of one step is carried into the next. Re-synchronised, every run takes
PyTorch's state after each step. That separates a bug in one step from drift that has added up.

Up to four runs go in step:

    numpy      the one under test
    torch      the one it is compared with
    permuted   torch with each batch in another order: how far rounding alone drives two programs
    reference  torch in float64, for a float32 comparison; in float64, torch is its own reference

Where PyTorch's program is under test as well, because it runs on several processes, a fifth takes
its part in the rule: `alone`, the same program in one process.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from functools import cached_property
from itertools import combinations, islice
from time import perf_counter
from zlib import crc32

import numpy as np
from numpy import ndarray

from parity.backends import Backend, Batch, State, TorchProgram, TrainingStep
from parity.backends.base import map_arrays
from parity.comparison.reproduce import Reproduction, tensors_of
from parity.comparison.steps import Comparison, Key, StepReport
from parity.errors import BadCaseError
from parity.tolerance.perturbed import RUNS, moved, reordered, rounded

__all__ = ["Lockstep", "Order"]


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
        What is kept of the case of the first divergence.
    alone
        Whether the PyTorch program is under test, too, and its copies are what it should be.
    constant, zero
        Names: weights that are the same before they are copied, tensors that are zero.

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
        kept: Callable[[Reproduction], Reproduction] = lambda case: case,
        seed: int = 0,
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
        runs = {
            name: backend.run(
                islice(map(self.order.permuted, self.batches), done, None)
                if name == "permuted" and self.order is not None
                else left,
                first=done + 1,
            )
            for name, backend in self.backends.items()
        }
        for number, batch in enumerate(left, start=done + 1):
            case = self.reproduction_of(number, batch) if self.reproduction is None else None
            drift = dict(comparison.farthest)
            tensors = self.compute(number, runs)
            if number in (done + 1, len(self.batches)) and self.fingerprint() != inputs:
                raise BadCaseError(
                    f"step {number}: the inputs are not what they were before the first step, and "
                    "every run is given the same"
                )
            report = comparison.step(number, **tensors)
            if report.divergence is not None and case is not None:
                for perturbed in self.perturbed(case, drift):
                    comparison.widen(perturbed, tensors["reference"])
                report = comparison.step(number, **tensors)
                report.drifted = True
                if report.divergence is not None:
                    both = {name: deepcopy(dict(tensors[name])) for name in ("numpy", "torch")}
                    self.reproduction = self.kept(replace(case, tensors=both, snapshot=None))
            yield report
            if self.resync:
                self.synchronise(number)

    def compute(
        self, number: int, runs: Mapping[str, Iterator[TrainingStep]]
    ) -> dict[str, Mapping[Key, ndarray]]:
        """The tensors of one step by run, those of them that all runs have."""
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
        if "permuted" in steps and self.order is not None:
            self.put_in_order(tensors["permuted"], steps["permuted"])
        numpy = aligned(tensors["numpy"], torch, self.missing)
        keys = [key for key in torch if key in numpy]
        chosen = {"numpy": numpy, "torch": torch}
        chosen["permuted"] = tensors.get("permuted", torch)
        chosen["reference"] = tensors.get("reference", tensors.get("alone", torch))
        if "alone" in tensors:
            chosen["alone"] = tensors["alone"]
        return {name: {key: found[key] for key in keys} for name, found in chosen.items()}

    @cached_property
    def missing(self) -> set[Key]:
        """What the NumPy program need not have: buffers that it does not keep."""
        return {("step", name) for name in set(self.torch.buffers) - set(self.numpy.weights())}

    def watch_layers(self, step: TrainingStep) -> None:
        """Let PyTorch's runs keep the layers that the NumPy program shows."""
        names = dict.fromkeys([*step.layers, *step.layer_gradients])
        for backend in (*self.backends.values(), self.spare):
            if names and isinstance(backend, TorchProgram):
                backend.watch(names)

    def put_in_order(self, tensors: dict[Key, ndarray], step: TrainingStep) -> None:
        """Give outputs, and gradients of outputs, the order of the batch that was permuted."""
        assert self.order is not None
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

    def reproduction_of(self, number: int, batch: Batch) -> Reproduction:
        """What it takes to run step `number` again: the state before it, and its batch."""
        weights, moments = deepcopy((self.numpy.weights(), self.numpy.moments()))
        snapshot = self.torch.snapshot() if self.spare is not None else None
        return Reproduction(self.torch.dtype, number, batch, weights, moments, snapshot)

    def perturbed(
        self, case: Reproduction, drift: Mapping[Key, float]
    ) -> Iterator[dict[Key, ndarray]]:
        """PyTorch's runs of a step from NumPy's weights, moved by as much as they may have drifted.

        Where a ReLU's input is so near zero that rounding decides its sign, a gradient jumps by far
        more than rounding, in one run and not in the other. If these runs
        jump, too, rounding explains the difference; if they do not, it is a bug.
        """
        rng = np.random.default_rng(case.step)
        for _ in range(RUNS if self.spare is not None else 0):
            assert self.spare is not None
            self.spare.restore(case.snapshot)
            weights = case.weights.items()
            self.spare.load({n: moved(w, drift.get(("step", n), 0.0), rng) for n, w in weights})
            (step,) = self.spare.run([case.batch])
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
        expected = key[0] in phases & {"backward", "step"} and not key[1].endswith(".output")
        if expected and key not in found and key not in missing:
            raise BadCaseError(f"{key[0]}: the NumPy program has no {key[1]}")
        if key in found and found[key].shape != exact.shape:
            raise BadCaseError(
                f"{key[0]}: {key[1]} has shape {found[key].shape} in NumPy and {exact.shape} in "
                "PyTorch"
            )
    return found


def is_output(key: Key) -> bool:
    """Whether it is an output of the whole program, not of a layer."""
    return key[0] == "forward" and not key[1].endswith(".output")
